//! The results of a run in Prometheus's text format, for the textfile collector of node_exporter.

use std::fmt::Display;
use std::time::Duration;

use super::{ActionResult, Report, Row, Status};
use crate::category::Category;
use crate::plan::Verdict;

/// The settings that distinguish the series of two runs, so that the files of several runs can be in one folder.
///
/// The name of the registry is the configured one: its login server may be unknown when a run fails.
const DISTINCTIVE: [(&str, &str); 3] = [
    ("registry", "REGISTRY_NAME"),
    ("repository_path", "REGISTRY_REPOSITORY_PATH"),
    ("images", "IMAGES"),
];

/// The metrics of a run that ends with this status. A number that is not known has no sample, which does not mean 0.
pub fn metrics(report: &Report, status: Status) -> String {
    let checked = |category: &Category| report.counts_of(*category).total > 0;
    let categories: Vec<_> = Category::ALL.into_iter().filter(checked).collect();
    let mut out = Exposition {
        text: String::new(),
        run: labels(report),
    };
    out.family(
        "acr_sync_outdated_images",
        "Images that need a sync when the run ends. Absent if the number is not known.",
        report.metric().map(|number| sample(&[], number)),
    );
    let known = categories.iter().filter_map(|category| {
        let number = report.metric_of(*category)?;
        Some(sample(&[("category", category.name())], number))
    });
    out.family(
        "acr_sync_category_outdated_images",
        "Images of a category that need a sync when the run ends. Absent if the number is not known.",
        known,
    );
    let oldest = report.oldest_drift_age();
    out.family(
        "acr_sync_oldest_drift_seconds",
        "Seconds from the oldest known drift to the start of the run; 0 if nothing needs a sync. Absent if it is not known.",
        oldest.map(|age| sample(&[], age.num_seconds().max(0))),
    );
    out.family(
        "acr_sync_images",
        "Images of a category by the verdict of the check, which precedes the imports.",
        counted(report, &categories, "verdict", Verdict::NAMES, |row| {
            Some(row.verdict.name())
        }),
    );
    out.family(
        "acr_sync_imports",
        "Imports of a category by their result. Uncertain means that the registry does not confirm it.",
        counted(report, &categories, "result", RESULTS, result),
    );
    run(&mut out, report, status);
    out.text
}

fn run(out: &mut Exposition, report: &Report, status: Status) {
    let ended = chrono::Duration::from_std(report.duration).map(|took| report.started + took);
    let ended = ended.unwrap_or(report.started).timestamp_millis();
    out.family(
        "acr_sync_last_run_timestamp_seconds",
        "When the last run ended, in seconds since 1970.",
        [sample(&[], seconds(ended.unsigned_abs()))],
    );
    let took = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    out.family(
        "acr_sync_last_run_duration_seconds",
        "How long the last run took.",
        [sample(&[], seconds(took(report.duration)))],
    );
    out.family(
        "acr_sync_last_run_exit_code",
        "The exit code of the last run. 0 means that everything is known and done.",
        [sample(&[], status.code())],
    );
    out.family(
        "acr_sync_build_info",
        "The version of the executable, as a label.",
        [sample(&[("version", env!("CARGO_PKG_VERSION"))], 1)],
    );
}

const RESULTS: [&str; 3] = ["imported", "failed", "uncertain"];

fn result(row: &Row) -> Option<&'static str> {
    match &row.done {
        ActionResult::Nothing | ActionResult::NotRequested => None,
        ActionResult::Imported(_) => Some("imported"),
        ActionResult::Failed { .. } => Some("failed"),
        ActionResult::Uncertain { .. } => Some("uncertain"),
    }
}

/// The number of images of each category for each value of a label, also if it is 0.
fn counted<const COUNT: usize>(
    report: &Report,
    categories: &[Category],
    name: &str,
    values: [&'static str; COUNT],
    value_of: fn(&Row) -> Option<&'static str>,
) -> Vec<Sample> {
    let count = |category: Category, value: &str| {
        let rows = report.rows.iter().filter(|row| row.category == category);
        let count = rows.filter(|row| value_of(row) == Some(value)).count();
        sample(&[("category", category.name()), (name, value)], count)
    };
    let categories = categories.iter();
    categories
        .flat_map(|category| values.map(|value| count(*category, value)))
        .collect()
}

/// Labels and a value.
type Sample = (String, String);

fn sample(labels: &[(&str, &str)], value: impl Display) -> Sample {
    let labels = labels.iter().map(|(name, value)| label(name, value));
    (labels.collect(), value.to_string())
}

/// Seconds with their fraction, without the rounding of a floating-point number.
fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

/// The labels that every sample of a run has.
fn labels(report: &Report) -> String {
    let settings = DISTINCTIVE.map(|(name, variable)| {
        let mut settings = report.settings.iter();
        let found = settings.find(|(known, _)| *known == variable);
        label(name, found.map_or("", |(_, value)| value.as_str()))
    });
    let program = label("program", report.program);
    format!("{program}{}", settings.concat())
}

/// `name="value",`; the format allows a comma after the last label.
fn label(name: &str, value: &str) -> String {
    let value = value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("{name}=\"{value}\",")
}

struct Exposition {
    text: String,
    /// The labels of the run.
    run: String,
}

impl Exposition {
    /// Writes a gauge with its samples, of which there may be none.
    fn family(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = Sample>) {
        let run = &self.run;
        let lines = samples.into_iter();
        let lines = lines.map(|(labels, value)| {
            let labels = format!("{run}{labels}");
            format!("{name}{{{}}} {value}\n", labels.trim_end_matches(','))
        });
        let lines: String = lines.collect();
        let head = format!("# HELP {name} {help}\n# TYPE {name} gauge\n");
        self.text.push_str(&format!("{head}{lines}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_is_escaped_as_the_format_requires() {
        let (name, escaped) = ("a\"b\\c\nd", "a\\\"b\\\\c\\nd");
        assert_eq!(label("x", name), format!("x=\"{escaped}\","));
    }
}
