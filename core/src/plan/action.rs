//! The next step for an image.

use serde::{Deserialize, Serialize};

use crate::discover::Desired;
use crate::name::{DestinationTag, Digest, Reference, Tag};
use crate::observe::SourceImage;
use crate::problem::Problem;

/// One import: the source pinned by digest, and every tag that it gets. `apply` decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// `registry/repository@digest`.
    pub source: Reference,
    /// The digest of every target after the import.
    pub digest: Digest,
    /// The tags at the destination. No two actions of a plan have one in common.
    pub targets: Vec<DestinationTag>,
    /// The digests of the targets before the import. If one of them is the wanted digest, its content was incomplete,
    /// and the digest at the destination does not prove that an import succeeded.
    pub replaced: Vec<Digest>,
}

impl Action {
    /// Sets the tags of an image, in place of these digests.
    pub(crate) fn new(desired: &Desired, published: &SourceImage, replaced: Vec<Digest>) -> Self {
        let target = |tag: &Tag| DestinationTag {
            repository: desired.destination.clone(),
            tag: tag.clone(),
        };
        Self {
            source: desired.source.pinned(&published.digest),
            digest: published.digest.clone(),
            targets: published.targets().map(target).collect(),
            replaced,
        }
    }

    /// Last part of the first target's repository, with its tag, for the log.
    pub fn short_name(&self) -> String {
        self.targets.first().map_or_else(String::new, |target| {
            format!("{}:{}", target.repository.last_segment(), target.tag)
        })
    }
}

/// The next step for an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Nothing,
    Import(Action),
    /// The image needs an import that cannot succeed.
    Blocked(Problem),
}
