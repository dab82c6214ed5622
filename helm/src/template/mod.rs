//! Go's template language: from text to a tree.
//!
//! The lexer and the parser follow `text/template/parse`; positions are byte offsets into the file, turned into lines
//! and columns only when something goes wrong.

mod ast;
mod error;
mod lexer;
mod literal;
mod parser;
mod pipelines;

pub(crate) use ast::{
    Command, Expression, ExpressionKind, Node, NumberLiteral, Pipeline, Template,
};
pub(crate) use error::{ParseError, position};
pub(crate) use parser::parse;
