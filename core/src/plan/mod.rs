//! One verdict and one step per image. Pure: the same input gives the same plan.

mod action;
mod age;
mod conflicts;
mod evidence;
mod file;
mod verdict;

use serde::{Deserialize, Serialize};

pub use action::{Action, Step};
#[cfg(test)]
pub use age::Basis;
pub use age::Behind;
pub use evidence::Evidence;
pub(crate) use file::{MovingTag, PlannedEntry, planned_tags};
pub use file::{PlanFile, PlanFileError, PlanInfo};
pub use verdict::Verdict;

use crate::discover::chart_images::LATEST;
use crate::discover::{Category, Undiscovered};
use crate::observe::{DestinationState, Observed, RepositoryTags, SourceImage, SourceState};
use conflicts::{disregard_overwritten_tags, settle_conflicts};
use verdict::judge;

/// An image with its verdict and its step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub observed: Observed,
    pub verdict: Verdict,
    /// What the verdict follows from; `None` if the verdict itself says why.
    pub evidence: Option<Evidence>,
    pub step: Step,
    /// A warning to the user that does not change the verdict.
    pub note: Option<String>,
}

impl Entry {
    /// The reason for the verdict, as a sentence.
    pub fn reason(&self) -> String {
        match (&self.verdict, &self.evidence) {
            (Verdict::NotPublished(absence), _) => absence.reason.clone(),
            (Verdict::Unknown(problem), _) => problem.fact(),
            (
                Verdict::UpToDate | Verdict::Missing | Verdict::Outdated | Verdict::Drifted,
                evidence,
            ) => evidence
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
        }
    }
}

/// All decisions of a run, ordered by category and source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub entries: Vec<Entry>,
    /// Charts, and texts in charts, whose images are not known.
    pub undiscovered: Vec<Undiscovered>,
}

impl Plan {
    /// The imports.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        self.entries.iter().filter_map(|entry| match &entry.step {
            Step::Import(action) => Some(action),
            Step::Nothing | Step::Blocked(_) => None,
        })
    }
}

/// Decides the verdict and the step of every image.
pub fn plan(mut observed: Vec<Observed>, undiscovered: Vec<Undiscovered>) -> Plan {
    observed.sort_by(|a, b| {
        let key = |observed: &Observed| {
            let desired = &observed.desired;
            (
                desired.category,
                desired.source.clone(),
                desired.wanted.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    disregard_overwritten_tags(&mut observed);
    let entries = settle_conflicts(observed.into_iter().map(decide).collect());
    Plan {
        entries,
        undiscovered,
    }
}

fn decide(observed: Observed) -> Entry {
    let (verdict, evidence) = judge(&observed);
    let step = match (&verdict, &observed.source) {
        (
            Verdict::Missing | Verdict::Outdated | Verdict::Drifted,
            SourceState::Published(published),
        ) => step(&observed, published),
        (Verdict::UpToDate | Verdict::NotPublished(_) | Verdict::Unknown(_), _)
        | (_, SourceState::NotPublished(_) | SourceState::Unknown(_)) => Step::Nothing,
    };
    let note = note(&observed);
    Entry {
        observed,
        verdict,
        evidence,
        step,
        note,
    }
}

/// azure-rw-acr-helm-update reads the images of RunWhen's chart only. It takes the highest tag by `sort -V`, in which `latest` is above every version.
fn note(observed: &Observed) -> Option<String> {
    let (Category::RunWhenLocal, SourceState::Published(published)) =
        (observed.desired.category, &observed.source)
    else {
        return None;
    };
    let place = &observed.desired.destination;
    if published.target.as_str() == LATEST {
        return Some(format!(
            "{place}:latest sorts above every version, so azure-rw-acr-helm-update never takes another tag; set USE_DATE_TAG=true"
        ));
    }
    let Some(Ok(DestinationState {
        repository_tags: Some(RepositoryTags {
            has_latest: true, ..
        }),
        ..
    })) = &observed.destination
    else {
        return None;
    };
    Some(format!(
        "{place} has a tag latest, which sorts above {} in azure-rw-acr-helm-update; remove the tag latest there",
        published.target
    ))
}

fn step(observed: &Observed, published: &SourceImage) -> Step {
    let state = observed
        .destination
        .as_ref()
        .and_then(|seen| seen.as_ref().ok());
    if let Some(problem) = state.and_then(|state| state.locked.clone()) {
        return Step::Blocked(problem);
    }
    let replaced = match state {
        Some(state) => state
            .overwritten(published)
            .map(|(_, digest)| digest.clone())
            .collect(),
        None => Vec::new(),
    };
    Step::Import(Action::new(&observed.desired, published, replaced))
}

#[cfg(test)]
pub(crate) mod tests;
