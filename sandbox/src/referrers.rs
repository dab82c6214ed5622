//! The referrers API of OCI 1.1: the manifests whose `subject` is a digest.

use crate::message::{Request, Response};
use crate::registry::{ManifestEntry, Referrers, Registry};
use crate::world::World;
use serde_json::{Value, json};

/// Answers a GET of the referrers of a digest.
pub fn answer(
    world: &World,
    host: &str,
    repository: &str,
    digest: &str,
    request: &Request,
) -> Response {
    let Some(registry) = world.registries.get(host) else {
        return Response::empty(502);
    };
    match registry.referrers {
        Referrers::Missing => {
            Response::new(404, "text/plain; charset=utf-8", "404 page not found\n")
        }
        Referrers::Api => index(world, registry, repository, digest, request),
    }
}

fn index(
    world: &World,
    registry: &Registry,
    repository: &str,
    digest: &str,
    request: &Request,
) -> Response {
    let known = registry.repositories.get(repository);
    let wanted_type = request.parameter("artifactType");
    let manifests: Vec<Value> = known
        .into_iter()
        .flat_map(|repository| &repository.manifests)
        .filter_map(|(referrer, entry)| {
            let body = world.store.get(referrer)?;
            let manifest: Value = serde_json::from_slice(&body).ok()?;
            let mut row = row(&manifest, entry, digest)?;
            row["digest"] = json!(referrer);
            row["size"] = json!(body.len());
            Some(row)
        })
        .filter(|row| {
            let wanted = wanted_type.as_deref();
            wanted.is_none_or(|wanted| row["artifactType"] == wanted)
        })
        .collect();
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests});
    let response = Response::new(200, media_type, index.to_string());
    match wanted_type {
        Some(_) => response.with("OCI-Filters-Applied", "artifactType"),
        None => response,
    }
}

/// Returns the descriptor of a manifest without its digest and size, if its subject has this digest.
fn row(manifest: &Value, entry: &ManifestEntry, subject: &str) -> Option<Value> {
    if manifest["subject"]["digest"] != subject {
        return None;
    }
    let mut row = json!({"mediaType": entry.media_type});
    // An image without an artifact type has the media type of its configuration.
    let artifact_type = manifest["artifactType"]
        .as_str()
        .or(manifest["config"]["mediaType"].as_str());
    if let Some(artifact_type) = artifact_type {
        row["artifactType"] = json!(artifact_type);
    }
    if manifest["annotations"].is_object() {
        row["annotations"] = manifest["annotations"].clone();
    }
    Some(row)
}
