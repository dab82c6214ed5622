//! ACR's API for metadata (`/acr/v1/`): the tags and manifests of repositories with their dates and locks.
//!
//! Source: the models of the container registry SDK. The `Link` to the next page is relative, as in recorded responses.

use crate::content::Digest;
use crate::image::rfc3339;
use crate::message::{Request, Response};
use crate::registry::{Repository, TagEntry};
use crate::registry_error::name_unknown;
use crate::world::World;
use crate::{acr, registry_error};
use serde_json::{Value, json};

/// ACR's page size if the request does not have `n`.
const DEFAULT_PAGE: usize = 100;

/// The resource that a path under `/acr/v1/` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resource<'a> {
    Repository,
    Tags,
    Tag(&'a str),
    Manifests,
    Manifest(&'a str),
}

/// Answers a request under `/acr/v1/`.
pub fn answer(world: &mut World, host: &str, request: &Request) -> Response {
    let segments = request.segments();
    let segments: Vec<&str> = segments.iter().skip(2).map(String::as_str).collect();
    let (repository, resource) = match segments.as_slice() {
        [repository @ .., "_tags"] => (repository, Resource::Tags),
        [repository @ .., "_manifests"] => (repository, Resource::Manifests),
        [repository @ .., "_tags", tag] => (repository, Resource::Tag(tag)),
        [repository @ .., "_manifests", digest] => (repository, Resource::Manifest(digest)),
        repository => (repository, Resource::Repository),
    };
    let repository = repository.join("/");
    let writes = matches!(request.method.as_str(), "PATCH" | "PUT");
    let action = if writes {
        "metadata_write"
    } else {
        "metadata_read"
    };
    if let Err(refusal) = acr::authorize(world, host, request, &[(repository.clone(), action)]) {
        return refusal;
    }
    match resource {
        Resource::Tag(tag) if writes => lock(world, host, &repository, tag, request),
        Resource::Repository
        | Resource::Tags
        | Resource::Tag(_)
        | Resource::Manifests
        | Resource::Manifest(_) => read(world, host, &repository, resource, request),
    }
}

fn read(
    world: &World,
    host: &str,
    name: &str,
    resource: Resource<'_>,
    request: &Request,
) -> Response {
    let Some(registry) = world.registries.get(host) else {
        return Response::empty(502);
    };
    let Some(repository) = registry.repositories.get(name) else {
        return name_unknown(registry, name);
    };
    let found = |key: &str, value: Value| {
        Response::json(
            200,
            &json!({"registry": host, "imageName": name, key: value}),
        )
    };
    match resource {
        Resource::Repository => Response::json(
            200,
            &json!({
                "registry": host, "imageName": name, "tagCount": repository.tags.len(),
                "manifestCount": repository.manifests.len(), "changeableAttributes": attributes(false),
            }),
        ),
        Resource::Tags => {
            let tags = repository.tags.iter();
            let rows = tags.map(|(tag, entry)| (tag.clone(), entry.updated, tag_row(tag, entry)));
            let (rows, next) = page(rows.collect(), request);
            linked(found("tags", json!(rows)), next)
        }
        Resource::Tag(tag) => match repository.tags.get(tag) {
            Some(entry) => found("tag", tag_row(tag, entry)),
            None => tag_unknown(),
        },
        Resource::Manifests => {
            let rows = repository.manifests.iter().map(|(digest, entry)| {
                let row = manifest_row(world, repository, digest);
                (digest.to_string(), entry.uploaded, row)
            });
            let (rows, next) = page(rows.collect(), request);
            linked(found("manifests", json!(rows)), next)
        }
        Resource::Manifest(reference) => {
            let digest = Digest::parse(reference);
            match digest.filter(|digest| repository.manifests.contains_key(digest)) {
                Some(digest) => found("manifest", manifest_row(world, repository, &digest)),
                None => manifest_unknown(),
            }
        }
    }
}

fn linked(response: Response, next: Option<String>) -> Response {
    match next {
        Some(next) => response.with("Link", format!("<{next}>; rel=\"next\"")),
        None => response,
    }
}

fn manifest_unknown() -> Response {
    Response::registry_error(
        404,
        "MANIFEST_UNKNOWN",
        "manifest is not found",
        Value::Null,
    )
}

fn tag_unknown() -> Response {
    Response::registry_error(
        404,
        "TAG_UNKNOWN",
        "the specified tag does not exist",
        Value::Null,
    )
}

fn lock(world: &mut World, host: &str, name: &str, tag: &str, request: &Request) -> Response {
    let attributes: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let repository = world
        .registries
        .get_mut(host)
        .and_then(|registry| registry.repositories.get_mut(name));
    let Some(entry) = repository.and_then(|repository| repository.tags.get_mut(tag)) else {
        return tag_unknown();
    };
    match attributes["writeEnabled"].as_bool() {
        Some(enabled) => entry.locked = !enabled,
        None => return registry_error::disallowed(),
    }
    Response::json(
        200,
        &json!({"registry": host, "imageName": name, "tag": tag_row(tag, entry)}),
    )
}

/// Returns a page of rows and the path of the next page. Each row has a name and a time for the order.
fn page(mut rows: Vec<(String, i64, Value)>, request: &Request) -> (Vec<Value>, Option<String>) {
    let order = request.parameter("orderby").unwrap_or_default();
    match order.as_str() {
        "timedesc" => {
            rows.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)))
        }
        "timeasc" => {
            rows.sort_by(|one, other| one.1.cmp(&other.1).then_with(|| one.0.cmp(&other.0)))
        }
        _ => rows.sort_by(|one, other| one.0.cmp(&other.0)),
    }
    let size = request
        .parameter("n")
        .and_then(|n| n.parse::<usize>().ok())
        .filter(|n| *n > 0)
        .unwrap_or(DEFAULT_PAGE);
    let last = request.parameter("last").unwrap_or_default();
    let start = rows
        .iter()
        .position(|(name, ..)| *name == last)
        .map_or(0, |at| at + 1);
    let end = (start + size).min(rows.len());
    let next = (end < rows.len()).then(|| {
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("last", &rows[end - 1].0)
            .append_pair("n", &size.to_string())
            .append_pair("orderby", &order)
            .finish();
        format!("{}?{query}", request.path)
    });
    (
        rows.drain(start..end).map(|(_, _, row)| row).collect(),
        next,
    )
}

fn tag_row(name: &str, entry: &TagEntry) -> Value {
    json!({
        "name": name, "digest": entry.digest, "signed": false,
        "createdTime": time(entry.created), "lastUpdateTime": time(entry.updated),
        "changeableAttributes": attributes(entry.locked),
    })
}

fn manifest_row(world: &World, repository: &Repository, digest: &Digest) -> Value {
    let Some(entry) = repository.manifests.get(digest) else {
        return Value::Null;
    };
    let mut row = json!({
        "digest": digest, "imageSize": world.store.image_size(digest), "mediaType": entry.media_type,
        "createdTime": time(entry.uploaded), "lastUpdateTime": time(entry.uploaded),
        "changeableAttributes": attributes(false),
    });
    let tags = repository.tags_of(digest);
    if !tags.is_empty() {
        row["tags"] = json!(tags);
    }
    row
}

fn attributes(locked: bool) -> Value {
    json!({"deleteEnabled": !locked, "writeEnabled": !locked, "readEnabled": true, "listEnabled": true})
}

/// Returns a time with seven decimal places, as in ACR's responses.
fn time(seconds: i64) -> String {
    rfc3339(seconds).replace('Z', ".1234567Z")
}
