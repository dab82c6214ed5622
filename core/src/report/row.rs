//! The result of a run for one image.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Transfer;
use crate::apply::{Ending, Outcome};
use crate::config::TargetId;
use crate::discover::{Category, TagSelector, Undiscovered};
use crate::name::{Digest, Tag, full_name};
use crate::observe::{SourceImage, SourceState};
use crate::plan::{Behind, Entry, Evidence, Plan, Step, Verdict};
use crate::problem::{Cause, Problem, Side};

/// Shown as the destination of an image that could not be discovered.
pub(super) const NOWHERE: &str = "–";

/// The result of a run for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionResult {
    /// No import was necessary.
    Nothing,
    /// The image needs an import, but `SYNC_IMAGES` is false.
    NotRequested,
    /// Imported and verified in this time.
    Imported(Duration),
    /// Azure reports success, but the destination does not show the image yet.
    Uncertain {
        problem: Problem,
        duration: Duration,
    },
    Failed {
        problem: Problem,
        /// `None` if the import was not started.
        duration: Option<Duration>,
    },
}

/// What a tag of the destination points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The tag does not exist.
    Absent,
    Digest(Digest),
    Unknown,
}

/// A tag at the destination before and after the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub tag: Tag,
    pub before: Found,
    pub after: Found,
}

/// One image in the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The registry that it goes to.
    pub target: TargetId,
    pub category: Category,
    /// The name in the catalog; `None` for an image that does not come from it.
    pub slug: Option<String>,
    /// The full name at the source, with its tag if that is known.
    pub source: String,
    pub tag: Option<Tag>,
    /// The digest at the source.
    pub digest: Option<Digest>,
    /// `registry/repository` or `registry/repository:tag` at the destination.
    pub destination: String,
    /// The tags that the import overwrites, with their digests at the destination.
    pub previous: Vec<(Tag, Digest)>,
    /// The tags that the image should have at the destination. Empty if the source has no image.
    pub changes: Vec<Change>,
    pub verdict: Verdict,
    /// The reason for the verdict, as a sentence.
    pub reason: String,
    /// What the verdict follows from; `None` if the verdict itself says why.
    pub evidence: Option<Evidence>,
    /// Since when the destination lacks the image; `None` if that is not known, or if it has the image when the run ends.
    pub behind_since: Option<Behind>,
    pub done: ActionResult,
    /// The way that the image took; `None` if nothing was tried.
    pub transfer: Option<Transfer>,
    /// The workloads of the chart that use it, or the entry of `EXTRA_IMAGES`.
    pub wanted_by: Vec<String>,
    /// A warning to the user that does not change the verdict.
    pub note: Option<String>,
    /// Why an import that was not requested would fail.
    pub blocked: Option<Problem>,
}

impl Row {
    /// The problem if there is one, otherwise the reason for the verdict.
    pub(super) fn why(&self) -> String {
        self.problem()
            .map_or_else(|| self.reason.clone(), Problem::fact)
    }

    /// The last part of the name at the destination, or the name of a list that could not be read.
    pub fn short_name(&self) -> &str {
        match self.destination.as_str() {
            NOWHERE => &self.source,
            place => place.rsplit('/').next().unwrap_or(place),
        }
    }

    /// Why the image could not be checked or imported; `None` if it could.
    pub fn problem(&self) -> Option<&Problem> {
        match (&self.verdict, &self.done) {
            (Verdict::Unknown(problem), _)
            | (_, ActionResult::Failed { problem, .. } | ActionResult::Uncertain { problem, .. }) => {
                Some(problem)
            }
            (
                Verdict::UpToDate
                | Verdict::Missing
                | Verdict::Outdated
                | Verdict::Drifted
                | Verdict::NotPublished(_),
                ActionResult::Nothing | ActionResult::NotRequested | ActionResult::Imported(_),
            ) => None,
        }
    }
}

/// The rows of one target, whose login server is a part of its place.
pub(super) fn rows(
    place: (TargetId, &str),
    started: DateTime<Utc>,
    plan: &Plan,
    outcomes: Option<&[Outcome]>,
) -> Vec<Row> {
    let known = plan.entries.iter().map(|entry| {
        let done = match outcomes {
            Some(outcomes) => done(entry, outcomes),
            None => not_requested(entry),
        };
        let transfer = outcomes.and_then(|outcomes| Transfer::of(entry, outcomes));
        row(place, started, entry, done, transfer)
    });
    let undiscovered = plan.undiscovered.iter();
    let unknown = undiscovered.map(|one| undiscovered_row(place, one));
    known.chain(unknown).collect()
}

/// The result of a check for an image.
fn not_requested(entry: &Entry) -> ActionResult {
    match &entry.step {
        Step::Nothing => ActionResult::Nothing,
        Step::Import(_) | Step::Blocked(_) => ActionResult::NotRequested,
    }
}

/// The result of a sync for an image.
fn done(entry: &Entry, outcomes: &[Outcome]) -> ActionResult {
    let action = match &entry.step {
        Step::Nothing => return ActionResult::Nothing,
        Step::Blocked(problem) => {
            return ActionResult::Failed {
                problem: problem.clone(),
                duration: None,
            };
        }
        Step::Import(action) => action,
    };
    let mut outcomes = outcomes.iter();
    match outcomes.find(|outcome| outcome.targets == action.targets) {
        Some(outcome) => match &outcome.attempt.ending {
            Ending::Imported => ActionResult::Imported(outcome.duration),
            Ending::Uncertain(problem) => ActionResult::Uncertain {
                problem: problem.clone(),
                duration: outcome.duration,
            },
            Ending::Failed(problem) => ActionResult::Failed {
                problem: problem.clone(),
                duration: Some(outcome.duration),
            },
        },
        None => {
            let problem = Problem::new(
                Side::Local,
                Cause::Interrupted,
                "the run ended before this import began",
            );
            ActionResult::Failed {
                problem,
                duration: None,
            }
        }
    }
}

fn row(
    (target, registry): (TargetId, &str),
    started: DateTime<Utc>,
    entry: &Entry,
    done: ActionResult,
    transfer: Option<Transfer>,
) -> Row {
    let desired = &entry.observed.desired;
    let published = entry.observed.source.published();
    // A check also reports the problem that will block the import.
    let blocked = match (&entry.step, &done) {
        (Step::Blocked(problem), ActionResult::NotRequested) => Some(problem.clone()),
        _ => None,
    };
    let (tag, digest, wanted_tag) = match (&desired.wanted, published) {
        (
            TagSelector::Image {
                tag,
                digest,
                target,
            },
            _,
        ) => (tag.clone(), digest.clone(), Some(target)),
        (TagSelector::StableTag | TagSelector::Catalog(_) | TagSelector::Rule(_), published) => {
            let target = published.map(|published| &published.target);
            let tag = published.and_then(|published| published.tag.clone());
            (tag, None, target)
        }
    };
    Row {
        target,
        category: desired.category,
        slug: desired.slug().map(ToString::to_string),
        source: full_name(&desired.source, tag.as_ref(), digest.as_ref()),
        destination: full_name(
            &format!("{registry}/{}", desired.destination),
            wanted_tag,
            None,
        ),
        previous: previous(entry),
        changes: changes(entry, &done),
        tag,
        digest: published.map(|published| published.digest.clone()),
        verdict: entry.verdict.clone(),
        reason: entry.reason(),
        evidence: entry.evidence.clone(),
        behind_since: match &done {
            ActionResult::Imported(_) => None,
            ActionResult::Nothing
            | ActionResult::NotRequested
            | ActionResult::Uncertain { .. }
            | ActionResult::Failed { .. } => entry.behind_at(started),
        },
        done,
        note: blocked
            .as_ref()
            .map(ToString::to_string)
            .or_else(|| transfer.as_ref().and_then(Transfer::note))
            .or_else(|| entry.note.clone()),
        blocked,
        transfer,
        wanted_by: desired.wanted_by.clone(),
    }
}

/// The tags and digests that an import overwrites.
fn previous(entry: &Entry) -> Vec<(Tag, Digest)> {
    match (&entry.observed.source, &entry.observed.destination) {
        (SourceState::Published(published), Some(Ok(state))) if entry.verdict.needs_sync() => state
            .overwritten(published)
            .filter(|(_, digest)| **digest != published.digest)
            .map(|(tag, digest)| (tag.clone(), digest.clone()))
            .collect(),
        _ => Vec::new(),
    }
}

fn changes(entry: &Entry, done: &ActionResult) -> Vec<Change> {
    let SourceState::Published(published) = &entry.observed.source else {
        return Vec::new();
    };
    let found = |digest: &Option<Digest>| match digest {
        Some(digest) => Found::Digest(digest.clone()),
        None => Found::Absent,
    };
    let before = match &entry.observed.destination {
        Some(Ok(state)) => [found(&state.digest), found(&state.alias_digest)],
        Some(Err(_)) | None => [Found::Unknown, Found::Unknown],
    };
    let tags = published.targets().zip(before);
    tags.map(|(tag, before)| Change {
        tag: tag.clone(),
        after: after(published, &before, done),
        before,
    })
    .collect()
}

fn after(published: &SourceImage, before: &Found, done: &ActionResult) -> Found {
    match done {
        ActionResult::Imported(_) => Found::Digest(published.digest.clone()),
        ActionResult::Uncertain { .. } => Found::Unknown,
        ActionResult::Failed { problem, .. } if problem.may_have_acted => Found::Unknown,
        // One of two tags may have been written.
        ActionResult::Failed {
            duration: Some(_), ..
        } if published.alias.is_some() => Found::Unknown,
        ActionResult::Nothing | ActionResult::NotRequested | ActionResult::Failed { .. } => {
            before.clone()
        }
    }
}

fn undiscovered_row((target, registry): (TargetId, &str), undiscovered: &Undiscovered) -> Row {
    let Undiscovered {
        category,
        what,
        destination,
        problem,
    } = undiscovered;
    Row {
        target,
        category: *category,
        slug: None,
        source: what.clone(),
        tag: None,
        digest: None,
        destination: destination.as_ref().map_or_else(
            || NOWHERE.to_owned(),
            |(repository, tag)| {
                let place = format!("{registry}/{repository}");
                full_name(&place, Some(tag), None)
            },
        ),
        previous: Vec::new(),
        changes: Vec::new(),
        verdict: Verdict::Unknown(problem.clone()),
        reason: problem.fact(),
        evidence: None,
        behind_since: None,
        done: ActionResult::Nothing,
        transfer: None,
        wanted_by: Vec::new(),
        note: None,
        blocked: None,
    }
}
