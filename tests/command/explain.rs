//! `acr-sync explain`.

use sandbox::runwhen_local::CHART_HOST;
use sandbox::{Fault, ReplacedResponse, Sandbox, Scenario};
use serde_json::Value;

use crate::support::{Ended, ONE, SOURCE, one_list};
use crate::{acr_sync, world_of};

fn source() -> String {
    format!("runwhen-nonprod-beta/public-images/{ONE}")
}

/// The explanation of an image of a category.
fn explain(world: &Sandbox, category: &str, arguments: &[&str]) -> Ended {
    let arguments = [&["explain"], arguments].concat();
    acr_sync(world, &arguments).set("IMAGES", category).end()
}

#[track_caller]
fn assert_says(ended: &Ended, code: i32, parts: &[&str]) {
    ended.expect(code, &[]);
    for part in parts {
        assert!(
            ended.stdout.contains(part),
            "{part:?} is not in:\n{}",
            ended.stdout
        );
    }
}

fn json(ended: &Ended) -> Value {
    let result: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(result["images"].as_array().map(Vec::len), Some(1));
    result["images"][0].clone()
}

#[test]
fn missing_image_has_the_whole_chain() {
    let world = world_of("outdated");
    let ended = explain(&world, "codecollection", &[ONE]);
    let stable = Scenario::newest_tag(ONE);
    assert_says(
        &ended,
        0,
        &[
            &format!("{ONE}: Missing\n"),
            &format!("main-latest in {SOURCE}/{} is sha256:", source()),
            &format!("The same index has the tag {stable}. It was uploaded 2026-10-13"),
            &format!("{stable} is the stable tag"),
            "is another image: sha256:",
            "more of the 29 tags: other builds, branches and platforms.",
            &format!("myacr.azurecr.io/runwhen/{ONE} has no tag {stable}."),
            "built 21 days earlier.",
            "So the image is missing.",
            &format!("A sync imports it as runwhen/{ONE}:{stable}."),
            "behind at least since 2026-10-13",
        ],
    );
    let digest = world.tag(SOURCE, &source(), &stable).expect("a tag");
    // The sentences have the short form, the list at the end the whole one.
    assert_eq!(ended.stdout.matches(&digest).count(), 1);
    assert!(
        world
            .requests()
            .iter()
            .all(|request| !request.path.contains("importImage"))
    );
}

#[test]
fn without_a_name_all_images_have_a_paragraph_and_no_more_requests_than_a_check() {
    let world = world_of("outdated");
    acr_sync(&world, &["check"]).end().expect(0, &[]);
    let of_check = world.requests().len();
    world.clear_log();
    let ended = explain(&world, "codecollection", &[]);
    assert_says(&ended, 0, &[ONE, "has no tag"]);
    assert_eq!(ended.stdout.matches("So the image is missing.").count(), 5);
    assert_eq!(ended.stdout.matches("\n\n").count(), 4);
    assert_eq!(world.requests().len(), of_check);
}

#[test]
fn image_in_sync_is_up_to_date() {
    let world = world_of("up-to-date");
    let ended = explain(&world, "codecollection", &[ONE]);
    let same = format!(
        "has the tag {} with the same digest.",
        Scenario::newest_tag(ONE)
    );
    assert_says(&ended, 0, &[&same, "So the image is up to date."]);
    assert!(!ended.stdout.contains("A sync imports it") && !ended.stdout.contains("behind"));
}

#[test]
fn drifted_tag_has_other_content() {
    let world = world_of("drifted");
    let ended = explain(&world, "codecollection", &[ONE, "--output", "markdown"]);
    assert_says(
        &ended,
        0,
        &[
            &format!("# {ONE}: Drifted\n"),
            &format!(
                "- myacr.azurecr.io/runwhen/{ONE} has the tag {}, but it is sha256:",
                Scenario::newest_tag(ONE)
            ),
            "- That image was built 21 days earlier.",
            "the destination has the tag with other content",
            "## Digests\n\n- `sha256:",
        ],
    );
}

#[test]
fn second_choice_and_another_index_are_named() {
    let world = world_of("outdated");
    let stable = Scenario::newest_tag(ONE);
    world.edit(|state| {
        let google = state.registries.get_mut(SOURCE).expect("Google");
        let repository = google.repository(&source());
        let entry = repository.tags.remove(&stable).expect("the stable tag");
        for tag in ["main-abc1234-def5678", "main-abc1234-fed8765"] {
            repository.set_tag(tag, &entry.digest, entry.created);
        }
    });
    let ended = explain(&world, "codecollection", &[ONE]);
    assert_says(
        &ended,
        0,
        &[
            "The same index has the tag main-abc1234-def5678.",
            "main-abc1234-def5678 is taken as the stable tag, although it does not have the form main-<commit>",
            "main-abc1234-fed8765 has the same content; of several tags the first by name is taken.",
        ],
    );
    let ended = explain(&world_of("same-children"), "codecollection", &[ONE]);
    let other = "another index with the same manifest for linux/amd64, so it is the same image.";
    assert_says(&ended, 0, &[other]);
}

#[test]
fn image_of_the_catalog_is_found_by_its_slug() {
    let world = world_of("catalog");
    let ended = acr_sync(&world, &["explain", "rw-cli-codecollection"])
        .set("CODECOLLECTION_SOURCE", "catalog")
        .set("CATALOG_POINTER", "stable")
        .end();
    assert_says(
        &ended,
        0,
        &[
            "rw-cli-codecollection: Missing",
            "The catalog names ghcr.io/runwhen-contrib/rw-cli-codecollection:",
            "as its stable image of rw-cli-codecollection.",
            "Since when the destination lacks it is not known.",
        ],
    );
}

#[test]
fn image_of_a_chart_names_its_workload_and_its_values() {
    let world = world_of("outdated");
    let ended = acr_sync(&world, &["explain", "runner:2026-06-18.2"])
        .set("IMAGES", "runwhen-local")
        .set("CHART_SET", "runner.image.tag=2026-06-18.2")
        .end();
    assert_says(
        &ended,
        0,
        &[
            "runner: UpToDate",
            "Deployment runner, container runner, of the chart runwhen-local uses it; the template is runwhen-local/templates/runner.yaml.",
            "Its repository is the value runner.image.repository, a default of the chart runwhen-local.",
            "Its tag is the value runner.image.tag, which CHART_SET sets.",
        ],
    );
    let folder = tempfile::tempdir().expect("a folder");
    let values = folder.path().join("values.yaml");
    std::fs::write(
        &values,
        "opentelemetry-collector:\n  image: {tag: 0.150.1}\n",
    )
    .expect("a file");
    let ended = acr_sync(&world, &["explain", "opentelemetry-collector"])
        .set("IMAGES", "runwhen-local")
        .set("CHART_VALUES", values.display().to_string())
        .end();
    assert_says(
        &ended,
        0,
        &[
            "of the subchart opentelemetry-collector (runwhen-local/charts/opentelemetry-collector) uses it",
            "Its repository is the value opentelemetry-collector.image.repository, a default of the chart runwhen-local/charts/opentelemetry-collector.",
            "Its tag is the value opentelemetry-collector.image.tag, which the file CHART_VALUES sets.",
        ],
    );
    let ended = explain(&world, "runwhen-local", &["runwhen-local"]);
    assert_says(
        &ended,
        0,
        &[
            "runwhen-local: Outdated",
            "Its registry is the value runwhenLocal.image.registry",
            "Its tag is the appVersion of the chart runwhen-local; no value sets it.",
            "The destination is behind the image that was built 2026-07-25",
        ],
    );
}

#[test]
fn source_that_cannot_be_read_exits_three() {
    let world = world_of("outdated");
    world.inject(one_list(), ReplacedResponse::Html);
    let ended = explain(&world, "codecollection", &[ONE]);
    assert_says(&ended, 3, &[": Unknown", "could not be read: ", "HTML"]);
    // The other images are known.
    let other = "runwhen-contrib-rw-workspace-utils";
    assert_says(
        &explain(&world, "codecollection", &[other]),
        0,
        &["is missing."],
    );
}

#[test]
fn image_that_is_not_published_says_what_to_change() {
    let world = world_of("outdated");
    let ended = acr_sync(&world, &["explain", ONE])
        .set("REF", "absent")
        .end();
    assert_says(
        &ended,
        0,
        &[
            ": NotPublished",
            "No absent-latest found in",
            "To change that: check REF",
            "So the image is not published: there is nothing to sync.",
        ],
    );
}

#[test]
fn wrong_name_exits_two_with_the_nearest_names() {
    let world = world_of("outdated");
    let ended = explain(
        &world,
        "codecollection",
        &["runwhen-contrib-rw-cli-codecolection"],
    );
    ended.expect(2, &["there is no image", &format!("did you mean {ONE}?")]);
    assert_eq!(ended.stdout, "");
    let ended = explain(&world, "runwhen-local", &["runnner"]);
    ended.expect(2, &["did you mean runner?"]);
    let ended = explain(&world, "codecollection", &["nothing-like-it"]);
    ended.expect(
        2,
        &["run acr-sync explain without a name to see all images"],
    );
}

#[test]
fn end_of_a_name_is_enough_if_only_one_image_has_it() {
    let world = world_of("outdated");
    let ended = explain(&world, "codecollection", &["cli-codecollection"]);
    assert_says(&ended, 0, &[&format!("{ONE}: Missing\n")]);
    let ended = explain(&world, "codecollection", &["codecollection"]);
    let several = "several images end with \"codecollection\": choose one of";
    ended.expect(
        2,
        &[several, ONE, "runwhen-contrib-azure-c7n-codecollection"],
    );
    assert_eq!(ended.stdout, "");
}

#[test]
fn excluded_image_is_named_as_excluded() {
    let world = world_of("outdated");
    let explain = |name: &str| {
        acr_sync(&world, &["explain", name])
            .set("IMAGES", "runwhen-local")
            .set("EXCLUDE_IMAGES", "runner, us-docker.pkg.dev/*")
            .end()
    };
    let ended = explain("runner");
    ended.expect(
        2,
        &["EXCLUDE_IMAGES excludes it (runner, us-docker.pkg.dev/*): remove that from EXCLUDE_IMAGES"],
    );
    assert!(
        !ended.stderr.contains("there is no image"),
        "{}",
        ended.stderr
    );
    explain("runwhen-local").expect(0, &[]);
}

#[test]
fn name_is_not_wrong_if_the_chart_could_not_be_read() {
    let world = world_of("outdated");
    world.inject(Fault::on(CHART_HOST), ReplacedResponse::Html);
    let ended = explain(&world, "runwhen-local", &["runner"]);
    ended.expect(
        3,
        &["some images are not known", "there is no image \"runner\""],
    );
}

#[test]
fn json_has_all_facts_with_whole_digests() {
    let world = world_of("outdated");
    let image = json(&explain(
        &world,
        "codecollection",
        &[ONE, "--output", "json"],
    ));
    let digest = world.tag(SOURCE, &source(), "main-latest");
    let moving = &image["follows"]["moving_tag"];
    assert_eq!(moving["tag"], "main-latest");
    assert_eq!(moving["digest"].as_str().map(str::to_owned), digest);
    assert_eq!(
        (&moving["choice"], &moving["same"]),
        (&"first".into(), &"digest".into())
    );
    assert_eq!(image["verdict"], "Missing");
    assert!(
        image["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("has no tag"))
    );
    assert!(image["behind_since"].is_string());
    let passed = image["passed_over"]["tags"].as_array().expect("tags");
    assert_eq!(
        (passed.len(), &passed[0]["reason"]),
        (5, &"other_content".into())
    );
    let newest = &image["destination_tags"]["newest"];
    assert!(
        newest["digest"]
            .as_str()
            .is_some_and(|text| text.len() == 71),
        "{newest}"
    );
    let digests = image["digests"].as_array().expect("digests");
    assert!(
        digests
            .iter()
            .all(|one| one.as_str().is_some_and(|text| text.len() == 71))
    );
    let chart = json(&explain(
        &world,
        "runwhen-local",
        &["runner", "--output", "json"],
    ));
    assert_eq!(chart["uses"][0]["kind"], "Deployment");
    assert_eq!(chart["uses"][0]["values"][1]["path"], "runner.image.tag");
    assert_eq!(
        chart["uses"][0]["values"][1]["origin"]["default_of"],
        "runwhen-local"
    );
}

#[test]
fn text_of_a_chart_cannot_write_to_the_terminal() {
    let world = world_of("outdated");
    let folder = tempfile::tempdir().expect("a folder");
    let templates = folder.path().join("templates");
    std::fs::create_dir(&templates).expect("a folder");
    let metadata = "apiVersion: v1\nname: runwhen-local\nversion: 1.0.0\n";
    std::fs::write(folder.path().join("Chart.yaml"), metadata).expect("a file");
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: \"a\\e[31mred<b>\"}\nspec: {containers: [{name: c, image: 'ghcr.io/runwhen-contrib/runwhen-local:0.11.4'}]}\n";
    std::fs::write(templates.join("pod.yaml"), pod).expect("a file");
    for arguments in [&["runwhen-local"][..], &[]] {
        let arguments = [&["explain"], arguments].concat();
        let ended = acr_sync(&world, &arguments)
            .set("IMAGES", "runwhen-local")
            .set("HELM_REPO_URL", folder.path().display().to_string())
            .end();
        assert_says(&ended, 0, &["Pod a", "uses it"]);
        assert!(!ended.stdout.contains('\x1b'), "{}", ended.stdout);
    }
}
