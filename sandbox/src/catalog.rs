//! RunWhen's catalog of CodeCollections at `registry.runwhen.com`, and its images at ghcr.io.
//!
//! Source: `codecollection-registry` at 41df48e, `cc-registry-v2`. The API needs no login. Every path outside `/api/` is a
//! page of the web site.

use crate::code_collections::commit;
use crate::content::Digest;
use crate::image::ImageRecipe;
use crate::message::{Request, Response};
use crate::scenario::{AcrContent, DESTINATION_PATH, Scenario};
use crate::world::World;
use serde_json::{Value, json};

/// The host of the catalog.
pub const HOST: &str = "registry.runwhen.com";
/// The registry of the collections' images.
pub const IMAGE_HOST: &str = "ghcr.io";
/// The path of the collections' images in this registry.
pub const IMAGE_PATH: &str = "runwhen-contrib";
/// The public collections.
pub const COLLECTIONS: [&str; 6] = [
    "aws-c7n-codecollection",
    "azure-c7n-codecollection",
    "rw-cli-codecollection",
    "rw-generic-codecollection",
    "rw-public-codecollection",
    "rw-workspace-utils",
];
/// The hidden collection of the scenario, which has no image.
pub const HIDDEN: &str = "house-codecollection";
/// The release that the pointer `stable` points at.
const RELEASE: &str = "v1.2.0";
/// The `{slug}` of a list is sorted, and its time is written without a zone.
const LAST_SYNCED: &str = "2026-11-20T08:05:00.120000";

/// The state of the catalog.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// The collections, in the order of the list.
    pub collections: Vec<Collection>,
}

/// A collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// The name in paths.
    pub slug: String,
    /// `public` or `hidden`.
    pub visibility: String,
    /// `host/path`; `None` for null in every response.
    pub image_registry: Option<String>,
    /// The images, one for each branch and release.
    pub refs: Vec<CatalogRef>,
    /// The ref to which the pointer `latest` points.
    pub latest: Option<String>,
    /// The ref to which the pointer `stable` points.
    pub stable: Option<String>,
}

/// The image of a branch or release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogRef {
    /// The name, as it is written in tags.
    pub name: String,
    /// `branch`, `tag` or `release`.
    pub kind: String,
    /// The tag of the image.
    pub image_tag: String,
    /// `None`, as in the catalog whose source is a registry.
    pub image_digest: Option<Digest>,
    /// False for a branch that was deleted.
    pub is_active: bool,
}

impl World {
    /// Returns a collection of the catalog.
    pub fn collection(&mut self, slug: &str) -> Option<&mut Collection> {
        let mut collections = self.catalog.collections.iter_mut();
        collections.find(|collection| collection.slug == slug)
    }
}

impl Collection {
    fn by_name(&self, name: Option<&str>) -> Option<&CatalogRef> {
        self.refs.iter().find(|one| Some(one.name.as_str()) == name)
    }

    fn entry(&self) -> Value {
        let tag = |name: &Option<String>| self.by_name(name.as_deref()).map(|one| &one.image_tag);
        json!({
            "slug": self.slug,
            "name": self.slug,
            "git_url": format!("https://github.com/runwhen-contrib/{}", self.slug),
            "visibility": self.visibility,
            "latest_image_tag": tag(&self.latest),
            "stable_image_tag": tag(&self.stable).or(tag(&self.latest)),
            "image_registry": self.image_registry,
            "last_synced": (!self.refs.is_empty()).then_some(LAST_SYNCED),
        })
    }

    fn described(&self, one: &CatalogRef) -> Value {
        let (commit, runtime) = commits(&one.image_tag);
        json!({
            "ref": one.name, "ref_type": one.kind, "image_registry": self.image_registry,
            "image_tag": one.image_tag, "image_digest": one.image_digest,
            "commit_hash": commit, "rt_revision": runtime, "image_built_at": null,
            "is_latest": Some(&one.name) == self.latest.as_ref(), "is_prerelease": false,
            "is_active": one.is_active, "synced_at": LAST_SYNCED,
        })
    }

    fn resolved(&self, requested: &str, one: &CatalogRef) -> Value {
        let (commit, runtime) = commits(&one.image_tag);
        json!({
            "slug": self.slug, "requested": requested, "image_tag": one.image_tag,
            "image_registry": self.image_registry, "image_digest": one.image_digest,
            "commit_hash": commit, "rt_revision": runtime,
        })
    }
}

/// The two commits in a tag `<ref>-<commit>-<runtime's commit>`.
fn commits(tag: &str) -> (Option<&str>, Option<&str>) {
    let mut parts = tag.rsplit('-');
    let runtime = parts.next();
    (parts.next(), runtime)
}

/// Returns the response of the catalog.
pub fn answer(world: &World, request: &Request) -> Response {
    let segments = request.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if segments.first() != Some(&"api") {
        let page =
            "<!doctype html><html><head><title>CodeCollection Registry</title></head></html>";
        return Response::new(200, "text/html; charset=utf-8", page);
    }
    if request.method != "GET" {
        return failure(405, "Method Not Allowed");
    }
    match segments[1..] {
        ["v1", "health"] => Response::json(200, &json!({"status": "healthy"})),
        ["v1", "catalog", "codecollections"] => list(&world.catalog, request),
        ["v1", "catalog", "codecollections", slug, ref rest @ ..] => {
            let mut collections = world.catalog.collections.iter();
            match collections.find(|collection| collection.slug == slug) {
                Some(collection) => answer_collection(collection, rest, request),
                None => failure(404, &format!("unknown codecollection: {slug}")),
            }
        }
        _ => failure(404, "Not Found"),
    }
}

fn list(catalog: &Catalog, request: &Request) -> Response {
    let visibility = request.parameter("visibility");
    let only_with_image = request.parameter("only_with_image").as_deref() == Some("true");
    let entries = catalog.collections.iter().filter(|collection| {
        visibility
            .as_ref()
            .is_none_or(|wanted| *wanted == collection.visibility)
            && (!only_with_image || !collection.refs.is_empty())
    });
    Response::json(200, &entries.map(Collection::entry).collect())
}

fn answer_collection(collection: &Collection, rest: &[&str], request: &Request) -> Response {
    let active = collection.refs.iter().filter(|one| one.is_active);
    match rest {
        [] => {
            let mut entry = collection.entry();
            entry["refs"] = active.map(|one| collection.described(one)).collect();
            Response::json(200, &entry)
        }
        ["refs"] if request.parameter("include_inactive").as_deref() == Some("true") => {
            let all = collection.refs.iter();
            Response::json(200, &all.map(|one| collection.described(one)).collect())
        }
        ["refs"] => Response::json(200, &active.map(|one| collection.described(one)).collect()),
        ["refs", name] => match collection.by_name(Some(name)) {
            Some(one) => Response::json(200, &collection.described(one)),
            None => failure(404, &format!("no image for {}@{name}", collection.slug)),
        },
        ["resolve"] => resolve(collection, request),
        _ => failure(404, "Not Found"),
    }
}

fn resolve(collection: &Collection, request: &Request) -> Response {
    let (name, pointer) = (request.parameter("ref"), request.parameter("pointer"));
    let (requested, found) = match (name, pointer) {
        (Some(name), None) => (name.clone(), collection.by_name(Some(&name))),
        (None, Some(pointer)) => {
            let name = match pointer.as_str() {
                "latest" => &collection.latest,
                "stable" if collection.stable.is_some() => &collection.stable,
                "stable" => &collection.latest,
                _ => return wrong_pointer(&pointer),
            };
            let found = collection.by_name(name.as_deref());
            (pointer, found)
        }
        _ => return failure(400, "exactly one of 'pointer' or 'ref' must be provided"),
    };
    let slug = &collection.slug;
    match found {
        Some(one) => Response::json(200, &collection.resolved(&requested, one)),
        None if collection.refs.is_empty() => {
            failure(404, &format!("no images tracked for {slug}"))
        }
        None => failure(404, &format!("could not resolve '{requested}' for {slug}")),
    }
}

fn wrong_pointer(pointer: &str) -> Response {
    let detail = json!([{
        "type": "string_pattern_mismatch", "loc": ["query", "pointer"],
        "msg": "String should match pattern '^(latest|stable)$'", "input": pointer,
    }]);
    Response::json(422, &json!({"detail": detail}))
}

fn failure(status: u16, detail: &str) -> Response {
    Response::json(status, &json!({"detail": detail}))
}

/// Adds the collections of a scenario, their images at ghcr.io, and their copies in the ACR.
pub(crate) fn add(scenario: &Scenario, world: &mut World) {
    for slug in COLLECTIONS {
        add_images(scenario, world, slug);
        let one = |name: &str, kind: &str, is_active| CatalogRef {
            name: name.to_owned(),
            kind: kind.to_owned(),
            image_tag: catalog_tag(name, slug),
            image_digest: None,
            is_active,
        };
        world.catalog.collections.push(Collection {
            slug: slug.to_owned(),
            visibility: "public".to_owned(),
            image_registry: Some(format!("{IMAGE_HOST}/{IMAGE_PATH}/{slug}")),
            refs: vec![
                one("feature-x", "branch", true),
                one("main", "branch", true),
                one("old", "branch", false),
                one(RELEASE, "release", true),
            ],
            latest: Some("main".to_owned()),
            stable: Some(RELEASE.to_owned()),
        });
    }
    world.catalog.collections.push(Collection {
        slug: HIDDEN.to_owned(),
        visibility: "hidden".to_owned(),
        image_registry: Some(format!("{IMAGE_HOST}/acme/house")),
        refs: Vec::new(),
        latest: None,
        stable: None,
    });
    let collections = &mut world.catalog.collections;
    collections.sort_by(|a, b| a.slug.cmp(&b.slug));
}

fn add_images(scenario: &Scenario, world: &mut World, slug: &str) {
    let (source, destination) = (
        format!("{IMAGE_PATH}/{slug}"),
        format!("{DESTINATION_PATH}/{slug}"),
    );
    for age in (1..=scenario.older_tags).rev() {
        let (recipe, tag) = (scenario.recipe(slug, 0, age), build_tag("main", slug, age));
        world.publish(IMAGE_HOST, &source, &recipe, &[&tag]);
        // The last sync of the ACR was three weeks ago.
        if scenario.acr != AcrContent::Empty && age >= 3 {
            world.publish(&scenario.login_server, &destination, &recipe, &[&tag]);
        }
    }
    for (name, moving) in [("feature-x", "pr-42"), ("old", "pr-41"), (RELEASE, "v1")] {
        let recipe = ImageRecipe {
            seed: format!("{slug} {name}"),
            ..scenario.recipe(slug, 0, 1)
        };
        let tag = catalog_tag(name, slug);
        world.publish(IMAGE_HOST, &source, &recipe, &[&tag, name, moving]);
    }
    let newest = scenario.recipe(slug, 0, 0);
    let tag = Scenario::catalog_tag(slug);
    world.publish(IMAGE_HOST, &source, &newest, &[&tag, "main", "latest"]);
    match scenario.acr {
        AcrContent::UpToDate => {
            world.publish(&scenario.login_server, &destination, &newest, &[&tag]);
        }
        AcrContent::Drifted => {
            let older = scenario.recipe(slug, 0, 3);
            world.publish(&scenario.login_server, &destination, &older, &[&tag]);
        }
        AcrContent::Older | AcrContent::Empty => {}
    }
}

impl Scenario {
    /// Returns the tag of a collection's newest image of `main`, such as `main-1a2b3c4-9f8e7d6`.
    #[must_use]
    pub fn catalog_tag(slug: &str) -> String {
        catalog_tag("main", slug)
    }
}

/// The tag of the newest image of a ref.
fn catalog_tag(name: &str, slug: &str) -> String {
    build_tag(name, slug, 0)
}

fn build_tag(name: &str, slug: &str, age: usize) -> String {
    let runtime = commit("runtime", 0);
    let commit = commit(&format!("{slug} {name}"), age);
    format!("{name}-{commit}-{runtime}")
}
