//! Azure credentials that are incomplete or refused: the message, and that no other identity is used.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::SLI;
use crate::support::{ENTRA, Run, run};
use sandbox::scenario::{CLIENT_ID, CLIENT_SECRET, FEDERATED_TOKEN, SUBSCRIPTION_ID, TENANT_ID};
use sandbox::{Fault, ReplacedResponse, Sandbox, Scenario};

const GIVEN: [&str; 4] = [
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_SUBSCRIPTION_ID",
];

fn world() -> Sandbox {
    Sandbox::start(Scenario::outdated()).expect("a sandbox")
}

/// A run on a machine whose managed identity answers, with these variables as the only credentials.
fn with<'a>(world: &'a Sandbox, variables: &[(&str, &str)]) -> Run<'a> {
    let mut prepared = run(SLI, world).unset(&GIVEN);
    for (name, value) in world.identity_environment() {
        prepared = prepared.set(&name, value);
    }
    for (name, value) in variables {
        prepared = prepared.set(name, *value);
    }
    prepared
}

fn write(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("a file");
    path.display().to_string()
}

#[test]
fn incomplete_credentials_end_the_run_at_once_and_no_other_identity_is_used() {
    let world = world();
    let folder = tempfile::tempdir().expect("a folder");
    let token = write(folder.path(), "token", FEDERATED_TOKEN);
    let empty = write(folder.path(), "empty", "\n");
    let broken = write(
        folder.path(),
        "broken.json",
        r#"{"tenantId": "x", "clientSecret""#,
    );
    let az = tempfile::tempdir().expect("a folder");
    write(az.path(), "azureProfile.json", "{");
    let az = az.path().display().to_string();
    let (tenant, client) = (
        ("AZURE_TENANT_ID", TENANT_ID),
        ("AZURE_CLIENT_ID", CLIENT_ID),
    );
    let secret = ("AZURE_CLIENT_SECRET", CLIENT_SECRET);
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[client, secret], "AZURE_TENANT_ID: it is required"),
        (&[tenant, secret], "AZURE_CLIENT_ID: it is required"),
        (
            &[tenant, client],
            "AZURE_CLIENT_SECRET: it is required, because AZURE_TENANT_ID and AZURE_CLIENT_ID are set, or \
             AZURE_FEDERATED_TOKEN_FILE for workload identity; unset AZURE_TENANT_ID to use a managed identity",
        ),
        (&[secret], "AZURE_TENANT_ID: it is required"),
        (
            &[secret, client, ("AZURE_TENANT_ID", "")],
            "AZURE_TENANT_ID: it is required",
        ),
        (
            &[secret, client, ("az_tenantId", TENANT_ID)],
            "AZURE_TENANT_ID: it is required",
        ),
        (
            &[
                ("az_clientId", CLIENT_ID),
                ("az_clientSecret", CLIENT_SECRET),
                tenant,
            ],
            "az_tenantId: it is required",
        ),
        (
            &[("az_clientId", CLIENT_ID)],
            "az_clientSecret: it is required",
        ),
        (
            &[("azure_credentials", r#"{"tenantId": "x", "clientId""#)],
            "JSON is damaged",
        ),
        (
            &[("azure_credentials", r#"{"tenantId": "x"}"#)],
            "no clientId",
        ),
        (&[("azure_credentials", "AZURE_CLIENT_ID=x")], "no tenantId"),
        (
            &[("azure_credentials", "/nonexistent/file")],
            "cannot be read",
        ),
        (&[("azure_credentials", &broken)], "JSON is damaged"),
        (&[("azure_credentials", &empty)], "it is empty"),
        (
            &[
                ("AZURE_FEDERATED_TOKEN_FILE", "/nonexistent/token"),
                tenant,
                client,
            ],
            "the file cannot be read",
        ),
        (
            &[("AZURE_FEDERATED_TOKEN_FILE", &empty), tenant, client],
            "the file is empty",
        ),
        (
            &[("AZURE_FEDERATED_TOKEN_FILE", &token), tenant],
            "AZURE_CLIENT_ID: it is required",
        ),
        (
            &[("AZURE_CONFIG_DIR", &az)],
            "azureProfile.json in it is not what",
        ),
    ];
    for (variables, part) in cases {
        let ended = with(&world, variables).end();
        ended.expect(2, &["the configuration is wrong", part]);
        assert_eq!(ended.stdout, "", "{variables:?}");
        assert!(ended.took < Duration::from_secs(60), "{:?}", ended.took);
    }
    assert!(world.requests().is_empty());
}

#[test]
fn variables_that_start_no_form_leave_the_managed_identity() {
    let world = world();
    let cases: &[&[(&str, &str)]] = &[
        &[],
        &[("AZURE_CLIENT_ID", CLIENT_ID)],
        &[("AZURE_TENANT_ID", TENANT_ID)],
        &[("AZURE_SUBSCRIPTION_ID", SUBSCRIPTION_ID)],
        &[(
            "azure_credentials",
            "Azure CLI authenticated for tenant 5a4d0000... at /x",
        )],
        &[
            ("azure_credentials", "azure:identity@cli"),
            ("AZURE_CONFIG_DIR", "/nonexistent"),
        ],
    ];
    for variables in cases {
        let ended = with(&world, variables).end();
        ended.expect(0, &["credentials: managed identity"]);
        assert_eq!(ended.stdout, "5\n", "{variables:?}");
    }
}

#[test]
fn unassigned_managed_identity_is_named() {
    let world = world();
    let ended = with(
        &world,
        &[("AZURE_CLIENT_ID", "5a4d0000-0000-4000-8000-00000000000f")],
    )
    .end();
    ended.expect(
        5,
        &[
            "No User Assigned or Delegated Managed Identity found",
            "AZURE_CLIENT_ID",
        ],
    );
}

/// A refusal of Entra as in public bug reports: with line breaks, quotes and a nested document.
fn refusal(code: u32, text: &str) -> ReplacedResponse {
    let body = serde_json::json!({
        "error": "invalid_client",
        "error_description": format!(
            "AADSTS{code}: {text} See \"the docs\" at C:\\docs.\r\nTrace ID: 5a4d\r\nCorrelation ID: 5a4d\r\nTimestamp: 2026-11-22 10:00:00Z"
        ),
        "error_codes": [code],
        "claims": "{\"access_token\":{\"capolids\":{\"essential\":true}}}",
    });
    ReplacedResponse::Status {
        code: 401,
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body: body.to_string(),
    }
}

#[test]
fn refusal_with_line_breaks_and_quotes_is_shown_for_every_kind_of_credentials() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = write(folder.path(), "token", FEDERATED_TOKEN);
    let identity = (
        ("AZURE_TENANT_ID", TENANT_ID),
        ("AZURE_CLIENT_ID", CLIENT_ID),
    );
    let entry = |fields: &str| {
        let az = tempfile::tempdir().expect("a folder");
        let entries = format!(r#"[{{"client_id":"{CLIENT_ID}","tenant":"{TENANT_ID}",{fields}}}]"#);
        write(az.path(), "service_principal_entries.json", &entries);
        az
    };
    let assertion = entry(r#""client_assertion":"eyJ.assertion.signature""#);
    let assertion = assertion.path().display().to_string();
    let mut kinds: Vec<Vec<(&str, &str)>> = vec![
        vec![
            identity.0,
            identity.1,
            ("AZURE_CLIENT_SECRET", CLIENT_SECRET),
        ],
        vec![
            identity.0,
            identity.1,
            ("AZURE_FEDERATED_TOKEN_FILE", &token),
        ],
        vec![("AZURE_CONFIG_DIR", &assertion)],
        vec![],
    ];
    let pem = certificate(folder.path());
    if pem.is_none() {
        assert!(std::env::var_os("CI").is_none(), "openssl is not installed");
        eprintln!("skipped with a certificate: openssl is not installed");
    }
    let certificate = pem.map(|path| entry(&format!(r#""certificate":"{path}""#)));
    let certificate = certificate.map(|az| (az.path().display().to_string(), az));
    if let Some((path, _)) = &certificate {
        kinds.push(vec![("AZURE_CONFIG_DIR", path)]);
    }
    for variables in kinds {
        let world = world();
        let text = "Invalid client secret provided.";
        world.inject(Fault::on(ENTRA).method("POST"), refusal(7_000_215, text));
        world.inject(
            Fault::on("*").path_contains("/msi/token"),
            refusal(7_000_215, text),
        );
        let ended = with(&world, &variables).end();
        ended.expect(
            5,
            &[
                "was refused: invalid_client: AADSTS7000215: Invalid client secret provided.",
                "put a valid client secret into ",
            ],
        );
        for part in ["borrowed", "Trace ID", "Timestamp"] {
            assert!(
                !ended.stderr.contains(part),
                "{variables:?}: {}",
                ended.stderr
            );
        }
    }
}

/// A certificate with its key, as `az login --certificate` takes it; none without openssl.
fn certificate(folder: &Path) -> Option<String> {
    let (key, pem) = (folder.join("key.pem"), folder.join("certificate.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=sandbox",
        ])
        .args([Path::new("-keyout"), &key, Path::new("-out"), &pem])
        .output();
    made.ok().filter(|made| made.status.success())?;
    let both = [&pem, &key].map(|path| std::fs::read_to_string(path).expect("a file"));
    Some(write(folder, "both.pem", &both.concat()))
}

#[test]
fn refusals_by_policy_and_by_tenant_are_explained() {
    for (code, text, parts) in [
        (
            53_003,
            "Access has been blocked by Conditional Access policies.",
            ["a Conditional Access policy", "sign-in logs"],
        ),
        (
            50_001,
            "The resource principal named https://containerregistry.azure.net was not found.",
            ["AZURE_CLOUD", "Microsoft.ContainerRegistry"],
        ),
        (
            500_011,
            "The resource principal named https://containerregistry.azure.net was not found.",
            ["AZURE_CLOUD", "Microsoft.ContainerRegistry"],
        ),
    ] {
        let world = world();
        world.inject(Fault::on(ENTRA).method("POST"), refusal(code, text));
        let ended = run(SLI, &world).end();
        ended.expect(5, &[&format!("AADSTS{code}: "), parts[0], parts[1]]);
    }
}
