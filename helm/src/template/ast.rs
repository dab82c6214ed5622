//! The tree of a template.

use std::ops::Range;
use std::rc::Rc;

use super::error::position;
use crate::failure::TemplatePlace;
use crate::functions::Function;
use crate::value::memory::Held;
use crate::value::{Text, Value};

/// A named template: a file, or a `define` in a file.
#[derive(Debug)]
pub(crate) struct Template {
    /// The path for files.
    pub(crate) name: Rc<str>,
    pub(crate) file: Rc<str>,
    /// The text of the file, for positions.
    pub(crate) source: Rc<str>,
    pub(crate) nodes: Vec<Node>,
    /// The memory of the file's templates.
    pub(crate) _held: Rc<Held>,
}

impl Template {
    /// The line and column of an offset.
    pub(crate) fn place(&self, offset: usize) -> TemplatePlace {
        let (line, column) = position(&self.source, offset);
        TemplatePlace {
            file: self.file.to_string(),
            line,
            column,
        }
    }

    /// True if it contains only blank text.
    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.iter().all(|node| match node {
            Node::Text(range) => self.source.as_bytes()[range.clone()]
                .iter()
                .all(u8::is_ascii_whitespace),
            Node::Action(_)
            | Node::If { .. }
            | Node::With { .. }
            | Node::Range { .. }
            | Node::Template { .. }
            | Node::Break
            | Node::Continue => false,
        })
    }
}

/// A part of a template.
#[derive(Debug)]
pub(crate) enum Node {
    /// Text, as a part of the source.
    Text(Range<usize>),
    /// `{{ pipeline }}`
    Action(Pipeline),
    /// `{{ if }}`
    If {
        pipeline: Pipeline,
        then: Vec<Node>,
        otherwise: Vec<Node>,
    },
    /// `{{ with }}`
    With {
        pipeline: Pipeline,
        then: Vec<Node>,
        otherwise: Vec<Node>,
    },
    /// `{{ range }}`
    Range {
        pipeline: Pipeline,
        body: Vec<Node>,
        otherwise: Vec<Node>,
    },
    /// `{{ template }}` and the use of a `{{ block }}`.
    Template {
        offset: usize,
        name: Text,
        pipeline: Option<Pipeline>,
    },
    /// `{{ break }}`
    Break,
    /// `{{ continue }}`
    Continue,
}

/// Commands; each gets the result of the previous one as its last argument.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) offset: usize,
    /// At most two.
    pub(crate) variables: Vec<Variable>,
    /// True for `=`, false for `:=`.
    pub(crate) assigns: bool,
    pub(crate) commands: Vec<Command>,
}

/// A number for the name of a variable, unique in a file.
pub(crate) type Variable = u32;

/// An operand and its arguments.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) operands: Vec<Expression>,
}

/// An operand and its position.
#[derive(Debug)]
pub(crate) struct Expression {
    pub(crate) offset: usize,
    pub(crate) kind: ExpressionKind,
}

#[derive(Debug)]
pub(crate) enum ExpressionKind {
    /// `.`
    Dot,
    /// `nil`
    Nil,
    /// `true`, `false`
    Bool(bool),
    /// A string literal.
    Text(Value),
    /// A number or character literal.
    Number(NumberLiteral),
    /// `.a.b`
    Field(Vec<Text>),
    /// `$x.a.b`
    Variable(Variable, Vec<Text>),
    /// `(pipeline).a.b`
    Chain(Box<Expression>, Vec<Text>),
    /// A function's name.
    Function(&'static Function),
    /// `(pipeline)`
    Pipeline(Box<Pipeline>),
}

/// A number literal, as each type that it can have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NumberLiteral {
    /// `None` if it is not an integer.
    pub(crate) int: Option<i64>,
    /// `None` if it is not a float.
    pub(crate) float: Option<f64>,
    /// True if its spelling makes it a float where the type is not given.
    pub(crate) spelled_float: bool,
}
