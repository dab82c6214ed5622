//! Which CodeCollections are synced: `CODECOLLECTIONS`, and a mirror with a login (`CODECOLLECTION_REGISTRY`).

use sandbox::mirror::{self, HOST as MIRROR, OWN, PATH};
use sandbox::registry::RegistryKind;
use sandbox::scenario::{CODE_COLLECTIONS, DESTINATION_PATH, GOOGLE_HOST};
use sandbox::{Login, Sandbox, Scenario};
use serde_json::Value;

use crate::TASKSET;
use crate::support::docker::{auth, write_docker_file};
use crate::support::executables::next_to;
use crate::support::{ARM, ONE, Run, run};

/// The mirror of the scenario, with this login instead of its own.
fn world(login: Login) -> Sandbox {
    let world = Sandbox::start(Scenario {
        import_milliseconds: 200,
        ..Scenario::named("mirror").expect("a scenario")
    })
    .expect("a sandbox");
    world.edit(|state| {
        let mirror = state.registries.get_mut(MIRROR).expect("the mirror");
        let RegistryKind::Oci(settings) = &mut mirror.kind else {
            panic!("not a plain registry")
        };
        settings.login = login;
    });
    world
}

/// A run that does not know the mirror.
fn sync<'a>(world: &'a Sandbox, names: &str) -> Run<'a> {
    let run = run(TASKSET, world).set("CODECOLLECTIONS", names);
    run.unset(&mirror::variables().map(|(name, _)| name))
}

/// A run with the variables of the scenario.
fn mirrored<'a>(world: &'a Sandbox, names: &str) -> Run<'a> {
    run(TASKSET, world).set("CODECOLLECTIONS", names)
}

fn without_login(run: Run<'_>) -> Run<'_> {
    run.unset(&[
        "CODECOLLECTION_REGISTRY_USERNAME",
        "CODECOLLECTION_REGISTRY_PASSWORD",
    ])
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
    let other = format!("{MIRROR}/{PATH}/{OWN}");
    let names = format!("rw-cli-codecollection, runwhen-contrib-rw-workspace-utils {other}");
    let ended = sync(&world, &names).end();
    ended.expect(0, &[]);
    let result = ended.json("taskset.json");
    let found = sources(&result);
    assert_eq!(found.len(), 3, "{found:?}");
    let tag = mirror::own_tag();
    for part in [ONE, "rw-workspace-utils", &format!("{other}:{tag}")] {
        assert!(found.iter().any(|source| source.contains(part)), "{part}");
    }
    let copied = world.acr_tag(&format!("{DESTINATION_PATH}/{OWN}"), &tag);
    assert!(copied.is_some());
    assert_eq!(copied, world.tag(MIRROR, &format!("{PATH}/{OWN}"), &tag));
}

/// The images of the mirror that are in the ACR.
fn arrived(world: &Sandbox) -> usize {
    let arrived = CODE_COLLECTIONS.iter().filter(|name| {
        let tag = Scenario::newest_tag(name);
        let published = world.tag(MIRROR, &format!("{PATH}/{name}"), &tag);
        assert!(published.is_some(), "{name} is not in the mirror");
        world.acr_tag(&format!("{DESTINATION_PATH}/{name}"), &tag) == published
    });
    arrived.count()
}

#[track_caller]
fn assert_the_published_place_was_not_contacted(world: &Sandbox) {
    let connections = world.connections();
    let mut hosts = connections.iter().map(|connection| &connection.host);
    assert!(hosts.all(|host| host != GOOGLE_HOST));
    assert!(world.requests().iter().any(|one| one.host == MIRROR));
}

/// Check, sync and check, with nothing but the variables of the scenario.
#[test]
fn scenario_of_the_mirror_is_checked_and_synced() {
    let world = world(Login::Docker);
    let sli = next_to(TASKSET, "sli");
    let check = || run(&sli, &world).end();
    let first = check();
    assert_eq!(first.expect(0, &[]).stdout, "5\n");
    let ended = run(TASKSET, &world).end();
    ended.expect(0, &["importing 5 images"]);
    assert_eq!(arrived(&world), 5);
    assert_eq!(ended.json("taskset.json")["counts"]["imported"], 5);
    let last = check();
    assert_eq!(last.expect(0, &[]).stdout, "0\n");
    assert_the_published_place_was_not_contacted(&world);
}

/// The token service refuses requests without the login, and Azure gets it for each image.
#[test]
fn mirror_is_used_with_the_login_and_the_published_place_is_never_contacted() {
    let world = world(Login::Docker);
    run(TASKSET, &world).end().expect(0, &[]);
    assert_the_published_place_was_not_contacted(&world);
    let requests = world.requests();
    let tokens = requests.iter();
    let tokens = tokens.filter(|one| one.host == MIRROR && one.path == "/token");
    let answers: Vec<_> = tokens.map(|one| (one.authorization, one.status)).collect();
    assert!(!answers.is_empty());
    let with_login = |answer: &(bool, Option<u16>)| *answer == (true, Some(200));
    assert!(answers.iter().all(with_login), "{answers:?}");
    let others = requests.iter().filter(|one| one.host != ARM);
    let knowing = others.filter(|one| one.text().contains(mirror::USER));
    assert_eq!(knowing.count(), 0, "another service got the login");
    let operations = world.edit(|state| state.azure.operations.clone());
    assert_eq!(operations.len(), 5);
    for operation in operations {
        assert_eq!(operation.source_host, MIRROR);
        let login = (mirror::USER.to_owned(), mirror::PASSWORD.to_owned());
        assert_eq!(operation.source_credentials, Some(login));
    }
}

#[test]
fn every_login_of_a_mirror_reads_imports_and_copies() {
    for login in [Login::Basic, Login::Docker, Login::OAuth2] {
        for method in ["import", "copy"] {
            let world = world(login);
            let ended = mirrored(&world, "rw-cli-codecollection")
                .set("SYNC_METHOD", method)
                .end();
            ended.expect(0, &[]);
            assert_eq!(arrived(&world), 1, "{login:?}, {method}");
            assert_the_published_place_was_not_contacted(&world);
        }
    }
}

#[test]
fn mirror_that_refuses_the_login_makes_its_images_unknown() {
    for login in [Login::Basic, Login::Docker] {
        let world = world(login);
        let anonymous = without_login(mirrored(&world, "rw-cli-codecollection")).end();
        anonymous.expect(3, &[MIRROR, "the image is private"]);
        let wrong = mirrored(&world, "rw-cli-codecollection")
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
    // The registry may hide a private repository, so the number is not known.
    ended.expect(3, &["CODECOLLECTIONS and CODECOLLECTION_REGISTRY"]);
    assert_eq!(ended.verdicts("taskset.json")["absent"], "Unknown");
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
    let login = mirrored(&world, "x").unset(&["CODECOLLECTION_REGISTRY_PASSWORD"]);
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

#[test]
fn private_collections_are_read_with_the_login_of_dockers_file() {
    let world = world(Login::Docker);
    let docker = tempfile::tempdir().expect("a folder");
    write_docker_file(docker.path(), MIRROR, &auth(mirror::USER, mirror::PASSWORD));
    let docker = docker.path().display().to_string();
    let other = format!("{MIRROR}/{PATH}/{OWN}");
    let advice = format!("docker login {MIRROR}");
    sync(&world, &other).end().expect(3, &[&advice]);
    let ended = sync(&world, &other).set("DOCKER_CONFIG", &docker).end();
    ended.expect(0, &["importing 1 image"]);
    // The same for a mirror.
    let mirror = without_login(mirrored(&world, "rw-cli-codecollection"));
    let ended = mirror.set("DOCKER_CONFIG", &docker).end();
    ended.expect(0, &["importing 1 image"]);
}

#[test]
fn mistyped_name_is_what_the_advice_is_about() {
    let world = world(Login::Docker);
    for (names, advice) in [
        (
            "rw-cli-codecolection",
            "perhaps rw-cli-codecollection is meant",
        ),
        ("nope", "RunWhen publishes azure-c7n-codecollection"),
    ] {
        let ended = sync(&world, names).end();
        ended.expect(3, &["orrect CODECOLLECTIONS", advice]);
        assert!(!ended.stderr.contains("CODECOLLECTION_SOURCE"));
    }
}
