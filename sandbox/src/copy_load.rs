//! The loads of the copy benchmark (`just bench-copy`). Their digests are the same in every run.

use crate::artifact::Author;
use crate::image::{Layer, layer};
use crate::runwhen_local::CHART_IMAGES;
use crate::scenario::{CODE_COLLECTIONS, CopyLoad, GOOGLE_HOST, GOOGLE_PATH, Scenario};
use crate::world::World;
use bytes::Bytes;
use flate2::Compression;
use serde_json::{Value, json};

/// The registry of the images with large layers.
pub const HOST: &str = "us-docker.pkg.dev";
/// The repository of the image with four layers of 256 MB.
pub const LARGE_REPOSITORY: &str = "copy/large";
/// The repository of the image with one layer of 64 MB.
pub const LAYER_REPOSITORY: &str = "copy/layer";
/// The tag of both.
pub const TAG: &str = "1.0";

const MEBIBYTE: usize = 1024 * 1024;
/// The size of a layer of an architecture's base image, which all CodeCollections share.
const SHARED_LAYER: usize = 198_000;
/// The number of an architecture's base layers.
const SHARED_LAYERS: usize = 9;
/// The smallest layer of a single image. The others are larger by up to 119,000 bytes.
const OWN_LAYER: usize = 56_500;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Adds the load of a scenario to its state.
pub fn add(scenario: &Scenario, world: &mut World) {
    match scenario.load {
        CopyLoad::None => {}
        CopyLoad::EightImages => add_eight_images(world),
        CopyLoad::LargeLayers => add_layers(world, LARGE_REPOSITORY, 4, 256 * MEBIBYTE),
        CopyLoad::OneLayer => add_layers(world, LAYER_REPOSITORY, 1, 64 * MEBIBYTE),
    }
}

/// Replaces the content of the eight source repositories. Together: 28 manifests with 202 blobs, of which 130 are different.
fn add_eight_images(world: &mut World) {
    for repository in CODE_COLLECTIONS {
        let name = format!("{GOOGLE_PATH}/{repository}");
        let stable = Scenario::newest_tag(repository);
        let image = |author: &mut Author<'_>| {
            let children = ["amd64", "arm64"].map(|architecture| {
                let base = (0..SHARED_LAYERS)
                    .map(|number| (format!("base {architecture} {number}"), SHARED_LAYER));
                let own = own_layers(repository, architecture, 2);
                add_image(author, repository, architecture, base.chain(own))
            });
            author.index(&children)
        };
        replace(world, GOOGLE_HOST, &name, &["main-latest", &stable], image);
    }
    for (image, layers) in CHART_IMAGES.iter().zip([11, 11, 12]) {
        let has_attestations = layers != 12;
        let make = |author: &mut Author<'_>| {
            let mut children = Vec::new();
            for architecture in ["amd64", "arm64"] {
                let own = own_layers(image.repository, architecture, layers);
                children.push(add_image(author, image.repository, architecture, own));
            }
            if has_attestations {
                let attestations: Vec<Value> = children
                    .iter()
                    .map(|child| add_attestation(author, child))
                    .collect();
                children.extend(attestations);
            }
            author.index(&children)
        };
        replace(
            world,
            image.host,
            image.repository,
            &[image.tag, "latest"],
            make,
        );
    }
}

/// Replaces the content of a repository by one image with these tags.
fn replace(
    world: &mut World,
    host: &str,
    repository: &str,
    tags: &[&str],
    image: impl FnOnce(&mut Author<'_>) -> Value,
) {
    if let Some(registry) = world.registries.get_mut(host) {
        registry.repositories.remove(repository);
    }
    let mut author = world.author(host, repository);
    let image = image(&mut author);
    for tag in tags {
        author.tag(tag, &image);
    }
}

/// The seed and the size of layers.
fn own_layers(
    repository: &str,
    architecture: &str,
    count: usize,
) -> impl Iterator<Item = (String, usize)> {
    let name = format!("{repository} {architecture}");
    (0..count).map(move |number| {
        let size = OWN_LAYER + (name.len() * 31 + number * 37) % 120 * 1000;
        (format!("{name} {number}"), size)
    })
}

fn add_image(
    author: &mut Author<'_>,
    repository: &str,
    architecture: &str,
    layers: impl Iterator<Item = (String, usize)>,
) -> Value {
    let (mut descriptors, mut difference_ids) = (Vec::new(), Vec::new());
    for (seed, size) in layers {
        let Layer {
            difference_id,
            compressed,
        } = layer(&seed, size, Compression::none());
        descriptors.push(author.blob(LAYER, compressed));
        difference_ids.push(difference_id);
    }
    let config = json!({
        "created": "2026-10-20T08:00:00Z", "architecture": architecture, "os": "linux",
        "config": {"Labels": {"org.opencontainers.image.title": repository}},
        "rootfs": {"type": "layers", "diff_ids": difference_ids},
    });
    let config = author.blob(CONFIG, config.to_string());
    let manifest =
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": descriptors});
    let mut descriptor = author.manifest(&manifest);
    descriptor["platform"] = json!({"architecture": architecture, "os": "linux"});
    descriptor
}

fn add_attestation(author: &mut Author<'_>, subject: &Value) -> Value {
    let digest = &subject["digest"];
    let config = json!({"architecture": "unknown", "os": "unknown", "of": digest});
    let config = author.blob(CONFIG, config.to_string());
    let statement =
        json!({"_type": "https://in-toto.io/Statement/v0.1", "subject": [{"digest": digest}]});
    let layer = author.blob("application/vnd.in-toto+json", statement.to_string());
    let mut descriptor = author.manifest(
        &json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}),
    );
    descriptor["platform"] = json!({"architecture": "unknown", "os": "unknown"});
    descriptor["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": digest});
    descriptor
}

/// Adds an image with large layers, which are parts of one buffer: each begins 16 bytes after the one before, so that they
/// need little more memory than one of them. They begin like gzip, which clients check, but they cannot be decompressed.
fn add_layers(world: &mut World, repository: &str, count: usize, size: usize) {
    const STRIDE: usize = 16;
    let mut buffer = Vec::with_capacity(size + count * STRIDE);
    for number in 0..count as u64 {
        buffer.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
        buffer.extend_from_slice(&number.to_le_bytes());
    }
    // Xorshift, because a hash of this much content takes seconds.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    while buffer.len() < size + count * STRIDE {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        buffer.extend_from_slice(&state.to_le_bytes());
    }
    let buffer = Bytes::from(buffer);
    let mut author = world.author(HOST, repository);
    let layers: Vec<Value> = (0..count)
        .map(|number| {
            let begin = number * STRIDE;
            author.blob(LAYER, buffer.slice(begin..begin + size))
        })
        .collect();
    let image = author.image_of(repository, &layers);
    author.tag(TAG, &image);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Digest;
    use crate::manifest_upload::references;
    use std::collections::BTreeSet;

    #[test]
    fn load_one_has_28_manifests_and_202_blobs_of_which_130_are_different() {
        let world = Scenario::copy().build();
        let code_collections = CODE_COLLECTIONS
            .iter()
            .map(|name| (GOOGLE_HOST, format!("{GOOGLE_PATH}/{name}")));
        let chart = CHART_IMAGES
            .iter()
            .map(|image| (image.host, image.repository.to_owned()));
        let (mut manifests, mut pairs, mut unique) = (0, 0, BTreeSet::<Digest>::new());
        for (host, name) in code_collections.chain(chart) {
            let repository = &world.registries[host].repositories[&name];
            manifests += repository.manifests.len();
            pairs += repository.blobs.len();
            unique.extend(repository.blobs.iter().cloned());
            for digest in repository.manifests.keys() {
                let body = world.store.get(digest).unwrap();
                let manifest: Value = serde_json::from_slice(&body).unwrap();
                assert!(!references(&manifest).is_empty());
            }
        }
        let size = |digests: &BTreeSet<Digest>| -> usize {
            digests.iter().map(|digest| world.store.size(digest)).sum()
        };
        assert_eq!((manifests, pairs, unique.len()), (28, 202, 130));
        assert_eq!(size(&unique), 13_993_356);
    }
}
