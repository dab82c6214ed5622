//! Content for the tests of a copy: any blobs and manifests, and one example of each kind of manifest that a copy meets.

use crate::content::Digest;
use crate::image;
use crate::registry::{ManifestEntry, Referrers};
use crate::world::World;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use flate2::Compression;
use serde_json::{Value, json};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// Writes content into a repository of any registry. A descriptor is the JSON that other manifests contain.
#[derive(Debug)]
pub struct Author<'a> {
    world: &'a mut World,
    host: String,
    repository: String,
}

/// Adds an example and returns its descriptor.
type Maker<'a> = fn(&mut Author<'a>) -> Value;

/// The tag and the digest of an example.
#[derive(Debug, Clone)]
pub struct Example {
    /// The tag, which is also the name of the kind.
    pub tag: &'static str,
    /// The digest.
    pub digest: Digest,
}

impl World {
    /// Writes into this repository. The registry must exist.
    pub fn author(&mut self, host: &str, repository: &str) -> Author<'_> {
        Author {
            world: self,
            host: host.to_owned(),
            repository: repository.to_owned(),
        }
    }
}

impl<'a> Author<'a> {
    /// Adds a blob and returns its descriptor.
    pub fn blob(&mut self, media_type: &str, bytes: impl Into<Bytes>) -> Value {
        let bytes = bytes.into();
        let size = bytes.len();
        let digest = self.world.store.put(bytes);
        if let Some(registry) = self.world.registries.get_mut(&self.host) {
            let blobs = &mut registry.repository(&self.repository).blobs;
            blobs.insert(digest.clone());
        }
        json!({"mediaType": media_type, "digest": digest, "size": size})
    }

    /// Adds a manifest with the media type in its `mediaType`, and returns its descriptor.
    pub fn manifest(&mut self, manifest: &Value) -> Value {
        let media_type = manifest["mediaType"].as_str().unwrap_or_default();
        self.manifest_bytes(media_type, manifest.to_string())
    }

    /// Adds the bytes of a manifest and returns its descriptor.
    pub fn manifest_bytes(&mut self, media_type: &str, bytes: impl Into<Bytes>) -> Value {
        let bytes = bytes.into();
        let size = bytes.len();
        let (digest, now) = (self.world.store.put(bytes), self.world.now());
        if let Some(registry) = self.world.registries.get_mut(&self.host) {
            let entry = ManifestEntry {
                media_type: media_type.to_owned(),
                uploaded: now,
                created: now,
            };
            let manifests = &mut registry.repository(&self.repository).manifests;
            manifests.insert(digest.clone(), entry);
        }
        json!({"mediaType": media_type, "digest": digest, "size": size})
    }

    /// Points a tag at a manifest and returns the manifest's digest.
    pub fn tag(&mut self, tag: &str, manifest: &Value) -> Digest {
        let digest = digest_of(manifest);
        let now = self.world.now();
        if let Some(registry) = self.world.registries.get_mut(&self.host) {
            registry
                .repository(&self.repository)
                .set_tag(tag, &digest, now);
        }
        digest
    }

    /// Adds an image with one layer of this text and returns its descriptor.
    pub fn image(&mut self, seed: &str) -> Value {
        let layer = self.blob("application/vnd.oci.image.layer.v1.tar+gzip", gzip(seed));
        self.image_of(seed, &[layer])
    }

    /// Adds an image with these layers and returns its descriptor.
    pub fn image_of(&mut self, seed: &str, layers: &[Value]) -> Value {
        let config = json!({"created": "2026-09-01T08:00:00Z", "architecture": "amd64", "os": "linux",
            "config": {"Labels": {"seed": seed}}, "rootfs": {"type": "layers", "diff_ids": []}});
        let config = self.blob(CONFIG, config.to_string());
        self.manifest(
            &json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}),
        )
    }

    /// Adds an index of these manifests and returns its descriptor.
    pub fn index(&mut self, manifests: &[Value]) -> Value {
        self.manifest(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}))
    }

    /// Adds a referrer of a manifest and returns its descriptor. If the registry does not have the referrers API, also adds it
    /// to the index with the tag `sha256-<hex>`, as the specification requires from clients.
    pub fn referrer(&mut self, subject: &Value, artifact_type: &str, content: &str) -> Value {
        let config = self.blob(EMPTY, "{}");
        let layer = self.blob("text/plain", content.to_owned());
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": artifact_type,
            "config": config, "layers": [layer], "subject": subject, "annotations": {"content": content}});
        let mut descriptor = self.manifest(&manifest);
        let registry = self.world.registries.get(&self.host);
        if registry.is_some_and(|registry| registry.referrers == Referrers::Missing) {
            descriptor["artifactType"] = json!(artifact_type);
            descriptor["annotations"] = manifest["annotations"].clone();
            self.add_to_referrers_tag(subject, &descriptor);
        }
        descriptor
    }

    fn add_to_referrers_tag(&mut self, subject: &Value, referrer: &Value) {
        let tag = digest_of(subject).as_str().replace(':', "-");
        let existing = self
            .world
            .tag(&self.host, &self.repository, &tag)
            .and_then(|digest| self.world.store.get(digest));
        let mut index: Value = existing
            .and_then(|body| serde_json::from_slice(&body).ok())
            .unwrap_or_else(|| json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}));
        if let Some(manifests) = index["manifests"].as_array_mut() {
            manifests.push(referrer.clone());
        }
        let index = self.manifest(&index);
        self.tag(&tag, &index);
    }

    /// Adds an artifact of cosign: an image with the tag `sha256-<hex>.<suffix>`, where the suffix is `sig`, `att` or `sbom`.
    pub fn cosign(&mut self, subject: &Value, suffix: &str) -> Digest {
        let subject = digest_of(subject);
        let layer = self.blob(
            "application/vnd.dev.cosign.simplesigning.v1+json",
            json!({"critical": {"image": {"docker-manifest-digest": subject}}, "kind": suffix})
                .to_string(),
        );
        let image = self.image_of(&format!("{suffix} of {subject}"), &[layer]);
        self.tag(&format!("sha256-{}.{suffix}", subject.hex()), &image)
    }

    /// Adds one example of each kind of manifest, with the kind as its tag.
    pub fn examples(&mut self) -> Vec<Example> {
        let makers: [(&'static str, Maker<'a>); 13] = [
            ("image", |author| author.image("image")),
            ("docker", Self::docker),
            ("zstd", Self::zstd),
            ("foreign", Self::foreign),
            ("attested", Self::attested),
            ("nested", Self::nested),
            ("no-layers", |author| author.artifact(&[])),
            ("empty-blob", |author| {
                let empty = author.blob("application/octet-stream", "");
                author.artifact(&[empty])
            }),
            ("data", Self::data),
            ("same-layer-twice", |author| {
                let layer = author.blob("text/plain", "twice");
                author.artifact(&[layer.clone(), layer])
            }),
            ("empty-index", |author| author.index(&[])),
            ("spaced", Self::spaced),
            ("signed", Self::signed),
        ];
        makers
            .into_iter()
            .map(|(tag, make)| {
                let manifest = make(self);
                let digest = self.tag(tag, &manifest);
                Example { tag, digest }
            })
            .collect()
    }

    fn artifact(&mut self, layers: &[Value]) -> Value {
        let config = self.blob(EMPTY, "{}");
        self.manifest(
            &json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
            "artifactType": "application/vnd.example.thing"}),
        )
    }

    fn docker(&mut self) -> Value {
        let config = self.blob(
            "application/vnd.docker.container.image.v1+json",
            r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#,
        );
        let layer = self.blob(
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            gzip("docker"),
        );
        let mut image = self.manifest(&json!({"schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "config": config, "layers": [layer]}));
        image["platform"] = json!({"architecture": "amd64", "os": "linux"});
        self.manifest(&json!({"schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json", "manifests": [image]}))
    }

    fn zstd(&mut self) -> Value {
        let layer = self.blob(
            "application/vnd.oci.image.layer.v1.tar+zstd",
            zstd_frame(b"zstd"),
        );
        self.image_of("zstd", &[layer])
    }

    /// The second layer is not in the registry.
    fn foreign(&mut self) -> Value {
        let own = self.blob("application/vnd.oci.image.layer.v1.tar+gzip", gzip("own"));
        let foreign = json!({
            "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "size": 7,
            "digest": Digest::of(b"foreign"), "urls": ["https://foreign.example/layer"],
        });
        self.image_of("foreign", &[own, foreign])
    }

    fn attested(&mut self) -> Value {
        let image = self.image("attested");
        let statement = self.blob("application/vnd.in-toto+json", r#"{"predicate":{}}"#);
        let mut attestation = self.image_of("attestation", &[statement]);
        attestation["platform"] = json!({"architecture": "unknown", "os": "unknown"});
        attestation["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": image["digest"]});
        self.index(&[image, attestation])
    }

    fn nested(&mut self) -> Value {
        let (one, two) = (self.image("nested one"), self.image("nested two"));
        let inner = self.index(&[one.clone(), two]);
        self.index(&[inner, one])
    }

    fn data(&mut self) -> Value {
        let mut config = self.blob(EMPTY, "{}");
        config["data"] = json!(BASE64.encode("{}"));
        let mut layer = self.blob("text/plain", "in the manifest");
        layer["data"] = json!(BASE64.encode("in the manifest"));
        self.manifest(
            &json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer],
            "artifactType": "application/vnd.example.thing"}),
        )
    }

    /// The manifest is not in the form that a JSON library writes.
    fn spaced(&mut self) -> Value {
        let config = self.blob(EMPTY, "{}");
        let text = format!(
            "{{\n   \"layers\" : [ ],\n   \"unknown\": 1.50,\n   \"schemaVersion\": 2, \"mediaType\": \"{MANIFEST}\",\n   \"config\": {config}\n}}\n"
        );
        self.manifest_bytes(MANIFEST, text)
    }

    /// Has an SBOM and a signature as referrers, the signature of the SBOM, a referrer of a child, and cosign's three tags.
    fn signed(&mut self) -> Value {
        let child = self.image("signed");
        let index = self.index(std::slice::from_ref(&child));
        let sbom = self.referrer(&index, "application/spdx+json", "the SBOM");
        self.referrer(&index, "application/vnd.example.signature", "the signature");
        self.referrer(&sbom, "application/vnd.example.signature", "of the SBOM");
        self.referrer(&child, "application/vnd.example.signature", "of the child");
        for suffix in ["sig", "att", "sbom"] {
            self.cosign(&index, suffix);
        }
        index
    }
}

fn digest_of(descriptor: &Value) -> Digest {
    let digest = descriptor["digest"].as_str().unwrap_or_default();
    // A descriptor of this module has a digest.
    Digest::parse(digest).unwrap_or_else(|| Digest::of(b""))
}

fn gzip(text: &str) -> Bytes {
    image::gzip(text.as_bytes(), Compression::fast()).into()
}

/// Returns a Zstandard frame with one uncompressed block (RFC 8878, section 3.1.1). The content must be short.
fn zstd_frame(content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len()).unwrap_or_default();
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    frame.extend_from_slice(&size.to_le_bytes());
    // The last block, of the raw type, with its size.
    frame.extend_from_slice(&(size << 3 | 1).to_le_bytes()[..3]);
    frame.extend_from_slice(content);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest_upload::references;
    use crate::oci_registry::{Login, OciSettings};
    use crate::registry::Registry;
    use crate::scenario::Scenario;

    #[test]
    fn examples_are_complete_except_for_the_foreign_layer() {
        let mut world = Scenario::default().build();
        let host = "registry.example";
        let registry = Registry::oci(host, OciSettings::new(Login::Anonymous));
        world.registries.insert(host.into(), registry);
        let examples = world.author(host, "all").examples();
        let repository = &world.registries[host].repositories["all"];
        for digest in repository.manifests.keys() {
            let manifest: Value =
                serde_json::from_slice(&world.store.get(digest).unwrap()).unwrap();
            for (reference, is_manifest) in references(&manifest) {
                let exists = if is_manifest {
                    repository.manifests.contains_key(&reference)
                } else {
                    repository.blobs.contains(&reference)
                };
                assert!(exists, "{digest} {reference}");
            }
        }
        assert_eq!(repository.tags.len(), examples.len() + 3);
        assert!(!repository.blobs.contains(&Digest::of(b"foreign")));
    }

    #[test]
    fn referrers_are_in_the_tag_of_a_registry_without_the_api() {
        let mut world = Scenario::default().build();
        let host = "ghcr.io";
        world.author(host, "all").examples();
        let repository = &world.registries[host].repositories["all"];
        let signed = &repository.tags["signed"].digest;
        let tag = &repository.tags[&signed.as_str().replace(':', "-")];
        let index: Value = serde_json::from_slice(&world.store.get(&tag.digest).unwrap()).unwrap();
        assert_eq!(index["manifests"].as_array().unwrap().len(), 2);
    }
}
