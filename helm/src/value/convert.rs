//! Converts between the values of templates and the trees of callers.
//!
//! A tree is a `serde_json::Value`: it can be sent to other threads, and its numbers distinguish Go's `int64` (from
//! `--set`) from `float64` (from YAML and JSON).

use std::collections::BTreeMap;

use serde_json::{Map as TreeMap, Number, Value as Tree};

use super::{MapType, Text, Value};

/// A tree as template values: objects become plain maps.
pub(crate) fn from_tree(tree: &Tree) -> Value {
    match tree {
        Tree::Null => Value::Nil,
        Tree::Bool(value) => Value::Bool(*value),
        Tree::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Value::int64(number),
            (None, Some(number)) => Value::Float(number),
            (None, None) => Value::Nil,
        },
        Tree::String(text) => Value::text(text.as_str()),
        Tree::Array(items) => Value::list(items.iter().map(from_tree).collect()),
        Tree::Object(entries) => {
            let entries: BTreeMap<Text, Value> = entries
                .iter()
                .map(|(key, value)| (Text::from(key.as_str()), from_tree(value)))
                .collect();
            Value::typed_map(entries, MapType::Any)
        }
    }
}

/// Bytes that a tree of these entries takes.
pub(crate) fn tree_size<'a>(
    entries: impl ExactSizeIterator<Item = (&'a String, &'a Tree)>,
) -> usize {
    /// A node of a map has room for eleven entries and may be half full.
    const NODE: usize = 11 * (size_of::<String>() + size_of::<Tree>()) + 24;
    let nodes = entries.len().div_ceil(6) * NODE;
    let items = entries.map(|(key, item)| key.len() + 16 + item_size(item));
    nodes + items.sum::<usize>()
}

fn item_size(tree: &Tree) -> usize {
    match tree {
        Tree::Null | Tree::Bool(_) | Tree::Number(_) => 0,
        Tree::String(text) => text.len() + 16,
        Tree::Array(items) => {
            items.len() * size_of::<Tree>() + items.iter().map(item_size).sum::<usize>()
        }
        Tree::Object(entries) => tree_size(entries.iter()),
    }
}

/// Template values as a tree; values that JSON does not have become null.
pub(crate) fn to_tree(value: &Value) -> Tree {
    match value {
        Value::Nil | Value::Struct(_) | Value::Time(_) | Value::Bytes(_) => Tree::Null,
        Value::Bool(value) => Tree::Bool(*value),
        Value::Int(number, _) => Tree::Number((*number).into()),
        Value::Float(number) => Number::from_f64(*number).map_or(Tree::Null, Tree::Number),
        Value::Str(text) => Tree::String(text.to_str().into_owned()),
        Value::List(list) => Tree::Array(list.items.iter().map(to_tree).collect()),
        Value::Map(map) => {
            let entries = map.entries.borrow();
            let entries: TreeMap<String, Tree> = entries
                .iter()
                .map(|(key, value)| (key.to_str().into_owned(), to_tree(value)))
                .collect();
            Tree::Object(entries)
        }
    }
}
