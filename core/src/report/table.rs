//! Tables of the report: built once, shown by every renderer.

use std::time::Duration;

use serde::Serialize;

use super::{ActionResult, Report, Row};
use crate::plan::Verdict;

/// A table under a heading.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Table {
    pub title: String,
    /// Two columns of names and values stay beside each other on a narrow screen.
    pub class: &'static str,
    pub head: Vec<&'static str>,
    pub rows: Vec<Vec<Cell>>,
}

/// One field of a table.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Cell {
    pub text: String,
    /// The column's heading, for narrow screens.
    pub label: &'static str,
    /// `good`, `bad`, `warn` or empty.
    pub mood: &'static str,
}

impl Table {
    fn new(
        title: impl Into<String>,
        head: &[&'static str],
        rows: Vec<Vec<(String, &'static str)>>,
    ) -> Self {
        let cells = |row: Vec<(String, &'static str)>| {
            head.iter()
                .zip(row)
                .map(|(label, (text, mood))| Cell { text, label, mood })
                .collect()
        };
        Self {
            title: title.into(),
            class: if head.len() == 2 { "pairs" } else { "wide" },
            head: head.to_vec(),
            rows: rows.into_iter().map(cells).collect(),
        }
    }
}

const PLAIN: &str = "";
const NOTHING: &str = "–";

/// The images.
pub(super) fn images(report: &Report) -> Table {
    let head = [
        "Source", "Tag", "Digest", "Verdict", "Action", "Outcome", "Duration",
    ];
    Table::new("Images", &head, report.rows.iter().map(image).collect())
}

fn image(row: &Row) -> Vec<(String, &'static str)> {
    let or_nothing = |text: Option<String>| (text.unwrap_or_else(|| NOTHING.to_owned()), PLAIN);
    // The tag has a column of its own.
    let source = match &row.tag {
        Some(tag) => row.source.replacen(&format!(":{tag}"), "", 1),
        None => row.source.clone(),
    };
    let (action, outcome, mood, duration) = match &row.done {
        ActionResult::Nothing => ("none", NOTHING, PLAIN, None),
        ActionResult::NotAsked => ("none (SYNC_IMAGES=false)", NOTHING, PLAIN, None),
        ActionResult::Imported(duration) => {
            ("import", "imported, verified", "good", Some(*duration))
        }
        ActionResult::Uncertain { duration, .. } => {
            ("import", "not confirmed yet", "bad", Some(*duration))
        }
        ActionResult::Failed { duration: None, .. } => ("none", "not possible", "bad", None),
        ActionResult::Failed { duration, .. } => ("import", "failed", "bad", *duration),
    };
    vec![
        (source, PLAIN),
        or_nothing(row.tag.as_ref().map(ToString::to_string)),
        or_nothing(row.digest.as_ref().map(|digest| digest.short().to_owned())),
        (row.verdict.name().to_owned(), mood_of(&row.verdict)),
        (action.to_owned(), PLAIN),
        (outcome.to_owned(), mood),
        or_nothing(duration.map(seconds)),
    ]
}

fn mood_of(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::UpToDate => "good",
        Verdict::Missing | Verdict::Outdated | Verdict::Drifted | Verdict::NotPublished(_) => {
            "warn"
        }
        Verdict::Unknown(_) => "bad",
    }
}

/// What the chart's images are wanted by; none when no image came from a chart.
pub(super) fn wanted_by(report: &Report) -> Option<Table> {
    let rows: Vec<_> = report
        .rows
        .iter()
        .flat_map(|row| {
            row.wanted_by
                .iter()
                .map(|by| vec![(row.source.clone(), PLAIN), (by.clone(), PLAIN)])
        })
        .collect();
    let title = format!(
        "What wants the images of {}",
        report.chart.as_deref().unwrap_or("the chart")
    );
    (!rows.is_empty()).then(|| Table::new(title, &["Image", "Wanted by"], rows))
}

/// The request ledger.
pub(super) fn hosts(report: &Report) -> Table {
    let head = [
        "Host",
        "Requests",
        "Retries",
        "Received",
        "Time",
        "Rate limit left",
    ];
    let plain = |text: String| (text, PLAIN);
    let rows = report.hosts.iter().map(|(host, ledger)| {
        vec![
            plain(host.clone()),
            plain(ledger.requests.to_string()),
            plain(ledger.retries.to_string()),
            plain(format!("{:.1} KiB", kibibytes(ledger.bytes_received))),
            plain(seconds(Duration::from_millis(ledger.milliseconds))),
            plain(
                ledger
                    .rate_limit_remaining
                    .clone()
                    .unwrap_or_else(|| NOTHING.to_owned()),
            ),
        ]
    });
    Table::new("Requests", &head, rows.collect())
}

/// The settings.
pub(super) fn settings(report: &Report) -> Table {
    let rows = report
        .settings
        .iter()
        .map(|(name, value)| vec![((*name).to_owned(), PLAIN), (value.clone(), PLAIN)]);
    Table::new("Settings", &["Variable", "Value"], rows.collect())
}

/// A time as people read it: seconds with one decimal.
pub(super) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn kibibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}
