//! Responses of the services of the sandbox: Entra, ARM, ACR, Google, managed identity, control interface.

use crate::client::{
    Response, acr_authorization, control, entra_token, get, plain, post_form, request,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sandbox::scenario::{
    CLIENT_ID, CLIENT_SECRET, CODE_COLLECTIONS, FEDERATED_TOKEN, GOOGLE_HOST, GOOGLE_PATH,
    SUBSCRIPTION_ID, TENANT_ID,
};
use sandbox::{Change, Permission, Sandbox, Scenario};
use serde_json::{Value, json};

const REPOSITORY: &str = "runwhen/runwhen-contrib-rw-cli-codecollection";
const ARM: &str = "https://management.azure.com";
const ARM_SCOPE: &str = "https://management.azure.com/.default";

/// Form fields.
type Fields = &'static [(&'static str, &'static str)];

fn start() -> Sandbox {
    Sandbox::start(Scenario {
        import_milliseconds: 100,
        ..Scenario::default()
    })
    .unwrap()
}

fn source() -> String {
    format!("{GOOGLE_PATH}/{}", CODE_COLLECTIONS[0])
}

fn sign_in(sandbox: &Sandbox, tenant: &str, changes: &[(&str, &str)]) -> Response {
    let url = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token");
    let mut fields = vec![
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT_ID),
        ("scope", ARM_SCOPE),
    ];
    fields.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    fields.extend_from_slice(changes);
    post_form(sandbox, &url, &fields).unwrap()
}

const SECRET: (&str, &str) = ("client_secret", CLIENT_SECRET);
const OTHER: &str = "5a4d0000-0000-4000-8000-00000000dead";

#[test]
fn entra_refusals_have_its_error_codes() {
    let sandbox = start();
    let cases: [(&str, Fields, u16, &str, u32); 7] = [
        (
            TENANT_ID,
            &[("client_secret", "wrong")],
            401,
            "invalid_client",
            7_000_215,
        ),
        (
            TENANT_ID,
            &[("client_secret", "sandbox~expired~secret")],
            401,
            "invalid_client",
            7_000_222,
        ),
        (OTHER, &[SECRET], 400, "invalid_request", 90_002),
        (
            TENANT_ID,
            &[SECRET, ("client_id", OTHER)],
            400,
            "unauthorized_client",
            700_016,
        ),
        (
            TENANT_ID,
            &[SECRET, ("scope", "https://management.azure.com/user")],
            400,
            "invalid_scope",
            1_002_012,
        ),
        (TENANT_ID, &[], 401, "invalid_client", 7_000_218),
        ("no tenant", &[SECRET], 400, "invalid_request", 900_023),
    ];
    for (tenant, changes, status, error, code) in cases {
        let response = sign_in(&sandbox, &tenant.replace(' ', "%20"), changes);
        let body = response.json();
        assert_eq!(
            (response.status, body["error"].as_str()),
            (status, Some(error)),
            "{}",
            response.text()
        );
        assert_eq!(body["error_codes"], json!([code]));
        assert!(
            body["error_description"]
                .as_str()
                .unwrap()
                .starts_with(&format!("AADSTS{code}: "))
        );
    }
}

#[test]
fn only_the_known_federated_token_signs_in() {
    let sandbox = start();
    let kind = (
        "client_assertion_type",
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    );
    let good = sign_in(
        &sandbox,
        TENANT_ID,
        &[kind, ("client_assertion", FEDERATED_TOKEN)],
    );
    assert_eq!(good.status, 200);
    let bad = sign_in(
        &sandbox,
        TENANT_ID,
        &[kind, ("client_assertion", "e30.eyJzdWIiOiJ4In0.e30")],
    );
    assert_eq!(bad.json()["error_codes"], json!([700_213]));
}

/// The sandbox checks the signer and the time; only the real Entra checks the signature.
#[test]
fn certificate_signs_in_only_at_the_right_time() {
    let sandbox = start();
    sandbox.edit(|world| {
        let known = &mut world.azure.principals[0].certificates;
        known.push("thumbprint".to_owned());
    });
    let now = sandbox.edit(|world| world.now());
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = encode(json!({"alg": "PS256", "x5t#S256": "thumbprint"}));
    let kind = (
        "client_assertion_type",
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    );
    for (off, status) in [(0, 200), (-3600, 401), (3600, 401)] {
        let time = now + off;
        let claims = encode(json!({"nbf": time - 60, "exp": time + 600}));
        let assertion = format!("{header}.{claims}.signature");
        let fields = [kind, ("client_assertion", assertion.as_str())];
        let response = sign_in(&sandbox, TENANT_ID, &fields);
        assert_eq!(response.status, status, "{off}");
        if status == 401 {
            assert_eq!(response.json()["error_codes"], json!([700_024]));
        }
    }
}

#[test]
fn managed_identity_requires_its_header() {
    let sandbox = start();
    let endpoint = sandbox.identity_environment()[0]
        .1
        .replace(&sandbox.proxy_url(), "");
    let target = format!("{endpoint}?api-version=2019-08-01&resource=https://management.azure.com");
    assert_eq!(plain(&sandbox, "GET", &target, "", "").unwrap().status, 401);
    let header = "X-IDENTITY-HEADER: sandbox-identity-header
";
    let token = plain(&sandbox, "GET", &target, header, "").unwrap().json();
    let authorization = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let url = format!("{ARM}/subscriptions?api-version=2022-12-01");
    let list = get(&sandbox, &url, &[("Authorization", &authorization)])
        .unwrap()
        .json();
    assert_eq!(list["value"][0]["subscriptionId"], SUBSCRIPTION_ID);
    assert_eq!(sandbox.requests()[0].scheme, "http");
}

fn arm(sandbox: &Sandbox, target: &str) -> Response {
    let token = format!("Bearer {}", entra_token(sandbox, ARM_SCOPE));
    get(
        sandbox,
        &format!("{ARM}{target}"),
        &[("Authorization", &token)],
    )
    .unwrap()
}

#[test]
fn arm_lists_only_what_the_application_may_read() {
    let sandbox = start();
    let list = format!(
        "/subscriptions/{SUBSCRIPTION_ID}/providers/Microsoft.ContainerRegistry/registries?api-version=2023-07-01"
    );
    assert_eq!(
        arm(&sandbox, &list).json()["value"][0]["properties"]["loginServer"],
        "myacr.azurecr.io"
    );
    sandbox
        .change(Change::Revoke {
            permission: Permission::ReadRegistry,
        })
        .unwrap();
    assert_eq!(arm(&sandbox, &list).json(), json!({"value": []}));
    sandbox
        .change(Change::Revoke {
            permission: Permission::ReadSubscription,
        })
        .unwrap();
    let response = arm(&sandbox, &list);
    assert_eq!(
        (response.status, response.error_code().as_str()),
        (404, "SubscriptionNotFound")
    );
    assert_eq!(
        get(&sandbox, &format!("{ARM}{list}"), &[])
            .unwrap()
            .error_code(),
        "AuthenticationFailed"
    );
    let wrong = format!(
        "Bearer {}",
        entra_token(&sandbox, "https://containerregistry.azure.net/.default")
    );
    let response = get(
        &sandbox,
        &format!("{ARM}{list}"),
        &[("Authorization", &wrong)],
    )
    .unwrap();
    assert_eq!(
        (response.status, response.error_code().as_str()),
        (401, "InvalidAuthenticationTokenAudience")
    );
}

#[test]
fn arm_lists_in_pages_if_configured() {
    let sandbox = start();
    sandbox.edit(|world| {
        let mut second = world.azure.registries[0].clone();
        second.name = "otheracr".into();
        world.azure.registries.push(second);
        world.azure.list_page_size = Some(1);
    });
    let list = format!(
        "/subscriptions/{SUBSCRIPTION_ID}/providers/Microsoft.ContainerRegistry/registries?api-version=2023-07-01"
    );
    let first = arm(&sandbox, &list).json();
    let next = first["nextLink"].as_str().unwrap().replace(ARM, "");
    let second = arm(&sandbox, &next).json();
    assert_eq!(
        (&first["value"][0]["name"], &second["value"][0]["name"]),
        (&json!("myacr"), &json!("otheracr"))
    );
    assert!(second["nextLink"].is_null());
}

#[test]
fn registry_token_at_the_storage_host_is_a_violation() {
    let sandbox = start();
    let config = sandbox.edit(|world| {
        world.registries["myacr.azurecr.io"].repositories[REPOSITORY]
            .blobs
            .first()
            .cloned()
    });
    let authorization = acr_authorization(&sandbox, &[&format!("repository:{REPOSITORY}:pull")]);
    let headers = [("Authorization", authorization.as_str())];
    let url = format!(
        "https://myacr.azurecr.io/v2/{REPOSITORY}/blobs/{}",
        config.unwrap()
    );
    let location = get(&sandbox, &url, &headers)
        .unwrap()
        .header("location")
        .unwrap()
        .to_owned();
    assert_eq!(get(&sandbox, &location, &headers).unwrap().status, 400);
    assert_eq!(sandbox.violations().len(), 1);
    let part = get(&sandbox, &location, &[("Range", "bytes=2-5")]).unwrap();
    assert_eq!((part.status, part.body.len()), (206, 4));
}

#[test]
fn acr_token_has_the_allowed_scopes_and_other_requests_are_challenged() {
    let sandbox = start();
    sandbox
        .change(Change::Revoke {
            permission: Permission::Push,
        })
        .unwrap();
    let scope = format!("repository:{REPOSITORY}:pull,push");
    let other = "repository:runwhen/other:metadata_read";
    let authorization = acr_authorization(&sandbox, &[&scope, other]);
    let headers = [("Authorization", authorization.as_str())];
    let url = |path: &str| format!("https://myacr.azurecr.io{path}");
    let tags = get(
        &sandbox,
        &url(&format!("/v2/{REPOSITORY}/tags/list")),
        &headers,
    )
    .unwrap();
    assert_eq!(tags.status, 401);
    let challenge = tags.header("www-authenticate").unwrap();
    assert!(
        challenge.contains(&format!("scope=\"repository:{REPOSITORY}:metadata_read\"")),
        "{challenge}"
    );
    let missing = get(
        &sandbox,
        &url(&format!("/v2/{REPOSITORY}/manifests/none")),
        &headers,
    )
    .unwrap();
    assert_eq!(
        (missing.status, missing.error_code().as_str()),
        (404, "MANIFEST_UNKNOWN")
    );
    let unknown = get(&sandbox, &url("/v2/runwhen/other/tags/list"), &headers).unwrap();
    assert_eq!(
        (unknown.status, unknown.error_code().as_str()),
        (404, "NAME_UNKNOWN")
    );
    let push = request(
        &sandbox,
        "POST",
        &url(&format!("/v2/{REPOSITORY}/blobs/uploads/")),
        &headers,
        b"",
    )
    .unwrap();
    assert_eq!(push.status, 401);
    sandbox
        .change(Change::Firewall {
            registry: "myacr.azurecr.io".into(),
            closed: true,
        })
        .unwrap();
    let refused = get(&sandbox, &url("/v2/"), &headers).unwrap();
    assert_eq!(
        (refused.status, refused.error_code().as_str()),
        (403, "DENIED")
    );
    assert!(refused.text().contains("is not allowed access"));
}

#[test]
fn tokens_expire_with_the_clock_of_the_service() {
    let sandbox = start();
    let authorization = acr_authorization(&sandbox, &[&format!("repository:{REPOSITORY}:pull")]);
    let url = format!("https://myacr.azurecr.io/v2/{REPOSITORY}/manifests/none");
    let status = || {
        get(&sandbox, &url, &[("Authorization", &authorization)])
            .unwrap()
            .status
    };
    assert_eq!(status(), 404);
    sandbox
        .change(Change::Clock {
            offset_seconds: 3 * 3600,
        })
        .unwrap();
    assert_eq!(status(), 401);
}

#[test]
fn acr_lists_tags_in_pages_with_relative_links() {
    let sandbox = start();
    let authorization = acr_authorization(
        &sandbox,
        &[&format!("repository:{REPOSITORY}:metadata_read")],
    );
    let headers = [("Authorization", authorization.as_str())];
    for first in [
        format!("/acr/v1/{REPOSITORY}/_tags?orderby=timedesc&n=3"),
        format!("/v2/{REPOSITORY}/tags/list?n=3"),
    ] {
        let (mut target, mut count) = (first, 0);
        loop {
            let response = get(
                &sandbox,
                &format!("https://myacr.azurecr.io{target}"),
                &headers,
            )
            .unwrap();
            count += response.json()["tags"].as_array().unwrap().len();
            let Some(link) = response.header("link") else {
                break;
            };
            assert!(
                link.starts_with("</") && link.ends_with(">; rel=\"next\""),
                "{link}"
            );
            target = link[1..].split('>').next().unwrap().to_owned();
        }
        assert_eq!(count, 4);
    }
}

#[test]
fn google_lists_tags_and_manifests_without_a_token() {
    let sandbox = start();
    let url = format!("https://{GOOGLE_HOST}/v2/{}/tags/list?n=10000", source());
    let list = get(&sandbox, &url, &[]).unwrap().json();
    let digest = sandbox.tag(GOOGLE_HOST, &source(), "main-latest").unwrap();
    let stable = Scenario::newest_tag(CODE_COLLECTIONS[0]);
    assert_eq!(
        list["manifest"][&digest]["tag"],
        json!([stable, "main-latest"])
    );
    assert!(list["manifest"][&digest]["timeUploadedMs"].is_string());
    let missing = get(
        &sandbox,
        &format!("https://{GOOGLE_HOST}/v2/{GOOGLE_PATH}/none/tags/list"),
        &[],
    )
    .unwrap();
    assert_eq!(missing.status, 404);
    let change = Change::GoogleList {
        registry: GOOGLE_HOST.into(),
        extended: false,
        page_size: None,
    };
    sandbox.change(change).unwrap();
    assert!(get(&sandbox, &url, &[]).unwrap().json()["manifest"].is_null());
}

#[test]
fn control_interface_changes_everything_over_http() {
    let sandbox = start();
    let send =
        |method: &str, path: &str, body: &str| control(&sandbox, method, path, body).unwrap();
    let fault = r#"{"host":"us-west1-docker.pkg.dev","times":1,"kind":"status","code":500}"#;
    assert_eq!(send("POST", "/sandbox/faults", fault).json()["id"], 1);
    let url = format!("https://{GOOGLE_HOST}/v2/{}/tags/list", source());
    assert_eq!(get(&sandbox, &url, &[]).unwrap().status, 500);
    assert_eq!(send("GET", "/sandbox/faults", "").json()[0]["hits"], 1);
    assert_eq!(send("DELETE", "/sandbox/faults", "").status, 200);
    assert_eq!(
        send("GET", "/sandbox/log", "").json()["requests"][0]["status"],
        500
    );
    assert_eq!(
        send("PUT", "/sandbox/latency", r#"{"milliseconds":5}"#).json()["milliseconds"],
        5
    );
    assert_eq!(
        send("PUT", "/sandbox/scenario", r#"{"name":"up-to-date"}"#).json()["acr"],
        "up_to_date"
    );
    let stable = Scenario::newest_tag(CODE_COLLECTIONS[0]);
    let content = send("GET", "/sandbox/content", "").json();
    assert!(content["myacr.azurecr.io"][REPOSITORY][&stable]["digest"].is_string());
    let change = r#"{"change":"firewall","registry":"myacr.azurecr.io","closed":true}"#;
    assert_eq!(
        send("POST", "/sandbox/content", change).json()["changed"],
        true
    );
    assert_eq!(send("POST", "/sandbox/content", "{}").status, 400);
    assert_eq!(send("GET", "/sandbox/nothing", "").status, 404);
    assert_eq!(
        send("GET", "/sandbox/environment", "").json()["REGISTRY_NAME"],
        "myacr"
    );
}
