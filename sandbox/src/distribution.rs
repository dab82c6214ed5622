//! The distribution API (`/v2/`), reading half: what every registry of the sandbox answers from one core.
//!
//! From the OCI distribution specification 1.1; where services differ (the challenge, the way to a blob, the texts of
//! errors) the [`RegistryKind`] decides. Lists of tags are in `tag_list.rs`, writing is in `upload.rs`. Deliberately
//! absent: schema 1 manifests, `_catalog` (nobody here may list whole registries).

use crate::content::Digest;
use crate::message::{Request, Response};
use crate::registry::{BlobDelivery, Registry, RegistryKind};
use crate::world::World;
use crate::{acr, blob_storage, tag_list, token_service, upload};
use serde_json::{Value, json};

/// What a path under `/v2/` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `/v2/` itself.
    Ping,
    /// `/v2/{repository}/tags/list`.
    Tags(String),
    /// `/v2/{repository}/manifests/{reference}`.
    Manifest(String, String),
    /// `/v2/{repository}/blobs/{digest}`.
    Blob(String, String),
    /// `/v2/{repository}/blobs/uploads/`.
    NewUpload(String),
    /// `/v2/{repository}/blobs/uploads/{id}`.
    Upload(String, String),
    /// `/v2/{repository}/referrers/{digest}`.
    Referrers(String, String),
}

impl Target {
    /// Reads a path; `None` when it is none of these.
    #[must_use]
    pub fn parse(request: &Request) -> Option<Self> {
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (first, rest) = segments.split_first()?;
        if *first != "v2" {
            return None;
        }
        let name = |parts: &[&str]| (!parts.is_empty()).then(|| parts.join("/"));
        match rest {
            [] | [""] => Some(Self::Ping),
            [repository @ .., "tags", "list"] => Some(Self::Tags(name(repository)?)),
            [repository @ .., "blobs", "uploads"] | [repository @ .., "blobs", "uploads", ""] => {
                Some(Self::NewUpload(name(repository)?))
            }
            [repository @ .., "blobs", "uploads", id] => {
                Some(Self::Upload(name(repository)?, (*id).to_owned()))
            }
            [repository @ .., "manifests", reference] => {
                Some(Self::Manifest(name(repository)?, (*reference).to_owned()))
            }
            [repository @ .., "blobs", digest] => {
                Some(Self::Blob(name(repository)?, (*digest).to_owned()))
            }
            [repository @ .., "referrers", digest] => {
                Some(Self::Referrers(name(repository)?, (*digest).to_owned()))
            }
            _ => None,
        }
    }

    /// The repository, except for the ping.
    #[must_use]
    pub fn repository(&self) -> Option<&str> {
        match self {
            Self::Ping => None,
            Self::Tags(name)
            | Self::Manifest(name, _)
            | Self::Blob(name, _)
            | Self::NewUpload(name)
            | Self::Upload(name, _)
            | Self::Referrers(name, _) => Some(name),
        }
    }

    /// The action that a token must allow for it, as ACR names actions.
    #[must_use]
    pub fn action(&self, method: &str) -> &'static str {
        match (self, method) {
            (Self::Tags(_), _) => "metadata_read",
            (Self::NewUpload(_) | Self::Upload(..), _) | (_, "PUT" | "POST" | "PATCH") => "push",
            (_, "DELETE") => "delete",
            (Self::Ping | Self::Manifest(..) | Self::Blob(..) | Self::Referrers(..), _) => "pull",
        }
    }
}

/// Answers a request under `/v2/`.
pub fn answer(world: &mut World, host: &str, request: &Request) -> Response {
    let Some(target) = Target::parse(request) else {
        return Response::new(404, "text/plain; charset=utf-8", "404 page not found\n");
    };
    // Debian's docker-registry, Azure, Google, GitHub and Docker Hub send the header with refusals too.
    let response = match authorize(world, host, request, &target) {
        Ok(()) => allowed(world, host, request, &target),
        Err(refusal) => refusal,
    };
    response.with("Docker-Distribution-Api-Version", "registry/2.0")
}

fn allowed(world: &mut World, host: &str, request: &Request, target: &Target) -> Response {
    match (target, request.method.as_str()) {
        (Target::Ping, _) => Response::json(200, &json!({})),
        // HEAD is not for it: 405, as Debian's docker-registry says too.
        (Target::Tags(repository), "GET") => tag_list::answer(world, host, repository, request),
        (Target::Manifest(repository, reference), "GET" | "HEAD") => {
            counted_manifest(world, host, repository, reference, request)
        }
        (Target::Blob(repository, digest), "GET" | "HEAD") => {
            blob(world, host, repository, digest, request)
        }
        (Target::Referrers(repository, digest), "GET" | "HEAD") => {
            referrers(world, host, repository, digest)
        }
        _ => upload::answer(world, host, target, request),
    }
}

/// The 401 with which this host answers a request that has no credentials, or no good ones.
pub fn challenge_for(world: &World, host: &str, request: &Request) -> Response {
    let target = Target::parse(request).unwrap_or(Target::Ping);
    let action = target.action(&request.method);
    match world.registries.get(host).map(|registry| &registry.kind) {
        Some(RegistryKind::Azure(_)) => acr::challenge(
            host,
            target.repository(),
            action,
            request.bearer_token().map(|_| "invalid_token"),
        ),
        Some(RegistryKind::Google(_) | RegistryKind::Token(_)) | None => {
            token_service::challenge(world, host, target.repository())
        }
    }
}

fn authorize(
    world: &mut World,
    host: &str,
    request: &Request,
    target: &Target,
) -> Result<(), Response> {
    let now = world.now();
    let Some(registry) = world.registries.get(host) else {
        return Err(Response::empty(502));
    };
    let action = target.action(&request.method);
    match &registry.kind {
        RegistryKind::Azure(_) => acr::authorize(world, host, request, target.repository(), action),
        RegistryKind::Google(_) | RegistryKind::Token(_) => {
            token_service::authorize(world, registry, request, target, action, now)
        }
    }
}

/// `NAME_UNKNOWN` in the registry's own words.
pub fn name_unknown(registry: &Registry, repository: &str) -> Response {
    match registry.kind {
        RegistryKind::Google(_) => Response::registry_error(
            404,
            "NAME_UNKNOWN",
            &format!("Repository \"{repository}\" not found"),
            Value::Null,
        ),
        RegistryKind::Azure(_) => Response::registry_error(
            404,
            "NAME_UNKNOWN",
            &format!("repository \"{repository}\" is not found"),
            json!({"name": repository}),
        ),
        RegistryKind::Token(_) => Response::registry_error(
            404,
            "NAME_UNKNOWN",
            "repository name not known to registry",
            json!({"name": repository}),
        ),
    }
}

fn manifest_unknown(registry: &Registry, repository: &str, reference: &str) -> Response {
    match registry.kind {
        RegistryKind::Google(_) => Response::registry_error(
            404,
            "MANIFEST_UNKNOWN",
            &format!("Failed to fetch \"{reference}\""),
            Value::Null,
        ),
        RegistryKind::Azure(_) => {
            let (what, detail) = match Digest::parse(reference) {
                Some(_) => ("sha", json!({"Name": repository, "Revision": reference})),
                None => ("tagged by", json!({"Name": repository, "Tag": reference})),
            };
            let message = format!("manifest {what} \"{reference}\" is not found");
            Response::registry_error(404, "MANIFEST_UNKNOWN", &message, detail)
        }
        RegistryKind::Token(_) => Response::registry_error(
            404,
            "MANIFEST_UNKNOWN",
            "manifest unknown",
            json!({"Tag": reference}),
        ),
    }
}

/// A manifest, counted as a pull where pulls are limited.
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

/// Whether the Accept header takes this media type. ACR is strict with OCI's types only: Docker's come to everybody.
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

fn referrers(world: &World, host: &str, repository: &str, digest: &str) -> Response {
    let known = world
        .registries
        .get(host)
        .and_then(|registry| registry.repositories.get(repository));
    let manifests: Vec<Value> = known
        .into_iter()
        .flat_map(|repository| &repository.manifests)
        .filter_map(|(referrer, entry)| {
            let body = world.store.get(referrer)?;
            let manifest: Value = serde_json::from_slice(&body).ok()?;
            (manifest["subject"]["digest"] == digest).then(|| {
                json!({"mediaType": entry.media_type, "digest": referrer, "size": body.len(),
                    "artifactType": manifest["artifactType"]})
            })
        })
        .collect();
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests});
    Response::new(200, media_type, index.to_string())
}

/// The bytes of a manifest's configuration and layers, as its descriptors say; the manifest's own for an index.
pub fn image_size(world: &World, digest: &Digest) -> u64 {
    let Some(body) = world.store.get(digest) else {
        return 0;
    };
    let manifest: Value = serde_json::from_slice(&body).unwrap_or_default();
    let layers = manifest["layers"]
        .as_array()
        .into_iter()
        .flatten()
        .chain(std::iter::once(&manifest["config"]));
    let described: u64 = layers
        .filter_map(|descriptor| descriptor["size"].as_u64())
        .sum();
    if described == 0 {
        body.len() as u64
    } else {
        described
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn get(path: &str) -> Request {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let (path, query) = (path.to_owned(), query.to_owned());
        Request {
            method: "GET".into(),
            path,
            query,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    #[test]
    fn paths_name_what_they_name_even_in_repositories_called_blobs() {
        let parse = |path: &str| Target::parse(&get(path));
        assert_eq!(parse("/v2/"), Some(Target::Ping));
        assert_eq!(parse("/v2/a/b/tags/list"), Some(Target::Tags("a/b".into())));
        assert_eq!(
            parse("/v2/blobs/manifests/x"),
            Some(Target::Manifest("blobs".into(), "x".into()))
        );
        assert_eq!(
            parse("/v2/a/blobs/uploads/"),
            Some(Target::NewUpload("a".into()))
        );
        assert_eq!(parse("/v2/manifests/x"), None);
        assert_eq!(parse("/v1/a"), None);
    }
}
