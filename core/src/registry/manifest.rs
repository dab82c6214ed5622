//! Manifests and indexes, verified against their digests.

use oci_distribution::manifest::{IMAGE_MANIFEST_LIST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE};
use serde::Deserialize;

use super::at_most::AtMost;
use crate::name::{Digest, NameError, Version};
use crate::problem::Problem;
use crate::wire::Answer;

/// Where registries put the digest of what they serve (distribution specification, "Pulling manifests").
pub(super) const DIGEST_HEADER: &str = "docker-content-digest";
/// Entries of an index, and layers of an image, that are read.
const MOST_ENTRIES: usize = 10_000;

/// A manifest as it was served.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The digest of its bytes.
    pub digest: Digest,
    /// What it is.
    pub kind: ManifestKind,
}

/// An index of manifests for several platforms, or the manifest of one image: what of them matters here.
///
/// The library's types keep all of it: eight times the bytes of one that is made for it.
#[derive(Clone, Debug)]
pub enum ManifestKind {
    /// `application/vnd.oci.image.index.v1+json` or Docker's manifest list: its entries.
    Index(Vec<IndexEntry>),
    /// The manifest of one platform.
    Image {
        /// Its configuration.
        config: Descriptor,
        /// Its layers.
        layers: Vec<Descriptor>,
    },
}

/// What a manifest says of content elsewhere.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
}

impl Descriptor {
    /// Whether it says that its content is of this media type.
    pub fn is_of(&self, media_type: &str) -> bool {
        self.media_type == media_type
    }

    /// The content's digest.
    ///
    /// # Errors
    /// When it is none, or of an algorithm that is not trusted: by its name.
    pub fn digest(&self) -> Result<Digest, NameError> {
        self.digest.parse()
    }
}

/// An entry of an index.
#[derive(Clone, Debug, Deserialize)]
pub struct IndexEntry {
    digest: String,
    platform: Option<Platform>,
}

#[derive(Clone, Debug, Deserialize)]
struct Platform {
    architecture: String,
}

impl Manifest {
    /// The digest of the manifest for this architecture: the index's child, or the manifest itself when
    /// it is no index. None when the index has none for it.
    ///
    /// # Errors
    /// When the index has one under a digest that is none, or not trusted.
    pub fn for_architecture(&self, architecture: &str) -> Result<Option<Digest>, NameError> {
        match &self.kind {
            ManifestKind::Image { .. } => Ok(Some(self.digest.clone())),
            ManifestKind::Index(entries) => {
                let child = entries.iter().find(|entry| {
                    let platform = entry.platform.as_ref();
                    platform.is_some_and(|platform| platform.architecture == architecture)
                });
                child.map(|child| child.digest.parse()).transpose()
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
            header.map_err(|error: NameError| answer.invalid(error))?
        }
    };
    if let Some(claimed) = &claimed
        && !claimed.matches(&answer.body)
    {
        return Err(answer
                .invalid(format!("the manifest's bytes do not match their digest: claimed {claimed}, actual {digest}"))
                .advise("do not trust this content; something between here and the registry changes it, or the registry is damaged"));
    }
    #[derive(Deserialize)]
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
        #[derive(Deserialize)]
        struct Index {
            manifests: AtMost<IndexEntry, MOST_ENTRIES>,
        }
        ManifestKind::Index(answer.json::<Index>()?.manifests.0)
    } else {
        #[derive(Deserialize)]
        struct Image {
            config: Descriptor,
            layers: AtMost<Descriptor, MOST_ENTRIES>,
        }
        let Image { config, layers } = answer.json()?;
        ManifestKind::Image {
            config,
            layers: layers.0,
        }
    };
    Ok(Manifest {
        digest: claimed.unwrap_or(digest),
        kind,
    })
}
