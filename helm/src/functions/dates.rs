//! Dates: Go's `time` package, in UTC, with a clock the caller sets.

use std::fmt;

use super::Outcome;
use super::arguments::text;
use crate::exec::{Failure, Interpreter};
use crate::value::Value;

/// A point in time, with the offset it is shown in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instant {
    /// Seconds since 1970.
    pub(crate) seconds: i64,
    /// And nanoseconds.
    pub(crate) nanoseconds: u32,
    /// Seconds east of UTC.
    pub(crate) offset: i32,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const DAY: i64 = 86_400;
const SECOND: i64 = 1_000_000_000;

/// A date and a time of day.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    weekday: usize,
    year_day: i64,
}

/// Days since 1970 of a date in the Gregorian calendar.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

impl Instant {
    /// An instant in UTC.
    pub(crate) fn from_seconds(seconds: i64) -> Self {
        Self {
            seconds,
            nanoseconds: 0,
            offset: 0,
        }
    }

    /// Go's zero time: the first of January of the year one.
    fn zero() -> Self {
        Self::from_seconds(days_of(1, 1, 1) * DAY)
    }

    fn civil(self) -> Civil {
        let local = self.seconds + i64::from(self.offset);
        let (days, rest) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Civil {
            year,
            month,
            day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
            hour: rest / 3_600,
            minute: rest / 60 % 60,
            second: rest % 60,
            weekday: (days + 4).rem_euclid(7) as usize,
            year_day: days - days_of(year, 1, 1) + 1,
        }
    }

    /// What `encoding/json` writes.
    pub(crate) fn to_rfc3339(self) -> String {
        self.format("2006-01-02T15:04:05.999999999Z07:00")
    }

    fn plus(self, nanoseconds: i64) -> Self {
        let sum = i64::from(self.nanoseconds) + nanoseconds.rem_euclid(SECOND);
        Self {
            seconds: self.seconds + nanoseconds.div_euclid(SECOND) + sum / SECOND,
            nanoseconds: (sum % SECOND) as u32,
            ..self
        }
    }

    /// `time.Time.Format`.
    pub(crate) fn format(self, layout: &str) -> String {
        let civil = self.civil();
        let mut out = String::new();
        let mut rest = layout;
        while !rest.is_empty() {
            let (element, length) =
                element_at(rest, out.ends_with(|last: char| last.is_ascii_digit()));
            match element {
                None => {
                    let width = rest.chars().next().map_or(1, char::len_utf8);
                    out.push_str(&rest[..width]);
                    rest = &rest[width..];
                }
                Some(element) => {
                    self.write_element(&mut out, element, &rest[..length], &civil);
                    rest = &rest[length..];
                }
            }
        }
        out
    }

    fn write_element(self, out: &mut String, element: Element, spelling: &str, civil: &Civil) {
        let hour12 = if civil.hour % 12 == 0 {
            12
        } else {
            civil.hour % 12
        };
        let text = match element {
            Element::LongMonth => MONTHS[civil.month as usize - 1].to_owned(),
            Element::Month => MONTHS[civil.month as usize - 1][..3].to_owned(),
            Element::NumberMonth => civil.month.to_string(),
            Element::ZeroMonth => format!("{:02}", civil.month),
            Element::LongWeekday => DAYS[civil.weekday].to_owned(),
            Element::Weekday => DAYS[civil.weekday][..3].to_owned(),
            Element::Day => civil.day.to_string(),
            Element::UnderDay => format!("{:2}", civil.day),
            Element::ZeroDay => format!("{:02}", civil.day),
            Element::YearDay => format!("{:03}", civil.year_day),
            Element::Hour => format!("{:02}", civil.hour),
            Element::Hour12 => hour12.to_string(),
            Element::ZeroHour12 => format!("{hour12:02}"),
            Element::Minute => civil.minute.to_string(),
            Element::ZeroMinute => format!("{:02}", civil.minute),
            Element::Second => civil.second.to_string(),
            Element::ZeroSecond => format!("{:02}", civil.second),
            Element::LongYear => format!("{:04}", civil.year),
            Element::Year => format!("{:02}", civil.year.rem_euclid(100)),
            Element::UpperPm => if civil.hour >= 12 { "PM" } else { "AM" }.to_owned(),
            Element::LowerPm => if civil.hour >= 12 { "pm" } else { "am" }.to_owned(),
            Element::ZoneName => {
                if self.offset == 0 {
                    "UTC".to_owned()
                } else {
                    self.zone("-0700")
                }
            }
            Element::Zone => self.zone(spelling),
            Element::Fraction => self.fraction(spelling),
        };
        out.push_str(&text);
    }

    fn zone(self, spelling: &str) -> String {
        if spelling.starts_with('Z') && self.offset == 0 {
            return "Z".into();
        }
        let sign = if self.offset < 0 { '-' } else { '+' };
        let seconds = self.offset.unsigned_abs();
        let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
        match &spelling[1..] {
            "07:00" => format!("{sign}{hours:02}:{minutes:02}"),
            "0700" => format!("{sign}{hours:02}{minutes:02}"),
            _ => format!("{sign}{hours:02}"),
        }
    }

    fn fraction(self, spelling: &str) -> String {
        let digits = format!("{:09}", self.nanoseconds);
        let digits = &digits[..(spelling.len() - 1).min(9)];
        if spelling.ends_with('0') {
            return format!("{}{digits}", &spelling[..1]);
        }
        let digits = digits.trim_end_matches('0');
        if digits.is_empty() {
            String::new()
        } else {
            format!("{}{digits}", &spelling[..1])
        }
    }

    /// A method of `time.Time`; `None` if there is none.
    pub(crate) fn method(self, name: &[u8], args: &[Value]) -> Option<Value> {
        let civil = self.civil();
        let int = |index: usize| args.get(index).map_or(0, super::casting::to_int);
        Some(match name {
            b"Unix" => Value::int64(self.seconds),
            b"UnixMilli" => {
                Value::int64(self.seconds * 1_000 + i64::from(self.nanoseconds / 1_000_000))
            }
            b"UnixNano" => Value::int64(
                self.seconds
                    .wrapping_mul(SECOND)
                    .wrapping_add(i64::from(self.nanoseconds)),
            ),
            b"Year" => Value::int(civil.year),
            b"Month" => Value::text(MONTHS[civil.month as usize - 1]),
            b"Day" => Value::int(civil.day),
            b"Hour" => Value::int(civil.hour),
            b"Minute" => Value::int(civil.minute),
            b"Second" => Value::int(civil.second),
            b"Nanosecond" => Value::int(i64::from(self.nanoseconds)),
            b"YearDay" => Value::int(civil.year_day),
            b"Weekday" => Value::text(DAYS[civil.weekday]),
            b"UTC" | b"Local" => Value::Time(Self { offset: 0, ..self }),
            b"IsZero" => Value::Bool(self == Self::zero()),
            b"String" => Value::text(self.to_string()),
            b"Format" => Value::text(self.format(&args.first().map(text).unwrap_or_default())),
            b"Add" => Value::Time(self.plus(int(0))),
            b"AddDate" => {
                let months = civil.month - 1 + int(1);
                let days = days_of(
                    civil.year + int(0) + months.div_euclid(12),
                    months.rem_euclid(12) + 1,
                    1,
                );
                let seconds = (days + civil.day - 1 + int(2)) * DAY
                    + (self.seconds + i64::from(self.offset)).rem_euclid(DAY)
                    - i64::from(self.offset);
                Value::Time(Self { seconds, ..self })
            }
            _ => return None,
        })
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.format("2006-01-02 15:04:05.999999999 -0700 MST"))
    }
}

/// A part of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    LongMonth,
    Month,
    NumberMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    YearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    ZoneName,
    Zone,
    Fraction,
}

const ELEMENTS: [(&str, Element); 32] = [
    ("January", Element::LongMonth),
    ("Jan", Element::Month),
    ("Monday", Element::LongWeekday),
    ("Mon", Element::Weekday),
    ("MST", Element::ZoneName),
    ("002", Element::YearDay),
    ("01", Element::ZeroMonth),
    ("02", Element::ZeroDay),
    ("03", Element::ZeroHour12),
    ("04", Element::ZeroMinute),
    ("05", Element::ZeroSecond),
    ("06", Element::Year),
    ("15", Element::Hour),
    ("1", Element::NumberMonth),
    ("2006", Element::LongYear),
    ("2", Element::Day),
    ("_2006", Element::LongYear),
    ("_2", Element::UnderDay),
    ("3", Element::Hour12),
    ("4", Element::Minute),
    ("5", Element::Second),
    ("PM", Element::UpperPm),
    ("pm", Element::LowerPm),
    ("-07:00", Element::Zone),
    ("-0700", Element::Zone),
    ("-07", Element::Zone),
    ("Z07:00", Element::Zone),
    ("Z0700", Element::Zone),
    ("Z07", Element::Zone),
    (".000", Element::Fraction),
    (".999", Element::Fraction),
    (",000", Element::Fraction),
];

/// The element a layout starts with, and its length.
fn element_at(layout: &str, after_digit: bool) -> (Option<Element>, usize) {
    let digits = |filler: char| layout[1..].len() - layout[1..].trim_start_matches(filler).len();
    if layout.starts_with(['.', ',']) && (after_digit || layout.len() > 1) {
        for filler in ['0', '9'] {
            let count = digits(filler);
            let ends = !layout[1 + count..].starts_with(|next: char| next.is_ascii_digit());
            if count > 0 && ends {
                return (Some(Element::Fraction), count + 1);
            }
        }
        return (None, 0);
    }
    for (spelling, element) in ELEMENTS {
        if layout.starts_with(spelling) && element != Element::Fraction {
            return (Some(element), spelling.len());
        }
    }
    (None, 0)
}

/// Reads a time by a layout.
fn parse_with(layout: &str, text: &str) -> Option<Instant> {
    let (mut layout, mut rest) = (layout, text);
    let (mut year, mut month, mut day) = (0, 1, 1);
    let (mut hour, mut minute, mut second) = (0, 0, 0);
    let (mut nanoseconds, mut offset, mut afternoon) = (0, 0, None);
    let mut after_digit = false;
    while !layout.is_empty() {
        let (element, length) = element_at(layout, after_digit);
        let Some(element) = element else {
            let literal = layout.chars().next()?;
            // A fraction may follow the seconds even where the layout has none.
            rest = rest.strip_prefix(literal)?;
            layout = &layout[literal.len_utf8()..];
            after_digit = literal.is_ascii_digit();
            continue;
        };
        let spelling = &layout[..length];
        layout = &layout[length..];
        after_digit = true;
        match element {
            Element::LongYear => year = take_number(&mut rest, 4, 4)?,
            Element::Year => {
                let short = take_number(&mut rest, 2, 2)?;
                year = if short >= 69 {
                    1_900 + short
                } else {
                    2_000 + short
                };
            }
            Element::LongMonth => month = take_name(&mut rest, &MONTHS, false)?,
            Element::Month => month = take_name(&mut rest, &MONTHS, true)?,
            Element::NumberMonth | Element::ZeroMonth => month = take_number(&mut rest, 1, 2)?,
            Element::LongWeekday => drop(take_name(&mut rest, &DAYS, false)?),
            Element::Weekday => drop(take_name(&mut rest, &DAYS, true)?),
            Element::Day | Element::ZeroDay | Element::UnderDay => {
                rest = rest.strip_prefix(' ').unwrap_or(rest);
                day = take_number(&mut rest, 1, 2)?;
            }
            Element::YearDay => day = take_number(&mut rest, 3, 3)?,
            Element::Hour | Element::Hour12 | Element::ZeroHour12 => {
                hour = take_number(&mut rest, 1, 2)?
            }
            Element::Minute | Element::ZeroMinute => minute = take_number(&mut rest, 1, 2)?,
            Element::Second | Element::ZeroSecond => {
                second = take_number(&mut rest, 1, 2)?;
                if element_at(layout, true).0 != Some(Element::Fraction) {
                    nanoseconds = take_fraction(&mut rest);
                }
            }
            Element::Fraction => nanoseconds = take_fraction(&mut rest),
            Element::UpperPm | Element::LowerPm => {
                let half = rest.get(..2)?;
                afternoon = Some(half.eq_ignore_ascii_case("pm"));
                rest = &rest[2..];
            }
            Element::ZoneName => {
                rest = rest
                    .strip_prefix("UTC")
                    .or_else(|| rest.strip_prefix("GMT"))?
            }
            Element::Zone => offset = take_zone(&mut rest, spelling)?,
        }
    }
    if !rest.is_empty()
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 24
        || minute > 59
    {
        return None;
    }
    if let Some(afternoon) = afternoon {
        hour = hour % 12 + if afternoon { 12 } else { 0 };
    }
    let seconds =
        days_of(year, month, day) * DAY + hour * 3_600 + minute * 60 + second - i64::from(offset);
    Some(Instant {
        seconds,
        nanoseconds,
        offset,
    })
}

fn take_number(rest: &mut &str, min: usize, max: usize) -> Option<i64> {
    let digits = rest
        .bytes()
        .take(max)
        .take_while(u8::is_ascii_digit)
        .count();
    if digits < min {
        return None;
    }
    let (number, after) = rest.split_at(digits);
    *rest = after;
    number.parse().ok()
}

fn take_name(rest: &mut &str, names: &[&str], short: bool) -> Option<i64> {
    for (index, name) in names.iter().enumerate() {
        let name = if short { &name[..3] } else { name };
        if rest
            .get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
        {
            *rest = &rest[name.len()..];
            return Some(index as i64 + 1);
        }
    }
    None
}

fn take_fraction(rest: &mut &str) -> u32 {
    let Some(digits) = rest.strip_prefix(['.', ',']) else {
        return 0;
    };
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    if count == 0 {
        return 0;
    }
    let nanoseconds = format!("{:0<9}", &digits[..count.min(9)])
        .parse()
        .unwrap_or(0);
    *rest = &digits[count..];
    nanoseconds
}

fn take_zone(rest: &mut &str, spelling: &str) -> Option<i32> {
    if spelling.starts_with('Z')
        && let Some(after) = rest.strip_prefix('Z')
    {
        *rest = after;
        return Some(0);
    }
    let sign = match rest.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    *rest = &rest[1..];
    let hours = take_number(rest, 2, 2)?;
    *rest = rest.strip_prefix(':').unwrap_or(rest);
    let minutes = if spelling.len() > 3 {
        take_number(rest, 2, 2)?
    } else {
        0
    };
    Some(sign * (hours * 3_600 + minutes * 60) as i32)
}

/// `time.ParseDuration`.
fn parse_duration(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let end = rest
            .find(|character: char| character.is_ascii_digit() || character == '.')
            .unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 6e10,
            "h" => 3.6e12,
            _ => return None,
        };
        total += number * unit;
        rest = &rest[end..];
    }
    Some((sign * total) as i64)
}

/// `time.Duration.String`.
pub(crate) fn format_duration(nanoseconds: i64) -> String {
    if nanoseconds == 0 {
        return "0s".into();
    }
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    let fraction = |value: u64, unit: u64| {
        let digits = format!("{:0width$}", value % unit, width = unit.ilog10() as usize);
        let digits = digits.trim_end_matches('0');
        if digits.is_empty() || unit == 1 {
            format!("{}", value / unit)
        } else {
            format!("{}.{digits}", value / unit)
        }
    };
    match total {
        0..1_000 => format!("{sign}{total}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", fraction(total, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", fraction(total, 1_000_000)),
        _ => {
            let seconds = fraction(total % 60_000_000_000, 1_000_000_000);
            let minutes = total / 60_000_000_000;
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

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

fn in_zone(instant: Instant, zone: &str) -> Result<Instant, Failure> {
    match zone {
        "" | "UTC" | "GMT" | "Local" | "Etc/UTC" => Ok(Instant {
            offset: 0,
            ..instant
        }),
        _ => Err(Failure::from(format!(
            "the time zone {zone:?} is not supported: use UTC"
        ))),
    }
}

pub(super) fn now(interpreter: &mut Interpreter<'_>, _: &[Value]) -> Outcome {
    Ok(Value::Time(interpreter.now()))
}

pub(super) fn date(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    let instant = Instant {
        offset: 0,
        ..instant_of(interpreter, &args[1])
    };
    Ok(Value::text(instant.format(&text(&args[0]))))
}

pub(super) fn date_in_zone(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    let instant = in_zone(instant_of(interpreter, &args[1]), &text(&args[2]))?;
    Ok(Value::text(instant.format(&text(&args[0]))))
}

pub(super) fn html_date(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    let instant = Instant {
        offset: 0,
        ..instant_of(interpreter, &args[0])
    };
    Ok(Value::text(instant.format("2006-01-02")))
}

pub(super) fn html_date_in_zone(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    let instant = in_zone(instant_of(interpreter, &args[0]), &text(&args[1]))?;
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
        Value::Str(text) => text.to_str().parse().unwrap_or(0),
        Value::Int(number, crate::value::IntType::Int64) => *number,
        _ => 0,
    };
    Ok(Value::text(format_duration(seconds.saturating_mul(SECOND))))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_format_and_parse() {
        let instant = Instant::from_seconds(1_700_000_000);
        assert_eq!(
            instant.format("2006-01-02T15:04:05Z07:00"),
            "2023-11-14T22:13:20Z"
        );
        assert_eq!(
            instant.format("Mon Jan _2 3:04PM 06"),
            "Tue Nov 14 10:13PM 23"
        );
        assert_eq!(instant.to_string(), "2023-11-14 22:13:20 +0000 UTC");
        assert_eq!(
            parse_with("2006-01-02", "2023-11-14").map(|instant| instant.seconds),
            Some(1_699_920_000)
        );
        assert_eq!(parse_duration("-1.5h"), Some(-5_400 * SECOND));
        assert_eq!(format_duration(5_400 * SECOND), "1h30m0s");
        assert_eq!(format_duration(1_500_000), "1.5ms");
    }
}
