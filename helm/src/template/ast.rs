//! The tree of a template.

use std::ops::Range;
use std::rc::Rc;

use super::error::position;
use crate::failure::TemplatePlace;
use crate::functions::Function;
use crate::value::memory::Held;
use crate::value::{Text, Value};

/// A named template: a file, or a `define` in one.
#[derive(Debug)]
pub(crate) struct Template {
    /// Its name: a path for files.
    pub(crate) name: Rc<str>,
    /// The file it was read from.
    pub(crate) file: Rc<str>,
    /// The text of that file, for positions.
    pub(crate) source: Rc<str>,
    /// What it does.
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

    /// Whether it is nothing but blank text.
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

/// Commands, each fed with the result of the one before it.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) offset: usize,
    /// The variables it sets: at most two, by number.
    pub(crate) variables: Vec<Variable>,
    /// Whether they exist already.
    pub(crate) assigns: bool,
    pub(crate) commands: Vec<Command>,
}

/// A variable's name as a number of its file.
pub(crate) type Variable = u32;

/// An operand and its arguments.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) operands: Vec<Expression>,
}

/// An operand and where it stands.
#[derive(Debug)]
pub(crate) struct Expression {
    pub(crate) offset: usize,
    pub(crate) kind: ExpressionKind,
}

/// An operand.
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

/// A number literal as every type it can be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NumberLiteral {
    /// Its value as an integer, if it is one.
    pub(crate) int: Option<i64>,
    /// Its value as a float, if it is one.
    pub(crate) float: Option<f64>,
    /// Whether its spelling makes it a float where any type will do.
    pub(crate) spelled_float: bool,
}
