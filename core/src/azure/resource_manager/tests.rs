use super::listing::named;
use super::*;
use crate::name::{Digest, ImageName};

fn resource(name: &str, login_server: &str) -> RegistryResource {
    let properties = RegistryProperties {
        public_network_access: Value::Null,
        network_rule_set: Value::Null,
        login_server: login_server.to_owned(),
        role_assignment_mode: None,
    };
    RegistryResource {
        sku: Value::Null,
        id: format!("/subscriptions/s/{name}"),
        name: name.to_owned(),
        properties,
    }
}

fn listing(
    seen: Vec<RegistryResource>,
    subscriptions: &[&str],
    origin: SubscriptionOrigin,
) -> Listing {
    Listing {
        seen,
        refusal: None,
        subscriptions: subscriptions.iter().map(ToString::to_string).collect(),
        origin,
    }
}

#[test]
fn registry_is_found_by_name_or_login_server_in_any_case() {
    let all = vec![
        resource("MyAcr", "myacr-c5gkd3e4.azurecr.io"),
        resource("other", "other.azurecr.io"),
    ];
    let all = listing(all, &["s"], SubscriptionOrigin::Listed);
    let found = |name: &str| choose(&all, name);
    assert_eq!(found("myacr").unwrap().name, "MyAcr");
    assert_eq!(found("myacr-c5gkd3e4.azurecr.io").unwrap().name, "MyAcr");
    let missing = found("nosuch").unwrap_err();
    assert_eq!(missing.cause, Cause::NotFound);
    let what = "registry nosuch is not among the 2 that the identity can see in subscription s: \
                myacr-c5gkd3e4.azurecr.io, other.azurecr.io";
    assert_eq!(missing.what, what);
}

#[test]
fn empty_list_is_a_missing_permission_and_two_hits_are_named() {
    let name = "myacr";
    let empty = listing(vec![], &["s"], SubscriptionOrigin::Variable);
    let nothing = choose(&empty, name).unwrap_err();
    assert_eq!(nothing.cause, Cause::AccessDenied);
    for part in ["registries/read", "set AZURE_RESOURCE_SUBSCRIPTION_ID to"] {
        assert!(nothing.to_string().contains(part), "{nothing}");
    }
    let twice = vec![
        resource("myacr", "a.azurecr.io"),
        resource("myacr", "b.azurecr.io"),
    ];
    let both = listing(twice, &["s", "t"], SubscriptionOrigin::Listed);
    let two = choose(&both, name).unwrap_err();
    assert!(two.what.contains("2 registries"), "{two}");
}

#[test]
fn import_request_contains_the_digest_of_the_source_and_every_target() {
    let location = ImageName {
        registry: "us-west1-docker.pkg.dev".parse().unwrap(),
        repository: "p/r/i".parse().unwrap(),
    };
    let source = location.pinned(&Digest::sha256(b"x"));
    let targets = ["runwhen/i:main-abc1234".parse().unwrap()];
    let (url, body) = import_request(
        Cloud::UsGovernment,
        "/subscriptions/s/r",
        &source,
        &targets,
        None,
    );
    assert_eq!(
        url,
        "https://management.usgovcloudapi.net/subscriptions/s/r/importImage?api-version=2023-07-01"
    );
    assert_eq!(
        body["source"]["sourceImage"],
        format!("p/r/i@{}", Digest::sha256(b"x"))
    );
    assert_eq!(body["targetTags"], json!(["runwhen/i:main-abc1234"]));
    assert_eq!(body["mode"], "Force");
    assert!(body["source"].get("credentials").is_none());
}

#[test]
fn many_registries_are_named_up_to_ten() {
    let many: Vec<_> = (10..25)
        .map(|number| resource("x", &format!("r{number}.azurecr.io")))
        .collect();
    let text = named(&many);
    assert!(text.starts_with("r10.azurecr.io, r11"), "{text}");
    assert!(text.ends_with("r19.azurecr.io and 5 more"), "{text}");
}

#[test]
fn role_mode_is_read_if_azure_reports_it() {
    for (json, mode) in [
        (
            r#"{"loginServer":"a","roleAssignmentMode":"AbacRepositoryPermissions"}"#,
            RoleMode::Abac,
        ),
        (
            r#"{"loginServer":"a","roleAssignmentMode":"LegacyRegistryPermissions"}"#,
            RoleMode::Rbac,
        ),
        (
            r#"{"loginServer":"a","roleAssignmentMode":null}"#,
            RoleMode::Unknown,
        ),
        (r#"{"loginServer":"a"}"#, RoleMode::Unknown),
    ] {
        let properties: RegistryProperties = serde_json::from_str(json).unwrap();
        assert_eq!(properties.role_mode(), mode, "{json}");
    }
}
