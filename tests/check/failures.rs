//! What `sli` reports if Azure, a source or the destination fails.
//!
//! An image that could not be read is unknown and never counted, and the failure of one image does not change the verdict
//! of another. The fault matrix (`tests/faults`) asserts this for every endpoint and fault; here are the messages.

use std::time::{Duration, Instant};

use sandbox::registry::RegistryKind;
use sandbox::{
    ConnectionFault, DamagedResponse, Fault, FaultKind, Permission, RedirectTarget,
    ReplacedResponse, RetryAfter, Sandbox, Scenario,
};

use crate::SLI;
use crate::support::cases::test_all;
use crate::support::waiting::wait_until_answered;
use crate::support::{ACR, Ended, ONE, Run, SOURCE, one_list, run, signal, status};

fn world() -> Sandbox {
    Sandbox::start(Scenario::outdated()).expect("a sandbox")
}

/// One image is unknown, the other four have their verdict, and there is no number.
#[track_caller]
fn one_is_unknown(run: Run<'_>, parts: &[&str]) -> Ended {
    let ended = run.end();
    ended.expect(3, parts);
    assert_eq!(ended.stdout, "", "a number although an image is unknown");
    assert_eq!(ended.verdict_of_one("sli.json", "Missing"), "Unknown");
    assert_eq!(
        ended.json("sli.json")["needs_sync"],
        serde_json::Value::Null
    );
    assert_eq!(ended.json("sli.json")["status"], "something_unknown");
    ended
}

/// A fault that affects only one image.
struct Case {
    name: &'static str,
    at: Fault,
    fault: FaultKind,
    message: &'static [&'static str],
}

/// A fault of the tag list of one image.
fn list(name: &'static str, fault: impl Into<FaultKind>, message: &'static [&'static str]) -> Case {
    Case {
        name,
        at: one_list(),
        fault: fault.into(),
        message,
    }
}

#[test]
fn failure_at_one_image_makes_only_this_image_unknown() {
    let redirect = |to| ReplacedResponse::Redirect { to };
    let place = &["source registry", "tags/list"];
    let retried = &["source registry", "tags/list", "tried 5 times"];
    let denied = status(403, r#"{"errors":[{"code":"DENIED","message":"no"}]}"#);
    #[rustfmt::skip] // a table
    let cases = [
        list("403", denied, &["source registry", "403 Forbidden", "DENIED: no", "the image is private"]),
        list("503", status(503, "busy"), &["503 Service Unavailable", "tried 5 times"]),
        list("reset before the headers", ReplacedResponse::ResetBeforeHeaders, retried),
        list("reset after the headers", DamagedResponse::ResetAfterHeaders, retried),
        list("cut body", DamagedResponse::CutBody, &["broke off"]),
        list("HTML", ReplacedResponse::Html, &["the body is HTML where JSON was expected", "HTTPS_PROXY"]),
        list("JSON of another shape", DamagedResponse::WrongShape, place),
        list("truncated JSON", DamagedResponse::TruncatedJson, place),
        list("empty body", DamagedResponse::EmptyBody, place),
        list("redirect loop", redirect(RedirectTarget::Loop), place),
        list("redirect to http", redirect(RedirectTarget::PlainHttp), place),
        list("redirect to another host", redirect(RedirectTarget::OtherHost(ACR.to_owned())), place),
        Case {
            at: Fault::on(ACR).path_contains(&format!("{ONE}/manifests/")),
            ..list("500 at the ACR", status(500, ""), &["destination registry", "500 Internal Server Error"])
        },
    ];
    test_all(
        &cases,
        |case| case.name,
        |case| {
            let world = world();
            world.inject(case.at.clone(), case.fault.clone());
            one_is_unknown(run(SLI, &world), case.message);
        },
    );
}

/// A change that makes Azure refuse the whole run.
struct Refusal {
    name: &'static str,
    setting: Option<(&'static str, &'static str)>,
    change: fn(&mut sandbox::World),
    message: &'static [&'static str],
}

const UNKNOWN_ID: &str = "99999999-0000-4000-8000-000000000009";

#[test]
fn azure_refusal_makes_every_image_unknown_and_is_one_issue() {
    let no_change = |_: &mut sandbox::World| {};
    let cases = [
        Refusal {
            name: "wrong secret",
            setting: Some(("AZURE_CLIENT_SECRET", "not~the~Secret.8Q")),
            change: no_change,
            message: &[
                "Microsoft Entra login",
                "AADSTS7000215",
                "put a valid client secret into AZURE_CLIENT_SECRET, then run",
            ],
        },
        Refusal {
            name: "unknown tenant",
            setting: Some(("AZURE_TENANT_ID", UNKNOWN_ID)),
            change: no_change,
            message: &[
                "AADSTS90002",
                "put the id of an existing tenant into AZURE_TENANT_ID",
            ],
        },
        Refusal {
            name: "unknown application",
            setting: Some(("AZURE_CLIENT_ID", UNKNOWN_ID)),
            change: no_change,
            message: &[
                "AADSTS700016",
                "put the id of an application of this tenant into AZURE_CLIENT_ID",
            ],
        },
        Refusal {
            name: "firewall",
            setting: None,
            change: |state| {
                let acr = state.registries.get_mut(ACR).expect("the ACR");
                let RegistryKind::Azure(settings) = &mut acr.kind else {
                    panic!("not an ACR")
                };
                settings.firewall_closed = true;
            },
            message: &[
                "destination registry",
                "myacr.azurecr.io refused the request: client IP 203.0.113.7 is not allowed by the registry's firewall (POST https://",
                "under Networking",
            ],
        },
        Refusal {
            name: "role to pull",
            setting: None,
            change: |state| state.revoke(Permission::Pull),
            message: &["destination registry", "Data Importer and Data Reader"],
        },
    ];
    test_all(
        &cases,
        |case| case.name,
        |case| {
            let world = world();
            world.edit(case.change);
            let mut run = run(SLI, &world);
            if let Some((name, value)) = case.setting {
                run = run.set(name, value);
            }
            let ended = run.end();
            ended.expect(5, case.message);
            assert_eq!(ended.stdout, "");
            let verdicts = ended.verdicts("sli.json");
            assert_eq!(verdicts.len(), 5);
            assert!(
                verdicts.values().all(|verdict| verdict == "Unknown"),
                "{verdicts:?}"
            );
            let issues = ended.json("issues.json");
            assert_eq!(issues.as_array().map(Vec::len), Some(1), "{issues}");
            let details = issues[0]["details"].as_str().unwrap_or_default();
            let command =
                details.contains("az role assignment create --role \"Container Registry Data");
            assert_eq!(command, case.name == "role to pull", "{details}");
        },
    );
}

#[test]
fn unknown_registry_names_the_setting() {
    let world = world();
    let ended = run(SLI, &world)
        .set("REGISTRY_NAME", "nosuchacr.azurecr.io")
        .end();
    ended.expect(3, &["nosuchacr.azurecr.io", "check REGISTRY_NAME"]);
    assert_eq!(ended.stdout, "");
}

#[test]
fn absent_source_repository_is_not_published() {
    let world = world();
    world.inject(
        one_list(),
        status(
            404,
            r#"{"errors":[{"code":"NAME_UNKNOWN","message":"gone"}]}"#,
        ),
    );
    let ended = run(SLI, &world).end();
    ended.expect(
        0,
        &["No main-latest found in", "the repository does not exist"],
    );
    assert_eq!(ended.stdout, "4\n");
    assert_eq!(ended.verdict_of_one("sli.json", "Missing"), "NotPublished");
}

#[test]
fn retry_after_of_seconds_is_honoured() {
    let world = world();
    world.inject(
        one_list().once(),
        ReplacedResponse::TooManyRequests {
            retry_after: RetryAfter::Seconds(2),
        },
    );
    let ended = run(SLI, &world).set("LOG_LEVEL", "debug").end();
    assert_eq!(ended.expect(0, &["trying again"]).stdout, "5\n");
    assert!(
        ended.took >= Duration::from_secs(2),
        "Retry-After was not honoured: {:?}",
        ended.took
    );
    assert_eq!(ended.json("sli.json")["hosts"][SOURCE]["retries"], 1);
}

#[test]
fn retry_after_of_days_ends_the_retries_at_once() {
    let world = world();
    world.inject(
        one_list(),
        ReplacedResponse::TooManyRequests {
            retry_after: RetryAfter::Absurd,
        },
    );
    let ended = one_is_unknown(
        run(SLI, &world),
        &["429 Too Many Requests", "retry after", "try again later"],
    );
    assert!(ended.took < Duration::from_secs(60), "{:?}", ended.took);
}

#[test]
fn three_failed_requests_are_reported_and_retried() {
    let world = world();
    world.inject(one_list().times(3), status(500, ""));
    let ended = run(SLI, &world).set("LOG_LEVEL", "debug").end();
    assert_eq!(
        ended.expect(0, &["500 Internal Server Error"]).stdout,
        "5\n"
    );
    assert_eq!(ended.json("sli.json")["hosts"][SOURCE]["retries"], 3);
}

#[test]
fn untrusted_certificate_of_one_connection_makes_its_image_unknown() {
    for kind in [
        ConnectionFault::CertificateOfForeignAuthority,
        ConnectionFault::CertificateForOtherHost,
        ConnectionFault::CertificateExpired,
    ] {
        let world = world();
        // One connection of five; any of the images may use it.
        world.inject(Fault::on(SOURCE).once(), kind.clone());
        let ended = run(SLI, &world).end();
        ended.expect(3, &["certificate", "SSL_CERT_FILE"]);
        let verdicts = ended.verdicts("sli.json");
        let count = |name| verdicts.values().filter(|verdict| *verdict == name).count();
        assert_eq!(
            (count("Unknown"), count("Missing")),
            (1, 4),
            "{kind:?}: {verdicts:?}"
        );
    }
}

#[test]
fn endless_body_is_bounded() {
    let world = world();
    world.inject(one_list(), ReplacedResponse::EndlessBody);
    let ended = one_is_unknown(run(SLI, &world), &["a list of more than 200000 items"]);
    assert!(ended.took < Duration::from_secs(30), "{:?}", ended.took);
}

#[test]
fn manifest_that_does_not_match_its_digest_is_not_trusted() {
    let world =
        Sandbox::start(Scenario::named("plain-list").expect("a scenario")).expect("a sandbox");
    world.inject(
        Fault::on(SOURCE).path_contains(&format!("{ONE}/manifests/")),
        DamagedResponse::WrongDigest,
    );
    one_is_unknown(
        run(SLI, &world),
        &["do not match their digest", "do not trust this content"],
    );
}

#[test]
fn clock_offset_of_hours_or_days_changes_no_verdict_and_no_token() {
    for offset in [-3600, 3600, -432_000, 432_000] {
        let world = world();
        world.edit(|state| state.clock_offset = offset);
        assert_eq!(run(SLI, &world).end().expect(0, &[]).stdout, "5\n");
        let requests = world.requests();
        let tokens = requests
            .iter()
            .filter(|request| request.path == "/oauth2/token");
        assert_eq!(tokens.count(), 1, "a valid token was requested again");
    }
}

#[test]
fn deadline_is_reported_with_its_setting() {
    let world = world();
    world.inject(one_list(), ReplacedResponse::Stall);
    let ended = one_is_unknown(
        run(SLI, &world).set("TIMEOUT_SECONDS", "2"),
        &["the deadline of the run, 2 s", "TIMEOUT_SECONDS"],
    );
    // The timeout of a request is 20 seconds.
    assert!(ended.took < Duration::from_secs(15), "{:?}", ended.took);
}

#[test]
fn signal_ends_the_run_with_its_artifacts() {
    for name in ["TERM", "INT", "HUP"] {
        let world = world();
        world.inject(one_list(), ReplacedResponse::Stall);
        let run = run(SLI, &world);
        let started = Instant::now();
        let child = run.spawn();
        wait_until_answered(&world, ACR, 4, |request| request.method == "HEAD");
        let sent = Instant::now();
        signal(&child, name);
        let ended = run.wait(child, started);
        ended.expect(3, &["stopping", "stopped by a signal"]);
        assert_eq!(ended.verdict_of_one("sli.json", "Missing"), "Unknown");
        assert!(sent.elapsed() < Duration::from_secs(15));
    }
}

#[test]
fn output_folder_that_cannot_be_written_to_ends_the_run_before_any_request() {
    let world = world();
    let run = run(SLI, &world);
    let file = run.folder().join("a-file");
    std::fs::write(&file, "").expect("a file");
    let ended = run
        .set("OUTPUT_DIR", file.join("below").display().to_string())
        .end();
    ended.expect(2, &["OUTPUT_DIR", "cannot be written to"]);
    assert!(world.requests().is_empty());
}

#[test]
fn ca_bundle_that_cannot_be_read_is_a_configuration_error() {
    let world = world();
    let ended = run(SLI, &world)
        .set("SSL_CERT_FILE", "/nonexistent/ca.pem")
        .end();
    ended.expect(2, &["SSL_CERT_FILE", "/nonexistent/ca.pem"]);
}

#[test]
fn unreachable_proxy_does_not_reveal_its_password() {
    let world = world();
    let ended = run(SLI, &world)
        .set("HTTPS_PROXY", "http://me:proxy-SECRET-word@127.0.0.1:1")
        .set("TIMEOUT_SECONDS", "10")
        .end();
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(
        !ended.stderr.contains("proxy-SECRET-word") && !ended.stderr.contains("me:"),
        "{}",
        ended.stderr
    );
}

#[test]
fn control_characters_of_a_service_do_not_reach_the_terminal() {
    let world = world();
    let body = "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"\\u001b[2Jgone <script>alert(1)</script>\"}]}";
    world.inject(one_list(), status(403, body));
    let ended = one_is_unknown(run(SLI, &world), &["[2Jgone"]);
    assert!(
        !ended.stderr.contains('\u{1b}')
            && !ended.json("issues.json").to_string().contains("\\u001b")
    );
}

#[test]
fn truncated_list_does_not_prove_that_a_tag_is_absent() {
    // As many tags as Google lists at once, without `main-latest`.
    let world = world();
    let tags: Vec<_> = (0..10_000).map(|number| format!("aaa-{number}")).collect();
    let body = serde_json::json!({"name": "r", "tags": tags}).to_string();
    let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    world.inject(
        one_list(),
        ReplacedResponse::Status {
            code: 200,
            headers,
            body,
        },
    );
    one_is_unknown(
        run(SLI, &world),
        &[
            "no stable tag with the same digest as main-latest",
            "were not",
        ],
    );
}

#[test]
fn absent_credentials_and_managed_identity_are_reported_within_seconds() {
    let world = world();
    // Nothing listens on this port.
    let ended = run(SLI, &world)
        .unset(&[
            "AZURE_TENANT_ID",
            "AZURE_CLIENT_ID",
            "AZURE_CLIENT_SECRET",
            "AZURE_SUBSCRIPTION_ID",
        ])
        .set("IDENTITY_ENDPOINT", "http://127.0.0.1:1/token")
        .set("IDENTITY_HEADER", "x")
        .end();
    let forms = "of the other forms in docs/credentials.md";
    ended.expect(
        5,
        &[
            "no managed identity responded",
            "AZURE_CLIENT_SECRET",
            forms,
        ],
    );
    assert!(ended.took < Duration::from_secs(20), "{:?}", ended.took);
}

#[test]
fn ids_that_would_change_the_url_are_configuration_errors() {
    let world = world();
    let ended = run(SLI, &world)
        .set("AZURE_SUBSCRIPTION_ID", "../../x?y")
        .set("AZURE_TENANT_ID", "bad tenant/..")
        .set("REGISTRY_NAME", "https://user:hunter2@myacr.azurecr.io")
        .end();
    ended.expect(
        2,
        &[
            "AZURE_SUBSCRIPTION_ID",
            "AZURE_TENANT_ID",
            "here \"myacr.azurecr.io\"",
        ],
    );
    assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
    assert!(world.requests().is_empty());
}

#[test]
fn broken_pipe_on_stdout_exits_zero() {
    let world = world();
    let script = format!("{SLI} | true; exit ${{PIPESTATUS[0]}}");
    let folder = tempfile::tempdir().expect("a folder");
    let status = std::process::Command::new("bash")
        .args(["-c", &script])
        .env_clear()
        .envs(world.environment())
        .env("PATH", "/usr/bin:/bin")
        .env("OUTPUT_DIR", folder.path())
        .status();
    assert_eq!(status.expect("bash runs").code(), Some(0));
}
