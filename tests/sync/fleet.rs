//! Several registries in one run: imports side by side, and a registry in trouble does not delay or fail the others.

use sandbox::scenario::{CODE_COLLECTIONS, DESTINATION_PATH};
use sandbox::{AcrContent, Fault, ReplacedResponse, Sandbox, Scenario};
use serde_json::{Value, json};

use crate::TASKSET;
use crate::support::waiting::wait_until;
use crate::support::{ACR, ARM, Ended, ONE, Run, response, run, signal};

const SECOND: &str = "secondacr.azurecr.io";

/// Both lack the five images.
fn world() -> Sandbox {
    let scenario = Scenario {
        import_milliseconds: 200,
        import_retry_after: 1,
        ..Scenario::outdated()
    };
    let scenario = scenario.with_others(&[("secondacr", AcrContent::Empty)]);
    Sandbox::start(scenario).expect("a sandbox")
}

fn both(world: &Sandbox) -> Run<'_> {
    run(TASKSET, world).set("REGISTRY_NAME", format!("{ACR},{SECOND}"))
}

/// The newest images that a registry has.
fn has(world: &Sandbox, registry: &str) -> usize {
    let arrived = CODE_COLLECTIONS.iter().filter(|name| {
        let repository = format!("{DESTINATION_PATH}/{name}");
        let tag = world.tag(registry, &repository, &Scenario::newest_tag(name));
        tag.is_some()
    });
    arrived.count()
}

/// Number and status of each registry.
fn results(ended: &Ended) -> Vec<Value> {
    let result = ended.json("taskset.json");
    let registries = result["registries"].as_array().expect("registries");
    let registries = registries.iter();
    registries
        .map(|one| json!([one["registry"], one["needs_sync"], one["status"]]))
        .collect()
}

#[test]
fn images_are_imported_into_both_registries_side_by_side() {
    let world = world();
    let ended = both(&world).end();
    ended.expect(0, &["importing 5 images into secondacr.azurecr.io"]);
    assert_eq!((has(&world, ACR), has(&world, SECOND)), (5, 5));
    assert_eq!(
        results(&ended),
        [json!([ACR, 0, "complete"]), json!([SECOND, 0, "complete"])]
    );
    let report = ended.report("sync-report.md");
    assert!(report.contains("2 of 2 registries are in sync"), "{report}");
    // Image and registry are the heading of an entry, without the path.
    let html = ended.report("sync-report.html");
    for server in [ACR, SECOND] {
        let registry = format!("<span class=\"hidden\"> in {server}</span></h4>");
        assert_eq!(html.matches(&registry).count(), 5, "{html}");
    }
    assert_eq!(html.matches(&format!("<h4>{ONE} ")).count(), 2, "{html}");
    // Each image is imported once into each registry.
    let operations = world.edit(|state| state.azure.operations.clone());
    let into = |server: &str| {
        let own = operations.iter().filter(|one| one.login_server == server);
        own.count()
    };
    assert_eq!((into(ACR), into(SECOND)), (5, 5));
    world.clear_log();
    let again = both(&world).end();
    again.expect(0, &["10 images: 10 up to date"]);
    assert!(world.requests().iter().all(|one| one.host != ARM));
}

#[test]
fn registry_that_refuses_imports_does_not_fail_the_other() {
    let world = world();
    let refusal =
        json!({"error": {"code": "AuthorizationFailed", "message": "does not have authorization"}});
    world.inject(
        Fault::on(ARM).path_contains("/registries/secondacr/importImage"),
        response(
            403,
            &[("Content-Type", "application/json")],
            refusal.to_string(),
        ),
    );
    let ended = both(&world).end();
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert_eq!((has(&world, ACR), has(&world, SECOND)), (5, 0));
    assert_eq!(
        results(&ended),
        [
            json!([ACR, 0, "complete"]),
            json!([SECOND, 5, "access_denied"])
        ]
    );
    let issues = ended.json("issues.json");
    assert_eq!(issues[0]["registries"], json!([SECOND]));
    let title = issues[0]["title"].as_str().unwrap_or_default();
    assert!(title.contains(SECOND) && !title.contains(ACR), "{title}");
}

#[test]
fn registry_that_does_not_respond_does_not_delay_the_other() {
    let world = world();
    world.inject(Fault::on(SECOND), ReplacedResponse::Stall);
    let prepared = both(&world);
    let started = std::time::Instant::now();
    let child = prepared.spawn();
    // The check of the second registry continues for two minutes.
    wait_until("the first registry has the images", || {
        has(&world, ACR) == 5
    });
    wait_until("their verification", || {
        let requests = world.requests();
        let verified = requests
            .iter()
            .filter(|one| one.host == ACR && one.method == "HEAD" && one.status == Some(200));
        verified.count() >= 5
    });
    signal(&child, "TERM");
    let ended = prepared.wait(child, started);
    assert_ne!(ended.code, 0);
    let results = results(&ended);
    assert_eq!(results[1][1], Value::Null, "{}", ended.stderr);
    assert_eq!(has(&world, SECOND), 0);
}
