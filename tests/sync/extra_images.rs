//! Extra images: imported, verified and reported as the third category.

use sandbox::extra_images::{
    BRANCHES, EXTRA_HOST, PRIVATE, PRIVATE_HOST, PRIVATE_PASSWORD, PRIVATE_USER, VERSIONS,
};
use sandbox::{Sandbox, Scenario};
use serde_json::json;

use crate::TASKSET;
use crate::support::docker::{docker_folder, private_auth};
use crate::support::{Run, run};

fn world() -> Sandbox {
    let scenario = Scenario {
        import_milliseconds: 200,
        import_retry_after: 1,
        ..Scenario::named("extra").expect("a scenario")
    };
    Sandbox::start(scenario).expect("a sandbox")
}

fn sync<'a>(world: &'a Sandbox, images: &str) -> Run<'a> {
    run(TASKSET, world)
        .set("IMAGES", "extra")
        .set("EXTRA_IMAGES", images)
}

#[test]
fn chosen_tags_are_imported_by_digest_and_a_second_run_plans_nothing() {
    let world = world();
    let text = format!(
        "
- {{source: {EXTRA_HOST}/{VERSIONS}, semver: '>=1, <2', minimum: 3}}
- {{source: {EXTRA_HOST}/{VERSIONS}, follow: latest, destination: mirror/web}}
- {{source: {EXTRA_HOST}/{BRANCHES}, follow: main-latest}}
"
    );
    let ended = sync(&world, &text).end();
    ended.expect(0, &["importing 3 images"]);
    for (place, tag, source, source_tag) in [
        ("runwhen/web", "1.10.0", VERSIONS, "1.10.0"),
        ("runwhen/mirror/web", "2.0.0", VERSIONS, "latest"),
        ("runwhen/builder", "main-89abcde", BRANCHES, "main-latest"),
    ] {
        let published = world.tag(EXTRA_HOST, source, source_tag);
        assert!(published.is_some());
        assert_eq!(world.acr_tag(place, tag), published, "{place}:{tag}");
    }
    assert!(ended.stdout.contains("Extra images"), "{}", ended.stdout);
    assert_eq!(ended.json("extra_images_to_update.json"), json!([]));
    let result = ended.json("taskset.json");
    assert_eq!(result["categories"]["extra"]["counts"]["imported"], 3);
    assert_eq!(ended.json("issues.json"), json!([]));
    world.clear_log();
    let again = sync(&world, &text).end();
    again.expect(0, &[]);
    let mut paths = world.requests().into_iter().map(|request| request.path);
    assert!(!paths.any(|path| path.contains("importImage")));
    assert_eq!(again.json("taskset.json")["counts"]["up_to_date"], 3);
}

#[test]
fn azure_gets_the_login_of_a_private_source_from_dockers_file() {
    let world = world();
    let docker = docker_folder();
    let images = format!("- {{source: {PRIVATE_HOST}/{PRIVATE}, follow: latest}}");
    for (method, place) in [("import", "agent"), ("copy", "copied")] {
        let text = images.replace('}', &format!(", destination: {place}}}"));
        let ended = sync(&world, &text)
            .set("DOCKER_CONFIG", docker.path().display().to_string())
            .set("SYNC_METHOD", method)
            .end();
        ended.expect(0, &[]);
        let published = world.tag(PRIVATE_HOST, PRIVATE, "5.0.0");
        let place = format!("runwhen/{place}");
        assert_eq!(world.acr_tag(&place, "5.0.0"), published, "{method}");
        for text in [&ended.stdout, &ended.stderr, &ended.report("taskset.json")] {
            assert!(!text.contains(PRIVATE_PASSWORD) && !text.contains(&private_auth()));
        }
    }
    let requests = world.requests();
    let body = requests
        .iter()
        .find(|request| request.path.ends_with("/importImage"));
    let body = String::from_utf8_lossy(&body.expect("an import").body).into_owned();
    assert!(body.contains(PRIVATE_USER), "{body}");
}

#[test]
fn date_tag_replaces_the_tag_latest() {
    let world = world();
    let image = format!("{EXTRA_HOST}/{VERSIONS}:latest");
    let dated = || sync(&world, &image).set("USE_DATE_TAG", "true").end();
    let ended = dated();
    ended.expect(0, &[]);
    let places = ended.json("taskset.json")["images"][0]["destination"].clone();
    let tag = places
        .as_str()
        .and_then(|place| place.rsplit_once(':'))
        .expect("a tag")
        .1
        .to_owned();
    assert!(
        tag.len() == 14 && tag.bytes().all(|byte| byte.is_ascii_digit()),
        "{tag}"
    );
    assert_eq!(
        world.acr_tag("runwhen/web", &tag),
        world.tag(EXTRA_HOST, VERSIONS, "latest")
    );
    // The same content is not imported again under another date, and the note is for RunWhen's chart only.
    let again = dated();
    again.expect(0, &[]);
    assert_eq!(again.json("taskset.json")["counts"]["up_to_date"], 1);
    let without = sync(&world, &image).end();
    let issues = without.json("issues.json").to_string();
    assert!(!issues.contains("helm-update"), "{issues}");
}
