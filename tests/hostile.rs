//! Registries that mean harm: nobody else gets credentials, nothing leads out of a registry, and no content is taken by a
//! digest that proves nothing. What they can make us hold is in `hostile_bounds.rs`.

mod support;

use std::net::TcpListener;

use sandbox::runwhen_local::{CHART_HOST, CHART_IMAGES};
use sandbox::{Fault, RedirectTarget, ReplacedResponse, Scenario};
use serde_json::json;
use support::hostile::*;
use support::{ACR, ARM, ENTRA, ONE, Run, SOURCE, run};

const SLI: &str = env!("CARGO_BIN_EXE_sli");

fn with_docker_account<'a>(run: Run<'a>) -> Run<'a> {
    run.set("USE_DOCKER_AUTH", "true")
        .set("DOCKER_USERNAME", ACCOUNT.0)
        .set("DOCKER_TOKEN", ACCOUNT.1)
}

#[test]
fn a_realm_on_another_host_is_not_asked() {
    for host in ["us-docker.pkg.dev", "ghcr.io", HUB] {
        let world = world("outdated");
        let challenge = format!("Bearer realm=\"https://{EVIL}/token\",service=\"{host}\"");
        let fault = Fault::on(host).path_contains("/manifests/");
        world.inject(fault, answer(401, &[("WWW-Authenticate", &challenge)], ""));
        let ended = with_docker_account(run(SLI, &world).set("IMAGES", "runwhen-local")).end();
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (3, ""),
            "{}",
            ended.stderr
        );
        nobody_went_to_the_evil_host(&world);
    }
}

#[test]
fn a_realm_over_http_is_not_asked() {
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
        world.inject(fault, answer(401, &[("WWW-Authenticate", &challenge)], ""));
        let ended = run(SLI, &world).set("IMAGES", "runwhen-local").end();
        ended.expect(3, &["which is not its own", "nothing was sent there"]);
    }
    assert!(listener.accept().is_err(), "somebody came over plain HTTP");
    assert!(
        world
            .requests()
            .iter()
            .all(|request| request.scheme == "https")
    );
    nobody_went_to_the_evil_host(&world);
}

#[test]
fn the_acrs_challenge_leads_nowhere() {
    // Realm and service are known beforehand: what a challenge says is not even read.
    let world = world("outdated");
    let challenge = format!("Bearer realm=\"https://{EVIL}/token\",service=\"{ACR}\"");
    world.inject(
        Fault::on(ACR).path_contains("/v2/"),
        answer(401, &[("WWW-Authenticate", &challenge)], ""),
    );
    run(SLI, &world).end().expect(5, &["401 Unauthorized"]);
    nobody_went_to_the_evil_host(&world);
}

#[test]
fn what_carries_credentials_follows_no_redirect() {
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
                "{host}{path} was not asked: {}",
                ended.stderr
            );
            nobody_went_to_the_evil_host(&world);
        }
    }
}

#[test]
fn what_a_service_repeats_of_what_it_was_sent_is_not_told() {
    // Every run's output is searched for secrets by the harness; here each of them comes back.
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
            let is_told = ended.stderr.contains("you sent");
            assert!(
                !is_told || ended.stderr.contains("***"),
                "{host}{path} {code}: {}",
                ended.stderr
            );
        }
    }
}

#[test]
fn a_blob_may_come_from_another_host_without_the_token_and_as_what_its_digest_says() {
    for host in [ACR, HUB] {
        let world = world("outdated");
        // Moved after the source was built: only the registry's own date decides then.
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
            answer(200, &[], "{\"created\":\"2020-01-01T00:00:00Z\"}"),
        );
        let ended = run(SLI, &world).set("IMAGES", "runwhen-local").end();
        ended.expect(3, &["the blob's bytes do not match their digest", EVIL]);
        let requests = world.requests();
        let there: Vec<_> = requests
            .iter()
            .filter(|request| request.host == EVIL)
            .collect();
        assert!(!there.is_empty());
        for request in there {
            assert!(!request.authorization, "a token went to {EVIL}");
            assert!(request.header("cookie").is_none() && request.body.is_empty());
        }
    }
}

#[test]
fn a_redirect_to_somebodys_account_or_away_from_https_is_not_followed() {
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
        nobody_went_to_the_evil_host(&world);
    }
}

#[test]
fn a_link_that_leaves_the_registry_is_refused() {
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
            answer(
                200,
                &[("Link", &link)],
                r#"{"name":"r","tags":["main-latest"]}"#,
            ),
        );
        let ended = run(SLI, &world).end();
        one_is_unknown(&ended, &["the Link to the next page leaves the registry"]);
        nobody_went_to_the_evil_host(&world);
        assert!(!ended.stderr.contains("user:password"), "{}", ended.stderr);
    }
}

#[test]
fn a_link_that_leads_in_a_circle_ends() {
    let world = world("outdated");
    let name = source_of(ONE);
    let itself = format!("</v2/{name}/tags/list?n=10000>; rel=\"next\"");
    world.inject(
        one_list(),
        answer(200, &[("Link", &itself)], r#"{"tags":["main-latest","a"]}"#),
    );
    let ended = run(SLI, &world).end();
    one_is_unknown(&ended, &["the list of tags does not end"]);
    assert_eq!(world.faults()[0].hits, 1);
}

#[test]
fn a_next_link_of_azure_that_leaves_azure_is_refused() {
    let world = world("outdated");
    let body =
        json!({"value": [], "nextLink": format!("https://{EVIL}/subscriptions")}).to_string();
    world.inject(Fault::on(ARM), answer(200, &[], body));
    let ended = run(SLI, &world).set("REGISTRY_NAME", "myacr").end();
    ended.expect(3, &["nextLink leaves Azure Resource Manager"]);
    nobody_went_to_the_evil_host(&world);
}

#[test]
fn digests_that_prove_nothing_are_refused_by_name() {
    for (algorithm, digits) in [("md5", 32), ("sha1", 40), ("blake3", 64), ("SHA256", 64)] {
        let digest = format!("{algorithm}:{}", "a".repeat(digits));
        let by_name = format!("algorithm \"{algorithm}\" is not sha256 or sha512");
        // As the child that decides which tags are the same image.
        let world = world("plain-list");
        put_manifest(&world, INDEX, &index(1, &digest), &["main-latest"]);
        one_is_unknown(&run(SLI, &world).end(), &[&by_name]);
        // As a candidate's child.
        let world = self::world("plain-list");
        put_manifest(
            &world,
            INDEX,
            &index(1, &digest),
            &[&Scenario::newest_tag(ONE)],
        );
        one_is_unknown(&run(SLI, &world).end(), &[&by_name]);
        // As what a registry says of its answer.
        let world = self::world("up-to-date");
        let fault = Fault::on(ACR).path_contains(&format!("{ONE}/manifests/"));
        world.inject(
            fault,
            answer(200, &[("Docker-Content-Digest", &digest)], ""),
        );
        let ended = run(SLI, &world).end();
        ended.expect(3, &[&by_name]);
        assert_eq!(ended.verdict_of_one("sli.json", "UpToDate"), "Unknown");
        // As what the ACR says of its newest tags.
        let world = self::world("outdated");
        let rows = json!({"tags": [{"name": "x", "digest": digest}]}).to_string();
        world.inject(
            Fault::on(ACR).path_contains("/_tags"),
            answer(200, &[], rows),
        );
        let ended = run(SLI, &world).set("IMAGES", "runwhen-local").end();
        ended.expect(3, &[&by_name]);
    }
}

#[test]
fn an_image_that_a_chart_pins_by_such_a_digest_is_refused_by_name() {
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
        ended.expect(3, &["is no image", algorithm]);
    }
}
