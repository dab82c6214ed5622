//! One verdict and one step per image. Pure: the same input gives the same plan.

use std::collections::{BTreeMap, BTreeSet};

use crate::discover::chart_images::LATEST;
use crate::discover::{TagSelector, Undiscovered};
use crate::name::{Digest, Reference, Repository, Tag};
use crate::observe::{
    DestinationState, Observed, RepositoryTags, SourceImage, SourceState, TagAge,
};
use crate::problem::{Cause, Problem, Side};

/// The state of an image in the destination, compared with its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The destination has the digest that the source publishes.
    UpToDate,
    /// The destination does not have the tag.
    Missing,
    /// The destination has only an older build.
    Outdated,
    /// The destination has the tag with another digest, or an index that lacks a manifest.
    Drifted,
    /// The source has nothing to sync.
    NotPublished(String),
    /// The image could not be checked. Never counted as up to date or as outdated.
    Unknown(Problem),
}

impl Verdict {
    /// The name in reports and artifacts.
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

    /// True if the destination is known to lack the published image.
    pub fn needs_sync(&self) -> bool {
        match self {
            Self::Missing | Self::Outdated | Self::Drifted => true,
            Self::UpToDate | Self::NotPublished(_) | Self::Unknown(_) => false,
        }
    }
}

/// One import: the source pinned by digest, and every tag that it gets. `apply` decides nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// `registry/repository@digest`.
    pub source: Reference,
    /// The digest of every target after the import.
    pub digest: Digest,
    /// Repositories and tags at the destination.
    pub targets: Vec<(Repository, Tag)>,
    /// The digests of the targets before the import. If one of them is the wanted digest, its content was incomplete,
    /// and the digest at the destination does not prove that an import succeeded.
    pub replaced: Vec<Digest>,
}

impl Action {
    /// Last part of the first target's repository, with its tag, for the log.
    pub fn short_name(&self) -> String {
        self.targets
            .first()
            .map_or_else(String::new, |(repository, tag)| {
                format!("{}:{tag}", repository.last_segment())
            })
    }
}

/// The next step for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Nothing,
    Import(Action),
    /// The image needs an import that cannot succeed.
    Blocked(Problem),
}

/// An image with its verdict and its step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub observed: Observed,
    pub verdict: Verdict,
    /// The reason for the verdict, as a sentence.
    pub reason: String,
    pub step: Step,
    /// A warning to the user that does not change the verdict.
    pub note: Option<String>,
}

/// All decisions of a run, ordered by category and source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub entries: Vec<Entry>,
    /// Charts, and texts in charts, whose images are not known.
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

/// Removes the tag with the same digest from an image, if another image wants that tag with another digest: after its import,
/// the tag would no longer point at this image.
fn disregard_overwritten_tags(observed: &mut [Observed]) {
    let mut wanted: BTreeMap<(Repository, Tag), BTreeSet<Digest>> = BTreeMap::new();
    for image in observed.iter() {
        if let SourceState::Published(published) = &image.source {
            for tag in published.targets() {
                let place = (image.desired.destination.clone(), tag.clone());
                let digests = wanted.entry(place).or_default();
                digests.insert(published.digest.clone());
            }
        }
    }
    for image in observed {
        let (SourceState::Published(published), Some(Ok(state))) =
            (&image.source, &mut image.destination)
        else {
            continue;
        };
        let Some(tags) = &mut state.repository_tags else {
            continue;
        };
        let is_overwritten = |tag: &Tag| {
            let place = (image.desired.destination.clone(), tag.clone());
            wanted
                .get(&place)
                .is_some_and(|digests| digests.iter().any(|digest| *digest != published.digest))
        };
        if tags.same.as_ref().is_some_and(is_overwritten) {
            tags.same = None;
        }
    }
}

fn decide(observed: Observed) -> Entry {
    let (verdict, reason) = judge(&observed);
    let step = match (&verdict, &observed.source) {
        (
            Verdict::Missing | Verdict::Outdated | Verdict::Drifted,
            SourceState::Published(published),
        ) => step(&observed, published),
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
        SourceState::Published(published) => published,
        SourceState::NotPublished(reason) => {
            return (Verdict::NotPublished(reason.clone()), reason.clone());
        }
        SourceState::Unknown(problem) => {
            return (Verdict::Unknown(problem.clone()), problem.fact());
        }
    };
    match &observed.destination {
        Some(Ok(DestinationState {
            missing_child: Some(child),
            ..
        })) => (
            Verdict::Drifted,
            format!(
                "the ACR has the digest of {}, but lacks its manifest {} for the platform",
                published.target,
                child.short()
            ),
        ),
        Some(Ok(state)) if state.has(published) => (
            Verdict::UpToDate,
            format!("the ACR has {} with the same digest", published.target),
        ),
        Some(Ok(state)) => judge_neighbours(state, published, &observed.desired.wanted)
            .unwrap_or_else(|| judge_tag(state, published)),
        Some(Err(problem)) => (Verdict::Unknown(problem.clone()), problem.fact()),
        None => {
            let problem = Problem::new(
                Side::Destination,
                Cause::Invalid,
                "the destination was not checked",
            );
            (Verdict::Unknown(problem.clone()), problem.fact())
        }
    }
}

/// The verdict that follows from the other tags of the repository; `None` if they decide nothing.
///
/// Digests come first: the same content under another tag is up to date, whatever the dates. If the source was built
/// after the newest tag, the image is outdated. Otherwise it is up to date only for `latest`: a tag that the chart
/// names and the destination lacks is missing, whatever else the repository contains.
fn judge_neighbours(
    state: &DestinationState,
    published: &SourceImage,
    wanted: &TagSelector,
) -> Option<(Verdict, String)> {
    let RepositoryTags {
        same,
        newest,
        newest_age,
        source_created,
        has_latest: _,
    } = state.repository_tags.as_ref()?;
    if let Some(same) = same {
        return Some((
            Verdict::UpToDate,
            format!("the ACR has the same digest as {same}"),
        ));
    }
    let (newest, age, here) = (newest.as_ref()?, (*newest_age)?, (*source_created)?);
    let day = |date: chrono::DateTime<chrono::Utc>| date.format("%Y-%m-%d %H:%M");
    let there = match age {
        TagAge::BuiltAt(there) => there,
        TagAge::PushedAt(set) => {
            let what = format!(
                "built {}, after the ACR's newest tag {newest} was pushed {}",
                day(here),
                day(set)
            );
            return Some((Verdict::Outdated, what));
        }
    };
    if here > there {
        let what = format!(
            "built {}, newer than the ACR's {newest} of {}",
            day(here),
            day(there)
        );
        return Some((Verdict::Outdated, what));
    }
    // A later build date does not make other content under the same tag up to date.
    if state.digest.is_some() || !wanted.is_latest() {
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

fn judge_tag(state: &DestinationState, published: &SourceImage) -> (Verdict, String) {
    let SourceImage {
        target,
        alias,
        digest,
        ..
    } = published;
    let (tag, found) = match alias {
        // The stable tag has the digest, so the alias is wrong.
        Some(alias) if state.digest.as_ref() == Some(digest) => (alias, &state.alias_digest),
        Some(_) | None => (target, &state.digest),
    };
    match found {
        Some(digest) => (
            Verdict::Drifted,
            format!("the ACR's {tag} points at {digest} instead"),
        ),
        None => (Verdict::Missing, format!("the ACR has no tag {tag}")),
    }
}

/// azure-rw-acr-helm-update takes the highest tag by `sort -V`, in which `latest` is above every version.
fn note(observed: &Observed) -> Option<String> {
    let (TagSelector::Image { .. }, SourceState::Published(published)) =
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
        "{place} has a tag latest, which sorts above {} in azure-rw-acr-helm-update; remove the tag latest from the ACR",
        published.target
    ))
}

/// Merges or rejects images that want the same tag. With the same digest they are one image. Otherwise all of them
/// are in conflict, whatever the destination has: each import would undo the other, so no verdict would be right.
fn settle_conflicts(entries: Vec<Entry>) -> Vec<Entry> {
    let mut conflicts = conflicts(&entries);
    let mut settled: Vec<Entry> = Vec::with_capacity(entries.len());
    for (position, mut entry) in entries.into_iter().enumerate() {
        if let Some(problem) = conflicts.remove(&position) {
            settled.push(in_conflict(entry, problem));
            continue;
        }
        let target = published_target(&entry);
        let same = settled
            .iter()
            .position(|other| target.is_some() && published_target(other) == target);
        match same {
            Some(same) => {
                let wanted_by = &mut entry.observed.desired.wanted_by;
                let desired = &mut settled[same].observed.desired;
                desired.wanted_by.append(wanted_by);
            }
            None => settled.push(entry),
        }
    }
    settled
}

/// An image that wants a tag: its position among the entries, and its digest if that is known.
type Claim<'a> = (usize, Option<&'a Digest>);

/// The problem of each image in conflict, by its position.
fn conflicts(entries: &[Entry]) -> BTreeMap<usize, Problem> {
    let mut claims: BTreeMap<(&Repository, &Tag), Vec<Claim<'_>>> = BTreeMap::new();
    for (position, entry) in entries.iter().enumerate() {
        let (tags, digest) = wanted_tags(entry);
        for tag in tags {
            let place = (&entry.observed.desired.destination, tag);
            claims.entry(place).or_default().push((position, digest));
        }
    }
    let mut conflicts = BTreeMap::new();
    for (place, claims) in claims {
        let (_, first) = claims[0];
        let is_one_image = first.is_some() && claims.iter().all(|(_, digest)| *digest == first);
        if claims.len() == 1 || is_one_image {
            continue;
        }
        let problem = conflict(entries, place, &claims);
        for (position, _) in claims {
            conflicts.entry(position).or_insert_with(|| problem.clone());
        }
    }
    conflicts
}

/// The tags that an entry wants at its destination, and their digest. An image that is not published wants no tags,
/// unless the chart pins its digest.
fn wanted_tags(entry: &Entry) -> (Vec<&Tag>, Option<&Digest>) {
    match (&entry.observed.source, &entry.observed.desired.wanted) {
        (SourceState::Published(published), _) => {
            (published.targets().collect(), Some(&published.digest))
        }
        (SourceState::Unknown(_), TagSelector::Image { target, digest, .. })
        | (
            SourceState::NotPublished(_),
            TagSelector::Image {
                target,
                digest: digest @ Some(_),
                ..
            },
        ) => (vec![target], digest.as_ref()),
        (SourceState::Unknown(_), TagSelector::StableTag)
        | (
            SourceState::NotPublished(_),
            TagSelector::StableTag | TagSelector::Image { digest: None, .. },
        ) => (Vec::new(), None),
    }
}

fn conflict(
    entries: &[Entry],
    (repository, tag): (&Repository, &Tag),
    claims: &[Claim<'_>],
) -> Problem {
    let named = |(position, digest): &Claim<'_>| {
        let source = &entries[*position].observed.desired.source;
        let digest = digest.map_or("unknown", |digest| digest.short());
        format!("{source} ({digest})")
    };
    let what = format!(
        "conflict: {repository}:{tag} is wanted with different digests: {}",
        claims.iter().map(named).collect::<Vec<_>>().join(", ")
    );
    let unknown = claims
        .iter()
        .find(|(_, digest)| digest.is_none())
        .map(|(position, _)| &entries[*position].observed.source);
    match unknown {
        // It may be the same image, so the reported cause is that it cannot be read.
        Some(SourceState::Unknown(problem)) => Problem {
            what,
            ..problem.clone()
        },
        _ => Problem::new(Side::Local, Cause::Configuration, what).advise(
            "only one of them can have the tag: change the chart's values (CHART_VALUES, CHART_SET)",
        ),
    }
}

fn in_conflict(entry: Entry, problem: Problem) -> Entry {
    match &entry.observed.source {
        SourceState::Published(_) => Entry {
            reason: problem.fact(),
            verdict: Verdict::Unknown(problem),
            step: Step::Nothing,
            ..entry
        },
        // Without a published image, the entry keeps its own reason.
        SourceState::NotPublished(_) | SourceState::Unknown(_) => entry,
    }
}

fn published_target(entry: &Entry) -> Option<(&Repository, &Tag)> {
    match &entry.observed.source {
        SourceState::Published(published) => {
            Some((&entry.observed.desired.destination, &published.target))
        }
        SourceState::NotPublished(_) | SourceState::Unknown(_) => None,
    }
}

fn step(observed: &Observed, published: &SourceImage) -> Step {
    let destination = &observed.desired.destination;
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
    Step::Import(Action {
        source: observed.desired.source.pinned(&published.digest),
        digest: published.digest.clone(),
        targets: published
            .targets()
            .map(|tag| (destination.clone(), tag.clone()))
            .collect(),
        replaced,
    })
}

#[cfg(test)]
mod tests;
