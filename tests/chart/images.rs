//! Which images a chart names, and their verdicts if two need the same tag, if one would overwrite a CodeCollection, or
//! if the registry has other tags of their repository.

use std::collections::BTreeMap;

use crate::SLI;
use crate::support::chart::{check_chart, world};
use crate::support::{ACR, Ended, ONE, Run, run};
use sandbox::image::ImageRecipe;
use sandbox::runwhen_local::{CHART_HOST, CHART_IMAGES, INDEX_PATH};
use sandbox::scenario::{GOOGLE_HOST, GOOGLE_PATH};
use sandbox::{Fault, File, ReplacedResponse, Sandbox, Scenario, catalog};
use serde_json::Value;
use tempfile::TempDir;

const HUB: &str = "registry-1.docker.io";
const LOCAL: &str = "ghcr.io/runwhen-contrib/runwhen-local:0.11.5";

/// A chart with this template.
fn chart_of(template: &str) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let metadata = "apiVersion: v2\nname: runwhen-local\nversion: 0.1.0\n";
    std::fs::create_dir(folder.path().join("templates")).expect("a folder");
    std::fs::write(folder.path().join("Chart.yaml"), metadata).expect("a file");
    std::fs::write(folder.path().join("templates/a.yaml"), template).expect("a file");
    folder
}

/// A pod with a container for each image.
fn pod_of(images: &[&str]) -> TempDir {
    let container =
        |(number, image): (usize, &&str)| format!("  - name: c{number}\n    image: {image}\n");
    let containers: String = images.iter().enumerate().map(container).collect();
    chart_of(&format!(
        "kind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n{containers}"
    ))
}

fn check_chart_in<'a>(world: &'a Sandbox, chart: &TempDir) -> Run<'a> {
    check_chart(SLI, world).set("HELM_REPO_URL", chart.path().display().to_string())
}

/// The verdicts by the full names of the images.
fn verdicts(ended: &Ended) -> BTreeMap<String, String> {
    let images = ended.json("sli.json")["images"].clone();
    let text = |image: &Value, field: &str| image[field].as_str().unwrap_or_default().to_owned();
    let images = images.as_array().expect("images").iter();
    images
        .map(|image| (text(image, "source"), text(image, "verdict")))
        .collect()
}

fn imports(world: &Sandbox) -> Vec<String> {
    let requests = world.requests().into_iter();
    requests
        .filter(|request| request.path.ends_with("/importImage"))
        .map(|request| String::from_utf8_lossy(&request.body).into_owned())
        .collect()
}

fn publish(world: &Sandbox, host: &str, repository: &str, seed: &str, created: i64, tags: &[&str]) {
    let recipe = ImageRecipe::new(seed, created);
    world.edit(|state| state.publish(host, repository, &recipe, tags));
}

/// Copies a tag of a source with its content to the ACR.
fn copy(world: &Sandbox, host: &str, repository: &str, target: &str, tag: &str) {
    world.edit(|state| {
        let source = state
            .repository(host, repository)
            .expect("a source")
            .clone();
        let digest = source.tags[tag].digest.clone();
        let repository = state.registry(ACR).expect("the ACR").repository(target);
        repository.manifests.extend(source.manifests);
        repository.blobs.extend(source.blobs);
        repository.set_tag(tag, &digest, 1_784_966_400);
    });
}

#[test]
fn two_digests_for_one_tag_conflict_whatever_the_registry_has() {
    let (one, other) = (LOCAL, "docker.io/other/runwhen-local:0.11.5");
    for present in ["nothing", "one", "other", "third"] {
        let world = world("empty");
        publish(
            &world,
            HUB,
            "other/runwhen-local",
            "other",
            1_780_000_000,
            &["0.11.5"],
        );
        let target = "runwhen/runwhen-local";
        match present {
            "one" => copy(
                &world,
                "ghcr.io",
                "runwhen-contrib/runwhen-local",
                target,
                "0.11.5",
            ),
            "other" => copy(&world, HUB, "other/runwhen-local", target, "0.11.5"),
            "third" => publish(&world, ACR, target, "third", 1_780_000_000, &["0.11.5"]),
            _ => {}
        }
        let before = world.acr_tag(target, "0.11.5");
        let chart = pod_of(&[one, other]);
        let ended = check_chart_in(&world, &chart)
            .set("SYNC_IMAGES", "true")
            .end();
        ended.expect(
            2,
            &["conflict", "runwhen/runwhen-local:0.11.5", "CHART_VALUES"],
        );
        assert_eq!(ended.stdout, "", "{present}");
        let both = [one, other].map(|name| (name.to_owned(), "Unknown".to_owned()));
        assert_eq!(verdicts(&ended), both.into(), "{present}");
        assert_eq!(imports(&world), Vec::<String>::new(), "{present}");
        assert_eq!(world.acr_tag(target, "0.11.5"), before);
    }
}

#[test]
fn one_date_tag_for_two_images_is_a_conflict() {
    let world = world("empty");
    publish(
        &world,
        HUB,
        "other/runwhen-local",
        "other",
        1_780_000_000,
        &["latest"],
    );
    let chart = pod_of(&[
        "ghcr.io/runwhen-contrib/runwhen-local",
        "other/runwhen-local",
    ]);
    let run = check_chart_in(&world, &chart).set("USE_DATE_TAG", "true");
    let ended = run.set("SYNC_IMAGES", "true").end();
    ended.expect(2, &["conflict"]);
    assert_eq!(imports(&world), Vec::<String>::new());
}

#[test]
fn rival_of_an_unreadable_source_is_not_imported() {
    let world = world("empty");
    let chart = pod_of(&[LOCAL, "registry.example/other/runwhen-local:0.11.5"]);
    let ended = check_chart_in(&world, &chart)
        .set("SYNC_IMAGES", "true")
        .end();
    ended.expect(3, &["conflict", "registry.example"]);
    assert_eq!(ended.stdout, "");
    assert_eq!(verdicts(&ended)[LOCAL], "Unknown");
    assert_eq!(imports(&world), Vec::<String>::new());
}

#[test]
fn same_content_from_two_sources_is_imported_once() {
    let world = world("empty");
    let recipe = ImageRecipe::new("both", 1_780_000_000);
    world.edit(|state| {
        for host in ["ghcr.io", HUB] {
            state.publish(host, "both/app", &recipe, &["1"]);
        }
    });
    let chart = pod_of(&["ghcr.io/both/app:1", "both/app:1"]);
    let ended = check_chart_in(&world, &chart)
        .set("SYNC_IMAGES", "true")
        .end();
    assert_eq!(ended.expect(0, &[]).stdout, "0\n");
    assert_eq!(imports(&world).len(), 1);
}

/// A sync in which the chart's image `evil` is in conflict and not imported, and the number of the imports of others.
fn reserved(world: &Sandbox, chart: &TempDir, images: &str) -> (Ended, usize) {
    let ended = check_chart_in(world, chart)
        .set("IMAGES", images)
        .set("SYNC_IMAGES", "true")
        .end();
    ended.expect(2, &["conflict", "reserved for the CodeCollection"]);
    assert_eq!(ended.stdout, "");
    let imports = imports(world);
    assert!(
        imports.iter().all(|body| !body.contains("evil")),
        "{imports:?}"
    );
    (ended, imports.len())
}

#[test]
fn chart_cannot_write_to_a_codecollection_in_any_mode() {
    let stable = Scenario::newest_tag(ONE);
    for tag in [stable.as_str(), "main-latest", "9.9"] {
        for images in ["runwhen-local", "all"] {
            let world = world("outdated");
            world
                .edit(|state| state.azure.imports.duration = std::time::Duration::from_millis(200));
            publish(
                &world,
                HUB,
                &format!("evil/{ONE}"),
                "evil",
                1_790_000_000,
                &[tag],
            );
            let chart = pod_of(&[LOCAL, &format!("evil/{ONE}:{tag}")]);
            let (ended, imported) = reserved(&world, &chart, images);
            let known = verdicts(&ended);
            assert_eq!(known[&format!("docker.io/evil/{ONE}:{tag}")], "Unknown");
            // The other images are imported.
            assert_eq!(imported, if images == "all" { 6 } else { 1 });
        }
    }
}

#[test]
fn chart_cannot_write_to_a_collection_of_the_catalog() {
    const KNOWN: &str = "rw-cli-codecollection";
    for (slug, images, is_down) in [
        (KNOWN, "all", false),
        (KNOWN, "runwhen-local", false),
        // A collection that only the list names.
        ("new-utils", "runwhen-local", false),
        // Without the list, the known collections are still reserved.
        (KNOWN, "runwhen-local", true),
    ] {
        let world = world("catalog");
        world.edit(|state| {
            state.azure.imports.duration = std::time::Duration::from_millis(200);
            let mut new = state.collection(KNOWN).expect("a collection").clone();
            new.slug = "new-utils".to_owned();
            new.refs.clear();
            state.catalog.collections.push(new);
        });
        if is_down {
            world.inject(Fault::on(catalog::HOST), ReplacedResponse::Html);
        }
        let evil = format!("evil/{slug}");
        publish(&world, HUB, &evil, "evil", 1_790_000_000, &["9.9"]);
        let chart = pod_of(&[LOCAL, &format!("{evil}:9.9")]);
        let (_, imported) = reserved(&world, &chart, images);
        assert_eq!(imported, if images == "all" { 7 } else { 1 });
    }
}

#[test]
fn chart_may_name_the_image_of_a_collection_by_the_tag_of_a_build() {
    let slug = "rw-cli-codecollection";
    let world = world("catalog");
    let build = Scenario::catalog_tag(slug);
    for (tag, code) in [(build.as_str(), 0), ("main", 2)] {
        let chart = pod_of(&[&format!("ghcr.io/runwhen-contrib/{slug}:{tag}")]);
        check_chart_in(&world, &chart).end().expect(code, &[]);
    }
}

#[test]
fn chart_may_name_the_image_of_a_codecollection_by_its_tag() {
    let world = world("outdated");
    let (stable, source) = (Scenario::newest_tag(ONE), format!("{GOOGLE_PATH}/{ONE}"));
    let named = |tag: &str| pod_of(&[&format!("{GOOGLE_HOST}/{source}:{tag}")]);
    let ended = check_chart_in(&world, &named(&stable))
        .set("SYNC_IMAGES", "true")
        .end();
    assert_eq!(ended.expect(0, &[]).stdout, "0\n");
    assert_eq!(
        world.acr_tag(&format!("runwhen/{ONE}"), &stable),
        world.tag(GOOGLE_HOST, &source, &stable)
    );
    // Only the CodeCollection moves its alias, and with a digest the tag could get any content.
    let digest = world.tag(GOOGLE_HOST, &source, &stable).expect("a digest");
    for tag in ["main-latest".to_owned(), format!("{stable}@{digest}")] {
        check_chart_in(&world, &named(&tag))
            .end()
            .expect(2, &["reserved"]);
    }
}

#[test]
fn chart_without_images_is_unknown() {
    for template in ["", "kind: ConfigMap\nmetadata: {name: a}\ndata: {a: b}\n"] {
        let world = world("up-to-date");
        let chart = chart_of(template);
        let ended = check_chart_in(&world, &chart).unset(&["IMAGES"]).end();
        ended.expect(3, &["names no images", "CHART_VALUES"]);
        assert_eq!(ended.stdout, "");
        let up_to_date = verdicts(&ended).into_values().filter(|v| v == "UpToDate");
        assert_eq!(
            up_to_date.count(),
            5,
            "the CodeCollections have their verdicts"
        );
    }
}

#[test]
fn placeholder_and_incomplete_map_are_reported() {
    let custom = |spec: &str| format!("kind: Custom\nmetadata: {{name: x}}\nspec: {spec}\n");
    let script = "kind: ConfigMap\nmetadata: {name: x}\ndata:\n  run: |\n    cat <<E\n    image: ${IMAGE}\n    E\n";
    for (template, text) in [
        (custom("{image: $(IMAGE)}"), "$(IMAGE)"),
        (custom("{image: 'ghcr.io/a/b:${TAG}'}"), "${TAG}"),
        (
            custom("{image: {repository: ghcr.io/a/b}}"),
            "{repository: ghcr.io/a/b}",
        ),
        (
            custom("{image: {repository: '${REPOSITORY}', tag: v1}}"),
            "${REPOSITORY}:v1",
        ),
        (script.to_owned(), "${IMAGE}"),
    ] {
        let world = world("up-to-date");
        // One image that is up to date does not hide it.
        let pod = format!(
            "{template}---\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: c, image: '{LOCAL}'}}]}}\n"
        );
        let ended = check_chart_in(&world, &chart_of(&pod)).end();
        ended.expect(3, &[text, "cannot be read as an image", "CHART_SET"]);
        assert_eq!(ended.stdout, "", "{text}");
        assert_eq!(verdicts(&ended)[LOCAL], "UpToDate");
    }
}

#[test]
fn map_of_repository_and_tag_is_an_image() {
    let map = "{registry: ghcr.io, repository: runwhen-contrib/runwhen-local, tag: 0.11.5}";
    let custom = format!("kind: Custom\nmetadata: {{name: x}}\nspec: {{image: {map}}}\n");
    let config_map = format!(
        "kind: ConfigMap\nmetadata: {{name: x}}\ndata:\n  values: |\n    a:\n      image: {map}\n"
    );
    for template in [custom, config_map] {
        for (scenario, number) in [("outdated", "1\n"), ("up-to-date", "0\n")] {
            let world = world(scenario);
            let ended = check_chart_in(&world, &chart_of(&template)).end();
            assert_eq!(ended.expect(0, &[]).stdout, number);
            assert!(verdicts(&ended).contains_key(LOCAL));
        }
    }
}

#[test]
fn newer_tag_does_not_hide_one_that_is_missing() {
    let world = world("empty");
    for (tag, created) in [("1.35", 1_700_000_000), ("1.36", 1_780_000_000)] {
        publish(&world, HUB, "library/busybox", tag, created, &[tag]);
    }
    world.edit(|state| {
        state.azure.imports.retry_after = 1;
        state.azure.imports.rules.push(sandbox::ImportRule {
            contains: "runwhen/busybox:1.35".to_owned(),
            result: sandbox::ImportResult::Fail(sandbox::ImportFailure::SourceRateLimited),
            duration_milliseconds: None,
            times: Some(1),
        });
    });
    let chart = pod_of(&["busybox:1.35", "busybox:1.36"]);
    let first = check_chart_in(&world, &chart)
        .set("SYNC_IMAGES", "true")
        .end();
    assert_eq!(first.expect(4, &[]).stdout, "1\n");
    let second = check_chart_in(&world, &chart).end();
    assert_eq!(second.expect(0, &[]).stdout, "1\n");
    assert_eq!(
        verdicts(&second)["docker.io/library/busybox:1.35"],
        "Missing"
    );
    let third = check_chart_in(&world, &chart)
        .set("SYNC_IMAGES", "true")
        .end();
    assert_eq!(third.expect(0, &[]).stdout, "0\n");
    assert!(world.acr_tag("runwhen/busybox", "1.35").is_some());
}

#[test]
fn latest_that_is_older_than_the_newest_tag_is_up_to_date() {
    let world = world("empty");
    publish(
        &world,
        HUB,
        "library/busybox",
        "old",
        1_700_000_000,
        &["latest"],
    );
    publish(
        &world,
        ACR,
        "runwhen/busybox",
        "new",
        1_780_000_000,
        &["20260601000000"],
    );
    let chart = pod_of(&["busybox"]);
    let ended = check_chart_in(&world, &chart)
        .set("USE_DATE_TAG", "true")
        .end();
    assert_eq!(
        ended
            .expect(0, &["not newer than the destination's"])
            .stdout,
        "0\n"
    );
}

#[test]
fn comment_between_two_versions_of_the_index_does_not_hide_the_newest() {
    for comment in ["# moved", " # moved", "\t# moved", "# moved\r"] {
        let world = world("up-to-date");
        world.edit(|state| {
            let place = (CHART_HOST.to_owned(), INDEX_PATH.to_owned());
            let Some(File::Content { body, .. }) = state.files.get_mut(&place) else {
                panic!("no index")
            };
            let text = String::from_utf8_lossy(body).into_owned();
            let older =
                "  runwhen-local:\n  - version: 0.6.6\n    urls: [https://github.com/gone.tgz]\n";
            let with_older = format!("{older}{comment}\n");
            *body = text
                .replace("  runwhen-local:\n", &with_older)
                .into_bytes()
                .into();
        });
        let ended = check_chart(SLI, &world).end();
        assert_eq!(ended.expect(0, &[]).stdout, "0\n");
        assert_eq!(ended.json("sli.json")["chart"], "runwhen-local 0.6.7");
        assert_eq!(verdicts(&ended).len(), CHART_IMAGES.len());
    }
}

#[test]
fn purged_children_are_found_with_verify_children() {
    let world = world("up-to-date");
    world.edit(|state| {
        let acr = state.registry(ACR).expect("the ACR");
        for repository in acr.repositories.values_mut() {
            repository.purge_untagged();
        }
    });
    let all = || run(SLI, &world).unset(&["IMAGES"]);
    assert_eq!(all().end().expect(0, &[]).stdout, "0\n");
    let ended = all().set("VERIFY_CHILDREN", "true").end();
    assert_eq!(ended.expect(0, &["lacks its manifest"]).stdout, "8\n");
    assert!(
        verdicts(&ended)
            .values()
            .all(|verdict| verdict == "Drifted")
    );
}
