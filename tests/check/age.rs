//! The age of drift: since when the destination lacks an image.

use std::collections::BTreeMap;

use sandbox::{Sandbox, Scenario};
use serde_json::{Value, json};

use crate::SLI;
use crate::support::{ACR, Ended, ONE, SOURCE, run};

/// 2026-08-01T00:00:00Z
const AUGUST: i64 = 1_785_542_400;
const DAY: i64 = 24 * 3600;

fn world(scenario: &str) -> Sandbox {
    Sandbox::start(Scenario::named(scenario).expect("a scenario")).expect("a sandbox")
}

fn source(name: &str) -> String {
    format!("runwhen-nonprod-beta/public-images/{name}")
}

/// Moves the uploads of a repository's images to one a day from the first of August on, the oldest first. Returns the tags
/// of the branch in this order.
fn upload_one_a_day(world: &Sandbox, name: &str) -> Vec<String> {
    world.edit(|state| {
        let google = state.registries.get_mut(SOURCE).expect("Google");
        let repository = google.repository(&source(name));
        let of_branch = repository.tags.iter().filter(|(tag, _)| {
            tag.strip_prefix("main-")
                .is_some_and(|rest| rest.len() == 7)
        });
        let mut images: BTreeMap<i64, _> = BTreeMap::new();
        for (tag, entry) in of_branch {
            let uploaded = repository.manifests[&entry.digest].uploaded;
            images.insert(uploaded, (tag.clone(), entry.digest.clone()));
        }
        let mut tags = Vec::new();
        for (day, (tag, digest)) in images.into_values().enumerate() {
            let manifest = repository.manifests.get_mut(&digest).expect("a manifest");
            manifest.uploaded = AUGUST + i64::try_from(day).expect("few") * DAY;
            tags.push(tag);
        }
        tags
    })
}

fn image<'a>(result: &'a Value, name: &str) -> &'a Value {
    let mut images = result["images"].as_array().expect("images").iter();
    let is_named = |image: &&Value| {
        let source = image["source"].as_str().unwrap_or_default();
        source.contains(name)
    };
    images.find(is_named).expect("the image")
}

fn behind_since(ended: &Ended, name: &str) -> Value {
    image(&ended.json("sli.json"), name)["behind_since"].clone()
}

#[test]
fn missing_image_is_as_old_as_its_upload_at_least() {
    let world = world("outdated");
    let tags = upload_one_a_day(&world, ONE);
    assert_eq!(tags.len(), 7);
    let ended = run(SLI, &world).end();
    assert_eq!(ended.expect(0, &[]).stdout, "5\n");
    assert_eq!(behind_since(&ended, ONE), "2026-08-07T00:00:00Z");
    let hours = ended.json("sli.json")["oldest_drift_hours"].as_f64();
    assert!(hours.is_some_and(|hours| hours > 24.0), "{hours:?}");
}

#[test]
fn image_that_the_registry_has_shows_the_first_that_it_lacks() {
    let world = world("outdated");
    let tags = upload_one_a_day(&world, ONE);
    world.edit(|state| {
        let acr = state.registries.get_mut(ACR).expect("the registry");
        let repository = acr.repository(&format!("runwhen/{ONE}"));
        let third = repository.tags[&tags[2]].digest.clone();
        repository.set_tag("main-latest", &third, AUGUST);
    });
    let ended = run(SLI, &world).set("SYNC_REF_LATEST", "true").end();
    assert_eq!(ended.expect(0, &[]).stdout, "5\n");
    // The fourth image is the first that it lacks.
    assert_eq!(behind_since(&ended, ONE), "2026-08-04T00:00:00Z");
}

#[test]
fn time_that_is_not_plausible_is_unknown() {
    let world = world("outdated");
    for (name, uploaded) in sandbox::scenario::CODE_COLLECTIONS.into_iter().zip([
        5_000_000_000,
        5,
        0,
        946_000_000,
        4_000_000_000,
    ]) {
        upload_one_a_day(&world, name);
        world.edit(|state| {
            let google = state.registries.get_mut(SOURCE).expect("Google");
            let repository = google.repository(&source(name));
            let newest = repository.tags["main-latest"].digest.clone();
            let manifest = repository.manifests.get_mut(&newest);
            manifest.expect("a manifest").uploaded = uploaded;
        });
    }
    let ended = run(SLI, &world).end();
    assert_eq!(ended.expect(0, &[]).stdout, "5\n");
    let result = ended.json("sli.json");
    for image in result["images"].as_array().expect("images") {
        assert_eq!(image["behind_since"], Value::Null, "{image}");
    }
    assert_eq!(result["oldest_drift_hours"], Value::Null);
}

#[test]
fn list_without_times_gives_no_age_and_an_image_in_sync_has_none() {
    let plain = run(SLI, &world("plain-list")).end();
    assert_eq!(plain.expect(0, &[]).stdout, "5\n");
    assert_eq!(behind_since(&plain, ONE), Value::Null);
    assert_eq!(plain.json("sli.json")["oldest_drift_hours"], Value::Null);
    let in_sync = run(SLI, &world("up-to-date")).end();
    assert_eq!(behind_since(&in_sync, ONE), Value::Null);
    assert_eq!(in_sync.json("sli.json")["oldest_drift_hours"], json!(0.0));
}

#[test]
fn image_of_a_chart_is_as_old_as_its_build() {
    let world = world("outdated");
    let ended = run(SLI, &world).set("IMAGES", "runwhen-local").end();
    assert_eq!(ended.expect(0, &[]).stdout, "3\n");
    // The sandbox builds them five weeks after the older ones.
    assert_eq!(behind_since(&ended, "runner"), "2026-07-25T08:00:00Z");
}

#[test]
fn synced_image_has_no_age() {
    let world = world("outdated");
    let ended = run(SLI, &world).set("SYNC_IMAGES", "true").end();
    assert_eq!(ended.expect(0, &[]).stdout, "0\n");
    assert_eq!(behind_since(&ended, ONE), Value::Null);
    assert_eq!(ended.json("sli.json")["oldest_drift_hours"], json!(0.0));
}
