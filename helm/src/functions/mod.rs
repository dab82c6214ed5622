//! The functions that a template can call: Go's own, Sprig's and Helm's, with the types of their parameters.
//!
//! The executor checks the types of arguments before it calls a function, as Go's reflection does: a function
//! with a string parameter never gets a number.

mod arguments;
mod casting;
mod certificates;
mod comparisons;
mod crypto;
mod dates;
mod defaults;
mod dicts;
mod encodings;
mod helm;
mod lists;
mod merging;
mod numbers;
mod paths;
mod printing;
mod random;
mod reflection;
mod regexes;
mod strings;
mod table;
mod toml_text;
mod urls;
mod versions;
mod words;

use crate::failure::Failure;
use crate::limits::{MAX_ITEMS, MAX_TEXT};
use crate::state::State;
use crate::value::{Value, memory};

pub(crate) use arguments::text as text_argument;
pub(crate) use dates::time_method;
pub(crate) use encodings::base64_encode;
pub(crate) use helm::{as_config, as_secrets, glob_matches, lines};
pub(crate) use paths::{base_of as base_path, clean_of as clean_path};

/// The result of a function.
pub(crate) type Outcome = Result<Value, Failure>;

/// The Go type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameter {
    /// `interface {}`
    Any,
    /// `string`
    Text,
    /// `int`
    Int,
    /// `uint32`
    Uint32,
    /// `float64`
    Float,
    /// `bool`
    Bool,
    /// `map[string]interface {}`
    Map,
    /// `[]interface {}`
    List,
    /// `time.Time`
    Time,
    /// Sprig's struct of a certificate and its key.
    Certificate,
    /// `*semver.Version`
    Version,
    /// `io.Writer`: a template never has one.
    Writer,
}

impl Parameter {
    /// True if nil can be assigned to it.
    pub(crate) fn takes_nil(self) -> bool {
        match self {
            Self::Any | Self::Map | Self::List | Self::Version | Self::Writer => true,
            Self::Text
            | Self::Int
            | Self::Uint32
            | Self::Float
            | Self::Bool
            | Self::Time
            | Self::Certificate => false,
        }
    }

    /// Go's name of the type.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Text => "string",
            Self::Int => "int",
            Self::Uint32 => "uint32",
            Self::Float => "float64",
            Self::Bool => "bool",
            Self::Map => "map[string]interface {}",
            Self::List => "[]interface {}",
            Self::Time => "time.Time",
            Self::Certificate => "sprig.certificate",
            Self::Version => "*semver.Version",
            Self::Writer => "io.Writer",
        }
    }
}

/// The body of a function.
#[derive(Clone, Copy)]
pub(crate) enum Body {
    /// A function of its arguments only.
    Plain(fn(&[Value]) -> Outcome),
    /// A function that also uses the state of the render: the clock, randomness, limits.
    WithState(fn(&mut State, &[Value]) -> Outcome),
    /// `and`: stops at the first false argument.
    And,
    /// `or`: stops at the first true argument.
    Or,
    /// `include`: the output of a named template.
    Include,
    /// `tpl`: the output of a text that is a template.
    RenderText,
}

/// How much of its arguments a function reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A part that does not depend on their size: a key, the length.
    Nothing,
    /// Texts, and the items of lists and maps, but not the content of these.
    Surface,
    /// Everything, down to the last value.
    Everything,
}

pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// The types of the required parameters.
    pub(crate) fixed: &'static [Parameter],
    /// The type of any number of further parameters.
    pub(crate) rest: Option<Parameter>,
    pub(crate) body: Body,
    pub(crate) reads: Reading,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

pub(crate) fn find(name: &str) -> Option<&'static Function> {
    table::FUNCTIONS
        .binary_search_by(|function| function.name.cmp(name))
        .ok()
        .map(|index| &table::FUNCTIONS[index])
}

/// Refuses to make a text that is too long.
fn check_text(length: usize) -> Result<(), Failure> {
    if length > MAX_TEXT {
        return Err(Failure::from(format!(
            "the result would be {length} bytes long; the limit is {MAX_TEXT}"
        )));
    }
    Ok(memory::check_room(length)?)
}

/// Refuses to make a list that is too long.
fn check_items(count: usize) -> Result<(), Failure> {
    if count > MAX_ITEMS {
        return Err(Failure::from(format!(
            "the result would have {count} items; the limit is {MAX_ITEMS}"
        )));
    }
    Ok(memory::check_room(count * size_of::<Value>())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_complete() {
        assert!(table::FUNCTIONS.is_sorted_by(|left, right| left.name < right.name));
        assert_eq!(table::FUNCTIONS.len(), 240);
    }
}
