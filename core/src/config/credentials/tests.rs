use std::collections::HashMap;
use std::io;

use secrecy::ExposeSecret as _;

use super::*;

fn found(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Login {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    let files: HashMap<_, _> = files.iter().copied().collect();
    let variable = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    let file = |path: &Path| {
        let found = path.to_str().and_then(|path| files.get(path));
        found
            .map(|text| (*text).to_owned())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    };
    find(&Inputs {
        variable: &variable,
        file: &file,
    })
}

fn principal(login: &Login) -> (&str, &str, &str) {
    match &login.credentials {
        Credentials::ClientSecret {
            tenant,
            client,
            secret,
        } => (tenant, client, secret.expose_secret()),
        other => panic!("not a client secret: {other:?}"),
    }
}

const ENTRIES: &str = r#"[{"client_id":"other","tenant":"t","client_secret":"no"},{"client_id":"c","tenant":"t","client_secret":"s"}]"#;
const PROFILE: &str = "\u{feff}{\"subscriptions\":[{\"id\":\"sub\",\"tenantId\":\"t\",\"isDefault\":true,\
     \"environmentName\":\"AzureUSGovernment\",\"user\":{\"name\":\"c\",\"type\":\"servicePrincipal\"}}]}";

#[test]
fn the_first_complete_one_wins() {
    let both = [
        ("AZURE_TENANT_ID", "t1"),
        ("AZURE_CLIENT_ID", "c1"),
        ("AZURE_CLIENT_SECRET", "s1"),
        ("az_tenantId", "t2"),
        ("az_clientId", "c2"),
        ("az_clientSecret", "s2"),
        ("az_subscriptionId", "sub2"),
    ];
    assert_eq!(principal(&found(&both, &[])), ("t1", "c1", "s1"));
    let login = found(&both[1..], &[]);
    assert_eq!(principal(&login), ("t2", "c2", "s2"));
    assert_eq!(login.subscription.as_deref(), Some("sub2"));
    assert_eq!(
        login.passed_over,
        ["AZURE_CLIENT_SECRET is set, AZURE_TENANT_ID is not"]
    );
}

#[test]
fn azure_credentials_in_every_form() {
    let json = r#"{"tenantId":"t","clientId":"c","clientSecret":"s","subscriptionId":"sub"}"#;
    let lines = "export AZURE_TENANT_ID=t\naz_clientId='c'\nAZURE_CLIENT_SECRET=\"s\"\nAZURE_SUBSCRIPTION_ID=sub\n";
    for text in [json, lines] {
        let login = found(&[("azure_credentials", text)], &[]);
        assert_eq!(principal(&login), ("t", "c", "s"));
        assert_eq!(login.subscription.as_deref(), Some("sub"));
        let login = found(&[("azure_credentials", "/s/creds")], &[("/s/creds", text)]);
        assert_eq!(principal(&login), ("t", "c", "s"));
    }
}

#[test]
fn the_platforms_sentence_is_no_credential_and_no_error() {
    let sentence = ("azure_credentials", "Azure CLI authenticated for tenant t");
    let files = [
        ("/az/service_principal_entries.json", ENTRIES),
        ("/az/azureProfile.json", PROFILE),
    ];
    let login = found(&[sentence, ("AZURE_CONFIG_DIR", "/az")], &files);
    assert_eq!(principal(&login), ("t", "c", "s"));
    assert_eq!(login.subscription.as_deref(), Some("sub"));
    assert_eq!(login.cloud, Some(Cloud::AzureUSGovernment));
    let alone = found(&[sentence], &[]);
    assert!(matches!(
        alone.credentials,
        Credentials::ManagedIdentity {
            identity: ManagedIdentity::System
        }
    ));
    assert_eq!(alone.passed_over.len(), 1);
}

#[test]
fn the_cli_may_hold_a_certificate_an_assertion_or_an_identity() {
    let dir = ("AZURE_CONFIG_DIR", "/az");
    let entries = r#"[{"client_id":"c","tenant":"t","certificate":"/k.pem"}]"#;
    let login = found(
        &[dir],
        &[
            ("/az/service_principal_entries.json", entries),
            ("/k.pem", "PEM"),
        ],
    );
    assert!(matches!(
        login.credentials,
        Credentials::ClientCertificate { .. }
    ));
    let entries = r#"[{"client_id":"c","tenant":"t","client_assertion":"jwt"}]"#;
    let login = found(&[dir], &[("/az/service_principal_entries.json", entries)]);
    assert!(matches!(
        login.credentials,
        Credentials::ClientAssertion { .. }
    ));
    let profile = r#"{"subscriptions":[{"id":"sub","isDefault":true,"user":{"name":"userAssignedIdentity","assignedIdentityInfo":"MSIClient-abc"}}]}"#;
    let login = found(&[dir], &[("/az/azureProfile.json", profile)]);
    let Credentials::ManagedIdentity { identity } = login.credentials else {
        panic!()
    };
    assert_eq!(identity, ManagedIdentity::Client("abc".into()));
    assert_eq!(login.subscription.as_deref(), Some("sub"));
}

#[test]
fn workload_identity_needs_tenant_and_client() {
    let file = ("AZURE_FEDERATED_TOKEN_FILE", "/token");
    let login = found(
        &[file, ("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c")],
        &[],
    );
    assert!(matches!(
        login.credentials,
        Credentials::WorkloadIdentity { .. }
    ));
    assert!(matches!(
        found(&[file], &[]).credentials,
        Credentials::ManagedIdentity { .. }
    ));
}

#[test]
fn debug_output_holds_no_secret() {
    let login = found(
        &[(
            "azure_credentials",
            r#"{"tenantId":"t","clientId":"c","clientSecret":"hush"}"#,
        )],
        &[],
    );
    assert!(!format!("{login:?}").contains("hush"));
}
