//! The distribution API (`/v2/`) for writing: uploads, mounts, manifests, deletion.
//!
//! Only an ACR accepts writes. The limits are those of ACR: a single PUT of more than about 20 MB gets 413, chunks must be in
//! order, and a failed upload no longer exists (404 `BLOB_UPLOAD_INVALID`).

use crate::content::Digest;
use crate::message::{Request, Response};
use crate::registry::{ManifestEntry, RegistryKind, Repository, Upload};
use crate::registry_error;
use crate::registry_path::RegistryPath;
use crate::world::World;
use serde_json::{Value, json};

/// Answers a request that writes.
pub fn answer(world: &mut World, host: &str, path: &RegistryPath, request: &Request) -> Response {
    match (path, request.method.as_str()) {
        (RegistryPath::NewUpload(repository), "POST") => start(world, host, repository, request),
        (RegistryPath::Upload(repository, id), "PATCH") => {
            append(world, host, repository, id, request)
        }
        (RegistryPath::Upload(repository, id), "PUT") => {
            finish(world, host, repository, id, request)
        }
        (RegistryPath::Upload(repository, id), "GET" | "HEAD") => {
            status(world, host, repository, id)
        }
        (RegistryPath::Upload(_, id), "DELETE") => {
            world.uploads.remove(id);
            Response::empty(204)
        }
        (RegistryPath::Manifest(repository, reference), "PUT") => {
            put_manifest(world, host, repository, reference, request)
        }
        (RegistryPath::Manifest(repository, reference), "DELETE") => {
            delete_manifest(world, host, repository, reference)
        }
        (
            RegistryPath::Ping
            | RegistryPath::Tags(_)
            | RegistryPath::Manifest(..)
            | RegistryPath::Blob(..)
            | RegistryPath::NewUpload(_)
            | RegistryPath::Upload(..)
            | RegistryPath::Referrers(..),
            _,
        ) => Response::registry_error(
            405,
            "UNSUPPORTED",
            "The operation is unsupported.",
            Value::Null,
        ),
    }
}

fn start(world: &mut World, host: &str, repository: &str, request: &Request) -> Response {
    let (mount, from) = (request.parameter("mount"), request.parameter("from"));
    if let (Some(digest), Some(from)) = (mount.as_deref().and_then(Digest::parse), from) {
        let source = world
            .registries
            .get(host)
            .and_then(|registry| registry.repositories.get(&from));
        if source.is_some_and(|source| source.blobs.contains(&digest)) {
            add_blob(world, host, repository, &digest);
            return created(repository, &digest);
        }
    }
    let id = world.new_guid();
    let upload = Upload {
        host: host.to_owned(),
        repository: repository.to_owned(),
        content: Vec::new(),
    };
    world.uploads.insert(id.clone(), upload);
    if let Some(digest) = request
        .parameter("digest")
        .and_then(|digest| Digest::parse(&digest))
    {
        return complete(world, host, repository, &id, &digest, &request.body);
    }
    accepted(repository, &id, 0)
}

fn append(
    world: &mut World,
    host: &str,
    repository: &str,
    id: &str,
    request: &Request,
) -> Response {
    let Some(upload) = find(world, host, repository, id) else {
        return upload_unknown();
    };
    let length = upload.content.len();
    // ACR's `Content-Range` is `first-last`, without the prefix `bytes ` of RFC 9110.
    let first = request
        .header("content-range")
        .map(|range| range.split('-').next().unwrap_or_default().to_owned());
    if first.is_some_and(|first| first.parse() != Ok(length)) {
        world.uploads.remove(id);
        return Response::registry_error(
            416,
            "BLOB_UPLOAD_INVALID",
            "blob upload invalid",
            Value::Null,
        );
    }
    upload.content.extend_from_slice(&request.body);
    let length = upload.content.len();
    accepted(repository, id, length)
}

fn finish(
    world: &mut World,
    host: &str,
    repository: &str,
    id: &str,
    request: &Request,
) -> Response {
    if find(world, host, repository, id).is_none() {
        return upload_unknown();
    }
    let limit = match world.registries.get(host).map(|registry| &registry.kind) {
        Some(RegistryKind::Azure(settings)) => settings.largest_put,
        Some(RegistryKind::Google(_) | RegistryKind::Token(_)) | None => usize::MAX,
    };
    if request.body.len() > limit {
        world.uploads.remove(id);
        let page =
            "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n</html>\r\n";
        return Response::new(413, "text/html", page);
    }
    match request
        .parameter("digest")
        .and_then(|digest| Digest::parse(&digest))
    {
        Some(digest) => complete(world, host, repository, id, &digest, &request.body),
        None => digest_invalid(),
    }
}

fn complete(
    world: &mut World,
    host: &str,
    repository: &str,
    id: &str,
    digest: &Digest,
    rest: &[u8],
) -> Response {
    let Some(mut upload) = world.uploads.remove(id) else {
        return upload_unknown();
    };
    upload.content.extend_from_slice(rest);
    if Digest::of(&upload.content) != *digest {
        return digest_invalid();
    }
    world.store.put(upload.content);
    add_blob(world, host, repository, digest);
    created(repository, digest)
}

fn status(world: &mut World, host: &str, repository: &str, id: &str) -> Response {
    match find(world, host, repository, id) {
        Some(upload) => {
            let last = upload.content.len().saturating_sub(1);
            Response::empty(204)
                .with("Range", format!("0-{last}"))
                .with("Docker-Upload-Uuid", id)
        }
        None => upload_unknown(),
    }
}

fn put_manifest(
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
        Some(subject) => response.with("OCI-Subject", subject),
        None => response,
    }
}

/// Returns the refusal of a manifest if its repository does not have all referenced content.
fn missing_reference(repository: &Repository, manifest: &Value) -> Option<Response> {
    let (digest, is_manifest) =
        references(manifest)
            .into_iter()
            .find(|(digest, is_manifest)| {
                if *is_manifest {
                    !repository.manifests.contains_key(digest)
                } else {
                    !repository.blobs.contains(digest)
                }
            })?;
    let code = if is_manifest {
        "MANIFEST_UNKNOWN"
    } else {
        "MANIFEST_BLOB_UNKNOWN"
    };
    let detail = json!({"digest": digest});
    Some(Response::registry_error(
        400,
        code,
        "blob unknown to registry",
        detail,
    ))
}

/// Returns the digests to which a manifest refers, each with true if it is a manifest.
pub fn references(manifest: &Value) -> Vec<(Digest, bool)> {
    let digest = |descriptor: &Value| Digest::parse(descriptor["digest"].as_str()?);
    let children = manifest["manifests"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(digest);
    let config = std::iter::once(&manifest["config"]).filter_map(digest);
    let layers = manifest["layers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(digest);
    children
        .map(|child| (child, true))
        .chain(config.chain(layers).map(|blob| (blob, false)))
        .collect()
}

fn delete_manifest(world: &mut World, host: &str, repository: &str, reference: &str) -> Response {
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

fn add_blob(world: &mut World, host: &str, repository: &str, digest: &Digest) {
    if let Some(registry) = world.registries.get_mut(host) {
        registry.repository(repository).blobs.insert(digest.clone());
    }
}

fn find<'a>(
    world: &'a mut World,
    host: &str,
    repository: &str,
    id: &str,
) -> Option<&'a mut Upload> {
    world
        .uploads
        .get_mut(id)
        .filter(|upload| upload.host == host && upload.repository == repository)
}

fn accepted(repository: &str, id: &str, length: usize) -> Response {
    let last = length.saturating_sub(1);
    Response::empty(202)
        .with(
            "Location",
            format!("/v2/{repository}/blobs/uploads/{id}?_nouploadcache=false&_state={length}"),
        )
        .with("Docker-Upload-Uuid", id)
        .with("Range", format!("0-{last}"))
}

fn created(repository: &str, digest: &Digest) -> Response {
    Response::empty(201)
        .with("Location", format!("/v2/{repository}/blobs/{digest}"))
        .with("Docker-Content-Digest", digest.as_str())
}

fn upload_unknown() -> Response {
    Response::registry_error(
        404,
        "BLOB_UPLOAD_INVALID",
        "blob upload invalid",
        Value::Null,
    )
}

fn digest_invalid() -> Response {
    let message = "provided digest did not match uploaded content";
    Response::registry_error(400, "DIGEST_INVALID", message, Value::Null)
}
