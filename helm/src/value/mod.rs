//! The values of templates: Go's values, as far as templates can distinguish them.
//!
//! Maps are shared references, as in Go: a change by `set` is visible in every reference. No function changes a list
//! in place, so lists are shared without a `RefCell`. Integers have their Go type because `typeOf`, `kindIs`
//! and the checks of arguments distinguish `int` from `int64`.

mod convert;
mod equality;
mod format;
pub(crate) mod memory;
mod number;
mod shared;
mod structure;
mod text;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

pub(crate) use convert::{from_tree, to_tree, tree_size};
pub(crate) use equality::deep_equal;
pub(crate) use format::{NO_VALUE, format_value, to_display, write_display};
pub(crate) use number::{format_general, format_json_number, format_with_verb};
pub(crate) use shared::{List, ListType, Map, MapType};
pub(crate) use structure::{BUILD_INFO, FileSet, Methods, Structure};
pub(crate) use text::Text;

use crate::time::Instant;

/// A Go integer type that occurs in templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntType {
    /// `int`: literals, `len`, `int`, `until`.
    Int,
    /// `int64`: Sprig's arithmetic and `--set`.
    Int64,
    /// `uint64`: the parts of a semantic version.
    Uint64,
    /// `uint8`: one byte of a string or a file.
    Uint8,
}

impl IntType {
    /// Go's name of the type.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Uint64 => "uint64",
            Self::Uint8 => "uint8",
        }
    }

    /// The digits of a number of this type.
    pub(crate) fn show(self, number: i64) -> String {
        if self.is_unsigned() {
            (number as u64).to_string()
        } else {
            number.to_string()
        }
    }

    /// True if comparisons treat it as unsigned.
    pub(crate) fn is_unsigned(self) -> bool {
        match self {
            Self::Int | Self::Int64 => false,
            Self::Uint64 | Self::Uint8 => true,
        }
    }
}

/// A value of the template language.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Go's nil, and the absence of a value.
    Nil,
    Bool(bool),
    /// An integer of one of Go's types.
    Int(i64, IntType),
    /// Every number that was read from YAML or JSON.
    Float(f64),
    /// A string: bytes, as in Go.
    Str(Text),
    /// A byte slice: a chart's file.
    Bytes(Arc<[u8]>),
    /// A slice.
    List(Rc<List>),
    /// A map.
    Map(Rc<Map>),
    /// A Go struct with fields and methods.
    Struct(Rc<Structure>),
    /// A point in time.
    Time(Instant),
}

impl Value {
    /// A Go `int`.
    pub(crate) fn int(number: i64) -> Self {
        Self::Int(number, IntType::Int)
    }

    /// A Go `int64`.
    pub(crate) fn int64(number: i64) -> Self {
        Self::Int(number, IntType::Int64)
    }

    /// A string.
    pub(crate) fn text(text: impl Into<Text>) -> Self {
        Self::Str(text.into())
    }

    /// A `[]interface {}`.
    pub(crate) fn list(items: Vec<Value>) -> Self {
        Self::typed_list(items, ListType::Any)
    }

    /// A `[]string`.
    pub(crate) fn strings<T: Into<Text>>(items: impl IntoIterator<Item = T>) -> Self {
        let items = items.into_iter().map(Value::text).collect();
        Self::typed_list(items, ListType::Strings)
    }

    /// A `[]int`.
    pub(crate) fn ints(items: impl IntoIterator<Item = i64>) -> Self {
        let items = items.into_iter().map(Value::int).collect();
        Self::typed_list(items, ListType::Ints)
    }

    /// A slice of the given Go type.
    pub(crate) fn typed_list(items: Vec<Value>, element: ListType) -> Self {
        Self::List(Rc::new(List::new(items, element)))
    }

    /// Go's nil slice of a type.
    pub(crate) fn nil_list(element: ListType) -> Self {
        Self::List(Rc::new(List::nil(element)))
    }

    /// A `map[string]interface {}`.
    pub(crate) fn map(entries: BTreeMap<Text, Value>) -> Self {
        Self::typed_map(entries, MapType::Any)
    }

    /// A map of the given Go type.
    pub(crate) fn typed_map(entries: BTreeMap<Text, Value>, kind: MapType) -> Self {
        Self::Map(Rc::new(Map::new(entries, kind)))
    }

    /// Go's nil map of a type.
    pub(crate) fn nil_map(kind: MapType) -> Self {
        Self::Map(Rc::new(Map::nil(kind)))
    }

    /// True if `if`, `with`, `and`, `or`, `default` and `empty` treat it as set.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(number, _) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Str(text) => !text.is_empty(),
            Self::Bytes(bytes) => !bytes.is_empty(),
            Self::List(list) => !list.items.is_empty(),
            Self::Map(map) => map.len() > 0,
            Self::Struct(structure) => structure.is_true(),
            Self::Time(_) => true,
        }
    }

    /// True for nil and for Go's nil slices and maps.
    pub(crate) fn is_nil(&self) -> bool {
        match self {
            Self::Nil => true,
            Self::List(list) => list.is_nil,
            Self::Map(map) => map.is_nil,
            Self::Bool(_)
            | Self::Int(..)
            | Self::Float(_)
            | Self::Str(_)
            | Self::Bytes(_)
            | Self::Struct(_)
            | Self::Time(_) => false,
        }
    }

    /// Go's `reflect.Kind` as `kindOf` prints it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "invalid",
            Self::Bool(_) => "bool",
            Self::Int(_, kind) => kind.name(),
            Self::Float(_) => "float64",
            Self::Str(_) => "string",
            Self::Bytes(_) | Self::List(_) => "slice",
            Self::Map(_) => "map",
            Self::Struct(structure) => structure.kind(),
            Self::Time(_) => "struct",
        }
    }

    /// Go's type name as `typeOf` prints it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_, kind) => kind.name(),
            Self::Float(_) => "float64",
            Self::Str(_) => "string",
            Self::Bytes(_) => "[]uint8",
            Self::List(list) => match list.element {
                ListType::Any => "[]interface {}",
                ListType::Strings => "[]string",
                ListType::Ints => "[]int",
                ListType::Lists => "[][]interface {}",
            },
            Self::Map(map) => match map.kind {
                MapType::Any => "map[string]interface {}",
                MapType::Values => "common.Values",
                MapType::Strings => "map[string]string",
            },
            Self::Struct(structure) => structure.type_name,
            Self::Time(_) => "time.Time",
        }
    }

    /// The items if it is a list of any kind.
    pub(crate) fn items(&self) -> Option<std::borrow::Cow<'_, [Value]>> {
        match self {
            Self::List(list) => Some(std::borrow::Cow::Borrowed(&list.items)),
            Self::Bytes(bytes) => Some(std::borrow::Cow::Owned(
                bytes
                    .iter()
                    .map(|byte| Value::Int(i64::from(*byte), IntType::Uint8))
                    .collect(),
            )),
            Self::Struct(structure) => structure.items(),
            Self::Nil
            | Self::Bool(_)
            | Self::Int(..)
            | Self::Float(_)
            | Self::Str(_)
            | Self::Map(_)
            | Self::Time(_) => None,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
