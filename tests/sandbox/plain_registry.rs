//! Plain registries: their logins, tag lists, plain HTTP, and limits.

use crate::client::{self, Response, get, post_form, request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sandbox::registry::Registry;
use sandbox::scenario::CODE_COLLECTIONS;
use sandbox::{Login, OciSettings, RateLimit, Sandbox, Scenario, TokenLimit};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const HOST: &str = "registry.example";
const REPOSITORY: &str = "team/image";
const UPLOADS: &str = "/v2/team/image/blobs/uploads/";
const TAGS: &str = "/v2/team/image/tags/list";

fn start(settings: OciSettings) -> Sandbox {
    let sandbox = Sandbox::start(Scenario::default()).unwrap();
    sandbox.add_registry(Registry::oci(HOST, settings));
    sandbox.edit(|world| {
        let mut author = world.author(HOST, REPOSITORY);
        let image = author.image("an image");
        for tag in ["a", "b", "c", "d", "e"] {
            author.tag(tag, &image);
        }
    });
    sandbox
}

fn settings(login: Login) -> OciSettings {
    OciSettings {
        refresh_tokens: vec![("identity".into(), "writer".into())],
        ..OciSettings::new(login)
            .with_account("writer", "pass word", true)
            .with_account("reader", "secret", false)
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{user}:{password}")))
}

fn send(sandbox: &Sandbox, method: &str, target: &str, authorization: &str) -> Response {
    let headers = [("Authorization", authorization)];
    let headers = if authorization.is_empty() {
        &[][..]
    } else {
        &headers[..]
    };
    request(
        sandbox,
        method,
        &format!("https://{HOST}{target}"),
        headers,
        b"",
    )
    .unwrap()
}

/// The statuses of a read and of a write.
fn statuses(sandbox: &Sandbox, authorization: &str) -> [u16; 2] {
    [("GET", TAGS), ("POST", UPLOADS)]
        .map(|(method, target)| send(sandbox, method, target, authorization).status)
}

fn bearer(response: &Response) -> String {
    let token = response.json()["access_token"].as_str().unwrap().to_owned();
    format!("Bearer {token}")
}

/// Requests a token for reading and writing by GET.
fn docker_token(sandbox: &Sandbox, authorization: &str) -> Response {
    let scope = format!("repository:{REPOSITORY}:pull,push");
    let target = format!("/token?service={HOST}&scope={scope}");
    send(sandbox, "GET", &target, authorization)
}

/// Requests a token for reading and writing by POST.
fn oauth2_token(sandbox: &Sandbox, fields: &[(&str, &str)]) -> Response {
    let scope = format!("repository:{REPOSITORY}:pull,push");
    let mut all = vec![
        ("service", HOST),
        ("scope", scope.as_str()),
        ("client_id", "test"),
    ];
    all.extend_from_slice(fields);
    post_form(sandbox, &format!("https://{HOST}/token"), &all).unwrap()
}

#[test]
fn anonymous_registry_needs_no_credentials() {
    let sandbox = start(settings(Login::Anonymous));
    assert_eq!(statuses(&sandbox, ""), [200, 202]);
}

#[test]
fn basic_login_distinguishes_readers_and_writers() {
    let sandbox = start(settings(Login::Basic));
    assert_eq!(statuses(&sandbox, ""), [401, 401]);
    assert_eq!(statuses(&sandbox, &basic("writer", "wrong")), [401, 401]);
    assert_eq!(statuses(&sandbox, &basic("reader", "secret")), [200, 403]);
    assert_eq!(
        statuses(&sandbox, &basic("writer", "pass word")),
        [200, 202]
    );
    let challenge = send(&sandbox, "GET", "/v2/", "");
    let header = challenge.header("www-authenticate");
    assert_eq!(header, Some("Basic realm=\"registry.example\""));
}

#[test]
fn docker_login_issues_tokens_only_by_get() {
    let sandbox = start(settings(Login::Docker));
    let challenge = send(&sandbox, "POST", UPLOADS, "");
    assert_eq!(
        challenge.header("www-authenticate"),
        Some(
            "Bearer realm=\"https://registry.example/token\",service=\"registry.example\",\
             scope=\"repository:team/image:pull,push\""
        )
    );
    assert_eq!(
        oauth2_token(&sandbox, &[("grant_type", "password")]).status,
        404
    );
    assert_eq!(
        docker_token(&sandbox, &basic("writer", "wrong")).status,
        401
    );
    let cases = [
        (basic("writer", "pass word"), [200, 202]),
        (basic("reader", "secret"), [200, 401]),
        (String::new(), [401, 401]),
    ];
    for (login, expected) in cases {
        let token = bearer(&docker_token(&sandbox, &login));
        assert_eq!(statuses(&sandbox, &token), expected, "{login}");
    }
    assert_eq!(
        statuses(&sandbox, &basic("writer", "pass word")),
        [401, 401]
    );
}

#[test]
fn oauth2_login_issues_tokens_by_password_and_refresh_token() {
    let sandbox = start(settings(Login::OAuth2));
    assert_eq!(
        docker_token(&sandbox, &basic("writer", "pass word")).status,
        405
    );
    let password = |password| {
        [
            ("grant_type", "password"),
            ("username", "writer"),
            ("password", password),
        ]
    };
    let refresh = |token| [("grant_type", "refresh_token"), ("refresh_token", token)];
    assert_eq!(oauth2_token(&sandbox, &password("wrong")).status, 401);
    assert_eq!(oauth2_token(&sandbox, &refresh("wrong")).status, 401);
    for response in [
        oauth2_token(&sandbox, &password("pass word")),
        oauth2_token(&sandbox, &refresh("identity")),
    ] {
        assert_eq!(statuses(&sandbox, &bearer(&response)), [200, 202]);
    }
}

#[test]
fn anonymous_pull_allows_reading_but_not_writing() {
    for login in [Login::Basic, Login::Docker, Login::OAuth2] {
        let sandbox = start(OciSettings {
            anonymous_pull: true,
            ..settings(login)
        });
        let authorization = match login {
            Login::Anonymous | Login::Basic => String::new(),
            Login::Docker | Login::OAuth2 => bearer(&docker_token(&sandbox, "")),
        };
        assert_eq!(statuses(&sandbox, &authorization), [200, 401], "{login:?}");
    }
}

#[test]
fn token_without_push_is_challenged_for_the_missing_scope() {
    let sandbox = start(settings(Login::Docker));
    let token = bearer(&docker_token(&sandbox, &basic("reader", "secret")));
    let response = send(&sandbox, "POST", UPLOADS, &token);
    assert_eq!(response.error_code(), "UNAUTHORIZED");
    let challenge = response.header("www-authenticate").unwrap();
    assert!(
        challenge.ends_with("error=\"insufficient_scope\""),
        "{challenge}"
    );
}

#[test]
fn used_up_token_is_challenged_and_a_new_one_is_accepted() {
    let sandbox = start(settings(Login::Docker));
    sandbox.edit(|world| {
        if let Some(registry) = world.registries.get_mut(HOST) {
            registry.token_limit = Some(TokenLimit::new(2));
        }
    });
    let new_token = || bearer(&docker_token(&sandbox, &basic("writer", "pass word")));
    let (first, second) = (new_token(), new_token());
    assert_eq!(statuses(&sandbox, &first), [200, 202]);
    let refused = send(&sandbox, "GET", TAGS, &first);
    assert_eq!(refused.status, 401);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(
        challenge.ends_with("error=\"invalid_token\""),
        "{challenge}"
    );
    assert_eq!(statuses(&sandbox, &second), [200, 202]);
}

#[test]
fn requests_above_the_limit_get_429_with_retry_after() {
    let sandbox = start(settings(Login::Docker));
    sandbox.edit(|world| {
        if let Some(registry) = world.registries.get_mut(HOST) {
            registry.rate_limit = Some(RateLimit::new(2, Duration::from_secs(3600)));
        }
    });
    assert_eq!(statuses(&sandbox, ""), [401, 401]);
    let refused = send(&sandbox, "GET", TAGS, "");
    assert_eq!(
        (refused.status, refused.error_code()),
        (429, "TOOMANYREQUESTS".into())
    );
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((3500..=3600).contains(&seconds), "{seconds}");
    assert_eq!(docker_token(&sandbox, "").status, 200);
}

#[test]
fn tags_are_not_sorted_and_all_pages_contain_each_once() {
    let sandbox = start(settings(Login::Anonymous));
    let (mut target, mut tags) = (format!("{TAGS}?n=2"), Vec::new());
    loop {
        let response = send(&sandbox, "GET", &target, "");
        let page = response.json()["tags"].clone();
        tags.extend(page.as_array().unwrap().iter().map(ToString::to_string));
        let Some(link) = response.header("link") else {
            break;
        };
        target = link[1..].split('>').next().unwrap().to_owned();
    }
    let unique: BTreeSet<_> = tags.iter().collect();
    assert_eq!((tags.len(), unique.len()), (5, 5));
    assert!(!tags.is_sorted(), "{tags:?}");
}

/// The second registry redirects to another host.
#[test]
fn registry_without_ranges_sends_the_whole_blob() {
    let sandbox = start(settings(Login::Anonymous));
    let digest = sandbox.edit(|world| {
        let digest = world.author(HOST, REPOSITORY).blob("text/plain", "a blob")["digest"].clone();
        world
            .author("ghcr.io", REPOSITORY)
            .blob("text/plain", "a blob");
        digest.as_str().unwrap().to_owned()
    });
    let token_url = format!("https://ghcr.io/token?scope=repository:{REPOSITORY}:pull");
    let token = get(&sandbox, &token_url, &[]).unwrap().json();
    let token = format!("Bearer {}", token["token"].as_str().unwrap());
    let target = format!("/v2/{REPOSITORY}/blobs/{digest}");
    let url = format!("https://ghcr.io{target}");
    let redirect = get(&sandbox, &url, &[("Authorization", &token)]).unwrap();
    let storage = redirect.header("location").unwrap().to_owned();
    let range = [("Range", "bytes=2-")];
    for (ranges, status, length) in [(true, 206, 4), (false, 200, 6)] {
        for host in [HOST, "ghcr.io"] {
            sandbox.edit(|world| {
                if let Some(registry) = world.registries.get_mut(host) {
                    registry.ranges = ranges;
                }
            });
        }
        for url in [&format!("https://{HOST}{target}"), &storage] {
            let response = get(&sandbox, url, &range).unwrap();
            assert_eq!((response.status, response.body.len()), (status, length));
            assert_eq!(response.header("accept-ranges").is_some(), ranges);
        }
    }
}

#[test]
fn registry_with_plain_http_is_at_its_address_and_not_in_a_tunnel() {
    let sandbox = start(settings(Login::Docker));
    let host = sandbox.add_plain_http_registry(settings(Login::Docker));
    let targets = ["/v2/".to_owned(), format!("http://{host}/v2/")];
    for target in targets {
        let response = client::plain(&sandbox, "GET", &target, "", "").unwrap();
        assert_eq!(response.status, 401);
        let challenge = response.header("www-authenticate").unwrap();
        let realm = format!("realm=\"http://{host}/token\"");
        assert!(challenge.contains(&realm), "{challenge}");
    }
    assert_eq!(sandbox.violations(), Vec::<String>::new());
    let tunnel = get(&sandbox, &format!("https://{host}/v2/"), &[]);
    assert!(tunnel.is_err());
    let log = client::control(&sandbox, "GET", "/sandbox/log", "").unwrap();
    assert_eq!(log.json()["requests"][0]["scheme"], "http");
}

#[test]
fn mirror_requires_its_login_and_the_environment_has_it() {
    let sandbox = Sandbox::start(Scenario::named("mirror").unwrap()).unwrap();
    let variables: BTreeMap<_, _> = sandbox.environment().into_iter().collect();
    let of = |name: &str| variables[&format!("CODECOLLECTION_REGISTRY{name}")].as_str();
    let (place, user, password) = (of(""), of("_USERNAME"), of("_PASSWORD"));
    let (host, path) = place.split_once('/').unwrap();
    let repository = format!("{path}/{}", CODE_COLLECTIONS[0]);
    let send = |target: &str, authorization: &str| {
        let headers = [("Authorization", authorization)];
        let given = usize::from(!authorization.is_empty());
        get(
            &sandbox,
            &format!("https://{host}{target}"),
            &headers[..given],
        )
        .unwrap()
    };
    let list = format!("/v2/{repository}/tags/list");
    assert_eq!(send(&list, "").status, 401);
    let token = format!("/token?service={host}&scope=repository:{repository}:pull");
    for refused in ["", &basic(user, "wrong")] {
        assert_eq!(send(&token, refused).status, 401);
    }
    let token = bearer(&send(&token, &basic(user, password)));
    let tags = send(&list, &token).json()["tags"].clone();
    let newest = Scenario::newest_tag(CODE_COLLECTIONS[0]);
    for wanted in ["main-latest", &newest] {
        assert!(
            tags.as_array().unwrap().iter().any(|tag| tag == wanted),
            "{tags}"
        );
    }
    let google = Sandbox::start(Scenario::default()).unwrap();
    let mut names = google.environment().into_iter().map(|(name, _)| name);
    assert!(names.all(|name| !name.starts_with("CODECOLLECTION")));
}
