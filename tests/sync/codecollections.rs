//! Which CodeCollections are synced: `CODECOLLECTIONS`, and a mirror with a login (`CODECOLLECTION_REGISTRY`).

use sandbox::image::ImageRecipe;
use sandbox::registry::Registry;
use sandbox::{Login, OciSettings, Sandbox, Scenario, scenario};
use serde_json::Value;

use crate::TASKSET;
use crate::support::{ONE, Run, run};

const MIRROR: &str = "mirror.example";
const PASSWORD: &str = "mirror-password-21";

fn world(login: Login) -> Sandbox {
    let world = Sandbox::start(Scenario {
        import_milliseconds: 200,
        ..Scenario::default()
    })
    .expect("a sandbox");
    let settings = OciSettings::new(login).with_account("reader", PASSWORD, false);
    world.add_registry(Registry::oci(MIRROR, settings));
    world.edit(|state| {
        for name in ["team-collection", ONE] {
            let tags = ["main-latest", "main-abcdef1"];
            let recipe = ImageRecipe::new(name, 1_700_000_000);
            state.publish(MIRROR, &format!("runwhen/{name}"), &recipe, &tags);
        }
    });
    world
}

fn sync<'a>(world: &'a Sandbox, names: &str) -> Run<'a> {
    run(TASKSET, world).set("CODECOLLECTIONS", names)
}

fn mirrored<'a>(world: &'a Sandbox, names: &str) -> Run<'a> {
    sync(world, names).set("CODECOLLECTION_REGISTRY", format!("{MIRROR}/runwhen"))
}

fn sources(result: &Value) -> Vec<&str> {
    let images = result["images"].as_array().expect("images");
    let source = |image: &'_ Value| image["source"].as_str().map(str::len);
    assert!(images.iter().all(|image| source(image).is_some()));
    images
        .iter()
        .filter_map(|image| image["source"].as_str())
        .collect()
}

#[test]
fn names_select_collections_with_and_without_their_prefix() {
    let world = world(Login::Anonymous);
    let other = format!("{MIRROR}/runwhen/team-collection");
    let names = format!("rw-cli-codecollection, runwhen-contrib-rw-workspace-utils {other}");
    let ended = sync(&world, &names).end();
    ended.expect(0, &[]);
    let result = ended.json("taskset.json");
    let found = sources(&result);
    assert_eq!(found.len(), 3, "{found:?}");
    for part in [ONE, "rw-workspace-utils", &format!("{other}:main-abcdef1")] {
        assert!(found.iter().any(|source| source.contains(part)), "{part}");
    }
    let copied = world.acr_tag("runwhen/team-collection", "main-abcdef1");
    assert_eq!(
        copied,
        world.tag(MIRROR, "runwhen/team-collection", "main-abcdef1")
    );
}

#[test]
fn mirror_with_a_login_is_read_and_imported_with_it() {
    for login in [Login::Basic, Login::Docker, Login::OAuth2] {
        for method in ["import", "copy"] {
            let world = world(login);
            let ended = mirrored(&world, "rw-cli-codecollection")
                .set("CODECOLLECTION_REGISTRY_USERNAME", "reader")
                .set("CODECOLLECTION_REGISTRY_PASSWORD", PASSWORD)
                .set("SYNC_METHOD", method)
                .end();
            ended.expect(0, &[]);
            let arrived = world.acr_tag(&format!("runwhen/{ONE}"), "main-abcdef1");
            let published = world.tag(MIRROR, &format!("runwhen/{ONE}"), "main-abcdef1");
            assert_eq!(arrived, published, "{login:?}, {method}");
            let requests = world.requests();
            assert!(
                requests
                    .iter()
                    .all(|request| request.host != scenario::GOOGLE_HOST)
            );
        }
    }
}

#[test]
fn mirror_that_refuses_the_login_makes_its_images_unknown() {
    for login in [Login::Basic, Login::Docker] {
        let world = world(login);
        let anonymous = mirrored(&world, "rw-cli-codecollection").end();
        anonymous.expect(3, &[MIRROR, "the image is private"]);
        let wrong = mirrored(&world, "rw-cli-codecollection")
            .set("CODECOLLECTION_REGISTRY_USERNAME", "reader")
            .set("CODECOLLECTION_REGISTRY_PASSWORD", "wrong-password-22")
            .end();
        wrong.expect(3, &[MIRROR, "CODECOLLECTION_REGISTRY_PASSWORD"]);
        assert!(!wrong.stderr.contains("DOCKER_USERNAME"), "{login:?}");
    }
}

#[test]
fn mirror_without_the_repository_names_the_settings() {
    let world = world(Login::Anonymous);
    let ended = mirrored(&world, "rw-cli-codecollection,absent").end();
    ended.expect(0, &["CODECOLLECTIONS and CODECOLLECTION_REGISTRY"]);
    assert_eq!(ended.verdicts("taskset.json")["absent"], "NotPublished");
}

#[test]
fn settings_that_cannot_be_used_are_mistakes() {
    let world = world(Login::Anonymous);
    let long = "x".repeat(71);
    for (names, reason) in [
        ("a/b", "a whole repository begins with its host"),
        (",", "at least one"),
        (
            "ghcr.io/a/x quay.io/b/x",
            "two of its repositories are called x",
        ),
        (long.as_str(), "longer than 70"),
        ("UPPER", "UPPER"),
    ] {
        sync(&world, names)
            .end()
            .expect(2, &["CODECOLLECTIONS", reason]);
    }
    let place = sync(&world, "x").set("CODECOLLECTION_REGISTRY", "mirror.example");
    place.end().expect(2, &["a host and a path"]);
    let login = mirrored(&world, "x").set("CODECOLLECTION_REGISTRY_USERNAME", "reader");
    login.end().expect(2, &["CODECOLLECTION_REGISTRY_PASSWORD"]);
    assert!(world.requests().is_empty());
}

#[test]
fn names_select_collections_of_the_catalog() {
    let world = Sandbox::start(Scenario::named("catalog").expect("a scenario")).expect("a sandbox");
    let catalog = |names: &str| sync(&world, names).set("CODECOLLECTION_SOURCE", "catalog");
    let ended = catalog("rw-cli-codecollection").end();
    ended.expect(0, &[]);
    let result = ended.json("taskset.json");
    assert_eq!(result["images"].as_array().map(Vec::len), Some(1));
    assert_eq!(result["images"][0]["slug"], "rw-cli-codecollection");
    let ended = catalog("rw-cli-codecollection rw-absent").end();
    ended.expect(
        2,
        &[
            "does not list the collection rw-absent",
            "the catalog has: ",
        ],
    );
    let ended = catalog("ghcr.io/a/x").end();
    ended.expect(2, &["names of the catalog"]);
}
