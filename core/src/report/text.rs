//! Renders the result for a terminal: a line for each image, then what a person must do.

use super::command::command_in;
use super::exclusion;
use super::row::NOWHERE;
use super::short::{common_folder, in_folder};
use super::state::State;
use super::table::seconds;
use super::{ActionResult, Report, Row, summary};
use crate::plan::Verdict;
use crate::text::strip_control;

/// The result for a terminal. With several registries, each has its own lines, without images that are up to date.
pub fn text(report: &Report) -> String {
    let (headline, counts) = (summary::headline(report), summary::counts(report));
    let registry = strip_control(&report.place());
    let mut text = format!("{registry}: {headline}\n{counts}\n");
    if let Some(line) = exclusion::line(report) {
        text.push_str(&format!("{}\n", strip_control(&line)));
    }
    text.push('\n');
    match report.only_registry() {
        Some(_) => text.push_str(&images(report, report.rows.iter())),
        None => {
            let parts = report.by_registry().into_iter().map(|part| {
                let (place, headline) = (strip_control(&part.place()), summary::headline(&part));
                let rows = part.rows.iter();
                let rows = rows.filter(|row| State::of(row) != State::UpToDate);
                format!("{place}: {headline}\n{}", images(&part, rows))
            });
            text.push_str(&parts.collect::<Vec<_>>().join("\n"));
        }
    }
    text.push_str(&issues(report));
    text
}

/// The images of one registry.
fn images<'a>(report: &Report, rows: impl Iterator<Item = &'a Row>) -> String {
    let mut text = String::new();
    let destinations = report.rows.iter().map(|row| row.destination.as_str());
    let folder = common_folder(destinations.filter(|name| *name != NOWHERE));
    let lines: Vec<_> = rows.map(|row| Line::of(row, folder)).collect();
    let width = |part: fn(&Line) -> &str| {
        let widths = lines.iter().map(|line| part(line).chars().count());
        widths.max().unwrap_or_default()
    };
    let (verdicts, names) = (width(|line| &line.verdict), width(|line| &line.name));
    let outcomes = width(|line| &line.outcome);
    for line in &lines {
        let Line {
            verdict,
            name,
            outcome,
            reason,
        } = line;
        let padded = format!("  {verdict:verdicts$}  {name:names$}  {outcome:outcomes$}  {reason}");
        text.push_str(padded.trim_end());
        text.push('\n');
    }
    text
}

fn issues(report: &Report) -> String {
    let mut text = String::new();
    for issue in &report.issues {
        text.push_str(&format!("\n{}\n", strip_control(&issue.title)));
        for cause in &issue.causes {
            text.push_str(&format!("  {}\n", strip_control(cause)));
        }
        for step in issue.next_steps.lines() {
            text.push_str(&format!("  → {}\n", strip_control(step)));
        }
        let lines = issue.in_report.iter();
        for line in lines.filter(|line| command_in(line).is_some()) {
            text.push_str(&format!(
                "    {}\n",
                strip_control(line.trim_start_matches("- "))
            ));
        }
    }
    text
}

impl Report {
    /// The numbers of images in one sentence.
    pub fn summary(&self) -> String {
        summary::counts(self)
    }
}

/// The line of an image.
struct Line {
    verdict: String,
    name: String,
    outcome: String,
    reason: String,
}

impl Line {
    /// `folder` is the one that all destinations have in common.
    fn of(row: &Row, folder: Option<&str>) -> Self {
        let outcome = match &row.done {
            ActionResult::Nothing => String::new(),
            ActionResult::NotRequested if row.blocked.is_some() => "not possible".to_owned(),
            ActionResult::NotRequested => "would import".to_owned(),
            ActionResult::Imported(duration) => format!("imported in {}", seconds(*duration)),
            ActionResult::Uncertain { .. } => "not confirmed".to_owned(),
            ActionResult::Failed { duration: None, .. } => "not possible".to_owned(),
            ActionResult::Failed { .. } => "failed".to_owned(),
        };
        Self {
            verdict: row.verdict.name().to_owned(),
            name: strip_control(match row.destination.as_str() {
                NOWHERE => &row.source,
                destination => in_folder(destination, folder),
            }),
            outcome,
            reason: strip_control(&match row.behind_since.and_then(|behind| behind.brief()) {
                Some(since) => format!("{}, {since}", short_reason(row)),
                None => short_reason(row),
            }),
        }
    }
}

/// In a few words. The whole reason of a problem is below the title of its issue, once for all images, and the whole evidence is in
/// the report.
fn short_reason(row: &Row) -> String {
    match (&row.verdict, row.problem()) {
        (_, Some(problem)) => problem.summary(),
        (Verdict::NotPublished(_), None) => "the source does not have it".to_owned(),
        (_, None) => match &row.evidence {
            Some(evidence) => evidence.brief(&row.destination),
            None => row.reason.clone(),
        },
    }
}
