//! What `sli` says of the chart's images when the chart, or a registry that it names, is not as it should be.

#[path = "support/chart.rs"]
mod chart;
mod support;

use std::path::PathBuf;

use chart::{SLI, look, status, verdict, world};
use sandbox::runwhen_local::{ARCHIVE_HOST, CHART_HOST, INDEX_PATH, STORAGE_HOST, SUBCHART_HOST};
use sandbox::{ConnectionFault, DamagedResponse, Fault, FaultKind, ReplacedResponse, RetryAfter, Sandbox};
use support::{ACR, run};

const HUB: &str = "registry-1.docker.io";

/// The chart tells nothing: its images are unknown, and the CodeCollections are judged all the same.
#[track_caller]
fn chart_is_unknown(world: &Sandbox, code: i32, settings: &[(&str, &str)], parts: &[&str]) {
    let mut run = run(SLI, world).unset(&["IMAGES"]);
    for (name, value) in settings {
        run = run.set(name, *value);
    }
    let ended = run.end();
    ended.expect(code, parts);
    assert_eq!(
        ended.stdout, "",
        "a number although the chart's images are unknown"
    );
    let verdicts = ended.verdicts("sli.json");
    assert_eq!(
        verdicts
            .values()
            .filter(|verdict| *verdict == "Missing")
            .count(),
        5,
        "{verdicts:?}"
    );
    assert_eq!(
        verdicts
            .values()
            .filter(|verdict| *verdict == "Unknown")
            .count(),
        1,
        "{verdicts:?}"
    );
}

#[test]
fn the_chart_repository_is_down() {
    for kind in [
        FaultKind::from(ConnectionFault::Refused),
        status(503, "").into(),
        status(404, "").into(),
        ReplacedResponse::Html.into(),
    ] {
        let world = world("outdated");
        world.inject(Fault::on(CHART_HOST), kind);
        chart_is_unknown(&world, 3, &[], &["chart repository", CHART_HOST]);
    }
}

#[test]
fn the_index_has_no_such_chart_or_version() {
    let world = world("outdated");
    chart_is_unknown(
        &world,
        2,
        &[("HELM_CHART_NAME", "other")],
        &["has no chart other", "HELM_CHART_NAME"],
    );
    chart_is_unknown(
        &world,
        2,
        &[("CHART_VERSION", ">=7")],
        &["has 2 versions of runwhen-local", "CHART_VERSION"],
    );
}

#[test]
fn an_archive_that_is_not_what_the_index_says() {
    let world = world("outdated");
    world.inject(Fault::on(STORAGE_HOST), DamagedResponse::WrongDigest);
    chart_is_unknown(&world, 3, &[], &["sha256 is not the index's"]);
}

#[test]
fn a_dependency_that_is_not_to_be_found() {
    let world = world("bare-chart");
    world.inject(Fault::on(SUBCHART_HOST), status(404, ""));
    chart_is_unknown(
        &world,
        3,
        &[],
        &[
            "dependency opentelemetry-collector 0.158.1 of chart runwhen-local",
            "404",
        ],
    );
}

#[test]
fn a_chart_that_does_not_render() {
    let world = world("outdated");
    chart_is_unknown(
        &world,
        3,
        &[("CHART_SET", "runner.image=broken")],
        &["does not render", "runner.yaml", "CHART_SET"],
    );
}

#[test]
fn an_archive_whose_redirect_leads_nowhere() {
    for to in [
        sandbox::RedirectTarget::Loop,
        sandbox::RedirectTarget::PlainHttp,
    ] {
        let world = world("outdated");
        world.inject(Fault::on(ARCHIVE_HOST), ReplacedResponse::Redirect { to });
        chart_is_unknown(&world, 3, &[], &["chart repository", "redirect"]);
    }
    assert_eq!(INDEX_PATH, "/helm-charts/index.yaml");
}

#[test]
fn one_registry_is_down_and_the_others_are_judged() {
    let world = world("outdated");
    world.inject(Fault::on("ghcr.io"), status(403, ""));
    let ended = run(SLI, &world).unset(&["IMAGES"]).end();
    ended.expect(3, &["ghcr.io"]);
    assert_eq!(ended.stdout, "");
    assert_eq!(verdict(&ended, "runwhen-local"), "Unknown");
    let verdicts = ended.verdicts("sli.json");
    assert_eq!(
        verdicts
            .values()
            .filter(|verdict| *verdict != "Unknown")
            .count(),
        7,
        "{verdicts:?}"
    );
}

#[test]
fn docker_hub_throttles_the_check() {
    let world = world("outdated");
    world.inject(
        Fault::on(HUB),
        ReplacedResponse::TooManyRequests {
            retry_after: RetryAfter::Absurd,
        },
    );
    let ended = look(&world).end();
    ended.expect(3, &["429 Too Many Requests"]);
    assert_eq!(verdict(&ended, "opentelemetry-collector"), "Unknown");
    assert_eq!(verdict(&ended, "runner"), "Outdated");
}

#[test]
fn docker_hub_throttles_the_import() {
    let world = world("outdated");
    world.edit(|state| {
        state.azure.imports.retry_after = 1;
        state.azure.imports.rules.push(sandbox::ImportRule {
            contains: "opentelemetry-collector".to_owned(),
            result: sandbox::ImportResult::Fail(sandbox::ImportFailure::SourceRateLimited),
            duration_milliseconds: None,
            times: None,
        });
    });
    let ended = look(&world).set("SYNC_IMAGES", "true").end();
    ended.expect(4, &["USE_DOCKER_AUTH"]);
    assert_eq!(ended.stdout, "1\n");
}

#[test]
fn a_realm_of_somebody_else_is_not_asked() {
    let world = world("outdated");
    let challenge = ReplacedResponse::Status {
        code: 401,
        headers: vec![(
            "WWW-Authenticate".to_owned(),
            format!("Bearer realm=\"https://{ACR}/token\",service=\"x\""),
        )],
        body: String::new(),
    };
    world.inject(Fault::on("us-docker.pkg.dev"), challenge);
    let ended = look(&world).end();
    ended.expect(3, &["which is not its own"]);
    assert_eq!(verdict(&ended, "runner"), "Unknown");
    assert!(
        !world
            .requests()
            .iter()
            .any(|request| request.host == ACR && request.path == "/token")
    );
}

#[test]
fn wrong_settings_of_the_chart_are_told_before_any_request() {
    let world = world("outdated");
    let missing = PathBuf::from("/nonexistent/values.yaml")
        .display()
        .to_string();
    let ended = look(&world)
        .set("HELM_REPO_URL", "http://charts.example")
        .set("HELM_CHART_NAME", "../x")
        .set("CHART_VERSION", "the newest")
        .set("CHART_VALUES", missing)
        .set("CHART_SET", "a=b,[")
        .end();
    ended.expect(
        2,
        &[
            "HELM_REPO_URL",
            "HELM_CHART_NAME",
            "CHART_VERSION",
            "CHART_VALUES",
            "CHART_SET",
        ],
    );
    assert!(world.requests().is_empty());
}
