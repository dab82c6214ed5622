//! Images for the registries: real indexes, manifests, configurations and small gzipped layers with correct digests.
//! The digests are the same in every run, so that tests can contain them.

use crate::content::{ContentStore, Digest};
use crate::registry::{ManifestEntry, Repository};
use bytes::Bytes;
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;

/// The description of an image. The same recipe results in the same digests.
#[derive(Debug, Clone)]
pub struct ImageRecipe {
    /// The text from which the content is generated, such as a repository and a commit.
    pub seed: String,
    /// The text from which the first layer is generated. Images of one repository usually share it.
    pub base: String,
    /// The creation time in the configurations, in Unix seconds.
    pub created: i64,
    /// The media types.
    pub format: ImageFormat,
    /// The architectures, each of which has a manifest.
    pub architectures: Vec<String>,
    /// True if an index contains the manifests. False for a single manifest without an index.
    pub index: bool,
    /// True if the index also contains attestation manifests of the platform `unknown/unknown`, as BuildKit's indexes do.
    pub attestations: bool,
    /// The size of each layer before compression. The content is hardly compressible.
    pub layer_size: usize,
    /// An annotation of the index, which changes its digest but not its children.
    pub index_annotation: Option<String>,
}

/// The media types of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFormat {
    /// `application/vnd.oci.image.*`.
    Oci,
    /// `application/vnd.docker.*`.
    Docker,
}

/// The digests of an image in a repository.
#[derive(Debug, Clone)]
pub struct PublishedImage {
    /// The digest for tags: that of the index, or of the only manifest.
    pub digest: Digest,
    /// The digests of the manifests by architecture.
    pub children: BTreeMap<String, Digest>,
}

impl ImageRecipe {
    /// Describes an index of amd64 and arm64 with OCI media types and layers of 2 kB.
    #[must_use]
    pub fn new(seed: &str, created: i64) -> Self {
        Self {
            seed: seed.to_owned(),
            base: "base".to_owned(),
            created,
            format: ImageFormat::Oci,
            architectures: vec!["amd64".to_owned(), "arm64".to_owned()],
            index: true,
            attestations: false,
            layer_size: 2048,
            index_annotation: None,
        }
    }

    /// Puts the image into a repository, without a tag.
    pub fn publish(&self, store: &mut ContentStore, repository: &mut Repository) -> PublishedImage {
        let mut children = BTreeMap::new();
        let mut entries = Vec::new();
        for architecture in &self.architectures {
            let (digest, size) = self.publish_manifest(architecture, store, repository);
            entries.push(json!({
                "mediaType": self.format.manifest(), "digest": digest, "size": size,
                "platform": {"architecture": architecture, "os": "linux"},
            }));
            children.insert(architecture.clone(), digest);
        }
        let first = children.values().next().cloned();
        if let (false, Some(digest)) = (self.index, first) {
            return PublishedImage { digest, children };
        }
        if self.attestations {
            entries.extend(
                children
                    .clone()
                    .values()
                    .map(|subject| self.publish_attestation(subject, store, repository)),
            );
        }
        let mut index =
            json!({"schemaVersion": 2, "mediaType": self.format.index(), "manifests": entries});
        if let Some(annotation) = &self.index_annotation {
            index["annotations"] = json!({"org.opencontainers.image.description": annotation});
        }
        let digest = self.add_manifest(&index, self.format.index(), 0, store, repository);
        PublishedImage { digest, children }
    }

    fn publish_manifest(
        &self,
        architecture: &str,
        store: &mut ContentStore,
        repository: &mut Repository,
    ) -> (Digest, usize) {
        let contents = [
            format!("{} {architecture}", self.base),
            format!("{} {architecture}", self.seed),
        ]
        .map(|seed| layer(&seed, self.layer_size, Compression::fast()));
        let difference_ids = contents.each_ref().map(|layer| &layer.difference_id);
        let config = json!({
            "created": rfc3339(self.created), "architecture": architecture, "os": "linux",
            "config": {"Env": ["PATH=/usr/local/bin:/usr/bin"], "Cmd": ["/bin/true"],
                "Labels": {"org.opencontainers.image.revision": self.seed}},
            "rootfs": {"type": "layers", "diff_ids": difference_ids},
            "history": [{"created": rfc3339(self.created), "created_by": "sandbox"},
                {"created": rfc3339(self.created), "created_by": "sandbox"}],
        });
        let config = add_blob(config.to_string(), store, repository);
        let layers: Vec<Value> = contents
            .into_iter()
            .map(|layer| {
                let (digest, size) = add_blob(layer.compressed, store, repository);
                json!({"mediaType": self.format.layer(), "digest": digest, "size": size})
            })
            .collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": self.format.manifest(),
            "config": {"mediaType": self.format.config(), "digest": config.0, "size": config.1},
            "layers": layers,
        });
        let digest = self.add_manifest(
            &manifest,
            self.format.manifest(),
            self.created,
            store,
            repository,
        );
        let size = store.size(&digest);
        (digest, size)
    }

    fn publish_attestation(
        &self,
        subject: &Digest,
        store: &mut ContentStore,
        repository: &mut Repository,
    ) -> Value {
        let config = add_blob(
            r#"{"architecture":"unknown","os":"unknown"}"#,
            store,
            repository,
        );
        let statement = json!({"_type": "https://in-toto.io/Statement/v0.1", "subject": [{"digest": subject.hex()}]});
        let layer = add_blob(statement.to_string(), store, repository);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": ImageFormat::Oci.manifest(),
            "config": {"mediaType": ImageFormat::Oci.config(), "digest": config.0, "size": config.1},
            "layers": [{"mediaType": "application/vnd.in-toto+json", "digest": layer.0, "size": layer.1}],
        });
        let digest = self.add_manifest(
            &manifest,
            ImageFormat::Oci.manifest(),
            self.created,
            store,
            repository,
        );
        json!({
            "mediaType": ImageFormat::Oci.manifest(), "digest": digest, "size": store.size(&digest),
            "platform": {"architecture": "unknown", "os": "unknown"},
            "annotations": {"vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": subject},
        })
    }

    fn add_manifest(
        &self,
        manifest: &Value,
        media_type: &str,
        created: i64,
        store: &mut ContentStore,
        repository: &mut Repository,
    ) -> Digest {
        let digest = store.put(manifest.to_string());
        let entry = ManifestEntry {
            media_type: media_type.to_owned(),
            uploaded: self.created + 60,
            created,
        };
        repository.manifests.insert(digest.clone(), entry);
        digest
    }
}

impl ImageFormat {
    fn index(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.index.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.list.v2+json",
        }
    }

    fn manifest(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.manifest.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.v2+json",
        }
    }

    fn config(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.config.v1+json",
            Self::Docker => "application/vnd.docker.container.image.v1+json",
        }
    }

    fn layer(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Docker => "application/vnd.docker.image.rootfs.diff.tar.gzip",
        }
    }
}

/// Returns a Unix time in the format of RFC 3339; 1970 if it is out of range.
#[must_use]
pub fn rfc3339(seconds: i64) -> String {
    chrono::DateTime::from_timestamp(seconds, 0)
        .unwrap_or_default()
        .to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// A layer of an image.
pub(crate) struct Layer {
    /// The digest before the compression.
    pub difference_id: Digest,
    /// The compressed archive.
    pub compressed: Vec<u8>,
}

/// Returns an archive of one file whose content is generated from the seed.
pub(crate) fn layer(seed: &str, size: usize, compression: Compression) -> Layer {
    let mut content = Vec::with_capacity(size + 32);
    let mut block = ring::digest::digest(&ring::digest::SHA256, seed.as_bytes());
    while content.len() < size {
        content.extend_from_slice(block.as_ref());
        block = ring::digest::digest(&ring::digest::SHA256, block.as_ref());
    }
    content.truncate(size);
    let mut archive = archive_header("sandbox.bin", size).to_vec();
    archive.extend_from_slice(&content);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    Layer {
        difference_id: Digest::of(&archive),
        compressed: gzip(&archive, compression),
    }
}

/// Compresses bytes; the result is the same in every run.
pub(crate) fn gzip(bytes: &[u8], compression: Compression) -> Vec<u8> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), compression);
    // Writing to a vector does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// Returns the header of a file in a POSIX ustar archive (pax(1)).
fn archive_header(name: &str, size: usize) -> [u8; 512] {
    let mut header = [0; 512];
    let mut set =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    set(0, name);
    set(100, "0000644\0");
    set(108, "0000000\0");
    set(116, "0000000\0");
    set(124, &format!("{size:011o}\0"));
    set(136, "00000000000\0");
    set(148, "        ");
    set(156, "0");
    set(257, "ustar\0");
    set(263, "00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

fn add_blob(
    bytes: impl Into<Bytes>,
    store: &mut ContentStore,
    repository: &mut Repository,
) -> (Digest, usize) {
    let bytes = bytes.into();
    let size = bytes.len();
    let digest = store.put(bytes);
    repository.blobs.insert(digest.clone());
    (digest, size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_depend_only_on_the_recipe() {
        let (mut store, mut repository) = (ContentStore::default(), Repository::default());
        let one = ImageRecipe::new("a", 1_760_000_000).publish(&mut store, &mut repository);
        let same = ImageRecipe::new("a", 1_760_000_000).publish(&mut store, &mut repository);
        let other = ImageRecipe::new("b", 1_760_000_000).publish(&mut store, &mut repository);
        assert_eq!(one.digest, same.digest);
        assert_ne!(one.digest, other.digest);
        assert_eq!(one.children.len(), 2);
    }

    #[test]
    fn annotation_changes_the_index_but_not_its_children() {
        let (mut store, mut repository) = (ContentStore::default(), Repository::default());
        let plain = ImageRecipe::new("a", 0).publish(&mut store, &mut repository);
        let recipe = ImageRecipe {
            index_annotation: Some("again".into()),
            ..ImageRecipe::new("a", 0)
        };
        let annotated = recipe.publish(&mut store, &mut repository);
        assert_ne!(plain.digest, annotated.digest);
        assert_eq!(plain.children, annotated.children);
    }
}
