//! The titles of issues: whose images, what is wrong, and why.
//!
//! The platform shows issues with the same title as one. So a cause that concerns the whole run has a title without
//! the images, and other titles name their category.

use super::registries::distinct;
use super::row::NOWHERE;
use super::short::{common_folder, in_folder};
use super::{ActionResult, Report, Row};
use crate::discover::Category;
use crate::plan::Verdict;
use crate::problem::{Cause, Problem, Side};
use crate::text::capitalized;

/// The effect of a problem on an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Unchecked,
    Failed,
    Uncertain,
    /// An import was not requested, and would fail.
    Blocked,
}

impl Effect {
    pub const ALL: [Self; 4] = [
        Self::Unchecked,
        Self::Failed,
        Self::Uncertain,
        Self::Blocked,
    ];

    /// The problem that has this effect on an image, unless it concerns the whole run.
    pub fn problem(self, row: &Row) -> Option<Problem> {
        let problem = match (self, &row.verdict, &row.done) {
            (Self::Unchecked, Verdict::Unknown(problem), _)
            | (Self::Failed, _, ActionResult::Failed { problem, .. })
            | (Self::Uncertain, _, ActionResult::Uncertain { problem, .. }) => Some(problem),
            (Self::Blocked, _, _) => row.blocked.as_ref(),
            (Self::Unchecked | Self::Failed | Self::Uncertain, _, _) => None,
        };
        problem.filter(|problem| !is_of_the_run(problem)).cloned()
    }
}

/// True if a problem of one image is a problem of all: the login, Resource Manager and access to the registry.
pub(super) fn is_of_the_run(problem: &Problem) -> bool {
    let is_one_image = matches!(
        problem.cause,
        Cause::Rejected | Cause::Invalid | Cause::Moved | Cause::Deadline | Cause::Interrupted
    );
    match problem.side {
        Side::Entra => true,
        Side::ResourceManager => !is_one_image,
        Side::Destination => !is_one_image && problem.cause != Cause::NotFound,
        Side::Local => problem.cause == Cause::AccessDenied,
        Side::Source | Side::Catalog | Side::ChartRepository | Side::Bundle | Side::Collector => {
            false
        }
    }
}

pub(super) fn of_the_run(report: &Report, rows: &[&Row], problem: &Problem) -> String {
    let registry = report.registries_of(rows);
    match (problem.side, problem.cause) {
        (Side::Entra, Cause::AccessDenied) => {
            format!("Microsoft Entra refused the login for {registry}")
        }
        (Side::ResourceManager, Cause::NotFound) => {
            format!("Azure Resource Manager does not find {registry}")
        }
        (Side::ResourceManager, Cause::AccessDenied) => {
            format!("Azure Resource Manager refused access to {registry}")
        }
        (Side::Destination, _) => capitalized(&format!("{registry} {}", problem.predicate())),
        (Side::Local, _) => format!("The credentials for {registry} cannot be used"),
        (side, _) => format!("{} {} for {registry}", side.subject(), problem.predicate()),
    }
}

pub(super) fn of_images(
    report: &Report,
    rows: &[&Row],
    effect: Effect,
    problem: &Problem,
) -> String {
    let registry = report.registries_of(rows);
    let what = match effect {
        Effect::Unchecked => format!("could not be checked for {registry}"),
        Effect::Failed => format!("could not be imported into {registry}"),
        Effect::Uncertain => {
            let subject = subject(report, rows);
            return format!("{subject} could not be confirmed in {registry} after the import");
        }
        Effect::Blocked => format!("cannot be imported into {registry}"),
    };
    format!("{} {what}: {}", subject(report, rows), problem.summary())
}

/// Also names the place where nothing is published, and for the CodeCollections the branch.
pub(super) fn not_published(report: &Report, category: Category, rows: &[&Row]) -> String {
    let folder = common_folder(rows.iter().map(|row| row.source.as_str()));
    let place = folder.map_or_else(|| "its source".to_owned(), ToOwned::to_owned);
    // Only the setting that the advice names: if the repositories are gone, the branch is not the cause.
    let is_named = |name: &str| {
        let is_of = |row: &&Row| matches!(&row.verdict, Verdict::NotPublished(absence) if absence.advice.contains(name));
        rows.iter().any(is_of)
    };
    let named = ["CATALOG_POINTER", "REF"]
        .into_iter()
        .find(|name| is_named(name));
    let branch = named.and_then(|name| Some(format!(" with {name}={}", report.setting(name)?)));
    let branch = branch.unwrap_or_default();
    if report.nothing_is_published(category) {
        let category = category.title();
        return format!("No {category} image is published at {place}{branch}");
    }
    let verb = if distinct(rows).len() == 1 {
        "is"
    } else {
        "are"
    };
    let subject = subject(report, rows);
    format!("{subject} {verb} not published at {place}{branch}")
}

pub(super) fn not_synced(report: &Report, rows: &[&Row]) -> String {
    let verb = if distinct(rows).len() == 1 {
        "needs"
    } else {
        "need"
    };
    let subject = subject(report, rows);
    format!("{subject} {verb} a sync to {}", report.registries_of(rows))
}

pub(super) fn overwritten(report: &Report, rows: &[&Row]) -> String {
    let verb = if distinct(rows).len() == 1 {
        "was"
    } else {
        "were"
    };
    format!(
        "{} {verb} imported over a tag with another digest in {}",
        subject(report, rows),
        report.registries_of(rows)
    )
}

pub(super) fn notes(report: &Report, rows: &[&Row]) -> String {
    format!(
        "A tag latest hides {} in {} from azure-rw-acr-helm-update",
        subject(report, rows),
        report.registries_of(rows)
    )
}

/// One image by its name, several by their number, and a list that is not known by its category.
fn subject(report: &Report, rows: &[&Row]) -> String {
    match &distinct(rows)[..] {
        [one] => {
            let category = one.category.title();
            let all: Vec<_> = report
                .rows
                .iter()
                .filter(|row| row.category == one.category)
                .collect();
            let is_list = one.destination == NOWHERE && distinct(&all).len() == 1;
            if is_list {
                return format!("The {category} images");
            }
            let name = match &*one.destination {
                NOWHERE => one.source.as_str(),
                place => in_folder(place, common_folder([place].into_iter())),
            };
            // Without the tag, which changes with every release. The name of a list or a text of a chart has none.
            let name = match &*one.destination {
                NOWHERE => name,
                _ => name.split([':', '@']).next().unwrap_or(name),
            };
            format!("{category} image {name}")
        }
        many => {
            let category = many.first().map_or("", |row| row.category.title());
            format!("{} {category} images", many.len())
        }
    }
}
