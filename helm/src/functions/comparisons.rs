//! `eq`, `ne`, `lt`, `le`, `gt`, `ge`, `not`, `len`, `index` and the other functions of Go's template package.

use std::rc::Rc;

use super::Outcome;
use crate::failure::Failure;
use crate::value::{IntType, ListType, MapType, Methods, Value, deep_equal, to_display};

#[derive(Clone, Copy, PartialEq, Eq)]
enum BasicKind {
    Bool,
    Int,
    Float,
    Text,
    Uint,
}

fn basic_kind(value: &Value) -> Option<BasicKind> {
    match value {
        Value::Bool(_) => Some(BasicKind::Bool),
        Value::Int(_, kind) => Some(if kind.is_unsigned() {
            BasicKind::Uint
        } else {
            BasicKind::Int
        }),
        Value::Float(_) => Some(BasicKind::Float),
        Value::Str(_) => Some(BasicKind::Text),
        Value::Nil
        | Value::Bytes(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Struct(_)
        | Value::Time(_) => None,
    }
}

const INCOMPATIBLE: &str = "incompatible types for comparison";

fn is_equal(left: &Value, right: &Value) -> Result<bool, Failure> {
    match (left, right) {
        (Value::Nil, other) | (other, Value::Nil) => return Ok(other.is_nil()),
        _ => {}
    }
    match (basic_kind(left), basic_kind(right)) {
        (Some(left_kind), Some(right_kind)) => match (left, right) {
            (Value::Int(left, _), Value::Int(right, _)) => Ok(left == right),
            (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
            (Value::Float(left), Value::Float(right)) => Ok(left == right),
            (Value::Str(left), Value::Str(right)) => Ok(left == right),
            _ if left_kind != right_kind => Err(INCOMPATIBLE.into()),
            _ => Ok(false),
        },
        (None, None) => is_same(left, right),
        (Some(_), None) | (None, Some(_)) => Err(INCOMPATIBLE.into()),
    }
}

/// Equality of values other than booleans, numbers and texts.
fn is_same(left: &Value, right: &Value) -> Result<bool, Failure> {
    if left.kind() != right.kind() {
        return Err(Failure::from(format!(
            "non-comparable types {}: {}, {}: {}",
            to_display(left).to_str(),
            left.type_name(),
            right.type_name(),
            to_display(right).to_str(),
        )));
    }
    if left.is_nil() || right.is_nil() {
        return Ok(left.is_nil() && right.is_nil());
    }
    match (left, right) {
        (Value::Struct(left), Value::Struct(right)) if left.kind() == "ptr" => {
            Ok(Rc::ptr_eq(left, right))
        }
        (Value::Struct(_) | Value::Time(_), _) if left.kind() == "struct" => {
            Ok(deep_equal(left, right, &mut 1_000))
        }
        _ => Err(not_comparable(right)),
    }
}

fn not_comparable(value: &Value) -> Failure {
    Failure::from(format!(
        "non-comparable type {}: {}",
        to_display(value).to_str(),
        value.type_name()
    ))
}

fn is_less(left: &Value, right: &Value) -> Result<bool, Failure> {
    let (Some(left_kind), Some(right_kind)) = (basic_kind(left), basic_kind(right)) else {
        return Err("invalid type for comparison".into());
    };
    match (left, right) {
        (Value::Int(left, _), Value::Int(right, _)) => Ok(left < right),
        (Value::Float(left), Value::Float(right)) => Ok(left < right),
        (Value::Str(left), Value::Str(right)) => Ok(left < right),
        _ if left_kind != right_kind => Err(INCOMPATIBLE.into()),
        _ => Err("invalid type for comparison".into()),
    }
}

pub(super) fn eq(args: &[Value]) -> Outcome {
    if args.len() < 2 {
        return Err("missing argument for comparison".into());
    }
    for other in &args[1..] {
        if is_equal(&args[0], other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

pub(super) fn ne(args: &[Value]) -> Outcome {
    Ok(Value::Bool(!is_equal(&args[0], &args[1])?))
}

pub(super) fn lt(args: &[Value]) -> Outcome {
    Ok(Value::Bool(is_less(&args[0], &args[1])?))
}

pub(super) fn le(args: &[Value]) -> Outcome {
    Ok(Value::Bool(
        is_less(&args[0], &args[1])? || is_equal(&args[0], &args[1])?,
    ))
}

pub(super) fn gt(args: &[Value]) -> Outcome {
    Ok(Value::Bool(
        !is_less(&args[0], &args[1])? && !is_equal(&args[0], &args[1])?,
    ))
}

pub(super) fn ge(args: &[Value]) -> Outcome {
    Ok(Value::Bool(!is_less(&args[0], &args[1])?))
}

pub(super) fn not(args: &[Value]) -> Outcome {
    Ok(Value::Bool(!args[0].is_true()))
}

pub(super) fn len(args: &[Value]) -> Outcome {
    let length = match &args[0] {
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.items.len(),
        Value::Map(map) => map.len(),
        Value::Struct(structure) => match &structure.methods {
            Methods::Files(files) => files.len(),
            Methods::ApiVersions(versions) => versions.len(),
            Methods::None | Methods::KubeVersion | Methods::Version(_) => {
                return Err(format!("len of type {}", structure.type_name).into());
            }
        },
        Value::Nil => return Err("len of nil pointer".into()),
        other => return Err(format!("len of type {}", other.type_name()).into()),
    };
    Ok(Value::int(length as i64))
}

pub(super) fn index(args: &[Value]) -> Outcome {
    let mut value = args[0].clone();
    if matches!(value, Value::Nil) {
        return Err("index of untyped nil".into());
    }
    for index in &args[1..] {
        value = index_once(&value, index)?;
    }
    Ok(value)
}

fn index_once(value: &Value, index: &Value) -> Outcome {
    match value {
        Value::Nil => Err("index of nil pointer".into()),
        Value::Map(map) => match index {
            Value::Str(key) => Ok(map.get(key).unwrap_or(match map.kind {
                MapType::Any | MapType::Values => Value::Nil,
                MapType::Strings => Value::text(""),
            })),
            Value::Nil => Err("value is nil; should be of type string".into()),
            other => Err(format!("value has type {}; should be string", other.type_name()).into()),
        },
        Value::Struct(structure) => match (&structure.methods, index) {
            (Methods::Files(files), Value::Str(path)) => {
                let data = files.get(path.to_str().as_ref()).cloned();
                Ok(Value::Bytes(
                    data.unwrap_or_else(|| std::sync::Arc::from(&[][..])),
                ))
            }
            _ => Err(format!("can't index item of type {}", structure.type_name).into()),
        },
        Value::Str(text) => {
            let at = position(index, text.len())?;
            Ok(Value::Int(i64::from(text[at]), IntType::Uint8))
        }
        _ => match value.items() {
            Some(items) => {
                let at = position(index, items.len())?;
                Ok(items[at].clone())
            }
            None => Err(format!("can't index item of type {}", value.type_name()).into()),
        },
    }
}

fn position(index: &Value, length: usize) -> Result<usize, Failure> {
    match index {
        Value::Int(number, _) => match usize::try_from(*number) {
            Ok(at) if at < length => Ok(at),
            _ => Err(format!("index out of range: {number}").into()),
        },
        Value::Nil => Err("cannot index slice/array with nil".into()),
        other => Err(format!("cannot index slice/array with type {}", other.type_name()).into()),
    }
}

/// Functions are not values here, so no value can be called.
pub(super) fn call(args: &[Value]) -> Outcome {
    Err(match &args[0] {
        Value::Nil => "call of nil".into(),
        other => Failure::from(format!("non-function of type {}", other.type_name())),
    })
}

pub(super) fn slice(args: &[Value]) -> Outcome {
    let items = match &args[0] {
        Value::Nil => return super::arguments::items(&args[0], "slice").map(|_| Value::Nil),
        value => value.items().ok_or_else(|| {
            Failure::from(format!(
                "list should be type of slice or array but {}",
                value.kind()
            ))
        })?,
    };
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    let start = args.get(1).map_or(0, super::casting::to_int);
    let end = args
        .get(2)
        .map_or(items.len() as i64, super::casting::to_int);
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) if start <= end && end <= items.len() => {
            let element = match &args[0] {
                Value::List(list) => list.element,
                _ => ListType::Any,
            };
            Ok(Value::typed_list(items[start..end].to_vec(), element))
        }
        _ => Err("reflect.Value.Slice: slice index out of bounds".into()),
    }
}
