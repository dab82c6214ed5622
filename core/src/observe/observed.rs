//! The observed state of an image, at its source and at the destination. Values only; `observe` fills them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::config::{CatalogWanted, HighestTag};
use crate::discover::codecollections::Choice;
use crate::discover::{Absence, Desired, TagSelector};
use crate::name::{Digest, Tag};
use crate::problem::Problem;

/// The image that a source publishes now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceImage {
    /// The tag at the source; `None` if the image is wanted by digest alone.
    pub tag: Option<Tag>,
    /// The tag at the destination.
    pub target: Tag,
    /// A second tag at the destination (`SYNC_REF_LATEST`).
    pub alias: Option<Tag>,
    /// The digest of the index if there is one, otherwise of the manifest.
    pub digest: Digest,
    /// What selects the image; `None` for an image that a chart or the user names by its tag or digest.
    pub follows: Option<Follows>,
}

/// What selects an image. It may select another image later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Follows {
    /// A tag that the builds move.
    MovingTag {
        /// `${REF}-latest`, or the tag that an extra image follows.
        tag: Tag,
        /// The digest of the tag when it was read.
        digest: Digest,
        /// The rank of the image's own tag among those with the same content.
        choice: Choice,
        same: SameContent,
    },
    /// The catalog, for this ref or pointer.
    Catalog(CatalogWanted),
    /// A rule that chooses the highest of these many tags.
    Highest { rule: HighestTag, matches: usize },
}

/// The content that an image has in common with the moving tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SameContent {
    /// The digests are the same.
    Digest,
    /// The indexes differ, and name the same manifest for `IMAGE_ARCHITECTURE`.
    PlatformManifest,
}

impl SourceImage {
    /// True if the tag at the destination is a date (`USE_DATE_TAG`).
    pub fn is_dated(&self) -> bool {
        self.tag.as_ref().is_some_and(|tag| *tag != self.target)
    }

    /// Every tag that the image gets at the destination.
    pub fn targets(&self) -> impl Iterator<Item = &Tag> {
        std::iter::once(&self.target).chain(&self.alias)
    }
}

/// The state of an image at its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SourceState {
    Published(SourceImage),
    /// The source has no image to sync, for this reason.
    NotPublished(Absence),
    /// The source could not be read.
    Unknown(Problem),
}

impl SourceState {
    /// The image, if the source is known to have one.
    pub fn published(&self) -> Option<&SourceImage> {
        match self {
            Self::Published(published) => Some(published),
            Self::NotPublished(_) | Self::Unknown(_) => None,
        }
    }
}

/// The state of an image at the destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationState {
    /// The digest of the wanted tag; `None` if the tag does not exist.
    pub digest: Option<Digest>,
    /// The digest of the second tag; `None` if the tag does not exist or is not wanted.
    pub alias_digest: Option<Digest>,
    /// The manifest for `IMAGE_ARCHITECTURE` that the wanted index names and the repository lacks, if that was checked.
    /// (A purge of untagged manifests in an ACR deletes such manifests.)
    pub missing_child: Option<Digest>,
    /// The problem if a tag that an import would overwrite is locked.
    pub locked: Option<Problem>,
    /// The other tags of the repository, if the verdict depends on them.
    pub repository_tags: Option<RepositoryTags>,
}

impl DestinationState {
    /// True if every wanted tag has the published digest, and no manifest is known to be missing.
    pub fn has(&self, published: &SourceImage) -> bool {
        let is_published = |digest: &Option<Digest>| digest.as_ref() == Some(&published.digest);
        is_published(&self.digest)
            && (published.alias.is_none() || is_published(&self.alias_digest))
            && self.missing_child.is_none()
    }

    /// True if the repository has the published digest, under the wanted tag or another one.
    pub fn has_digest(&self, published: &SourceImage) -> bool {
        let has_same = |repository_tags: &RepositoryTags| repository_tags.same.is_some();
        self.digest.as_ref() == Some(&published.digest)
            || self.repository_tags.as_ref().is_some_and(has_same)
    }

    /// The wanted tags that an import would overwrite, with their digests: another digest, or an index that lacks a
    /// manifest.
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

/// The other tags of the repository of an image of a chart, or of an extra image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryTags {
    /// A tag that already has the wanted digest.
    pub same: Option<Tag>,
    /// The tag that was pushed last.
    pub newest: Option<Tag>,
    /// The age of the newest tag; `None` if its date or the date of the source is not known.
    pub newest_age: Option<TagAge>,
    /// When the image at the source was built; `None` if the date is not known or not plausible.
    pub source_created: Option<DateTime<Utc>>,
    /// True if the repository has a tag `latest`.
    pub has_latest: bool,
}

/// The age of the newest tag of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TagAge {
    /// The tag was pushed at this time, before the image at the source was built, so its image is older.
    PushedAt(DateTime<Utc>),
    /// The image was built at this time.
    BuiltAt(DateTime<Utc>),
}

/// An image with its state at the source and at the destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    pub desired: Desired,
    pub source: SourceState,
    /// `None` if the source does not say which tag to check.
    pub destination: Option<Result<DestinationState, Problem>>,
    pub uploads: Uploads,
}

/// When the source received images of a branch. Only Google's list has such times. None of them is in the future.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uploads {
    /// The wanted image.
    pub wanted: Option<DateTime<Utc>>,
    /// The first image after the one that the destination has.
    pub after_destination: Option<DateTime<Utc>>,
}

impl Observed {
    /// Last part of the source's repository, with its tag or digest if that is known, for the log.
    pub fn short_name(&self) -> String {
        let name = self.desired.source.repository.last_segment();
        let published = self.source.published();
        let stable = published.and_then(|published| published.tag.as_ref());
        match (&self.desired.wanted, stable) {
            (TagSelector::Image { tag: Some(tag), .. }, _)
            | (
                TagSelector::StableTag | TagSelector::Catalog(_) | TagSelector::Rule(_),
                Some(tag),
            ) => format!("{name}:{tag}"),
            (
                TagSelector::Image {
                    digest: Some(digest),
                    ..
                },
                _,
            ) => format!("{name}@{}", digest.short()),
            (
                TagSelector::Image { .. }
                | TagSelector::StableTag
                | TagSelector::Catalog(_)
                | TagSelector::Rule(_),
                _,
            ) => name.to_owned(),
        }
    }

    /// True if the destination was read and does not have the published image.
    pub fn needs_sync(&self) -> bool {
        let (SourceState::Published(published), Some(Ok(state))) =
            (&self.source, &self.destination)
        else {
            return false;
        };
        !state.has(published)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::CatalogPointer;

    /// The JSON of a source image, which is the same image when it is read again.
    fn follows(follows: Option<Follows>) -> Value {
        let image = SourceImage {
            tag: None,
            target: "main-abc1234".parse().unwrap(),
            alias: None,
            digest: Digest::sha256(b"image"),
            follows,
        };
        let value = serde_json::to_value(&image).unwrap();
        let read: SourceImage = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(read, image);
        value["follows"].clone()
    }

    #[test]
    fn what_selects_an_image_is_a_part_of_a_plan() {
        let moving = |choice, same| {
            follows(Some(Follows::MovingTag {
                tag: "main-latest".parse().unwrap(),
                digest: Digest::sha256(b"index"),
                choice,
                same,
            }))
        };
        let mut expected = json!({"moving_tag": {
            "tag": "main-latest",
            "digest": Digest::sha256(b"index"),
            "choice": "first",
            "same": "digest",
        }});
        assert_eq!(moving(Choice::First, SameContent::Digest), expected);
        expected["moving_tag"]["choice"] = "second".into();
        expected["moving_tag"]["same"] = "platform_manifest".into();
        assert_eq!(
            moving(Choice::Second, SameContent::PlatformManifest),
            expected
        );
        let catalog = |wanted| follows(Some(Follows::Catalog(wanted)));
        let pointer = CatalogWanted::Pointer(CatalogPointer::Stable);
        assert_eq!(catalog(pointer), json!({"catalog": {"pointer": "stable"}}));
        let branch = CatalogWanted::Ref("main".parse().unwrap());
        assert_eq!(catalog(branch), json!({"catalog": {"ref": "main"}}));
        let rule = HighestTag {
            semver: Some(">=1".parse().unwrap()),
            matching: None,
            minimum: Some(3),
        };
        assert_eq!(
            follows(Some(Follows::Highest { rule, matches: 7 })),
            json!({"highest": {"rule": {"semver": ">=1", "matching": null, "minimum": 3}, "matches": 7}})
        );
        assert_eq!(follows(None), Value::Null);
    }
}
