//! The distribution API for writing manifests and tags.

use crate::content::Digest;
use crate::message::{Request, Response};
use crate::registry::{ManifestEntry, Referrers, Repository};
use crate::registry_error;
use crate::upload::digest_invalid;
use crate::world::World;
use serde_json::{Value, json};

/// Answers a PUT of a manifest. The repository must have everything to which it refers.
pub fn put(
    world: &mut World,
    host: &str,
    repository: &str,
    reference: &str,
    request: &Request,
) -> Response {
    let Ok(manifest) = serde_json::from_slice::<Value>(&request.body) else {
        return Response::registry_error(400, "MANIFEST_INVALID", "manifest invalid", Value::Null);
    };
    let digest = Digest::of(&request.body);
    if Digest::parse(reference).is_some_and(|named| named != digest) {
        return digest_invalid();
    }
    let now = world.now();
    let Some(registry) = world.registries.get_mut(host) else {
        return Response::empty(502);
    };
    let has_referrers = registry.referrers == Referrers::Api;
    let known = registry.repository(repository);
    if let Some(refusal) = missing_reference(known, &manifest) {
        return refusal;
    }
    let tag = Digest::parse(reference).is_none().then_some(reference);
    if tag
        .and_then(|tag| known.tags.get(tag))
        .is_some_and(|entry| entry.locked)
    {
        return registry_error::disallowed();
    }
    let media_type = request
        .header("content-type")
        .or(manifest["mediaType"].as_str())
        .unwrap_or_default()
        .to_owned();
    known.manifests.insert(
        digest.clone(),
        ManifestEntry {
            media_type,
            uploaded: now,
            created: now,
        },
    );
    if let Some(tag) = tag {
        known.set_tag(tag, &digest, now);
    }
    world.store.put(request.body.clone());
    let response = Response::empty(201)
        .with("Location", format!("/v2/{repository}/manifests/{digest}"))
        .with("Docker-Content-Digest", digest.as_str());
    match manifest["subject"]["digest"].as_str() {
        Some(subject) if has_referrers => response.with("OCI-Subject", subject),
        Some(_) | None => response,
    }
}

/// Returns the refusal of a manifest if its repository does not have all referenced content.
fn missing_reference(repository: &Repository, manifest: &Value) -> Option<Response> {
    let (digest, _) = references(manifest)
        .into_iter()
        .find(|(digest, is_manifest)| {
            if *is_manifest {
                !repository.manifests.contains_key(digest)
            } else {
                !repository.blobs.contains(digest)
            }
        })?;
    let message = "blob unknown to registry";
    let refusal = Response::registry_error(400, "MANIFEST_BLOB_UNKNOWN", message, json!(digest));
    Some(refusal)
}

/// Returns the digests to which a manifest refers, each with true if it is a manifest. A foreign layer is elsewhere, at its
/// `urls`.
pub fn references(manifest: &Value) -> Vec<(Digest, bool)> {
    let digest = |descriptor: &Value| Digest::parse(descriptor["digest"].as_str()?);
    let children = manifest["manifests"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(digest);
    let config = std::iter::once(&manifest["config"]).filter_map(digest);
    let is_foreign = |layer: &&Value| {
        layer["urls"]
            .as_array()
            .is_some_and(|urls| !urls.is_empty())
    };
    let layers = manifest["layers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|layer| !is_foreign(layer))
        .filter_map(digest);
    children
        .map(|child| (child, true))
        .chain(config.chain(layers).map(|blob| (blob, false)))
        .collect()
}

/// Answers a DELETE of a tag or a manifest.
pub fn delete(world: &mut World, host: &str, repository: &str, reference: &str) -> Response {
    let unknown = || {
        Response::registry_error(
            404,
            "MANIFEST_UNKNOWN",
            "manifest unknown",
            json!({"Reference": reference}),
        )
    };
    let known = world
        .registries
        .get_mut(host)
        .and_then(|registry| registry.repositories.get_mut(repository));
    let Some(known) = known else { return unknown() };
    if known.tags.get(reference).is_some_and(|entry| entry.locked) {
        return registry_error::disallowed();
    }
    let Some(digest) = known.resolve(reference) else {
        return unknown();
    };
    if Digest::parse(reference).is_some() {
        known.manifests.remove(&digest);
        known.tags.retain(|_, entry| entry.digest != digest);
    } else {
        known.tags.remove(reference);
    }
    Response::empty(202)
}
