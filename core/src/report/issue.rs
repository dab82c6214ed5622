//! RunWhen issues: one per cause, not one per image.
//!
//! A cause that concerns the whole run, such as a refused login, has one issue with one title, whichever images the run
//! checks. Any other issue is about the images of one category.

use serde::Serialize;

use super::row::NOWHERE;
use super::short::{common_folder, in_folder};
use super::steps::{self, sentence};
use super::title::{self, Effect};
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
    /// The categories of its images; only a cause that concerns the whole run has several.
    pub categories: Vec<Category>,
    pub title: String,
    pub expected: String,
    pub actual: String,
    /// A command that shows the problem again, without secrets.
    pub reproduce_hint: String,
    /// What to do, with one step per line.
    pub next_steps: String,
    /// What the user can act on: the settings that the cause depends on, and the images.
    pub details: String,
    /// The reasons for the log, which has them nowhere else; empty if its lines about the images have them.
    #[serde(skip)]
    pub causes: Vec<String>,
    /// The lines of `details` that say more than the report's table of images.
    #[serde(skip)]
    pub in_report: Vec<String>,
}

/// A line of the details.
pub(super) struct Line {
    text: String,
    says_more_than_table: bool,
}

impl Line {
    fn new(text: String) -> Self {
        Self {
            text,
            says_more_than_table: true,
        }
    }
}

/// The issues of a report, the most severe first.
pub(super) fn issues(report: &Report) -> Vec<Issue> {
    let mut issues = of_the_run(report);
    for category in Category::ALL {
        let rows: Vec<_> = report
            .rows
            .iter()
            .filter(|row| row.category == category)
            .collect();
        for effect in Effect::ALL {
            let kind = |problem: &Problem| (problem.side, problem.cause, problem.advice.clone());
            for (problem, rows) in grouped(&rows, |row| effect.problem(row), kind) {
                issues.push(from_problem(report, effect, &problem, &rows));
            }
        }
        issues.extend(not_published(report, category, &rows));
        issues.extend(overwritten(report, category, &rows));
        issues.extend(not_synced(report, category, &rows));
        issues.extend(notes(report, category, &rows));
    }
    issues.extend(super::exclusion::issues(report));
    issues.sort_by_key(|issue| issue.severity);
    issues
}

/// The issues whose cause concerns the whole run: one for each title.
fn of_the_run(report: &Report) -> Vec<Issue> {
    let rows: Vec<_> = report.rows.iter().collect();
    let problem = |row: &Row| {
        row.problem()
            .filter(|problem| title::is_of_the_run(problem))
            .cloned()
    };
    let issue = |(problem, rows): (Problem, Vec<&Row>)| {
        let actual = problem.fact();
        let mut advice: Vec<&str> = Vec::new();
        for problem in rows.iter().filter_map(|row| row.problem()) {
            let text = problem.advice.as_deref().unwrap_or_default();
            if !advice.contains(&text) {
                advice.push(text);
            }
        }
        let settings = report.settings.iter();
        let mut lines: Vec<_> = settings
            .filter(|(name, _)| SETTINGS_OF_ACCESS.contains(name))
            .map(|(name, value)| Line::new(format!("- {name}: {value}")))
            .collect();
        if advice.iter().any(|text| text.contains(ROLE)) {
            lines.push(Line::new(grant(report)));
        }
        lines.extend(image_lines(&rows, &actual));
        Draft {
            severity: severity(&problem),
            categories: Category::ALL
                .into_iter()
                .filter(|category| rows.iter().any(|row| row.category == *category))
                .collect(),
            title: title::of_the_run(report, &problem),
            causes: causes(&rows, Row::why),
            steps: advice.join("; "),
            actual,
            lines,
        }
        .finish(report)
    };
    let kind = |problem: &Problem| (problem.side, problem.cause);
    let groups = grouped(&rows, problem, kind);
    groups.into_iter().map(issue).collect()
}

/// The settings that decide whether Azure lets a run in.
const SETTINGS_OF_ACCESS: [&str; 4] = [
    "REGISTRY_NAME",
    "AZURE_RESOURCE_SUBSCRIPTION_ID",
    "AZURE_CLOUD",
    "credentials",
];

/// The role that checks and imports need.
const ROLE: &str = "Container Registry Data Importer and Data Reader";

/// The command that grants the role.
fn grant(report: &Report) -> String {
    format!(
        "- to grant the role: az role assignment create --role \"{ROLE}\" --assignee CLIENT_ID --scope \"$(az acr show --name {} --query id --output tsv)\"",
        report.resource_name
    )
}

/// Groups rows whose problems are of the same kind.
fn grouped<'a, Kind: PartialEq>(
    rows: &[&'a Row],
    problem_of: impl Fn(&Row) -> Option<Problem>,
    kind: impl Fn(&Problem) -> Kind,
) -> Vec<(Problem, Vec<&'a Row>)> {
    let mut groups: Vec<(Problem, Vec<&Row>)> = Vec::new();
    for row in rows {
        let Some(problem) = problem_of(row) else {
            continue;
        };
        match groups
            .iter_mut()
            .find(|(known, _)| kind(known) == kind(&problem))
        {
            Some((_, group)) => group.push(row),
            None => groups.push((problem, vec![row])),
        }
    }
    groups
}

fn severity(problem: &Problem) -> u8 {
    match problem.cause {
        Cause::AccessDenied | Cause::Configuration | Cause::NotFound => 2,
        Cause::Rejected | Cause::Invalid | Cause::Moved => 2,
        Cause::Unreachable | Cause::Throttled | Cause::Unavailable | Cause::TimedOut => 3,
        Cause::Deadline | Cause::Interrupted => 3,
    }
}

fn from_problem(report: &Report, effect: Effect, problem: &Problem, rows: &[&Row]) -> Issue {
    let actual = problem.fact();
    Draft {
        severity: match effect {
            Effect::Blocked => 4,
            Effect::Unchecked | Effect::Failed | Effect::Uncertain => severity(problem),
        },
        categories: rows.first().map(|row| row.category).into_iter().collect(),
        title: title::of_images(report, rows, effect, problem),
        causes: causes(rows, |row| {
            effect
                .problem(row)
                .map_or_else(|| row.why(), |problem| problem.fact())
        }),
        lines: image_lines(rows, &actual),
        actual: reason_of(rows, &actual),
        steps: problem.advice.clone().unwrap_or_default(),
    }
    .finish(report)
}

/// One issue for each advice: the reasons of images with the same cause may differ.
fn not_published(report: &Report, category: Category, rows: &[&Row]) -> Vec<Issue> {
    let mut groups: Vec<(&str, Vec<&Row>)> = Vec::new();
    for row in rows {
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
    let severity = match category {
        Category::CodeCollection if !report.nothing_is_published(category) => 4,
        Category::CodeCollection | Category::RunWhenLocal | Category::Extra => 2,
    };
    let issue = |(advice, absent): (&str, Vec<&Row>)| {
        let actual = absent.first().map(|row| row.reason.clone());
        let actual = actual.unwrap_or_default();
        Draft {
            severity,
            categories: vec![category],
            title: title::not_published(report, category, &absent),
            causes: causes(&absent, Row::why),
            lines: image_lines(&absent, &actual),
            actual: reason_of(&absent, &actual),
            steps: advice.to_owned(),
        }
        .finish(report)
    };
    groups.into_iter().map(issue).collect()
}

fn not_synced(report: &Report, category: Category, rows: &[&Row]) -> Option<Issue> {
    let is_waiting = |row: &&&Row| row.done == ActionResult::NotRequested && row.blocked.is_none();
    let rows: Vec<_> = rows.iter().filter(is_waiting).copied().collect();
    let actual = rows.first()?.reason.clone();
    let draft = Draft {
        severity: 4,
        categories: vec![category],
        title: title::not_synced(report, &rows),
        causes: Vec::new(),
        lines: image_lines(&rows, &actual),
        actual: reason_of(&rows, &actual),
        steps: match report.program {
            "acr-sync" => "run acr-sync sync, or acr-sync plan for a review before".to_owned(),
            _ => "run the taskset with SYNC_IMAGES=true".to_owned(),
        },
    };
    Some(draft.finish(report))
}

/// Drifted tags that this run has overwritten, with the commands that restore them.
fn overwritten(report: &Report, category: Category, rows: &[&Row]) -> Option<Issue> {
    let is_overwritten = |row: &&&Row| {
        row.verdict == Verdict::Drifted
            && !row.previous.is_empty()
            && matches!(
                row.done,
                ActionResult::Imported(_) | ActionResult::Uncertain { .. }
            )
    };
    let rows: Vec<_> = rows.iter().filter(is_overwritten).copied().collect();
    let actual = rows.first()?.reason.clone();
    let commands = rows.iter().flat_map(|row| {
        let previous = row.previous.iter();
        previous.map(|(tag, digest)| Line::new(restoration(report, row, tag, digest)))
    });
    let draft = Draft {
        severity: 4,
        categories: vec![category],
        title: title::overwritten(report, &rows),
        causes: Vec::new(),
        lines: commands.collect(),
        actual: reason_of(&rows, &actual),
        steps: "run the command in the details to restore a tag; the next sync overwrites it again"
            .to_owned(),
    };
    Some(draft.finish(report))
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

fn notes(report: &Report, category: Category, rows: &[&Row]) -> Option<Issue> {
    let has_note = |row: &&&Row| row.note.is_some() && row.blocked.is_none();
    let rows: Vec<_> = rows.iter().filter(has_note).copied().collect();
    let notes = rows.iter().filter_map(|row| row.note.clone());
    let notes: Vec<_> = notes.collect();
    // A note is a reason with its step.
    let steps: Vec<_> = notes
        .iter()
        .map(|note| note.replacen("; ", ": ", 1))
        .collect();
    let draft = Draft {
        severity: 4,
        categories: vec![category],
        title: title::notes(report, &rows),
        causes: Vec::new(),
        actual: notes.first()?.clone(),
        lines: notes
            .iter()
            .map(|note| Line::new(format!("- {note}")))
            .collect(),
        steps: steps.join("; "),
    };
    Some(draft.finish(report))
}

/// An issue before the parts that all issues have in common.
pub(super) struct Draft {
    pub severity: u8,
    pub categories: Vec<Category>,
    pub title: String,
    pub actual: String,
    pub causes: Vec<String>,
    /// The advice, with `; ` between its clauses.
    pub steps: String,
    pub lines: Vec<Line>,
}

impl Draft {
    pub(super) fn finish(self, report: &Report) -> Issue {
        let Self {
            severity,
            categories,
            title,
            actual,
            causes,
            steps,
            lines,
        } = self;
        let images = match categories[..] {
            [category] => format!("{} ", category.title()),
            _ => String::new(),
        };
        let texts = lines.iter().map(|line| line.text.as_str());
        let more = lines.iter().filter(|line| line.says_more_than_table);
        Issue {
            severity,
            categories,
            title,
            expected: format!(
                "{} contains every published {images}image with its digest",
                report.registry
            ),
            actual,
            causes,
            reproduce_hint: report.command.clone(),
            next_steps: steps::steps(&steps),
            details: texts.collect::<Vec<_>>().join("\n"),
            in_report: more.map(|line| line.text.clone()).collect(),
        }
    }
}

/// The reason of the first image. Says so if it is the same for others.
fn reason_of(rows: &[&Row], reason: &str) -> String {
    let Some((first, others)) = rows.split_first() else {
        return reason.to_owned();
    };
    let pattern = without_names(first, reason);
    let is_same = |row: &&&Row| without_names(row, &row.why()) == pattern;
    with_count(reason, others.iter().filter(is_same).count())
}

fn with_count(reason: &str, more: usize) -> String {
    match more {
        0 => reason.to_owned(),
        1 => format!("{reason}; the same for 1 more image"),
        more => format!("{reason}; the same for {more} more images"),
    }
}

/// Every different reason of these images, each once.
fn causes(rows: &[&Row], why: impl Fn(&Row) -> String) -> Vec<String> {
    let mut causes = Vec::new();
    let mut rest = rows.to_vec();
    while let Some(first) = rest.first().copied() {
        let reason = why(first);
        let pattern = without_names(first, &reason);
        let count = rest.len();
        rest.retain(|row| without_names(row, &why(row)) != pattern);
        let cause = with_count(&reason, count - rest.len() - 1);
        causes.push(match causes.is_empty() {
            true => cause,
            false => format!("{}: {cause}", first.short_name()),
        });
    }
    causes
}

/// A reason without the name and the tag of its image, to compare it with the reason of another image.
fn without_names(row: &Row, reason: &str) -> String {
    let name = row.source.rsplit('/').next().unwrap_or_default();
    let name = name.split([':', '@']).next().unwrap_or_default();
    let mut text = reason.to_owned();
    let tag = row.tag.as_ref().map(Tag::as_str);
    for part in [Some(name), tag].into_iter().flatten() {
        if !part.is_empty() {
            text = text.replace(part, "…");
        }
    }
    text
}

/// One line per image, after a line with the folders that they have in common. The reason is left out where it is
/// that of the first image, which is `actual`.
fn image_lines(rows: &[&Row], actual: &str) -> Vec<Line> {
    let known = rows.iter().filter(|row| row.destination != NOWHERE);
    let source = common_folder(known.clone().map(|row| row.source.as_str()));
    let destination = common_folder(known.map(|row| row.destination.as_str()));
    let from = source.map_or_else(String::new, |folder| format!("from {folder} "));
    let mut lines: Vec<_> = destination
        .map(|folder| sentence(&format!("{from}to {folder}:")))
        .map(Line::new)
        .into_iter()
        .collect();
    let heading = lines.len();
    let first = rows.first().map(|row| without_names(row, actual));
    let is_same = |row: &Row| Some(without_names(row, &row.why())) == first;
    lines.extend(rows.iter().map(|row| {
        let name = in_folder(&row.source, source);
        let last = |text: &str| in_folder(text, common_folder([text].into_iter())).to_owned();
        let target = match &*row.destination {
            NOWHERE => String::new(),
            place if last(place) == last(&row.source) => String::new(),
            place => format!(" as {}", in_folder(place, destination)),
        };
        let previous = row.previous.iter();
        let previous: String = previous
            .map(|(tag, digest)| format!(", {tag} had {digest}"))
            .collect();
        let mut text = format!("- {name}{target} ({}{previous})", row.verdict.name());
        let why = (!is_same(row)).then(|| row.why());
        let says_more_than_table = why.is_some() || !previous.is_empty();
        if let Some(why) = why {
            text = format!("{text}: {why}");
        }
        if matches!(row.verdict, Verdict::NotPublished(_)) && !row.wanted_by.is_empty() {
            text = format!("{text}; used by {}", row.wanted_by.join(", "));
        }
        Line {
            text,
            says_more_than_table,
        }
    }));
    let is_more = |line: &Line| line.says_more_than_table;
    // The heading alone says nothing.
    if !lines[heading..].iter().any(is_more)
        && let Some(line) = lines[..heading].first_mut()
    {
        line.says_more_than_table = false;
    }
    lines
}
