//! `tags/list`, with the paging of each registry and with Google's `manifest` map.

use crate::content::Digest;
use crate::message::{Request, Response};
use crate::registry::{RegistryKind, Repository, TagOrder};
use crate::registry_error::name_unknown;
use crate::world::World;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::Bound;

/// The number of tags after which Google silently truncates its list (its published quota).
const GOOGLE_LIST_LIMIT: usize = 10_000;

/// Answers a GET of a repository's tags.
pub fn answer(world: &World, host: &str, name: &str, request: &Request) -> Response {
    let Some(registry) = world.registries.get(host) else {
        return Response::empty(502);
    };
    let Some(repository) = registry.repositories.get(name) else {
        return name_unknown(registry, name);
    };
    let requested = request
        .parameter("n")
        .and_then(|n| n.parse::<usize>().ok())
        .filter(|n| *n > 0);
    let last = request.parameter("last").unwrap_or_default();
    let mut remaining = match registry.tag_order {
        TagOrder::Sorted => sorted(repository, &last),
        TagOrder::Unsorted => unsorted(repository, &last),
    };
    let (google, limit) = match (&registry.kind, registry.page_size) {
        (RegistryKind::Google(settings), None) => (
            Some(settings),
            requested
                .unwrap_or(GOOGLE_LIST_LIMIT)
                .min(GOOGLE_LIST_LIMIT),
        ),
        (RegistryKind::Google(settings), Some(size)) => {
            (Some(settings), requested.unwrap_or(size).min(size))
        }
        // ACR and the others accept a larger `n`, up to 1000.
        (RegistryKind::Azure(_) | RegistryKind::Token(_) | RegistryKind::Oci(_), size) => {
            (None, requested.or(size).unwrap_or(1000).min(1000))
        }
    };
    let page: Vec<&str> = remaining.by_ref().take(limit).collect();
    let has_more = remaining.next().is_some();
    let mut list = json!({"name": name, "tags": page});
    if google.is_some_and(|settings| settings.extended_list) {
        list["child"] = json!([]);
        list["manifest"] = google_manifests(world, repository, &page);
    }
    let response = Response::json(200, &list);
    // Google does not have pages: it silently omits tags after `n` or its limit (go-containerregistry#897, #1643).
    let has_pages = google.is_none() || registry.page_size.is_some();
    match page.last() {
        Some(last) if has_pages && has_more => response.with(
            "Link",
            format!("</v2/{name}/tags/list?last={last}&n={limit}>; rel=\"next\""),
        ),
        _ => response,
    }
}

/// Returns the tags after `last` by name.
fn sorted<'a>(repository: &'a Repository, last: &str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
    let after_last = if last.is_empty() {
        Bound::Unbounded
    } else {
        Bound::Excluded(last)
    };
    // Use the map's range, because a test reads 200,000 tags in pages.
    let tags = repository
        .tags
        .range::<str, _>((after_last, Bound::Unbounded));
    Box::new(tags.map(|(tag, _)| tag.as_str()))
}

/// Returns the tags after `last` in the order of the digests of their names.
fn unsorted<'a>(repository: &'a Repository, last: &str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
    let mut tags: Vec<(Digest, &str)> = repository
        .tags
        .keys()
        .map(|tag| (Digest::of(tag.as_bytes()), tag.as_str()))
        .collect();
    tags.sort();
    let last = (!last.is_empty()).then(|| Digest::of(last.as_bytes()));
    tags.retain(|(key, _)| last.as_ref().is_none_or(|last| key > last));
    Box::new(tags.into_iter().map(|(_, tag)| tag))
}

/// Returns Google's map from digests to properties of the manifests. All numbers are strings.
fn google_manifests(world: &World, repository: &Repository, page: &[&str]) -> Value {
    let mut tags_of: BTreeMap<&Digest, Vec<&str>> = BTreeMap::new();
    for tag in page {
        if let Some(entry) = repository.tags.get(*tag) {
            tags_of.entry(&entry.digest).or_default().push(tag);
        }
    }
    let is_part = page.len() < repository.tags.len();
    let rows = repository.manifests.iter().filter_map(|(digest, entry)| {
        let tags = tags_of.remove(digest).unwrap_or_default();
        // A page describes only the manifests of its tags.
        if is_part && tags.is_empty() {
            return None;
        }
        let row = json!({
            "imageSizeBytes": world.store.image_size(digest).to_string(),
            "mediaType": entry.media_type,
            "tag": tags,
            "timeCreatedMs": (entry.created * 1000).to_string(),
            "timeUploadedMs": (entry.uploaded * 1000).to_string(),
        });
        Some((digest.as_str().to_owned(), row))
    });
    Value::Object(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn get(target: &str) -> Request {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Request {
            method: "GET".into(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    #[test]
    fn all_pages_together_contain_each_tag_once() {
        let world = crate::scenario::Scenario {
            google_page_size: Some(4),
            ..crate::scenario::Scenario::default()
        }
        .build();
        let host = crate::scenario::GOOGLE_HOST;
        let name = format!(
            "{}/runwhen-contrib-rw-cli-codecollection",
            crate::scenario::GOOGLE_PATH
        );
        let all: Vec<String> = world.registries[host].repositories[&name]
            .tags
            .keys()
            .cloned()
            .collect();
        let (mut seen, mut path) = (Vec::<String>::new(), format!("/v2/{name}/tags/list"));
        loop {
            let response = answer(&world, host, &name, &get(&path));
            let list: Value = serde_json::from_slice(&response.body).unwrap();
            seen.extend(
                list["tags"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|tag| tag.as_str().unwrap().to_owned()),
            );
            let Some(link) = response.header("link") else {
                break;
            };
            path = link
                .trim_start_matches('<')
                .split('>')
                .next()
                .unwrap()
                .to_owned();
        }
        assert_eq!(seen, all);
        assert!(all.len() > 8);
    }
}
