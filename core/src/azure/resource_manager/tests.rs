use super::*;
use crate::name::{Digest, Location};

fn resource(name: &str, login_server: &str) -> RegistryResource {
    let properties = RegistryProperties {
        login_server: login_server.to_owned(),
    };
    RegistryResource {
        id: format!("/subscriptions/s/{name}"),
        name: name.to_owned(),
        properties,
    }
}

#[test]
fn a_registry_is_found_by_name_or_login_server_in_any_case() {
    let all = || {
        vec![
            resource("MyAcr", "myacr-c5gkd3e4.azurecr.io"),
            resource("other", "other.azurecr.io"),
        ]
    };
    let found = |name: RegistryName| choose(all(), &name, &["s".to_owned()]);
    assert_eq!(
        found(RegistryName::Name("myacr".into())).unwrap().name,
        "MyAcr"
    );
    let server = RegistryName::LoginServer {
        server: "myacr-c5gkd3e4.azurecr.io".parse().unwrap(),
        cloud: Cloud::AzureCloud,
    };
    assert_eq!(found(server).unwrap().name, "MyAcr");
    let missing = found(RegistryName::Name("nosuch".into())).unwrap_err();
    assert_eq!(missing.cause, Cause::NotFound);
}

#[test]
fn an_empty_list_is_a_missing_permission_and_two_hits_are_named() {
    let name = RegistryName::Name("myacr".into());
    let nothing = choose(vec![], &name, &["s".to_owned()]).unwrap_err();
    assert_eq!(nothing.cause, Cause::AccessDenied);
    assert!(nothing.to_string().contains("registries/read"));
    let twice = vec![
        resource("myacr", "a.azurecr.io"),
        resource("myacr", "b.azurecr.io"),
    ];
    let two = choose(twice, &name, &["s".to_owned(), "t".to_owned()]).unwrap_err();
    assert!(two.what.contains("2 registries"), "{two}");
}

#[test]
fn an_import_names_the_source_by_digest_and_every_target() {
    let location = Location {
        registry: "us-west1-docker.pkg.dev".parse().unwrap(),
        repository: "p/r/i".parse().unwrap(),
    };
    let source = location.pinned(&Digest::sha256(b"x"));
    let targets = [(
        "runwhen/i".parse().unwrap(),
        "main-abc1234".parse().unwrap(),
    )];
    let (url, body) = import_request(
        Cloud::AzureUSGovernment,
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
fn azures_texts_are_explained() {
    for (text, party, cause) in [
        (
            "AuthorizationFailed: … importImage/action",
            Party::ResourceManager,
            Cause::AccessDenied,
        ),
        (
            "Invalid message Unauthorized … {\"errors\":[{\"code\":\"UNAUTHORIZED\"",
            Party::Source,
            Cause::AccessDenied,
        ),
        (
            "Invalid message NotFound … MANIFEST_UNKNOWN",
            Party::Source,
            Cause::NotFound,
        ),
        (
            "toomanyrequests: You have reached your pull rate limit",
            Party::Source,
            Cause::Throttled,
        ),
        (
            "client with IP '1.2.3.4' is not allowed access",
            Party::Destination,
            Cause::AccessDenied,
        ),
        ("the tag is locked", Party::Destination, Cause::Rejected),
    ] {
        let (found_party, found_cause, _) = meaning(text).unwrap();
        assert_eq!((found_party, found_cause), (party, cause), "{text}");
    }
    for unknown in ["something new", "blocked by policy", "sha256:4290429"] {
        assert_eq!(meaning(unknown), None, "{unknown}");
    }
}

#[test]
fn ids_in_the_preface_mean_nothing_and_the_cause_is_not_cut_off() {
    let id = format!("/subscriptions/429/{}", "x".repeat(500));
    let message = format!(
        "Operation registries-429-locked failed. Resource {id} Error copying blobs. Details: the end"
    );
    let body = json!({"error": {"code": "ImportFailed", "message": message}});
    let answer = Answer {
        party: Party::ResourceManager,
        call: "GET https://management.azure.com/x".to_owned(),
        url: "https://management.azure.com/x".parse().unwrap(),
        status: StatusCode::BAD_REQUEST,
        headers: reqwest::header::HeaderMap::new(),
        body: body.to_string().into(),
        secrets: crate::wire::Secrets::default(),
    };
    let problem = explained(&answer, Cause::Rejected);
    assert_eq!(
        (problem.party, problem.cause),
        (Party::Source, Cause::Rejected)
    );
    assert!(
        problem
            .what
            .ends_with("ImportFailed: Error copying blobs. Details: the end"),
        "{}",
        problem.what
    );
}
