//! `EXTRA_IMAGES`: the rules that choose a tag, what makes a choice unknown, and mistakes.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use sandbox::extra_images::{
    BRANCHES, DATES, EXTRA_HOST, GOOGLE_EXTRA_HOST, PRIVATE, PRIVATE_HOST, PRIVATE_PASSWORD,
    PRIVATE_USER, VERSIONS,
};
use sandbox::{Change, Fault, Sandbox, Scenario};
use serde_json::{Value, json};

use crate::SLI;
use crate::support::docker::docker_folder;
use crate::support::{ACR, Ended, ONE, Run, run, status};

fn world() -> Sandbox {
    Sandbox::start(Scenario::named("extra").expect("a scenario")).expect("a sandbox")
}

/// A check of the extra images only.
fn check<'a>(world: &'a Sandbox, images: &str) -> Run<'a> {
    run(SLI, world)
        .set("IMAGES", "extra")
        .set("EXTRA_IMAGES", images)
}

/// A YAML entry for the repository with versions.
fn web(rule: &str) -> String {
    format!("- {{source: {EXTRA_HOST}/{VERSIONS}, {rule}}}\n")
}

/// The tags that were chosen, by the destination's repository and tag.
fn images(ended: &Ended) -> Vec<Value> {
    let all = ended.json("sli.json")["images"].clone();
    all.as_array().expect("images").clone()
}

#[test]
fn every_rule_chooses_its_tag() {
    let world = world();
    for (rule, tag) in [
        ("tag: 1.10", "1.10"),
        ("follow: latest", "2.0.0"),
        ("follow: stable", "1.10.0"),
        ("semver: '>=1, <2'", "1.10.0"),
        ("semver: ~1.2", "1.2.0"),
        ("semver: '>=1'", "2.0.0"),
        ("semver: '>=2.0.0-0, <2.0.0'", "2.0.0-rc.1"),
        ("newest: true", "2.0.0"),
        ("matching: '^v[0-9.]+$'", "v0.9.0"),
        (r"matching: '^nightly-'", "nightly-2026-08-07"),
        (
            r"matching: '^[0-9]+\.[0-9]+\.[0-9]+$', semver: <2",
            "1.10.0",
        ),
        ("semver: '>=1', minimum: 4", "2.0.0"),
    ] {
        let ended = check(&world, &web(rule)).end();
        assert_eq!(ended.expect(0, &[]).stdout, "1\n", "{rule}");
        let image = &images(&ended)[0];
        assert_eq!(image["tag"], tag, "{rule}");
        assert_eq!(image["verdict"], "Missing", "{rule}");
        assert_eq!(image["category"], "extra");
        let place = format!("{ACR}/runwhen/web:{tag}");
        assert_eq!(image["destination"], place.as_str());
        let published = world.tag(EXTRA_HOST, VERSIONS, tag);
        assert_eq!(image["digest"].as_str(), published.as_deref(), "{rule}");
    }
}

#[test]
fn branch_and_dates_are_followed_in_other_registries() {
    let world = world();
    let text = format!(
        "
- source: {EXTRA_HOST}/{BRANCHES}
  follow: main-latest
- source: {EXTRA_HOST}/{BRANCHES}
  destination: mirror/dev
  follow: dev-latest
- source: {GOOGLE_EXTRA_HOST}/{DATES}
  newest: true
- source: {GOOGLE_EXTRA_HOST}/{DATES}
  follow: current
  destination: current-probe
"
    );
    let ended = check(&world, &text).end();
    assert_eq!(ended.expect(0, &[]).stdout, "4\n");
    let places: Vec<_> = images(&ended)
        .iter()
        .map(|image| image["destination"].as_str().unwrap_or_default().to_owned())
        .collect();
    let expected = [
        "current-probe:2026-08-09",
        "probe:2026-08-09",
        "mirror/dev:dev-fedcba9",
        "builder:main-89abcde",
    ];
    assert_eq!(
        places,
        expected.map(|place| format!("{ACR}/runwhen/{place}"))
    );
}

#[test]
fn extra_images_are_the_third_category_in_every_output() {
    let world = world();
    let file = tempfile::NamedTempFile::with_suffix(".yaml").expect("a file");
    std::fs::write(file.path(), web("semver: ~1")).expect("a file");
    let metrics = tempfile::TempDir::new().expect("a folder");
    let metrics = metrics.path().join("sync.prom");
    let ended = run(SLI, &world)
        .unset(&["IMAGES"])
        .set("EXTRA_IMAGES", file.path().display().to_string())
        .set("METRICS_FILE", metrics.display().to_string())
        .end();
    assert_eq!(ended.expect(0, &["web:1.10.0: Missing"]).stdout, "9\n");
    let result = ended.json("sli.json");
    assert_eq!(result["categories"]["extra"]["needs_sync"], 1);
    assert_eq!(result["categories"]["extra"]["counts"]["total"], 1);
    assert_eq!(result["settings"]["EXTRA_IMAGES"], "1 image");
    assert_eq!(result["settings"]["IMAGES"], "all");
    let list = ended.json("extra_images_to_update.json");
    let source = format!("{EXTRA_HOST}/{VERSIONS}:1.10.0");
    assert_eq!(list[0]["source"], source.as_str());
    assert_eq!(list[0]["destination"], format!("{ACR}/runwhen/web:1.10.0"));
    assert_eq!(list[0]["wanted_by"], json!(["entry 1 of EXTRA_IMAGES"]));
    let titles = ended.json("issues.json");
    let titles: Vec<_> = titles.as_array().expect("issues").iter().collect();
    assert_eq!(titles.len(), 3);
    assert_eq!(titles[2]["categories"], json!(["extra"]));
    assert_eq!(
        titles[2]["title"],
        format!("Extra image web needs a sync to ACR {ACR}")
    );
    let text = std::fs::read_to_string(metrics).expect("metrics");
    assert!(text.contains("category=\"extra\"} 1"), "{text}");
}

#[test]
fn without_extra_images_the_category_is_not_checked() {
    let world = world();
    let ended = run(SLI, &world).unset(&["IMAGES"]).end();
    assert_eq!(ended.expect(0, &[]).stdout, "8\n");
    assert_eq!(ended.json("sli.json")["categories"]["extra"], Value::Null);
    let folder = ended.folder.path().join("azure-rw-acr-sync");
    assert!(!folder.join("extra_images_to_update.json").exists());
    for request in world.requests() {
        assert!(request.host != EXTRA_HOST && request.host != PRIVATE_HOST);
    }
    let ended = run(SLI, &world).set("IMAGES", "extra").end();
    ended.expect(
        2,
        &[
            "IMAGES=\"extra\": no extra images are configured",
            "EXTRA_IMAGES",
        ],
    );
}

#[test]
fn choice_from_a_list_that_is_not_whole_is_unknown() {
    let list = || Fault::on(EXTRA_HOST).path_contains(&format!("{VERSIONS}/tags/list"));
    let cut: Vec<_> = (0..10_000).map(|number| format!("1.0.{number}")).collect();
    let cut = json!({"name": VERSIONS, "tags": cut}).to_string();
    let few = json!({"name": VERSIONS, "tags": ["1.0.0", "1.2.0"]}).to_string();
    for (rule, body, part) in [
        ("semver: '>=1'", cut.clone(), "may be truncated"),
        ("newest: true", cut, "may be truncated"),
        (
            "semver: '>=1', minimum: 3",
            few.clone(),
            "has 2 tags of the rule",
        ),
        ("matching: '^1', minimum: 3", few.clone(), "lower minimum"),
        (
            "semver: '>=9', minimum: 1",
            few,
            "has 0 tags of the rule \"version within >=9\", and at least 1 is required",
        ),
        ("newest: true", "{\"tags\":[\"1.0".to_owned(), "JSON"),
        (
            "semver: '>=1'",
            json!({"name": VERSIONS, "tags": ["1.0.0", "9.9.9"]}).to_string(),
            "9.9.9 was listed, but does not exist",
        ),
    ] {
        let world = world();
        world.inject(list(), status(200, &body));
        let ended = check(&world, &web(rule)).end();
        assert_eq!(ended.expect(3, &[part]).stdout, "", "{rule}");
        assert_eq!(images(&ended)[0]["verdict"], "Unknown");
        assert_eq!(ended.json("extra_images_to_update.json"), json!(false));
    }
}

#[test]
fn repository_that_is_reported_absent_may_be_hidden() {
    let world = world();
    let docker = docker_folder();
    let digest = format!("digest: 'sha256:{}'", "a".repeat(64));
    for (rule, part) in [
        ("newest: true, minimum: 1", "has 0 tags of the rule"),
        ("newest: true", "may hide a private one"),
        ("follow: latest", "may hide a private one"),
        ("tag: '1'", "may hide a private one"),
        (&digest, "may hide a private one"),
    ] {
        // The account of the second may not read everything.
        for host in [EXTRA_HOST, PRIVATE_HOST] {
            let check = check(&world, &format!("- {{source: {host}/team/nosuch, {rule}}}"));
            let check = check.set("DOCKER_CONFIG", docker.path().display().to_string());
            let ended = check.end();
            assert_eq!(ended.expect(3, &[part]).stdout, "", "{rule}");
            assert_eq!(images(&ended)[0]["verdict"], "Unknown", "{rule}");
        }
    }
}

#[test]
fn tag_that_the_destination_lacks_is_missing_although_a_later_build_or_its_content_is_there() {
    let world = world();
    let at_acr = |seed: &str, tags: &[&str]| {
        let change = Change::PublishImage {
            registry: ACR.into(),
            repository: "runwhen/web".into(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            seed: seed.into(),
        };
        world.change(change).expect("a change");
    };
    at_acr("a later build", &["9.9.9"]);
    let latest = format!("{EXTRA_HOST}/{VERSIONS}:latest");
    for tag in ["tag: latest", "follow: latest"] {
        let ended = check(&world, &web(tag)).end();
        assert_eq!(ended.expect(0, &["Missing"]).stdout, "1\n", "{tag}");
    }
    let ended = check(&world, &latest).set("USE_DATE_TAG", "true").end();
    ended.expect(0, &[]);
    assert_eq!(images(&ended)[0]["verdict"], "UpToDate");
}

#[test]
fn rule_without_a_tag_is_not_published() {
    let world = world();
    let text = web("semver: '>=9'")
        + &web("tag: 7.0.0")
        + &web("follow: nosuch")
        + &web("follow: edge, destination: x")
        + &web("tag: 1.2.0");
    let ended = check(&world, &text).end();
    assert_eq!(
        ended
            .expect(
                0,
                &[
                    "No version within >=9 found in quay.io/team/web, which has 16 tags",
                    "No 7.0.0 found in quay.io/team/web",
                    "No nosuch found in quay.io/team/web, which has 16 other tags",
                ]
            )
            .stdout,
        "2\n"
    );
    let verdicts: BTreeMap<String, usize> =
        images(&ended)
            .iter()
            .fold(BTreeMap::new(), |mut all, image| {
                *all.entry(image["verdict"].to_string()).or_default() += 1;
                all
            });
    assert_eq!(verdicts["\"NotPublished\""], 3);
    // A tag without a version next to it: the first by name.
    let chosen = images(&ended)
        .into_iter()
        .find(|image| image["destination"] == format!("{ACR}/runwhen/x:1234567"));
    assert!(chosen.is_some(), "{}", ended.stderr);
}

#[test]
fn conflicts_and_reserved_repositories_are_not_imported() {
    let world = world();
    let google = format!("us-west1-docker.pkg.dev/runwhen-nonprod-beta/public-images/{ONE}");
    let text = format!(
        "
- source: {EXTRA_HOST}/{VERSIONS}
  destination: runner
  tag: 1.2.0
- source: {EXTRA_HOST}/{VERSIONS}
  destination: {ONE}
  tag: 1.0.0
- source: {EXTRA_HOST}/{VERSIONS}
  semver: ~1.10
- source: {GOOGLE_EXTRA_HOST}/{DATES}
  destination: web
  matching: '^1'
- source: {google}
  follow: feature-x-latest
- source: {google}
  matching: ^main-latest$
- {google}:main-latest
"
    );
    // A tag of another publisher with the name of a version that the first rule chooses.
    let change = Change::PublishImage {
        registry: GOOGLE_EXTRA_HOST.into(),
        repository: DATES.into(),
        tags: vec!["1.10.0".into()],
        seed: "another".into(),
    };
    world.change(change).expect("a change");
    let ended = run(SLI, &world)
        .unset(&["IMAGES"])
        .set("EXTRA_IMAGES", text)
        .end();
    ended.expect(
        2,
        &[
            &format!("runwhen/{ONE}, which is reserved for the CodeCollection"),
            "runwhen/web:1.10.0 is wanted with different digests",
            "choose another destination",
        ],
    );
    // Tags that move, and rules that may choose one, are not for the repository of a CodeCollection.
    let reserved = format!("conflict: {google} would be written to runwhen/{ONE}");
    assert_eq!(
        ended.stderr.matches(&reserved).count(),
        2,
        "{}",
        ended.stderr
    );
    let verdict = |place: &str| {
        let image = images(&ended)
            .into_iter()
            .find(|image| {
                image["destination"]
                    .as_str()
                    .is_some_and(|it| it.ends_with(place))
            })
            .unwrap_or_else(|| panic!("{place}: {}", ended.stderr));
        image["verdict"].as_str().unwrap_or_default().to_owned()
    };
    // Another tag next to RunWhen's image, and another branch of a CodeCollection, are allowed.
    assert_eq!(verdict("/runner:1.2.0"), "Missing");
    let feature = images(&ended).iter().any(|image| {
        image["category"] == "extra"
            && image["tag"]
                .as_str()
                .is_some_and(|tag| tag.starts_with("feature-x-"))
            && image["verdict"] != "Unknown"
    });
    assert!(feature, "{}", ended.stderr);
}

#[test]
fn excluded_extra_image_is_not_read() {
    let world = world();
    let text = web("newest: true") + &format!("- {EXTRA_HOST}/{BRANCHES}:v3\n");
    let ended = check(&world, &text)
        .set("EXCLUDE_IMAGES", "web, nosuch")
        .end();
    assert_eq!(ended.expect(0, &[]).stdout, "1\n");
    let excluded = ended.json("sli.json")["excluded"].clone();
    assert_eq!(excluded[0]["category"], "extra");
    assert_eq!(excluded[0]["by"], json!(["web"]));
    for request in world.requests() {
        assert!(!request.path.contains(VERSIONS), "{}", request.path);
    }
}

#[test]
fn other_category_alone_needs_no_login_and_knows_the_names_of_extra_images() {
    let world = world();
    let docker = tempfile::TempDir::new().expect("a folder");
    std::fs::write(docker.path().join("config.json"), "no json").expect("a file");
    let ended = run(SLI, &world)
        .set("IMAGES", "runwhen-local")
        .set("EXTRA_IMAGES", web("newest: true"))
        .set("EXCLUDE_IMAGES", "web")
        .set("DOCKER_CONFIG", docker.path().display().to_string())
        .end();
    assert_eq!(ended.expect(0, &[]).stdout, "3\n");
    let issues = ended.json("issues.json");
    assert_eq!(issues.as_array().map(Vec::len), Some(1), "{issues}");
    assert!(
        world
            .requests()
            .iter()
            .all(|request| request.host != EXTRA_HOST)
    );
}

#[test]
fn private_source_is_read_with_the_login_of_dockers_file() {
    let world = world();
    let image = format!("{PRIVATE_HOST}/{PRIVATE}:5.0.0");
    // Without a login.
    let ended = check(&world, &image).end();
    let advice = format!("docker login {PRIVATE_HOST}");
    ended.expect(3, &[&advice, "DOCKER_CONFIG"]);
    assert_eq!(ended.stdout, "");
    let docker = tempfile::TempDir::new().expect("a folder");
    let write = |auths: Value| {
        let text = json!({"auths": auths}).to_string();
        std::fs::write(docker.path().join("config.json"), text).expect("a file");
    };
    write(
        json!({PRIVATE_HOST: {"username": PRIVATE_USER, "password": PRIVATE_PASSWORD,
        "auth": BASE64_STANDARD.encode(format!("{PRIVATE_USER}:{PRIVATE_PASSWORD}"))}}),
    );
    let folder = docker.path().display().to_string();
    let ended = check(&world, &image).set("DOCKER_CONFIG", &folder).end();
    assert_eq!(ended.expect(0, &[]).stdout, "1\n");
    for text in [&ended.stdout, &ended.stderr, &ended.report("sli.json")] {
        assert!(!text.contains(PRIVATE_PASSWORD));
    }
    // The message about a wrong login names its place.
    let wrong = BASE64_STANDARD.encode(format!("{PRIVATE_USER}:wrong-password-31"));
    write(json!({PRIVATE_HOST: {"auth": wrong}}));
    let ended = check(&world, &image).set("DOCKER_CONFIG", &folder).end();
    ended.expect(3, &[&advice, &format!("{folder}/config.json")]);
    for other in ["DOCKER_USERNAME", "CODECOLLECTION_REGISTRY_USERNAME"] {
        assert!(!ended.stderr.contains(other), "{}", ended.stderr);
    }
    // An entry that cannot be read is a mistake that names the registry.
    write(json!({PRIVATE_HOST: {"auth": "?"}}));
    let ended = check(&world, &image).set("DOCKER_CONFIG", &folder).end();
    ended.expect(
        2,
        &[
            "DOCKER_CONFIG",
            &format!("the login for the source {PRIVATE_HOST}"),
        ],
    );
}

#[test]
fn default_file_of_docker_that_cannot_be_used_is_a_warning() {
    let world = world();
    let home = tempfile::TempDir::new().expect("a folder");
    let docker = home.path().join(".docker");
    std::fs::create_dir(&docker).expect("a folder");
    let file = json!({"credsStore": "that-does-not-exist"}).to_string();
    std::fs::write(docker.join("config.json"), file).expect("a file");
    let run = |home: &std::path::Path| {
        check(&world, &web("newest: true")).set("HOME", home.display().to_string())
    };
    let warning = format!("WARN DOCKER_CONFIG: the login for the source {EXTRA_HOST}");
    let ended = run(home.path()).end();
    let parts = [warning.as_str(), "it is read without a login"];
    assert_eq!(ended.expect(0, &parts).stdout, "1\n");
    // A file that the user names must be right.
    let named = run(home.path()).set("DOCKER_CONFIG", docker.display().to_string());
    named.end().expect(2, &["the login for the source"]);
}

#[test]
fn mistake_is_reported_before_any_request() {
    let world = world();
    let missing = "/no/such/extra.yaml";
    for (text, parts) in [
        (
            web("semver: new"),
            &["EXTRA_IMAGES: entry 1: semver \"new\""][..],
        ),
        (
            web("tag: 1") + &web("tags: 1"),
            &["entry 2", "unknown key \"tags\""],
        ),
        (
            web("tag: 1") + &web("tag: 1"),
            &["entry 2", "same destination web"],
        ),
        (
            "ghcr.io/a/b".to_owned(),
            &["entry 1", "no rule for its tag"],
        ),
        (
            missing.to_owned(),
            &["EXTRA_IMAGES=\"/no/such/extra.yaml\"", "cannot be read"],
        ),
        ("- {}".to_owned(), &["entry 1", "no source"]),
    ] {
        let ended = check(&world, &text).end();
        ended.expect(2, parts);
    }
    assert!(world.requests().is_empty());
}
