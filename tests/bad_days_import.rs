//! Bad days of a sync: what `taskset` does when Azure refuses, fails, hangs or lies.

mod support;

use std::time::{Duration, Instant};

use sandbox::{DamagedResponse, Fault, ImportFailure, ImportResult, ImportRule, Permission, ReplacedResponse, RetryAfter, Sandbox, Scenario};
use support::{ACR, ARM, Ended, ONE, run, signal};

const TASKSET: &str = env!("CARGO_BIN_EXE_taskset");

fn world() -> Sandbox {
    Sandbox::start(Scenario::outdated()).expect("a sandbox")
}

/// All five have drifted, and the one's tag is locked in the ACR.
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

fn rule(result: ImportResult) -> ImportRule {
    ImportRule {
        contains: ONE.to_owned(),
        result,
        duration_milliseconds: None,
        times: None,
    }
}

fn imports_of(world: &Sandbox, name: &str) -> usize {
    let is_import = |request: &&sandbox::RecordedRequest| {
        request.path.ends_with("/importImage")
            && String::from_utf8_lossy(&request.body).contains(name)
    };
    world.requests().iter().filter(is_import).count()
}

/// What became of the images: the one with trouble, and the four others.
fn outcomes(ended: &Ended) -> (String, Vec<String>) {
    let images = ended.json("taskset.json")["images"]
        .as_array()
        .cloned()
        .expect("images");
    let outcome =
        |image: &serde_json::Value| image["outcome"].as_str().unwrap_or("none").to_owned();
    let is_one = |image: &&serde_json::Value| {
        image["destination"]
            .as_str()
            .is_some_and(|text| text.contains(ONE))
    };
    let one = images
        .iter()
        .find(is_one)
        .map(outcome)
        .expect("the image with trouble");
    (
        one,
        images
            .iter()
            .filter(|image| !is_one(image))
            .map(outcome)
            .collect(),
    )
}

/// One import fails, is known to have failed, and the other four are done.
#[track_caller]
fn one_fails(world: &Sandbox, timeout: &str, parts: &[&str]) -> Ended {
    let ended = one_is_not_done(world, timeout, parts);
    assert_eq!(ended.json("taskset.json")["needs_sync"], 1);
    ended
}

/// One import does not end in time, the other four are done: whether it arrives is not known, so there is no number.
#[track_caller]
fn one_is_in_doubt(world: &Sandbox, timeout: &str, parts: &[&str]) -> Ended {
    let ended = one_is_not_done(world, timeout, parts);
    let number = &ended.json("taskset.json")["needs_sync"];
    assert_eq!(*number, serde_json::Value::Null);
    ended
}

/// Azure reports success for one import and the ACR does not show it; the other four are done.
#[track_caller]
fn one_is_uncertain(world: &Sandbox, timeout: &str, parts: &[&str]) -> Ended {
    let ended = one_is_not(world, timeout, (3, "uncertain"), parts);
    let number = &ended.json("taskset.json")["needs_sync"];
    assert_eq!(*number, serde_json::Value::Null);
    ended
}

#[track_caller]
fn one_is_not_done(world: &Sandbox, timeout: &str, parts: &[&str]) -> Ended {
    one_is_not(world, timeout, (4, "failed"), parts)
}

#[track_caller]
fn one_is_not(
    world: &Sandbox,
    timeout: &str,
    (code, outcome): (i32, &str),
    parts: &[&str],
) -> Ended {
    let ended = run(TASKSET, world).set("TIMEOUT_SECONDS", timeout).end();
    ended.expect(code, parts);
    let (one, others) = outcomes(&ended);
    assert_eq!(one, outcome, "{}", ended.stderr);
    assert_eq!(others, ["imported"; 4], "{}", ended.stderr);
    assert!(
        ended.stdout.contains("What needs attention"),
        "{}",
        ended.stdout
    );
    let issues = ended.json("issues.json");
    let grave = issues.as_array().into_iter().flatten();
    let grave = grave.filter(|issue| issue["severity"] != 4);
    assert_eq!(grave.count(), 1, "{issues}");
    ended
}

/// Nothing could be imported.
#[track_caller]
fn all_fail(world: &Sandbox, code: i32, name: &str, parts: &[&str]) {
    let ended = run(TASKSET, world).set("REGISTRY_NAME", name).end();
    ended.expect(code, parts);
    let images = ended.json("taskset.json")["images"]
        .as_array()
        .cloned()
        .expect("images");
    assert!(images.iter().all(|image| image["outcome"] != "imported"));
    assert_eq!(
        ended.json("issues.json").as_array().map(Vec::len),
        Some(1),
        "one cause is one issue"
    );
    assert!(ended.stdout.contains("What needs attention"));
}

#[test]
fn the_role_to_import_is_missing() {
    let world = world();
    world.edit(|state| state.revoke(Permission::ImportImage));
    all_fail(
        &world,
        5,
        ACR,
        &[
            "Azure Resource Manager",
            "AuthorizationFailed",
            "Data Importer and Data Reader",
        ],
    );
}

#[test]
fn the_registry_cannot_be_listed() {
    let world = world();
    world.edit(|state| state.revoke(Permission::ReadRegistry));
    all_fail(
        &world,
        5,
        ACR,
        &["Azure Resource Manager", "registries/read"],
    );
}

#[test]
fn the_subscription_is_not_visible() {
    let world = world();
    world.edit(|state| state.revoke(Permission::ReadSubscription));
    all_fail(
        &world,
        5,
        ACR,
        &["Azure Resource Manager", "AZURE_RESOURCE_SUBSCRIPTION_ID"],
    );
}

#[test]
fn the_registry_is_not_found() {
    let world = world();
    all_fail(
        &world,
        2,
        "nosuchacr",
        &["registry nosuchacr is not among", "check REGISTRY_NAME"],
    );
}

#[test]
fn an_import_that_fails_for_every_known_cause() {
    for (failure, part) in [
        (
            ImportFailure::SourceUnauthorized,
            "the source refused Azure",
        ),
        (
            ImportFailure::SourceNotFound,
            "the image is gone from the source",
        ),
        (ImportFailure::SourceRateLimited, "USE_DOCKER_AUTH"),
        (
            ImportFailure::RangesNotSupported,
            "could not read the source's blobs",
        ),
        (
            ImportFailure::CopyingBlobs,
            "could not read the source's blobs",
        ),
        (
            ImportFailure::UnexpectedStatus,
            "could not read the source's blobs",
        ),
    ] {
        let world = world();
        world.edit(|state| {
            // What fails never shows at the destination: it is heard of at the next poll.
            state.azure.imports.retry_after = 1;
            let rules = &mut state.azure.imports.rules;
            rules.push(rule(ImportResult::Fail(failure.clone())));
        });
        one_fails(&world, "60", &[part]);
        assert_eq!(imports_of(&world, ONE), 1, "{failure:?}");
    }
}

#[test]
fn an_import_that_hangs_ends_with_the_deadline() {
    let world = world();
    world.edit(|state| state.azure.imports.rules.push(rule(ImportResult::Hang)));
    let ended = one_is_in_doubt(&world, "6", &["the deadline of the run, 6 s"]);
    assert!(ended.took < Duration::from_secs(8), "{:?}", ended.took);
}

#[test]
fn an_import_that_succeeds_with_another_digest() {
    let world = world();
    world.edit(|state| {
        state
            .azure
            .imports
            .rules
            .push(rule(ImportResult::OtherDigest))
    });
    let ended = one_fails(
        &world,
        "60",
        &["after the import", "points at sha256:", "do not deploy it"],
    );
    assert!(ended.report("report.html").contains("after the import"));
}

#[test]
fn a_tag_that_stays_missing_after_success_is_uncertain_and_not_failed() {
    for result in [ImportResult::Nothing, ImportResult::Dangling] {
        let world = world();
        world.edit(|state| state.azure.imports.rules.push(rule(result)));
        let parts = [
            "Azure reports that the import succeeded",
            "is not there yet",
            "geo-replica",
        ];
        let ended = one_is_uncertain(&world, "14", &parts);
        assert!(!ended.stderr.contains("do not deploy"), "{}", ended.stderr);
    }
}

#[test]
fn a_tag_that_appears_eight_seconds_after_success_is_imported() {
    let world = world();
    world.edit(|state| {
        state.azure.imports.retry_after = 1;
        let late = ImportResult::Late {
            milliseconds: 8_000,
        };
        state.azure.imports.rules.push(rule(late));
    });
    let ended = run(TASKSET, &world).end();
    ended.expect(0, &[]);
    let (one, others) = outcomes(&ended);
    assert_eq!(
        (one.as_str(), others),
        ("imported", vec!["imported".to_owned(); 4])
    );
    assert!(ended.took > Duration::from_secs(8), "{:?}", ended.took);
}

#[test]
fn a_tag_that_shows_its_previous_digest_after_success_is_waited_for() {
    let world = Sandbox::start(Scenario::named("drifted").expect("a scenario")).expect("a sandbox");
    world.edit(|state| {
        state.azure.imports.retry_after = 1;
        let late = ImportResult::Late {
            milliseconds: 8_000,
        };
        state.azure.imports.rules.push(rule(late));
    });
    let ended = run(TASKSET, &world).end();
    ended.expect(0, &[]);
    assert_eq!(outcomes(&ended).0, "imported");
    // And when it never changes, that is not known to be a failure.
    let world = Sandbox::start(Scenario::named("drifted").expect("a scenario")).expect("a sandbox");
    world.edit(|state| state.azure.imports.rules.push(rule(ImportResult::Nothing)));
    let ended = run(TASKSET, &world).set("TIMEOUT_SECONDS", "14").end();
    ended.expect(3, &["Azure reports that the import succeeded"]);
    assert_eq!(outcomes(&ended).0, "uncertain");
}

#[test]
fn a_failure_of_an_import_whose_image_is_there_is_not_a_failure() {
    for failure in [
        ImportFailure::CopyingBlobs,
        ImportFailure::SourceRateLimited429,
    ] {
        let world = world();
        world.edit(|state| {
            state.azure.imports.retry_after = 1;
            let rules = &mut state.azure.imports.rules;
            rules.push(rule(ImportResult::FailAndArrive(failure.clone())));
        });
        let ended = run(TASKSET, &world).end();
        ended.expect(0, &["the destination has the image in spite of this"]);
        let (one, others) = outcomes(&ended);
        assert_eq!(
            (one.as_str(), others),
            ("imported", vec!["imported".to_owned(); 4])
        );
        assert_eq!(ended.json("issues.json"), serde_json::json!([]));
    }
}

#[test]
fn a_canceled_import_is_called_canceled() {
    let world = world();
    world.edit(|state| {
        state.azure.imports.retry_after = 1;
        state.azure.imports.rules.push(rule(ImportResult::Cancel));
    });
    let ended = one_fails(&world, "60", &["the import was canceled"]);
    let issues = ended.json("issues.json").to_string();
    assert!(issues.contains("the import was canceled"), "{issues}");
}

#[test]
fn nested_details_of_a_failure_are_in_the_issue() {
    let world = world();
    let body = serde_json::json!({"status": "Failed", "error": {"code": "ImportFailed", "message": "The import failed.",
    "details": [{"code": "CopyFailed", "message": "see below", "details": [
        {"code": "BlobTimeout", "message": "GET https://a.blob.core.windows.net/b?sv=1&sig=SIGNED-word&se=2026 timed out"},
    ]}]}});
    let poll = Fault::on(ARM)
        .method("GET")
        .path_contains("operationResults")
        .about(ONE);
    let kind = ReplacedResponse::Status {
        code: 200,
        headers: Vec::new(),
        body: body.to_string(),
    };
    world.inject(poll, kind);
    world.edit(|state| state.azure.imports.rules.push(rule(ImportResult::Nothing)));
    let ended = one_fails(&world, "60", &["BlobTimeout"]);
    for text in [
        ended.json("issues.json").to_string(),
        ended.json("taskset.json").to_string(),
        ended.stdout.clone(),
        ended.stderr.clone(),
        ended.report("report.html").replace("&#x3D;", "="),
    ] {
        assert!(
            text.contains("CopyFailed") && text.contains("BlobTimeout"),
            "{text}"
        );
        assert!(
            text.contains("sig=…") && !text.contains("SIGNED-word"),
            "{text}"
        );
    }
}

#[test]
fn docker_hubs_limit_as_the_status_of_the_operation_is_a_failed_import() {
    let world = world();
    world.edit(|state| {
        state.azure.imports.retry_after = 1;
        let rules = &mut state.azure.imports.rules;
        rules.push(rule(ImportResult::Fail(
            ImportFailure::SourceRateLimited429,
        )));
    });
    let ended = one_fails(&world, "60", &["429 Too Many Requests", "USE_DOCKER_AUTH"]);
    assert!(
        !ended.stderr.contains("may still end well"),
        "{}",
        ended.stderr
    );
    assert!(ended.took < Duration::from_secs(20), "{:?}", ended.took);
}

#[test]
fn a_throttled_poll_is_tried_again() {
    let world = world();
    let poll = Fault::on(ARM)
        .method("GET")
        .path_contains("operationResults")
        .about(ONE);
    let kind = ReplacedResponse::TooManyRequests {
        retry_after: RetryAfter::Seconds(1),
    };
    world.inject(poll.times(2), kind);
    let ended = run(TASKSET, &world).end();
    ended.expect(0, &["trying again", "TooManyRequests"]);
}

#[test]
fn a_conflict_with_another_import_of_the_same_target_is_waited_for() {
    let world = world();
    let start = Fault::on(ARM)
        .method("POST")
        .path_contains("/importImage")
        .about(ONE);
    let conflict = || ReplacedResponse::Status {
        code: 409,
        headers: Vec::new(),
        body: r#"{"error":{"code":"Conflict","message":"Another operation is in progress."}}"#
            .to_owned(),
    };
    world.inject(start.clone().once(), conflict());
    // Nothing arrives by itself, so the import is started again.
    let ended = run(TASKSET, &world).end();
    ended.expect(0, &["waiting for another import of the same target"]);
    assert_eq!(imports_of(&world, ONE), 2);
    // It does not end in time: whether the image arrives is not known.
    let world = self::world();
    world.inject(start, conflict());
    let ended = one_is_in_doubt(&world, "14", &["the deadline of the run"]);
    assert!(ended.took < Duration::from_secs(16), "{:?}", ended.took);
}

#[test]
fn a_full_registry_is_not_blamed_on_the_source() {
    let world = world();
    world.edit(|state| {
        state.azure.imports.retry_after = 1;
        let rules = &mut state.azure.imports.rules;
        rules.push(rule(ImportResult::Fail(ImportFailure::StorageQuota)));
    });
    let parts = [
        "destination registry (ACR)",
        "az acr show-usage --name myacr",
    ];
    let ended = one_fails(&world, "60", &parts);
    assert!(
        !ended.stderr.contains("the source refused"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_wrong_subscription_is_named_as_the_variable_to_correct() {
    let world = world();
    let ended = run(TASKSET, &world)
        .set(
            "AZURE_RESOURCE_SUBSCRIPTION_ID",
            "99999999-2222-3333-4444-555555555555",
        )
        .end();
    let advice = "AZURE_RESOURCE_SUBSCRIPTION_ID must be the subscription that holds the registry: correct it";
    ended.expect(5, &["SubscriptionNotFound", advice]);
}

#[test]
fn a_registry_that_is_not_there_is_told_with_those_that_are() {
    let world = world();
    let ended = run(TASKSET, &world).set("REGISTRY_NAME", "nosuchacr").end();
    ended.expect(
        2,
        &["is not among the 1 that", "identity: myacr.azurecr.io"],
    );
}

#[test]
fn acr_pull_is_offered_only_where_the_registry_honours_it() {
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
fn a_locked_tag_is_told_and_not_tried() {
    let world = drifted_and_locked();
    let (tag, image) = (Scenario::newest_tag(ONE), format!("runwhen/{ONE}"));
    let command =
        format!("az acr repository update --name myacr --image {image}:{tag} --write-enabled true");
    let ended = one_fails(
        &world,
        "60",
        &[
            &format!("{image}:{tag} points at another digest and is locked"),
            &command,
        ],
    );
    assert_eq!(imports_of(&world, ONE), 0);
    for text in [&ended.stdout, &ended.report("report.html")] {
        assert!(!text.contains("&lt;"), "{text}");
        assert!(
            text.contains(&command) || text.contains(&command.replace("--", "\\-\\-")),
            "{text}"
        );
    }
}

#[test]
fn a_request_to_import_that_is_throttled_is_sent_again() {
    let world = world();
    let start = Fault::on(ARM).method("POST").path_contains("/importImage");
    world.inject(
        start.once(),
        ReplacedResponse::TooManyRequests {
            retry_after: RetryAfter::Seconds(1),
        },
    );
    run(TASKSET, &world).end().expect(0, &["trying again"]);
}

#[test]
fn a_request_to_import_whose_answer_is_lost_is_not_sent_twice() {
    let world = world();
    let start = Fault::on(ARM).method("POST").path_contains("/importImage");
    world.inject(start.once(), DamagedResponse::ResetAfterHeaders);
    let ended = run(TASKSET, &world).set("TIMEOUT_SECONDS", "12").end();
    let started = world
        .requests()
        .iter()
        .filter(|request| request.path.ends_with("/importImage"))
        .count();
    assert_eq!(started, 5, "{}", ended.stderr);
    assert!(matches!(ended.code, 0 | 4), "{}", ended.stderr);
}

#[test]
fn a_poll_that_fails_now_and_then_is_no_failure() {
    let world = world();
    let poll = Fault::on(ARM).method("GET").path_contains("operation");
    world.inject(
        poll.times(2),
        ReplacedResponse::Status {
            code: 502,
            headers: Vec::new(),
            body: String::new(),
        },
    );
    run(TASKSET, &world).end().expect(0, &[]);
}

#[test]
fn one_source_is_down_and_the_others_are_synced() {
    let world = world();
    let list = Fault::on(support::SOURCE).path_contains(&format!("{ONE}/tags/list"));
    world.inject(
        list,
        ReplacedResponse::Status {
            code: 403,
            headers: Vec::new(),
            body: String::new(),
        },
    );
    let ended = run(TASKSET, &world).end();
    ended.expect(3, &["403 Forbidden"]);
    let (one, others) = outcomes(&ended);
    assert_eq!(
        (one.as_str(), others),
        ("none", vec!["imported".to_owned(); 4])
    );
    assert!(
        ended
            .stdout
            .contains("5 images: 4 imported and verified, 1 could not be checked."),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_signal_during_imports_reports_what_was_done() {
    let world = world();
    world.edit(|state| state.azure.imports.rules.push(rule(ImportResult::Hang)));
    let run = run(TASKSET, &world);
    let started = Instant::now();
    let child = run.spawn();
    std::thread::sleep(Duration::from_secs(5));
    signal(&child, "INT");
    let ended = run.wait(child, started);
    ended.expect(4, &["stopped by a signal"]);
    let (one, others) = outcomes(&ended);
    assert_eq!(
        (one.as_str(), others),
        ("failed", vec!["imported".to_owned(); 4])
    );
    assert!(
        ended
            .stdout
            .contains("4 imported and verified, 1 could not be imported"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_report_folder_that_cannot_be_written_to_stops_the_run_before_any_import() {
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
fn a_folder_of_artifacts_that_cannot_be_made_stops_the_run_before_any_import() {
    let world = world();
    let run = run(TASKSET, &world);
    std::fs::write(run.folder().join("azure-rw-acr-sync"), "").expect("a file");
    run.end().expect(2, &["OUTPUT_DIR", "cannot be written to"]);
    assert!(world.requests().is_empty());
}

#[test]
fn a_service_that_asks_for_no_wait_is_not_overrun() {
    let world = world();
    world.edit(|state| {
        state.azure.imports.retry_after = 0;
        state.azure.imports.rules.push(rule(ImportResult::Hang));
    });
    let ended = one_is_in_doubt(&world, "8", &["run again in a few minutes"]);
    let polls = world
        .requests()
        .iter()
        .filter(|request| request.host == ARM && request.method == "GET")
        .count();
    assert!(polls < 60, "{polls} polls in {:?}", ended.took);
}

#[test]
fn a_source_that_stalls_does_not_take_the_time_of_the_imports() {
    let world = world();
    let list = Fault::on(support::SOURCE).path_contains(&format!("{ONE}/tags/list"));
    world.inject(list, ReplacedResponse::Stall);
    let ended = run(TASKSET, &world).set("TIMEOUT_SECONDS", "16").end();
    ended.expect(3, &["the deadline of one image"]);
    let (one, others) = outcomes(&ended);
    assert_eq!(
        (one.as_str(), others),
        ("none", vec!["imported".to_owned(); 4])
    );
}

#[test]
fn a_start_that_was_surely_refused_is_told_at_once() {
    let world = world();
    let start = Fault::on(ARM).method("POST").path_contains("/importImage");
    world.inject(
        start,
        ReplacedResponse::Status {
            code: 503,
            headers: Vec::new(),
            body: String::new(),
        },
    );
    let ended = run(TASKSET, &world).end();
    ended.expect(4, &["503 Service Unavailable"]);
    assert!(!ended.stderr.contains("may have begun"), "{}", ended.stderr);
    assert!(ended.took < Duration::from_secs(30), "{:?}", ended.took);
}

#[test]
fn a_locked_tag_is_mentioned_by_a_run_that_only_looks() {
    let world = drifted_and_locked();
    let ended = run(TASKSET, &world).set("SYNC_IMAGES", "false").end();
    ended.expect(0, &["is locked"]);
}

#[test]
fn every_cause_stands_in_the_report_whole() {
    let world = world();
    world.edit(|state| {
        state.azure.imports.retry_after = 1;
        let rules = &mut state.azure.imports.rules;
        rules.push(rule(ImportResult::Fail(ImportFailure::CopyingBlobs)));
        let other = "runwhen-contrib-rw-public-codecollection".to_owned();
        rules.push(ImportRule {
            contains: other,
            ..rule(ImportResult::Fail(ImportFailure::UnexpectedStatus))
        });
    });
    let ended = run(TASKSET, &world).end();
    ended.expect(4, &[]);
    for text in [
        ended.stdout.clone(),
        ended.report("report.html"),
        ended.json("issues.json").to_string(),
    ] {
        for cause in ["Error copying blobs", "Unexpected response status code"] {
            assert!(text.contains(cause), "{cause:?} is not in:\n{text}");
        }
    }
}

#[test]
fn too_few_file_descriptors_are_an_error_and_not_a_panic() {
    support::few_descriptors(TASKSET, &world());
}
