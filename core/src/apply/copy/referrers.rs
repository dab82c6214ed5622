//! Copies what refers to an image: signatures, SBOMs and other artifacts.
//!
//! What the run promises is the image. An artifact that cannot be copied is reported, and the image is still complete.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use oci_distribution::manifest::OCI_IMAGE_INDEX_MEDIA_TYPE;
use serde_json::{Value, json};

use super::attached::{Attached, AttachedBy, attached};
use super::placing::Origin;
use super::way::Way;
use super::{CopyImporter, lock};
use crate::name::{Digest, Repository, TagOrDigest};
use crate::plan::Action;
use crate::problem::Problem;
use crate::registry::{
    Content, Indexed, Manifest, ManifestKind, Referrer, RegistryClient, referrers_tag,
};

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
        self.bring_those(action, async |attachments, attached| {
            attachments.bring_all(attached).await;
        })
        .await
    }

    /// Copies what refers to an image that was there before, as far as the destination lacks it.
    pub(crate) async fn bring_missing_referrers(&self, action: &Action) -> Referrers {
        self.bring_those(action, async |attachments, attached| {
            attachments.bring_missing(attached).await;
        })
        .await
    }

    async fn bring_those(
        &self,
        action: &Action,
        bring: impl AsyncFn(&Attachments<'_>, &[Attached]),
    ) -> Referrers {
        let source = self.supply.content(&action.source.location);
        let destination = match self.destination.copy_client().await {
            Ok(client) => client,
            Err(problem) => {
                return Referrers {
                    copied: 0,
                    problems: vec![problem],
                };
            }
        };
        let (attached, problems) = attached(&source, &action.digest).await;
        let found = Mutex::default();
        let targets = action.targets.iter();
        let repositories: BTreeSet<_> = targets.map(|target| &target.repository).collect();
        for repository in repositories {
            let work = Attachments {
                importer: self,
                origin: Origin {
                    content: &source,
                    read: &Arc::default(),
                },
                destination: &destination,
                repository,
                found: &found,
            };
            problems
                .iter()
                .cloned()
                .for_each(|problem| work.fail(problem));
            bring(&work, &attached).await;
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
    /// One after the other, because the lists of a registry without the API are read, changed and written.
    async fn bring_all(&self, attached: &[Attached]) {
        for one in attached {
            if let Err(problem) = self.bring_one(one).await {
                self.fail(problem);
            }
        }
    }

    async fn bring_missing(&self, attached: &[Attached]) {
        for one in attached {
            let brought = match self.is_there(one).await {
                Ok(true) => Ok(()),
                Ok(false) => self.bring_one(one).await,
                Err(problem) => Err(problem),
            };
            brought.unwrap_or_else(|problem| self.fail(problem));
        }
    }

    /// True if the destination shows the artifact to those who search for it.
    async fn is_there(&self, attached: &Attached) -> Result<bool, Problem> {
        let Attached {
            subject,
            digest,
            by,
        } = attached;
        let content = Content::Repository {
            client: self.destination.clone(),
            repository: self.repository.clone(),
        };
        match by {
            AttachedBy::Tag(tag) => {
                let found = content.attached_by(subject, tag).await?;
                Ok(found.as_ref() == Some(digest))
            }
            AttachedBy::List(_) => {
                let listed = content.referrers(subject).await?;
                Ok(listed.iter().any(|one| one.digest == *digest))
            }
        }
    }

    async fn bring_one(&self, attached: &Attached) -> Result<(), Problem> {
        let Attached {
            subject,
            digest,
            by,
        } = attached;
        match by {
            AttachedBy::Tag(tag) => {
                self.bring(digest, &TagOrDigest::Tag(tag.clone())).await?;
            }
            AttachedBy::List(referrer) => {
                let reference = TagOrDigest::Digest(digest.clone());
                if self.bring(digest, &reference).await? == Indexed::No {
                    self.add_to_index(subject, referrer).await?;
                }
            }
        }
        Ok(())
    }

    async fn bring(&self, digest: &Digest, reference: &TagOrDigest) -> Result<Indexed, Problem> {
        let held = &self.importer.held;
        let begun = held.begin(|| ()).await;
        let artifact = (self.origin.content, digest);
        let (graph, room, ()) = held.read(artifact, begun, || ()).await?;
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
        drop(room);
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
