//! The age of the oldest drift.

use chrono::TimeDelta;

use super::{Report, Row};
use crate::plan::Behind;

/// The name in `sli.json` and `taskset.json`, and of the sub-metric.
pub const OLDEST_DRIFT: &str = "oldest_drift_hours";

impl Report {
    /// Hours since the oldest known drift, with one decimal. Not every source has times, and a build date is shortly before
    /// the image was published. 0 if nothing needs a sync; `None` if that is not known, or if no source of an image that needs one has times.
    pub fn oldest_drift_hours(&self) -> Option<f64> {
        self.oldest_drift_age().map(hours)
    }

    /// The same, exactly.
    pub(super) fn oldest_drift_age(&self) -> Option<TimeDelta> {
        match (self.oldest(), self.metric()) {
            (Some((_, behind)), _) => Some(self.started - behind.since),
            (None, Some(0)) => Some(TimeDelta::zero()),
            (None, Some(_) | None) => None,
        }
    }

    /// The same as a sentence; `None` if there is no known drift.
    pub(super) fn oldest_drift(&self) -> Option<String> {
        let (row, behind) = self.oldest()?;
        let name = row.destination.rsplit('/').next().unwrap_or_default();
        let place = match self.only_registry() {
            Some(_) => String::new(),
            None => format!(" in {}", self.server_of(row)),
        };
        let hours = hours(self.started - behind.since);
        let age = if hours < 48.0 {
            format!("{hours} hours")
        } else {
            format!("{} days", (self.started - behind.since).num_days())
        };
        Some(format!(
            "Oldest drift: {name}{place} is {} ({age}).",
            behind.text()
        ))
    }

    fn oldest(&self) -> Option<(&Row, Behind)> {
        let rows = self.rows.iter();
        let known = rows.filter_map(|row| Some((row, row.behind_since?)));
        known.min_by_key(|(_, behind)| behind.since)
    }
}

#[expect(clippy::cast_precision_loss, reason = "tenths of an hour")]
fn hours(age: TimeDelta) -> f64 {
    let tenths = age.num_minutes().max(0) / 6;
    tenths as f64 / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_have_one_decimal_and_are_not_negative() {
        assert_eq!(hours(TimeDelta::minutes(95)).to_string(), "1.5");
        assert_eq!(hours(TimeDelta::minutes(5)).to_string(), "0");
        assert_eq!(hours(TimeDelta::days(-1)).to_string(), "0");
    }
}
