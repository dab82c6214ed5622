//! RunWhen issues: one per cause, not one per image.
//!
//! A cause that concerns the whole run, such as a refused login, has one issue with one title, whichever images the run
//! checks. Any other issue is about the images of one category.

use serde::Serialize;

use super::cause::{Scopes, causes, reason_of};
use super::issue_line::{Line, image_lines};
use super::registries::Concerned;
use super::title::{self, Effect};
use super::{ActionResult, RegistryInfo, Report, Row, steps};
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
    /// The login servers of the registries that it is about.
    pub registries: Vec<String>,
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
            let scopes = Scopes::new(&rows, |row| effect.problem(row));
            let kind = |row: &Row, problem: &Problem| {
                let scope = scopes.of(row, problem);
                (problem.side, problem.cause, problem.advice.clone(), scope)
            };
            for (problem, rows) in grouped(&rows, |row| effect.problem(row), kind) {
                issues.push(from_problem(report, effect, &problem, &rows));
            }
        }
        issues.extend(not_published(report, category, &rows));
        issues.extend(overwritten(report, category, &rows));
        issues.extend(not_synced(report, category, &rows));
        // A note is about the tags of one registry.
        for registry in &report.registries {
            let is_own = |row: &&&Row| row.target == registry.target;
            let own: Vec<_> = rows.iter().filter(is_own).copied().collect();
            issues.extend(notes(report, category, &own));
        }
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
            lines.extend(grants(report, &rows));
        }
        lines.extend(image_lines(report, &rows, &actual));
        Draft {
            severity: severity(&problem),
            categories: Category::ALL
                .into_iter()
                .filter(|category| rows.iter().any(|row| row.category == *category))
                .collect(),
            title: title::of_the_run(report, &rows, &problem),
            concerned: report.concerned(&rows),
            causes: causes(&rows, Row::why),
            steps: advice.join("; "),
            actual,
            lines,
        }
        .finish(report)
    };
    let scopes = Scopes::new(&rows, problem);
    let kind = |row: &Row, problem: &Problem| {
        let scope = scopes.of(row, problem);
        (problem.side, problem.cause, scope)
    };
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

/// The commands that grant the role, one for each registry.
fn grants(report: &Report, rows: &[&Row]) -> Vec<Line> {
    let is_of = |registry: &&RegistryInfo| rows.iter().any(|row| row.target == registry.target);
    let registries = report.registries.iter().filter(is_of);
    let grant = |registry: &RegistryInfo| {
        Line::new(format!(
            "- to grant the role: az role assignment create --role \"{ROLE}\" --assignee CLIENT_ID --scope \"$(az acr show --name {} --query id --output tsv)\"",
            registry.resource_name
        ))
    };
    registries.map(grant).collect()
}

/// Groups rows whose problems are of the same kind.
fn grouped<'a, Kind: PartialEq>(
    rows: &[&'a Row],
    problem_of: impl Fn(&Row) -> Option<Problem>,
    kind: impl Fn(&Row, &Problem) -> Kind,
) -> Vec<(Problem, Vec<&'a Row>)> {
    let mut groups: Vec<(Kind, Problem, Vec<&Row>)> = Vec::new();
    for row in rows {
        let Some(problem) = problem_of(row) else {
            continue;
        };
        let own = kind(row, &problem);
        match groups.iter_mut().find(|(known, _, _)| *known == own) {
            Some((_, _, group)) => group.push(row),
            None => groups.push((own, problem, vec![row])),
        }
    }
    let groups = groups.into_iter();
    groups.map(|(_, problem, rows)| (problem, rows)).collect()
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
        concerned: report.concerned(rows),
        causes: causes(rows, |row| {
            effect
                .problem(row)
                .map_or_else(|| row.why(), |problem| problem.fact())
        }),
        lines: image_lines(report, rows, &actual),
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
            concerned: report.concerned(&absent),
            causes: causes(&absent, Row::why),
            lines: image_lines(report, &absent, &actual),
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
        concerned: report.concerned(&rows),
        causes: Vec::new(),
        lines: image_lines(report, &rows, &actual),
        actual: reason_of(&rows, &actual),
        steps: match report.program {
            "acr-sync" if report.is_of_bundle => "import the bundle without --dry-run".to_owned(),
            _ if report.is_of_bundle => "import the bundle with SYNC_IMAGES=true".to_owned(),
            "acr-sync" if report.only_registry().is_some() => {
                "run acr-sync sync, or acr-sync plan for a review before".to_owned()
            }
            "acr-sync" => {
                "run acr-sync sync, or acr-sync plan with each registry for a review before"
                    .to_owned()
            }
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
        concerned: report.concerned(&rows),
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
    let registry = report.registry_of(row);
    let name = registry.map_or("", |registry| registry.resource_name.as_str());
    format!(
        "- {place}:{tag} had {digest}: az acr import --name {name} --source {place}@{digest} --image {repository}:{tag} --force"
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
        concerned: report.concerned(&rows),
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
    pub concerned: Concerned,
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
            concerned,
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
        let Concerned { place, servers } = concerned;
        Issue {
            severity,
            categories,
            registries: servers,
            title,
            expected: format!("{place} contains every published {images}image with its digest"),
            actual,
            causes,
            reproduce_hint: report.command.clone(),
            next_steps: steps::steps(&steps),
            details: texts.collect::<Vec<_>>().join("\n"),
            in_report: more.map(|line| line.text.clone()).collect(),
        }
    }
}
