//! Images of one plan that want the same tag.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, Step, Verdict};
use crate::discover::{Category, TagSelector};
use crate::name::{Digest, Repository, Tag};
use crate::observe::{Observed, SourceState};
use crate::problem::{Cause, Problem, Side};

/// Removes the tag with the same digest from an image, if another image wants that tag with another digest: after its import,
/// the tag would no longer point at this image.
pub(super) fn disregard_overwritten_tags(observed: &mut [Observed]) {
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

/// Merges or rejects images that want the same tag. With the same digest they are one image. Otherwise all of them
/// are in conflict, whatever the destination has: each import would undo the other, so no verdict would be right.
pub(super) fn settle_conflicts(entries: Vec<Entry>) -> Vec<Entry> {
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
                let kept = &mut settled[same];
                // The use that needs exactly this tag decides.
                if kept.verdict == Verdict::UpToDate && entry.verdict != Verdict::UpToDate {
                    std::mem::swap(kept, &mut entry);
                    std::mem::swap(
                        &mut kept.observed.desired.wanted_by,
                        &mut entry.observed.desired.wanted_by,
                    );
                }
                let wanted_by = &mut entry.observed.desired.wanted_by;
                kept.observed.desired.wanted_by.append(wanted_by);
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
        (
            SourceState::Unknown(_),
            TagSelector::StableTag | TagSelector::Catalog(_) | TagSelector::Rule(_),
        )
        | (
            SourceState::NotPublished(_),
            TagSelector::StableTag
            | TagSelector::Catalog(_)
            | TagSelector::Rule(_)
            | TagSelector::Image { digest: None, .. },
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
        _ => {
            let is_extra = |(position, _): &Claim<'_>| {
                entries[*position].observed.desired.category == Category::Extra
            };
            let advice = match claims.iter().any(is_extra) {
                true => {
                    "only one of them can have the tag: choose another destination in EXTRA_IMAGES or EXTRA_CHARTS"
                }
                false => {
                    "only one of them can have the tag: change the chart's values (CHART_VALUES, CHART_SET)"
                }
            };
            Problem::new(Side::Local, Cause::Configuration, what).advise(advice)
        }
    }
}

fn in_conflict(entry: Entry, problem: Problem) -> Entry {
    match &entry.observed.source {
        SourceState::Published(_) => Entry {
            verdict: Verdict::Unknown(problem),
            evidence: None,
            step: Step::Nothing,
            ..entry
        },
        // Without a published image, the entry keeps its own reason.
        SourceState::NotPublished(_) | SourceState::Unknown(_) => entry,
    }
}

fn published_target(entry: &Entry) -> Option<(&Repository, &Tag)> {
    let published = entry.observed.source.published()?;
    Some((&entry.observed.desired.destination, &published.target))
}
