//! This machine, its settings and its way to the sources.

use sandbox::registry::RegistryKind;
use sandbox::runwhen_local::CHART_HOST;
use sandbox::{ConnectionFault, Fault, Sandbox, Scenario};
use serde_json::Value;

use super::{HUB, count, doctor, has};
use crate::support::{ENTRA, SOURCE, response, status};
use crate::world;

#[test]
fn unreachable_source_names_the_proxy_or_the_authority() {
    let world = world();
    world.inject(
        Fault::on(SOURCE),
        ConnectionFault::TunnelRefused { code: 403 },
    );
    world.inject(
        Fault::on("ghcr.io"),
        ConnectionFault::CertificateOfForeignAuthority,
    );
    let ended = doctor(&world, &[]).end();
    ended.expect(3, &[]);
    has(
        &ended,
        '✗',
        "source us-west1-docker.pkg.dev",
        &[
            "refused the CONNECT tunnel to us-west1-docker.pkg.dev:443: 403",
            "5 of 5 images cannot be checked",
            "→ Allow this host and port in the proxy's rules",
        ],
    );
    has(
        &ended,
        '✗',
        "source ghcr.io",
        &[
            "presented for ghcr.io is issued by Foreign root",
            "SSL_CERT_FILE=",
            "→ If a proxy or firewall inspects TLS",
        ],
    );
    has(&ended, '✓', "source docker.io", &["Sandbox root"]);
    has(&ended, '✓', "registry access", &[]);
}

#[test]
fn clock_is_compared_with_the_servers() {
    for (offset, sign, part, code) in [
        (120, '!', "behind", 0),
        (-120, '!', "ahead", 0),
        (7200, '✗', "2 hours behind", 3),
    ] {
        let world = world();
        world.edit(|state| state.clock_offset = offset);
        let ended = doctor(&world, &[]).end();
        has(
            &ended,
            sign,
            "clock",
            &[part, "→ Set the clock of this machine"],
        );
        ended.expect(code, &[]);
    }
}

#[test]
fn unreachable_chart_leaves_its_sources_unexamined() {
    let world = world();
    world.inject(Fault::on(CHART_HOST), status(404, ""));
    let ended = doctor(&world, &[]).end();
    has(&ended, '✗', "chart", &[]);
    let because = ["not examined, because of chart"];
    for what in [
        "source docker.io",
        "source ghcr.io",
        "source us-docker.pkg.dev",
        "docker hub",
    ] {
        has(&ended, '–', what, &because);
    }
    has(&ended, '✓', "source us-west1-docker.pkg.dev", &[]);
    // The sources of another chart are not known.
    let ended = doctor(
        &world,
        &["--chart-set", "runner.image.registry=mirror.example"],
    )
    .end();
    has(&ended, '–', "sources of the chart", &because);
    assert!(!ended.stdout.contains("docker.io"), "{}", ended.stdout);
    // A source of other images too is examined.
    let world = Sandbox::start(Scenario::named("catalog").expect("a scenario")).expect("a sandbox");
    world.inject(Fault::on(CHART_HOST), status(404, ""));
    let ended = doctor(&world, &[]).end();
    has(&ended, '✓', "source ghcr.io", &[]);
    assert_eq!(
        ended.stdout.matches("source ghcr.io").count(),
        1,
        "{}",
        ended.stdout
    );
}

#[test]
fn server_with_a_wrong_clock_is_named() {
    let world = world();
    // `Age` adds to the date of the response.
    let refusal = r#"{"error": "invalid_client", "error_description": "AADSTS700016: no"}"#;
    let four_hours_ahead = response(400, &[("Age", "14400")], refusal);
    world.inject(Fault::on(ENTRA), four_hours_ahead);
    let ended = doctor(&world, &[]).end();
    has(
        &ended,
        '!',
        "clock",
        &[
            "login.microsoftonline.com, whose clock decides which tokens are valid, is 4 hours ahead of the others",
            "→ Compare the clock of this machine with a time server",
        ],
    );
}

#[test]
fn exhausted_quota_of_docker_hub_is_wrong() {
    let world = world();
    world.edit(|state| {
        let hub = state.registries.get_mut(HUB).expect("Docker Hub");
        if let RegistryKind::Token(settings) = &mut hub.kind {
            settings.pull_limit.as_mut().expect("a limit").remaining = 0;
        }
    });
    let ended = doctor(&world, &[]).end();
    has(
        &ended,
        '✗',
        "docker hub",
        &["0 of 100 pulls", "→ Set USE_DOCKER_AUTH=true"],
    );
    ended.expect(3, &[]);
    // A check of the CodeCollections needs nothing from there.
    let ended = doctor(&world, &["--images", "codecollection"]).end();
    ended.expect(0, &[]);
    assert!(!ended.stdout.contains("docker hub"), "{}", ended.stdout);
}

#[test]
fn folder_that_cannot_be_written_to_is_wrong_and_the_rest_is_examined() {
    let world = world();
    let run = doctor(&world, &[]);
    let file = run.folder().join("file");
    std::fs::write(&file, "").expect("a file");
    let ended = run.set("OUTPUT_DIR", file.display().to_string()).end();
    ended.expect(2, &[]);
    has(
        &ended,
        '✗',
        "folder",
        &["OUTPUT_DIR=", "→ Set OUTPUT_DIR to a folder"],
    );
    has(&ended, '✓', "source ghcr.io", &[]);
}

#[test]
fn wrong_settings_are_lines_too() {
    let world = world();
    let wrong = || {
        doctor(&world, &["--timeout-seconds", "soon"])
            .unset(&["REGISTRY_NAME"])
            .arguments(&["--output"])
    };
    let ended = wrong().arguments(&["text"]).end();
    ended.expect(2, &[]);
    assert_eq!(
        (count(&ended, '✗'), count(&ended, '–')),
        (2, 1),
        "{}",
        ended.stdout
    );
    has(
        &ended,
        '✗',
        "settings",
        &["REGISTRY_NAME: it is required", "→ Correct REGISTRY_NAME"],
    );
    assert!(
        ended.stdout.contains("TIMEOUT_SECONDS=\"soon\""),
        "{}",
        ended.stdout
    );
    let ended = wrong().arguments(&["json"]).end();
    let result: Value = serde_json::from_str(&ended.expect(2, &[]).stdout).expect("JSON");
    assert_eq!(result["exit_code"], 2);
    assert_eq!(result["findings"][0]["state"], "wrong");
    assert!(world.requests().is_empty());

    let bundle = doctor(&world, &[])
        .set("SSL_CERT_FILE", "/nonexistent")
        .end();
    bundle.expect(2, &[]);
    has(
        &bundle,
        '✗',
        "connections",
        &["SSL_CERT_FILE", "→ Set SSL_CERT_FILE to a PEM bundle"],
    );
    has(&bundle, '–', "services", &["connections"]);
    assert!(world.requests().is_empty());
}

#[test]
fn ca_bundle_has_the_name_of_the_variable_that_is_set() {
    let world = world();
    for alias in ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
        let run = |file: &str| {
            let unset = doctor(&world, &[]).unset(&["SSL_CERT_FILE"]);
            unset.set(alias, file).end()
        };
        let file = world.ca_file().display().to_string();
        let ended = run(&file);
        ended.expect(0, &[]);
        has(&ended, '✓', "connections", &[&format!("{alias}={file}")]);
        assert!(!ended.stdout.contains("SSL_CERT_FILE"), "{}", ended.stdout);
        let ended = run("/nonexistent");
        ended.expect(2, &[]);
        has(
            &ended,
            '✗',
            "connections",
            &[
                &format!("{alias}=\"/nonexistent\" cannot be used"),
                &format!("→ Set {alias} to a PEM bundle"),
            ],
        );
    }
}

#[test]
fn short_deadline_is_a_warning_and_does_not_end_the_examination() {
    let world = world();
    let ended = doctor(&world, &["--timeout-seconds", "1"]).end();
    ended.expect(0, &[]);
    has(
        &ended,
        '!',
        "deadline",
        &["TIMEOUT_SECONDS is 1 s", "→ Set TIMEOUT_SECONDS to"],
    );
    assert_eq!(
        count(&ended, '–') + count(&ended, '✗'),
        0,
        "{}",
        ended.stdout
    );
}

#[test]
fn branch_of_which_nothing_is_published_is_a_wrong_setting() {
    let world = world();
    let ended = doctor(&world, &["--ref", "absent"]).end();
    ended.expect(2, &[]);
    has(
        &ended,
        '✗',
        "source us-west1-docker.pkg.dev",
        &["5 of 5 images are not published", "→ "],
    );
}
