//! Which responses of a registry prove something: a 404, a digest header, a cached response, an old format.

use crate::SLI;
use crate::support::chart::{check_chart, verdict, world};
use crate::support::hostile::{self, ACCOUNT, HUB, one_is_unknown};
use crate::support::{ACR, ONE, one_list, response, run, status};
use sandbox::{Fault, RecordedRequest, ReplacedResponse, RetryAfter, Sandbox};

const GATEWAY: &str = r#"{"message": "no Route matched with those values"}"#;
const REGISTRY: (&str, &str) = ("Docker-Distribution-Api-Version", "registry/2.0");
const UNKNOWN: &str = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;

fn manifests_of_one(host: &str) -> Fault {
    Fault::on(host).path_contains(&format!("{ONE}/manifests/"))
}

fn requests_of_one(world: &Sandbox, host: &str) -> Vec<RecordedRequest> {
    let mut requests = world.requests();
    let part = format!("{ONE}/manifests/");
    requests.retain(|request| request.host == host && request.path.contains(&part));
    requests
}

#[test]
fn gateway_404_at_the_acr_makes_the_image_unknown() {
    for (media_type, body) in [
        ("application/json", GATEWAY),
        (
            "application/json; charset=utf-8",
            r#"{"error":"not_found"}"#,
        ),
        (
            "application/json",
            r#"{"errors":[{"status":"404","title":"Not Found"}]}"#,
        ),
        (
            "application/problem+json",
            r#"{"title":"Not Found","status":404}"#,
        ),
        ("text/plain", "404 page not found"),
        ("application/json", ""),
    ] {
        let world = world("up-to-date");
        let kind = response(404, &[("Content-Type", media_type)], body);
        world.inject(manifests_of_one(ACR), kind);
        let ended = run(SLI, &world).end();
        ended.expect(3, &["destination registry", "404 Not Found"]);
        assert_eq!(ended.stdout, "", "{body}");
        assert_eq!(ended.verdict_of_one("sli.json", "UpToDate"), "Unknown");
    }
}

#[test]
fn gateway_404_shows_its_message_and_names_the_proxy() {
    let world = world("up-to-date");
    let kind = response(404, &[("Content-Type", "application/json")], GATEWAY);
    world.inject(manifests_of_one(ACR), kind);
    let ended = run(SLI, &world).end();
    ended.expect(3, &["no Route matched with those values", "HTTPS_PROXY"]);
}

#[test]
fn gateway_404_at_a_source_makes_the_image_unknown() {
    for (host, name) in [
        ("ghcr.io", "runwhen-local"),
        ("us-docker.pkg.dev", "runner"),
        (HUB, "opentelemetry-collector"),
    ] {
        let world = world("up-to-date");
        let kind = response(404, &[("Content-Type", "application/json")], GATEWAY);
        world.inject(Fault::on(host).path_contains("/manifests/"), kind);
        let ended = check_chart(SLI, &world).end();
        ended.expect(3, &["source registry", "no Route matched"]);
        assert_eq!(verdict(&ended, name), "Unknown");
    }
}

#[test]
fn gateway_that_answers_404_to_head_only_changes_no_verdict() {
    for headers in [
        &[("Content-Type", "application/json")][..],
        // It may forward the header of the registry.
        &[REGISTRY],
    ] {
        let world = world("up-to-date");
        world.inject(
            Fault::on("ghcr.io").method("HEAD"),
            response(404, headers, ""),
        );
        let ended = check_chart(SLI, &world).end();
        assert_eq!(ended.expect(0, &[]).stdout, "0\n", "{headers:?}");
    }
    let world = world("up-to-date");
    let kind = response(404, &[("Content-Type", "application/json")], "");
    world.inject(Fault::on(ACR).method("HEAD"), kind);
    assert_eq!(run(SLI, &world).end().expect(0, &[]).stdout, "0\n");
}

#[test]
fn absence_at_the_acr_costs_one_request_with_the_registrys_header() {
    let world = world("outdated");
    assert_eq!(run(SLI, &world).end().expect(0, &[]).stdout, "5\n");
    assert_eq!(requests_of_one(&world, ACR).len(), 1);
}

#[test]
fn absence_at_the_acr_without_the_header_is_confirmed_by_an_error_code() {
    let world = world("up-to-date");
    world.inject(manifests_of_one(ACR), status(404, UNKNOWN));
    let ended = run(SLI, &world).end();
    assert_eq!(ended.expect(0, &[]).stdout, "1\n");
    assert_eq!(ended.verdict_of_one("sli.json", "UpToDate"), "Missing");
    let methods: Vec<_> = { requests_of_one(&world, ACR).into_iter() }
        .map(|request| request.method)
        .collect();
    assert_eq!(methods, ["HEAD", "GET"]);
}

#[test]
fn absent_tag_at_a_source_is_not_published() {
    let world = world("up-to-date");
    world.edit(|state| {
        let repository = state.repository("ghcr.io", "runwhen-contrib/runwhen-local");
        repository.expect("a repository").tags.clear();
    });
    let ended = check_chart(SLI, &world).end();
    assert_eq!(ended.expect(0, &["No 0.11.5 found in"]).stdout, "0\n");
    assert_eq!(verdict(&ended, "runwhen-local"), "NotPublished");
}

#[test]
fn unrelated_404_shows_the_registrys_message_and_is_unknown() {
    for (body, words) in [
        (
            r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"Manifest with tag '0.11.5' has media type 'application/vnd.oci.image.index.v1+json', but client accepts 'application/json'."}]}"#,
            "but client accepts",
        ),
        (
            r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"mediaType":"application/vnd.oci.image.index.v1+json"}}]}"#,
            "mediaType",
        ),
        (
            r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"OCI index found, but accept header does not support OCI indexes"}]}"#,
            "OCI index found",
        ),
        (
            r#"{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown to registry"}]}"#,
            "BLOB_UNKNOWN",
        ),
        (
            r#"{"errors":[{"code":"NOT_FOUND","message":"artifact not found"}]}"#,
            "NOT_FOUND: artifact not found",
        ),
    ] {
        // The header of the registry does not prove that the image is absent.
        for headers in [&[][..], &[REGISTRY]] {
            let world = world("up-to-date");
            let fault = Fault::on("ghcr.io").path_contains("/manifests/");
            world.inject(fault, response(404, headers, body));
            let ended = check_chart(SLI, &world).end();
            ended.expect(3, &["source registry", words]);
            assert_eq!(verdict(&ended, "runwhen-local"), "Unknown", "{body}");
        }
        let world = world("up-to-date");
        world.inject(manifests_of_one(ACR), status(404, body));
        let ended = run(SLI, &world).end();
        ended.expect(3, &["destination registry", words]);
        assert_eq!(ended.verdict_of_one("sli.json", "UpToDate"), "Unknown");
    }
}

#[test]
fn tag_list_404_proves_absence_only_with_the_code_for_a_repository() {
    for (code, verdict) in [
        ("NAME_UNKNOWN", "NotPublished"),
        ("MANIFEST_UNKNOWN", "Unknown"),
        ("BLOB_UNKNOWN", "Unknown"),
        ("NOT_FOUND", "Unknown"),
    ] {
        let world = world("outdated");
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"no"}}]}}"#);
        world.inject(one_list(), response(404, &[REGISTRY], body));
        let ended = run(SLI, &world).end();
        assert_eq!(
            ended.verdict_of_one("sli.json", "Missing"),
            verdict,
            "{code}"
        );
    }
}

#[test]
fn two_different_digest_headers_are_not_trusted() {
    let digest = |letter: &str| format!("sha256:{}", letter.repeat(64));
    let (one, other) = (digest("a"), digest("b"));
    let both = format!("{one}, {other}");
    for headers in [
        &[
            ("Docker-Content-Digest", one.as_str()),
            ("Docker-Content-Digest", other.as_str()),
        ][..],
        &[("Docker-Content-Digest", both.as_str())],
    ] {
        let world = world("up-to-date");
        world.inject(manifests_of_one(ACR), response(200, headers, ""));
        let ended = run(SLI, &world).end();
        ended.expect(3, &["two different Docker-Content-Digest headers"]);
        assert_eq!(ended.verdict_of_one("sli.json", "UpToDate"), "Unknown");
        // A manifest by its tag, at the source.
        let world = self::world("plain-list");
        world.inject(
            manifests_of_one(sandbox::scenario::GOOGLE_HOST),
            response(200, headers, "{}"),
        );
        let ended = run(SLI, &world).end();
        one_is_unknown(&ended, &["two different Docker-Content-Digest headers"]);
    }
}

#[test]
fn repeated_digest_header_is_accepted() {
    let world = world("up-to-date");
    let tag = sandbox::Scenario::newest_tag(ONE);
    let digest = world
        .acr_tag(&format!("runwhen/{ONE}"), &tag)
        .expect("the tag");
    let digest = digest.to_string();
    let header = ("Docker-Content-Digest", digest.as_str());
    world.inject(manifests_of_one(ACR), response(200, &[header, header], ""));
    assert_eq!(run(SLI, &world).end().expect(0, &[]).stdout, "0\n");
}

#[test]
fn requests_for_tags_bypass_caches() {
    let is_digest = |path: &str| path.contains("sha256:") || path.contains("/artifacts-downloads/");
    let (mut lists, mut heads, mut gets, mut digests) = (0, 0, 0, 0);
    for scenario in ["outdated", "plain-list", "drifted"] {
        let world = world(scenario);
        run(SLI, &world).unset(&["IMAGES"]).end().expect(0, &[]);
        for request in world.requests() {
            let is_registry =
                request.path.starts_with("/v2/") || request.path.starts_with("/acr/v1/");
            let fresh = request.header("cache-control") == Some("no-cache");
            if !is_registry || is_digest(&request.path) {
                digests += usize::from(is_registry);
                assert!(!fresh, "{} {}", request.method, request.path);
                continue;
            }
            assert!(fresh, "{} {}", request.method, request.path);
            match request.method.as_str() {
                "HEAD" => heads += 1,
                _ if request.path.contains("/manifests/") => gets += 1,
                _ => lists += 1,
            }
        }
    }
    assert!(lists > 0 && heads > 0 && gets > 0 && digests > 0);
}

#[test]
fn schema_1_manifest_is_named_as_such() {
    for media_type in [
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws; charset=utf-8",
    ] {
        let digest = format!("sha256:{}", "a".repeat(64));
        let headers = [
            ("Content-Type", media_type),
            ("Docker-Content-Digest", digest.as_str()),
        ];
        let world = world("up-to-date");
        let fault = Fault::on("ghcr.io").path_contains("/manifests/");
        world.inject(fault, response(200, &headers, r#"{"schemaVersion":1}"#));
        let ended = check_chart(SLI, &world).end();
        ended.expect(3, &["schema 1 manifest"]);
        assert_eq!(verdict(&ended, "runwhen-local"), "Unknown");
    }
}

#[test]
fn limit_of_docker_hub_names_the_account_settings() {
    for path in ["/manifests/", "/token"] {
        let host = if path == "/token" {
            "auth.docker.io"
        } else {
            HUB
        };
        let world = hostile::world("outdated");
        let kind = ReplacedResponse::TooManyRequests {
            retry_after: RetryAfter::Absurd,
        };
        world.inject(Fault::on(host).path_contains(path), kind.clone());
        let ended = check_chart(SLI, &world).end();
        ended.expect(3, &["429 Too Many Requests", "USE_DOCKER_AUTH=true"]);
        let with_account = check_chart(SLI, &world)
            .set("USE_DOCKER_AUTH", "true")
            .set("DOCKER_USERNAME", ACCOUNT.0)
            .set("DOCKER_TOKEN", ACCOUNT.1);
        let ended = with_account.end();
        ended.expect(3, &["the limit of this Docker Hub account"]);
        assert!(
            !ended.stderr.contains("USE_DOCKER_AUTH"),
            "{}",
            ended.stderr
        );
    }
    // The limit of another registry has nothing to do with Docker Hub.
    let world = world("outdated");
    let kind = ReplacedResponse::TooManyRequests {
        retry_after: RetryAfter::Absurd,
    };
    world.inject(Fault::on("ghcr.io").path_contains("/manifests/"), kind);
    let ended = check_chart(SLI, &world).end();
    ended.expect(3, &["429 Too Many Requests"]);
    assert!(
        !ended.stderr.contains("USE_DOCKER_AUTH"),
        "{}",
        ended.stderr
    );
}
