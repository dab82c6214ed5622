//! Reads arguments; the executor has checked their types.

use std::borrow::Cow;
use std::rc::Rc;

use crate::failure::Failure;
use crate::value::{Map, Value};

/// A string argument as UTF-8.
pub(crate) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Str(text) => text.to_str(),
        _ => Cow::Borrowed(""),
    }
}

/// A string argument as bytes.
pub(super) fn bytes(value: &Value) -> &[u8] {
    match value {
        Value::Str(text) => text,
        _ => &[],
    }
}

/// An `int` argument.
pub(super) fn int(value: &Value) -> i64 {
    match value {
        Value::Int(number, _) => *number,
        _ => 0,
    }
}

/// A `float64` argument.
pub(super) fn float(value: &Value) -> f64 {
    match value {
        Value::Float(number) => *number,
        _ => 0.0,
    }
}

/// A `bool` argument.
pub(super) fn flag(value: &Value) -> bool {
    matches!(value, Value::Bool(true))
}

/// A map argument; Go's nil map is `None`.
pub(super) fn map(value: &Value) -> Option<&Rc<Map>> {
    match value {
        Value::Map(map) => Some(map),
        _ => None,
    }
}

/// A list of any type, or Sprig's error.
pub(super) fn items<'a>(value: &'a Value, action: &str) -> Result<Cow<'a, [Value]>, Failure> {
    match value {
        // `reflect.TypeOf(nil).Kind()` panics in Go.
        Value::Nil => Err(Failure::from(
            "runtime error: invalid memory address or nil pointer dereference",
        )),
        _ => value
            .items()
            .ok_or_else(|| Failure::from(format!("Cannot {action} on type {}", value.kind()))),
    }
}
