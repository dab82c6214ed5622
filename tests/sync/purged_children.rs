//! Indexes in the ACR that lost their platform manifests, as `acr purge --untagged` leaves them (Azure/acr-cli#131).

use crate::TASKSET;
use crate::support::{ACR, ONE, Run, run};
use sandbox::content::Digest;
use sandbox::{
    Fault, ImportResult, ImportRule, ReplacedResponse, Sandbox, Scenario,
    runwhen_local::CHART_IMAGES,
};

fn repository() -> String {
    format!("runwhen/{ONE}")
}

/// Everything is up to date, and imports take a fifth of a second.
fn world() -> Sandbox {
    let scenario = Scenario {
        import_milliseconds: 200,
        import_retry_after: 1,
        ..Scenario::up_to_date()
    };
    Sandbox::start(scenario).expect("a sandbox")
}

/// The digest of the manifest of [`ONE`] for an architecture.
fn child(world: &Sandbox, architecture: &str) -> Digest {
    world.edit(|state| {
        let tag = Scenario::newest_tag(ONE);
        let index = state.tag(ACR, &repository(), &tag).expect("the tag");
        let body = state.store.get(index).expect("the index");
        let index: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        let entries = index["manifests"].as_array().expect("entries").iter();
        let mut of_platform =
            entries.filter(|entry| entry["platform"]["architecture"] == architecture);
        let digest = of_platform.next().expect("the platform")["digest"].as_str();
        Digest::parse(digest.expect("a digest")).expect("a digest")
    })
}

fn has(world: &Sandbox, digest: &Digest) -> bool {
    world.edit(|state| {
        let repository = state.repository(ACR, &repository()).expect("a repository");
        repository.manifests.contains_key(digest)
    })
}

/// A world in which [`ONE`] lacks the manifest of an architecture, and the digest of this manifest.
fn world_without(architecture: &str) -> (Sandbox, Digest) {
    let world = world();
    let child = child(&world, architecture);
    world.edit(|state| {
        let repository = state.repository(ACR, &repository()).expect("a repository");
        repository.manifests.remove(&child).expect("the manifest");
    });
    (world, child)
}

fn imports(world: &Sandbox) -> usize {
    let requests = world.requests().into_iter();
    requests
        .filter(|request| request.path.ends_with("/importImage"))
        .count()
}

fn all(world: &Sandbox) -> Run<'_> {
    run(TASKSET, world).unset(&["IMAGES"])
}

#[test]
fn purged_registry_is_drifted_and_imported_again() {
    let world = world();
    world.edit(|state| {
        let acr = state.registry(ACR).expect("the ACR");
        for repository in acr.repositories.values_mut() {
            repository.purge_untagged();
        }
    });
    let checked = all(&world).set("SYNC_IMAGES", "false").end();
    checked.expect(0, &["lacks its manifest"]);
    assert_eq!(checked.json("taskset.json")["needs_sync"], 8);
    assert_eq!(imports(&world), 0);
    let ended = all(&world).end();
    ended.expect(0, &[]);
    let verdicts = ended.verdicts("taskset.json");
    assert!(
        verdicts.values().all(|verdict| verdict == "Drifted"),
        "{verdicts:?}"
    );
    assert_eq!(verdicts.len(), 5 + CHART_IMAGES.len());
    assert_eq!(ended.json("taskset.json")["needs_sync"], 0);
    assert_eq!(imports(&world), 8);
    assert!(has(&world, &child(&world, "amd64")) && has(&world, &child(&world, "arm64")));
    // The next run has nothing to import.
    let again = all(&world).end();
    assert_eq!(again.expect(0, &[]).json("taskset.json")["needs_sync"], 0);
    assert_eq!(imports(&world), 8);
}

#[test]
fn only_the_child_of_the_architecture_counts() {
    let (world, child) = world_without("arm64");
    let ended = run(TASKSET, &world).end();
    ended.expect(0, &[]);
    assert_eq!(ended.verdict_of_one("taskset.json", "UpToDate"), "UpToDate");
    let ended = run(TASKSET, &world)
        .set("IMAGE_ARCHITECTURE", "arm64")
        .end();
    ended.expect(0, &["lacks its manifest"]);
    assert_eq!(ended.verdict_of_one("taskset.json", "UpToDate"), "Drifted");
    assert!(has(&world, &child));
}

#[test]
fn import_that_restores_nothing_has_failed() {
    let (world, child) = world_without("amd64");
    world.edit(|state| {
        state.azure.imports.rules.push(ImportRule {
            contains: ONE.to_owned(),
            result: ImportResult::Nothing,
            duration_milliseconds: None,
            times: None,
        });
    });
    let ended = run(TASKSET, &world).set("TIMEOUT_SECONDS", "30").end();
    ended.expect(
        4,
        &["after the import", "lacks its manifest", child.as_str()],
    );
    assert_ne!(ended.json("taskset.json")["needs_sync"], 0);
}

#[test]
fn locked_tag_without_its_child_is_reported_before_the_import() {
    let (world, _) = world_without("amd64");
    world.edit(|state| {
        let repository = state.repository(ACR, &repository()).expect("a repository");
        let tag = repository.tags.get_mut(&Scenario::newest_tag(ONE));
        tag.expect("the tag").locked = true;
    });
    let ended = run(TASKSET, &world).end();
    ended.expect(4, &["is locked", "--write-enabled true"]);
    assert_eq!(imports(&world), 0);
}

#[test]
fn child_that_cannot_be_read_makes_the_image_unknown() {
    let world = world();
    let child = child(&world, "amd64");
    for code in [404, 500] {
        world.clear_faults();
        let fault = Fault::on(ACR).path_contains(child.as_str());
        let kind = ReplacedResponse::Status {
            code,
            headers: vec![("Content-Type".to_owned(), "text/html".to_owned())],
            body: "<html>gateway</html>".to_owned(),
        };
        world.inject(fault, kind);
        let ended = run(TASKSET, &world).set("TIMEOUT_SECONDS", "20").end();
        ended.expect(3, &[]);
        assert_eq!(ended.verdict_of_one("taskset.json", "UpToDate"), "Unknown");
        assert_eq!(imports(&world), 0);
    }
}
