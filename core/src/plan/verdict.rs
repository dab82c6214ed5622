//! The rules that make an image up to date, missing, outdated or drifted.

use serde::{Deserialize, Serialize};

use super::Evidence;
use crate::discover::{Absence, Desired, TagSelector};
use crate::observe::{
    DestinationState, Observed, RepositoryTags, SourceImage, SourceState, TagAge,
};
use crate::problem::{Cause, Problem, Side};

/// The state of an image in the destination, compared with its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    NotPublished(Absence),
    /// The image could not be checked. Never counted as up to date or as outdated.
    Unknown(Problem),
}

impl Verdict {
    /// All names.
    pub const NAMES: [&str; 6] = [
        "UpToDate",
        "Missing",
        "Outdated",
        "Drifted",
        "NotPublished",
        "Unknown",
    ];

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

/// The verdict on an image and what it follows from. If the source or the destination is not known, the verdict itself says why.
pub(super) fn judge(observed: &Observed) -> (Verdict, Option<Evidence>) {
    let published = match &observed.source {
        SourceState::Published(published) => published,
        SourceState::NotPublished(absence) => {
            return (Verdict::NotPublished(absence.clone()), None);
        }
        SourceState::Unknown(problem) => return (Verdict::Unknown(problem.clone()), None),
    };
    let state = match &observed.destination {
        Some(Ok(state)) => state,
        Some(Err(problem)) => return (Verdict::Unknown(problem.clone()), None),
        None => {
            let what = "the destination was not checked";
            let problem = Problem::new(Side::Destination, Cause::Invalid, what);
            return (Verdict::Unknown(problem), None);
        }
    };
    let (verdict, evidence) = compare(state, published, &observed.desired);
    (verdict, Some(evidence))
}

fn compare(
    state: &DestinationState,
    published: &SourceImage,
    desired: &Desired,
) -> (Verdict, Evidence) {
    let tag = published.target.clone();
    if let Some(child) = state.missing_child.clone() {
        return (Verdict::Drifted, Evidence::ManifestMissing { tag, child });
    }
    if state.has(published) {
        return (Verdict::UpToDate, Evidence::SameDigest { tag });
    }
    // A date tag is new in each run.
    let other_tags = match desired.needs_its_tag && !published.is_dated() {
        true => None,
        false => compare_other_tags(state, published, &desired.wanted),
    };
    other_tags.unwrap_or_else(|| compare_tag(state, published))
}

/// The verdict that follows from the other tags of the repository; `None` if they decide nothing.
///
/// Digests come first: the same content under another tag is up to date, whatever the dates. If the source was built
/// after the newest tag, the image is outdated. Otherwise it is up to date only for `latest`: a tag that the chart
/// names and the destination lacks is missing, whatever else the repository contains.
fn compare_other_tags(
    state: &DestinationState,
    published: &SourceImage,
    wanted: &TagSelector,
) -> Option<(Verdict, Evidence)> {
    let RepositoryTags {
        same,
        newest,
        newest_age,
        source_created,
        has_latest: _,
    } = state.repository_tags.as_ref()?;
    if let Some(same) = same {
        let tag = same.clone();
        return Some((Verdict::UpToDate, Evidence::SameDigestElsewhere { tag }));
    }
    let (newest, age, built) = (newest.clone()?, (*newest_age)?, (*source_created)?);
    let newest_built = match age {
        TagAge::BuiltAt(newest_built) => newest_built,
        TagAge::PushedAt(newest_pushed) => {
            let evidence = Evidence::BuiltAfterPush {
                built,
                newest,
                newest_pushed,
            };
            return Some((Verdict::Outdated, evidence));
        }
    };
    if built > newest_built {
        let evidence = Evidence::BuiltAfterBuild {
            built,
            newest,
            newest_built,
        };
        return Some((Verdict::Outdated, evidence));
    }
    // A later build date does not make other content under the same tag up to date.
    if state.digest.is_some() || !wanted.is_latest() {
        return None;
    }
    let evidence = Evidence::NotBuiltAfter {
        tag: published.target.clone(),
        built,
        newest,
        newest_built,
    };
    Some((Verdict::UpToDate, evidence))
}

fn compare_tag(state: &DestinationState, published: &SourceImage) -> (Verdict, Evidence) {
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
    let tag = tag.clone();
    match found.clone() {
        Some(digest) => (Verdict::Drifted, Evidence::OtherDigest { tag, digest }),
        None => (Verdict::Missing, Evidence::TagMissing { tag }),
    }
}
