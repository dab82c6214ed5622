//! Extra images in `plan` and `apply`, `explain` and `doctor`.

use sandbox::extra_images::{
    DATES, EXTRA_HOST, GOOGLE_EXTRA_HOST, PRIVATE, PRIVATE_HOST, VERSIONS,
};
use sandbox::{Change, Sandbox};
use serde_json::Value;

use crate::support::docker::docker_folder;
use crate::support::{Run, schema};
use crate::{acr_sync, world_of};

fn rule(rule: &str) -> String {
    format!("- {{source: {EXTRA_HOST}/{VERSIONS}, {rule}}}\n")
}

fn with<'a>(world: &'a Sandbox, images: &str, arguments: &[&str]) -> Run<'a> {
    acr_sync(world, arguments)
        .set("IMAGES", "extra")
        .set("EXTRA_IMAGES", images)
}

fn publish(world: &Sandbox, tag: &str) {
    let change = Change::PublishImage {
        registry: EXTRA_HOST.into(),
        repository: VERSIONS.into(),
        tags: vec![tag.into()],
        seed: format!("web {tag}"),
    };
    world.change(change).expect("a change");
}

#[test]
fn plan_names_the_rule_and_apply_refuses_an_image_whose_rule_chooses_another_tag() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("plan.json").display().to_string();
    let plan = |world: &Sandbox, images: &str| -> Value {
        with(world, images, &["plan", "-o", &path])
            .end()
            .expect(0, &[]);
        let text = std::fs::read_to_string(&path).expect("a plan");
        let plan = serde_json::from_str(&text).expect("JSON");
        schema::validate(&plan, "plan");
        plan
    };
    let world = world_of("extra");
    let written = plan(&world, &rule("semver: '>=1, <2'"));
    let source = &written["images"][0]["source"];
    assert_eq!(source["tag"], "1.10.0");
    assert_eq!(source["rule"]["semver"], ">=1, <2");
    assert_eq!(written["images"][0]["category"], "extra");
    // The plan alone says what to import: EXTRA_IMAGES is not needed.
    publish(&world, "2.1.0");
    let apply = || acr_sync(&world, &["apply", &path]).unset(&["IMAGES"]).end();
    apply().expect(0, &[]);
    let published = world.tag(EXTRA_HOST, VERSIONS, "1.10.0");
    assert_eq!(world.acr_tag("runwhen/web", "1.10.0"), published);
    // Now the rule chooses another tag.
    let written = plan(&world, &rule("newest: true"));
    assert_eq!(written["images"][0]["source"]["tag"], "2.1.0");
    publish(&world, "2.2.0");
    let ended = apply();
    ended.expect(4, &[]);
    let what = "was 2.1.0 in the plan, and is now: 2.2.0";
    assert!(ended.stdout.contains(what), "{}", ended.stdout);
    assert_eq!(world.acr_tag("runwhen/web", "2.1.0"), None);
    // A tag that is followed has moved.
    plan(&world, &rule("follow: latest"));
    publish(&world, "latest");
    let ended = apply();
    ended.expect(4, &[]);
    assert!(
        ended.stdout.contains("latest was sha256:"),
        "{}",
        ended.stdout
    );
    // A plan with extra images contradicts IMAGES, if that names another category.
    let ended = acr_sync(&world, &["apply", &path])
        .set("IMAGES", "runwhen-local")
        .end();
    ended.expect(2, &["which IMAGES leaves out"]);
}

#[test]
fn apply_reads_the_logins_of_the_hosts_in_the_plan() {
    let (folder, docker) = (tempfile::tempdir().expect("a folder"), docker_folder());
    let path = folder.path().join("plan.json").display().to_string();
    let docker = docker.path().display().to_string();
    let world = world_of("extra");
    let image = format!("{PRIVATE_HOST}/{PRIVATE}:5.0.0");
    let plan = with(&world, &image, &["plan", "-o", &path]).set("DOCKER_CONFIG", &docker);
    plan.end().expect(0, &[]);
    let apply = || acr_sync(&world, &["apply", &path]).unset(&["IMAGES"]);
    let advice = format!("docker login {PRIVATE_HOST}");
    let refused = apply().end();
    refused.expect(3, &[]);
    assert!(refused.stdout.contains(&advice), "{}", refused.stdout);
    let ended = apply().set("DOCKER_CONFIG", &docker).end();
    ended.expect(0, &[]);
    let published = world.tag(PRIVATE_HOST, PRIVATE, "5.0.0");
    assert_eq!(world.acr_tag("runwhen/agent", "5.0.0"), published);
}

#[test]
fn explanation_says_which_tags_match_and_why_others_do_not() {
    let world = world_of("extra");
    for (rule, parts) in [
        (
            rule("semver: '>=1, <2'"),
            &[
                "1.10.0 is the highest version within >=1, <2 of 5 in quay.io/team/web.",
                "1.10 meets the rule and is lower.",
                "2.0.0 is not a version within the range",
                "1234567 is a single number",
                "It is wanted by entry 1 of EXTRA_IMAGES.",
                "myacr.azurecr.io/runwhen/web has no tag 1.10.0.",
            ][..],
        ),
        (
            rule("newest: true"),
            &[
                "2.0.0 is the highest version of",
                "edge does not consist of numbers",
            ],
        ),
        (
            rule("matching: '^v'"),
            &[
                "v0.9.0 is the only tag that matches ^v",
                "2.0.0 does not match the pattern.",
            ],
        ),
        (
            rule("follow: latest"),
            &[
                "latest in quay.io/team/web is sha256:",
                "2.0.0 is taken: it is the highest version",
            ],
        ),
        (
            rule("tag: 1.2.0"),
            &["quay.io/team/web:1.2.0 is wanted, which is sha256:"],
        ),
    ] {
        let ended = with(&world, &rule, &["explain", "web"]).end();
        ended.expect(0, &[]);
        for part in parts {
            assert!(
                ended.stdout.contains(part),
                "{part:?} is not in:\n{}",
                ended.stdout
            );
        }
    }
    let text = format!("- {{source: {GOOGLE_EXTRA_HOST}/{DATES}, follow: current}}");
    let ended = with(&world, &text, &["explain", "probe", "--output", "json"]).end();
    let result: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(
        result["images"][0]["follows"]["moving_tag"]["tag"],
        "current"
    );
}

#[test]
fn doctor_examines_the_sources_of_extra_images() {
    let world = world_of("extra");
    let text = rule("newest: true") + &format!("- {PRIVATE_HOST}/{PRIVATE}:5.0.0\n");
    let ended = with(&world, &text, &["doctor"]).end();
    assert_ne!(ended.code, 0);
    for part in [
        "✓ extra images: EXTRA_IMAGES names 2 images",
        &format!("✓ source {EXTRA_HOST}: 1 image is published"),
        &format!("✗ source {PRIVATE_HOST}: "),
    ] {
        assert!(
            ended.stdout.contains(part),
            "{part:?} is not in:\n{}",
            ended.stdout
        );
    }
    let ended = with(&world, &rule("semver: '>=9'"), &["doctor"]).end();
    ended.expect(2, &[]);
    assert!(
        ended.stdout.contains("No version within >=9 found"),
        "{}",
        ended.stdout
    );
    let ended = acr_sync(&world, &["doctor"]).unset(&["IMAGES"]).end();
    assert!(!ended.stdout.contains("extra"), "{}", ended.stdout);
}
