//! The distribution API (`/v2/`) for reading, which all registries share.
//!
//! Source: the OCI distribution specification 1.1. The [`RegistryKind`] decides where services differ (the challenge, the
//! delivery of blobs, the texts of errors). Lists of tags are in `tag_list.rs`, writing is in `upload.rs`. Not simulated:
//! schema 1 manifests, `_catalog` (clients here do not have the permission).

use crate::content::Digest;
use crate::message::{Request, Response};
use crate::registry::{BlobDelivery, RegistryKind};
use crate::registry_error::manifest_unknown;
use crate::registry_path::RegistryPath;
use crate::world::World;
use crate::{acr, blob_storage, oci_login, referrers, tag_list, token_service, upload};
use serde_json::{Value, json};

/// Answers a request under `/v2/`.
pub fn answer(world: &mut World, host: &str, request: &Request) -> Response {
    let Some(path) = RegistryPath::parse(request) else {
        return Response::new(404, "text/plain; charset=utf-8", "404 page not found\n");
    };
    // Debian's docker-registry, Azure, Google, GitHub and Docker Hub also send the header with refusals.
    let response = match authorize(world, host, request, &path) {
        Ok(()) => allowed(world, host, request, &path),
        Err(refusal) => refusal,
    };
    response.with("Docker-Distribution-Api-Version", "registry/2.0")
}

fn allowed(world: &mut World, host: &str, request: &Request, path: &RegistryPath) -> Response {
    match (path, request.method.as_str()) {
        (RegistryPath::Ping, _) => Response::json(200, &json!({})),
        // HEAD gets 405, as at Debian's docker-registry.
        (RegistryPath::Tags(repository), "GET") => {
            tag_list::answer(world, host, repository, request)
        }
        (RegistryPath::Manifest(repository, reference), "GET" | "HEAD") => {
            counted_manifest(world, host, repository, reference, request)
        }
        (RegistryPath::Blob(repository, digest), "GET" | "HEAD") => {
            blob(world, host, repository, digest, request)
        }
        (RegistryPath::Referrers(repository, digest), "GET" | "HEAD") => {
            referrers::answer(world, host, repository, digest, request)
        }
        _ => upload::answer(world, host, path, request),
    }
}

/// Checks the head of a PATCH or PUT of an upload, before its body is received. Returns the upload's ID.
pub fn admit_upload(world: &mut World, host: &str, request: &Request) -> Result<String, Response> {
    let path = RegistryPath::parse(request).unwrap_or(RegistryPath::Ping);
    let RegistryPath::Upload(_, id) = &path else {
        return Err(Response::empty(404));
    };
    authorize(world, host, request, &path)?;
    upload::admit(world, host, &path, request)?;
    Ok(id.clone())
}

/// Answers a PATCH or PUT of an upload whose body was received.
pub fn conclude_upload(world: &mut World, host: &str, request: &Request) -> Response {
    let path = RegistryPath::parse(request).unwrap_or(RegistryPath::Ping);
    upload::conclude(world, host, &path, request)
        .with("Docker-Distribution-Api-Version", "registry/2.0")
}

/// Returns this host's 401 for a request without valid credentials.
pub fn challenge_for(world: &World, host: &str, request: &Request) -> Response {
    let path = RegistryPath::parse(request).unwrap_or(RegistryPath::Ping);
    let needs = path.needs(request);
    let error = request.bearer_token().map(|_| "invalid_token");
    let Some(registry) = world.registries.get(host) else {
        return Response::empty(401);
    };
    match &registry.kind {
        RegistryKind::Azure(_) => acr::challenge(host, &needs, error),
        RegistryKind::Oci(settings) => oci_login::challenge(registry, settings, &needs, error),
        RegistryKind::Google(_) | RegistryKind::Token(_) => {
            token_service::challenge(world, host, path.repository())
        }
    }
}

fn authorize(
    world: &mut World,
    host: &str,
    request: &Request,
    path: &RegistryPath,
) -> Result<(), Response> {
    let now = world.now();
    let needs = path.needs(request);
    let Some(registry) = world.registries.get(host) else {
        return Err(Response::empty(502));
    };
    match &registry.kind {
        RegistryKind::Azure(_) => acr::authorize(world, host, request, &needs),
        RegistryKind::Oci(settings) => {
            oci_login::authorize(world, registry, settings, request, &needs)
        }
        RegistryKind::Google(_) | RegistryKind::Token(_) => {
            let action = needs.first().map_or("pull", |(_, action)| action);
            token_service::authorize(world, registry, request, path, action, now)
        }
    }?;
    let limit = world
        .registries
        .get_mut(host)
        .and_then(|registry| registry.token_limit.as_mut());
    let is_used_up = limit
        .zip(request.bearer_token())
        .is_some_and(|(limit, token)| !limit.count(token));
    if is_used_up {
        Err(challenge_for(world, host, request))
    } else {
        Ok(())
    }
}

/// Returns a manifest. Counts it as a pull if the registry limits pulls.
fn counted_manifest(
    world: &mut World,
    host: &str,
    repository: &str,
    reference: &str,
    request: &Request,
) -> Response {
    let Some(registry) = world.registries.get_mut(host) else {
        return Response::empty(502);
    };
    match token_service::count_pull(registry, &request.method) {
        Ok(headers) => {
            let mut response = manifest(world, host, repository, reference, request);
            response.headers.extend(headers);
            response
        }
        Err(refusal) => refusal,
    }
}

fn manifest(
    world: &World,
    host: &str,
    repository: &str,
    reference: &str,
    request: &Request,
) -> Response {
    let Some(registry) = world.registries.get(host) else {
        return Response::empty(502);
    };
    let unknown = || manifest_unknown(registry, repository, reference);
    let Some(repository) = registry.repositories.get(repository) else {
        return unknown();
    };
    let Some(digest) = repository.resolve(reference) else {
        return unknown();
    };
    let (Some(entry), Some(body)) = (repository.manifests.get(&digest), world.store.get(&digest))
    else {
        return unknown();
    };
    if matches!(registry.kind, RegistryKind::Azure(_)) && !accepts(request, &entry.media_type) {
        let kind = if entry.media_type.contains("index") {
            "OCI index"
        } else {
            "OCI manifest"
        };
        let message = format!("{kind} found, but accept header does not support {kind}s");
        return Response::registry_error(404, "MANIFEST_UNKNOWN", &message, Value::Null);
    }
    Response::new(200, &entry.media_type, body)
        .with("Docker-Content-Digest", digest.as_str())
        .with("ETag", format!("\"{digest}\""))
}

/// True if the Accept header allows this media type. ACR checks only OCI's media types.
fn accepts(request: &Request, media_type: &str) -> bool {
    let accept: Vec<&str> = request
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("accept"))
        .flat_map(|(_, value)| value.split(','))
        .map(|item| item.split(';').next().unwrap_or_default().trim())
        .collect();
    !media_type.starts_with("application/vnd.oci.")
        || accept
            .iter()
            .any(|item| *item == media_type || *item == "*/*" || *item == "application/*")
}

fn blob(world: &World, host: &str, repository: &str, digest: &str, request: &Request) -> Response {
    let Some(registry) = world.registries.get(host) else {
        return Response::empty(502);
    };
    let found = Digest::parse(digest).filter(|digest| {
        let repository = registry.repositories.get(repository);
        repository.is_some_and(|known| {
            known.blobs.contains(digest) || known.manifests.contains_key(digest)
        })
    });
    let content =
        found.and_then(|digest| world.store.get(&digest).map(|content| (digest, content)));
    let Some((digest, content)) = content else {
        return Response::registry_error(
            404,
            "BLOB_UNKNOWN",
            "blob unknown to registry",
            json!({"digest": digest}),
        );
    };
    if request.method == "HEAD" {
        return Response::new(200, "application/octet-stream", content)
            .with("Docker-Content-Digest", digest.as_str());
    }
    match &registry.blob_delivery {
        BlobDelivery::Direct => blob_storage::content(content, registry.ranges, request)
            .with("Docker-Content-Digest", digest.as_str()),
        BlobDelivery::SameHost => Response::empty(302).with(
            "Location",
            blob_storage::same_host_address(host, repository, &digest),
        ),
        BlobDelivery::OtherHost {
            host: storage,
            status,
        } => Response::empty(*status).with(
            "Location",
            blob_storage::signed_address(storage, host, &digest, world.now()),
        ),
    }
}
