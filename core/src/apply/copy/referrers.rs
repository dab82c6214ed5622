//! Copies what refers to an image: signatures, SBOMs and other artifacts.
//!
//! What the run promises is the image. An artifact that cannot be copied is reported, and the image is still complete.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use oci_distribution::manifest::OCI_IMAGE_INDEX_MEDIA_TYPE;
use serde_json::{Value, json};

use super::graph::{self, Graph};
use super::placing::Origin;
use super::way::Way;
use super::{CopyImporter, lock};
use crate::name::{Digest, Repository, Tag, TagOrDigest};
use crate::plan::Action;
use crate::problem::Problem;
use crate::registry::{
    Indexed, Manifest, ManifestKind, Referrer, RegistryClient, cosign_tags, referrers_tag,
};

/// The most artifacts of one image.
const MOST: usize = 200;

/// The artifacts of an image that were copied with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Referrers {
    pub copied: usize,
    /// Why others were not.
    pub problems: Vec<Problem>,
}

impl CopyImporter<'_> {
    /// Copies what refers to the image of this action, which the destination has.
    pub(in crate::apply) async fn bring_referrers(&self, action: &Action) -> Referrers {
        let location = &action.source.location;
        let source = self.sources.client(&location.registry).copying();
        let found = Mutex::new(Referrers::default());
        let destination = match self.destination.copy_client().await {
            Ok(client) => client,
            Err(problem) => {
                return Referrers {
                    copied: 0,
                    problems: vec![problem],
                };
            }
        };
        let targets = action.targets.iter();
        let repositories: BTreeSet<_> = targets.map(|target| &target.repository).collect();
        for repository in repositories {
            let work = Attachments {
                importer: self,
                origin: Origin {
                    client: &source,
                    repository: &location.repository,
                    read: &Arc::default(),
                },
                destination: &destination,
                repository,
                found: &found,
            };
            work.bring_all(&action.digest).await;
        }
        found.into_inner().unwrap_or_default()
    }
}

/// The artifacts of one image on their way into one repository.
struct Attachments<'a> {
    importer: &'a CopyImporter<'a>,
    origin: Origin<'a>,
    destination: &'a RegistryClient,
    repository: &'a Repository,
    found: &'a Mutex<Referrers>,
}

impl Attachments<'_> {
    /// Brings the artifacts of the image, and if it has any, those of its platforms' manifests and of the artifacts.
    async fn bring_all(&self, image: &Digest) {
        let mut seen = BTreeSet::from([image.clone()]);
        let mut subjects = self.bring_of(image).await;
        if subjects.is_empty() {
            return;
        }
        match graph::read(self.origin.client, self.origin.repository, image).await {
            Ok(graph) => subjects.extend(graph.nodes().map(|node| node.manifest.digest.clone())),
            Err(problem) => self.fail(problem),
        }
        while let Some(subject) = subjects.pop() {
            if seen.len() < MOST && seen.insert(subject.clone()) {
                subjects.extend(self.bring_of(&subject).await);
            }
        }
    }

    /// Brings the artifacts of one manifest, and returns their digests.
    async fn bring_of(&self, subject: &Digest) -> Vec<Digest> {
        let Origin {
            client, repository, ..
        } = self.origin;
        let tags = cosign_tags(subject);
        let tagged = futures_util::future::join_all(tags.iter().map(|tag| self.bring_tag(tag)));
        let (listed, tagged) = tokio::join!(client.referrers(repository, subject), tagged);
        let mut brought: Vec<_> = tagged.into_iter().flatten().collect();
        match listed {
            Ok(listed) => {
                for referrer in listed.into_iter().take(MOST) {
                    match self.bring_listed(subject, &referrer).await {
                        Ok(()) => brought.push(referrer.digest),
                        Err(problem) => self.fail(problem),
                    }
                }
            }
            Err(problem) => self.fail(problem),
        }
        brought
    }

    async fn bring_listed(&self, subject: &Digest, referrer: &Referrer) -> Result<(), Problem> {
        let reference = TagOrDigest::Digest(referrer.digest.clone());
        if self.bring(&referrer.digest, &reference).await? == Indexed::No {
            self.add_to_index(subject, referrer).await?;
        }
        Ok(())
    }

    /// Brings what a tag of cosign points at, if it exists.
    async fn bring_tag(&self, tag: &Tag) -> Option<Digest> {
        let Origin {
            client, repository, ..
        } = self.origin;
        let work = async {
            let Some(digest) = client.digest_of(repository, tag).await? else {
                return Ok(None);
            };
            self.bring(&digest, &TagOrDigest::Tag(tag.clone())).await?;
            Ok(Some(digest))
        };
        work.await.unwrap_or_else(|problem| {
            self.fail(problem);
            None
        })
    }

    async fn bring(&self, digest: &Digest, reference: &TagOrDigest) -> Result<Indexed, Problem> {
        let Origin {
            client, repository, ..
        } = self.origin;
        let graph: Graph = graph::read(client, repository, digest).await?;
        let way = Way {
            importer: self.importer,
            origin: self.origin,
            destination: self.destination,
            repository: self.repository,
            turns: &Mutex::default(),
            copied: &Mutex::default(),
            there: Mutex::default(),
        };
        way.bring_below(&graph).await?;
        let Some(root) = graph.root() else {
            return Ok(Indexed::No);
        };
        let indexed = way.put_root(root, reference).await?;
        lock(self.found).copied += 1;
        Ok(indexed)
    }

    /// Adds an artifact to the index that replaces the API where the destination does not have it.
    async fn add_to_index(&self, subject: &Digest, referrer: &Referrer) -> Result<(), Problem> {
        let Some(tag) = referrers_tag(subject) else {
            return Ok(());
        };
        let reference = TagOrDigest::Tag(tag);
        let old = self
            .destination
            .manifest(self.repository, &reference)
            .await?;
        let Some(new) = extended(old.as_ref(), referrer) else {
            return Ok(());
        };
        let put = self
            .destination
            .put_manifest(self.repository, &reference, &new);
        put.await.map(|_| ())
    }

    fn fail(&self, problem: Problem) {
        tracing::warn!(
            "{}: an artifact was not copied: {}",
            self.repository,
            problem.fact()
        );
        lock(self.found).problems.push(problem);
    }
}

/// The index with one more entry. `None` if it has the entry.
fn extended(old: Option<&Manifest>, referrer: &Referrer) -> Option<Manifest> {
    let old = old.and_then(|old| serde_json::from_slice::<Value>(&old.bytes).ok());
    let mut entries = match old.as_ref().map(|old| &old["manifests"]) {
        Some(Value::Array(entries)) => entries.clone(),
        Some(_) | None => Vec::new(),
    };
    let digest = referrer.digest.as_str();
    if entries.iter().any(|entry| entry["digest"] == digest) {
        return None;
    }
    entries.push(referrer.descriptor.clone());
    let index =
        json!({"schemaVersion": 2, "mediaType": OCI_IMAGE_INDEX_MEDIA_TYPE, "manifests": entries});
    let bytes = Bytes::from(index.to_string());
    Some(Manifest {
        digest: Digest::sha256(&bytes),
        bytes,
        media_type: OCI_IMAGE_INDEX_MEDIA_TYPE.to_owned(),
        kind: ManifestKind::Index(Vec::new()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_gets_each_entry_once() {
        let referrer = |text: &[u8]| Referrer {
            digest: Digest::sha256(text),
            descriptor: json!({"digest": Digest::sha256(text), "size": 1}),
        };
        let one = extended(None, &referrer(b"a")).unwrap();
        assert!(one.digest.matches(&one.bytes));
        assert!(extended(Some(&one), &referrer(b"a")).is_none());
        let two = extended(Some(&one), &referrer(b"b")).unwrap();
        let index: Value = serde_json::from_slice(&two.bytes).unwrap();
        assert_eq!(index["manifests"].as_array().unwrap().len(), 2);
    }
}
