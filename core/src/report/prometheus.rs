//! The results of a run in Prometheus's text format, for the textfile collector of node_exporter.

use std::fmt::Display;
use std::time::Duration;

use super::{ActionResult, Report, Row, Status};
use crate::category::Category;
use crate::plan::Verdict;

/// The settings that distinguish the series of two runs, besides the registry, so that the files of several runs can be in one folder.
const DISTINCTIVE: [(&str, &str); 2] = [
    ("repository_path", "REGISTRY_REPOSITORY_PATH"),
    ("images", "IMAGES"),
];

/// The metrics of a run that ends with this status. A number that is not known has no sample, which does not mean 0.
///
/// With several registries, each has its samples, as if it had a run of its own; their sum has a family of its own.
pub fn metrics(report: &Report, status: Status) -> String {
    let checked = |category: &Category| report.counts_of(*category).total > 0;
    let categories: Vec<_> = Category::ALL.into_iter().filter(checked).collect();
    let mut out = Exposition {
        text: String::new(),
        parts: parts(report),
    };
    out.family(
        "acr_sync_outdated_images",
        "Images that need a sync when the run ends. Absent if the number is not known.",
        |report| {
            let number = report.metric().into_iter();
            number.map(|number| sample(&[], number)).collect()
        },
    );
    out.family(
        "acr_sync_category_outdated_images",
        "Images of a category that need a sync when the run ends. Absent if the number is not known.",
        |report| {
            let known = categories.iter().filter_map(|category| {
                let number = report.metric_of(*category)?;
                Some(sample(&[("category", category.name())], number))
            });
            known.collect()
        },
    );
    out.family(
        "acr_sync_oldest_drift_seconds",
        "Seconds from the oldest known drift to the start of the run; 0 if nothing needs a sync. Absent if it is not known.",
        |report| {
            let oldest = report.oldest_drift_age().into_iter();
            oldest
                .map(|age| sample(&[], age.num_seconds().max(0)))
                .collect()
        },
    );
    out.family(
        "acr_sync_images",
        "Images of a category by the verdict of the check, which precedes the imports.",
        |report| {
            counted(report, &categories, "verdict", Verdict::NAMES, |row| {
                Some(row.verdict.name())
            })
        },
    );
    out.family(
        "acr_sync_imports",
        "Imports of a category by their result. Uncertain means that the registry does not confirm it.",
        |report| counted(report, &categories, "result", RESULTS, result),
    );
    run(&mut out, report.status(), status);
    if report.only_registry().is_none() {
        out.parts = vec![(labels(report, None), report.clone())];
        out.family(
            "acr_sync_run_outdated_images",
            "Images that need a sync when the run ends, in all registries together. Absent if the number is not known.",
            |report| {
                let number = report.metric().into_iter();
                number.map(|number| sample(&[], number)).collect()
            },
        );
    }
    out.text
}

/// The report of each registry, with the labels of all its samples.
fn parts(report: &Report) -> Vec<(String, Report)> {
    match report.only_registry() {
        Some(only) => vec![(labels(report, Some(&only.name)), report.clone())],
        None => {
            let parts = report.by_registry().into_iter();
            parts
                .map(|part| {
                    let name = part.only_registry().map(|one| one.name.clone());
                    (labels(&part, name.as_deref()), part)
                })
                .collect()
        }
    }
}

/// `known` is the status of the results, and `status` that of the run, which may not have written or pushed them.
fn run(out: &mut Exposition, known: Status, status: Status) {
    out.family(
        "acr_sync_last_run_timestamp_seconds",
        "When the last run ended, in seconds since 1970.",
        |report| {
            let ended = chrono::Duration::from_std(report.duration);
            let ended = ended.map(|took| report.started + took);
            let ended = ended.unwrap_or(report.started).timestamp_millis();
            vec![sample(&[], seconds(ended.unsigned_abs()))]
        },
    );
    let took = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    out.family(
        "acr_sync_last_run_duration_seconds",
        "How long the last run took.",
        |report| vec![sample(&[], seconds(took(report.duration)))],
    );
    out.family(
        "acr_sync_last_run_exit_code",
        "The exit code of the last run. 0 means that everything is known and done.",
        |report| {
            let own = if known == status {
                report.status()
            } else {
                status
            };
            vec![sample(&[], own.code())]
        },
    );
    out.family(
        "acr_sync_build_info",
        "The version of the executable, as a label.",
        |_| vec![sample(&[("version", env!("CARGO_PKG_VERSION"))], 1)],
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

/// The labels that every sample of a registry has.
///
/// The name of the registry is the configured one: its login server may be unknown when a run fails.
fn labels(report: &Report, registry: Option<&str>) -> String {
    let settings = DISTINCTIVE.map(|(name, variable)| {
        let found = report.setting(variable);
        label(name, found.unwrap_or_default())
    });
    let registry = registry.map_or_else(String::new, |name| label("registry", name));
    let program = label("program", report.program);
    format!("{program}{registry}{}", settings.concat())
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
    /// The registries with the labels of their samples.
    parts: Vec<(String, Report)>,
}

impl Exposition {
    /// Writes a gauge with the samples of each registry, of which there may be none.
    fn family(&mut self, name: &str, help: &str, samples: impl Fn(&Report) -> Vec<Sample>) {
        let lines = self.parts.iter().flat_map(|(common, report)| {
            let samples = samples(report).into_iter();
            samples.map(move |(labels, value)| {
                let labels = format!("{common}{labels}");
                format!("{name}{{{}}} {value}\n", labels.trim_end_matches(','))
            })
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
