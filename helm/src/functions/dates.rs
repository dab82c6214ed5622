//! Dates: Sprig's functions over Go's `time`, with UTC as the local zone and a clock that the caller sets.

use super::Outcome;
use super::arguments::text;
use super::calendar::{Instant, SECOND, format_duration, parse_duration};
use super::layouts::parse_with;
use super::zones::in_zone;
use crate::exec::Interpreter;
use crate::strconv;
use crate::value::Value;

/// What Sprig takes for a date: everything else is now.
fn instant_of(interpreter: &Interpreter<'_>, value: &Value) -> Instant {
    match value {
        Value::Time(instant) => *instant,
        Value::Int(seconds, _) => Instant::from_seconds(*seconds),
        Value::Nil
        | Value::Bool(_)
        | Value::Float(_)
        | Value::Str(_)
        | Value::Bytes(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Struct(_) => interpreter.now(),
    }
}

pub(super) fn now(interpreter: &mut Interpreter<'_>, _: &[Value]) -> Outcome {
    Ok(Value::Time(interpreter.now()))
}

pub(super) fn date(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    let instant = instant_of(interpreter, &args[1]).utc();
    Ok(Value::text(instant.format(&text(&args[0]))))
}

pub(super) fn date_in_zone(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    let instant = in_zone(instant_of(interpreter, &args[1]), &text(&args[2]));
    Ok(Value::text(instant.format(&text(&args[0]))))
}

pub(super) fn html_date(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    let instant = instant_of(interpreter, &args[0]).utc();
    Ok(Value::text(instant.format("2006-01-02")))
}

pub(super) fn html_date_in_zone(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    let instant = in_zone(instant_of(interpreter, &args[0]), &text(&args[1]));
    Ok(Value::text(instant.format("2006-01-02")))
}

pub(super) fn date_modify(args: &[Value]) -> Outcome {
    Ok(match (parse_duration(&text(&args[0])), &args[1]) {
        (Some(duration), Value::Time(instant)) => Value::Time(instant.plus(duration)),
        (_, value) => value.clone(),
    })
}

pub(super) fn must_date_modify(args: &[Value]) -> Outcome {
    match parse_duration(&text(&args[0])) {
        Some(_) => date_modify(args),
        None => Err(format!("time: invalid duration {:?}", text(&args[0])).into()),
    }
}

pub(super) fn to_date(args: &[Value]) -> Outcome {
    Ok(Value::Time(
        parse_with(&text(&args[0]), &text(&args[1])).unwrap_or_else(Instant::zero),
    ))
}

pub(super) fn must_to_date(args: &[Value]) -> Outcome {
    let (layout, value) = (text(&args[0]), text(&args[1]));
    match parse_with(&layout, &value) {
        Some(instant) => Ok(Value::Time(instant)),
        None => Err(format!("parsing time {value:?} as {layout:?}: cannot parse it").into()),
    }
}

pub(super) fn unix_epoch(args: &[Value]) -> Outcome {
    Ok(match &args[0] {
        Value::Time(instant) => Value::text(instant.seconds.to_string()),
        _ => Value::text(""),
    })
}

pub(super) fn ago(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    let seconds = interpreter.now().seconds - instant_of(interpreter, &args[0]).seconds;
    Ok(Value::text(format_duration(seconds.saturating_mul(SECOND))))
}

/// `duration`: seconds as text.
pub(super) fn duration(args: &[Value]) -> Outcome {
    let seconds = match &args[0] {
        Value::Str(text) => strconv::parse_decimal_or_nearest(&text.to_str()),
        Value::Int(number, crate::value::IntType::Int64) => *number,
        _ => 0,
    };
    Ok(Value::text(format_duration(seconds.wrapping_mul(SECOND))))
}

pub(super) fn duration_round(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    let nanoseconds = match &args[0] {
        Value::Str(text) => parse_duration(&text.to_str()).unwrap_or(0),
        Value::Int(number, crate::value::IntType::Int64) => *number,
        Value::Time(instant) => {
            (interpreter.now().seconds - instant.seconds).saturating_mul(SECOND)
        }
        _ => 0,
    };
    let total = nanoseconds.unsigned_abs();
    let hour = 3_600 * SECOND as u64;
    for (unit, suffix) in [
        (hour * 24 * 365, "y"),
        (hour * 24 * 30, "mo"),
        (hour * 24, "d"),
        (hour, "h"),
        (60 * SECOND as u64, "m"),
        (SECOND as u64, "s"),
    ] {
        if total > unit {
            return Ok(Value::text(format!("{}{suffix}", total / unit)));
        }
    }
    Ok(Value::text("0s"))
}
