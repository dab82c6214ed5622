//! The JSON files that a run leaves for other programs.

use serde_json::{Value, json};

use super::{Done, NOWHERE, Report, Row};
use crate::discover::Category;
use crate::plan::Verdict;

/// The folder of most artifacts, below `OUTPUT_DIR`.
pub const FOLDER: &str = "azure-rw-acr-sync";

/// Where other tools have always found the original's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `OUTPUT_DIR`.
    Output,
    /// `CODEBUNDLE_TEMP_DIR`.
    Temp,
}

/// A file to write, whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The folder that its path begins in.
    pub place: Place,
    /// Its path.
    pub path: String,
    /// Its content.
    pub content: String,
}

impl Artifact {
    fn json(place: Place, path: String, value: &Value) -> Self {
        Self {
            place,
            path,
            content: format!("{value:#}\n"),
        }
    }
}

/// All artifacts of a run.
pub fn artifacts(report: &Report) -> Vec<Artifact> {
    let remaining = |row: &&Row| row.verdict.needs_sync() && !matches!(row.done, Done::Imported(_));
    let codecollection: Vec<_> = report
        .rows
        .iter()
        .filter(|row| row.category == Category::CodeCollection)
        .filter(remaining)
        .map(|row| {
            let mut entry = image(row);
            entry["destination"] = format!("{}/{}", report.registry, row.destination).into();
            entry
        })
        .collect();
    let below = |name: &str| format!("{FOLDER}/{name}");
    let mut artifacts = vec![
        Artifact::json(
            Place::Output,
            below(&format!("{}.json", report.program)),
            &whole(report),
        ),
        Artifact::json(Place::Output, below("issues.json"), &json!(report.issues)),
    ];
    // A category that was not looked at leaves no file that says "nothing to do".
    if report.counts_of(Category::CodeCollection).total > 0 {
        let path = below("cc_images_to_update.json");
        artifacts.push(Artifact::json(Place::Output, path, &codecollection.into()));
    }
    if report.counts_of(Category::RunWhenLocal).total > 0 {
        let path = "images_to_update.json".to_owned();
        artifacts.push(Artifact::json(Place::Temp, path, &runwhen_local(report)));
    }
    artifacts
}

/// `{"<source>": {"private_image", "update_required"}}`; what is unknown requires neither: null.
fn runwhen_local(report: &Report) -> Value {
    let rows = report
        .rows
        .iter()
        .filter(|row| row.category == Category::RunWhenLocal && row.destination != NOWHERE);
    let entry = |row: &Row| {
        let mut entry = image(row);
        entry["private_image"] = format!("{}/{}", report.registry, row.destination).into();
        entry["update_required"] = match &row.verdict {
            Verdict::Unknown(_) => Value::Null,
            _ => (row.verdict.needs_sync() && !matches!(row.done, Done::Imported(_))).into(),
        };
        (row.source.clone(), entry)
    };
    Value::Object(rows.map(entry).collect())
}

/// Everything known.
fn whole(report: &Report) -> Value {
    // A category that was not looked at is null, not zero.
    let category = |category: Category| {
        let counts = report.counts_of(category);
        let known = json!({"counts": counts, "needs_sync": counts.number()});
        let known = (counts.total > 0).then_some(known);
        (category.name().to_owned(), json!(known))
    };
    let requests: u64 = report.hosts.values().map(|host| host.requests).sum();
    json!({
        "program": report.program,
        "version": env!("CARGO_PKG_VERSION"),
        "registry": report.registry,
        "chart": report.chart,
        "status": report.status().name(),
        "exit_code": report.status().code(),
        "needs_sync": report.metric(),
        "counts": report.counts(),
        "categories": Category::ALL.map(category).into_iter().collect::<serde_json::Map<_, _>>(),
        "images": report.rows.iter().map(image).collect::<Vec<_>>(),
        "started": report.started.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "timings_ms": {
            "total": milliseconds(report.duration),
            "check": milliseconds(report.looked_in),
            "import": milliseconds(report.duration.saturating_sub(report.looked_in)),
        },
        "requests": requests,
        "hosts": report.hosts,
        "settings": report.settings.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<serde_json::Map<_, _>>(),
    })
}

fn image(row: &Row) -> Value {
    let (outcome, duration) = match &row.done {
        Done::Nothing => (None, None),
        Done::NotAsked => (Some("not_asked"), None),
        Done::Imported(duration) => (Some("imported"), Some(milliseconds(*duration))),
        Done::Failed { duration, .. } => (Some("failed"), duration.map(milliseconds)),
    };
    json!({
        "category": row.category,
        "source": row.source,
        "destination": row.destination,
        "tag": row.tag,
        "digest": row.digest,
        "verdict": row.verdict.name(),
        "reason": row.reason,
        "outcome": outcome,
        "import_ms": duration,
        "problem": row.problem(),
        "wanted_by": row.wanted_by,
        "note": row.note,
    })
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
