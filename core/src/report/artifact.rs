//! The JSON files that a run leaves for other programs.

use serde_json::{Value, json};

use super::{Done, Report, Row};
use crate::observe::Category;
use crate::plan::Verdict;

/// A file to write, whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its path below `OUTPUT_DIR`, where other tools have always found these files.
    pub path: String,
    /// Its content.
    pub content: String,
}

impl Artifact {
    fn json(path: String, value: &Value) -> Self {
        Self {
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
    let folder = "azure-rw-acr-sync";
    vec![
        Artifact::json(
            format!("{folder}/cc_images_to_update.json"),
            &codecollection.into(),
        ),
        Artifact::json(format!("{folder}/{}.json", report.program), &whole(report)),
        Artifact::json(format!("{folder}/issues.json"), &json!(report.issues)),
    ]
}

/// Everything known.
fn whole(report: &Report) -> Value {
    let category = |category: Category| {
        let counts = report.counts_of(category);
        json!({"counts": counts, "needs_sync": (counts.unknown == 0).then(|| counts.remaining())})
    };
    let requests: u64 = report.hosts.values().map(|host| host.requests).sum();
    json!({
        "program": report.program,
        "version": env!("CARGO_PKG_VERSION"),
        "registry": report.registry,
        "status": report.status().name(),
        "exit_code": report.status().code(),
        "needs_sync": report.metric(),
        "counts": report.counts(),
        "categories": {
            "codecollection": category(Category::CodeCollection),
            "runwhen_local": category(Category::RunWhenLocal),
        },
        "images": report.rows.iter().map(image).collect::<Vec<_>>(),
        "started": report.started.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "duration_ms": milliseconds(report.duration),
        "requests": requests,
        "hosts": report.hosts,
        "settings": report.settings.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<serde_json::Map<_, _>>(),
    })
}

fn image(row: &Row) -> Value {
    let problem = match (&row.verdict, &row.done) {
        (Verdict::Unknown(problem), _) | (_, Done::Failed { problem, .. }) => Some(problem),
        _ => None,
    };
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
        "problem": problem,
    })
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
