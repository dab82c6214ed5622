//! Imports of the sandbox's Resource Manager: the long-running operation, its result in the registry, and its failures.

use crate::client::{Response, acr_authorization, entra_token, get, request};
use sandbox::scenario::{CODE_COLLECTIONS, GOOGLE_HOST, GOOGLE_PATH, SUBSCRIPTION_ID};
use sandbox::{Change, ImportFailure, ImportResult, ImportRule, Permission, Sandbox, Scenario};
use serde_json::json;
use std::time::{Duration, Instant};

const REPOSITORY: &str = "runwhen/runwhen-contrib-rw-cli-codecollection";
const ARM: &str = "https://management.azure.com";
const ARM_SCOPE: &str = "https://management.azure.com/.default";

fn start() -> Sandbox {
    let scenario = Scenario {
        import_milliseconds: 100,
        ..Scenario::default()
    };
    Sandbox::start(scenario).unwrap()
}

fn source() -> String {
    format!("{GOOGLE_PATH}/{}", CODE_COLLECTIONS[0])
}

/// Starts an import of the newest image under a tag, and polls it to its end.
fn import(sandbox: &Sandbox, tag: &str, mode: &str) -> Response {
    let token = format!("Bearer {}", entra_token(sandbox, ARM_SCOPE));
    let authorization = [("Authorization", token.as_str())];
    let digest = sandbox.tag(GOOGLE_HOST, &source(), "main-latest").unwrap();
    let body = json!({
        "source": {"registryUri": GOOGLE_HOST, "sourceImage": format!("{}@{digest}", source())},
        "targetTags": [format!("{REPOSITORY}:{tag}")], "mode": mode,
    });
    let url = format!(
        "{ARM}/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/platform-images/providers/Microsoft.ContainerRegistry\
         /registries/myacr/importImage?api-version=2023-07-01"
    );
    let mut response = request(
        sandbox,
        "POST",
        &url,
        &authorization,
        body.to_string().as_bytes(),
    )
    .unwrap();
    let start = Instant::now();
    let mut seen = Vec::new();
    while response.status == 202 && start.elapsed() < Duration::from_secs(1) {
        assert_eq!(response.header("retry-after"), Some("10"));
        let location = response.header("location").unwrap().to_owned();
        assert!((4500..5000).contains(&location.len()), "{}", location.len());
        assert!(!seen.contains(&location), "every poll has a new Location");
        std::thread::sleep(Duration::from_millis(60));
        response = get(sandbox, &location, &authorization).unwrap();
        seen.push(location);
    }
    response
}

#[test]
fn import_copies_the_whole_image_and_reports_success() {
    let sandbox = start();
    let response = import(&sandbox, "new", "NoForce");
    assert_eq!(
        (response.status, response.json()),
        (200, json!({"status": "Succeeded"}))
    );
    let digest = sandbox.tag(GOOGLE_HOST, &source(), "main-latest").unwrap();
    assert_eq!(sandbox.acr_tag(REPOSITORY, "new"), Some(digest.clone()));
    let authorization = acr_authorization(&sandbox, &[&format!("repository:{REPOSITORY}:pull")]);
    let headers = [("Authorization", authorization.as_str()), ("Accept", "*/*")];
    let read = |what: &str| {
        get(
            &sandbox,
            &format!("https://myacr.azurecr.io/v2/{REPOSITORY}/{what}"),
            &headers,
        )
        .unwrap()
    };
    let index = read("manifests/new").json();
    for child in index["manifests"].as_array().unwrap() {
        let manifest = read(&format!("manifests/{}", child["digest"].as_str().unwrap())).json();
        let blob = read(&format!(
            "blobs/{}",
            manifest["layers"][0]["digest"].as_str().unwrap()
        ));
        assert_eq!(blob.status, 307);
        let content = get(&sandbox, blob.header("location").unwrap(), &[]).unwrap();
        assert_eq!(
            content.body.len() as u64,
            manifest["layers"][0]["size"].as_u64().unwrap()
        );
    }
    assert_eq!(sandbox.violations(), Vec::<String>::new());
}

#[test]
fn import_without_the_role_or_to_a_locked_or_existing_tag_is_refused() {
    let sandbox = start();
    assert_eq!(import(&sandbox, "new", "NoForce").status, 200);
    let conflict = import(&sandbox, "new", "NoForce");
    assert_eq!(
        (conflict.status, conflict.error_code().as_str()),
        (409, "Conflict")
    );
    let message = conflict.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        message.starts_with("Operation registries-")
            && message.contains(" failed. Resource /subscriptions/")
    );
    assert!(message.ends_with(&format!(
        "Tag {REPOSITORY}:new already exists in target registry."
    )));
    assert_eq!(import(&sandbox, "new", "Force").status, 200);
    let lock = Change::LockTag {
        registry: "myacr.azurecr.io".into(),
        repository: REPOSITORY.into(),
        tag: "new".into(),
        locked: true,
    };
    sandbox.change(lock).unwrap();
    let locked = import(&sandbox, "new", "Force");
    assert_eq!(locked.status, 405, "{}", locked.text());
    sandbox
        .change(Change::Revoke {
            permission: Permission::ImportImage,
        })
        .unwrap();
    let refused = import(&sandbox, "other", "Force");
    assert_eq!(
        (refused.status, refused.error_code().as_str()),
        (403, "AuthorizationFailed")
    );
    assert!(
        refused
            .text()
            .contains("Microsoft.ContainerRegistry/registries/importImage/action")
    );
}

#[test]
fn imports_end_as_their_rules_define() {
    let sandbox = start();
    let rule = |contains: &str, result| {
        let rule = ImportRule {
            contains: contains.into(),
            result,
            duration_milliseconds: None,
            times: None,
        };
        sandbox.change(Change::AddImportRule { rule }).unwrap();
    };
    rule(
        ":unauthorized",
        ImportResult::Fail(ImportFailure::SourceUnauthorized),
    );
    rule(
        ":limited",
        ImportResult::Fail(ImportFailure::SourceRateLimited),
    );
    rule(":hangs", ImportResult::Hang);
    rule(":other", ImportResult::OtherDigest);
    rule(":dangling", ImportResult::Dangling);
    rule(":nothing", ImportResult::Nothing);
    assert!(
        import(&sandbox, "unauthorized", "Force")
            .text()
            .contains("Invalid message Unauthorized Unauthorized {")
    );
    assert!(
        import(&sandbox, "limited", "Force")
            .text()
            .contains("TOOMANYREQUESTS")
    );
    assert_eq!(import(&sandbox, "hangs", "Force").status, 202);
    assert_eq!(sandbox.acr_tag(REPOSITORY, "hangs"), None);
    let digest = sandbox.tag(GOOGLE_HOST, &source(), "main-latest");
    for (tag, present) in [
        ("other", true),
        ("dangling", true),
        ("nothing", false),
        ("right", true),
    ] {
        assert_eq!(
            import(&sandbox, tag, "Force").json(),
            json!({"status": "Succeeded"}),
            "{tag}"
        );
        let there = sandbox.acr_tag(REPOSITORY, tag);
        assert_eq!(there.is_some(), present, "{tag}");
        assert_eq!(there == digest, tag == "right", "{tag}");
    }
}
