//! Manifests and indexes, verified against their digests.

use std::collections::BTreeSet;

use bytes::Bytes;
use oci_distribution::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::bounded_vec::BoundedVec;
use crate::name::{Digest, NameError, TagOrDigest};
use crate::platform::{Described, Platform};
use crate::problem::Problem;
use crate::wire::Response;

/// The header with the digest of the content (distribution specification, "Pulling manifests").
const DIGEST_HEADER: &str = "docker-content-digest";
/// Docker's first format, signed or not (deprecated since 2016).
const SCHEMA_1: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];
/// The most entries of an index, or layers of an image, that are read.
const MOST_ENTRIES: usize = 10_000;

#[derive(Clone, Debug)]
pub struct Manifest {
    /// The digest of its bytes.
    pub digest: Digest,
    pub bytes: Bytes,
    /// As the manifest states it, otherwise as the registry does.
    pub media_type: String,
    pub kind: ManifestKind,
}

/// The parts of an index or an image manifest that this program uses. The library's types keep all parts and can take
/// eight times the size of the JSON.
#[derive(Clone, Debug)]
pub enum ManifestKind {
    /// `application/vnd.oci.image.index.v1+json` or Docker's manifest list: its entries.
    Index(Vec<IndexEntry>),
    /// The manifest of one platform.
    Image {
        config: Descriptor,
        layers: Vec<Descriptor>,
    },
}

/// A reference to content by its digest.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
}

impl Descriptor {
    pub fn is_of(&self, media_type: &str) -> bool {
        self.media_type == media_type
    }

    ///
    /// # Errors
    /// If it is not valid, or of an algorithm that is not trusted.
    pub fn digest(&self) -> Result<Digest, NameError> {
        self.digest.parse()
    }
}

#[derive(Clone, Debug, Deserialize)]
pub struct IndexEntry {
    digest: String,
    platform: Option<Described>,
}

impl Manifest {
    /// The digest of the manifest for this platform: the index's child that fits best, or the manifest itself if it is
    /// not an index. None if the index has none for it.
    ///
    /// # Errors
    /// If the child's digest is not valid, or of an algorithm that is not trusted.
    pub fn for_architecture(&self, platform: &Platform) -> Result<Option<Digest>, NameError> {
        match &self.kind {
            ManifestKind::Image { .. } => Ok(Some(self.digest.clone())),
            ManifestKind::Index(entries) => {
                let fit = |entry: &IndexEntry| platform.fit(entry.platform.as_ref()?);
                let children = entries
                    .iter()
                    .filter_map(|entry| Some((fit(entry)?, entry)));
                // Of equal entries the first, as other clients do.
                let child = children.min_by(|(one, _), (other, _)| one.cmp(other));
                child.map(|(_, child)| child.digest.parse()).transpose()
            }
        }
    }
}

/// The digest that a registry claims for its response. None if it sends none.
///
/// # Errors
/// If it is not valid, or there are two different ones: then none of them is trusted.
pub(super) fn claimed_digest(response: &Response) -> Result<Option<Digest>, Problem> {
    let headers = response.headers.get_all(DIGEST_HEADER).iter();
    // A header may come several times, which means the same as one with commas.
    let texts = headers.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let texts = texts
        .map(<[u8]>::trim_ascii)
        .filter(|text| !text.is_empty());
    let claims: BTreeSet<_> = texts.collect();
    let mut claims = claims.into_iter().map(String::from_utf8_lossy);
    match (claims.next(), claims.next()) {
        (None, _) => Ok(None),
        (Some(text), None) => text
            .parse()
            .map(Some)
            .map_err(|error: NameError| response.invalid(error)),
        (Some(one), Some(other)) => Err(response
            .invalid(format!(
                "two different Docker-Content-Digest headers ({one} and {other}), so no digest is trusted"
            ))
            .advise("a proxy or the registry mixes two responses: try again; if the error remains, do not trust the content")),
    }
}

/// True if the media type is that of Docker's first manifest format.
pub(super) fn is_schema_1(response: &Response) -> bool {
    let media_type = response.header("content-type").unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    SCHEMA_1.contains(&media_type)
}

/// The problem of such a manifest, which is not verifiable: its digest is not that of its bytes.
pub(super) fn schema_1(response: &Response) -> Problem {
    response
        .invalid("schema 1 manifests (Docker's format before 2016) cannot be verified or imported")
        .advise("let the publisher push the image again with a current tool")
}

#[derive(Deserialize)]
struct Index {
    manifests: BoundedVec<IndexEntry, MOST_ENTRIES>,
}

/// Reads a manifest and checks its bytes against every digest that was claimed for them.
pub(super) fn read(response: &Response, version: &TagOrDigest) -> Result<Manifest, Problem> {
    if is_schema_1(response) {
        return Err(schema_1(response));
    }
    let digest = Digest::sha256(&response.body);
    let claimed = match version {
        TagOrDigest::Digest(digest) => Some(digest.clone()),
        TagOrDigest::Tag(_) => claimed_digest(response)?,
    };
    if let Some(claimed) = &claimed
        && !claimed.matches(&response.body)
    {
        return Err(response
                .invalid(format!("the manifest's bytes do not match their digest: claimed {claimed}, actual {digest}"))
                .advise("do not trust this content; something between here and the registry changes it, or the registry is damaged"));
    }
    let parsed = match parsed(&response.body, response.header("content-type")) {
        Ok(parsed) => parsed,
        Err(NotUsable::Json(error)) => return Err(response.not_json(response.is_html(), error)),
        Err(NotUsable::Schema1) => return Err(schema_1(response)),
    };
    let (media_type, kind) = parsed;
    Ok(Manifest {
        digest: claimed.unwrap_or(digest),
        bytes: response.body.clone(),
        media_type: media_type.unwrap_or_default(),
        kind,
    })
}

/// Reads a manifest of a bundle, whose bytes the caller has compared with this digest. Without a media type of its own, it has
/// that of the image specification.
pub(super) fn of_bundle(bytes: Bytes, digest: Digest) -> Result<Manifest, NotUsable> {
    let (media_type, kind) = parsed(&bytes, None)?;
    let media_type = media_type.unwrap_or_else(|| {
        match &kind {
            ManifestKind::Index(_) => OCI_IMAGE_INDEX_MEDIA_TYPE,
            ManifestKind::Image { .. } => OCI_IMAGE_MEDIA_TYPE,
        }
        .to_owned()
    });
    Ok(Manifest {
        digest,
        bytes,
        media_type,
        kind,
    })
}

/// The media type of a manifest as a bundle has it: without the response of a registry, its bytes alone decide.
pub(crate) fn media_type_in_bundle(manifest: &Manifest) -> String {
    let Manifest {
        digest,
        bytes,
        media_type,
        kind: _,
    } = manifest.clone();
    of_bundle(bytes, digest).map_or(media_type, |manifest| manifest.media_type)
}

/// Why bytes are not a manifest.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotUsable {
    #[error("is not a manifest: {0}")]
    Json(#[from] serde_json::Error),
    #[error("is a schema 1 manifest, which cannot be verified")]
    Schema1,
}

/// The media type and the parts of a manifest. `stated` is the media type that others state for it.
fn parsed(bytes: &[u8], stated: Option<&str>) -> Result<(Option<String>, ManifestKind), NotUsable> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Kind<'a> {
        media_type: Option<String>,
        manifests: Option<serde::de::IgnoredAny>,
        #[serde(default, borrow)]
        schema_version: Option<&'a RawValue>,
    }
    let Kind {
        media_type,
        manifests,
        schema_version,
    } = serde_json::from_slice(bytes)?;
    if schema_version.is_some_and(|version| version.get() == "1") {
        return Err(NotUsable::Schema1);
    }
    let media_type = media_type.or_else(|| stated.map(ToOwned::to_owned));
    let is_index = matches!(
        media_type.as_deref(),
        Some(OCI_IMAGE_INDEX_MEDIA_TYPE | IMAGE_MANIFEST_LIST_MEDIA_TYPE)
    );
    let kind = if is_index || manifests.is_some() {
        ManifestKind::Index(serde_json::from_slice::<Index>(bytes)?.manifests.0)
    } else {
        #[derive(Deserialize)]
        struct Image {
            config: Descriptor,
            layers: BoundedVec<Descriptor, MOST_ENTRIES>,
        }
        let Image { config, layers } = serde_json::from_slice(bytes)?;
        ManifestKind::Image {
            config,
            layers: layers.0,
        }
    };
    Ok((media_type, kind))
}
