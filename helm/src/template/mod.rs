//! Go's template language: from text to a tree.
//!
//! The lexer and the parser follow `text/template/parse`; positions are byte offsets into the file, turned into lines
//! and columns only when something goes wrong.

mod ast;
mod lexer;
mod literal;
mod parser;
mod pipelines;

pub(crate) use ast::{
    Command, Expression, ExpressionKind, Node, NumberLiteral, Pipeline, Template,
};
pub(crate) use parser::{ParseError, parse};

/// The line and column of a byte offset, both from one.
pub(crate) fn position(source: &str, offset: usize) -> (usize, usize) {
    let before = &source.as_bytes()[..offset.min(source.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.len()
        - before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1)
        + 1;
    (line, column)
}
