//! `EXCLUDE_IMAGES`: images that are neither checked nor imported nor counted.

use sandbox::{Sandbox, Scenario};
use serde_json::json;

use crate::SLI;
use crate::support::{Ended, ONE, run};

fn world(scenario: &str) -> Sandbox {
    Sandbox::start(Scenario::named(scenario).expect("a scenario")).expect("a sandbox")
}

/// The names in `excluded` of the artifact.
fn excluded(ended: &Ended) -> Vec<String> {
    let images = ended.json("sli.json")["excluded"].clone();
    let images = images.as_array().expect("a list").iter();
    let name = |image: &serde_json::Value| {
        let destination = image["destination"].as_str().unwrap_or_default();
        destination
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    images.map(name).collect()
}

#[test]
fn excluded_images_are_not_read_and_not_counted() {
    let world = world("outdated");
    let names = format!("{ONE}, opentelemetry-* us-docker.pkg.dev/*");
    let ended = run(SLI, &world)
        .unset(&["IMAGES"])
        .set("EXCLUDE_IMAGES", names)
        .end();
    assert_eq!(ended.expect(0, &["checking 5 images"]).stdout, "5\n");
    let result = ended.json("sli.json");
    assert_eq!(result["counts"]["total"], 5);
    assert_eq!(excluded(&ended), [ONE, "opentelemetry-collector", "runner"]);
    let first = json!({
        "category": "codecollection",
        "source": format!("us-west1-docker.pkg.dev/runwhen-nonprod-beta/public-images/{ONE}"),
        "destination": format!("myacr.azurecr.io/runwhen/{ONE}"),
        "by": [ONE],
    });
    assert_eq!(result["excluded"][0], first);
    // Their registries see no request: not even a connection that is prepared.
    for connection in world.connections() {
        let host = format!("{connection:?}");
        assert!(
            !host.contains("docker.io") && !host.contains("us-docker"),
            "{host}"
        );
    }
    for request in world.requests() {
        assert!(!request.path.contains(ONE), "{}", request.path);
    }
    assert_eq!(ended.json("issues.json").as_array().map(Vec::len), Some(2));
}

#[test]
fn slug_of_the_catalog_is_excluded() {
    let world = world("catalog");
    let ended = run(SLI, &world)
        .set("EXCLUDE_IMAGES", "rw-cli-codecollection")
        .end();
    assert_eq!(ended.expect(0, &[]).stdout, "5\n");
    assert_eq!(excluded(&ended), ["rw-cli-codecollection"]);
    let mut paths = world.requests().into_iter().map(|request| request.path);
    assert!(!paths.any(|path| path.contains("rw-cli-codecollection")));
}

#[test]
fn name_that_matches_no_image_is_a_warning_with_the_nearest_name() {
    let world = world("up-to-date");
    let ended = run(SLI, &world)
        .unset(&["IMAGES"])
        .set(
            "EXCLUDE_IMAGES",
            "runer, runner, runwhen-contrib/runwhen-lcoal, runnner*, zzz",
        )
        .end();
    ended.expect(
        0,
        &[
            "WARN",
            "No image has the name runer (did you mean runner?), runnner* (did you mean runner?), runwhen-contrib/runwhen-lcoal (did you mean runwhen-local?), zzz.",
            "correct the names in EXCLUDE_IMAGES",
        ],
    );
    assert_eq!(ended.stdout, "0\n");
    let issues = ended.json("issues.json");
    assert_eq!(issues.as_array().map(Vec::len), Some(1), "{issues}");
    assert_eq!(issues[0]["severity"], 3);
    // The names of a category that is not read are not known.
    let ended = run(SLI, &world).set("EXCLUDE_IMAGES", "runer").end();
    ended.expect(0, &[]);
    assert_eq!(ended.json("issues.json"), json!([]));
    // With the chart alone, the CodeCollections are known by name.
    let chart = |names: &str| {
        let run = run(SLI, &world).set("IMAGES", "runwhen-local");
        run.set("EXCLUDE_IMAGES", names).end().json("issues.json")
    };
    assert_eq!(chart(ONE), json!([]));
    assert_eq!(chart("runer")[0]["severity"], 3);
}

#[test]
fn excluding_everything_is_a_mistake_and_not_zero() {
    let world = world("outdated");
    let everything = "runwhen-contrib-*";
    let ended = run(SLI, &world).set("EXCLUDE_IMAGES", everything).end();
    ended.expect(2, &["EXCLUDE_IMAGES leaves no image to check", "IMAGES"]);
    assert_eq!(ended.stdout, "");
    assert_eq!(
        ended.json("sli.json")["needs_sync"],
        serde_json::Value::Null
    );
    // A whole category may be left out while another is checked.
    let ended = run(SLI, &world)
        .unset(&["IMAGES"])
        .set("EXCLUDE_IMAGES", everything)
        .end();
    assert_eq!(ended.expect(0, &[]).stdout, "3\n");
    let categories = ended.json("sli.json")["categories"].clone();
    assert_eq!(categories["codecollection"], serde_json::Value::Null);
}

#[test]
fn name_with_a_tag_is_a_mistake() {
    let world = world("outdated");
    let ended = run(SLI, &world).set("EXCLUDE_IMAGES", "runner:1").end();
    ended.expect(2, &["EXCLUDE_IMAGES=\"runner:1\"", "without it"]);
    assert!(world.requests().is_empty());
}

#[test]
fn mistyped_variable_is_named_without_its_value() {
    let world = world("up-to-date");
    let ended = run(SLI, &world)
        .set("SYNC_IMAGE", "hush-hush")
        .set("HTTP_PROXY", "http://127.0.0.1:1")
        .end();
    let warning = "WARN the variable SYNC_IMAGE is set, but not read: perhaps SYNC_IMAGES is meant";
    ended.expect(0, &[warning]);
    assert_eq!(ended.stderr.matches("is set, but not read").count(), 1);
    assert!(!ended.stderr.contains("hush-hush"), "{}", ended.stderr);
    // Also if the right one is missing.
    let ended = run(SLI, &world)
        .unset(&["REGISTRY_NAME"])
        .set("REGISTRY_NAMES", "hush-hush")
        .end();
    ended.expect(
        2,
        &[
            "REGISTRY_NAME: it is required",
            "perhaps REGISTRY_NAME is meant",
        ],
    );
    assert!(!ended.stderr.contains("hush-hush"), "{}", ended.stderr);
}
