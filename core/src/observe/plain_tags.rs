//! The other tags of a repository in a registry that is not an Azure Container Registry.
//!
//! The specification's list has neither digests nor dates, and no order: each tag costs a HEAD, and each image up to three
//! requests for the date in its configuration.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;

use super::{Observer, Once};
use crate::discover::Desired;
use crate::discover::chart_images::LATEST;
use crate::name::{Digest, Repository, Tag};
use crate::observe::{RepositoryTags, SourceImage, TagAge};
use crate::problem::{Cause, Problem, Side};
use crate::registry::RegistryClient;

/// The most tags of one repository whose digests are read.
const MOST_TAGS: usize = 1_000;
/// The most images of one repository whose dates are read.
const MOST_DATES: usize = 100;

impl Observer<'_> {
    /// Reads the digests of all tags, and dates only if no tag has the wanted digest.
    pub(super) async fn plain_repository_tags(
        &self,
        client: &RegistryClient,
        desired: &Desired,
        published: &SourceImage,
        built: Once<'_, Option<DateTime<Utc>>>,
    ) -> Result<RepositoryTags, Problem> {
        let repository = &desired.destination;
        let tags = digests(client, repository).await?;
        let mut found = RepositoryTags {
            same: tags
                .iter()
                .find(|(_, digest)| **digest == published.digest)
                .map(|(tag, _)| tag.clone()),
            newest: None,
            newest_age: None,
            source_created: None,
            has_latest: tags.keys().any(|tag| tag.as_str() == LATEST),
        };
        if found.same.is_some() || tags.is_empty() {
            return Ok(found);
        }
        let images: BTreeSet<_> = tags.values().collect();
        // Only the date of `latest` decides; of other tags it is a part of the reason.
        if images.len() > MOST_DATES && !desired.wanted.is_latest() {
            return Ok(found);
        }
        if images.len() > MOST_DATES {
            return Err(too_many(client, repository, images.len(), "images"));
        }
        found.source_created = built.await?;
        if found.source_created.is_none() {
            return Ok(found);
        }
        let dates = images.into_iter().map(|digest| async move {
            let date = self.built(client, repository, digest).await?;
            Ok::<_, Problem>((date, digest))
        });
        let newest = try_join_all(dates).await?.into_iter();
        let newest = newest
            .filter_map(|(date, digest)| Some((date?, digest)))
            .max();
        if let Some((date, digest)) = newest {
            found.newest = tag_of(&tags, digest);
            found.newest_age = Some(TagAge::BuiltAt(date));
        }
        Ok(found)
    }
}

/// The tags of a repository with their digests, without signatures and other attachments.
async fn digests(
    client: &RegistryClient,
    repository: &Repository,
) -> Result<BTreeMap<Tag, Digest>, Problem> {
    let Some(list) = client.tags(repository).await? else {
        return Ok(BTreeMap::new());
    };
    let is_attachment = |tag: &Tag| tag.as_str().starts_with("sha256-") && tag.as_str().len() > 70;
    let tags = list.tags().filter_map(|tag| tag.text.parse().ok());
    let tags: Vec<Tag> = tags.filter(|tag| !is_attachment(tag)).collect();
    if tags.len() > MOST_TAGS {
        return Err(too_many(client, repository, tags.len(), "tags"));
    }
    let found = tags.into_iter().map(|tag| async move {
        let digest = client.digest_of(repository, &tag).await?;
        Ok::<_, Problem>((tag, digest))
    });
    let found = try_join_all(found).await?.into_iter();
    // A tag that was removed meanwhile is skipped.
    Ok(found
        .filter_map(|(tag, digest)| Some((tag, digest?)))
        .collect())
}

fn tag_of(tags: &BTreeMap<Tag, Digest>, wanted: &Digest) -> Option<Tag> {
    let mut tags = tags.iter();
    tags.find(|(_, digest)| *digest == wanted)
        .map(|(tag, _)| tag.clone())
}

fn too_many(client: &RegistryClient, repository: &Repository, count: usize, what: &str) -> Problem {
    let place = format!("{}/{repository}", client.registry());
    let what = format!("{place} has {count} {what}, which are too many to compare");
    Problem::new(Side::Destination, Cause::Invalid, what).advise("delete what is not needed there")
}
