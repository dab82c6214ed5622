//! Registries that are not in Azure, as destination: their logins, the check, and plain HTTP.

use sandbox::registry::Registry;
use sandbox::{Login, OciSettings, Sandbox, Scenario, scenario};
use serde_json::json;

use crate::support::{ENTRA, Ended, Run, run, secrets};
use crate::{TASKSET, start};

const HARBOR: &str = "harbor.example:8443";
const PASSWORD: &str = "harbor-password-17";
const REFRESH: &str = "harbor-refresh-token-18";

fn settings(login: Login) -> OciSettings {
    let mut settings = OciSettings::new(login).with_account("robot", PASSWORD, true);
    settings.refresh_tokens = vec![(REFRESH.to_owned(), "robot".to_owned())];
    settings
}

fn world(login: Login) -> Sandbox {
    let world = start(Scenario::copy());
    world.add_registry(Registry::oci(HARBOR, settings(login)));
    world
}

/// A run without any Azure setting.
fn oci<'a>(world: &'a Sandbox, host: &str) -> Run<'a> {
    run(TASKSET, world).without_azure(host)
}

fn logged_in(run: Run<'_>, login: Login) -> Run<'_> {
    match login {
        Login::Anonymous => run,
        Login::Basic | Login::Docker | Login::OAuth2 => run
            .set("REGISTRY_USERNAME", "robot")
            .set("REGISTRY_PASSWORD", PASSWORD),
    }
}

fn assert_synced(world: &Sandbox, host: &str, ended: &Ended) {
    ended.expect(0, &["copied and verified"]);
    for name in scenario::CODE_COLLECTIONS {
        let tag = Scenario::newest_tag(name);
        let source = format!("{}/{name}", scenario::GOOGLE_PATH);
        let published = world.tag(scenario::GOOGLE_HOST, &source, &tag);
        assert!(published.is_some());
        assert_eq!(world.tag(host, &format!("runwhen/{name}"), &tag), published);
    }
    assert!(world.requests().iter().all(|request| request.host != ENTRA));
}

#[test]
fn every_kind_of_login_syncs_and_a_second_run_copies_nothing() {
    for login in [Login::Anonymous, Login::Basic, Login::Docker, Login::OAuth2] {
        let world = world(login);
        let ended = logged_in(oci(&world, HARBOR), login).end();
        assert_synced(&world, HARBOR, &ended);
        let traffic = world.traffic();
        assert_eq!(traffic.uploaded, traffic.downloaded, "{login:?}");
        world.clear_log();
        logged_in(oci(&world, HARBOR), login)
            .end()
            .expect(0, &["UpToDate"]);
        let traffic = world.traffic();
        assert_eq!((traffic.uploaded, traffic.manifests), (0, 0), "{login:?}");
    }
}

#[test]
fn two_registries_are_synced_in_one_run() {
    let world = world(Login::Basic);
    const SECOND: &str = "mirror.example";
    world.add_registry(Registry::oci(SECOND, settings(Login::Basic)));
    let names = format!("{HARBOR},{SECOND}");
    let ended = logged_in(oci(&world, &names), Login::Basic).end();
    assert_synced(&world, HARBOR, &ended);
    assert_synced(&world, SECOND, &ended);
    world.clear_log();
    let again = logged_in(oci(&world, &names), Login::Basic).end();
    again.expect(0, &["10 images: 10 up to date"]);
    assert_eq!(world.traffic().uploaded, 0);
}

#[test]
fn each_registry_has_its_own_login_in_dockers_file() {
    let world = world(Login::Basic);
    const SECOND: &str = "mirror.example";
    world.add_registry(Registry::oci(SECOND, settings(Login::Basic)));
    let folder = tempfile::tempdir().expect("a folder");
    // The second password is wrong.
    let file = json!({"auths": {
        HARBOR: {"auth": "cm9ib3Q6aGFyYm9yLXBhc3N3b3JkLTE3"},
        SECOND: {"auth": "cm9ib3Q6YW5vdGhlci1wYXNzd29yZC05"},
    }});
    std::fs::write(folder.path().join("config.json"), file.to_string()).expect("a file");
    let ended = oci(&world, &format!("{HARBOR},{SECOND}"))
        .set("DOCKER_CONFIG", folder.path().display().to_string())
        .end();
    ended.expect(5, &["registry mirror.example refused"]);
    let registries = ended.json("taskset.json")["registries"].clone();
    assert_eq!(registries[0]["needs_sync"], 0);
    assert_eq!(registries[1]["needs_sync"], json!(null));
}

#[test]
fn login_comes_from_dockers_file_or_its_helper() {
    for (file, login) in [
        (
            r#"{"auths": {"harbor.example:8443": {"auth": "cm9ib3Q6aGFyYm9yLXBhc3N3b3JkLTE3"}}}"#,
            Login::Docker,
        ),
        (
            r#"{"auths": {"harbor.example:8443": {"identitytoken": "harbor-refresh-token-18"}}}"#,
            Login::OAuth2,
        ),
        (
            r#"{"credHelpers": {"harbor.example:8443": "of-the-test"}}"#,
            Login::Basic,
        ),
        (r#"{"credsStore": "of-the-test"}"#, Login::Docker),
    ] {
        let world = world(login);
        let run = oci(&world, HARBOR);
        let folder = run.folder().to_owned();
        std::fs::write(folder.join("config.json"), file).unwrap();
        let helper = folder.join("docker-credential-of-the-test");
        let answer = format!(
            "#!/bin/sh\nread -r host\necho '{{\"ServerURL\": \"x\", \"Username\": \"robot\", \"Secret\": \"{PASSWORD}\"}}'\n"
        );
        std::fs::write(&helper, answer).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&helper, executable).unwrap();
        let path = folder.display().to_string();
        let ended = run
            .set("DOCKER_CONFIG", &path)
            .set("PATH", format!("{path}:/usr/bin:/bin"));
        let child = ended.spawn();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{file}\n{stderr}");
        for secret in [PASSWORD, REFRESH] {
            for trace in secrets::traces_of(secret) {
                assert!(!stderr.contains(&trace), "{stderr}");
            }
        }
    }
}

#[test]
fn plain_http_is_used_only_for_a_host_that_is_named() {
    let world = start(Scenario::copy());
    let host = world.add_plain_http_registry(OciSettings::new(Login::Anonymous));
    let refused = oci(&world, &host).end();
    refused.expect(3, &[]);
    assert_eq!(
        world.tag(
            &host,
            "runwhen/runwhen-contrib-rw-workspace-utils",
            "main-729cf76"
        ),
        None
    );
    let ended = oci(&world, &host).set("REGISTRY_INSECURE", &host).end();
    assert_synced(&world, &host, &ended);
}

#[test]
fn wrong_password_and_an_account_without_push_end_with_the_variables_to_check() {
    let world = world(Login::Docker);
    let wrong = oci(&world, HARBOR)
        .set("REGISTRY_USERNAME", "robot")
        .set("REGISTRY_PASSWORD", "not-the-password");
    wrong
        .end()
        .expect(5, &["check REGISTRY_USERNAME and REGISTRY_PASSWORD"]);
    let reader = start(Scenario::copy());
    let settings = OciSettings::new(Login::Docker).with_account("robot", PASSWORD, false);
    reader.add_registry(Registry::oci(HARBOR, settings));
    let ended = oci(&reader, HARBOR)
        .set("REGISTRY_USERNAME", "robot")
        .set("REGISTRY_PASSWORD", PASSWORD)
        .end();
    ended.expect(5, &["copy failed", "what the account may do"]);
    assert_eq!(reader.traffic().manifests, 0);
}

#[test]
fn settings_that_exclude_each_other_are_mistakes() {
    let world = world(Login::Anonymous);
    let ended = oci(&world, HARBOR)
        .set("SYNC_METHOD", "import")
        .set("REGISTRY_USERNAME", "robot")
        .end();
    ended.expect(
        2,
        &[
            "only an Azure Container Registry imports",
            "REGISTRY_PASSWORD: it is required",
        ],
    );
}

#[test]
fn dates_decide_for_latest_as_with_an_acr() {
    for (created, verdict) in [
        ("2026-09-01T08:00:00Z", "Outdated"),
        ("2026-11-01T08:00:00Z", "UpToDate"),
    ] {
        let world = world(Login::Anonymous);
        world.edit(|world| {
            let mut author = world.author(HARBOR, "runwhen/runner");
            let config = json!({"created": created, "architecture": "amd64", "os": "linux",
                "rootfs": {"type": "layers", "diff_ids": []}});
            let config = author.blob(
                "application/vnd.oci.image.config.v1+json",
                config.to_string(),
            );
            let image = author
                .manifest(&json!({"schemaVersion": 2, "config": config, "layers": [],
                "mediaType": "application/vnd.oci.image.manifest.v1+json"}));
            author.tag("2026-09-01.1", &image);
        });
        // The source's latest was built on 2026-10-20.
        let ended = oci(&world, HARBOR)
            .set("IMAGES", "runwhen-local")
            .set("CHART_SET", "runner.image.tag=latest")
            .end();
        ended.expect(0, &[]);
        assert_eq!(ended.verdicts("taskset.json")["runner"], verdict);
        let has_latest = world.tag(HARBOR, "runwhen/runner", "latest").is_some();
        assert_eq!(has_latest, verdict == "Outdated");
    }
}

#[test]
fn messages_do_not_call_the_registry_an_acr() {
    let world = world(Login::Docker);
    let ended = oci(&world, HARBOR)
        .set("REGISTRY_USERNAME", "robot")
        .set("REGISTRY_PASSWORD", "not-the-password")
        .end();
    ended.expect(5, &[]);
    let issues = ended.json("issues.json").to_string();
    assert!(
        issues.contains("OCI registry harbor.example:8443"),
        "{issues}"
    );
    let issues = ended.stderr.clone() + &issues;
    assert!(
        !issues.contains("ACR") && !issues.contains("Azure"),
        "{issues}"
    );
}
