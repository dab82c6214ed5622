//! Registries that mean harm: nobody else gets credentials, nothing leads out of a registry, nothing is held
//! without a bound, and no content is taken by a digest that proves nothing.

mod support;

use std::net::TcpListener;
use std::time::Duration;

use bytes::Bytes;
use sandbox::content::Digest;
use sandbox::registry::{ManifestEntry, RegistryKind};
use sandbox::runwhen_local::{CHART_HOST, CHART_IMAGES};
use sandbox::{Change, Fault, FaultKind, File, RedirectTarget, Sandbox, Scenario};
use serde_json::{Value, json};
use support::peak::end_with_peak;
use support::{ACR, ARM, ENTRA, Ended, ONE, Run, SOURCE, run};

const SLI: &str = env!("CARGO_BIN_EXE_sli");
const HUB: &str = "registry-1.docker.io";
/// A host that answers to whoever comes, and that nobody has a reason to come to.
const EVIL: &str = "registry.evil.example";
const ACCOUNT: (&str, &str) = ("somebody", "dckr_pat_very-secret-token");
/// The most memory that one hostile answer may cost a run, in MiB.
const MOST_MEMORY: u64 = 64;

fn world(scenario: &str) -> Sandbox {
    let world = Sandbox::start(Scenario::named(scenario).expect("a scenario")).expect("a sandbox");
    let token = File::Content {
        media_type: "application/json".to_owned(),
        body: Bytes::from_static(b"{\"token\":\"taken\",\"access_token\":\"taken\"}"),
    };
    world.edit(|state| {
        let place = (EVIL.to_owned(), "/token".to_owned());
        state.files.insert(place, token);
        let hub = state.registry(HUB).expect("Docker Hub");
        let RegistryKind::Token(settings) = &mut hub.kind else {
            panic!("not a registry with tokens")
        };
        let (user, token) = ACCOUNT;
        settings.accounts.push((user.to_owned(), token.to_owned()));
    });
    world
}

fn source_of(name: &str) -> String {
    format!("{}/{name}", sandbox::scenario::GOOGLE_PATH)
}

fn one_list() -> Fault {
    Fault::on(SOURCE).path_contains(&format!("{ONE}/tags/list"))
}

fn answer(code: u16, headers: &[(&str, &str)], body: impl Into<String>) -> FaultKind {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    FaultKind::Status {
        code,
        headers: headers.iter().map(owned).collect(),
        body: body.into(),
    }
}

#[track_caller]
fn nobody_went_to_the_evil_host(world: &Sandbox) {
    let connections = world.connections();
    let went = connections.iter().any(|connection| connection.host == EVIL);
    assert!(!went, "a connection was opened to {EVIL}");
}

/// One image is unknown for this reason, the four others are judged, and there is no number.
#[track_caller]
fn one_is_unknown(ended: &Ended, parts: &[&str]) {
    ended.expect(3, parts);
    assert_eq!(ended.stdout, "");
    assert_eq!(ended.verdict_of_one("sli.json", "Missing"), "Unknown");
}

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
                FaultKind::Redirect { to: to.clone() },
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
fn a_blob_may_come_from_another_host_without_the_token_and_as_what_its_digest_says() {
    for host in [ACR, HUB] {
        let world = world("outdated");
        world.inject(
            Fault::on(host).path_contains("/blobs/"),
            FaultKind::Redirect {
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
        world.inject(Fault::on(CHART_HOST), FaultKind::Redirect { to });
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

/// Fills the repository with tags that look like stable ones.
fn many_tags(world: &Sandbox, count: usize, page_size: Option<usize>) {
    let registry = SOURCE.to_owned();
    world
        .change(Change::GoogleList {
            registry,
            extended: false,
            page_size,
        })
        .expect("a registry");
    world.edit(|state| {
        let repository = state
            .repository(SOURCE, &source_of(ONE))
            .expect("a repository");
        let digest = repository.tags["main-latest"].digest.clone();
        for number in 0..count {
            repository.set_tag(&format!("zz-{number:07}"), &digest, 0);
        }
    });
}

#[test]
fn two_hundred_thousand_tags_in_pages_are_bounded() {
    let world = world("outdated");
    many_tags(&world, 200_000, Some(1000));
    let (ended, peak) = end_with_peak(run(SLI, &world));
    one_is_unknown(&ended, &["the list of tags does not end"]);
    let lists = one_lists(&world);
    assert!(lists <= 202, "{lists} requests for the lists");
    assert!(peak < MOST_MEMORY, "{peak} MiB");
    assert!(ended.took < Duration::from_secs(60), "{:?}", ended.took);
}

#[test]
fn as_many_tags_as_are_read_still_give_an_answer() {
    // Fewer than the bound: the newest of the first choice is found among the candidates.
    let world = world("outdated");
    many_tags(&world, 150_000, Some(1000));
    let (ended, peak) = end_with_peak(run(SLI, &world));
    assert_eq!(ended.expect(0, &[]).stdout, "5\n");
    assert!(peak < MOST_MEMORY, "{peak} MiB");
}

#[test]
fn pages_of_one_tag_are_bounded() {
    let world = world("outdated");
    many_tags(&world, 5_000, Some(1));
    let ended = run(SLI, &world).end();
    one_is_unknown(
        &ended,
        &["the list of tags does not end (2000 on 2000 pages"],
    );
    assert_eq!(one_lists(&world), 2_000);
}

fn one_lists(world: &Sandbox) -> usize {
    let requests = world.requests();
    let is_list = |path: &str| path.ends_with(&format!("{ONE}/tags/list"));
    requests
        .iter()
        .filter(|request| is_list(&request.path))
        .count()
}

/// One answer to the request for the tags, and what it costs to read it.
#[track_caller]
fn one_answer_is_bounded(kind: FaultKind, parts: &[&str]) {
    let world = world("outdated");
    let what = format!("{kind:?}").chars().take(60).collect::<String>();
    world.inject(one_list(), kind);
    let (ended, peak) = end_with_peak(run(SLI, &world));
    one_is_unknown(&ended, parts);
    assert!(peak < MOST_MEMORY, "{what}: {peak} MiB");
    assert!(
        world.faults()[0].hits <= 5,
        "{what}: {}",
        world.faults()[0].hits
    );
}

#[test]
fn one_page_of_too_many_tags_is_bounded() {
    let tags: Vec<_> = (0..200_001)
        .map(|number| format!("zz-{number:07}"))
        .collect();
    let body = json!({"name": "r", "tags": tags}).to_string();
    one_answer_is_bounded(
        answer(200, &[], body),
        &["a list of more than 200000 items"],
    );
    // The most that fit into a page, as short as they can be.
    let body = format!("{{\"tags\":[{}\"t\"]}}", "\"t\",".repeat(4_000_000));
    one_answer_is_bounded(
        answer(200, &[], body),
        &["a list of more than 200000 items"],
    );
}

#[test]
fn a_hundred_megabytes_of_tags_are_bounded() {
    one_answer_is_bounded(
        FaultKind::HugeJson { bytes: 100_000_000 },
        &["the answer is larger than"],
    );
    one_answer_is_bounded(
        FaultKind::GzipBomb { bytes: 1 << 30 },
        &["not the promised JSON"],
    );
}

#[test]
fn json_that_means_nothing_is_bounded() {
    let hash = |number: usize| Digest::of(&number.to_be_bytes()).to_string();
    // Small values, which cost the most where they are kept; deep ones; and Google's part, made up.
    let zeros = "0,".repeat(7_500_000);
    let described: Vec<_> = (0..100_000)
        .map(|number| format!("\"{}\":{{\"tag\":[\"t{number}\"]}}", hash(number)))
        .collect();
    for body in [
        format!("{{\"manifest\":[{zeros}0]}}"),
        format!("{{\"x\":{{\"y\":[{zeros}0]}}}}"),
        format!("{{\"manifest\":{{{}}}}}", described.join(",")),
        format!("{{\"tags\":{}", "[".repeat(1_000_000)),
        format!(
            "{{\"manifest\":{}1{}}}",
            "{\"a\":".repeat(500_000),
            "}".repeat(500_000)
        ),
    ] {
        one_answer_is_bounded(answer(200, &[], body), &["tags/list"]);
    }
}

#[test]
fn a_refusal_of_any_size_tells_its_status() {
    let zeros = "0,".repeat(7_500_000);
    let body = format!("{{\"errors\":[{zeros}0]}}");
    one_answer_is_bounded(
        answer(403, &[], body.clone()),
        &["403 Forbidden", "private, misnamed"],
    );
    one_answer_is_bounded(
        answer(503, &[], body),
        &["503 Service Unavailable", "tried 5 times"],
    );
}

#[test]
fn headers_without_end_are_bounded() {
    let long = "x".repeat(10_000_000);
    let link = format!("<{long}>; rel=next");
    one_answer_is_bounded(answer(200, &[("Link", &link)], "{}"), &["source registry"]);
    let realm = format!("Bearer realm=\"https://{SOURCE}/{}", ",".repeat(100_000));
    one_answer_is_bounded(
        answer(401, &[("WWW-Authenticate", &realm)], "{}"),
        &["401 Unauthorized"],
    );
}

/// Puts a manifest into the one repository, under these tags in place of what they pointed at.
fn put_manifest(world: &Sandbox, media_type: &str, manifest: &Value, tags: &[&str]) {
    world.edit(|state| {
        let digest = state.store.put(manifest.to_string().into_bytes());
        let repository = state
            .repository(SOURCE, &source_of(ONE))
            .expect("a repository");
        let entry = ManifestEntry {
            media_type: media_type.to_owned(),
            uploaded: 0,
            created: 0,
        };
        repository.manifests.insert(digest.clone(), entry);
        tags.iter()
            .for_each(|tag| repository.set_tag(tag, &digest, 0));
    });
}

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An index of this many entries, of which the last is the wanted one.
fn index(entries: usize, digest: &str) -> Value {
    let entry = |number: usize| {
        let other = Digest::of(&number.to_be_bytes()).to_string();
        let (digest, architecture) = if number + 1 == entries {
            (digest, "amd64")
        } else {
            (other.as_str(), "riscv64")
        };
        json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 7, "digest": digest,
            "platform": {"architecture": architecture, "os": "linux"}})
    };
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": (0..entries).map(entry).collect::<Vec<_>>()})
}

#[test]
fn an_index_of_ten_thousand_entries_is_read_and_a_larger_one_is_bounded() {
    let child = Digest::of(b"child").to_string();
    let stable = Scenario::newest_tag(ONE);
    for (entries, number) in [(10_000, Some("5\n")), (10_001, None)] {
        let world = world("plain-list");
        put_manifest(
            &world,
            INDEX,
            &index(entries, &child),
            &["main-latest", &stable],
        );
        let (ended, peak) = end_with_peak(run(SLI, &world));
        match number {
            Some(number) => assert_eq!(ended.expect(0, &[]).stdout, number),
            None => one_is_unknown(&ended, &["a list of more than 10000 items"]),
        }
        assert!(peak < MOST_MEMORY, "{entries} entries: {peak} MiB");
    }
}

#[test]
fn manifests_of_a_hundred_megabytes_are_bounded() {
    for bytes in [100_000_000, 4_000_000] {
        let world = world("plain-list");
        let fault = Fault::on(SOURCE).path_contains(&format!("{ONE}/manifests/"));
        world.inject(fault, FaultKind::HugeJson { bytes });
        let (ended, peak) = end_with_peak(run(SLI, &world));
        one_is_unknown(&ended, &["source registry", "/manifests/"]);
        assert!(peak < MOST_MEMORY, "{peak} MiB");
    }
    // The destination too: a HEAD without a digest makes us read the whole.
    let world = world("up-to-date");
    let fault = Fault::on(ACR).path_contains(&format!("{ONE}/manifests/"));
    world.inject(fault, FaultKind::HugeJson { bytes: 100_000_000 });
    let (ended, peak) = end_with_peak(run(SLI, &world));
    ended.expect(3, &["the answer is larger than"]);
    assert_eq!(ended.verdict_of_one("sli.json", "UpToDate"), "Unknown");
    assert!(peak < MOST_MEMORY, "{peak} MiB");
}

#[test]
fn annotations_without_end_are_bounded() {
    // As many as fit into a manifest that registries must take, in every candidate at once.
    let mut manifest = index(1, &Digest::of(b"child").to_string());
    manifest["annotations"] = (0..350_000)
        .map(|n| (format!("{n:x}"), json!("")))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let world = world("plain-list");
    let tags: Vec<_> = (0..8)
        .map(|number| format!("main-000000{number}"))
        .collect();
    let mut tags: Vec<_> = tags.iter().map(String::as_str).collect();
    put_manifest(&world, INDEX, &manifest, &tags);
    manifest["manifests"][0]["digest"] = Digest::of(b"another").to_string().into();
    tags = vec!["main-latest"];
    put_manifest(&world, INDEX, &manifest, &tags);
    let (ended, peak) = end_with_peak(run(SLI, &world));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(peak < MOST_MEMORY + 32, "{peak} MiB");
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
