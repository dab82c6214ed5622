//! What a manifest refers to, as far as a copy has to take it along. Pure.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use oci_distribution::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE,
};
use serde::Deserialize;

use crate::name::Digest;
use crate::registry::Blob;

/// The media types of manifests. Other entries of an index are blobs (caches of BuildKit have such).
const MANIFESTS: [&str; 6] = [
    "",
    OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE,
    "application/vnd.oci.artifact.manifest.v1+json",
    IMAGE_MANIFEST_LIST_MEDIA_TYPE,
    IMAGE_MANIFEST_MEDIA_TYPE,
];

/// The content that a manifest refers to, without repetitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    pub manifests: Vec<Digest>,
    pub blobs: Vec<Part>,
}

/// A blob that belongs to a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub blob: Blob,
    /// Its bytes, if the manifest contains them and they match the digest.
    pub data: Option<Bytes>,
}

#[derive(Deserialize)]
struct Layout {
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    /// Of the artifact manifest, an early draft that some registries still have.
    blobs: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: Digest,
    size: u64,
    urls: Option<Vec<serde::de::IgnoredAny>>,
    data: Option<String>,
}

impl Descriptor {
    /// True for a layer that its publisher distributes elsewhere (image specification, "Non-distributable layers").
    fn is_foreign(&self) -> bool {
        let has_urls = self.urls.as_ref().is_some_and(|urls| !urls.is_empty());
        has_urls
            || [".foreign.", ".nondistributable."]
                .iter()
                .any(|part| self.media_type.contains(part))
    }

    fn part(self) -> Part {
        let data = self.data.and_then(|data| BASE64.decode(data).ok());
        let data = data.filter(|data| data.len() as u64 == self.size && self.digest.matches(data));
        Part {
            blob: Blob {
                digest: self.digest,
                size: self.size,
            },
            data: data.map(Bytes::from),
        }
    }
}

/// Reads a manifest or an index.
///
/// # Errors
/// If it has a digest or a size by which content cannot be verified.
pub(super) fn contents(manifest: &[u8]) -> Result<Contents, serde_json::Error> {
    let Layout {
        config,
        layers,
        blobs,
        manifests,
    } = serde_json::from_slice(manifest)?;
    let is_manifest = |entry: &Descriptor| MANIFESTS.contains(&entry.media_type.as_str());
    let entries = manifests.into_iter().flatten();
    let (manifests, others): (Vec<_>, Vec<_>) = entries.partition(is_manifest);
    let layers = layers.into_iter().chain(blobs).flatten();
    let mut seen = BTreeSet::new();
    let mut is_new = |digest: &Digest| seen.insert(digest.clone());
    Ok(Contents {
        manifests: manifests
            .into_iter()
            .map(|entry| entry.digest)
            .filter(&mut is_new)
            .collect(),
        blobs: config
            .into_iter()
            .chain(layers)
            .chain(others)
            .filter(|descriptor| !descriptor.is_foreign())
            .map(Descriptor::part)
            .filter(|part| is_new(&part.blob.digest))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn descriptor(media_type: &str, content: &[u8]) -> serde_json::Value {
        json!({"mediaType": media_type, "digest": Digest::sha256(content), "size": content.len()})
    }

    fn read(manifest: &serde_json::Value) -> Contents {
        contents(manifest.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn foreign_layers_and_repetitions_are_left_out() {
        let zstd = descriptor("application/vnd.oci.image.layer.v1.tar+zstd", b"a");
        let mut elsewhere = descriptor("application/vnd.oci.image.layer.v1.tar", b"b");
        elsewhere["urls"] = json!(["https://example.com/b"]);
        let windows = descriptor(
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            b"c",
        );
        let empty = descriptor("application/octet-stream", b"");
        let found = read(&json!({
            "config": descriptor("application/vnd.oci.image.config.v1+json", b"config"),
            "layers": [zstd, zstd, elsewhere, windows, empty],
        }));
        let digests: Vec<_> = found
            .blobs
            .iter()
            .map(|part| part.blob.digest.clone())
            .collect();
        assert_eq!(digests, [&b"config"[..], b"a", b""].map(Digest::sha256));
        assert!(found.manifests.is_empty());
    }

    #[test]
    fn embedded_data_is_used_only_if_it_matches_its_digest() {
        let mut config = descriptor("application/vnd.oci.empty.v1+json", b"{}");
        config["data"] = json!("e30=");
        let mut layer = descriptor("x/y", b"content");
        layer["data"] = json!("b3RoZXI=");
        let found = read(&json!({"config": config, "layers": [layer]}));
        assert_eq!(found.blobs[0].data.as_deref(), Some(&b"{}"[..]));
        assert_eq!(found.blobs[1].data, None);
    }

    #[test]
    fn entries_of_an_index_are_manifests_or_blobs_by_their_media_type() {
        let nested = descriptor(MANIFESTS[1], b"index");
        let image = descriptor(MANIFESTS[5], b"image");
        let layer = descriptor("application/vnd.oci.image.layer.v1.tar+gzip", b"layer");
        let found = read(&json!({"manifests": [nested, image, layer]}));
        assert_eq!(
            found.manifests,
            [&b"index"[..], b"image"].map(Digest::sha256)
        );
        assert_eq!(found.blobs.len(), 1);
    }

    #[test]
    fn artifact_without_layers_is_read_and_untrusted_digests_are_refused() {
        assert_eq!(read(&json!({"schemaVersion": 2})), Contents::default());
        let entry = json!({"digest": "md5:d41d8cd98f00b204e9800998ecf8427e", "size": 1});
        assert!(contents(json!({"layers": [entry]}).to_string().as_bytes()).is_err());
        let entry = json!({"digest": Digest::sha256(b""), "size": -1});
        assert!(contents(json!({"layers": [entry]}).to_string().as_bytes()).is_err());
    }
}
