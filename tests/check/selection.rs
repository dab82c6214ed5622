//! Which tag of a CodeCollection `sli` selects as the stable one, for every form of the list of tags.

use crate::SLI;
use crate::support::hostile::{INDEX, one_is_unknown, put_manifest, source_of, world};
use crate::support::{ACR, ONE, SOURCE, one_list, response, run};
use sandbox::image::ImageRecipe;
use sandbox::{Change, Fault, RecordedRequest, Sandbox, Scenario};
use serde_json::{Value, json};

fn list(body: &Value) -> sandbox::ReplacedResponse {
    response(
        200,
        &[("Content-Type", "application/json")],
        body.to_string(),
    )
}

/// Sets the form of the source registry's lists.
fn set_form(world: &Sandbox, extended: bool, page_size: Option<usize>) {
    let registry = SOURCE.to_owned();
    let change = Change::GoogleList {
        registry,
        extended,
        page_size,
    };
    world.change(change).expect("a registry");
}

/// Points tags of [`ONE`] at the digest of another of its tags.
fn tag_as(world: &Sandbox, tags: &[String], other: &str) {
    world.edit(|state| {
        let repository = state
            .repository(SOURCE, &source_of(ONE))
            .expect("a repository");
        let digest = repository.tags[other].digest.clone();
        tags.iter()
            .for_each(|tag| repository.set_tag(tag, &digest, 0));
    });
}

fn remove_tags(world: &Sandbox, is_removed: impl Fn(&str) -> bool) {
    world.edit(|state| {
        let repository = state
            .repository(SOURCE, &source_of(ONE))
            .expect("a repository");
        repository.tags.retain(|tag, _| !is_removed(tag));
    });
}

/// The destination tag of [`ONE`], and the number of the run.
fn chosen(world: &Sandbox) -> (String, String) {
    let ended = run(SLI, world).end();
    ended.expect(0, &[]);
    let images = ended.json("sli.json")["images"].clone();
    let images = images.as_array().expect("images");
    let destinations = images
        .iter()
        .filter_map(|image| image["destination"].as_str());
    let mut tags = destinations.filter_map(|name| name.split_once(&format!("{ONE}:")));
    let (_, tag) = tags.next().unwrap_or_else(|| panic!("{images:?}"));
    (tag.to_owned(), ended.stdout)
}

fn requests_of_one(world: &Sandbox, method: &str) -> Vec<RecordedRequest> {
    let mut requests = world.requests();
    let part = format!("{ONE}/manifests/");
    requests.retain(|request| {
        request.host == SOURCE && request.method == method && request.path.contains(&part)
    });
    requests
}

#[test]
fn empty_list_of_a_repository_that_has_latest_is_unknown() {
    for body in [
        json!({"name": "r", "tags": []}),
        json!({"name": "r", "tags": null}),
        json!({"name": "r", "tags": [], "child": [], "manifest": {}}),
        json!({"name": "r", "tags": ["tester", "feature-x-latest"]}),
    ] {
        let world = world("outdated");
        world.inject(one_list(), list(&body));
        let ended = run(SLI, &world).end();
        one_is_unknown(&ended, &["main-latest", "tags is truncated"]);
    }
}

#[test]
fn empty_list_of_a_repository_without_latest_is_not_published() {
    let world = world("outdated");
    remove_tags(&world, |tag| tag == "main-latest");
    world.inject(one_list(), list(&json!({"name": "r", "tags": []})));
    let ended = run(SLI, &world).end();
    assert_eq!(ended.expect(0, &["No main-latest found in"]).stdout, "4\n");
    assert_eq!(ended.verdict_of_one("sli.json", "Missing"), "NotPublished");
}

#[test]
fn list_without_latest_still_leads_to_the_stable_tag() {
    let stable = Scenario::newest_tag(ONE);
    let world = world("outdated");
    let body = json!({"name": "r", "tags": ["feature-x-latest", stable]});
    world.inject(one_list(), list(&body));
    assert_eq!(chosen(&world), (stable.clone(), "5\n".to_owned()));
    // The tag is in Google's `manifest` object.
    world.clear_faults();
    let digest = world.edit(|state| {
        let repository = state
            .repository(SOURCE, &source_of(ONE))
            .expect("a repository");
        repository.tags["main-latest"].digest.to_string()
    });
    let body = json!({"name": "r", "tags": [], "manifest": {digest: {"tag": [stable]}}});
    world.inject(one_list(), list(&body));
    assert_eq!(chosen(&world).0, stable);
}

#[test]
fn latest_that_cannot_be_queried_is_unknown() {
    let world = world("outdated");
    world.inject(one_list(), list(&json!({"name": "r", "tags": []})));
    let latest = format!("{ONE}/manifests/main-latest");
    world.inject(
        Fault::on(SOURCE).path_contains(&latest),
        response(404, &[], "no such page"),
    );
    one_is_unknown(&run(SLI, &world).end(), &["404 Not Found", "no such page"]);
}

#[test]
fn plain_list_of_hundreds_of_candidates_leads_to_the_stable_tag() {
    for page_size in [None, Some(100)] {
        let world = Sandbox::start(Scenario {
            older_tags: 300,
            ..Scenario::default()
        })
        .expect("a sandbox");
        set_form(&world, false, page_size);
        assert_eq!(
            chosen(&world),
            (Scenario::newest_tag(ONE), "5\n".to_owned())
        );
        // Digests are compared; only the manifest of `latest` is read.
        assert_eq!(requests_of_one(&world, "GET").len(), 1);
    }
}

#[test]
fn plain_list_of_hundreds_of_candidates_leads_to_the_same_child_in_another_index() {
    let world = Sandbox::start(Scenario {
        older_tags: 100,
        stable_tag: sandbox::StableTag::SameChildren,
        ..Scenario::default()
    })
    .expect("a sandbox");
    set_form(&world, false, None);
    assert_eq!(chosen(&world).0, Scenario::newest_tag(ONE));
}

#[test]
fn comparison_ends_early_if_the_first_candidates_match() {
    let world = Sandbox::start(Scenario {
        older_tags: 300,
        ..Scenario::default()
    })
    .expect("a sandbox");
    set_form(&world, false, None);
    tag_as(&world, &["main-0000000".to_owned()], "main-latest");
    assert_eq!(chosen(&world).0, "main-0000000");
    let heads = requests_of_one(&world, "HEAD").len();
    assert!(heads <= 16, "{heads} HEADs");
}

#[test]
fn each_digest_is_read_once() {
    let world = world("plain-list");
    let stable = Scenario::newest_tag(ONE);
    let older: Vec<_> = (0..500)
        .map(|number| format!("main-00{number:06}"))
        .collect();
    tag_as(&world, &older, "tester");
    remove_tags(&world, |tag| tag == stable);
    let recipe = ImageRecipe::new("nothing has this", 0);
    world.edit(|state| state.publish(SOURCE, &source_of(ONE), &recipe, &["main-latest"]));
    let ended = run(SLI, &world).end();
    assert_eq!(
        ended
            .expect(0, &["no stable tag with the same digest"])
            .stdout,
        "4\n"
    );
    let gets = requests_of_one(&world, "GET").len();
    assert!(gets < 20, "{gets} GETs");
}

#[test]
fn more_than_a_thousand_candidates_without_a_match_are_unknown() {
    let world = world("plain-list");
    let stable = Scenario::newest_tag(ONE);
    let older: Vec<_> = (0..1_001)
        .map(|number| format!("main-00{number:06}"))
        .collect();
    tag_as(&world, &older, "tester");
    remove_tags(&world, |tag| tag == stable);
    let ended = run(SLI, &world).end();
    one_is_unknown(
        &ended,
        &["no stable tag with the same digest", "were not compared"],
    );
}

#[test]
fn chosen_tag_of_a_digest_does_not_depend_on_the_form_of_the_list() {
    let hash = "0123456789abcdef0123456789abcdef01234567";
    let of_length = |length: usize| format!("main-{}", &hash[..length]);
    let longer = [of_length(8), of_length(40), of_length(7)];
    for (tags, expected) in [
        (longer.to_vec(), of_length(7)),
        (longer[..2].to_vec(), of_length(8)),
        // Another commit with the same image.
        (
            vec![of_length(40), "main-00fffff".to_owned()],
            "main-00fffff".to_owned(),
        ),
        (
            vec![of_length(7), format!("main-{}-{}", &hash[..7], &hash[..7])],
            of_length(7),
        ),
    ] {
        for scenario in ["outdated", "same-children"] {
            let mut found = Vec::new();
            for (extended, page_size) in [
                (true, None),
                (true, Some(4)),
                (false, None),
                (false, Some(4)),
            ] {
                let world = world(scenario);
                set_form(&world, extended, page_size);
                tag_as(&world, &tags, &Scenario::newest_tag(ONE));
                remove_tags(&world, |tag| tag == Scenario::newest_tag(ONE));
                found.push(chosen(&world).0);
            }
            assert_eq!(found, vec![expected.clone(); 4], "{tags:?}, {scenario}");
        }
    }
}

#[test]
fn failed_comparison_does_not_lead_to_another_tag_of_the_same_digest() {
    let world = world("plain-list");
    let tags = ["main-0123456", "main-1123456"].map(str::to_owned);
    tag_as(&world, &tags, "main-latest");
    let first = format!("{ONE}/manifests/main-0123456");
    world.inject(
        Fault::on(SOURCE).method("HEAD").path_contains(&first),
        response(500, &[], ""),
    );
    one_is_unknown(
        &run(SLI, &world).end(),
        &["500 Internal Server Error", "main-0123456"],
    );
}

#[test]
fn listed_tag_that_is_absent_is_unknown() {
    let world = world("plain-list");
    let stable = Scenario::newest_tag(ONE);
    remove_tags(&world, |tag| tag == stable);
    let body = json!({"name": "r", "tags": ["main-latest", stable]});
    world.inject(one_list(), list(&body));
    one_is_unknown(
        &run(SLI, &world).end(),
        &["1 tags were listed, but do not exist"],
    );
}

/// Indexes of `main-latest`, an old and a new stable tag: only the new one has the same child for the platform.
fn publish_indexes(world: &Sandbox, decoys: &[Value], wanted: &Value) {
    let child = |letter: &str| format!("sha256:{}", letter.repeat(64));
    let entry = |platform: &Value, digest: String| json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 7, "digest": digest, "platform": platform});
    let index = |decoy: &str, real: &str, note: &str| {
        let mut entries: Vec<_> = { decoys.iter() }
            .map(|platform| entry(platform, child(decoy)))
            .collect();
        entries.push(entry(wanted, child(real)));
        json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, "annotations": {"note": note}})
    };
    remove_tags(world, |_| true);
    put_manifest(world, INDEX, &index("a", "b", "latest"), &["main-latest"]);
    // The children of the other platforms are the same, the one of the platform is not.
    put_manifest(world, INDEX, &index("a", "c", "old"), &["main-0000000"]);
    put_manifest(world, INDEX, &index("d", "b", "new"), &["main-ffffff0"]);
}

#[test]
fn other_platforms_before_the_wanted_one_do_not_confuse_the_choice() {
    let platform = |os: &str, architecture: &str, variant: Option<&str>| match variant {
        Some(variant) => json!({"os": os, "architecture": architecture, "variant": variant}),
        None => json!({"os": os, "architecture": architecture}),
    };
    let windows =
        |build: &str| json!({"os": "windows", "architecture": "amd64", "os.version": build});
    for (setting, decoys, wanted) in [
        (
            "amd64",
            vec![windows("10.0.17763"), windows("10.0.20348")],
            platform("linux", "amd64", None),
        ),
        (
            "linux/amd64",
            vec![windows("10.0.17763")],
            platform("linux", "amd64", None),
        ),
        (
            "amd64",
            vec![platform("linux", "amd64", Some("v3"))],
            platform("linux", "amd64", None),
        ),
        (
            "arm",
            vec![platform("linux", "arm", Some("v6"))],
            platform("linux", "arm", Some("v7")),
        ),
        (
            "arm/v7",
            vec![platform("linux", "arm", Some("v6"))],
            platform("linux", "arm", Some("v7")),
        ),
        (
            "linux/arm/v6",
            vec![platform("linux", "arm", Some("v7"))],
            platform("linux", "arm", Some("v6")),
        ),
        (
            "arm64/v8",
            vec![platform("linux", "arm", Some("v8"))],
            platform("linux", "arm64", None),
        ),
        (
            "linux/arm64/v8",
            vec![platform("windows", "arm64", None)],
            platform("linux", "arm64", Some("v8")),
        ),
        (
            "arm64",
            vec![platform("linux", "arm", Some("v7"))],
            platform("linux", "arm64", Some("v8")),
        ),
    ] {
        for extended in [true, false] {
            let world = world("outdated");
            set_form(&world, extended, None);
            publish_indexes(&world, &decoys, &wanted);
            // The other four images have only two platforms.
            let ended = run(SLI, &world).set("IMAGE_ARCHITECTURE", setting).end();
            let images = ended.json("sli.json")["images"].to_string();
            assert!(
                images.contains(&format!("{ONE}:main-ffffff0")),
                "{setting} of {decoys:?}: {images}"
            );
        }
    }
}

#[test]
fn platform_without_a_manifest_names_the_setting() {
    let world = world("same-children");
    let ended = run(SLI, &world).set("IMAGE_ARCHITECTURE", "arm/v7").end();
    ended.expect(
        3,
        &[
            "has no manifest for linux/arm/v7",
            "check IMAGE_ARCHITECTURE",
        ],
    );
}

#[test]
fn wrong_platform_is_a_configuration_error() {
    let world = world("outdated");
    for (setting, part) in [
        ("windows/amd64", "the images are for linux, not for windows"),
        ("linux/amd64/v1/x", "linux/arm/v7"),
        ("amd64,arm64", "it must be an architecture"),
    ] {
        let ended = run(SLI, &world).set("IMAGE_ARCHITECTURE", setting).end();
        ended.expect(2, &["IMAGE_ARCHITECTURE", part]);
    }
    assert!(world.requests().is_empty());
    assert!(
        world
            .connections()
            .iter()
            .all(|connection| connection.host != ACR)
    );
}
