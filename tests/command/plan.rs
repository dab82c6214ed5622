//! `plan` and `apply`: exactly what was reviewed is imported, and nothing that has moved since.

use std::path::PathBuf;

use sandbox::image::ImageRecipe;
use sandbox::runwhen_local::CHART_IMAGES;
use sandbox::{Sandbox, Scenario};
use serde_json::Value;

use crate::support::hostile::source_of;
use crate::support::{ACR, Ended, ONE, SOURCE, one_list, schema, status};
use crate::{acr_sync, world};

/// A folder with the plan of a sandbox.
struct Planned {
    folder: tempfile::TempDir,
    value: Value,
}

impl Planned {
    fn path(&self) -> PathBuf {
        self.folder.path().join("plan.json")
    }

    fn rewrite(&self, text: &str) {
        std::fs::write(self.path(), text).expect("a file");
    }

    fn apply(&self, world: &Sandbox) -> Ended {
        let path = self.path().display().to_string();
        acr_sync(world, &["apply", &path, "--output", "json"]).end()
    }

    /// The planned image of [`ONE`].
    fn one(&self) -> &Value {
        image_of(&self.value, "destination", ONE)
    }
}

/// The image of a JSON text in whose field this text is.
fn image_of<'a>(value: &'a Value, field: &str, text: &str) -> &'a Value {
    let images = value["images"].as_array().expect("images");
    let is_of = |image: &&Value| {
        image[field]
            .as_str()
            .is_some_and(|name| name.contains(text))
    };
    images.iter().find(is_of).expect("an image")
}

fn plan(world: &Sandbox) -> Planned {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("plan.json").display().to_string();
    let ended = acr_sync(world, &["plan", "-o", &path]).end();
    ended.expect(0, &[]);
    assert!(ended.stdout.contains("would import"), "{}", ended.stdout);
    let text = std::fs::read_to_string(&path).expect("a plan");
    assert!(!text.contains(sandbox::scenario::CLIENT_SECRET));
    let value = serde_json::from_str(&text).expect("JSON");
    Planned { folder, value }
}

/// The result of an apply for [`ONE`].
fn outcome_of_one(ended: &Ended) -> Value {
    let result: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    image_of(&result, "destination", ONE).clone()
}

fn imports(world: &Sandbox) -> usize {
    let requests = world.requests();
    let is_import = |path: &str| path.contains("importImage");
    requests
        .iter()
        .filter(|request| is_import(&request.path))
        .count()
}

#[test]
fn plan_follows_its_schema_and_says_what_each_tag_points_at() {
    let world = world();
    let path = tempfile::tempdir().expect("a folder");
    let file = path.path().join("plan.json").display().to_string();
    let run = acr_sync(&world, &["plan", "-o", &file, "--output", "json"]);
    let ended = run.unset(&["IMAGES"]).end();
    ended.expect(0, &[]);
    let text = std::fs::read_to_string(&file).expect("a plan");
    assert_eq!(ended.stdout, text);
    let plan: Value = serde_json::from_str(&text).expect("JSON");
    schema::validate(&plan, "plan");
    assert_eq!(plan["registry"], ACR);
    assert_eq!(plan["images"].as_array().map(Vec::len), Some(8));
    for image in plan["images"].as_array().expect("images") {
        assert_eq!(image["action"], "import");
        let repository = image["destination"].as_str().expect("a repository");
        for target in image["targets"].as_array().expect("targets") {
            let tag = target["tag"].as_str().expect("a tag");
            let now = world.acr_tag(repository, tag);
            assert_eq!(target["now"].as_str(), now.as_deref(), "{repository}:{tag}");
        }
    }
    assert_eq!(imports(&world), 0);
}

#[test]
fn apply_imports_what_the_plan_says_and_a_second_apply_nothing() {
    let world = world();
    let planned = plan(&world);
    let ended = planned.apply(&world);
    ended.expect(0, &[]);
    assert_eq!(imports(&world), 5);
    let target = &planned.one()["targets"][0]["tag"];
    let repository = planned.one()["destination"].as_str().expect("a repository");
    let digest = world.acr_tag(repository, target.as_str().expect("a tag"));
    assert_eq!(
        digest.as_deref(),
        planned.one()["source"]["digest"].as_str()
    );
    let ended = planned.apply(&world);
    ended.expect(0, &[]);
    assert_eq!(outcome_of_one(&ended)["verdict"], "UpToDate");
    assert_eq!(imports(&world), 5);
}

#[test]
fn image_that_moved_upstream_is_refused_with_both_digests() {
    let world = world();
    let planned = plan(&world);
    let image = world.edit(|state| {
        let recipe = ImageRecipe::new("newer build", 1_700_000_000);
        state.publish(
            SOURCE,
            &source_of(ONE),
            &recipe,
            &["main-fffffff", "main-latest"],
        )
    });
    let ended = planned.apply(&world);
    ended.expect(4, &[]);
    let one = outcome_of_one(&ended);
    let text = one["problem"].to_string();
    assert!(text.contains("in the plan, and is"), "{text}");
    assert!(text.contains(&image.digest.to_string()), "{text}");
    let before = planned.one()["source"]["digest"]
        .as_str()
        .expect("a digest");
    assert!(text.contains(before), "{text}");
    assert_eq!(imports(&world), 4);
}

#[test]
fn tag_that_moved_at_the_destination_is_refused_with_both_digests() {
    let world = world();
    let planned = plan(&world);
    let repository = planned.one()["destination"].as_str().expect("a repository");
    let tag = planned.one()["targets"][0]["tag"].as_str().expect("a tag");
    let image = world.edit(|state| {
        state.publish(
            ACR,
            repository,
            &ImageRecipe::new("of another process", 1_700_000_000),
            &[tag],
        )
    });
    let ended = planned.apply(&world);
    ended.expect(4, &[]);
    let text = outcome_of_one(&ended)["problem"].to_string();
    assert!(text.contains("absent in the plan"), "{text}");
    assert!(text.contains(&image.digest.to_string()), "{text}");
    assert_eq!(imports(&world), 4);
    assert_eq!(
        world.acr_tag(repository, tag),
        Some(image.digest.to_string())
    );
}

#[test]
fn source_that_cannot_be_read_is_unknown_and_not_imported() {
    let world = world();
    let planned = plan(&world);
    let manifests = one_list().path_contains(&format!("{ONE}/manifests/"));
    world.inject(manifests, status(503, ""));
    let ended = planned.apply(&world);
    ended.expect(3, &[]);
    assert_eq!(outcome_of_one(&ended)["verdict"], "Unknown");
    assert_eq!(imports(&world), 4);
}

#[test]
fn locked_tag_is_in_the_plan_and_is_reported_by_apply() {
    let world = world();
    let planned = plan(&world);
    let tag = planned.one()["targets"][0]["tag"].as_str().expect("a tag");
    let repository = planned.one()["destination"].as_str().expect("a repository");
    world.edit(|state| {
        state.publish(
            ACR,
            repository,
            &ImageRecipe::new("old build", 1_700_000_000),
            &[tag],
        );
    });
    world.edit(|state| {
        let repository = state.repository(ACR, repository).expect("a repository");
        repository.tags.get_mut(tag).expect("the tag").locked = true;
    });
    let planned = plan(&world);
    assert_eq!(planned.one()["action"], "blocked");
    assert!(planned.one()["problem"].to_string().contains("locked"));
    let ended = planned.apply(&world);
    ended.expect(4, &[]);
    assert_eq!(imports(&world), 4);
    let result: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(result["needs_sync"], 1);
}

#[test]
fn plan_that_cannot_be_applied_ends_with_a_reason_before_any_change() {
    let world = world();
    let planned = plan(&world);
    let text = std::fs::read_to_string(planned.path()).expect("a plan");
    let digest = planned.one()["source"]["digest"]
        .as_str()
        .expect("a digest");
    let other = "sha256:".to_owned() + &"0".repeat(64);
    for (text, reason) in [
        (
            text.replace(digest, &other),
            "was changed after it was written",
        ),
        (
            text.replace("\"import\"", "\"none\""),
            "was changed after it was written",
        ),
        (
            text.replace("\"version\": 1", "\"version\": 2"),
            "is a plan of version 2",
        ),
        (
            text.replace("\"not_known\"", "\"unknown\""),
            "was changed after it was written",
        ),
        (
            text.replace("azure-rw-acr-sync/plan", "x"),
            "not a plan of acr-sync",
        ),
        (text[..text.len() / 2].to_owned(), "not a plan of acr-sync"),
        ("[]".to_owned(), "not a plan of acr-sync"),
        (String::new(), "not a plan of acr-sync"),
    ] {
        planned.rewrite(&text);
        planned.apply(&world).expect(2, &[reason, "plan.json"]);
    }
    // White space is not an edit.
    let compact: Value = serde_json::from_str(&text).expect("JSON");
    planned.rewrite(&compact.to_string());
    let path = planned.path().display().to_string();
    let apply = || acr_sync(&world, &["apply", &path]);
    apply()
        .set("IMAGE_ARCHITECTURE", "arm64")
        .end()
        .expect(2, &["for the platform amd64"]);
    let registry = apply().set("REGISTRY_NAME", "other.azurecr.io");
    registry
        .end()
        .expect(2, &["for the registry myacr.azurecr.io"]);
    acr_sync(&world, &["apply", "/nonexistent"])
        .end()
        .expect(2, &["cannot be read"]);
    assert_eq!(imports(&world), 0);
    planned.apply(&world).expect(0, &[]);
}

#[test]
fn image_that_the_plan_does_not_know_leaves_apply_without_a_number() {
    let world = world();
    let fault = world.inject(one_list(), status(403, ""));
    assert!(fault > 0);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("plan.json").display().to_string();
    let ended = acr_sync(&world, &["plan", "-o", &path]).end();
    ended.expect(3, &[]);
    let run = acr_sync(&world, &["apply", &path]);
    let output = run.folder().display().to_string();
    let ended = run.set("OUTPUT_DIR", output).end();
    ended.expect(3, &[]);
    assert_eq!(imports(&world), 4);
    assert!(ended.stdout.contains("is not known"), "{}", ended.stdout);
    assert_eq!(ended.json("acr-sync.json")["needs_sync"], Value::Null);
    assert_eq!(ended.json("cc_images_to_update.json"), Value::Bool(false));
}

#[test]
fn image_that_was_up_to_date_and_has_moved_is_unknown() {
    let world = Sandbox::start(Scenario::up_to_date()).expect("a sandbox");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("plan.json").display().to_string();
    acr_sync(&world, &["plan", "-o", &path])
        .end()
        .expect(0, &[]);
    acr_sync(&world, &["apply", &path]).end().expect(0, &[]);
    world.edit(|state| {
        let recipe = ImageRecipe::new("newer build", 1_700_000_000);
        let tags = ["main-fffffff", "main-latest"];
        state.publish(SOURCE, &source_of(ONE), &recipe, &tags)
    });
    let ended = acr_sync(&world, &["apply", &path, "--output", "json"]).end();
    ended.expect(3, &[]);
    assert_eq!(outcome_of_one(&ended)["verdict"], "Unknown");
    assert_eq!(outcome_of_one(&ended)["problem"]["cause"], "moved");
    assert_eq!(imports(&world), 0);
}

#[test]
fn settings_that_contradict_the_plan_are_refused() {
    let world = world();
    let planned = plan(&world);
    let path = planned.path().display().to_string();
    for (variable, value, reason) in [
        ("EXCLUDE_IMAGES", ONE, "which EXCLUDE_IMAGES leaves out"),
        ("IMAGES", "runwhen-local", "which IMAGES leaves out"),
        (
            "REGISTRY_REPOSITORY_PATH",
            "other",
            "is for the path runwhen",
        ),
    ] {
        let apply = acr_sync(&world, &["apply", &path]).set(variable, value);
        apply.end().expect(2, &[reason]);
    }
    assert_eq!(imports(&world), 0);
}

#[test]
fn plan_of_a_registry_that_could_not_be_read_cannot_be_applied() {
    let world = world();
    let everything = sandbox::Fault::on("*");
    world.inject(everything, status(403, ""));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("plan.json").display().to_string();
    let plan = acr_sync(&world, &["plan", "-o", &path]).set("REGISTRY_NAME", "myacr");
    let ended = plan.end();
    assert_ne!(ended.code, 0);
    let says = "cannot be applied, because the registry could not be read";
    assert!(ended.stdout.contains(says), "{}", ended.stdout);
    world.clear_faults();
    let apply = acr_sync(&world, &["apply", &path]).set("REGISTRY_NAME", "myacr");
    apply
        .end()
        .expect(2, &["could not be read when the plan was made"]);
}

#[test]
fn plan_goes_to_stdout_and_its_reports_to_the_given_folder() {
    let world = world();
    let run = acr_sync(&world, &["plan", "-o", "-"]);
    let output = run.folder().display().to_string();
    let ended = run.set("OUTPUT_DIR", output).end();
    let plan: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    schema::validate(&plan, "plan");
    assert_eq!(ended.json("acr-sync.json")["needs_sync"], 5);
}

/// Plans and applies with these settings, then again after a change. The second apply must not claim that the image whose
/// destination has this name is up to date.
fn apply_before_and_after(
    world: &Sandbox,
    settings: &[(&str, &str)],
    (name, evidence): (&str, &str),
    change: impl FnOnce(&Sandbox),
) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("plan.json").display().to_string();
    let run = |arguments: &[&str]| {
        let mut run = acr_sync(world, arguments).unset(&["IMAGES"]);
        for (name, value) in settings {
            run = run.set(name, *value);
        }
        run.end()
    };
    run(&["plan", "-o", &path]).expect(0, &[]);
    let text = std::fs::read_to_string(&path).expect("a plan");
    let plan: Value = serde_json::from_str(&text).expect("JSON");
    let planned = image_of(&plan, "destination", name);
    assert_eq!(planned["verdict"], "UpToDate");
    assert!(planned["evidence"][evidence].is_object(), "{planned}");
    let apply = || run(&["apply", &path, "--output", "json"]);
    apply().expect(0, &[]);
    change(world);
    let ended = apply();
    ended.expect(3, &[]);
    assert_eq!(imports(world), 0);
    let result: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let image = image_of(&result, "destination", name).clone();
    assert_eq!(image["verdict"], "Unknown");
    assert_eq!(image["problem"]["cause"], "moved");
    image
}

#[test]
fn image_that_another_tag_has_is_unknown_when_that_tag_has_moved() {
    let world = Sandbox::start(Scenario::up_to_date()).expect("a sandbox");
    let image = &CHART_IMAGES[0];
    world.edit(|state| {
        let repository = state.repository(ACR, &image.destination()).expect("one");
        let tag = repository.tags.remove(image.tag).expect("the tag");
        repository.tags.insert("copy".to_owned(), tag);
    });
    let evidence = (image.destination(), "same_digest_elsewhere");
    let moved = apply_before_and_after(&world, &[], (&evidence.0, evidence.1), |world| {
        world.edit(|state| {
            let repository = state.repository(ACR, &image.destination()).expect("one");
            repository.tags.remove("copy");
        });
    });
    let text = moved["problem"].to_string();
    assert!(text.contains(":copy was sha256:"), "{text}");
    assert!(text.contains("and is absent now"), "{text}");
}

#[test]
fn image_that_dates_made_up_to_date_is_unknown_when_the_newest_tag_has_moved() {
    let world = Sandbox::start(Scenario::up_to_date()).expect("a sandbox");
    let image = &CHART_IMAGES[0];
    let publish = |host: &str, place: &str, seed: &str, created, tags: &[&str]| {
        let recipe = ImageRecipe::new(seed, created);
        world.edit(|state| state.publish(host, place, &recipe, tags));
    };
    publish(
        image.host,
        image.repository,
        "old",
        1_700_000_000,
        &["latest"],
    );
    let place = image.destination();
    world.edit(|state| {
        let repository = state.repository(ACR, &place).expect("a repository");
        repository.tags.clear();
    });
    publish(ACR, &place, "new", 1_780_000_000, &["20260601000000"]);
    let set = "opentelemetry-collector.image.tag=latest";
    let settings = [("USE_DATE_TAG", "true"), ("CHART_SET", set)];
    let moved = apply_before_and_after(&world, &settings, (&place, "not_built_after"), |_| {
        publish(
            ACR,
            &place,
            "pushed again",
            1_600_000_000,
            &["20260601000000"],
        );
    });
    let text = moved["problem"].to_string();
    assert!(text.contains("was the newest image in the plan"), "{text}");
}

#[test]
fn image_whose_manifest_was_purged_after_the_plan_is_unknown_with_verify_children() {
    let world = Sandbox::start(Scenario::up_to_date()).expect("a sandbox");
    let settings = [("VERIFY_CHILDREN", "true")];
    let moved = apply_before_and_after(&world, &settings, (ONE, "same_digest"), |world| {
        world.edit(|state| {
            let acr = state.registry(ACR).expect("the ACR");
            let repositories = acr.repositories.values_mut();
            repositories.for_each(sandbox::registry::Repository::purge_untagged);
        });
    });
    let text = moved["problem"].to_string();
    assert!(text.contains("lacks its manifest"), "{text}");
}
