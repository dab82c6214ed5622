//! What goes wrong while a template runs, and where.

use crate::template::{Template, position};
use crate::value::memory::OutOfMemory;

/// A place in a chart's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    /// The place of an offset in a template's file.
    pub(crate) fn of(template: &Template, offset: usize) -> Self {
        let (line, column) = position(&template.source, offset);
        Self {
            file: template.file.to_string(),
            line,
            column,
        }
    }
}

/// A render that stopped.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) place: Place,
    pub(crate) problem: String,
    /// Where the template was used from, innermost first.
    pub(crate) callers: Vec<Place>,
}

/// More callers than this tell nothing new.
const MAX_CALLERS: usize = 8;

impl Fault {
    /// A problem at an offset of a template's file.
    pub(crate) fn new(template: &Template, offset: usize, problem: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            place: Place::of(template, offset),
            problem: shortened(problem.into()),
            callers: Vec::new(),
        })
    }

    /// Notes where the failing template was used from.
    pub(crate) fn called_from(
        mut self: Box<Self>,
        template: &Template,
        offset: usize,
    ) -> Box<Self> {
        if self.callers.len() < MAX_CALLERS {
            self.callers.push(Place::of(template, offset));
        }
        self
    }
}

/// Why a function failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It could not do what it was asked to.
    Message(String),
    /// The chart itself gave up: `fail` and `required`.
    Stop(String),
    /// A template it ran stopped.
    Fault(Box<Fault>),
}

/// Bytes of a message that are shown: some hold a value of the chart.
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
