//! `doctor`: what it finds, and that it changes nothing.

mod azure;
mod machine;

use sandbox::registry::Registry;
use sandbox::{Login, OciSettings, Sandbox, Scenario};
use serde_json::{Value, json};

use crate::support::{ARM, ENTRA, Ended, ONE, Run};
use crate::{acr_sync, world};

const HUB: &str = "registry-1.docker.io";

/// An examination of both categories.
fn doctor<'a>(world: &'a Sandbox, arguments: &[&str]) -> Run<'a> {
    acr_sync(world, &[&["doctor"], arguments].concat()).unset(&["IMAGES"])
}

/// The line about a thing, and the lines of its fix.
#[track_caller]
fn lines<'a>(ended: &'a Ended, sign: char, what: &str) -> &'a str {
    let start = format!("{sign} {what}: ");
    let text = &ended.stdout;
    let at = text.find(&start);
    let at = at.unwrap_or_else(|| panic!("{start:?} is not in:\n{text}\n{}", ended.stderr));
    let rest = &text[at..];
    let mut ends = rest.match_indices('\n');
    let end = ends.find(|(at, _)| !rest[at + 1..].starts_with(' '));
    end.map_or(rest, |(end, _)| &rest[..end])
}

/// Checks the line about a thing.
#[track_caller]
fn has(ended: &Ended, sign: char, what: &str, parts: &[&str]) {
    let lines = lines(ended, sign, what);
    for part in parts {
        assert!(lines.contains(part), "{part:?} is not in:\n{lines}");
    }
}

/// The lines with this sign.
fn count(ended: &Ended, sign: char) -> usize {
    let lines = ended.stdout.lines();
    lines.filter(|line| line.starts_with(sign)).count()
}

/// Every request reads, or requests a token, and Docker Hub has counted no pull.
#[track_caller]
fn assert_only_reads(world: &Sandbox) {
    for request in world.requests() {
        let is_token = request.path.ends_with("/token") || request.path == "/oauth2/exchange";
        let is_read = matches!(request.method.as_str(), "GET" | "HEAD");
        assert!(
            is_read || (request.method == "POST" && is_token),
            "{} {}",
            request.method,
            request.path
        );
        let is_pull = request.host == HUB && request.method == "GET";
        assert!(!is_pull || !request.path.contains("/manifests/"));
    }
}

#[test]
fn everything_is_fine_and_nothing_is_changed() {
    let world = world();
    let run = doctor(&world, &[]);
    let output = run.folder().join("results");
    let ended = run.set("OUTPUT_DIR", output.display().to_string()).end();
    ended.expect(0, &[]);
    let lines = ended.stdout.lines();
    let findings = lines.filter(|line| !line.is_empty() && *line != "All is well.");
    assert_eq!(count(&ended, '✓'), findings.count(), "{}", ended.stdout);
    let proxy = format!(
        "through the proxy {}",
        &world.proxy_url()["http://".len()..]
    );
    for (what, part) in [
        (
            "settings",
            "CodeCollection and RunWhen Local images go to myacr.azurecr.io/runwhen, by imports",
        ),
        ("connections", "SSL_CERT_FILE="),
        (
            "credentials",
            "service principal of AZURE_CLIENT_SECRET (client secret)",
        ),
        ("login", "object 5a4d0000-0b1e-4000-8000-000000000004"),
        ("subscription", "stored with the credentials"),
        (
            "registry",
            "login server myacr.azurecr.io, SKU Premium, public network access Enabled",
        ),
        ("registry access", proxy.as_str()),
        ("permission to check", "permits metadata_read, pull"),
        (
            "permission to import",
            "Microsoft.ContainerRegistry/registries/importImage/action",
        ),
        ("permission to copy", "permits pull, push"),
        ("locked tags", "0 of 8 wanted tags exist"),
        (
            "chart",
            "runwhen-local 0.6.7 of https://runwhen-contrib.github.io/helm-charts names 3 images",
        ),
        ("source docker.io", "certificate issued by Sandbox root"),
        (
            "source us-west1-docker.pkg.dev",
            "5 images are published; through the proxy",
        ),
        ("clock", "within a minute of the dates of 11 servers"),
        (
            "docker hub",
            "100 of 100 pulls in 6 hours are left, without an account",
        ),
        ("deadline", "TIMEOUT_SECONDS is 540 s"),
        ("folder", "can be written to"),
    ] {
        has(&ended, '✓', what, &[part]);
    }
    assert!(!output.exists());
    assert_only_reads(&world);
    assert_eq!(
        world.acr_tag(&format!("runwhen/{ONE}"), &Scenario::newest_tag(ONE)),
        None
    );
}

#[test]
fn catalog_and_short_name_of_the_registry_are_examined_too() {
    let world = Sandbox::start(Scenario::named("catalog").expect("a scenario")).expect("a sandbox");
    let ended = doctor(&world, &["--registry-name", "myacr"]).end();
    ended.expect(0, &[]);
    has(
        &ended,
        '✓',
        "catalog",
        &["https://registry.runwhen.com lists 6 collections"],
    );
    has(&ended, '✓', "source ghcr.io", &["7 images are published"]);
    has(
        &ended,
        '✓',
        "registry access",
        &["myacr.azurecr.io can be read"],
    );
    assert_only_reads(&world);
}

#[test]
fn sources_of_a_catalog_that_cannot_be_read_are_not_examined() {
    let world = Sandbox::start(Scenario::named("catalog").expect("a scenario")).expect("a sandbox");
    world.inject(
        sandbox::Fault::on("registry.runwhen.com"),
        crate::support::status(404, ""),
    );
    let ended = doctor(&world, &[]).end();
    ended.expect(3, &[]);
    has(&ended, '✗', "catalog", &[]);
    let places =
        "not examined, because of catalog; its images may come from ghcr.io/runwhen-contrib";
    has(&ended, '–', "sources of the catalog", &[places]);
    assert!(
        ended.stdout.ends_with("\n\n1 problem; 1 not examined.\n"),
        "{}",
        ended.stdout
    );
}

#[test]
fn json_and_markdown_have_the_same_findings() {
    let world = world();
    let text = doctor(&world, &[]).end();
    assert!(
        text.stdout.ends_with("\n\nAll is well.\n"),
        "{}",
        text.stdout
    );
    let json = doctor(&world, &["--format", "json"]).end();
    let result: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(
        (&result["status"], &result["exit_code"]),
        (&json!("complete"), &json!(0))
    );
    let findings = result["findings"].as_array().expect("findings");
    assert_eq!(findings.len(), count(&text, '✓'));
    assert!(findings.iter().all(|finding| finding["state"] == "ok"));
    let markdown = doctor(&world, &["--format", "markdown"]).end();
    let starts = |line: &&str| line.starts_with("- ✓ **");
    assert_eq!(
        markdown.stdout.lines().filter(starts).count(),
        findings.len()
    );
}

const HARBOR: &str = "harbor.example:8443";
const PASSWORD: &str = "harbor-password-17";

/// An examination with a registry that is not in Azure, and without any Azure setting.
fn oci(login: Login, may_write: bool, password: &str) -> (Sandbox, Ended) {
    let world = world();
    let settings = OciSettings::new(login).with_account("robot", PASSWORD, may_write);
    world.add_registry(Registry::oci(HARBOR, settings));
    let azure = [
        "AZURE_TENANT_ID",
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_SUBSCRIPTION_ID",
        "SYNC_METHOD",
    ];
    let ended = doctor(&world, &[])
        .unset(&azure)
        .set("REGISTRY_TYPE", "oci")
        .set("REGISTRY_NAME", HARBOR)
        .set("REGISTRY_USERNAME", "robot")
        .set("REGISTRY_PASSWORD", password)
        .end();
    (world, ended)
}

#[test]
fn registry_outside_azure_has_no_lines_about_azure() {
    let (world, ended) = oci(Login::Docker, true, PASSWORD);
    ended.expect(0, &[]);
    has(
        &ended,
        '✓',
        "credentials",
        &["REGISTRY_USERNAME and REGISTRY_PASSWORD"],
    );
    has(
        &ended,
        '✓',
        "registry access",
        &["harbor.example:8443 can be read"],
    );
    has(&ended, '✓', "permission to copy", &["permits push"]);
    for what in [
        "login:",
        "subscription:",
        "locked tags:",
        "permission to import:",
        "Entra",
    ] {
        assert!(!ended.stdout.contains(what), "{what}\n{}", ended.stdout);
    }
    assert!(
        world
            .requests()
            .iter()
            .all(|request| ![ENTRA, ARM].contains(&request.host.as_str()))
    );
    assert_only_reads(&world);

    let (_, ended) = oci(Login::Docker, false, PASSWORD);
    has(
        &ended,
        '✗',
        "permission to copy",
        &["permits only", "→ Let the account push"],
    );
    ended.expect(5, &[]);
    let (_, ended) = oci(Login::Basic, true, PASSWORD);
    has(
        &ended,
        '–',
        "permission to copy",
        &["not known before the first copy"],
    );
    ended.expect(0, &[]);
    let (_, ended) = oci(Login::Basic, true, "another-password-18");
    has(
        &ended,
        '✗',
        "registry access",
        &["→ Check REGISTRY_USERNAME and REGISTRY_PASSWORD"],
    );
    has(&ended, '–', "permission to copy", &["registry access"]);
    ended.expect(5, &[]);
}
