//! Reads a time by Go's layouts.

use super::abbreviation::Abbreviation;
use super::instant::{DAY, DAYS, Instant, MONTHS, days_of};
use super::layouts::{Element, element_at};

/// Reads a time by a layout: `time.ParseInLocation`, with UTC as the location.
pub(crate) fn parse_with(layout: &str, text: &str) -> Option<Instant> {
    let mut reader = Reader {
        rest: text,
        ..Reader::default()
    };
    let mut layout = layout;
    while let Some(literal) = layout.chars().next() {
        if let Some((element, length)) = element_at(layout) {
            let spelling = &layout[..length];
            layout = &layout[length..];
            reader.read(element, spelling, layout)?;
        } else if literal == ' ' {
            // Blanks in the layout match any number of blanks, and nothing at the end.
            if !reader.rest.is_empty() && !reader.rest.starts_with(' ') {
                return None;
            }
            reader.rest = reader.rest.trim_start_matches(' ');
            layout = layout.trim_start_matches(' ');
        } else {
            reader.rest = reader.rest.strip_prefix(literal)?;
            layout = &layout[literal.len_utf8()..];
        }
    }
    reader.finish()
}

/// The elements that are read so far.
#[derive(Default)]
struct Reader<'a> {
    rest: &'a str,
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanoseconds: u32,
    is_afternoon: Option<bool>,
    is_utc: bool,
    offset: Option<i32>,
    zone: Option<&'a str>,
}

impl<'a> Reader<'a> {
    /// Reads an element; `after` is the layout after it.
    fn read(&mut self, element: Element, spelling: &str, after: &str) -> Option<()> {
        match element {
            Element::LongYear => self.year = self.number(4, 4)?,
            Element::Year => {
                let short = self.number(2, 2)?;
                self.year = short + if short >= 69 { 1_900 } else { 2_000 };
            }
            Element::LongMonth => self.month = Some(self.name(&MONTHS, usize::MAX)?),
            Element::Month => self.month = Some(self.name(&MONTHS, 3)?),
            Element::NumberMonth => self.read_month(1)?,
            Element::ZeroMonth => self.read_month(2)?,
            Element::LongWeekday => drop(self.name(&DAYS, usize::MAX)?),
            Element::Weekday => drop(self.name(&DAYS, 3)?),
            Element::Day => self.day = Some(self.number(1, 2)?),
            Element::ZeroDay => self.day = Some(self.number(2, 2)?),
            Element::UnderDay => {
                self.skip_blanks(1);
                self.day = Some(self.number(1, 2)?);
            }
            Element::YearDay => self.year_day = Some(self.number(3, 3)?),
            Element::UnderYearDay => {
                self.skip_blanks(2);
                self.year_day = Some(self.number(1, 3)?);
            }
            Element::Hour => self.hour = self.number_below(1, 24)?,
            Element::Hour12 => self.hour = self.number_below(1, 13)?,
            Element::ZeroHour12 => self.hour = self.number_below(2, 13)?,
            Element::Minute => self.minute = self.number_below(1, 60)?,
            Element::ZeroMinute => self.minute = self.number_below(2, 60)?,
            Element::Second => self.read_second(1, after)?,
            Element::ZeroSecond => self.read_second(2, after)?,
            Element::Fraction if spelling.ends_with('0') => {
                let digits = self
                    .rest
                    .strip_prefix(['.', ','])?
                    .get(..spelling.len() - 1)?;
                if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return None;
                }
                self.nanoseconds = nanoseconds_of(digits);
                self.rest = &self.rest[spelling.len()..];
            }
            Element::Fraction => self.read_fraction(),
            Element::UpperPm => self.read_half("AM", "PM")?,
            Element::LowerPm => self.read_half("am", "pm")?,
            Element::ZoneName => self.read_zone_name()?,
            Element::Zone => self.read_offset(spelling)?,
        }
        Some(())
    }

    /// A number with that many digits.
    fn number(&mut self, min: usize, max: usize) -> Option<i64> {
        let digits = self
            .rest
            .bytes()
            .take(max)
            .take_while(u8::is_ascii_digit)
            .count();
        if digits < min {
            return None;
        }
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        number.parse().ok()
    }

    fn number_below(&mut self, min: usize, limit: i64) -> Option<i64> {
        self.number(min, 2).filter(|number| *number < limit)
    }

    /// The position of a name in a list, from one.
    fn name(&mut self, names: &[&str], length: usize) -> Option<i64> {
        for (index, name) in names.iter().enumerate() {
            let name = &name[..name.len().min(length)];
            let start = self.rest.get(..name.len());
            if start.is_some_and(|start| start.eq_ignore_ascii_case(name)) {
                self.rest = &self.rest[name.len()..];
                return Some(index as i64 + 1);
            }
        }
        None
    }

    fn skip_blanks(&mut self, most: usize) {
        for _ in 0..most {
            self.rest = self.rest.strip_prefix(' ').unwrap_or(self.rest);
        }
    }

    /// True if the second of two texts is next, false if the first one is.
    fn one_of(&mut self, first: &str, second: &str) -> Option<bool> {
        let is_second = self.rest.starts_with(second);
        let text = if is_second { second } else { first };
        self.rest = self.rest.strip_prefix(text)?;
        Some(is_second)
    }

    /// If a text has both AM and PM, PM counts.
    fn read_half(&mut self, first: &str, second: &str) -> Option<()> {
        let is_second = self.one_of(first, second)?;
        self.is_afternoon = Some(is_second || self.is_afternoon == Some(true));
        Some(())
    }

    fn read_month(&mut self, min: usize) -> Option<()> {
        let month = self.number_below(min, 13).filter(|month| *month > 0)?;
        self.month = Some(month);
        Some(())
    }

    fn read_second(&mut self, min: usize, after: &str) -> Option<()> {
        self.second = self.number_below(min, 60)?;
        // A fraction is allowed after the seconds even if the layout does not have one.
        let literals = after
            .char_indices()
            .find_map(|(at, _)| element_at(&after[at..]));
        if !matches!(literals, Some((Element::Fraction, _))) {
            self.read_fraction();
        }
        Some(())
    }

    /// A fraction of any length, or none.
    fn read_fraction(&mut self) {
        let Some(digits) = self.rest.strip_prefix(['.', ',']) else {
            return;
        };
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        if count > 0 {
            self.nanoseconds = nanoseconds_of(&digits[..count]);
            self.rest = &digits[count..];
        }
    }

    fn read_zone_name(&mut self) -> Option<()> {
        if let Some(rest) = self.rest.strip_prefix("UTC") {
            self.is_utc = true;
            self.rest = rest;
            return Some(());
        }
        let (zone, rest) = self.rest.split_at(zone_name_length(self.rest)?);
        (self.zone, self.rest) = (Some(zone), rest);
        Some(())
    }

    fn read_offset(&mut self, spelling: &str) -> Option<()> {
        if spelling.starts_with('Z')
            && let Some(rest) = self.rest.strip_prefix('Z')
        {
            self.is_utc = true;
            self.rest = rest;
            return Some(());
        }
        let is_west = self.one_of("+", "-")?;
        let parts = spelling[1..].replace(':', "").len() / 2;
        let mut seconds = 0;
        for (part, unit) in [3_600, 60, 1].into_iter().enumerate().take(parts) {
            if part > 0 && spelling.contains(':') {
                self.rest = self.rest.strip_prefix(':')?;
            }
            // As in Go, offsets of 24 hours and 60 minutes are allowed.
            let limit = if part == 0 { 25 } else { 61 };
            seconds += self.number_below(2, limit)? as i32 * unit;
        }
        self.offset = Some(if is_west { -seconds } else { seconds });
        Some(())
    }

    fn finish(self) -> Option<Instant> {
        if !self.rest.is_empty() {
            return None;
        }
        let hour = match self.is_afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let days = self.days()?;
        let mut instant =
            Instant::from_seconds(days * DAY + hour * 3_600 + self.minute * 60 + self.second);
        instant.nanoseconds = self.nanoseconds;
        let name = self.zone.and_then(Abbreviation::new);
        match (self.is_utc, self.offset, self.zone) {
            (true, _, _) | (false, None, None) => {}
            (false, Some(0), None) => {}
            (false, Some(offset), _) => {
                instant.seconds -= i64::from(offset);
                instant.offset = offset;
                instant.zone = name;
            }
            // An unknown abbreviation is a zone with offset 0, except that `GMT+3` contains its offset.
            (false, None, Some(zone)) => {
                let hours = zone
                    .strip_prefix("GMT")
                    .and_then(|hours| hours.parse::<i32>().ok());
                instant.offset = hours.unwrap_or(0) * 3_600;
                instant.zone = name;
            }
        }
        Some(instant)
    }

    /// The days since 1970.
    fn days(&self) -> Option<i64> {
        let first = days_of(self.year, 1, 1);
        let Some(year_day) = self.year_day else {
            let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
            let start = days_of(self.year, month, 1);
            let next = days_of(self.year + month / 12, month % 12 + 1, 1);
            return (1..=next - start).contains(&day).then_some(start + day - 1);
        };
        if !(1..=days_of(self.year + 1, 1, 1) - first).contains(&year_day) {
            return None;
        }
        let days = first + year_day - 1;
        // If month and day are given too, they must match.
        let month = (1..=12).rfind(|month| days_of(self.year, *month, 1) <= days)?;
        let day = days - days_of(self.year, month, 1) + 1;
        let agrees =
            self.month.is_none_or(|read| read == month) && self.day.is_none_or(|read| read == day);
        agrees.then_some(days)
    }
}

fn nanoseconds_of(digits: &str) -> u32 {
    let digits = &digits[..digits.len().min(9)];
    format!("{digits:0<9}").parse().unwrap_or(0)
}

/// Go's `parseTimeZone`: the length of the abbreviation of a zone at the start.
fn zone_name_length(text: &str) -> Option<usize> {
    if text.starts_with("ChST") || text.starts_with("MeST") {
        return Some(4);
    }
    if let Some(rest) = text.strip_prefix("GMT") {
        return Some(3 + signed_hours_length(rest).unwrap_or(0));
    }
    if text.len() >= 3 && text.starts_with(['+', '-']) {
        return signed_hours_length(text);
    }
    let letters = text
        .bytes()
        .take(6)
        .take_while(u8::is_ascii_uppercase)
        .count();
    match letters {
        3 => Some(3),
        4 if text[..4].ends_with('T') || text.starts_with("WITA") => Some(4),
        5 if text[..5].ends_with('T') => Some(5),
        5 if text[..4].ends_with('T') || text.starts_with("WITA") => Some(4),
        _ => None,
    }
}

/// The length of `+3` or `-04`: up to 23 hours.
fn signed_hours_length(text: &str) -> Option<usize> {
    let rest = text.strip_prefix(['+', '-'])?;
    let count = rest.bytes().take_while(u8::is_ascii_digit).count();
    let hours: u32 = rest[..count].parse().ok()?;
    (hours <= 23).then_some(1 + count)
}
