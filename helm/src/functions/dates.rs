//! Dates: Sprig's functions over Go's `time`, with UTC as the local zone and a clock that the caller sets.

use super::Outcome;
use super::arguments::text;
use super::casting::to_int;
use crate::state::State;
use crate::strconv;
use crate::time::{
    DAY, DAYS, Instant, MONTHS, SECOND, days_of, format_duration, in_zone, parse_duration,
    parse_with,
};
use crate::value::Value;

/// A date argument as in Sprig: values of other types mean the current time.
fn instant_of(state: &State, value: &Value) -> Instant {
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
        | Value::Struct(_) => state.now,
    }
}

pub(super) fn now(state: &mut State, _: &[Value]) -> Outcome {
    Ok(Value::Time(state.now))
}

pub(super) fn date(state: &mut State, args: &[Value]) -> Outcome {
    let instant = instant_of(state, &args[1]).utc();
    Ok(Value::text(instant.format(&text(&args[0]))))
}

pub(super) fn date_in_zone(state: &mut State, args: &[Value]) -> Outcome {
    let instant = in_zone(instant_of(state, &args[1]), &text(&args[2]));
    Ok(Value::text(instant.format(&text(&args[0]))))
}

pub(super) fn html_date(state: &mut State, args: &[Value]) -> Outcome {
    let instant = instant_of(state, &args[0]).utc();
    Ok(Value::text(instant.format("2006-01-02")))
}

pub(super) fn html_date_in_zone(state: &mut State, args: &[Value]) -> Outcome {
    let instant = in_zone(instant_of(state, &args[0]), &text(&args[1]));
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

pub(super) fn ago(state: &mut State, args: &[Value]) -> Outcome {
    let seconds = state.now.seconds - instant_of(state, &args[0]).seconds;
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

pub(super) fn duration_round(state: &mut State, args: &[Value]) -> Outcome {
    let nanoseconds = match &args[0] {
        Value::Str(text) => parse_duration(&text.to_str()).unwrap_or(0),
        Value::Int(number, crate::value::IntType::Int64) => *number,
        Value::Time(instant) => (state.now.seconds - instant.seconds).saturating_mul(SECOND),
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

/// A method of `time.Time`; `None` if there is none.
pub(crate) fn time_method(instant: Instant, name: &[u8], args: &[Value]) -> Option<Value> {
    let civil = instant.civil();
    let int = |index: usize| args.get(index).map_or(0, to_int);
    Some(match name {
        b"Unix" => Value::int64(instant.seconds),
        b"UnixMilli" => {
            Value::int64(instant.seconds * 1_000 + i64::from(instant.nanoseconds / 1_000_000))
        }
        b"UnixNano" => Value::int64(
            instant
                .seconds
                .wrapping_mul(SECOND)
                .wrapping_add(i64::from(instant.nanoseconds)),
        ),
        b"Year" => Value::int(civil.year),
        b"Month" => Value::text(MONTHS[civil.month as usize - 1]),
        b"Day" => Value::int(civil.day),
        b"Hour" => Value::int(civil.hour),
        b"Minute" => Value::int(civil.minute),
        b"Second" => Value::int(civil.second),
        b"Nanosecond" => Value::int(i64::from(instant.nanoseconds)),
        b"YearDay" => Value::int(civil.year_day),
        b"Weekday" => Value::text(DAYS[civil.weekday]),
        b"UTC" | b"Local" => Value::Time(instant.utc()),
        b"IsZero" => Value::Bool(instant.utc() == Instant::zero()),
        b"String" => Value::text(instant.to_string()),
        b"Format" => Value::text(instant.format(&args.first().map(text).unwrap_or_default())),
        b"Add" => Value::Time(instant.plus(int(0))),
        b"AddDate" => {
            let months = civil.month - 1 + int(1);
            let days = days_of(
                civil.year + int(0) + months.div_euclid(12),
                months.rem_euclid(12) + 1,
                1,
            );
            let seconds = (days + civil.day - 1 + int(2)) * DAY
                + (instant.seconds + i64::from(instant.offset)).rem_euclid(DAY)
                - i64::from(instant.offset);
            Value::Time(Instant { seconds, ..instant })
        }
        _ => return None,
    })
}
