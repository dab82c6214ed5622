//! The way that an image took into the destination, and what a copy did with its bytes.

use std::time::Duration;

use serde_json::{Value, json};

use super::table::{Table, bytes};
use super::{Report, Row};
use crate::apply::{Copied, Method, Outcome, Referrers};
use crate::plan::{Entry, Step};
use crate::problem::Problem;

/// The way of one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    pub method: Method,
    /// Why the image was copied instead of imported.
    pub fallback: Option<Problem>,
    /// The artifacts that refer to the image.
    pub referrers: Referrers,
    /// The time from the start of the run.
    pub begun: Duration,
    pub duration: Duration,
}

impl Transfer {
    /// `None` if nothing was tried.
    pub(super) fn of(entry: &Entry, outcomes: &[Outcome]) -> Option<Self> {
        let Step::Import(action) = &entry.step else {
            return None;
        };
        let mut outcomes = outcomes.iter();
        let outcome = outcomes.find(|outcome| outcome.targets == action.targets)?;
        Some(Self {
            method: outcome.attempt.method,
            fallback: outcome.attempt.fallback.clone(),
            referrers: outcome.attempt.referrers.clone(),
            begun: outcome.begun,
            duration: outcome.duration,
        })
    }

    pub(super) fn is_copy(&self) -> bool {
        matches!(self.method, Method::Copy(_))
    }

    /// `import` or `copy`.
    fn method_name(&self) -> &'static str {
        match self.method {
            Method::Import => "import",
            Method::Copy(_) => "copy",
        }
    }

    /// The fields of an image in the artifacts.
    pub(super) fn artifact(&self) -> Value {
        let copied = match self.method {
            Method::Import => Value::Null,
            Method::Copy(copied) => json!({
                "bytes_sent": copied.bytes_sent,
                "bytes_mounted": copied.bytes_mounted,
                "bytes_skipped": copied.bytes_skipped,
                "bytes_per_second": self.bytes_per_second(copied),
            }),
        };
        let Referrers {
            copied: referrers,
            problems,
        } = &self.referrers;
        json!({
            "method": self.method_name(),
            "fallback": self.fallback,
            "copied": copied,
            "referrers": {"copied": referrers, "problems": problems},
        })
    }

    /// Bytes that were sent per second.
    pub(super) fn bytes_per_second(&self, copied: Copied) -> u64 {
        let milliseconds = self.duration.as_millis().max(1);
        let rate = u128::from(copied.bytes_sent) * 1_000 / milliseconds;
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    /// A warning about artifacts that were not copied.
    pub(super) fn note(&self) -> Option<String> {
        let problems = &self.referrers.problems;
        let first = problems.first()?;
        let what = "signatures or other artifacts of this image were not copied";
        Some(format!("{what} ({} problems): {first}", problems.len()))
    }
}

/// The copies of a run; `None` if there are none.
pub(super) fn table(report: &Report) -> Option<Table> {
    let rows = report
        .rows
        .iter()
        .filter_map(|row| line(row, row.transfer.as_ref()?));
    let rows: Vec<_> = rows.collect();
    let head = [
        "Image",
        "Sent",
        "Mounted",
        "Skipped",
        "Rate",
        "Instead of an import, because",
    ];
    (!rows.is_empty()).then(|| Table::new("Copies", &head, rows))
}

fn line(row: &Row, transfer: &Transfer) -> Option<Vec<String>> {
    let Method::Copy(copied) = transfer.method else {
        return None;
    };
    let reason = transfer.fallback.as_ref().map(Problem::fact);
    Some(vec![
        row.destination.clone(),
        bytes(copied.bytes_sent),
        bytes(copied.bytes_mounted),
        bytes(copied.bytes_skipped),
        format!("{}/s", bytes(transfer.bytes_per_second(copied))),
        reason.unwrap_or_else(|| super::table::NOTHING.to_owned()),
    ])
}
