//! What `sli` reports if the chart, or a registry that it names, cannot be read.

use sandbox::runwhen_local::{ARCHIVE_HOST, CHART_HOST, STORAGE_HOST, SUBCHART_HOST};
use sandbox::{
    ConnectionFault, DamagedResponse, Fault, FaultKind, ImportFailure, ImportResult, ImportRule,
    RedirectTarget, ReplacedResponse,
};

use crate::SLI;
use crate::support::cases::test_all;
use crate::support::chart::{check_chart, world};
use crate::support::{run, status};

/// A fault or a setting that makes the chart unknown.
struct Case {
    name: &'static str,
    scenario: &'static str,
    fault: Option<(&'static str, FaultKind)>,
    setting: Option<(&'static str, &'static str)>,
    exit: i32,
    message: &'static [&'static str],
}

#[test]
fn unreadable_chart_is_unknown_and_the_codecollections_have_their_verdicts() {
    fn fault(
        name: &'static str,
        host: &'static str,
        kind: impl Into<FaultKind>,
        message: &'static [&'static str],
    ) -> Case {
        Case {
            name,
            scenario: "outdated",
            fault: Some((host, kind.into())),
            setting: None,
            exit: 3,
            message,
        }
    }
    let setting = |name, setting, exit, message| Case {
        name,
        scenario: "outdated",
        fault: None,
        setting: Some(setting),
        exit,
        message,
    };
    let redirect = |to| ReplacedResponse::Redirect { to };
    let repository = &["chart repository", CHART_HOST];
    let redirected = &["chart repository", "redirect"];
    #[rustfmt::skip] // a table
    let cases = [
        fault("repository refuses connections", CHART_HOST, ConnectionFault::Refused, repository),
        fault("repository answers 503", CHART_HOST, status(503, ""), repository),
        fault("repository answers 404", CHART_HOST, status(404, ""), repository),
        fault("repository answers with HTML", CHART_HOST, ReplacedResponse::Html, repository),
        fault("archive with another digest", STORAGE_HOST, DamagedResponse::WrongDigest, &["sha256 does not match the index"]),
        fault("archive in a redirect loop", ARCHIVE_HOST, redirect(RedirectTarget::Loop), redirected),
        fault("archive redirected to http", ARCHIVE_HOST, redirect(RedirectTarget::PlainHttp), redirected),
        Case {
            scenario: "bare-chart",
            ..fault("absent dependency", SUBCHART_HOST, status(404, ""),
                &["dependency opentelemetry-collector 0.158.1 of chart runwhen-local", "404"])
        },
        setting("unknown chart", ("HELM_CHART_NAME", "other"), 2, &["has no chart other", "HELM_CHART_NAME"]),
        setting("unknown version", ("CHART_VERSION", ">=7"), 2, &["has 2 versions of runwhen-local", "CHART_VERSION"]),
        setting("chart that does not render", ("CHART_SET", "runner.image=broken"), 3,
            &["does not render", "runner.yaml", "CHART_SET"]),
    ];
    test_all(
        &cases,
        |case| case.name,
        |case| {
            let world = world(case.scenario);
            if let Some((host, kind)) = &case.fault {
                world.inject(Fault::on(host), kind.clone());
            }
            let mut run = run(SLI, &world).unset(&["IMAGES"]);
            if let Some((name, value)) = case.setting {
                run = run.set(name, value);
            }
            let ended = run.end();
            ended.expect(case.exit, case.message);
            assert_eq!(ended.stdout, "", "a number although images are unknown");
            let verdicts = ended.verdicts("sli.json");
            let count = |name| verdicts.values().filter(|verdict| *verdict == name).count();
            let counts = (count("Missing"), count("Unknown"));
            assert_eq!(counts, (5, 1), "{verdicts:?}");
        },
    );
}

#[test]
fn limit_of_docker_hub_during_an_import_names_the_setting() {
    let world = world("outdated");
    world.edit(|state| {
        state.azure.imports.retry_after = 1;
        state.azure.imports.rules.push(ImportRule {
            contains: "opentelemetry-collector".to_owned(),
            result: ImportResult::Fail(ImportFailure::SourceRateLimited),
            duration_milliseconds: None,
            times: None,
        });
    });
    let ended = check_chart(SLI, &world).set("SYNC_IMAGES", "true").end();
    ended.expect(4, &["USE_DOCKER_AUTH"]);
    assert_eq!(ended.stdout, "1\n");
}

#[test]
fn wrong_settings_of_the_chart_are_reported_before_any_request() {
    let world = world("outdated");
    let ended = check_chart(SLI, &world)
        .set("HELM_REPO_URL", "http://charts.example")
        .set("HELM_CHART_NAME", "../x")
        .set("CHART_VERSION", "the newest")
        .set("CHART_VALUES", "/nonexistent/values.yaml")
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
