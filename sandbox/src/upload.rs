//! Uploads of blobs: mounts, chunks, and their limits.
//!
//! Each registry has its own [`UploadRules`](crate::UploadRules). The body of a PATCH or PUT arrives piece by piece
//! (`upload_body.rs`): [`admit`] checks its head, [`receive`] takes the pieces, and [`conclude`] answers. Compared with Debian's
//! docker-registry in `tests/tools/uploads.rs`.

use crate::content::Digest;
use crate::manifest_upload;
use crate::message::{Request, Response};
use crate::received::Received;
use crate::registry::{Registry, RegistryKind, Upload};
use crate::registry_path::RegistryPath;
use crate::world::World;
use crate::writing::ChunkRules;
use serde_json::{Value, json};

/// Answers a request that writes. Its body is complete.
pub fn answer(world: &mut World, host: &str, path: &RegistryPath, request: &Request) -> Response {
    match (path, request.method.as_str()) {
        (RegistryPath::NewUpload(repository), "POST") => start(world, host, repository, request),
        (RegistryPath::Upload(_, id), "PATCH" | "PUT") => match admit(world, host, path, request) {
            Ok(()) => {
                receive(world, id, &request.body);
                conclude(world, host, path, request)
            }
            Err(refusal) => refusal,
        },
        (RegistryPath::Upload(repository, id), "GET" | "HEAD") => {
            status(world, host, repository, id)
        }
        (RegistryPath::Upload(_, id), "DELETE") => {
            world.uploads.remove(id);
            Response::empty(204)
        }
        (RegistryPath::Manifest(repository, reference), "PUT") => {
            manifest_upload::put(world, host, repository, reference, request)
        }
        (RegistryPath::Manifest(repository, reference), "DELETE") => {
            manifest_upload::delete(world, host, repository, reference)
        }
        (RegistryPath::Blob(repository, digest), "DELETE") => {
            delete_blob(world, host, repository, digest)
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
    let Some(registry) = world.registries.get(host) else {
        return Response::empty(502);
    };
    let rules = registry.uploads.clone();
    let digest_of = |name: &str| Digest::parse(&request.parameter(name)?);
    if let (Some(digest), Some(from)) = (digest_of("mount"), request.parameter("from")) {
        let source = registry.repositories.get(&from);
        if rules.mounts && source.is_some_and(|source| source.blobs.contains(&digest)) {
            return add_blob(world, host, repository, &digest);
        }
    }
    let id = world.new_guid();
    let upload = Upload {
        host: host.to_owned(),
        repository: repository.to_owned(),
        received: Received::default(),
    };
    world.uploads.insert(id.clone(), upload);
    if let (true, Some(digest)) = (rules.single_post, digest_of("digest")) {
        receive(world, &id, &request.body);
        return complete(world, host, repository, &id, &digest);
    }
    accepted(world, host, &id)
}

/// Checks the head of a PATCH or PUT, before its body is received.
pub fn admit(
    world: &mut World,
    host: &str,
    path: &RegistryPath,
    request: &Request,
) -> Result<(), Response> {
    let RegistryPath::Upload(repository, id) = path else {
        return Ok(());
    };
    let registry = world.registries.get(host).ok_or(Response::empty(502))?;
    let Some(upload) = find(world, host, repository, id) else {
        return Err(upload_unknown(registry));
    };
    let length = upload.received.length();
    // The client must use the `Location` of the last response, which contains the length.
    if request.parameter("_state") != Some(length.to_string()) {
        return Err(upload_invalid());
    }
    let is_chunk = request.method == "PATCH";
    let is_strict = is_chunk && registry.uploads.chunks == ChunkRules::Strict;
    let declared = request
        .header("content-length")
        .and_then(|length| length.parse::<u64>().ok());
    let refusal = if is_strict && declared.is_none() {
        Some(length_required())
    } else if !is_next_range(request, length, declared, is_strict) {
        Some(range_invalid(registry, repository, id, length))
    } else if (is_strict || !is_chunk)
        && declared.is_some_and(|declared| declared > registry.uploads.largest_body as u64)
    {
        Some(too_large())
    } else {
        None
    };
    match refusal {
        Some(refusal) => {
            interrupt(world, host, id);
            Err(refusal)
        }
        None => Ok(()),
    }
}

/// True if the `Content-Range` of the request continues the upload. It is `first-last`, without the prefix `bytes ` of RFC 9110.
fn is_next_range(request: &Request, length: u64, declared: Option<u64>, required: bool) -> bool {
    let Some(range) = request.header("content-range") else {
        return !required;
    };
    let Some((first, last)) = range.split_once('-') else {
        return false;
    };
    let (first, last) = (first.parse::<u64>(), last.parse::<u64>());
    let (Ok(first), Ok(last)) = (first, last) else {
        return false;
    };
    let is_consistent = declared
        .is_none_or(|declared| last.checked_sub(first).map(|rest| rest + 1) == Some(declared));
    first == length && is_consistent
}

/// Adds the next bytes to an upload.
pub fn receive(world: &mut World, id: &str, bytes: &[u8]) {
    if let Some(upload) = world.uploads.get_mut(id) {
        upload.received.append(bytes);
    }
}

/// Ends an upload whose chunk failed, unless the registry lets clients continue it.
pub fn interrupt(world: &mut World, host: &str, id: &str) {
    let registry = world.registries.get(host);
    if registry.is_some_and(|registry| !registry.uploads.resumable) {
        world.uploads.remove(id);
    }
}

/// Answers a PATCH or PUT whose body was received.
pub fn conclude(world: &mut World, host: &str, path: &RegistryPath, request: &Request) -> Response {
    let RegistryPath::Upload(repository, id) = path else {
        return Response::empty(404);
    };
    if request.method == "PATCH" {
        return accepted(world, host, id);
    }
    let digest = request.parameter("digest");
    match digest.and_then(|digest| Digest::parse(&digest)) {
        Some(digest) => complete(world, host, repository, id, &digest),
        None => digest_invalid(),
    }
}

fn complete(
    world: &mut World,
    host: &str,
    repository: &str,
    id: &str,
    digest: &Digest,
) -> Response {
    let Some(upload) = world.uploads.remove(id) else {
        return upload_invalid();
    };
    let (received, content) = upload.received.finish();
    if received != *digest {
        return digest_invalid();
    }
    match content {
        Some(content) => world.store.insert(received, content),
        None if world.store.get(digest).is_some() => {}
        None => {
            let message = "the sandbox stores a new blob only up to 32 MB";
            return Response::registry_error(413, "SIZE_INVALID", message, Value::Null);
        }
    }
    add_blob(world, host, repository, digest)
}

fn status(world: &World, host: &str, repository: &str, id: &str) -> Response {
    let Some(registry) = world.registries.get(host) else {
        return Response::empty(502);
    };
    match find(world, host, repository, id) {
        Some(upload) => Response {
            status: 204,
            ..progress(registry, repository, id, upload.received.length())
        },
        None => upload_unknown(registry),
    }
}

fn delete_blob(world: &mut World, host: &str, repository: &str, digest: &str) -> Response {
    let known = world
        .registries
        .get_mut(host)
        .and_then(|registry| registry.repositories.get_mut(repository));
    let removed = known
        .zip(Digest::parse(digest))
        .is_some_and(|(known, digest)| known.blobs.remove(&digest));
    if removed {
        return Response::empty(202);
    }
    let detail = json!({"digest": digest});
    Response::registry_error(404, "BLOB_UNKNOWN", "blob unknown to registry", detail)
}

/// Adds a blob to a repository, and returns the response to its upload or mount.
fn add_blob(world: &mut World, host: &str, repository: &str, digest: &Digest) -> Response {
    let Some(registry) = world.registries.get_mut(host) else {
        return Response::empty(502);
    };
    registry.repository(repository).blobs.insert(digest.clone());
    let location = format!(
        "{}/v2/{repository}/blobs/{digest}",
        location_prefix(registry)
    );
    Response::empty(201)
        .with("Location", location)
        .with("Docker-Content-Digest", digest.as_str())
}

fn find<'a>(world: &'a World, host: &str, repository: &str, id: &str) -> Option<&'a Upload> {
    world
        .uploads
        .get(id)
        .filter(|upload| upload.host == host && upload.repository == repository)
}

fn accepted(world: &World, host: &str, id: &str) -> Response {
    match (world.registries.get(host), world.uploads.get(id)) {
        (Some(registry), Some(upload)) => {
            progress(registry, &upload.repository, id, upload.received.length())
        }
        _ => upload_invalid(),
    }
}

/// Returns 202 with the received part of an upload and the `Location` of the next request.
fn progress(registry: &Registry, repository: &str, id: &str, length: u64) -> Response {
    let location = format!(
        "{}/v2/{repository}/blobs/uploads/{id}?_nouploadcache=false&_state={length}",
        location_prefix(registry)
    );
    Response::empty(202)
        .with("Location", location)
        .with("Docker-Upload-Uuid", id)
        .with("Range", format!("0-{}", length.saturating_sub(1)))
}

fn location_prefix(registry: &Registry) -> String {
    if registry.uploads.absolute_locations {
        format!("{}://{}", registry.transport.scheme(), registry.host)
    } else {
        String::new()
    }
}

fn upload_unknown(registry: &Registry) -> Response {
    match registry.kind {
        RegistryKind::Azure(_) => upload_invalid(),
        RegistryKind::Google(_) | RegistryKind::Token(_) | RegistryKind::Oci(_) => {
            let message = "blob upload unknown to registry";
            Response::registry_error(404, "BLOB_UPLOAD_UNKNOWN", message, json!({}))
        }
    }
}

fn upload_invalid() -> Response {
    let message = "blob upload invalid";
    Response::registry_error(404, "BLOB_UPLOAD_INVALID", message, Value::Null)
}

fn range_invalid(registry: &Registry, repository: &str, id: &str, length: u64) -> Response {
    let message = "blob upload invalid";
    let mut response = Response::registry_error(416, "BLOB_UPLOAD_INVALID", message, Value::Null);
    if registry.uploads.resumable {
        let progress = progress(registry, repository, id, length);
        response.headers.extend(progress.headers);
    }
    response
}

fn length_required() -> Response {
    let page = "<html>\r\n<head><title>411 Length Required</title></head>\r\n</html>\r\n";
    Response::new(411, "text/html", page)
}

fn too_large() -> Response {
    let page = "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n</html>\r\n";
    Response::new(413, "text/html", page)
}

/// Returns the refusal of content that does not have the named digest.
pub fn digest_invalid() -> Response {
    let message = "provided digest did not match uploaded content";
    Response::registry_error(400, "DIGEST_INVALID", message, Value::Null)
}
