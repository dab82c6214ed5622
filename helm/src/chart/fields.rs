//! Reads the fields of `Chart.yaml` and similar files into Go's types: a number or a boolean can be used as text, and
//! any other wrong type is an error.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Tree};

use crate::value::{self, Text, Value, format_general};
use crate::yaml;

type Entries = BTreeMap<Text, Value>;

/// The maximum size of a metadata file, in bytes.
const MAX_LENGTH: usize = 256 << 10;

/// A YAML file that is a map.
pub(super) fn read_map(data: &[u8]) -> Result<Entries, String> {
    if data.len() > MAX_LENGTH {
        return Err(format!("larger than {MAX_LENGTH} bytes"));
    }
    let text = std::str::from_utf8(data).map_err(|error| format!("not UTF-8: {error}"))?;
    yaml::read_map_keeping_numbers(text).map_err(|error| error.0)
}

/// The fields of a map; null fields count as absent. Errors do not name the file.
pub(crate) struct Fields<'a>(pub(crate) &'a Entries);

impl<'a> Fields<'a> {
    /// Checks the fields without a type here. They are converted to JSON, which has no infinite numbers.
    pub(crate) fn check_others(&self, typed: &[&str]) -> Result<(), String> {
        self.0
            .iter()
            .filter(|(key, _)| {
                !typed
                    .iter()
                    .any(|name| key.to_str().eq_ignore_ascii_case(name))
            })
            .try_for_each(|(_, value)| check_finite(value))
    }

    /// Go's JSON accepts keys in any case, and prefers an exact match.
    fn find(&self, name: &str) -> Option<&'a Value> {
        let exact = self.0.get(name.as_bytes());
        let found = exact.or_else(|| {
            self.0
                .iter()
                .find(|(key, _)| key.to_str().eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
        });
        found.filter(|value| !matches!(value, Value::Nil))
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, String> {
        self.find(name)
            .map(|value| text_of(name, value))
            .transpose()
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, String> {
        match self.find(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(wrong_type(name, other, "a boolean")),
        }
    }

    pub(super) fn items(&self, name: &str) -> Result<Option<Vec<Value>>, String> {
        match self.find(name) {
            None => Ok(None),
            Some(value) => match value.items() {
                Some(items) => Ok(Some(items.into_owned())),
                None => Err(wrong_type(name, value, "a list")),
            },
        }
    }

    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, String> {
        let Some(items) = self.items(name)? else {
            return Ok(None);
        };
        let texts = items.iter().map(|item| text_of(name, item));
        texts.collect::<Result<_, _>>().map(Some)
    }

    pub(crate) fn map(&self, name: &str) -> Result<Option<Entries>, String> {
        match self.find(name) {
            None => Ok(None),
            Some(Value::Map(map)) => Ok(Some(map.entries.borrow().clone())),
            Some(other) => Err(wrong_type(name, other, "a map")),
        }
    }

    pub(crate) fn text_map(&self, name: &str) -> Result<Option<Map<String, Tree>>, String> {
        let Some(entries) = self.map(name)? else {
            return Ok(None);
        };
        let texts = entries.iter().map(|(key, value)| {
            let text = text_of(name, value)?;
            Ok((key.to_str().into_owned(), Tree::String(text)))
        });
        texts.collect::<Result<_, _>>().map(Some)
    }

    /// The maps in a list; null is `None`.
    pub(super) fn maps(&self, name: &str) -> Result<Option<Vec<Option<Entries>>>, String> {
        let Some(items) = self.items(name)? else {
            return Ok(None);
        };
        let maps = items.iter().map(|item| match item {
            Value::Nil => Ok(None),
            Value::Map(map) => Ok(Some(map.entries.borrow().clone())),
            other => Err(wrong_type(name, other, "a map")),
        });
        maps.collect::<Result<_, _>>().map(Some)
    }
}

fn text_of(name: &str, value: &Value) -> Result<String, String> {
    string_of(value).ok_or_else(|| wrong_type(name, value, "text"))
}

fn check_finite(value: &Value) -> Result<(), String> {
    match value {
        Value::Float(number) if !number.is_finite() => Err(format!(
            "json: unsupported value: {}",
            format_general(*number)
        )),
        Value::List(list) => list.items.iter().try_for_each(check_finite),
        Value::Map(map) => map.entries.borrow().values().try_for_each(check_finite),
        Value::Nil
        | Value::Bool(_)
        | Value::Int(..)
        | Value::Float(_)
        | Value::Str(_)
        | Value::Bytes(_)
        | Value::Struct(_)
        | Value::Time(_) => Ok(()),
    }
}

fn wrong_type(name: &str, value: &Value, wanted: &str) -> String {
    let kind = yaml::json_kind(value);
    format!("cannot read {kind} as {wanted} in field {name:?}")
}

/// A scalar as text; `None` if the value is not a scalar.
///
/// Go writes floats with the digits that 32 bits need: the version `72445e2` is `7.2445e+06`.
fn string_of(value: &Value) -> Option<String> {
    match value {
        Value::Nil => Some(String::new()),
        Value::Float(number) if number.is_finite() => {
            let short = *number as f32;
            Some(format_general(format!("{short}").parse().ok()?))
        }
        Value::Float(number) => Some(format_general(*number)),
        Value::List(_) | Value::Map(_) | Value::Struct(_) => None,
        scalar => Some(value::to_display(scalar).to_str().into_owned()),
    }
}
