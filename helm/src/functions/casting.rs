//! `spf13/cast`: any value as a number; and `strslice` of Sprig: any value as a list of texts.

use crate::failure::Failure;
use crate::strconv;
use crate::value::{Text, Value, memory, to_display};

/// Go's conversion of a float to an integer: the smallest one if it is out of range.
pub(super) fn truncate(number: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if !(-LIMIT..LIMIT).contains(&number) {
        i64::MIN
    } else {
        number as i64
    }
}

/// `cast.ToInt64`: 0 for a value that is not a number.
pub(super) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(number, _) => *number,
        Value::Float(number) => truncate(*number),
        Value::Bool(value) => i64::from(*value),
        Value::Str(text) => parse_int(&text.to_str()).unwrap_or(0),
        Value::Nil
        | Value::Bytes(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Struct(_)
        | Value::Time(_) => 0,
    }
}

/// `cast.ToFloat64`: 0 for a value that is not a number.
pub(super) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Int(number, _) => *number as f64,
        Value::Float(number) => *number,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Str(text) => strconv::parse_float(&text.to_str()).unwrap_or(0.0),
        Value::Nil
        | Value::Bytes(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Struct(_)
        | Value::Time(_) => 0.0,
    }
}

/// `ParseInt`, ignoring zeros after the point.
fn parse_int(text: &str) -> Option<i64> {
    let without_zeros = text.trim_end_matches('0');
    let whole = match without_zeros.strip_suffix('.') {
        Some(whole) if without_zeros.len() < text.len() => whole,
        _ => text,
    };
    strconv::parse_int(whole)
}

/// Sprig's `strslice`: the items as strings, without the nil ones.
pub(super) fn strings_of(value: &Value) -> Result<Vec<Text>, Failure> {
    let Some(items) = value.items() else {
        return Ok(match value {
            Value::Nil => Vec::new(),
            value => vec![to_display(value)],
        });
    };
    let mut texts = Vec::new();
    for item in items.iter().filter(|item| !matches!(item, Value::Nil)) {
        texts.push(to_display(item));
        memory::check()?;
    }
    Ok(texts)
}
