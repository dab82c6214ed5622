//! Hostile registries: credentials are sent to no other host, links and redirects do not leave the registry, and weak
//! digest algorithms are refused. Limits on memory and requests are in `bounds.rs`.

use std::net::TcpListener;

use crate::SLI;
use crate::support::hostile::*;
use crate::support::{ACR, ARM, ENTRA, ONE, Run, SOURCE, one_list, response, run};
use sandbox::runwhen_local::{CHART_HOST, CHART_IMAGES};
use sandbox::{Fault, RedirectTarget, ReplacedResponse, Scenario};
use serde_json::json;

fn with_docker_account<'a>(run: Run<'a>) -> Run<'a> {
    run.set("USE_DOCKER_AUTH", "true")
        .set("DOCKER_USERNAME", ACCOUNT.0)
        .set("DOCKER_TOKEN", ACCOUNT.1)
}

#[test]
fn realm_on_another_host_gets_no_request() {
    for host in ["us-docker.pkg.dev", "ghcr.io", HUB] {
        let world = world("outdated");
        let challenge = format!("Bearer realm=\"https://{EVIL}/token\",service=\"{host}\"");
        let fault = Fault::on(host).path_contains("/manifests/");
        world.inject(
            fault,
            response(401, &[("WWW-Authenticate", &challenge)], ""),
        );
        let ended = with_docker_account(run(SLI, &world).set("IMAGES", "runwhen-local")).end();
        ended.expect(3, &[]);
        assert_eq!(ended.stdout, "");
        no_connection_to_the_evil_host(&world);
    }
}

#[test]
fn realm_over_http_gets_no_request() {
    let world = world("outdated");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a listener");
    let address = listener.local_addr().expect("an address");
    for realm in [
        "http://us-docker.pkg.dev/token".to_owned(),
        format!("http://{address}/token"),
        format!("https://us-docker.pkg.dev@{EVIL}/token"),
    ] {
        world.clear_faults();
        let challenge = format!("Bearer realm=\"{realm}\"");
        let fault = Fault::on("us-docker.pkg.dev");
        world.inject(
            fault,
            response(401, &[("WWW-Authenticate", &challenge)], ""),
        );
        let ended = run(SLI, &world).set("IMAGES", "runwhen-local").end();
        ended.expect(
            3,
            &["which does not belong to it", "no request was sent there"],
        );
    }
    assert!(
        listener.accept().is_err(),
        "a request was sent over plain HTTP"
    );
    assert!(
        world
            .requests()
            .iter()
            .all(|request| request.scheme == "https")
    );
    no_connection_to_the_evil_host(&world);
}

#[test]
fn challenge_of_the_acr_is_ignored() {
    // Realm and service of an ACR are known, so its challenge is not read.
    let world = world("outdated");
    let challenge = format!("Bearer realm=\"https://{EVIL}/token\",service=\"{ACR}\"");
    world.inject(
        Fault::on(ACR).path_contains("/v2/"),
        response(401, &[("WWW-Authenticate", &challenge)], ""),
    );
    run(SLI, &world).end().expect(5, &["401 Unauthorized"]);
    no_connection_to_the_evil_host(&world);
}

#[test]
fn requests_with_credentials_follow_no_redirect() {
    for (host, path) in [
        (ENTRA, "/token"),
        (ARM, "/registries"),
        (ACR, "/oauth2/exchange"),
        (ACR, "/oauth2/token"),
        (ACR, "/manifests/"),
        (ACR, "/_tags"),
        ("auth.docker.io", "/token"),
        (HUB, "/manifests/"),
        ("ghcr.io", "/manifests/"),
    ] {
        for to in [
            RedirectTarget::OtherHost(EVIL.to_owned()),
            RedirectTarget::PlainHttp,
        ] {
            let world = world("outdated");
            world.inject(
                Fault::on(host).path_contains(path),
                ReplacedResponse::Redirect { to: to.clone() },
            );
            let run = run(SLI, &world)
                .unset(&["IMAGES"])
                .set("REGISTRY_NAME", "myacr");
            let ended = with_docker_account(run).end();
            assert!(
                ended.code != 0 && ended.stdout.is_empty(),
                "{host}{path} {to:?}: {} {}",
                ended.code,
                ended.stderr
            );
            assert!(
                world.faults()[0].hits > 0,
                "{host}{path} got no request: {}",
                ended.stderr
            );
            no_connection_to_the_evil_host(&world);
        }
    }
}

#[test]
fn secrets_that_a_service_returns_are_hidden() {
    // After every run, its output is searched for secrets; here the services return each of them.
    for (host, path) in [
        (ENTRA, "/token"),
        (ACR, "/oauth2/exchange"),
        (ACR, "/oauth2/token"),
        (ACR, "/_tags"),
        (ARM, "/providers/"),
        ("auth.docker.io", "/token"),
    ] {
        for code in [200, 400, 401, 403] {
            let world = world("outdated");
            world.inject(
                Fault::on(host).path_contains(path),
                ReplacedResponse::Echo { code },
            );
            let ended = with_docker_account(run(SLI, &world).unset(&["IMAGES"]))
                .set("REGISTRY_NAME", "myacr")
                .set("TIMEOUT_SECONDS", "20")
                .end();
            assert_ne!(world.faults()[0].hits, 0, "{host}{path} {code}");
            assert_ne!(ended.code, 0, "{host}{path} {code}: {}", ended.stderr);
            let is_shown = ended.stderr.contains("you sent");
            assert!(
                !is_shown || ended.stderr.contains("***"),
                "{host}{path} {code}: {}",
                ended.stderr
            );
        }
    }
}

#[test]
fn blob_from_another_host_gets_no_token_and_must_match_its_digest() {
    for host in [ACR, HUB] {
        let world = world("outdated");
        // Tags that changed after the source was built: only the date of the ACR's image decides.
        world.edit(|state| {
            let now = state.now();
            let acr = state.registry(ACR).expect("the ACR");
            let repositories = acr.repositories.values_mut();
            for tag in repositories.flat_map(|repository| repository.tags.values_mut()) {
                tag.updated = now;
            }
        });
        world.inject(
            Fault::on(host).path_contains("/blobs/"),
            ReplacedResponse::Redirect {
                to: RedirectTarget::OtherHost(EVIL.to_owned()),
            },
        );
        world.inject(
            Fault::on(EVIL),
            response(200, &[], "{\"created\":\"2020-01-01T00:00:00Z\"}"),
        );
        let ended = run(SLI, &world).set("IMAGES", "runwhen-local").end();
        ended.expect(3, &["the blob's bytes do not match their digest", EVIL]);
        let requests = world.requests();
        let redirected: Vec<_> = requests
            .iter()
            .filter(|request| request.host == EVIL)
            .collect();
        assert!(!redirected.is_empty());
        for request in redirected {
            assert!(!request.authorization, "a token went to {EVIL}");
            assert!(request.header("cookie").is_none() && request.body.is_empty());
        }
    }
}

#[test]
fn redirect_with_user_info_or_without_https_is_not_followed() {
    for address in [
        format!("https://user:password@{EVIL}/x"),
        format!("http://{EVIL}/x"),
        "file:///etc/passwd".to_owned(),
        "https:///x".to_owned(),
        "::".to_owned(),
    ] {
        let world = world("outdated");
        let to = RedirectTarget::Address(address.clone());
        world.inject(Fault::on(CHART_HOST), ReplacedResponse::Redirect { to });
        let ended = run(SLI, &world).set("IMAGES", "runwhen-local").end();
        assert_eq!(ended.code, 3, "{address}: {}", ended.stderr);
        no_connection_to_the_evil_host(&world);
    }
}

#[test]
fn link_that_leaves_the_registry_is_refused() {
    for target in [
        format!("https://{EVIL}/v2/x/tags/list"),
        format!("//{EVIL}/v2/x/tags/list"),
        format!("http://{SOURCE}/v2/x/tags/list"),
        format!("https://{SOURCE}:8443/v2/x/tags/list"),
        format!("https://user:password@{SOURCE}/v2/x/tags/list"),
        format!("https://{SOURCE}@{EVIL}/v2/x/tags/list"),
    ] {
        let world = world("outdated");
        let link = format!("<{target}>; rel=\"next\"");
        world.inject(
            one_list(),
            response(
                200,
                &[("Link", &link)],
                r#"{"name":"r","tags":["main-latest"]}"#,
            ),
        );
        let ended = run(SLI, &world).end();
        one_is_unknown(&ended, &["the Link to the next page leaves the registry"]);
        no_connection_to_the_evil_host(&world);
        assert!(!ended.stderr.contains("user:password"), "{}", ended.stderr);
    }
}

#[test]
fn circular_link_is_detected() {
    let world = world("outdated");
    let name = source_of(ONE);
    let itself = format!("</v2/{name}/tags/list?n=10000>; rel=\"next\"");
    world.inject(
        one_list(),
        response(200, &[("Link", &itself)], r#"{"tags":["main-latest","a"]}"#),
    );
    let ended = run(SLI, &world).end();
    one_is_unknown(&ended, &["the list of tags does not end"]);
    assert_eq!(world.faults()[0].hits, 1);
}

#[test]
fn next_link_that_leaves_azure_is_refused() {
    let world = world("outdated");
    let body =
        json!({"value": [], "nextLink": format!("https://{EVIL}/subscriptions")}).to_string();
    world.inject(Fault::on(ARM), response(200, &[], body));
    let ended = run(SLI, &world).set("REGISTRY_NAME", "myacr").end();
    ended.expect(3, &["nextLink leaves Azure Resource Manager"]);
    no_connection_to_the_evil_host(&world);
}

#[test]
fn weak_digest_algorithms_are_refused_by_name() {
    for (algorithm, digits) in [("md5", 32), ("sha1", 40), ("blake3", 64), ("SHA256", 64)] {
        let digest = format!("{algorithm}:{}", "a".repeat(digits));
        let by_name = format!("algorithm \"{algorithm}\" is not sha256 or sha512");
        // As the child by which tags are compared.
        let world = world("plain-list");
        put_manifest(&world, INDEX, &index(1, &digest), &["main-latest"]);
        one_is_unknown(&run(SLI, &world).end(), &[&by_name]);
        // As the child of a candidate.
        let world = self::world("plain-list");
        put_manifest(
            &world,
            INDEX,
            &index(1, &digest),
            &[&Scenario::newest_tag(ONE)],
        );
        one_is_unknown(&run(SLI, &world).end(), &[&by_name]);
        // As the digest header of a response.
        let world = self::world("up-to-date");
        let fault = Fault::on(ACR).path_contains(&format!("{ONE}/manifests/"));
        world.inject(
            fault,
            response(200, &[("Docker-Content-Digest", &digest)], ""),
        );
        let ended = run(SLI, &world).end();
        ended.expect(3, &[&by_name]);
        assert_eq!(ended.verdict_of_one("sli.json", "UpToDate"), "Unknown");
        // In the ACR's list of its newest tags.
        let world = self::world("outdated");
        let rows = json!({"tags": [{"name": "x", "digest": digest}]}).to_string();
        world.inject(
            Fault::on(ACR).path_contains("/_tags"),
            response(200, &[], rows),
        );
        let ended = run(SLI, &world).set("IMAGES", "runwhen-local").end();
        ended.expect(3, &[&by_name]);
    }
}

#[test]
fn image_pinned_by_a_weak_digest_is_refused_by_name() {
    for (algorithm, digits) in [("md5", 32), ("sha1", 40), ("blake3", 64)] {
        let world = world("outdated");
        let image = format!(
            "{}@{algorithm}:{}",
            CHART_IMAGES[0].repository,
            "a".repeat(digits)
        );
        let values = world.folder().join("values.yaml");
        std::fs::write(
            &values,
            json!({"opentelemetry-collector": {"image": {"repository": image}}}).to_string(),
        )
        .expect("a file");
        let ended = run(SLI, &world)
            .set("IMAGES", "runwhen-local")
            .set("CHART_VALUES", values.display().to_string())
            .end();
        ended.expect(3, &["cannot be read as an image", algorithm]);
    }
}
