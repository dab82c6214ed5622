//! The functions a template can call: Go's own, Sprig's and Helm's, with the types of their parameters.
//!
//! The executor checks arguments against these types before a function sees them, as Go's reflection does: a function
//! that wants a string never meets a number.

mod arguments;
pub(crate) mod calendar;
mod casting;
mod certificates;
mod comparisons;
mod crypto;
mod dates;
mod defaults;
mod dicts;
mod encodings;
mod helm;
mod layouts;
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
pub(crate) mod versions;
mod words;
mod zones;

use crate::exec::{Failure, Interpreter};
use crate::value::Value;

pub(crate) use encodings::base64_encode;
pub(crate) use helm::{as_config, as_secrets, glob_matches, lines};
pub(crate) use paths::{base_of as base_path, clean_of as clean_path};
pub(crate) use random::Random;

/// The longest text and the longest list a function may make.
pub(crate) const MAX_TEXT: usize = 16 << 20;
pub(crate) const MAX_ITEMS: usize = 1 << 20;

/// What a function gives back.
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
}

impl Parameter {
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
        }
    }
}

/// How a function is carried out.
#[derive(Clone, Copy)]
pub(crate) enum Body {
    /// From its arguments alone.
    Plain(fn(&[Value]) -> Outcome),
    /// With the state of the render: templates, randomness, limits.
    WithState(fn(&mut Interpreter<'_>, &[Value]) -> Outcome),
    /// `and`: stops at the first false argument.
    And,
    /// `or`: stops at the first true argument.
    Or,
}

/// A function.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// The types of the parameters it must get.
    pub(crate) fixed: &'static [Parameter],
    /// The type of the ones that may follow.
    pub(crate) rest: Option<Parameter>,
    pub(crate) body: Body,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

/// The function of that name.
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
    Ok(())
}

/// Refuses to make a list that is too long.
fn check_items(count: usize) -> Result<(), Failure> {
    if count > MAX_ITEMS {
        return Err(Failure::from(format!(
            "the result would have {count} items; the limit is {MAX_ITEMS}"
        )));
    }
    Ok(())
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
