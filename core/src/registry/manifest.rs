//! Manifests and indexes, verified against their digests.

use oci_distribution::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE, OciImageIndex, OciImageManifest,
};

use crate::name::{Digest, Version};
use crate::problem::Problem;
use crate::wire::Answer;

/// Where registries put the digest of what they serve (distribution specification, "Pulling manifests").
pub(super) const DIGEST_HEADER: &str = "docker-content-digest";

/// A manifest as it was served.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The digest of its bytes.
    pub digest: Digest,
    /// What it is.
    pub kind: ManifestKind,
}

/// An index of manifests for several platforms, or the manifest of one image.
#[derive(Clone, Debug)]
pub enum ManifestKind {
    /// `application/vnd.oci.image.index.v1+json` or Docker's manifest list.
    Index(OciImageIndex),
    /// The manifest of one platform.
    Image(Box<OciImageManifest>),
}

impl Manifest {
    /// The digest of the manifest for this architecture: the index's child, or the manifest itself when
    /// it is no index. None when the index has none for it.
    pub fn for_architecture(&self, architecture: &str) -> Option<Digest> {
        match &self.kind {
            ManifestKind::Image(_) => Some(self.digest.clone()),
            ManifestKind::Index(index) => {
                let child = index.manifests.iter().find(|entry| {
                    entry
                        .platform
                        .as_ref()
                        .is_some_and(|platform| platform.architecture.to_string() == architecture)
                })?;
                child.digest.parse().ok()
            }
        }
    }
}

/// Reads a manifest and checks its bytes against every digest that was claimed for them.
pub(super) fn read(answer: &Answer, asked: &Version) -> Result<Manifest, Problem> {
    let digest = Digest::sha256(&answer.body);
    let claimed = match asked {
        Version::Digest(digest) => Some(digest.clone()),
        Version::Tag(_) => {
            let header = answer.header(DIGEST_HEADER).map(str::parse).transpose();
            header.map_err(|error: crate::name::NameError| answer.invalid(error))?
        }
    };
    if let Some(claimed) = &claimed
        && !claimed.matches(&answer.body)
    {
        return Err(answer
                .invalid(format!("the manifest's bytes do not match their digest: claimed {claimed}, actual {digest}"))
                .advise("do not trust this content; something between here and the registry changes it, or the registry is damaged"));
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Kind {
        media_type: Option<String>,
        manifests: Option<serde::de::IgnoredAny>,
    }
    let Kind {
        media_type,
        manifests,
    } = answer.json()?;
    let media_type = media_type.or_else(|| answer.header("content-type").map(ToOwned::to_owned));
    let is_index = matches!(
        media_type.as_deref(),
        Some(OCI_IMAGE_INDEX_MEDIA_TYPE | IMAGE_MANIFEST_LIST_MEDIA_TYPE)
    );
    let kind = if is_index || manifests.is_some() {
        ManifestKind::Index(answer.json()?)
    } else {
        ManifestKind::Image(Box::new(answer.json()?))
    };
    Ok(Manifest {
        digest: claimed.unwrap_or(digest),
        kind,
    })
}
