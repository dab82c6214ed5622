//! What a source was seen to publish.

use crate::name::{Digest, Tag};
use crate::problem::Problem;

/// The image that a source publishes now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its tag at the source; none when it is wanted by digest alone.
    pub tag: Option<Tag>,
    /// The tag that it should have at the destination.
    pub target: Tag,
    /// A second tag that it should have there (`SYNC_REF_LATEST`).
    pub alias: Option<Tag>,
    /// The digest of the whole: of the index when there is one.
    pub digest: Digest,
}

/// What was seen at the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// This.
    Published(Published),
    /// There is nothing to sync, for this reason.
    NotPublished(String),
    /// It could not be read.
    Unknown(Problem),
}
