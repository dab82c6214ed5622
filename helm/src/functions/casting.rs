//! `spf13/cast`: any value as a number.

use crate::value::Value;

/// Go's conversion of a float to an integer: out of range is the smallest one.
pub(super) fn truncate(number: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if !(-LIMIT..LIMIT).contains(&number) {
        i64::MIN
    } else {
        number as i64
    }
}

/// `cast.ToInt64`: 0 where there is no number.
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

/// `cast.ToFloat64`: 0 where there is no number.
pub(super) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Int(number, _) => *number as f64,
        Value::Float(number) => *number,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Str(text) => parse_float(&text.to_str()).unwrap_or(0.0),
        Value::Nil
        | Value::Bytes(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Struct(_)
        | Value::Time(_) => 0.0,
    }
}

/// `strconv.ParseInt` with the base in its prefix, after zeros behind the point are dropped.
fn parse_int(text: &str) -> Option<i64> {
    let text = match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|byte| byte == b'0') && !whole.is_empty() => {
            whole
        }
        _ => text,
    };
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (&text[..1], digits),
        None => ("", text),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = crate::value::radix_of(&lower);
    i64::from_str_radix(&format!("{sign}{}", digits.replace('_', "")), radix).ok()
}

/// `strconv.ParseFloat`.
pub(super) fn parse_float(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
        return match digits.to_ascii_lowercase().as_str() {
            "inf" | "infinity" => Some(sign * f64::INFINITY),
            "nan" => Some(f64::NAN),
            _ => None,
        };
    }
    text.replace('_', "").parse().ok()
}
