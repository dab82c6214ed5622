//! What chose an image: an apply examines whether it would choose the same one now.

use serde::{Deserialize, Serialize};

use crate::config::HighestTag;
use crate::name::{Digest, Tag};
use crate::observe::{Follows, SourceImage};

/// The tag that chose the image of a CodeCollection, or of an extra image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MovingTag {
    pub tag: Tag,
    /// What the tag pointed at.
    pub digest: Digest,
}

impl MovingTag {
    /// `None` if the image was not chosen by a tag.
    pub(super) fn of(published: &SourceImage) -> Option<Self> {
        match published.follows.as_ref()? {
            Follows::MovingTag { tag, digest, .. } => Some(Self {
                tag: tag.clone(),
                digest: digest.clone(),
            }),
            Follows::Catalog(_) | Follows::Highest { .. } => None,
        }
    }
}

/// The rule that chose the image; `None` if it was another kind of rule or none.
pub(super) fn rule(published: &SourceImage) -> Option<HighestTag> {
    match published.follows.as_ref()? {
        Follows::Highest { rule, matches: _ } => Some(rule.clone()),
        Follows::MovingTag { .. } | Follows::Catalog(_) => None,
    }
}
