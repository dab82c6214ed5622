use std::collections::HashMap;
use std::io;

use secrecy::ExposeSecret as _;

use super::super::{LogFormat, Mistakes};
use super::*;
use crate::cloud::Cloud;

fn found(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Login {
    read(variables, files).unwrap_or_else(|mistakes| panic!("{variables:?}: {mistakes:?}"))
}

/// The mistakes as the user sees them.
fn mistakes(variables: &[(&str, &str)], files: &[(&str, &str)]) -> String {
    match read(variables, files) {
        Ok(login) => panic!("{variables:?}: {}", login.origin),
        Err(mistakes) => Mistakes {
            mistakes,
            mistyped: Vec::new(),
            log_format: LogFormat::Text,
        }
        .to_string(),
    }
}

fn read(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Result<Login, Vec<Mistake>> {
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
        executable: "sli",
        subcommand: None,
        argument: None,
        names: &[],
        variable: &variable,
        file: &file,
        docker_login: &|_, _| Ok(None),
        planned_sources: Default::default(),
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
const ONE_ENTRY: &str = r#"[{"client_id":"c","tenant":"t","client_secret":"s"}]"#;
const PROFILE: &str = "\u{feff}{\"subscriptions\":[{\"id\":\"sub\",\"tenantId\":\"t\",\"isDefault\":true,\
     \"environmentName\":\"AzureUSGovernment\",\"user\":{\"name\":\"c\",\"type\":\"servicePrincipal\"}}]}";

#[test]
fn first_form_that_is_begun_is_used() {
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
    // Tenant and client alone do not begin a form: the platform passes those of the worker.
    let platform: Vec<_> = both
        .into_iter()
        .filter(|(name, _)| *name != "AZURE_CLIENT_SECRET")
        .collect();
    let login = found(&platform, &[]);
    assert_eq!(principal(&login), ("t2", "c2", "s2"));
    assert_eq!(login.subscription.as_deref(), Some("sub2"));
    // A later form neither completes nor replaces an earlier one.
    let text = mistakes(&both[1..], &[]);
    assert!(text.contains("AZURE_TENANT_ID: it is required"), "{text}");
}

#[test]
fn each_missing_part_of_a_form_is_named() {
    let names = [
        ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"],
        ["az_tenantId", "az_clientId", "az_clientSecret"],
    ];
    for (given, style) in (1..7).flat_map(|given| names.map(|style| (given, style))) {
        let is_given = |position: usize| given & (1 << position) != 0;
        let variables: Vec<_> = (0..3)
            .filter(|position| is_given(*position))
            .map(|position| (style[position], "value"))
            .collect();
        // One of Azure's names without a secret does not begin a form.
        if style[0] == "AZURE_TENANT_ID" && given < 3 {
            let login = found(&variables, &[]);
            assert!(
                matches!(login.credentials, Credentials::ManagedIdentity { .. }),
                "{variables:?}"
            );
            continue;
        }
        let text = mistakes(&variables, &[]);
        for (position, name) in style.iter().enumerate() {
            let is_named = text.contains(&format!("{name}: it is required"));
            assert_eq!(is_named, !is_given(position), "{variables:?}: {text}");
        }
    }
}

#[test]
fn subscription_alone_does_not_begin_a_form() {
    for name in ["AZURE_SUBSCRIPTION_ID", "az_subscriptionId"] {
        let login = found(&[(name, "sub")], &[]);
        assert!(matches!(
            login.credentials,
            Credentials::ManagedIdentity { .. }
        ));
    }
}

#[test]
fn azure_credentials_are_read_in_every_form() {
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

/// Values of `azure_credentials`, and a part of the mistake that each of them is.
const UNUSABLE_CREDENTIALS: &[(&str, &str)] = &[
    (r#"{"clientId":"c","clientSecret":"hush"}"#, "no tenantId"),
    (r#"{"tenantId":"t","clientSecret":"hush"}"#, "no clientId"),
    (r#"{"tenantId":"t","clientId":"c"}"#, "no clientSecret"),
    (
        r#"{"tenantId":"t","clientId":"c","clientSecret":""}"#,
        "no clientSecret",
    ),
    (
        r#"{"tenantId":"t","clientId":"c","clientSecret":null}"#,
        "no clientSecret",
    ),
    (
        r#"{"tenantId":"t","clientId":"c","clientSecret":["hush"]}"#,
        "not text",
    ),
    (
        r#"{"tenantId":"t","clientId":"c","clientSecret":"hush"#,
        "damaged at line 1",
    ),
    (
        r#"{"tenantId":"t" "clientSecret":"hush"}"#,
        "damaged at line 1",
    ),
    (r#"{"subscriptionId":"sub"}"#, "no tenantId"),
    (r#"["hush"]"#, "not an object"),
    (r#""hush""#, "not an object"),
    ("{}", "does not contain a service principal"),
    ("AZURE_CLIENT_ID=c\nAZURE_CLIENT_SECRET=hush", "no tenantId"),
    (
        "AZURE_TENANT_ID=\naz_clientId=c\nAZURE_CLIENT_SECRET=hush",
        "no tenantId",
    ),
    (
        "tenantId: t\nclientId: c\nclientSecret: hush",
        "does not contain a service principal",
    ),
    ("aHVzaA==", "does not contain a service principal"),
    ("credentials.json", "the path of such a file"),
];

#[test]
fn incomplete_or_damaged_azure_credentials_are_named_and_not_repeated() {
    for (text, part) in UNUSABLE_CREDENTIALS.iter().copied() {
        let inline = mistakes(&[("azure_credentials", text)], &[]);
        let in_file = mistakes(&[("azure_credentials", "/f")], &[("/f", text)]);
        for shown in [inline, in_file] {
            assert!(shown.contains(part), "{text}: {shown}");
            assert!(
                !shown.contains("hush") && !shown.contains("aHVz"),
                "{shown}"
            );
        }
    }
    assert!(mistakes(&[("azure_credentials", "/f")], &[("/f", " \n")]).contains("it is empty"));
    let text = mistakes(&[("azure_credentials", "/none")], &[]);
    assert!(
        text.contains("the file that it names cannot be read"),
        "{text}"
    );
    // An identity of a later form changes nothing.
    let later = [
        ("azure_credentials", "{"),
        ("AZURE_CONFIG_DIR", "/az"),
        ("AZURE_CLIENT_ID", "c"),
    ];
    mistakes(&later, &[("/az/service_principal_entries.json", ONE_ENTRY)]);
}

#[test]
fn sentence_of_the_platform_is_passed_over() {
    let files = [
        ("/az/service_principal_entries.json", ENTRIES),
        ("/az/azureProfile.json", PROFILE),
    ];
    for sentence in [
        "Azure CLI authenticated for tenant 11111111... at /tmp/.azure",
        "Azure CLI authenticated with Managed Identity at /tmp/.azure",
        "azure:sp@cli",
        "AUTH DETAILS NOT FOUND",
    ] {
        let sentence = ("azure_credentials", sentence);
        let login = found(&[sentence, ("AZURE_CONFIG_DIR", "/az")], &files);
        assert_eq!(principal(&login), ("t", "c", "s"));
        assert_eq!(login.subscription.as_deref(), Some("sub"));
        assert_eq!(login.cloud, Some(Cloud::UsGovernment));
        let alone = found(&[sentence], &[]);
        assert!(matches!(
            alone.credentials,
            Credentials::ManagedIdentity {
                identity: ManagedIdentity::System
            }
        ));
        assert_eq!(alone.passed_over.len(), 1);
    }
}

const AZ: (&str, &str) = ("AZURE_CONFIG_DIR", "/az");

#[test]
fn assertion_and_managed_identity_of_the_azure_cli_are_used() {
    let entries = r#"[{"client_id":"c","tenant":"t","client_assertion":"jwt"}]"#;
    let login = found(&[AZ], &[("/az/service_principal_entries.json", entries)]);
    assert!(matches!(
        login.credentials,
        Credentials::ClientAssertion { .. }
    ));
    let profile = r#"{"subscriptions":[{"id":"sub","isDefault":true,"user":{"name":"userAssignedIdentity","assignedIdentityInfo":"MSIClient-abc"}}]}"#;
    let login = found(&[AZ], &[("/az/azureProfile.json", profile)]);
    let Credentials::ManagedIdentity { identity } = login.credentials else {
        panic!()
    };
    assert_eq!(identity, ManagedIdentity::Client("abc".into()));
    assert_eq!(login.subscription.as_deref(), Some("sub"));
}

#[test]
fn azure_cli_without_a_login_is_passed_over() {
    let empty = r#"{"installationId":"x","subscriptions":[]}"#;
    for files in [
        &[][..],
        &[("/az/azureProfile.json", empty)],
        &[
            ("/az/azureProfile.json", empty),
            ("/az/service_principal_entries.json", "[]"),
        ],
    ] {
        let login = found(&[AZ], files);
        assert!(matches!(
            login.credentials,
            Credentials::ManagedIdentity { .. }
        ));
        assert_eq!(
            login.passed_over,
            ["AZURE_CONFIG_DIR does not contain a login"]
        );
    }
}

/// Profiles and entries of the Azure CLI, and a part of the mistake that each pair is.
fn unusable_logins() -> Vec<(String, String, &'static str)> {
    let profile = |user: &str| {
        format!(
            r#"{{"subscriptions":[{{"id":"sub","tenantId":"t","isDefault":true,"user":{user}}}]}}"#
        )
    };
    let principal = &profile(r#"{"name":"c","type":"servicePrincipal"}"#);
    let person = &profile(r#"{"name":"me@example.com","type":"user"}"#);
    let machine = &profile(r#"{"name":"userAssignedIdentity"}"#);
    let entry = |secret: &str| format!(r#"[{{"client_id":"c","tenant":"t"{secret}}}]"#);
    let other = &ONE_ENTRY.replace("\"c\"", "\"other\"");
    let empty_secret = &entry(r#","client_secret":"""#);
    let no_file = &entry(r#","certificate":"/none.pem""#);
    let bad_file = &entry(r#","certificate":"/bad.pem""#);
    let damaged_entries = "service_principal_entries.json in it is not what";
    let cases = [
        ("{", "[]", "azureProfile.json in it is not what"),
        ("", "[]", "azureProfile.json in it is not what"),
        (principal, "[", damaged_entries),
        (principal, r#"["hush"]"#, damaged_entries),
        (principal, "[]", "has no entry"),
        (principal, other, "has no entry"),
        (
            r#"{"subscriptions":[]}"#,
            ENTRIES,
            "several service principals",
        ),
        (principal, &entry(""), "neither client_secret"),
        (principal, empty_secret, "neither client_secret"),
        (principal, no_file, "cannot be used: "),
        (principal, bad_file, "no usable certificate"),
        (person, ONE_ENTRY, "as a person"),
        (machine, "[]", "the user-assigned identity"),
    ];
    cases
        .map(|(profile, entries, part)| (profile.to_owned(), entries.to_owned(), part))
        .into()
}

#[test]
fn unusable_login_of_the_azure_cli_is_a_mistake() {
    for (profile, entries, part) in unusable_logins() {
        let files = [
            ("/az/azureProfile.json", profile.as_str()),
            ("/az/service_principal_entries.json", &entries),
            ("/bad.pem", "PEM"),
        ];
        let text = mistakes(&[AZ], &files);
        assert!(
            text.contains("AZURE_CONFIG_DIR: ") && text.contains(part),
            "{part}: {text}"
        );
        assert!(!text.contains("hush"), "{text}");
    }
}

#[test]
fn entry_with_the_domain_of_the_tenant_is_found() {
    let entries = ONE_ENTRY.replace("\"t\"", "\"example.com\"");
    let files = [
        ("/az/azureProfile.json", PROFILE),
        ("/az/service_principal_entries.json", &entries),
    ];
    assert_eq!(principal(&found(&[AZ], &files)), ("example.com", "c", "s"));
}

#[test]
fn workload_identity_needs_tenant_client_and_a_token() {
    let file = ("AZURE_FEDERATED_TOKEN_FILE", "/token");
    let (tenant, client) = (("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c"));
    let token = [("/token", "jwt")];
    let login = found(&[file, tenant, client], &token);
    assert!(matches!(
        login.credentials,
        Credentials::WorkloadIdentity { .. }
    ));
    for (variables, files, part) in [
        (
            &[file, tenant][..],
            &token[..],
            "AZURE_CLIENT_ID: it is required",
        ),
        (&[file, client], &token, "AZURE_TENANT_ID: it is required"),
        (&[file], &token, "AZURE_TENANT_ID: it is required"),
        (&[file, tenant, client], &[], "the file cannot be read"),
        (
            &[file, tenant, client],
            &[("/token", "\n")],
            "the file is empty",
        ),
    ] {
        let text = mistakes(variables, files);
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn debug_output_does_not_contain_a_secret() {
    let login = found(
        &[(
            "azure_credentials",
            r#"{"tenantId":"t","clientId":"c","clientSecret":"hush"}"#,
        )],
        &[],
    );
    assert!(!format!("{login:?}").contains("hush"));
}
