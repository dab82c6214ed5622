//! What was observed of an image: at its source, and at the destination. Values only; `observe` fills them.

use chrono::{DateTime, Utc};

use crate::discover::{Desired, TagSelector};
use crate::name::{Digest, Tag};
use crate::problem::Problem;

/// The image that a source publishes now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceImage {
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
pub enum SourceState {
    /// This.
    Published(SourceImage),
    /// There is nothing to sync, for this reason.
    NotPublished(String),
    /// It could not be read.
    Unknown(Problem),
}

/// What was seen at the destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DestinationState {
    /// The digest that the wanted tag points at; none when there is no such tag.
    pub digest: Option<Digest>,
    /// The digest that the second tag points at; none when there is no such tag, or none is wanted.
    pub alias_digest: Option<Digest>,
    /// The manifest of `IMAGE_ARCHITECTURE` that the wanted index names and the repository lacks, where that was
    /// checked (an ACR's purge of untagged manifests takes such children away).
    pub missing_child: Option<Digest>,
    /// Why a tag that an import would overwrite cannot be overwritten: it is locked.
    pub locked: Option<Problem>,
    /// The rest of the repository, where that decides and was looked at.
    pub repository_tags: Option<RepositoryTags>,
}

impl DestinationState {
    /// Whether every wanted tag points at what is published, and nothing of it is known to be missing.
    pub fn has(&self, published: &SourceImage) -> bool {
        let is_published = |digest: &Option<Digest>| digest.as_ref() == Some(&published.digest);
        is_published(&self.digest)
            && (published.alias.is_none() || is_published(&self.alias_digest))
            && self.missing_child.is_none()
    }

    /// Whether the repository has what is published, under the wanted tag or another.
    pub fn has_digest(&self, published: &SourceImage) -> bool {
        let has_same = |repository_tags: &RepositoryTags| repository_tags.same.is_some();
        self.digest.as_ref() == Some(&published.digest)
            || self.repository_tags.as_ref().is_some_and(has_same)
    }

    /// The wanted tags that an import would overwrite, with what they point at: something else, or an index that lacks
    /// its manifest.
    pub fn overwritten<'a>(
        &'a self,
        published: &'a SourceImage,
    ) -> impl Iterator<Item = (&'a Tag, &'a Digest)> {
        let target = Some((&published.target, self.digest.as_ref()));
        let alias = published.alias.as_ref();
        let alias = alias.map(|alias| (alias, self.alias_digest.as_ref()));
        [target, alias]
            .into_iter()
            .flatten()
            .filter_map(|(tag, digest)| Some((tag, digest?)))
            .filter(|(_, digest)| self.missing_child.is_some() || **digest != published.digest)
    }
}

/// The tags beside the wanted one, of an image whose dates decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryTags {
    /// A tag that points at the wanted digest already.
    pub same: Option<Tag>,
    /// The tag that was set last.
    pub newest: Option<Tag>,
    /// How old the newest one is; none when it does not say, or the source does not.
    pub newest_age: Option<TagAge>,
    /// When the source's was built; none when it does not say, or says nonsense.
    pub source_created: Option<DateTime<Utc>>,
    /// `latest` is among them.
    pub has_latest: bool,
}

/// How old the newest tag of a repository is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagAge {
    /// It was set at this time, before the source's image was built: so everything there was built earlier.
    PushedAt(DateTime<Utc>),
    /// Its image was built at this time.
    BuiltAt(DateTime<Utc>),
}

/// An image with what was seen of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The image.
    pub desired: Desired,
    /// Its source.
    pub source: SourceState,
    /// The destination; not looked at while the source does not tell which tag.
    pub destination: Option<Result<DestinationState, Problem>>,
}

impl Observed {
    /// Last part of the source's repository, with its tag or digest if that is known, for the log.
    pub fn short_name(&self) -> String {
        let name = self.desired.source.repository.last_segment();
        let stable = match &self.source {
            SourceState::Published(published) => published.tag.as_ref(),
            SourceState::NotPublished(_) | SourceState::Unknown(_) => None,
        };
        match (&self.desired.wanted, stable) {
            (TagSelector::Image { tag: Some(tag), .. }, _)
            | (TagSelector::StableTag, Some(tag)) => format!("{name}:{tag}"),
            (
                TagSelector::Image {
                    digest: Some(digest),
                    ..
                },
                _,
            ) => format!("{name}@{}", digest.short()),
            (TagSelector::Image { .. } | TagSelector::StableTag, _) => name.to_owned(),
        }
    }

    /// Whether the destination was seen without what is published.
    pub fn is_behind(&self) -> bool {
        let (SourceState::Published(published), Some(Ok(standing))) =
            (&self.source, &self.destination)
        else {
            return false;
        };
        !standing.has(published)
    }
}
