//! The tables of the report, for every renderer.

use std::time::Duration;

use serde::Serialize;

use super::row::NOWHERE;
use super::short::{common_folder, in_folder};
use super::{ActionResult, Report, Row};
use crate::discover::Category;
use crate::name::Tag;
use crate::plan::Verdict;

/// A table under a heading.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Table {
    pub title: String,
    /// `pairs` (two columns, which stay next to each other on a narrow screen) or `wide`.
    pub class: &'static str,
    pub head: Vec<&'static str>,
    pub rows: Vec<Vec<Field>>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Field {
    pub text: String,
    /// The heading of the column, for narrow screens.
    pub label: &'static str,
    /// `good`, `bad`, `warn` or empty.
    pub mood: &'static str,
}

impl Table {
    pub(super) fn new(
        title: impl Into<String>,
        head: &[&'static str],
        rows: Vec<Vec<(String, &'static str)>>,
    ) -> Self {
        let fields = |row: Vec<(String, &'static str)>| {
            head.iter()
                .zip(row)
                .map(|(label, (text, mood))| Field { text, label, mood })
                .collect()
        };
        Self {
            title: title.into(),
            class: if head.len() == 2 { "pairs" } else { "wide" },
            head: head.to_vec(),
            rows: rows.into_iter().map(fields).collect(),
        }
    }
}

pub(super) const PLAIN: &str = "";
pub(super) const NOTHING: &str = "–";

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
    let is_copy = matches!(&row.transfer, Some(transfer) if transfer.is_copy());
    let (way, arrived) = match is_copy {
        true => ("copy", "copied, verified"),
        false => ("import", "imported, verified"),
    };
    let (action, outcome, mood, duration) = match &row.done {
        ActionResult::Nothing => ("none", NOTHING, PLAIN, None),
        ActionResult::NotRequested => ("none (SYNC_IMAGES=false)", NOTHING, PLAIN, None),
        ActionResult::Imported(duration) => (way, arrived, "good", Some(*duration)),
        ActionResult::Uncertain { duration, .. } => {
            (way, "not confirmed yet", "bad", Some(*duration))
        }
        ActionResult::Failed { duration: None, .. } => ("none", "not possible", "bad", None),
        ActionResult::Failed { duration, .. } => (way, "failed", "bad", *duration),
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

/// The images of one category with short names, so that a line has about 100 columns at most. The folders that
/// they have in common are above the table.
pub(super) fn short_images(report: &Report, category: Category) -> Option<(String, Table)> {
    let rows = report.rows.iter().filter(|row| row.category == category);
    let rows: Vec<_> = rows.collect();
    let known = rows.iter().filter(|row| row.destination != NOWHERE);
    let sources = common_folder(known.clone().map(|row| row.source.as_str()));
    let destinations = common_folder(known.map(|row| row.destination.as_str()));
    let chart = match (category, &report.chart) {
        (Category::RunWhenLocal, Some(chart)) => format!(" of the chart {chart}"),
        (Category::RunWhenLocal, None) | (Category::CodeCollection, _) => String::new(),
    };
    let place = match (sources, destinations) {
        (Some(source), Some(destination)) => format!("From {source} to {destination}:"),
        (None, Some(destination)) => format!("To {destination}:"),
        (_, None) => String::new(),
    };
    let title = format!("{} images{chart}", category.title());
    let short = |row: &&Row| {
        let mut fields = vec![(short_name(row, destinations), PLAIN)];
        if sources.is_none() {
            let host = row.source.split('/').next().unwrap_or_default();
            let host = if row.destination == NOWHERE {
                NOTHING
            } else {
                host
            };
            fields.push((host.to_owned(), PLAIN));
        }
        fields.push((short_tag(row), PLAIN));
        fields.push((row.verdict.name().to_owned(), mood_of(&row.verdict)));
        fields.push((short_outcome(row), PLAIN));
        fields
    };
    let head = match sources {
        Some(_) => &["Image", "Tag", "Verdict", "Outcome"][..],
        None => &["Image", "From", "Tag", "Verdict", "Outcome"],
    };
    let table = Table::new(title, head, rows.iter().map(short).collect());
    (!rows.is_empty()).then_some((place, table))
}

/// The name at the destination, without its tag.
fn short_name(row: &Row, folder: Option<&str>) -> String {
    if row.destination == NOWHERE {
        return row.source.clone();
    }
    let name = in_folder(&row.destination, folder);
    name.split(':').next().unwrap_or(name).to_owned()
}

/// The tag at the source, and the tag at the destination if it is another.
fn short_tag(row: &Row) -> String {
    let place = row.destination.rsplit('/').next().unwrap_or_default();
    let target = place.split_once(':').map(|(_, tag)| tag);
    match (row.tag.as_ref().map(Tag::as_str), target) {
        (Some(tag), Some(target)) if tag != target => format!("{tag} as {target}"),
        (Some(tag), _) | (None, Some(tag)) => tag.to_owned(),
        (None, None) => NOTHING.to_owned(),
    }
}

fn short_outcome(row: &Row) -> String {
    match &row.done {
        ActionResult::Nothing => NOTHING.to_owned(),
        ActionResult::NotRequested => "not requested".to_owned(),
        ActionResult::Imported(duration) => format!("imported in {}", seconds(*duration)),
        ActionResult::Uncertain { .. } => "not confirmed yet".to_owned(),
        ActionResult::Failed { duration: None, .. } => "not possible".to_owned(),
        ActionResult::Failed {
            duration: Some(duration),
            ..
        } => format!("failed after {}", seconds(*duration)),
    }
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

/// The workloads that use the chart's images; `None` if no image is from a chart.
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
        "Workloads that use the images of {}",
        report.chart.as_deref().unwrap_or("the chart")
    );
    (!rows.is_empty()).then(|| Table::new(title, &["Image", "Used by"], rows))
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

pub(super) fn settings(report: &Report) -> Table {
    let rows = report
        .settings
        .iter()
        .map(|(name, value)| vec![((*name).to_owned(), PLAIN), (value.clone(), PLAIN)]);
    Table::new("Settings", &["Variable", "Value"], rows.collect())
}

/// Seconds with one decimal.
pub(super) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// Bytes in the unit that fits.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..1_024 => format!("{count} B"),
        1_024..1_048_576 => format!("{:.1} KiB", kibibytes(count)),
        _ => format!("{:.1} MiB", kibibytes(count) / 1024.0),
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn kibibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}
