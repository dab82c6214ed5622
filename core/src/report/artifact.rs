//! The JSON files that a run writes for other programs.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::row::NOWHERE;
use super::{ActionResult, Report, Row};
use crate::discover::Category;
use crate::plan::Verdict;

/// The folder of all files but `images_to_update.json`, below `OUTPUT_DIR`.
pub const FOLDER: &str = "azure-rw-acr-sync";

/// The folder of a run's own results, below `OUTPUT_DIR`: runs of one category each do not overwrite those of the other.
pub fn folder(images: &BTreeSet<Category>) -> String {
    let mut categories = images.iter();
    match (categories.next(), categories.next()) {
        (Some(only), None) => format!("{FOLDER}/{}", only.option()),
        _ => FOLDER.to_owned(),
    }
}

/// The folder of an artifact. Other tools read the original's files in these folders.
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
    pub place: Place,
    /// Relative to `place`.
    pub path: String,
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

/// All results of a run, as its own artifact has them.
pub fn json(report: &Report) -> String {
    format!("{:#}\n", whole(report))
}

/// All artifacts of a run.
pub fn artifacts(report: &Report) -> Vec<Artifact> {
    let own = |name: &str| format!("{}/{name}", report.folder);
    let mut artifacts = vec![
        Artifact::json(
            Place::Output,
            own(&format!("{}.json", report.program)),
            &whole(report),
        ),
        Artifact::json(Place::Output, own("issues.json"), &json!(report.issues)),
    ];
    // A category that was not checked must not have a file that means "nothing to do".
    let lists = [
        (Category::CodeCollection, "cc_images_to_update.json"),
        (Category::Extra, "extra_images_to_update.json"),
    ];
    for (category, name) in lists {
        if report.counts_of(category).total > 0 {
            let path = format!("{FOLDER}/{name}");
            let value = to_update(report, category);
            artifacts.push(Artifact::json(Place::Output, path, &value));
        }
    }
    if report.counts_of(Category::RunWhenLocal).total > 0 {
        let path = "images_to_update.json".to_owned();
        artifacts.push(Artifact::json(Place::Temp, path, &runwhen_local(report)));
    }
    artifacts
}

/// True if an image needs a sync when the run ends; `None` if that is not known.
fn update_required(row: &Row) -> Option<bool> {
    match (&row.verdict, &row.done) {
        (Verdict::Unknown(_), _) | (_, ActionResult::Uncertain { .. }) => None,
        (_, ActionResult::Failed { problem, .. }) if problem.may_have_acted => None,
        (_, ActionResult::Imported(_)) => Some(false),
        (
            verdict,
            ActionResult::Nothing | ActionResult::NotRequested | ActionResult::Failed { .. },
        ) => Some(verdict.needs_sync()),
    }
}

/// `[{"source", "destination"}]`: the images of a category that need a sync.
///
/// If that is not known of all images, the value is `false` instead of a list. The original's reader counts with
/// `if . == null or . == [] then 0 else length end` and takes a missing file for 0. Of all values, only a boolean makes
/// `length` and `.[]` fail.
fn to_update(report: &Report, category: Category) -> Value {
    if report.metric_of(category).is_none() {
        return false.into();
    }
    let rows = report.rows.iter().filter(|row| row.category == category);
    rows.filter(|row| update_required(row) == Some(true))
        .map(|row| image(report, row))
        .collect()
}

/// `{"<source>": {"private_image", "update_required"}}`: all images; `update_required` is null if it is not known.
///
/// With several registries, the key is `<source> -> <destination>`, so that each has an entry.
///
/// The original's reader counts with `map(select(.value.update_required == true))`, in which null means the
/// same as false. An additional entry whose value is a text makes it fail.
fn runwhen_local(report: &Report) -> Value {
    let rows = report
        .rows
        .iter()
        .filter(|row| row.category == Category::RunWhenLocal);
    let entry = |row: &Row| {
        let mut entry = image(report, row);
        entry["private_image"] = json!(row.destination);
        entry["update_required"] = json!(update_required(row));
        let key = match report.only_registry() {
            Some(_) => row.source.clone(),
            None => format!("{} -> {}", row.source, row.destination),
        };
        (key, entry)
    };
    let known = rows.clone().filter(|row| row.destination != NOWHERE);
    let mut entries: serde_json::Map<_, _> = known.map(entry).collect();
    let mut unknown = rows.filter(|row| update_required(row).is_none());
    if let Some(first) = unknown.next() {
        let more = match unknown.count() {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let text = format!("not known for {}{more}: {}", first.source, first.why());
        entries.insert("incomplete".to_owned(), text.into());
    }
    Value::Object(entries)
}

/// The results of each category.
fn categories(report: &Report) -> Value {
    // A category that was not checked is null, not zero.
    let category = |category: Category| {
        let counts = report.counts_of(category);
        let known = json!({"counts": counts, "needs_sync": report.metric_of(category)});
        let known = (counts.total > 0).then_some(known);
        (category.name().to_owned(), json!(known))
    };
    let categories = Category::ALL.map(category).into_iter();
    Value::Object(categories.collect())
}

/// All results of the run.
fn whole(report: &Report) -> Value {
    let requests: u64 = report.hosts.values().map(|host| host.requests).sum();
    let mut whole = json!({
        "program": report.program,
        "version": env!("CARGO_PKG_VERSION"),
        "registry": report.only_registry().map(|registry| &registry.server),
        "registries": report.by_registry().iter().map(registry).collect::<Vec<_>>(),
        "chart": report.chart,
        "extra_charts": report.extra_charts,
        "excluded": super::exclusion::artifact(report),
        "images": report.rows.iter().map(|row| image(report, row)).collect::<Vec<_>>(),
        "started": report.started.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "timings_ms": {
            "total": milliseconds(report.duration),
            "check": milliseconds(report.check_duration),
            "import": milliseconds(report.duration.saturating_sub(report.check_duration)),
        },
        "requests": requests,
        "hosts": report.hosts,
        "settings": report.settings.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<serde_json::Map<_, _>>(),
    });
    add(&mut whole, outcome(report));
    whole
}

/// The result for one registry.
fn registry(report: &Report) -> Value {
    let name = report.only_registry().map(|registry| &registry.name);
    let mut registry = json!({"registry": report.place(), "name": name});
    add(&mut registry, outcome(report));
    registry
}

/// What a run and each of its registries have.
fn outcome(report: &Report) -> Value {
    json!({
        "status": report.status().name(),
        "exit_code": report.status().code(),
        "needs_sync": report.metric(),
        "oldest_drift_hours": report.oldest_drift_hours(),
        "counts": report.counts(),
        "categories": categories(report),
    })
}

fn add(object: &mut Value, fields: Value) {
    if let (Value::Object(object), Value::Object(fields)) = (object, fields) {
        object.extend(fields);
    }
}

fn image(report: &Report, row: &Row) -> Value {
    let (outcome, duration) = match &row.done {
        ActionResult::Nothing => (None, None),
        ActionResult::NotRequested => (Some("not_asked"), None),
        ActionResult::Imported(duration) => (Some("imported"), Some(milliseconds(*duration))),
        ActionResult::Uncertain { duration, .. } => {
            (Some("uncertain"), Some(milliseconds(*duration)))
        }
        ActionResult::Failed { duration, .. } => (Some("failed"), duration.map(milliseconds)),
    };
    let previous = row.previous.iter();
    let previous: serde_json::Map<_, _> = previous
        .map(|(tag, digest)| (tag.to_string(), json!(digest)))
        .collect();
    let mut image = json!({
        "category": row.category,
        "registry": report.server_of(row),
        "source": row.source,
        "destination": row.destination,
        "tag": row.tag,
        "digest": row.digest,
        "previous_digests": previous,
        "verdict": row.verdict.name(),
        "reason": row.reason,
        "behind_since": row.behind_since.map(|behind| behind.since.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
        "outcome": outcome,
        "import_ms": duration,
        "transfer": row.transfer.as_ref().map(super::Transfer::artifact),
        "problem": row.problem(),
        "wanted_by": row.wanted_by,
        "note": row.note,
    });
    if let Some(slug) = &row.slug {
        image["slug"] = json!(slug);
    }
    image
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
