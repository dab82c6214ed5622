//! Go's layouts of dates: how they are taken apart, and how a text is read by one.

use super::calendar::{DAY, DAYS, Instant, MONTHS, days_of};

/// A part of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
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
pub(super) fn element_at(layout: &str, after_digit: bool) -> (Option<Element>, usize) {
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
pub(super) fn parse_with(layout: &str, text: &str) -> Option<Instant> {
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
            // As Go: an abbreviation that is not known here is a zone of its own, without an offset.
            Element::ZoneName => {
                let letters = rest.chars().take_while(char::is_ascii_uppercase).count();
                let known =
                    matches!(letters, 3..=5) && (letters == 3 || rest[..letters].ends_with('T'));
                rest = known.then(|| &rest[letters..])?;
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
