//! Bad days of a check: what `sli` says when the world does not answer as it should.
//!
//! The rule behind all of them: what is not known is never counted, and one image's trouble never changes
//! another's verdict.

mod support;

use std::time::{Duration, Instant};

use sandbox::{ConnectionFault, DamagedResponse, Fault, FaultKind, ReplacedResponse, RetryAfter, Sandbox, Scenario};
use support::{ACR, ENTRA, Ended, ONE, Run, SOURCE, run, signal};

const SLI: &str = env!("CARGO_BIN_EXE_sli");

fn world() -> Sandbox {
    Sandbox::start(Scenario::outdated()).expect("a sandbox")
}

/// A fault of the one repository's list of tags.
fn one_list() -> Fault {
    Fault::on(SOURCE).path_contains(&format!("{ONE}/tags/list"))
}

fn status(code: u16, body: &str) -> ReplacedResponse {
    ReplacedResponse::Status {
        code,
        headers: Vec::new(),
        body: body.to_owned(),
    }
}

/// One source has trouble: it is unknown, the other four are judged, and there is no number.
#[track_caller]
fn one_is_unknown(run: Run<'_>, parts: &[&str]) -> Ended {
    let ended = run.end();
    ended.expect(3, parts);
    assert_eq!(ended.stdout, "", "a number although something is unknown");
    assert_eq!(ended.verdict_of_one("sli.json", "Missing"), "Unknown");
    assert_eq!(
        ended.json("sli.json")["needs_sync"],
        serde_json::Value::Null
    );
    assert_eq!(ended.json("sli.json")["status"], "something_unknown");
    ended
}

/// Azure refuses: nothing is known, nothing is counted.
#[track_caller]
fn denied(run: Run<'_>, parts: &[&str]) {
    let ended = run.end();
    ended.expect(5, parts);
    assert_eq!(ended.stdout, "");
    let verdicts = ended.verdicts("sli.json");
    assert_eq!(verdicts.len(), 5);
    assert!(
        verdicts.values().all(|verdict| verdict == "Unknown"),
        "{verdicts:?}"
    );
    assert_eq!(
        ended.json("issues.json").as_array().map(Vec::len),
        Some(1),
        "one cause is one issue"
    );
}

#[test]
fn wrong_secret() {
    let world = world();
    let run = run(SLI, &world).set("AZURE_CLIENT_SECRET", "not~the~Secret.8Q");
    denied(
        run,
        &[
            "Microsoft Entra login",
            "AADSTS7000215",
            "the client secret is wrong",
        ],
    );
}

#[test]
fn no_such_tenant() {
    let world = world();
    let run = run(SLI, &world).set("AZURE_TENANT_ID", "99999999-0000-4000-8000-000000000009");
    denied(run, &["AADSTS90002", "check AZURE_TENANT_ID"]);
}

#[test]
fn no_such_application() {
    let world = world();
    let run = run(SLI, &world).set("AZURE_CLIENT_ID", "99999999-0000-4000-8000-000000000009");
    denied(run, &["AADSTS700016", "check AZURE_CLIENT_ID"]);
}

#[test]
fn the_registrys_firewall() {
    let world = world();
    world.edit(|state| {
        let acr = state.registries.get_mut(ACR).expect("the ACR");
        let sandbox::registry::RegistryKind::Azure(settings) = &mut acr.kind else {
            panic!("not an ACR")
        };
        settings.firewall_closed = true;
    });
    denied(
        run(SLI, &world),
        &[
            "destination registry (ACR)",
            "is not allowed access",
            "firewall",
        ],
    );
}

#[test]
fn the_role_to_pull_is_missing() {
    let world = world();
    world.edit(|state| state.revoke(sandbox::Permission::Pull));
    denied(
        run(SLI, &world),
        &[
            "destination registry (ACR)",
            "Data Importer and Data Reader",
        ],
    );
}

#[test]
fn a_registry_that_is_not_there() {
    let world = world();
    let ended = run(SLI, &world)
        .set("REGISTRY_NAME", "nosuchacr.azurecr.io")
        .end();
    ended.expect(3, &["nosuchacr.azurecr.io", "check REGISTRY_NAME"]);
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_source_repository_that_is_not_there() {
    let world = world();
    world.inject(
        one_list(),
        status(
            404,
            r#"{"errors":[{"code":"NAME_UNKNOWN","message":"gone"}]}"#,
        ),
    );
    let ended = run(SLI, &world).end();
    assert_eq!(
        ended
            .expect(
                0,
                &["No main-latest found in", "there is no such repository"]
            )
            .stdout,
        "4\n"
    );
    assert_eq!(ended.verdict_of_one("sli.json", "Missing"), "NotPublished");
}

#[test]
fn a_source_that_refuses() {
    let world = world();
    world.inject(
        one_list(),
        status(403, r#"{"errors":[{"code":"DENIED","message":"no"}]}"#),
    );
    one_is_unknown(
        run(SLI, &world),
        &[
            "source registry",
            "403 Forbidden",
            "DENIED: no",
            "private, misnamed",
        ],
    );
}

#[test]
fn a_source_that_throttles_is_waited_for() {
    let world = world();
    world.inject(
        one_list().once(),
        ReplacedResponse::TooManyRequests {
            retry_after: RetryAfter::Seconds(2),
        },
    );
    let ended = run(SLI, &world).end();
    assert_eq!(ended.expect(0, &["trying again"]).stdout, "5\n");
    assert!(
        ended.took >= Duration::from_secs(2),
        "Retry-After was not honoured: {:?}",
        ended.took
    );
    assert_eq!(ended.json("sli.json")["hosts"][SOURCE]["retries"], 1);
}

#[test]
fn a_source_that_throttles_until_a_date_is_waited_for() {
    let world = world();
    world.inject(
        one_list().once(),
        ReplacedResponse::TooManyRequests {
            retry_after: RetryAfter::Date(2),
        },
    );
    assert_eq!(
        run(SLI, &world).end().expect(0, &["trying again"]).stdout,
        "5\n"
    );
}

#[test]
fn a_source_that_asks_for_days_is_not_waited_for() {
    let world = world();
    world.inject(
        one_list(),
        ReplacedResponse::TooManyRequests {
            retry_after: RetryAfter::Absurd,
        },
    );
    let ended = one_is_unknown(
        run(SLI, &world),
        &["429 Too Many Requests", "asks to wait", "try again later"],
    );
    assert!(ended.took < Duration::from_secs(5), "{:?}", ended.took);
}

#[test]
fn three_failures_and_then_an_answer() {
    let world = world();
    world.inject(one_list().times(3), status(500, ""));
    let ended = run(SLI, &world).end();
    assert_eq!(
        ended.expect(0, &["500 Internal Server Error"]).stdout,
        "5\n"
    );
    assert_eq!(ended.json("sli.json")["hosts"][SOURCE]["retries"], 3);
}

#[test]
fn failures_for_ever() {
    let world = world();
    world.inject(one_list(), status(503, "busy"));
    one_is_unknown(
        run(SLI, &world),
        &["503 Service Unavailable", "tried 5 times"],
    );
}

#[test]
fn connections_that_are_reset() {
    for kind in [FaultKind::from(ReplacedResponse::ResetBeforeHeaders), DamagedResponse::ResetAfterHeaders.into()] {
        let world = world();
        world.inject(one_list(), kind);
        one_is_unknown(
            run(SLI, &world),
            &["source registry", "tags/list", "tried 5 times"],
        );
    }
}

#[test]
fn one_reset_is_not_even_noticed() {
    let world = world();
    world.inject(one_list().once(), DamagedResponse::ResetAfterHeaders);
    assert_eq!(run(SLI, &world).end().expect(0, &[]).stdout, "5\n");
}

#[test]
fn certificates_that_nobody_should_trust() {
    for kind in [
        ConnectionFault::CertificateOfForeignAuthority,
        ConnectionFault::CertificateForOtherHost,
        ConnectionFault::CertificateExpired,
    ] {
        let world = world();
        // One connection of five: its image is unknown, whichever it is.
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
fn a_body_that_is_cut_off() {
    let world = world();
    world.inject(one_list(), DamagedResponse::CutBody);
    one_is_unknown(run(SLI, &world), &["the answer broke off"]);
}

#[test]
fn a_body_that_never_ends() {
    let world = world();
    world.inject(one_list(), ReplacedResponse::EndlessBody);
    let ended = one_is_unknown(run(SLI, &world), &["the answer is larger than"]);
    assert!(ended.took < Duration::from_secs(30), "{:?}", ended.took);
}

#[test]
fn a_page_for_people_instead_of_json() {
    let world = world();
    world.inject(one_list(), ReplacedResponse::Html);
    one_is_unknown(
        run(SLI, &world),
        &["the body is HTML where JSON was promised", "HTTPS_PROXY"],
    );
}

#[test]
fn json_of_another_shape_cut_short_or_empty() {
    for kind in [
        DamagedResponse::WrongShape,
        DamagedResponse::TruncatedJson,
        DamagedResponse::EmptyBody,
    ] {
        let world = world();
        world.inject(one_list(), kind);
        one_is_unknown(run(SLI, &world), &["source registry", "tags/list"]);
    }
}

#[test]
fn redirects_are_not_followed() {
    for to in [
        sandbox::RedirectTarget::Loop,
        sandbox::RedirectTarget::PlainHttp,
        sandbox::RedirectTarget::OtherHost(ACR.to_owned()),
    ] {
        let world = world();
        world.inject(one_list(), ReplacedResponse::Redirect { to });
        one_is_unknown(run(SLI, &world), &["source registry", "tags/list"]);
    }
}

#[test]
fn a_manifest_whose_bytes_do_not_match_its_digest() {
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
fn a_destination_without_digest_headers_is_read_all_the_same() {
    let world = Sandbox::start(Scenario::up_to_date()).expect("a sandbox");
    world.inject(
        Fault::on(ACR).path_contains("/manifests/"),
        DamagedResponse::MissingDigestHeader,
    );
    assert_eq!(run(SLI, &world).end().expect(0, &[]).stdout, "0\n");
}

#[test]
fn a_destination_that_cannot_be_read_is_never_outdated() {
    let world = world();
    world.inject(
        Fault::on(ACR).path_contains(&format!("{ONE}/manifests/")),
        status(500, ""),
    );
    one_is_unknown(
        run(SLI, &world),
        &["destination registry (ACR)", "500 Internal Server Error"],
    );
}

#[test]
fn a_token_that_ends_during_the_run_is_renewed() {
    let world = world();
    world.inject(
        Fault::on(ACR).path_contains("/manifests/").once(),
        ReplacedResponse::Unauthorized,
    );
    assert_eq!(run(SLI, &world).end().expect(0, &[]).stdout, "5\n");
}

#[test]
fn clocks_that_are_hours_or_days_off() {
    for offset in [-3600, 3600, -432_000, 432_000] {
        let world = world();
        world.edit(|state| state.clock_offset = offset);
        assert_eq!(run(SLI, &world).end().expect(0, &[]).stdout, "5\n");
        let tokens = world
            .requests()
            .iter()
            .filter(|request| request.path == "/oauth2/token")
            .count();
        assert_eq!(tokens, 1, "a token was taken for old");
    }
}

#[test]
fn entra_that_fails_and_then_answers() {
    let world = world();
    world.inject(Fault::on(ENTRA).times(2), status(503, ""));
    assert_eq!(run(SLI, &world).end().expect(0, &[]).stdout, "5\n");
}

#[test]
fn the_deadline_comes_half_way() {
    let world = world();
    world.inject(one_list(), ReplacedResponse::Stall);
    let ended = one_is_unknown(
        run(SLI, &world).set("TIMEOUT_SECONDS", "2"),
        &["the deadline of the run, 2 s", "TIMEOUT_SECONDS"],
    );
    assert!(ended.took < Duration::from_secs(4), "{:?}", ended.took);
}

#[test]
fn a_signal_ends_the_run_in_order() {
    let world = world();
    world.inject(one_list(), ReplacedResponse::Stall);
    for name in ["TERM", "INT", "HUP"] {
        let run = run(SLI, &world);
        let started = Instant::now();
        let child = run.spawn();
        std::thread::sleep(Duration::from_millis(1500));
        signal(&child, name);
        let ended = run.wait(child, started);
        ended.expect(3, &["stopping", "stopped by a signal"]);
        assert_eq!(ended.verdict_of_one("sli.json", "Missing"), "Unknown");
        assert!(ended.took < Duration::from_secs(4), "{:?}", ended.took);
    }
}

#[test]
fn a_folder_that_cannot_be_written_to_is_told_before_anything_is_done() {
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
fn authorities_that_cannot_be_read() {
    let world = world();
    let ended = run(SLI, &world)
        .set("SSL_CERT_FILE", "/nonexistent/ca.pem")
        .end();
    ended.expect(2, &["SSL_CERT_FILE", "/nonexistent/ca.pem"]);
}

#[test]
fn a_proxy_that_is_not_there_and_whose_password_stays_here() {
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
fn what_a_service_says_cannot_reach_the_terminal() {
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
fn a_list_that_was_cut_does_not_say_what_is_not_there() {
    // As many tags as Google gives at once, and `main-latest` is not among them.
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
fn a_machine_without_credentials_says_so_soon() {
    let world = world();
    // An identity endpoint that nobody listens at, in the place of the machine's own.
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
    ended.expect(5, &["no managed identity answered", "AZURE_CLIENT_SECRET"]);
    assert!(ended.took < Duration::from_secs(20), "{:?}", ended.took);
}

#[test]
fn ids_that_would_become_another_url_are_told() {
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
fn whoever_closes_stdout_does_not_want_the_number() {
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
