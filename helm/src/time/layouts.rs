//! Go's layouts of dates.

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
    UnderYearDay,
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

/// A longer spelling comes before its prefixes.
const ELEMENTS: [(&str, Element); 33] = [
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
    ("__2", Element::UnderYearDay),
    ("_2", Element::UnderDay),
    ("3", Element::Hour12),
    ("4", Element::Minute),
    ("5", Element::Second),
    ("PM", Element::UpperPm),
    ("pm", Element::LowerPm),
    ("-070000", Element::Zone),
    ("-07:00:00", Element::Zone),
    ("-0700", Element::Zone),
    ("-07:00", Element::Zone),
    ("-07", Element::Zone),
    ("Z070000", Element::Zone),
    ("Z07:00:00", Element::Zone),
    ("Z0700", Element::Zone),
    ("Z07:00", Element::Zone),
    ("Z07", Element::Zone),
];

/// The element that a layout starts with, and its length.
pub(super) fn element_at(layout: &str) -> Option<(Element, usize)> {
    if let Some(fraction) = layout.strip_prefix(['.', ',']) {
        return ['0', '9'].into_iter().find_map(|filler| {
            let rest = fraction.trim_start_matches(filler);
            let count = fraction.len() - rest.len();
            let ends = !rest.starts_with(|next: char| next.is_ascii_digit());
            (count > 0 && ends).then_some((Element::Fraction, count + 1))
        });
    }
    // An underscore before a year is a literal.
    if layout.starts_with("_2006") {
        return None;
    }
    let found = ELEMENTS.iter().find(|(spelling, element)| {
        let is_short_name = matches!(element, Element::Month | Element::Weekday);
        // "Monthly" does not contain a weekday.
        layout.strip_prefix(spelling).is_some_and(|rest| {
            !is_short_name || !rest.starts_with(|next: char| next.is_ascii_lowercase())
        })
    });
    found.map(|(spelling, element)| (*element, spelling.len()))
}
