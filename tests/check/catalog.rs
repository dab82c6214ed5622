//! `CODECOLLECTION_SOURCE=catalog`: which images `sli` counts, and what the check costs.

use std::collections::BTreeMap;

use crate::SLI;
use crate::support::{ACR, Ended, SOURCE, run, status};
use sandbox::catalog::{COLLECTIONS, Collection, HIDDEN, HOST};
use sandbox::{AcrContent, Fault, Sandbox, Scenario};
use serde_json::{Value, json};

pub const GHCR: &str = "ghcr.io";
/// The collection with the fault.
pub const SLUG: &str = "rw-cli-codecollection";

/// The catalog with this content of the ACR.
pub fn world(acr: AcrContent) -> Sandbox {
    let scenario = Scenario::named("catalog").expect("a scenario");
    Sandbox::start(Scenario { acr, ..scenario }).expect("a sandbox")
}

pub fn list_of_collections() -> Fault {
    Fault::on(HOST).path_contains("/codecollections?")
}

pub fn resolve_of_one() -> Fault {
    Fault::on(HOST).path_contains(&format!("/{SLUG}/resolve"))
}

pub fn edit_one(world: &Sandbox, edit: impl FnOnce(&mut Collection)) {
    world.edit(|state| edit(state.collection(SLUG).expect("a collection")));
}

/// Source and destination of each image by its slug.
pub fn images(ended: &Ended) -> BTreeMap<String, (String, String)> {
    let images = ended.json("sli.json")["images"].clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = images.as_array().expect("images").iter();
    rows.map(|row| {
        let place = (text(&row["source"]), text(&row["destination"]));
        (text(&row["slug"]), place)
    })
    .collect()
}

#[test]
fn public_collections_are_counted_under_their_slugs() {
    let world = world(AcrContent::Older);
    let ended = run(SLI, &world).end();
    assert_eq!(ended.expect(0, &[]).stdout, "6\n");
    let images = images(&ended);
    assert_eq!(
        images.keys().collect::<Vec<_>>(),
        COLLECTIONS.iter().collect::<Vec<_>>()
    );
    for (slug, (source, destination)) in images {
        let tag = Scenario::catalog_tag(&slug);
        assert_eq!(source, format!("ghcr.io/runwhen-contrib/{slug}:{tag}"));
        assert_eq!(destination, format!("{ACR}/runwhen/{slug}:{tag}"));
    }
    let list = ended.json("cc_images_to_update.json");
    let slugs = list.as_array().expect("a list").iter();
    let slugs: Vec<_> = slugs.map(|image| image["slug"].clone()).collect();
    assert_eq!(json!(slugs), json!(COLLECTIONS));
    let is_requested = |part: &str| {
        world
            .requests()
            .iter()
            .any(|request| request.path.contains(part))
    };
    assert!(!is_requested(HIDDEN), "a hidden collection was requested");
    assert!(
        world
            .requests()
            .iter()
            .all(|request| request.host != SOURCE)
    );
}

#[test]
fn collections_in_sync_cost_one_resolve_and_two_heads_each() {
    let world = world(AcrContent::UpToDate);
    let ended = run(SLI, &world).end();
    assert_eq!(ended.expect(0, &[]).stdout, "0\n");
    let requests = world.requests();
    let count = |host: &str, method: &str, part: &str| {
        let is_one = |request: &&sandbox::RecordedRequest| {
            let target = format!("{}?{}", request.path, request.query);
            request.host == host && request.method == method && target.contains(part)
        };
        requests.iter().filter(is_one).count()
    };
    assert_eq!(count(HOST, "GET", "/codecollections?visibility=public"), 1);
    assert_eq!(count(HOST, "GET", "/resolve?ref=main"), 6);
    assert_eq!(count(GHCR, "HEAD", "/manifests/"), 6);
    assert_eq!(count(ACR, "HEAD", "/manifests/"), 6);
    // One token for all repositories, because the collections are known before the list is read.
    assert_eq!(count(ACR, "POST", "/oauth2/token"), 1);
    let tokens = 6 + 3;
    assert_eq!(requests.len(), 1 + 3 * 6 + tokens);
}

#[test]
fn collections_that_are_new_in_the_catalog_share_one_more_token() {
    let world = world(AcrContent::Older);
    world.edit(|state| {
        let one = state.collection(SLUG).expect("a collection").clone();
        for slug in ["new-one", "new-two"] {
            let slug = slug.to_owned();
            state.catalog.collections.push(Collection {
                slug,
                ..one.clone()
            });
        }
    });
    let ended = run(SLI, &world).end();
    assert_eq!(ended.expect(0, &[]).stdout, "8\n");
    let requests = world.requests();
    let tokens = requests
        .iter()
        .filter(|one| one.host == ACR && one.path == "/oauth2/token");
    assert_eq!(tokens.count(), 2);
}

#[test]
fn ref_and_pointer_select_the_image() {
    let world = world(AcrContent::Older);
    for (name, value, query, prefix) in [
        ("REF", "feature/x", "ref=feature-x", "feature-x-"),
        ("REF", "v1.2.0", "ref=v1.2.0", "v1.2.0-"),
        ("CATALOG_POINTER", "stable", "pointer=stable", "v1.2.0-"),
        ("CATALOG_POINTER", "latest", "pointer=latest", "main-"),
    ] {
        world.clear_log();
        let ended = run(SLI, &world).set(name, value).end();
        assert_eq!(ended.expect(0, &[]).stdout, "6\n", "{value}");
        for (slug, (_, destination)) in images(&ended) {
            let start = format!("{ACR}/runwhen/{slug}:{prefix}");
            assert!(destination.starts_with(&start), "{destination}");
        }
        let requests = world.requests();
        let mut resolves = requests.iter().filter(|one| one.path.ends_with("/resolve"));
        assert!(resolves.all(|one| one.query == query), "{value}");
    }
}

#[test]
fn tag_with_another_digest_is_drifted() {
    let ended = run(SLI, &world(AcrContent::Drifted)).end();
    assert_eq!(ended.expect(0, &[]).stdout, "6\n");
    let verdicts = ended.verdicts("sli.json");
    assert!(
        verdicts.values().all(|verdict| verdict == "Drifted"),
        "{verdicts:?}"
    );
}

#[test]
fn digest_of_the_catalog_is_compared_instead_of_the_tags() {
    let world = world(AcrContent::UpToDate);
    let (repository, tag) = (
        format!("runwhen-contrib/{SLUG}"),
        Scenario::catalog_tag(SLUG),
    );
    let older = world.edit(|state| {
        let repository = state.repository(GHCR, &repository).expect("a repository");
        let newest = &repository.tags[&tag].digest;
        let mut others = repository
            .tags
            .values()
            .filter(|entry| entry.digest != *newest);
        others.next().expect("another image").digest.clone()
    });
    edit_one(&world, |collection| {
        for one in &mut collection.refs {
            one.image_digest = Some(older.clone());
        }
    });
    let ended = run(SLI, &world).end();
    assert_eq!(ended.expect(0, &[]).stdout, "1\n");
    assert_eq!(ended.verdicts("sli.json")[SLUG], "Drifted");
    let requests = world.requests();
    let by_digest = format!("/v2/{repository}/manifests/{older}");
    assert!(
        requests
            .iter()
            .any(|one| one.host == GHCR && one.path == by_digest)
    );
}

#[test]
fn null_registry_of_the_response_is_taken_from_the_list() {
    let world = world(AcrContent::Older);
    let tag = Scenario::catalog_tag(SLUG);
    let body = json!({"slug": SLUG, "requested": "main", "image_tag": tag, "image_registry": null});
    world.inject(resolve_of_one(), status(200, &body.to_string()));
    let ended = run(SLI, &world).end();
    assert_eq!(ended.expect(0, &[]).stdout, "6\n");
    assert_eq!(
        images(&ended)[SLUG].0,
        format!("ghcr.io/runwhen-contrib/{SLUG}:{tag}")
    );
}
