//! The lines about results: one for each image, one for each issue, and the last one.
//!
//! An image has a short reason. Issues have the whole ones, each once, however many images they concern.

use std::path::Path;
use std::time::Duration;

use acr_sync_core::bundle::Export;
use acr_sync_core::capitalized;
use acr_sync_core::problem::Problem;
use acr_sync_core::report::{Issue, Report};
use acr_sync_core::run::{Ending, Entry, Method, Outcome, Step, Verdict};

/// The target of these lines. `acr-sync` prints the same on stdout, so it logs them only at the levels info and debug.
pub(super) const TARGET: &str = "results";

/// The line of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageLine {
    image: String,
    /// The registry if there are several.
    registry: Option<String>,
    verdict: &'static str,
    reason: String,
    /// The result of an import, or that none is possible; `None` after a check.
    outcome: Option<Result>,
    is_good: IsGood,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Result {
    name: &'static str,
    text: String,
    duration: Option<Duration>,
}

/// Decides the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IsGood {
    Yes,
    No,
}

impl ImageLine {
    /// The line after the check.
    pub(crate) fn checked(entry: &Entry) -> Self {
        let (reason, is_good) = match &entry.verdict {
            Verdict::Unknown(problem) => (problem.summary(), IsGood::No),
            Verdict::NotPublished(_) => ("the source does not have it".to_owned(), IsGood::No),
            Verdict::UpToDate | Verdict::Missing | Verdict::Outdated | Verdict::Drifted => {
                (entry.reason(), IsGood::Yes)
            }
        };
        let line = Self {
            image: entry.observed.short_name(),
            registry: None,
            verdict: entry.verdict.name(),
            reason,
            outcome: None,
            is_good,
        };
        match &entry.step {
            Step::Blocked(problem) => line.with(problem.summary(), "blocked", "cannot be imported"),
            Step::Nothing | Step::Import(_) => line,
        }
    }

    pub(crate) fn in_registry(self, registry: Option<&str>) -> Self {
        Self {
            registry: registry.map(ToOwned::to_owned),
            ..self
        }
    }

    /// The line of a catalog, a chart, or a text in either.
    pub(crate) fn undiscovered(what: &str, problem: &Problem) -> Self {
        Self {
            image: what.to_owned(),
            registry: None,
            verdict: "Unknown",
            reason: problem.summary(),
            outcome: None,
            is_good: IsGood::No,
        }
    }

    /// The line after an import.
    pub(crate) fn imported(self, outcome: &Outcome) -> Self {
        let seconds = outcome.duration.as_secs_f64();
        let (noun, done) = match outcome.attempt.method {
            Method::Import => ("import", "imported"),
            Method::Copy(_) => ("copy", "copied"),
        };
        let line = match &outcome.attempt.ending {
            Ending::Imported => Self {
                outcome: Some(Result {
                    name: "imported",
                    text: format!("{done} and verified in {seconds:.1} s"),
                    duration: None,
                }),
                ..self
            },
            Ending::Uncertain(problem) => self.with(
                problem.summary(),
                "uncertain",
                &format!("{noun} not confirmed after {seconds:.1} s"),
            ),
            Ending::Failed(problem) => self.with(
                problem.summary(),
                "failed",
                &format!("{noun} failed after {seconds:.1} s"),
            ),
        };
        let duration = Some(outcome.duration);
        let outcome = line.outcome.map(|result| Result { duration, ..result });
        Self { outcome, ..line }
    }

    fn with(self, reason: String, name: &'static str, text: &str) -> Self {
        Self {
            reason,
            outcome: Some(Result {
                name,
                text: text.to_owned(),
                duration: None,
            }),
            is_good: IsGood::No,
            ..self
        }
    }

    fn text(&self) -> String {
        let result = self.outcome.as_ref();
        let result = result.map_or_else(String::new, |result| format!(", {}", result.text));
        let registry = self.registry.as_ref();
        let place = registry.map_or_else(String::new, |name| format!(" in {name}"));
        format!(
            "{}{place}: {}{result}: {}",
            self.image, self.verdict, self.reason
        )
    }

    pub(crate) fn log(&self) {
        let text = self.text();
        let Self {
            image,
            registry,
            verdict,
            reason,
            outcome,
            is_good,
        } = self;
        let registry = registry.as_deref();
        let (image, reason) = (image.as_str(), reason.as_str());
        let duration_ms = outcome.as_ref().and_then(|result| result.duration);
        let duration_ms =
            duration_ms.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let outcome = outcome.as_ref().map(|result| result.name);
        match is_good {
            IsGood::Yes => {
                tracing::info!(target: TARGET, image, registry, verdict, reason, outcome, duration_ms, "{text}");
            }
            IsGood::No => {
                tracing::warn!(target: TARGET, image, registry, verdict, reason, outcome, duration_ms, "{text}");
            }
        }
    }
}

/// Logs each issue: its title, the causes in full, and what to do.
pub(crate) fn issues(issues: &[Issue]) {
    for issue in issues {
        let steps = issue.next_steps.lines().map(ToOwned::to_owned);
        let causes = issue.causes.iter().map(|cause| capitalized(cause));
        let parts: Vec<_> = std::iter::once(issue.title.clone())
            .chain(causes)
            .chain(steps)
            .collect();
        let text = parts.join(". ");
        let (severity, title) = (u64::from(issue.severity), issue.title.as_str());
        match issue.severity {
            4.. => tracing::info!(target: TARGET, issue = title, severity, "{text}"),
            0..=3 => tracing::warn!(target: TARGET, issue = title, severity, "{text}"),
        }
    }
}

/// A path without control characters.
fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    text.replace(char::is_control, "?")
}

/// The last line: the numbers, and where the report is.
pub(crate) fn closing(report: &Report, path: Option<&Path>) {
    let status = report.status();
    let (name, exit_code) = (status.name(), u64::from(status.code()));
    let needs_sync = report
        .metric()
        .and_then(|number| u64::try_from(number).ok());
    let path = path.map(shown);
    let place = path
        .as_ref()
        .map_or_else(String::new, |path| format!(" Report: {path}"));
    let path = path.as_deref();
    let text = format!("{}{place}", report.summary());
    tracing::info!(target: TARGET, status = name, exit_code, needs_sync, report = path, "{text}");
}

/// Logs the images that are not in a bundle, and the last line about it.
pub(crate) fn exported(export: &Export, path: &Path) {
    for one in &export.missing {
        let image = one.name.as_str();
        tracing::warn!(target: TARGET, image, "{image} is not in the bundle: {}", one.problem);
    }
    for note in export.notes.iter().chain(&export.unlisted) {
        tracing::warn!(target: TARGET, "{note}");
    }
    let status = export.status();
    let (name, exit_code) = (status.name(), u64::from(status.code()));
    let images = export.images.len();
    let (bytes, sha256) = match &export.file {
        Some(file) => (Some(file.bytes), Some(file.sha256.as_str())),
        None => (None, None),
    };
    let path = shown(path);
    let text = export.closing(&path);
    let bundle = path.as_str();
    tracing::info!(target: TARGET, status = name, exit_code, images, bytes, sha256, bundle, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use acr_sync_core::problem::{Cause, Side};

    #[test]
    fn line_of_an_image_has_its_verdict_its_result_and_a_short_reason() {
        let problem = Problem::new(
            Side::Source,
            Cause::AccessDenied,
            "long (GET https://x/y: 403)",
        );
        let line = ImageLine::undiscovered("chart x", &problem);
        assert_eq!(
            line.text(),
            "chart x: Unknown: the source registry refused access"
        );
        let blocked = line.with(problem.summary(), "blocked", "cannot be imported");
        assert_eq!(
            blocked.text(),
            "chart x: Unknown, cannot be imported: the source registry refused access"
        );
    }
}
