//! Faults of this machine and its network: clock, proxy, CA bundle, paths without a regular file, file descriptors.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::SLI;
use crate::support::{ACR, ENTRA, ONE, SOURCE, few_descriptors, run};
use sandbox::{ConnectionFault, Fault, ReplacedResponse, Sandbox, Scenario};

const DAY: i64 = 24 * 3600;

fn world() -> Sandbox {
    Sandbox::start(Scenario::outdated()).expect("a sandbox")
}

#[test]
fn clock_offset_of_days_is_named_instead_of_the_ca_bundle() {
    for (offset, part) in [
        (30 * DAY, "the clock of this machine is 30 days behind"),
        (-30 * DAY, "the clock of this machine is 30 days ahead"),
    ] {
        let world = world();
        world.edit(|state| state.clock_offset = offset);
        // The certificates of the other hosts are still valid, so their responses show the time.
        world.inject(Fault::on(SOURCE), ConnectionFault::CertificateShortLived);
        let ended = run(SLI, &world).end();
        ended.expect(
            3,
            &["the certificate of us-west1-docker.pkg.dev", part, "set it"],
        );
        assert!(!ended.stderr.contains("SSL_CERT_FILE"), "{}", ended.stderr);
    }
}

#[test]
fn clock_is_the_first_advice_if_no_host_shows_the_time() {
    let world = world();
    world.edit(|state| state.clock_offset = 3 * DAY);
    world.inject(Fault::on("*"), ConnectionFault::CertificateShortLived);
    let ended = run(SLI, &world).end();
    ended.expect(
        3,
        &["is not valid yet", "check the clock of this machine first"],
    );
    assert!(!ended.stderr.contains("SSL_CERT_FILE"), "{}", ended.stderr);
    assert!(ended.took < Duration::from_secs(15), "{:?}", ended.took);
}

#[test]
fn expired_certificate_is_not_blamed_on_a_correct_clock() {
    let world = world();
    world.inject(Fault::on(SOURCE), ConnectionFault::CertificateExpired);
    run(SLI, &world).end().expect(
        3,
        &[
            "has expired",
            "the clock of this machine is not the reason",
            "renew its certificate",
        ],
    );
}

#[test]
fn proxy_that_requires_a_login_gets_each_request_once() {
    let world = world();
    world.edit(|state| state.proxy_login = Some("me:p@ss word/1".to_owned()));
    let address = world.proxy_url();
    let with = |login: &str| address.replace("http://", &format!("http://{login}"));
    for login in ["", "me:wrong-PASSWORD@"] {
        let run = run(SLI, &world).set("HTTPS_PROXY", with(login));
        let ended = run.set("LOG_LEVEL", "debug").end();
        ended.expect(
            3,
            &[
                "refused the CONNECT tunnel to us-west1-docker.pkg.dev:443: 407 Proxy Authentication Required",
                "user and password in HTTPS_PROXY",
                "NO_PROXY",
            ],
        );
        for part in ["trying again", "tried", "wrong-PASSWORD", "me:"] {
            assert!(!ended.stderr.contains(part), "{part}: {}", ended.stderr);
        }
    }
    let ended = run(SLI, &world)
        .set("HTTPS_PROXY", with("me:p%40ss%20word%2F1@"))
        .end();
    assert_eq!(ended.expect(0, &[]).stdout, "5\n");
}

#[test]
fn refusal_of_the_proxy_shows_status_and_port() {
    for (code, status, is_repeated) in [
        (403, "403 Forbidden", false),
        (405, "405 Method Not Allowed", false),
        (503, "503 Service Unavailable", true),
    ] {
        let world = world();
        world.inject(Fault::on(SOURCE), ConnectionFault::TunnelRefused { code });
        let ended = run(SLI, &world).set("LOG_LEVEL", "debug").end();
        let what = format!(
            "the proxy {} refused the CONNECT tunnel to {SOURCE}:443: {status}",
            world.proxy_url().trim_start_matches("http://")
        );
        ended.expect(3, &[&what, "NO_PROXY"]);
        let was_repeated = ended.stderr.contains("trying again");
        assert_eq!(was_repeated, is_repeated, "{}", ended.stderr);
    }
    // A single refusal is retried.
    let world = world();
    world.inject(
        Fault::on(SOURCE).once(),
        ConnectionFault::TunnelRefused { code: 503 },
    );
    assert_eq!(run(SLI, &world).end().expect(0, &[]).stdout, "5\n");
}

#[test]
fn connection_that_breaks_after_the_proxy_names_the_proxy() {
    let world = world();
    let address = world.proxy_url();
    let through = format!(
        "through the proxy {}",
        address.trim_start_matches("http://")
    );
    let list = Fault::on(SOURCE).path_contains(&format!("{ONE}/tags/list"));
    world.inject(list, ReplacedResponse::ResetBeforeHeaders);
    run(SLI, &world)
        .end()
        .expect(3, &[&through, "add it to NO_PROXY"]);
    world.clear_faults();
    world.inject(
        Fault::on(ACR),
        ConnectionFault::CertificateOfForeignAuthority,
    );
    run(SLI, &world)
        .end()
        .expect(3, &[&through, "SSL_CERT_FILE", "NO_PROXY"]);
}

#[test]
fn unreachable_proxy_is_named() {
    let world = world();
    let ended = run(SLI, &world)
        .set("HTTPS_PROXY", "http://127.0.0.1:1")
        .set("TIMEOUT_SECONDS", "20")
        .end();
    ended.expect(
        3,
        &[
            "the proxy 127.0.0.1:1 cannot be reached",
            "check the host and port in HTTPS_PROXY",
        ],
    );
}

#[test]
fn no_proxy_is_honoured_in_every_form() {
    let world = world();
    // 403 is not retried.
    world.inject(
        Fault::on("127.0.0.1:1"),
        ConnectionFault::TunnelRefused { code: 403 },
    );
    let at_chart = |no_proxy: &str| {
        run(SLI, &world)
            .set("IMAGES", "runwhen-local")
            .set("HELM_REPO_URL", "https://127.0.0.1:1/charts")
            .set("NO_PROXY", no_proxy)
            .set("TIMEOUT_SECONDS", "1")
            .end()
    };
    let was_requested = || {
        let requested = world
            .connections()
            .iter()
            .any(|connection| connection.host == "127.0.0.1:1");
        world.clear_log();
        requested
    };
    for list in ["", "127.0.0.1:443", "10.0.0.0/8,localhost"] {
        let ended = at_chart(list);
        ended.expect(3, &["tunnel to 127.0.0.1:1: 403", "add it to NO_PROXY"]);
        assert!(was_requested(), "{list:?}");
    }
    for list in [
        "127.0.0.1",
        "127.0.0.0/8",
        "example.com  127.0.0.1:1",
        "*:1",
    ] {
        let ended = at_chart(list);
        ended.expect(3, &["https://127.0.0.1:1/charts"]);
        assert!(!ended.stderr.contains("tunnel to"), "{}", ended.stderr);
        assert!(!was_requested(), "{list:?}");
    }
}

#[test]
fn no_proxy_that_cannot_be_understood_is_a_configuration_error() {
    let world = world();
    for odd in [
        "*azurecr.io",
        "http://myacr.azurecr.io",
        "10.*",
        "myacr.azurecr.io:https",
    ] {
        let list = format!("localhost, {odd}");
        let ended = run(SLI, &world).set("NO_PROXY", list).end();
        ended.expect(2, &["NO_PROXY", &format!("{odd:?} cannot be understood")]);
    }
    assert!(world.requests().is_empty());
}

#[test]
fn certificates_without_a_line_break_between_them_are_both_trusted() {
    let (world, other) = (world(), world());
    let [ours, others] =
        [&world, &other].map(|world| std::fs::read_to_string(world.ca_file()).expect("a bundle"));
    let bundle = format!("{}{}", others.trim_end(), ours.trim_end());
    let prepared = run(SLI, &world);
    let path = prepared.folder().join("bundle.pem");
    std::fs::write(&path, bundle).expect("a bundle");
    let ended = prepared
        .set("SSL_CERT_FILE", path.display().to_string())
        .end();
    assert_eq!(ended.expect(0, &[]).stdout, "5\n");

    let prepared = run(SLI, &world);
    let path = prepared.folder().join("bundle.pem");
    std::fs::write(&path, ours.clone() + &others.replace('\n', " ")).expect("a bundle");
    let ended = prepared
        .set("SSL_CERT_FILE", path.display().to_string())
        .end();
    ended.expect(2, &["SSL_CERT_FILE", "only 1 of its 2 certificates"]);
}

/// Paths that are not a regular file of a usual size.
fn odd_paths(folder: &Path) -> Vec<(String, &'static str)> {
    let pipe = folder.join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo runs").success());
    let huge = folder.join("huge");
    let file = std::fs::File::create(&huge).expect("a file");
    file.set_len(64 << 30).expect("a sparse file");
    vec![
        ("/dev/zero".to_owned(), "not a regular file"),
        (pipe.display().to_string(), "not a regular file"),
        (folder.display().to_string(), "a directory"),
        (huge.display().to_string(), "larger than"),
        ("/nonexistent".to_owned(), "No such file"),
    ]
}

#[test]
fn path_without_a_regular_file_is_refused_at_once() {
    let world = world();
    let folder = tempfile::tempdir().expect("a folder");
    for (path, reason) in odd_paths(folder.path()) {
        let az = tempfile::tempdir().expect("a folder");
        let entries = az.path().join("service_principal_entries.json");
        let certificate = format!(r#"[{{"client_id":"c","tenant":"t","certificate":"{path}"}}]"#);
        std::fs::write(&entries, certificate).expect("a file");
        let az = az.path().display().to_string();
        let variables = [
            ("CHART_VALUES", path.as_str()),
            ("SSL_CERT_FILE", &path),
            ("azure_credentials", &path),
            ("AZURE_FEDERATED_TOKEN_FILE", &path),
            ("AZURE_CONFIG_DIR", &az),
        ];
        for (name, value) in variables {
            let mut prepared = run(SLI, &world).set(name, value);
            if name.to_ascii_lowercase().starts_with("azure") {
                prepared = prepared.unset(&["AZURE_CLIENT_SECRET"]);
            }
            let ended = prepared.end();
            ended.expect(2, &[name, reason]);
            assert!(
                ended.took < Duration::from_secs(60),
                "{name}: {:?}",
                ended.took
            );
        }
    }
    assert!(world.requests().is_empty());
}

#[test]
fn azure_cli_path_without_a_regular_file_is_refused_at_once() {
    let world = world();
    for name in ["azureProfile.json", "service_principal_entries.json"] {
        let az = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink("/dev/zero", az.path().join(name)).expect("a link");
        let ended = run(SLI, &world)
            .unset(&["AZURE_CLIENT_SECRET"])
            .set("AZURE_CONFIG_DIR", az.path().display().to_string())
            .end();
        ended.expect(2, &[name, "not a regular file"]);
    }
}

#[test]
fn local_chart_without_a_file_is_refused_at_once() {
    let world = world();
    let folder = tempfile::tempdir().expect("a folder");
    for (path, _) in odd_paths(folder.path()) {
        let ended = run(SLI, &world)
            .set("IMAGES", "runwhen-local")
            .set("HELM_REPO_URL", path.clone())
            .end();
        ended.expect(2, &["check HELM_REPO_URL"]);
        assert!(
            ended.took < Duration::from_secs(60),
            "{path}: {:?}",
            ended.took
        );
    }
}

#[test]
fn too_few_file_descriptors_are_an_error_and_not_a_panic() {
    few_descriptors(SLI, &world());
}

#[test]
fn proxy_that_refuses_entra_is_not_access_denied() {
    let world = world();
    world.inject(
        Fault::on(ENTRA),
        ConnectionFault::TunnelRefused { code: 403 },
    );
    let ended = run(SLI, &world).end();
    ended.expect(
        3,
        &[
            "Microsoft Entra login",
            "login.microsoftonline.com:443: 403 Forbidden",
        ],
    );
}
