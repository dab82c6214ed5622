//! One verdict per image, and what follows from it. Pure: the same input gives the same plan.

use crate::discover::{Undiscovered, Wanted};
use crate::name::{Digest, Reference, Repository, Tag};
use crate::observe::{Age, Neighbours, Observed, Standing};
use crate::problem::{Cause, Party, Problem};
use crate::runwhen_local::LATEST;
use crate::seen::{Published, Seen};

/// What is the matter with an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The destination has what the source publishes.
    UpToDate,
    /// The destination has no such tag.
    Missing,
    /// The destination has an older build only.
    Outdated,
    /// The tag is there and points at something else.
    Drifted,
    /// The source has nothing to sync.
    NotPublished(String),
    /// It could not be checked. Never counted as up to date or as outdated.
    Unknown(Problem),
}

impl Verdict {
    /// Its name, as reports and artifacts have it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::UpToDate => "UpToDate",
            Self::Missing => "Missing",
            Self::Outdated => "Outdated",
            Self::Drifted => "Drifted",
            Self::NotPublished(_) => "NotPublished",
            Self::Unknown(_) => "Unknown",
        }
    }

    /// Whether the destination is known to be behind.
    pub fn needs_sync(&self) -> bool {
        match self {
            Self::Missing | Self::Outdated | Self::Drifted => true,
            Self::UpToDate | Self::NotPublished(_) | Self::Unknown(_) => false,
        }
    }
}

/// One import: the source pinned by digest, and every tag that it gets. Nothing is left to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// `registry/repository@digest`.
    pub source: Reference,
    /// What every target points at afterwards.
    pub digest: Digest,
    /// Repositories and tags at the destination.
    pub targets: Vec<(Repository, Tag)>,
    /// What the targets pointed at before. Where that is the wanted digest itself, its content was incomplete, and
    /// the digest at the destination does not prove that an import succeeded.
    pub replaced: Vec<Digest>,
}

/// What is to be done for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// This import.
    Import(Action),
    /// It needs an import that cannot succeed.
    Blocked(Problem),
}

/// An image, its verdict and its step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What was seen.
    pub observed: Observed,
    /// What it means.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub reason: String,
    /// What is to be done.
    pub step: Step,
    /// What the user should know besides.
    pub note: Option<String>,
}

/// All decisions of a run, in the order of category and source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// One per image.
    pub entries: Vec<Entry>,
    /// What should have told images and did not.
    pub undiscovered: Vec<Undiscovered>,
}

impl Plan {
    /// The imports, each with the position of its entry.
    pub fn actions(&self) -> impl Iterator<Item = (usize, &Action)> {
        self.entries
            .iter()
            .enumerate()
            .filter_map(|(position, entry)| match &entry.step {
                Step::Import(action) => Some((position, action)),
                Step::Nothing | Step::Blocked(_) => None,
            })
    }
}

/// Decides what is to be done about what was seen.
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
    let entries = settle_conflicts(observed.into_iter().map(decide).collect());
    Plan {
        entries,
        undiscovered,
    }
}

fn decide(observed: Observed) -> Entry {
    let (verdict, reason) = judge(&observed);
    let step = match (&verdict, &observed.source) {
        (Verdict::Missing | Verdict::Outdated | Verdict::Drifted, Seen::Published(published)) => {
            step(&observed, published)
        }
        _ => Step::Nothing,
    };
    let note = note(&observed);
    Entry {
        observed,
        verdict,
        reason,
        step,
        note,
    }
}

fn judge(observed: &Observed) -> (Verdict, String) {
    let published = match &observed.source {
        Seen::Published(published) => published,
        Seen::NotPublished(reason) => {
            return (Verdict::NotPublished(reason.clone()), reason.clone());
        }
        Seen::Unknown(problem) => return (Verdict::Unknown(problem.clone()), problem.fact()),
    };
    match &observed.destination {
        Some(Ok(standing)) if standing.has(published) => (
            Verdict::UpToDate,
            format!("the ACR has {} with the same digest", published.target),
        ),
        Some(Ok(standing)) => {
            judge_dates(standing, published).unwrap_or_else(|| judge_tag(standing, published))
        }
        Some(Err(problem)) => (Verdict::Unknown(problem.clone()), problem.fact()),
        None => {
            let problem = Problem::new(
                Party::Destination,
                Cause::Invalid,
                "the destination was not looked at",
            );
            (Verdict::Unknown(problem.clone()), problem.fact())
        }
    }
}

/// What follows from the tags beside the wanted one; none where they decide nothing.
///
/// Digests first: the same content under another tag is up to date whatever the dates. Then the dates of
/// the builds, where both are known: only what is newer needs an update.
fn judge_dates(standing: &Standing, published: &Published) -> Option<(Verdict, String)> {
    let Neighbours {
        same,
        newest,
        newest_age,
        source_created,
        has_latest: _,
    } = standing.neighbours.as_ref()?;
    if let Some(same) = same {
        return Some((
            Verdict::UpToDate,
            format!("the ACR has the same digest as {same}"),
        ));
    }
    let (newest, age, here) = (newest.as_ref()?, (*newest_age)?, (*source_created)?);
    let day = |date: chrono::DateTime<chrono::Utc>| date.format("%Y-%m-%d %H:%M");
    let there = match age {
        Age::Built(there) => there,
        Age::Set(set) => {
            let what = format!(
                "built {}, after the ACR's newest tag {newest} was set {}",
                day(here),
                day(set)
            );
            return Some((Verdict::Outdated, what));
        }
    };
    let what = format!(
        "built {}, newer than the ACR's {newest} of {}",
        day(here),
        day(there)
    );
    if here > there {
        return Some((Verdict::Outdated, what));
    }
    // The tag is there and is something else: that it was built later does not make it the same.
    if standing.digest.is_some() {
        return None;
    }
    let what = format!(
        "{} was built {}, not newer than the ACR's {newest} of {}",
        published.target,
        day(here),
        day(there)
    );
    Some((Verdict::UpToDate, what))
}

fn judge_tag(standing: &Standing, published: &Published) -> (Verdict, String) {
    let Published {
        target,
        alias,
        digest,
        ..
    } = published;
    let (tag, found) = match alias {
        // The stable tag is right, so it is the other one.
        Some(alias) if standing.digest.as_ref() == Some(digest) => (alias, &standing.alias_digest),
        Some(_) | None => (target, &standing.digest),
    };
    match found {
        Some(digest) => (
            Verdict::Drifted,
            format!("the ACR's {tag} points at {digest} instead"),
        ),
        None => (Verdict::Missing, format!("the ACR has no tag {tag}")),
    }
}

/// The paired codebundle takes the highest tag by `sort -V`, in which `latest` is above every version.
fn note(observed: &Observed) -> Option<String> {
    let (Wanted::Image { .. }, Seen::Published(published)) =
        (&observed.desired.wanted, &observed.source)
    else {
        return None;
    };
    let place = &observed.desired.destination;
    if published.target.as_str() == LATEST {
        return Some(format!(
            "{place}:latest sorts above every version, so azure-rw-acr-helm-update never takes another tag; set USE_DATE_TAG=true"
        ));
    }
    let Some(Ok(Standing {
        neighbours: Some(Neighbours {
            has_latest: true, ..
        }),
        ..
    })) = &observed.destination
    else {
        return None;
    };
    Some(format!(
        "{place} has a tag latest, which sorts above {} in azure-rw-acr-helm-update; remove it from the ACR",
        published.target
    ))
}

/// Two images cannot have one tag: the first keeps it and the other is told. The same content twice is one
/// image.
fn settle_conflicts(entries: Vec<Entry>) -> Vec<Entry> {
    let mut settled: Vec<Entry> = Vec::with_capacity(entries.len());
    for mut entry in entries {
        let rival = settled
            .iter_mut()
            .find(|other| target_of(other).is_some() && target_of(other) == target_of(&entry));
        match (rival, &entry.observed.source) {
            (Some(other), Seen::Published(published))
                if digest_of(other) == Some(&published.digest) =>
            {
                other
                    .observed
                    .desired
                    .wanted_by
                    .append(&mut entry.observed.desired.wanted_by);
                continue;
            }
            (Some(other), Seen::Published(published)) if matches!(entry.step, Step::Import(_)) => {
                let (place, rival) = (
                    &entry.observed.desired.destination,
                    &other.observed.desired.source,
                );
                let what = format!(
                    "{place}:{} is wanted for {rival} too, with another digest",
                    published.target
                );
                let problem = Problem::new(Party::Here, Cause::Configuration, what);
                entry.step = Step::Blocked(
                    problem
                        .advise("only one of the two can have the tag: change the chart's values"),
                );
            }
            _ => {}
        }
        settled.push(entry);
    }
    settled
}

fn target_of(entry: &Entry) -> Option<(&Repository, &Tag)> {
    match &entry.observed.source {
        Seen::Published(published) => {
            Some((&entry.observed.desired.destination, &published.target))
        }
        Seen::NotPublished(_) | Seen::Unknown(_) => None,
    }
}

fn digest_of(entry: &Entry) -> Option<&Digest> {
    match &entry.observed.source {
        Seen::Published(published) => Some(&published.digest),
        Seen::NotPublished(_) | Seen::Unknown(_) => None,
    }
}

fn step(observed: &Observed, published: &Published) -> Step {
    let destination = &observed.desired.destination;
    let standing = observed
        .destination
        .as_ref()
        .and_then(|seen| seen.as_ref().ok());
    if let Some(problem) = standing.and_then(|standing| standing.locked.clone()) {
        return Step::Blocked(problem);
    }
    let replaced = match standing {
        Some(standing) if standing.has(published) => vec![published.digest.clone()],
        Some(standing) => standing
            .others(published)
            .map(|(_, digest)| digest.clone())
            .collect(),
        None => Vec::new(),
    };
    Step::Import(Action {
        source: observed.desired.source.pinned(&published.digest),
        digest: published.digest.clone(),
        targets: std::iter::once(&published.target)
            .chain(&published.alias)
            .map(|tag| (destination.clone(), tag.clone()))
            .collect(),
        replaced,
    })
}

#[cfg(test)]
mod tests;
