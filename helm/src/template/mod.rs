//! Parses Go's template language.
//!
//! The lexer and the parser follow `text/template/parse`. Positions are byte offsets into the file, converted to lines
//! and columns only for errors.

mod ast;
mod error;
mod lexer;
mod literal;
#[cfg(test)]
mod own_charts;
mod parser;
mod pipelines;

pub(crate) use ast::{
    Command, Expression, ExpressionKind, Node, NumberLiteral, Pipeline, Template,
};
pub(crate) use error::{ParseError, position};
pub(crate) use parser::parse;
