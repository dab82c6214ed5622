//! The tables of the report, for every renderer.

use std::time::Duration;

use serde::Serialize;

use super::row::NOWHERE;
use super::short::{common_folder, in_folder};
use super::state::State;
use super::{ActionResult, Report, Row};
use crate::discover::Category;
use crate::name::Tag;

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
}

impl Table {
    pub(super) fn new(
        title: impl Into<String>,
        head: &[&'static str],
        rows: Vec<Vec<String>>,
    ) -> Self {
        let fields = |row: Vec<String>| {
            head.iter()
                .zip(row)
                .map(|(label, text)| Field { text, label })
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

pub(super) const NOTHING: &str = "–";

/// The end of an import in a few words; `None` if none was needed.
pub(super) fn outcome(row: &Row) -> Option<String> {
    let is_copy = matches!(&row.transfer, Some(transfer) if transfer.is_copy());
    let arrived = if is_copy { "copied" } else { "imported" };
    Some(match &row.done {
        ActionResult::Nothing => return None,
        ActionResult::NotRequested => "import not requested".to_owned(),
        ActionResult::Imported(duration) => {
            format!("{arrived}, verified in {}", seconds(*duration))
        }
        ActionResult::Uncertain { duration, .. } => {
            format!("not confirmed yet after {}", seconds(*duration))
        }
        ActionResult::Failed { duration: None, .. } => "import not possible".to_owned(),
        ActionResult::Failed {
            duration: Some(duration),
            ..
        } => format!("failed after {}", seconds(*duration)),
    })
}

/// The heading of the images of one category.
pub(super) fn title(report: &Report, category: Category) -> String {
    let chart = match (category, &report.chart) {
        (Category::RunWhenLocal, Some(chart)) => format!(" of the chart {chart}"),
        (Category::Extra, _) => of_charts(&report.extra_charts),
        (Category::RunWhenLocal, None) | (Category::CodeCollection, _) => String::new(),
    };
    format!("{} images{chart}", category.title())
}

/// ` (charts a 1.0, b 2.0 and 3 more)`. Not all extra images need be of charts.
fn of_charts(charts: &[String]) -> String {
    const MOST: usize = 3;
    let noun = if charts.len() == 1 { "chart" } else { "charts" };
    match charts {
        [] => String::new(),
        [first @ .., last] if charts.len() <= MOST => match first {
            [] => format!(" ({noun} {last})"),
            _ => format!(" ({noun} {} and {last})", first.join(", ")),
        },
        _ => {
            let more = charts.len() - MOST;
            format!(" ({noun} {} and {more} more)", charts[..MOST].join(", "))
        }
    }
}

/// The images of one category with short names, so that a line has about 100 columns at most. The folders that
/// they have in common are above the table.
///
/// With several registries, a column names the registry, and images that are up to date are left out.
pub(super) fn short_images(report: &Report, category: Category) -> Option<(String, Table)> {
    let is_one = report.only_registry().is_some();
    let rows = report.rows.iter().filter(|row| row.category == category);
    let rows: Vec<_> = rows
        .filter(|row| is_one || State::of(row) != State::UpToDate || row.note.is_some())
        .collect();
    let known = rows.iter().filter(|row| row.destination != NOWHERE);
    let sources = common_folder(known.clone().map(|row| row.source.as_str()));
    let destinations = common_folder(known.map(|row| row.destination.as_str()));
    let place = match (sources, destinations) {
        (Some(source), Some(destination)) => format!("From {source} to {destination}:"),
        (None, Some(destination)) => format!("To {destination}:"),
        (Some(source), None) if !is_one => {
            format!(
                "From {source} to {}, without those that are up to date:",
                report.place()
            )
        }
        (_, None) => String::new(),
    };
    let short = |row: &&Row| {
        let mut fields = match is_one {
            true => vec![short_name(row, destinations)],
            false => vec![repository(row), report.server_of(row).to_owned()],
        };
        if sources.is_none() {
            let host = row.source.split('/').next().unwrap_or_default();
            let host = if row.destination == NOWHERE {
                NOTHING
            } else {
                host
            };
            fields.push(host.to_owned());
        }
        fields.push(short_tag(row));
        fields.push(row.verdict.name().to_owned());
        fields.push(short_outcome(row));
        fields
    };
    let head = match (sources, is_one) {
        (Some(_), true) => &["Image", "Tag", "Verdict", "Outcome"][..],
        (None, true) => &["Image", "From", "Tag", "Verdict", "Outcome"],
        (Some(_), false) => &["Image", "Registry", "Tag", "Verdict", "Outcome"],
        (None, false) => &["Image", "Registry", "From", "Tag", "Verdict", "Outcome"],
    };
    let table = Table::new(
        title(report, category),
        head,
        rows.iter().map(short).collect(),
    );
    (!rows.is_empty()).then_some((place, table))
}

/// A row for each registry; `None` for one registry.
pub(super) fn registries(report: &Report) -> Option<Table> {
    if report.only_registry().is_some() {
        return None;
    }
    let rows = report.by_registry().into_iter().map(|part| {
        let counts = part.counts();
        let number = part.metric();
        vec![
            part.place(),
            counts.total.to_string(),
            (counts.up_to_date + counts.imported).to_string(),
            number.map_or("not known".to_owned(), |number| number.to_string()),
            counts.imported.to_string(),
            (counts.failed + counts.uncertain).to_string(),
            counts.unknown.to_string(),
            part.status().name().replace('_', " "),
        ]
    });
    let head = [
        "Registry",
        "Images",
        "In sync",
        "Need a sync",
        "Imported",
        "Failed",
        "Unknown",
        "Status",
    ];
    Some(Table::new("Registries", &head, rows.collect()))
}

/// The last segment at the destination, without its tag.
fn repository(row: &Row) -> String {
    let name = image_name(row);
    match row.destination.as_str() {
        NOWHERE => name,
        _ => name.split(':').next().unwrap_or(&name).to_owned(),
    }
}

/// The name at the destination, without its tag.
pub(super) fn short_name(row: &Row, folder: Option<&str>) -> String {
    if row.destination == NOWHERE {
        return row.source.clone();
    }
    let name = in_folder(&row.destination, folder);
    name.split(':').next().unwrap_or(name).to_owned()
}

/// The name and tag at the destination, without its folders.
pub(super) fn image_name(row: &Row) -> String {
    let place = in_folder(
        &row.destination,
        common_folder([row.destination.as_str()].into_iter()),
    );
    match place {
        NOWHERE => row.source.clone(),
        place => place.to_owned(),
    }
}

/// The tag at the source, and the tag at the destination if it is another.
pub(super) fn short_tag(row: &Row) -> String {
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
    let rows = report.hosts.iter().map(|(host, ledger)| {
        vec![
            host.clone(),
            ledger.requests.to_string(),
            ledger.retries.to_string(),
            format!("{:.1} KiB", kibibytes(ledger.bytes_received)),
            seconds(Duration::from_millis(ledger.milliseconds)),
            ledger
                .rate_limit_remaining
                .clone()
                .unwrap_or_else(|| NOTHING.to_owned()),
        ]
    });
    Table::new("Requests", &head, rows.collect())
}

pub(super) fn settings(report: &Report) -> Table {
    let rows = report
        .settings
        .iter()
        .map(|(name, value)| vec![(*name).to_owned(), value.clone()]);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heading_of_extra_images_names_three_charts_at_most() {
        let charts = ["a 1", "b 2", "c 3", "d 4"].map(str::to_owned);
        for (count, text) in [
            (0, ""),
            (1, " (chart a 1)"),
            (2, " (charts a 1 and b 2)"),
            (3, " (charts a 1, b 2 and c 3)"),
            (4, " (charts a 1, b 2, c 3 and 1 more)"),
        ] {
            assert_eq!(of_charts(&charts[..count]), text);
        }
    }
}
