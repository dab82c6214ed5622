//! RunWhen issues: one per cause, not one per image.

use serde::Serialize;

use super::row::NOWHERE;
use super::{ActionResult, Report, Row};
use crate::discover::Category;
use crate::name::{Digest, Tag};
use crate::plan::Verdict;
use crate::problem::{Cause, Problem};

/// A RunWhen issue, with the fields of the platform's `Add Issue`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// 1 outage, 2 major, 3 minor, 4 informational.
    pub severity: u8,
    pub title: String,
    pub expected: String,
    pub actual: String,
    /// A command that shows the problem again, without secrets.
    pub reproduce_hint: String,
    /// What to do, with one step per line.
    pub next_steps: String,
    /// The images, and the reason of each one that has another reason than `actual`.
    pub details: String,
}

/// The issues of a report, the most severe first.
pub(super) fn issues(report: &Report) -> Vec<Issue> {
    let mut issues = Vec::new();
    let unknown = |row: &Row| match &row.verdict {
        Verdict::Unknown(problem) => Some(problem.clone()),
        _ => None,
    };
    for (problem, rows) in grouped(&report.rows, unknown) {
        issues.push(from_problem(
            report,
            &problem,
            &rows,
            "could not be checked",
        ));
    }
    let failed = |row: &Row| match &row.done {
        ActionResult::Failed { problem, .. } => Some(problem.clone()),
        _ => None,
    };
    for (problem, rows) in grouped(&report.rows, failed) {
        issues.push(from_problem(
            report,
            &problem,
            &rows,
            "could not be imported",
        ));
    }
    let uncertain = |row: &Row| match &row.done {
        ActionResult::Uncertain { problem, .. } => Some(problem.clone()),
        _ => None,
    };
    for (problem, rows) in grouped(&report.rows, uncertain) {
        issues.push(from_problem(
            report,
            &problem,
            &rows,
            "imported, but not confirmed yet",
        ));
    }
    issues.extend(not_published(report));
    issues.extend(overwritten(report));
    issues.extend(not_synced(report));
    issues.extend(notes(report));
    issues.sort_by_key(|issue| issue.severity);
    issues
}

/// Groups rows whose problems have the same advice; without advice, those with the same problem.
fn grouped(
    rows: &[Row],
    problem_of: impl Fn(&Row) -> Option<Problem>,
) -> Vec<(Problem, Vec<&Row>)> {
    let mut groups: Vec<(Problem, Vec<&Row>)> = Vec::new();
    for row in rows {
        let Some(problem) = problem_of(row) else {
            continue;
        };
        match groups
            .iter_mut()
            .find(|(known, _)| is_same(known, &problem))
        {
            Some((_, group)) => group.push(row),
            None => groups.push((problem, vec![row])),
        }
    }
    groups
}

fn is_same(one: &Problem, other: &Problem) -> bool {
    let kind = |problem: &Problem| (problem.side, problem.cause, problem.advice.clone());
    one == other || (one.advice.is_some() && kind(one) == kind(other))
}

fn from_problem(report: &Report, problem: &Problem, rows: &[&Row], what: &str) -> Issue {
    let severity = match problem.cause {
        Cause::AccessDenied | Cause::Configuration | Cause::NotFound => 2,
        Cause::Rejected | Cause::Invalid => 2,
        Cause::Unreachable | Cause::Throttled | Cause::Unavailable | Cause::TimedOut => 3,
        Cause::Deadline | Cause::Interrupted => 3,
    };
    let advice = problem
        .advice
        .clone()
        .unwrap_or_else(|| "read the details, and run again".to_owned());
    issue(report, severity, rows, what, problem.fact(), advice)
}

/// One issue for each advice: the reasons of images with the same cause may differ.
fn not_published(report: &Report) -> Vec<Issue> {
    let mut groups: Vec<(&str, Vec<&Row>)> = Vec::new();
    for row in &report.rows {
        let Verdict::NotPublished(absence) = &row.verdict else {
            continue;
        };
        match groups
            .iter_mut()
            .find(|(known, _)| *known == absence.advice)
        {
            Some((_, rows)) => rows.push(row),
            None => groups.push((&absence.advice, vec![row])),
        }
    }
    let of_group = |(advice, rows): (&str, Vec<&Row>)| {
        let is_of_chart = |row: &&Row| row.category == Category::RunWhenLocal;
        let severity = match report.nothing_is_published() || rows.iter().any(is_of_chart) {
            true => 2,
            false => 4,
        };
        let actual = rows.first().map(|row| row.reason.clone());
        let actual = actual.unwrap_or_default();
        issue(
            report,
            severity,
            &rows,
            "not published",
            actual,
            advice.to_owned(),
        )
    };
    groups.into_iter().map(of_group).collect()
}

fn not_synced(report: &Report) -> Option<Issue> {
    let rows: Vec<_> = report
        .rows
        .iter()
        .filter(|row| row.done == ActionResult::NotRequested)
        .collect();
    let first = rows.first()?;
    let advice = "run the taskset with SYNC_IMAGES=true".to_owned();
    Some(issue(
        report,
        4,
        &rows,
        "to be synced",
        first.reason.clone(),
        advice,
    ))
}

/// Drifted tags that this run has overwritten, with the commands that restore them.
fn overwritten(report: &Report) -> Option<Issue> {
    let is_overwritten = |row: &&Row| {
        row.verdict == Verdict::Drifted
            && !row.previous.is_empty()
            && matches!(
                row.done,
                ActionResult::Imported(_) | ActionResult::Uncertain { .. }
            )
    };
    let rows: Vec<_> = report.rows.iter().filter(is_overwritten).collect();
    let first = rows.first()?;
    let advice =
        "to restore a tag, run its command in the details; the next sync overwrites it again";
    let mut issue = issue(
        report,
        4,
        &rows,
        "imported over a tag with another digest",
        first.reason.clone(),
        advice.to_owned(),
    );
    let commands = rows.iter().flat_map(|row| {
        let previous = row.previous.iter();
        previous.map(|(tag, digest)| restoration(report, row, tag, digest))
    });
    issue.details = commands.collect::<Vec<_>>().join("\n");
    Some(issue)
}

/// One tag, its previous digest, and the command that restores it.
fn restoration(report: &Report, row: &Row, tag: &Tag, digest: &Digest) -> String {
    let place = row.destination.rsplit_once(':');
    let place = place.map_or(row.destination.as_str(), |(place, _)| place);
    let repository = place
        .split_once('/')
        .map_or(place, |(_, repository)| repository);
    format!(
        "- {place}:{tag} had {digest}: az acr import --name {} --source {place}@{digest} --image {repository}:{tag} --force",
        report.resource_name
    )
}

fn notes(report: &Report) -> Option<Issue> {
    let rows: Vec<_> = report
        .rows
        .iter()
        .filter(|row| row.note.is_some())
        .collect();
    let notes: Vec<_> = rows.iter().filter_map(|row| row.note.clone()).collect();
    let actual = notes.first()?.clone();
    let advice = "see the note of each image in the details".to_owned();
    let mut issue = issue(report, 4, &rows, "with a warning", actual, advice);
    issue.details = notes
        .iter()
        .map(|note| format!("- {note}"))
        .collect::<Vec<_>>()
        .join("\n");
    Some(issue)
}

fn issue(
    report: &Report,
    severity: u8,
    rows: &[&Row],
    what: &str,
    actual: String,
    advice: String,
) -> Issue {
    let count = match rows {
        [one] => format!("1 {} image", one.category.title()),
        many => format!("{} images", many.len()),
    };
    let line = |row: &&Row| {
        let previous = row.previous.iter();
        let previous: String = previous
            .map(|(tag, digest)| format!(", {tag} had {digest}"))
            .collect();
        let destination = match &*row.destination {
            NOWHERE => String::new(),
            destination => format!(" for {destination}"),
        };
        let line = format!(
            "- {}{destination} ({}{previous})",
            row.source,
            row.verdict.name()
        );
        let why = row.why();
        if why == actual {
            line
        } else {
            format!("{line}: {why}")
        }
    };
    let lines: Vec<_> = rows.iter().map(line).collect();
    Issue {
        severity,
        title: format!("{count} {what} for ACR {}", report.registry),
        expected: format!(
            "{} contains every published RunWhen image with the same digest",
            report.registry
        ),
        actual,
        reproduce_hint: format!(
            "REGISTRY_NAME={} {} --log-level debug",
            report.registry, report.program
        ),
        next_steps: advice
            .split("; ")
            .map(sentence)
            .collect::<Vec<_>>()
            .join("\n"),
        details: lines.join("\n"),
    }
}

fn sentence(text: &str) -> String {
    let mut characters = text.trim().chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}
