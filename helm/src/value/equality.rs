//! `reflect.DeepEqual`: types must match, and contents are compared at every depth.

use std::rc::Rc;

use super::{Map, Value};

/// True if two values have the same type and the same content. Each comparison takes one from the budget; the budget is
/// 0 afterwards if it was too small.
pub(crate) fn deep_equal(left: &Value, right: &Value, budget: &mut u64) -> bool {
    equal_at(left, right, 0, budget)
}

/// Values that nest deeper count as different.
const MAX_DEPTH: usize = 10_000;

fn equal_at(left: &Value, right: &Value, depth: usize, budget: &mut u64) -> bool {
    if depth > MAX_DEPTH || *budget == 0 {
        return false;
    }
    *budget -= 1;
    match (left, right) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Int(left, left_type), Value::Int(right, right_type)) => {
            left == right && left_type == right_type
        }
        (Value::Float(left), Value::Float(right)) => left == right,
        (Value::Str(left), Value::Str(right)) => {
            *budget = budget.saturating_sub((left.len().min(right.len()) / 256) as u64);
            left == right
        }
        (Value::Bytes(left), Value::Bytes(right)) => left == right,
        (Value::Time(left), Value::Time(right)) => left == right,
        (Value::List(left), Value::List(right)) => {
            Rc::ptr_eq(left, right)
                || (left.element == right.element
                    && left.is_nil == right.is_nil
                    && left.items.len() == right.items.len()
                    && left
                        .items
                        .iter()
                        .zip(&right.items)
                        .all(|(left, right)| equal_at(left, right, depth + 1, budget)))
        }
        (Value::Map(left), Value::Map(right)) => maps_equal(left, right, depth, budget),
        (Value::Struct(left), Value::Struct(right)) => {
            Rc::ptr_eq(left, right)
                || (left.type_name == right.type_name
                    && left.methods == right.methods
                    && left
                        .fields
                        .iter()
                        .zip(&right.fields)
                        .all(|((_, left), (_, right))| equal_at(left, right, depth + 1, budget)))
        }
        (
            Value::Nil
            | Value::Bool(_)
            | Value::Int(..)
            | Value::Float(_)
            | Value::Str(_)
            | Value::Bytes(_)
            | Value::Time(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Struct(_),
            _,
        ) => false,
    }
}

fn maps_equal(left: &Map, right: &Map, depth: usize, budget: &mut u64) -> bool {
    if Rc::ptr_eq(&left.entries, &right.entries) {
        return left.kind == right.kind;
    }
    let (left_entries, right_entries) = (left.entries.borrow(), right.entries.borrow());
    left.kind == right.kind
        && left.is_nil == right.is_nil
        && left_entries.len() == right_entries.len()
        && left_entries.iter().zip(right_entries.iter()).all(
            |((left_key, left), (right_key, right))| {
                left_key == right_key && equal_at(left, right, depth + 1, budget)
            },
        )
}
