//! The failures of functions and templates.

use std::fmt;

use crate::value::memory::OutOfMemory;

/// A line and column of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplatePlace {
    /// The template's path, from the root chart's name on.
    pub file: String,
    /// The line, from one.
    pub line: usize,
    /// The byte in the line, from one.
    pub column: usize,
}

impl fmt::Display for TemplatePlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// The failure of a template: it ends the render.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) place: TemplatePlace,
    pub(crate) problem: String,
    /// The places that use the template, innermost first.
    pub(crate) callers: Vec<TemplatePlace>,
}

/// More callers do not help the reader.
const MAX_CALLERS: usize = 8;

impl Fault {
    pub(crate) fn new(place: TemplatePlace, problem: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            place,
            problem: shortened(problem.into()),
            callers: Vec::new(),
        })
    }

    /// Adds a place that uses the failing template.
    pub(crate) fn called_from(
        mut self: Box<Self>,
        place: impl FnOnce() -> TemplatePlace,
    ) -> Box<Self> {
        if self.callers.len() < MAX_CALLERS {
            self.callers.push(place());
        }
        self
    }
}

/// The failure of a function.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error of the function itself.
    Message(String),
    /// The chart called `fail` or `required`.
    Stop(String),
    /// A template that the function rendered failed.
    Fault(Box<Fault>),
}

/// Bytes of a message that are shown: a message can contain a value of the chart.
const MAX_MESSAGE: usize = 10_000;

fn shortened(mut message: String) -> String {
    if message.len() > MAX_MESSAGE {
        let end = (0..=MAX_MESSAGE)
            .rev()
            .find(|end| message.is_char_boundary(*end));
        message.truncate(end.unwrap_or_default());
        message.push_str("...");
    }
    message
}

impl From<OutOfMemory> for Failure {
    fn from(problem: OutOfMemory) -> Self {
        Self::Message(problem.to_string())
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}

impl From<&str> for Failure {
    fn from(message: &str) -> Self {
        Self::Message(message.to_owned())
    }
}
