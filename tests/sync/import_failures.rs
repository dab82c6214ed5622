//! Imports that fail, do not end, or end with another result than Azure reports.

use std::time::Duration;

use sandbox::{
    DamagedResponse, ImportFailure, ImportResult, ImportRule, ReplacedResponse, RetryAfter,
    Sandbox, Scenario,
};

use super::outcomes::*;
use crate::TASKSET;
use crate::support::cases::test_all;
use crate::support::{ARM, ONE, run, status};

fn drifted() -> Sandbox {
    Sandbox::start(Scenario::named("drifted").expect("a scenario")).expect("a sandbox")
}

/// The end of an import, and what the run reports.
struct Case {
    name: &'static str,
    result: ImportResult,
    message: &'static [&'static str],
    unwanted: &'static [&'static str],
}

#[test]
fn failed_import_names_the_cause_and_leaves_the_other_images() {
    let fails = |name, failure, message| Case {
        name,
        result: ImportResult::Fail(failure),
        message,
        unwanted: &[],
    };
    let blobs = &["could not read the source's blobs"];
    #[rustfmt::skip] // a table
    let cases = [
        fails("source refuses Azure", ImportFailure::SourceUnauthorized, &["Azure could not pull", "from us-west1-docker.pkg.dev: UNAUTHORIZED (authentication required) (GET https://"]),
        fails("absent at the source", ImportFailure::SourceNotFound, &["the image does not exist at the source any more"]),
        fails("limit of the source", ImportFailure::SourceRateLimited, &["USE_DOCKER_AUTH"]),
        Case {
            unwanted: &["may still succeed in Azure"],
            ..fails("limit of Docker Hub as the status of the operation", ImportFailure::SourceRateLimited429,
                &["429 Too Many Requests", "USE_DOCKER_AUTH"])
        },
        fails("ranges", ImportFailure::RangesNotSupported, blobs),
        fails("copying blobs", ImportFailure::CopyingBlobs, blobs),
        fails("unexpected status", ImportFailure::UnexpectedStatus, blobs),
        Case {
            unwanted: &["could not pull"],
            ..fails("full registry", ImportFailure::StorageQuota,
                &["destination registry", "az acr show-usage --name myacr"])
        },
        Case {
            name: "canceled",
            result: ImportResult::Cancel,
            message: &["the import was canceled"],
            unwanted: &[],
        },
    ];
    test_all(
        &cases,
        |case| case.name,
        |case| {
            let world = world_with(case.result.clone());
            let ended = one_fails(&world, case.message);
            assert_eq!(imports_of(&world, ONE), 1);
            for part in case.unwanted {
                assert!(!ended.stderr.contains(part), "{part}: {}", ended.stderr);
            }
            assert!(ended.took < Duration::from_secs(20), "{:?}", ended.took);
            let issues = ended.json("issues.json").to_string().to_lowercase();
            for part in case.message {
                assert!(
                    issues.contains(&part.to_lowercase()),
                    "{part} is not in {issues}"
                );
            }
        },
    );
}

#[test]
fn import_that_hangs_ends_with_the_deadline() {
    let world = world();
    world.edit(|state| state.azure.imports.rules.push(rule(ImportResult::Hang)));
    let ended = one_does_not_end(&world, "6", &["the deadline of the run, 6 s"]);
    assert!(ended.took < Duration::from_secs(20), "{:?}", ended.took);
}

#[test]
fn import_with_another_digest_has_failed() {
    let world = world();
    world.edit(|state| {
        let rules = &mut state.azure.imports.rules;
        rules.push(rule(ImportResult::OtherDigest));
    });
    let parts = [
        "after the import",
        "points at sha256:",
        "do not deploy the image",
    ];
    let ended = one_fails(&world, &parts);
    assert!(
        ended
            .report("sync-report.html")
            .contains("after the import")
    );
}

#[test]
fn tag_that_stays_missing_after_success_is_uncertain_and_not_failed() {
    for result in [ImportResult::Nothing, ImportResult::Dangling] {
        let world = world();
        world.edit(|state| state.azure.imports.rules.push(rule(result)));
        let parts = [
            "Azure reports that the import succeeded",
            "does not exist yet",
            "geo-replica",
        ];
        let ended = one_is_uncertain(&world, "14", &parts);
        assert!(!ended.stderr.contains("do not deploy"), "{}", ended.stderr);
    }
}

fn eight_seconds_late() -> ImportResult {
    ImportResult::Late {
        milliseconds: 8_000,
    }
}

#[test]
fn tag_that_appears_eight_seconds_after_success_is_imported() {
    let world = world_with(eight_seconds_late());
    let ended = run(TASKSET, &world).end();
    ended.expect(0, &[]);
    others_are_imported(&ended, "imported");
    assert!(ended.took > Duration::from_secs(8), "{:?}", ended.took);
}

#[test]
fn tag_that_still_has_its_previous_digest_after_success_is_checked_again() {
    let world = drifted();
    world.edit(|state| {
        state.azure.imports.retry_after = 1;
        state.azure.imports.rules.push(rule(eight_seconds_late()));
    });
    let ended = run(TASKSET, &world).end();
    ended.expect(0, &[]);
    assert_eq!(outcomes(&ended).0, "imported");
    // A tag that never changes does not prove a failure either.
    let world = drifted();
    world.edit(|state| state.azure.imports.rules.push(rule(ImportResult::Nothing)));
    let ended = run(TASKSET, &world).set("TIMEOUT_SECONDS", "14").end();
    ended.expect(3, &["Azure reports that the import succeeded"]);
    assert_eq!(outcomes(&ended).0, "uncertain");
}

#[test]
fn failed_import_whose_image_arrived_is_imported() {
    for failure in [
        ImportFailure::CopyingBlobs,
        ImportFailure::SourceRateLimited429,
    ] {
        let world = world_with(ImportResult::FailAndArrive(failure));
        let ended = run(TASKSET, &world).end();
        ended.expect(0, &["the ACR has the image although an error was reported"]);
        others_are_imported(&ended, "imported");
        assert_eq!(ended.json("issues.json"), serde_json::json!([]));
    }
}

#[test]
fn nested_details_of_a_failure_are_in_the_issue() {
    let world = world();
    let body = serde_json::json!({"status": "Failed", "error": {"code": "ImportFailed", "message": "The import failed.",
    "details": [{"code": "CopyFailed", "message": "see below", "details": [
        {"code": "BlobTimeout", "message": "GET https://a.blob.core.windows.net/b?sv=1&sig=SIGNED-word&se=2026 timed out"},
    ]}]}});
    world.inject(poll(), status(200, &body.to_string()));
    world.edit(|state| state.azure.imports.rules.push(rule(ImportResult::Nothing)));
    let ended = one_fails(&world, &["BlobTimeout"]);
    for text in [
        ended.json("issues.json").to_string(),
        ended.json("taskset.json").to_string(),
        ended.stdout.clone(),
        ended.stderr.clone(),
        ended.report("sync-report.html").replace("&#x3D;", "="),
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
fn two_different_causes_are_both_in_the_report() {
    let world = world_with(ImportResult::Fail(ImportFailure::CopyingBlobs));
    world.edit(|state| {
        state.azure.imports.rules.push(ImportRule {
            contains: "runwhen-contrib-rw-public-codecollection".to_owned(),
            ..rule(ImportResult::Fail(ImportFailure::UnexpectedStatus))
        });
    });
    let ended = run(TASKSET, &world).end();
    ended.expect(4, &[]);
    for text in [
        ended.stdout.clone(),
        ended.report("sync-report.html"),
        ended.json("issues.json").to_string(),
    ] {
        for cause in ["Error copying blobs", "Unexpected response status code"] {
            assert!(text.contains(cause), "{cause:?} is not in:\n{text}");
        }
    }
}

#[test]
fn throttled_start_and_throttled_polls_are_retried() {
    for (fault, parts) in [
        (start().once(), &["trying again"][..]),
        (poll().times(2), &["trying again", "TooManyRequests"]),
    ] {
        let world = world();
        let retry_after = RetryAfter::Seconds(1);
        world.inject(fault, ReplacedResponse::TooManyRequests { retry_after });
        let debug = run(TASKSET, &world).set("LOG_LEVEL", "debug");
        debug.end().expect(0, parts);
    }
}

#[test]
fn start_that_was_certainly_refused_fails_at_once() {
    let world = world();
    world.inject(start(), status(503, ""));
    let ended = run(TASKSET, &world).end();
    ended.expect(4, &["503 Service Unavailable"]);
    assert!(!ended.stderr.contains("may have begun"), "{}", ended.stderr);
    assert!(ended.took < Duration::from_secs(30), "{:?}", ended.took);
}

#[test]
fn start_whose_response_is_lost_is_not_sent_twice() {
    let world = world();
    world.inject(start().once(), DamagedResponse::ResetAfterHeaders);
    let ended = run(TASKSET, &world).set("TIMEOUT_SECONDS", "12").end();
    assert_eq!(imports_of(&world, ""), 5, "{}", ended.stderr);
    assert!(matches!(ended.code, 0 | 4), "{}", ended.stderr);
}

#[test]
fn conflict_with_another_import_of_the_same_target_is_retried() {
    let conflict = status(
        409,
        r#"{"error":{"code":"Conflict","message":"Another operation is in progress."}}"#,
    );
    let start = start().about(ONE);
    let world = world();
    world.inject(start.clone().once(), conflict.clone());
    // The other import does not bring the image, so this run starts its import again.
    let ended = run(TASKSET, &world).end();
    ended.expect(0, &["waiting for another import of the same target"]);
    assert_eq!(imports_of(&world, ONE), 2);
    // The other import does not end in time, and may still succeed.
    let world = self::world();
    world.inject(start, conflict);
    let ended = one_does_not_end(&world, "14", &["the deadline of the run"]);
    assert!(ended.took < Duration::from_secs(30), "{:?}", ended.took);
}

#[test]
fn retry_after_of_zero_does_not_flood_azure() {
    let world = world();
    world.edit(|state| {
        state.azure.imports.retry_after = 0;
        state.azure.imports.rules.push(rule(ImportResult::Hang));
    });
    let ended = one_does_not_end(&world, "8", &["run again in a few minutes"]);
    let requests = world.requests();
    let polls = requests
        .iter()
        .filter(|request| request.host == ARM && request.method == "GET");
    let polls = polls.count();
    assert!(polls < 60, "{polls} polls in {:?}", ended.took);
}
