//! What a copy reads: a repository of a registry, or a bundle.

use std::sync::Arc;

use super::client::RegistryClient;
use super::manifest::{self, Manifest};
use super::referrers::Referrer;
use crate::layout::{Layout, LayoutError, LeftOut, name_of};
use crate::name::{Digest, Repository, Tag, TagOrDigest};
use crate::problem::{Cause, Problem, Side};

/// A place that has images, and what refers to them. Cheap to clone.
#[derive(Clone)]
pub(crate) enum Content {
    Repository {
        client: RegistryClient,
        repository: Repository,
    },
    Bundle(Arc<Layout>),
}

impl Content {
    /// A manifest that another one names, verified against its digest.
    ///
    /// # Errors
    /// If it does not exist, cannot be read, or its bytes do not match its digest.
    pub(crate) async fn manifest(&self, digest: &Digest) -> Result<Manifest, Problem> {
        match self {
            Self::Repository { client, repository } => {
                let pinned = TagOrDigest::Digest(digest.clone());
                let manifest = client.manifest(repository, &pinned).await?;
                manifest.ok_or_else(|| client.lacks(repository, digest))
            }
            Self::Bundle(layout) => manifest_of(layout, digest),
        }
    }

    /// The size of a manifest, if it is known before it is read.
    pub(crate) fn size(&self, digest: &Digest) -> Option<u64> {
        match self {
            Self::Repository { .. } => None,
            Self::Bundle(layout) => layout.size(digest),
        }
    }

    /// The artifacts that refer to a manifest.
    ///
    /// # Errors
    /// If that is not known.
    pub(crate) async fn referrers(&self, subject: &Digest) -> Result<Vec<Referrer>, Problem> {
        match self {
            Self::Repository { client, repository } => client.referrers(repository, subject).await,
            Self::Bundle(layout) => {
                let listed = layout.referrers_of(subject);
                let listed = listed.filter(|one| one.tag.is_none());
                let mut found: Vec<Referrer> = Vec::new();
                for one in listed {
                    let digest = one.root.digest.clone();
                    // An artifact is listed for each repository that the image goes to.
                    if found.iter().all(|other| other.digest != digest) {
                        let descriptor = one.descriptor();
                        found.push(Referrer { digest, descriptor });
                    }
                }
                Ok(found)
            }
        }
    }

    /// What a tag of cosign points at, if it exists.
    ///
    /// # Errors
    /// If that is not known.
    pub(crate) async fn attached_by(
        &self,
        subject: &Digest,
        tag: &Tag,
    ) -> Result<Option<Digest>, Problem> {
        match self {
            Self::Repository { client, repository } => client.digest_of(repository, tag).await,
            Self::Bundle(layout) => {
                let mut tagged = layout.referrers_of(subject);
                let is_it = |one: &&crate::layout::BundledReferrer| one.tag.as_ref() == Some(tag);
                Ok(tagged.find(is_it).map(|one| one.root.digest.clone()))
            }
        }
    }

    /// The earlier bundles that have a blob which the bundle leaves out.
    pub(crate) fn left_out(&self, digest: &Digest) -> Option<&LeftOut> {
        match self {
            Self::Repository { .. } => None,
            Self::Bundle(layout) => layout.left_out(digest),
        }
    }

    /// Checks what is known about a blob before it is read.
    ///
    /// # Errors
    /// If a bundle neither has the blob nor leaves it out, or has another size for it.
    pub(crate) fn check(&self, digest: &Digest, size: u64) -> Result<(), Problem> {
        let layout = match self {
            Self::Repository { .. } => return Ok(()),
            Self::Bundle(layout) => layout,
        };
        let left_out = layout.left_out(digest).map(|left_out| left_out.size);
        match layout.size(digest).or(left_out) {
            Some(found) if found == size => Ok(()),
            Some(found) => Err(damaged(
                digest,
                format!("has {found} bytes, and its manifest states {size}"),
            )),
            None => Err(damaged(digest, "is missing, and a manifest names it")),
        }
    }

    /// The problem of a manifest that names content by which nothing can be verified.
    pub(crate) fn untrusted(&self, digest: &Digest, error: &dyn std::fmt::Display) -> Problem {
        match self {
            Self::Repository { client, repository } => client.untrusted(repository, digest, error),
            Self::Bundle(_) => damaged(digest, error),
        }
    }

    /// The problem of content that is not what its manifest states.
    pub(super) fn damaged(&self, digest: &Digest, what: impl std::fmt::Display) -> Problem {
        match self {
            Self::Repository { client, repository } => {
                client.damaged(repository, format!("the blob {digest} {what}"))
            }
            Self::Bundle(_) => damaged(digest, what),
        }
    }

    /// The problem of content that has a manifest which cannot be an image's.
    pub(crate) fn invalid(&self, digest: &Digest, what: &str) -> Problem {
        match self {
            Self::Repository { repository, .. } => {
                let what = format!("{repository}@{digest} {what}");
                Problem::new(Side::Source, Cause::Invalid, what)
            }
            Self::Bundle(_) => damaged(digest, what),
        }
    }
}

fn manifest_of(layout: &Layout, digest: &Digest) -> Result<Manifest, Problem> {
    let bytes = layout.manifest(digest).map_err(|error| unusable(&error))?;
    if !digest.matches(&bytes) {
        return Err(damaged(digest, "does not match its digest"));
    }
    let manifest = manifest::of_bundle(bytes, digest.clone());
    let manifest = manifest.map_err(|error| damaged(digest, error))?;
    for stated in layout.stated_types(digest) {
        if *stated != manifest.media_type {
            let is = &manifest.media_type;
            return Err(damaged(
                digest,
                format!("is {is}, and index.json states that it is {stated}"),
            ));
        }
    }
    Ok(manifest)
}

/// The problem of an entry of a bundle.
fn damaged(digest: &Digest, what: impl std::fmt::Display) -> Problem {
    let what = format!("its entry {} {what}", name_of(digest));
    let what = crate::text::for_message(&what);
    Problem::new(Side::Bundle, Cause::Invalid, what).advise(
        "compare the file with the checksum that the export printed, and copy it again, or export it again",
    )
}

/// The problem of a bundle that cannot be read.
pub(super) fn unusable(error: &LayoutError) -> Problem {
    Problem::new(Side::Bundle, Cause::Invalid, error.to_string())
        .advise("copy the file again, or export it again")
}

/// The problem of a blob that an earlier bundle has, and the destination does not.
pub(super) fn not_there(LeftOut { bases, .. }: &LeftOut, digest: &Digest) -> Problem {
    let bases: Vec<_> = bases.iter().map(Digest::as_str).collect();
    let what =
        format!("the bundle leaves out {digest}, and the destination does not have it either");
    let advice = format!(
        "import the earlier bundle first, and then this one again: its index has the digest {} (tar -xOf FILE index.json | sha256sum)",
        bases.join(" or ")
    );
    Problem::new(Side::Bundle, Cause::NotFound, what).advise(advice)
}
