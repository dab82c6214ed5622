//! `CODECOLLECTION_SOURCE=catalog`: which responses of the catalog prove something, and what is reported for the others.

use crate::SLI;
use crate::catalog::{GHCR, SLUG, edit_one, images, list_of_collections, resolve_of_one, world};
use crate::support::cases::test_all;
use crate::support::{Ended, SOURCE, response, run, status};
use sandbox::catalog::{COLLECTIONS, Collection, HOST};
use sandbox::{
    AcrContent, Change, Fault, RedirectTarget, ReplacedResponse, Sandbox, Scenario, scenario,
};
use serde_json::{Value, json};

/// The verdict of [`SLUG`]; the other collections must be missing.
#[track_caller]
fn verdict_of_one(ended: &Ended) -> String {
    let mut verdicts = ended.verdicts("sli.json");
    let one = verdicts.remove(SLUG).expect("the image with the fault");
    assert_eq!(verdicts.len(), COLLECTIONS.len() - 1);
    let others = verdicts.values().all(|verdict| verdict == "Missing");
    assert!(others, "{verdicts:?}\n{}", ended.stderr);
    one
}

/// [`SLUG`] is unknown for this reason, the others have their verdict, and there is no number.
#[track_caller]
fn one_is_unknown(ended: &Ended, parts: &[&str]) {
    ended.expect(3, parts);
    assert_eq!(ended.stdout, "");
    assert_eq!(verdict_of_one(ended), "Unknown");
    assert_eq!(ended.json("cc_images_to_update.json"), false);
}

/// A fault of the list.
struct BadList {
    name: &'static str,
    fault: ReplacedResponse,
    message: &'static str,
}

#[test]
fn list_that_proves_nothing_makes_all_collections_unknown() {
    let list = |entries: Value| {
        let json = [("Content-Type", "application/json")];
        response(200, &json, entries.to_string())
    };
    let entry =
        |visibility: &str| json!({"slug": SLUG, "visibility": visibility, "image_registry": null});
    let bad = |name, fault, message| BadList {
        name,
        fault,
        message,
    };
    let cases = [
        bad("down", status(503, ""), "503 Service Unavailable"),
        bad(
            "a web page",
            ReplacedResponse::Html,
            "this address is a web page, not the catalog",
        ),
        bad(
            "wrong address",
            status(404, r#"{"detail":"Not Found"}"#),
            "Not Found",
        ),
        bad(
            "refused",
            status(403, r#"{"detail":"no"}"#),
            "refused the request: no",
        ),
        bad("empty", list(json!([])), "no public collection"),
        bad(
            "only hidden",
            list(json!([entry("hidden")])),
            "no public collection",
        ),
        bad(
            "twice",
            list(json!([entry("public"), entry("public")])),
            "two entries",
        ),
        bad(
            "not a list",
            list(json!({"items": []})),
            "not a list of collections",
        ),
        bad("null", list(json!(null)), "not a list of collections"),
        bad(
            "cut",
            response(200, &[], "[{\"slug\":"),
            "not a list of collections",
        ),
    ];
    test_all(
        &cases,
        |case| case.name,
        |case| {
            let world = world(AcrContent::UpToDate);
            world.inject(list_of_collections(), case.fault.clone());
            let ended = run(SLI, &world).end();
            ended.expect(3, &["CodeCollection catalog", case.message]);
            assert_eq!(ended.stdout, "", "there is no number");
            assert_eq!(ended.json("cc_images_to_update.json"), false);
            let all = ended.json("sli.json");
            assert_eq!(all["needs_sync"], json!(null));
            assert_eq!(all["images"][0]["verdict"], "Unknown");
        },
    );
}

#[test]
fn entry_with_an_unusable_slug_is_unknown_and_the_others_are_checked() {
    let world = world(AcrContent::Older);
    world.edit(|state| {
        let one = state.collection(SLUG).expect("a collection").clone();
        let slug = "../../library/evil".to_owned();
        state.catalog.collections.push(Collection { slug, ..one });
    });
    let ended = run(SLI, &world).end();
    ended.expect(3, &["a collection cannot be checked", "../../library/evil"]);
    assert_eq!(ended.stdout, "");
    let images = ended.json("sli.json")["images"].to_string();
    assert_eq!(images.matches("\"Missing\"").count(), 6);
    assert!(
        world
            .requests()
            .iter()
            .all(|one| !one.path.contains("evil"))
    );
}

/// A fault of the response for one collection.
struct BadResolve {
    name: &'static str,
    fault: ReplacedResponse,
    message: &'static str,
}

#[test]
fn resolve_that_proves_nothing_makes_one_collection_unknown() {
    let resolved = |field: &str, value: Value| {
        let mut body = json!({"slug": SLUG, "requested": "main", "image_tag": "main-1a2b3c4-9f8e7d6",
            "image_registry": format!("ghcr.io/runwhen-contrib/{SLUG}"), "image_digest": null});
        body[field] = value;
        response(
            200,
            &[("Content-Type", "application/json")],
            body.to_string(),
        )
    };
    let detail = |code, detail: Value| status(code, &json!({"detail": detail}).to_string());
    let bad = |name, fault, message| BadResolve {
        name,
        fault,
        message,
    };
    let cases = [
        bad(
            "a web page",
            ReplacedResponse::Html,
            "this address is a web page, not the catalog",
        ),
        bad("down", status(503, ""), "503 Service Unavailable"),
        bad(
            "unknown slug",
            detail(404, json!(format!("unknown codecollection: {SLUG}"))),
            "unknown codecollection",
        ),
        bad("no such path", detail(404, json!("Not Found")), "Not Found"),
        bad(
            "another slug",
            detail(404, json!("no images tracked for other")),
            "no images tracked for other",
        ),
        bad(
            "another ref",
            detail(404, json!(format!("could not resolve 'dev' for {SLUG}"))),
            "could not resolve 'dev'",
        ),
        bad(
            "a ref that the collection has",
            detail(404, json!(format!("could not resolve 'main' for {SLUG}"))),
            "could not resolve 'main'",
        ),
        bad(
            "no images, and the list names one",
            detail(404, json!(format!("no images tracked for {SLUG}"))),
            "no images tracked",
        ),
        bad(
            "gateway",
            status(404, "no Route matched"),
            "without an error code",
        ),
        bad(
            "bad request",
            detail(
                400,
                json!("exactly one of 'pointer' or 'ref' must be provided"),
            ),
            "exactly one of",
        ),
        bad(
            "invalid parameter",
            detail(422, json!([{"msg": "String should match"}])),
            "String should match",
        ),
        bad(
            "other answer",
            resolved("requested", json!("dev")),
            "about dev of",
        ),
        bad(
            "other collection",
            resolved("slug", json!("other")),
            "about main of other",
        ),
        bad(
            "not a tag",
            resolved("image_tag", json!("a b")),
            "is not a tag",
        ),
        bad(
            "not a digest",
            resolved("image_digest", json!("sha256:1")),
            "is not a digest",
        ),
        bad(
            "not a registry",
            resolved("image_registry", json!("https://ghcr.io/x")),
            "not a host and a path",
        ),
    ];
    test_all(
        &cases,
        |case| case.name,
        |case| {
            let world = world(AcrContent::Older);
            world.inject(resolve_of_one(), case.fault.clone());
            let ended = run(SLI, &world).end();
            one_is_unknown(&ended, &["CodeCollection catalog", case.message]);
        },
    );
}

#[test]
fn null_registry_in_both_responses_is_unknown() {
    let world = world(AcrContent::Older);
    edit_one(&world, |collection| collection.image_registry = None);
    let ended = run(SLI, &world).end();
    one_is_unknown(
        &ended,
        &["it does not name the registry of rw-cli-codecollection"],
    );
    assert!(
        images(&ended)[SLUG]
            .0
            .starts_with(&format!("{HOST}/{SLUG}"))
    );
}

#[test]
fn image_from_a_place_that_is_not_allowed_is_unknown() {
    let world = world(AcrContent::Older);
    let place = format!("us-docker.pkg.dev/house/{SLUG}");
    edit_one(&world, |collection| {
        collection.image_registry = Some(place.clone())
    });
    world.edit(|state| {
        let recipe = sandbox::image::ImageRecipe::new("house", 1_790_000_000);
        let tag = Scenario::catalog_tag(SLUG);
        state.publish(
            "us-docker.pkg.dev",
            &format!("house/{SLUG}"),
            &recipe,
            &[&tag],
        );
    });
    let ended = run(SLI, &world).end();
    one_is_unknown(
        &ended,
        &["is not in ghcr.io/runwhen-contrib", "CATALOG_HOSTS"],
    );
    assert!(
        world
            .requests()
            .iter()
            .all(|one| one.host != "us-docker.pkg.dev")
    );
    let hosts = "ghcr.io/runwhen-contrib, us-docker.pkg.dev/house";
    let ended = run(SLI, &world).set("CATALOG_HOSTS", hosts).end();
    assert_eq!(ended.expect(0, &[]).stdout, "6\n");
}

#[test]
fn every_resolve_failing_is_not_zero() {
    let world = world(AcrContent::UpToDate);
    world.inject(Fault::on(HOST).path_contains("/resolve"), status(503, ""));
    let ended = run(SLI, &world).end();
    ended.expect(3, &["CodeCollection catalog", "503"]);
    assert_eq!(ended.stdout, "");
    let verdicts = ended.verdicts("sli.json");
    assert!(
        verdicts.values().all(|verdict| verdict == "Unknown"),
        "{verdicts:?}"
    );
}

#[test]
fn ref_that_no_collection_has_is_a_wrong_setting_and_the_refs_are_listed() {
    let world = world(AcrContent::UpToDate);
    let ended = run(SLI, &world).set("REF", "nosuch").end();
    ended.expect(
        2,
        &[
            "does not have the ref nosuch; it has: feature-x, main, v1.2.0",
            "Check REF",
        ],
    );
    assert_eq!(ended.stdout, "");
    assert!(!ended.stderr.contains("old"), "an inactive ref is listed");
    assert_eq!(ended.json("cc_images_to_update.json"), false);
}

#[test]
fn refs_that_cannot_be_read_change_only_the_message() {
    let world = world(AcrContent::Older);
    edit_one(&world, |collection| {
        collection.refs.retain(|one| one.name != "main")
    });
    world.inject(
        Fault::on(HOST).path_contains("/refs"),
        ReplacedResponse::Html,
    );
    let ended = run(SLI, &world).end();
    assert_eq!(
        ended.expect(0, &["does not have the ref main"]).stdout,
        "5\n"
    );
    assert_eq!(verdict_of_one(&ended), "NotPublished");
}

#[test]
fn pointer_that_points_at_nothing_and_collection_without_images_are_not_published() {
    let world = world(AcrContent::Older);
    edit_one(&world, |collection| collection.latest = None);
    let ended = run(SLI, &world).set("CATALOG_POINTER", "latest").end();
    let parts = ["the catalog has no latest image of", "CATALOG_POINTER"];
    assert_eq!(ended.expect(0, &parts).stdout, "5\n");
    edit_one(&world, |collection| collection.refs.clear());
    let ended = run(SLI, &world).end();
    let parts = ["the catalog has no image of rw-cli-codecollection"];
    assert_eq!(ended.expect(0, &parts).stdout, "5\n");
    assert_eq!(verdict_of_one(&ended), "NotPublished");
}

#[test]
fn tag_that_the_registry_no_longer_has_is_not_published() {
    let world = world(AcrContent::Older);
    let change = Change::RemoveTag {
        registry: GHCR.to_owned(),
        repository: format!("runwhen-contrib/{SLUG}"),
        tag: Scenario::catalog_tag(SLUG),
    };
    world.change(change).expect("a tag");
    let ended = run(SLI, &world).end();
    let parts = ["the catalog names", "which the registry no longer has"];
    assert_eq!(ended.expect(0, &parts).stdout, "5\n");
    assert_eq!(verdict_of_one(&ended), "NotPublished");
}

#[test]
fn stalled_list_does_not_change_the_verdicts_of_the_chart() {
    let world = world(AcrContent::Older);
    world.inject(list_of_collections(), ReplacedResponse::Stall);
    let ended = run(SLI, &world)
        .unset(&["IMAGES"])
        .set("TIMEOUT_SECONDS", "15")
        .end();
    ended.expect(3, &["catalog https://registry.runwhen.com", "deadline"]);
    let verdicts = ended.verdicts("sli.json");
    for name in ["runwhen-local", "runner", "opentelemetry-collector"] {
        assert_eq!(verdicts[name], "Outdated", "{}", ended.stderr);
    }
}

#[test]
fn redirect_within_the_host_is_followed() {
    let world = world(AcrContent::UpToDate);
    let moved = "/api/v1/catalog/codecollections?visibility=public&moved=1";
    world.inject(
        list_of_collections().once(),
        response(307, &[("Location", moved)], ""),
    );
    let ended = run(SLI, &world).end();
    assert_eq!(ended.expect(0, &[]).stdout, "0\n");
}

#[test]
fn redirect_to_another_host_or_without_https_is_refused() {
    let other = "runwhen-contrib.github.io";
    for to in [
        RedirectTarget::PlainHttp,
        RedirectTarget::OtherHost(other.to_owned()),
        RedirectTarget::Loop,
    ] {
        let world = world(AcrContent::UpToDate);
        world.inject(Fault::on(HOST), ReplacedResponse::Redirect { to });
        let ended = run(SLI, &world).end();
        ended.expect(3, &["CodeCollection catalog", "redirect"]);
        assert_eq!(ended.stdout, "");
        assert!(world.requests().iter().all(|one| one.host != other));
    }
}

#[test]
fn own_service_with_a_base_path_is_used() {
    let world = world(AcrContent::Older);
    let ended = run(SLI, &world)
        .set("REGISTRY_CATALOG_URL", format!("https://{HOST}/base/"))
        .end();
    ended.expect(3, &["this address is a web page, not the catalog"]);
    let requests = world.requests();
    assert!(
        requests
            .iter()
            .any(|one| one.path == "/base/api/v1/catalog/codecollections")
    );
}

#[test]
fn settings_that_exclude_each_other_are_refused_before_any_request() {
    let world = world(AcrContent::Older);
    let ended = run(SLI, &world).set("SYNC_REF_LATEST", "true").end();
    ended.expect(2, &["SYNC_REF_LATEST", "80f8ef7", "f3ef3ab"]);
    let ended = run(SLI, &world)
        .set("CODECOLLECTION_SOURCE", "tags")
        .set("CATALOG_POINTER", "stable")
        .end();
    ended.expect(2, &["CATALOG_POINTER", "CODECOLLECTION_SOURCE=catalog"]);
    assert!(world.requests().is_empty());
}

#[test]
fn repositories_that_are_gone_or_empty_name_the_catalog() {
    let moved = [
        "RunWhen has moved its CodeCollections",
        "CODECOLLECTION_SOURCE=catalog",
    ];
    // Google has no repository in this scenario.
    let gone = world(AcrContent::UpToDate);
    let empty = Sandbox::start(Scenario::up_to_date()).expect("a sandbox");
    empty.edit(|state| {
        for name in scenario::CODE_COLLECTIONS {
            let name = format!("{}/{name}", scenario::GOOGLE_PATH);
            let repository = state.repository(SOURCE, &name).expect("a repository");
            repository.tags.clear();
        }
    });
    for (world, what) in [
        (gone, "the repository does not exist"),
        (empty, "the repository is empty"),
    ] {
        let ended = run(SLI, &world).set("CODECOLLECTION_SOURCE", "tags").end();
        ended.expect(2, &[moved[0], moved[1], what]);
        assert_eq!(ended.stdout, "");
        assert!(!ended.stderr.contains("Check REF"), "{}", ended.stderr);
    }
}
