//! Points in time and durations: Go's `time.Time` and `time.Duration`.

mod abbreviation;
mod durations;
mod instant;
mod layouts;
mod parsing;
mod zones;

pub(crate) use durations::{format_duration, parse_duration};
pub(crate) use instant::{DAY, DAYS, Instant, MONTHS, SECOND, days_of};
pub(crate) use parsing::parse_with;
pub(crate) use zones::in_zone;

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
