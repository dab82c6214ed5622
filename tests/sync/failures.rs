//! Runs that Azure refuses, and runs that end before all work is done.

use std::time::{Duration, Instant};

use sandbox::{ImportResult, Permission, ReplacedResponse, Sandbox, Scenario};

use super::outcomes::*;
use crate::TASKSET;
use crate::support::cases::test_all;
use crate::support::{ACR, ONE, few_descriptors, one_list, run, signal, status};

/// All five have drifted, and the tag of [`ONE`] is locked in the ACR.
fn drifted_and_locked() -> Sandbox {
    let world = Sandbox::start(Scenario::named("drifted").expect("a scenario")).expect("a sandbox");
    let tag = Scenario::newest_tag(ONE);
    world.edit(|state| {
        let repository = state
            .registries
            .get_mut(ACR)
            .expect("the ACR")
            .repository(&format!("runwhen/{ONE}"));
        repository.tags.get_mut(&tag).expect("the tag").locked = true;
    });
    world
}

/// A permission that is missing, or a registry that is not there.
struct Case {
    name: &'static str,
    revoked: Option<Permission>,
    registry: &'static str,
    exit: i32,
    message: &'static [&'static str],
}

#[test]
fn run_that_azure_refuses_imports_nothing_and_is_one_issue() {
    let revoked = |name, permission, message| Case {
        name,
        revoked: Some(permission),
        registry: ACR,
        exit: 5,
        message,
    };
    #[rustfmt::skip] // a table
    let cases = [
        revoked("role to import", Permission::ImportImage,
            &["Azure Resource Manager", "AuthorizationFailed", "Data Importer and Data Reader"]),
        revoked("registries cannot be listed", Permission::ReadRegistry,
            &["Azure Resource Manager", "registries/read"]),
        revoked("subscription is not visible", Permission::ReadSubscription,
            &["Azure Resource Manager", "AZURE_RESOURCE_SUBSCRIPTION_ID"]),
        Case {
            name: "unknown registry",
            revoked: None,
            registry: "nosuchacr",
            exit: 2,
            message: &["registry nosuchacr is not among the 1 that", ": myacr.azurecr.io", "check REGISTRY_NAME"],
        },
    ];
    test_all(
        &cases,
        |case| case.name,
        |case| {
            let world = world();
            if let Some(permission) = case.revoked {
                world.edit(|state| state.revoke(permission));
            }
            let ended = run(TASKSET, &world)
                .set("REGISTRY_NAME", case.registry)
                .end();
            ended.expect(case.exit, case.message);
            let (one, others) = outcomes(&ended);
            assert!(one != "imported" && !others.contains(&"imported".to_owned()));
            let issues = ended.json("issues.json");
            assert_eq!(issues.as_array().map(Vec::len), Some(1), "{issues}");
            assert!(ended.stdout.contains("What needs attention"));
        },
    );
}

#[test]
fn wrong_subscription_names_the_setting_to_correct() {
    let world = world();
    let ended = run(TASKSET, &world)
        .set(
            "AZURE_RESOURCE_SUBSCRIPTION_ID",
            "99999999-2222-3333-4444-555555555555",
        )
        .end();
    let advice = "set AZURE_RESOURCE_SUBSCRIPTION_ID to the subscription that holds the registry";
    ended.expect(5, &["SubscriptionNotFound", advice]);
}

#[test]
fn acr_pull_is_recommended_only_if_the_registry_honours_it() {
    for (mode, name, wanted, unwanted) in [
        (
            Some("AbacRepositoryPermissions"),
            "myacr",
            "Repository Reader",
            Some("AcrPull"),
        ),
        (
            Some("LegacyRegistryPermissions"),
            "myacr",
            "AcrPull",
            Some("Repository Reader"),
        ),
        (None, "myacr", "in one in ABAC mode", None),
        (
            Some("AbacRepositoryPermissions"),
            ACR,
            "in one in ABAC mode",
            None,
        ),
    ] {
        let world = world();
        world.edit(|state| {
            for registry in &mut state.azure.registries {
                registry.role_assignment_mode = mode.map(ToOwned::to_owned);
            }
            state.revoke(Permission::Pull);
            state.revoke(Permission::ReadMetadata);
        });
        let ended = run(TASKSET, &world)
            .set("REGISTRY_NAME", name)
            .set("SYNC_IMAGES", "false")
            .end();
        ended.expect(5, &["Data Importer and Data Reader", wanted]);
        let is_offered = |role: &str| ended.stderr.contains(role);
        assert!(
            !unwanted.is_some_and(is_offered),
            "{mode:?}: {}",
            ended.stderr
        );
    }
}

#[test]
fn locked_tag_is_reported_and_not_imported() {
    let world = drifted_and_locked();
    let (tag, image) = (Scenario::newest_tag(ONE), format!("runwhen/{ONE}"));
    let command =
        format!("az acr repository update --name myacr --image {image}:{tag} --write-enabled true");
    let ended = one_fails(
        &world,
        &[
            &format!("{image}:{tag} must be overwritten, but is locked"),
            &command,
        ],
    );
    assert_eq!(imports_of(&world, ONE), 0);
    for text in [&ended.stdout, &ended.report("sync-report.html")] {
        assert!(!text.contains("&lt;"), "{text}");
        assert!(
            text.contains(&command) || text.contains(&command.replace("--", "\\-\\-")),
            "{text}"
        );
    }
}

#[test]
fn locked_tag_is_reported_by_a_check() {
    let world = drifted_and_locked();
    let ended = run(TASKSET, &world).set("SYNC_IMAGES", "false").end();
    ended.expect(0, &["is locked"]);
}

#[test]
fn refusal_of_one_source_does_not_stop_the_other_imports() {
    let world = world();
    world.inject(one_list(), status(403, ""));
    let ended = run(TASKSET, &world).end();
    ended.expect(3, &["403 Forbidden"]);
    others_are_imported(&ended, "none");
    assert!(
        ended
            .stdout
            .contains("5 images: 4 imported and verified, 1 could not be checked."),
        "{}",
        ended.stdout
    );
}

#[test]
fn source_that_stalls_does_not_take_the_time_of_the_imports() {
    let world = world();
    world.inject(one_list(), ReplacedResponse::Stall);
    let ended = run(TASKSET, &world).set("TIMEOUT_SECONDS", "16").end();
    ended.expect(3, &["the deadline of one image"]);
    others_are_imported(&ended, "none");
}

#[test]
fn signal_during_imports_reports_the_finished_ones() {
    let world = world();
    world.edit(|state| state.azure.imports.rules.push(rule(ImportResult::Hang)));
    let run = run(TASKSET, &world);
    let started = Instant::now();
    let child = run.spawn();
    std::thread::sleep(Duration::from_secs(5));
    signal(&child, "INT");
    let ended = run.wait(child, started);
    ended.expect(4, &["stopped by a signal"]);
    others_are_imported(&ended, "failed");
    assert!(
        ended
            .stdout
            .contains("4 imported and verified, 1 could not be imported"),
        "{}",
        ended.stdout
    );
}

#[test]
fn report_folder_that_cannot_be_written_to_ends_the_run_before_any_request() {
    let world = world();
    let run = run(TASKSET, &world);
    let file = run.folder().join("a-file");
    std::fs::write(&file, "").expect("a file");
    let temporary = run.folder().join("temporary").display().to_string();
    let ended = run
        .set("OUTPUT_DIR", file.join("below").display().to_string())
        .set("CODEBUNDLE_TEMP_DIR", temporary)
        .end();
    ended.expect(2, &["OUTPUT_DIR", "cannot be written to"]);
    assert!(world.requests().is_empty());
}

#[test]
fn artifact_folder_that_cannot_be_created_ends_the_run_before_any_request() {
    let world = world();
    let run = run(TASKSET, &world);
    std::fs::write(run.folder().join("azure-rw-acr-sync"), "").expect("a file");
    run.end().expect(2, &["OUTPUT_DIR", "cannot be written to"]);
    assert!(world.requests().is_empty());
}

#[test]
fn too_few_file_descriptors_are_an_error_and_not_a_panic() {
    few_descriptors(TASKSET, &world());
}
