//! Points in time: Go's `time.Time`.

use std::fmt;

use super::abbreviation::Abbreviation;
use super::layouts::{Element, element_at};

/// A point in time, with a UTC offset for display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instant {
    /// Seconds since 1970.
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: u32,
    /// Seconds east of UTC.
    pub(crate) offset: i32,
    /// The name of the offset, if it has one.
    pub(crate) zone: Option<Abbreviation>,
}

pub(crate) const MONTHS: [&str; 12] = [
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
pub(crate) const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
pub(crate) const DAY: i64 = 86_400;
pub(crate) const SECOND: i64 = 1_000_000_000;

/// A date and a time of day.
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    pub(crate) weekday: usize,
    pub(crate) year_day: i64,
}

/// Days since 1970 of a date in the Gregorian calendar.
pub(crate) fn days_of(year: i64, month: i64, day: i64) -> i64 {
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
            zone: Some(Abbreviation::UTC),
        }
    }

    /// Go's zero time: the first of January of the year one.
    pub(crate) fn zero() -> Self {
        Self::from_seconds(days_of(1, 1, 1) * DAY)
    }

    /// The same instant, shown in UTC.
    pub(crate) fn utc(self) -> Self {
        Self {
            offset: 0,
            zone: Some(Abbreviation::UTC),
            ..self
        }
    }

    pub(crate) fn civil(self) -> Civil {
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

    /// The format of `encoding/json`.
    pub(crate) fn to_rfc3339(self) -> String {
        self.format("2006-01-02T15:04:05.999999999Z07:00")
    }

    pub(crate) fn plus(self, nanoseconds: i64) -> Self {
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
            match element_at(rest) {
                None => {
                    let width = rest.chars().next().map_or(1, char::len_utf8);
                    out.push_str(&rest[..width]);
                    rest = &rest[width..];
                }
                Some((element, length)) => {
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
            Element::UnderYearDay => format!("{:3}", civil.year_day),
            Element::Hour => format!("{:02}", civil.hour),
            Element::Hour12 => hour12.to_string(),
            Element::ZeroHour12 => format!("{hour12:02}"),
            Element::Minute => civil.minute.to_string(),
            Element::ZeroMinute => format!("{:02}", civil.minute),
            Element::Second => civil.second.to_string(),
            Element::ZeroSecond => format!("{:02}", civil.second),
            Element::LongYear if civil.year < 0 => format!("-{:04}", -civil.year),
            Element::LongYear => format!("{:04}", civil.year),
            Element::Year => format!("{:02}", civil.year.rem_euclid(100)),
            Element::UpperPm => if civil.hour >= 12 { "PM" } else { "AM" }.to_owned(),
            Element::LowerPm => if civil.hour >= 12 { "pm" } else { "am" }.to_owned(),
            Element::ZoneName => match &self.zone {
                Some(zone) => zone.as_str().to_owned(),
                None => self.zone_number("-0700"),
            },
            Element::Zone => self.zone_number(spelling),
            Element::Fraction => self.fraction(spelling),
        };
        out.push_str(&text);
    }

    fn zone_number(self, spelling: &str) -> String {
        if spelling.starts_with('Z') && self.offset == 0 {
            return "Z".into();
        }
        // Less than a minute to the west is written with a plus, as in Go.
        let sign = if self.offset <= -60 { '-' } else { '+' };
        let seconds = self.offset.unsigned_abs();
        let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
        match &spelling[1..] {
            "070000" => format!("{sign}{hours:02}{minutes:02}{:02}", seconds % 60),
            "07:00:00" => format!("{sign}{hours:02}:{minutes:02}:{:02}", seconds % 60),
            "0700" => format!("{sign}{hours:02}{minutes:02}"),
            "07:00" => format!("{sign}{hours:02}:{minutes:02}"),
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
}

impl fmt::Display for Instant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.format("2006-01-02 15:04:05.999999999 -0700 MST"))
    }
}
