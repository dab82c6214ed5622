//! The verdicts of the images of the `runwhen-local` chart, from a repository, a folder or a registry.

use std::path::Path;

use crate::SLI;
use crate::support::chart::{check_chart, verdict, world};
use crate::support::{ACR, run, status};
use sandbox::content::Digest;
use sandbox::image::ImageRecipe;
use sandbox::registry::ManifestEntry;
use sandbox::runwhen_local::{CHART_HOST, CHART_IMAGES, ChartImage, STORAGE_HOST, SUBCHART_HOST};
use sandbox::{Fault, File, Sandbox, Scenario};
use serde_json::{Value, json};

const HUB: &str = "registry-1.docker.io";

fn collector() -> &'static ChartImage {
    &CHART_IMAGES[0]
}

#[test]
fn outdated_images_are_counted_and_name_what_uses_them() {
    let world = world("outdated");
    let ended = run(SLI, &world).unset(&["IMAGES"]).end();
    assert_eq!(ended.expect(0, &[]).stdout, "8\n");
    let all = ended.json("sli.json");
    assert_eq!(all["categories"]["codecollection"]["needs_sync"], 5);
    assert_eq!(all["categories"]["runwhen_local"]["needs_sync"], 3);
    assert_eq!(all["chart"], "runwhen-local 0.6.7");
    for image in &CHART_IMAGES {
        let name = image
            .destination()
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        assert_eq!(verdict(&ended, &name), "Outdated");
    }
    let images = all["images"].as_array().expect("images");
    let runner = images
        .iter()
        .find(|image| image["destination"] == format!("{ACR}/runwhen/runner:2026-07-23.1"))
        .expect("the runner");
    assert_eq!(
        runner["wanted_by"],
        json!(["Deployment runner, container runner (runwhen-local)"])
    );
    let text = std::fs::read_to_string(ended.folder.path().join("images_to_update.json"))
        .expect("the artifact");
    let list: Value = serde_json::from_str(&text).expect("JSON");
    let entry = &list["docker.io/otel/opentelemetry-collector:0.153.0"];
    assert_eq!(
        entry["private_image"],
        format!("{ACR}/runwhen/opentelemetry-collector:0.153.0")
    );
    assert_eq!(entry["update_required"], true);
    assert_eq!(list.as_object().map(serde_json::Map::len), Some(3));
}

#[test]
fn tag_that_was_changed_later_is_as_old_as_its_image() {
    let world = world("outdated");
    world.edit(|state| {
        let repository = state
            .registries
            .get_mut(ACR)
            .expect("the registry")
            .repository(&collector().destination());
        let entry = repository
            .tags
            .get_mut(collector().older)
            .expect("the older tag");
        // Locking a tag changes this date.
        entry.updated = 1_790_000_000;
    });
    let ended = check_chart(SLI, &world).end();
    ended.expect(0, &["newer than the destination's"]);
    assert_eq!(verdict(&ended, "opentelemetry-collector"), "Outdated");
}

#[test]
fn sync_leaves_nothing_for_the_next_run() {
    let world = world("outdated");
    let ended = check_chart(SLI, &world).set("SYNC_IMAGES", "true").end();
    assert_eq!(ended.expect(0, &[]).stdout, "0\n");
    for image in &CHART_IMAGES {
        assert_eq!(
            world.acr_tag(&image.destination(), image.tag),
            world.tag(image.host, image.repository, image.tag)
        );
    }
    assert_eq!(check_chart(SLI, &world).end().expect(0, &[]).stdout, "0\n");
}

#[test]
fn empty_registry_lacks_all_three() {
    let world = world("empty");
    let ended = check_chart(SLI, &world).end();
    assert_eq!(ended.expect(0, &[]).stdout, "3\n");
    assert_eq!(verdict(&ended, "runner"), "Missing");
}

#[test]
fn absent_dependency_is_downloaded() {
    let world = world("bare-chart");
    assert_eq!(check_chart(SLI, &world).end().expect(0, &[]).stdout, "3\n");
    assert!(
        world
            .requests()
            .iter()
            .any(|request| request.host == SUBCHART_HOST)
    );
}

#[test]
fn values_and_sets_change_the_images() {
    let world = world("outdated");
    let folder = tempfile::tempdir().expect("a folder");
    let values = folder.path().join("values.yaml");
    std::fs::write(
        &values,
        "runner:\n  enabled: false\nrunwhenLocal:\n  image: {tag: 0.11.4}\n",
    )
    .expect("a file");
    let ended = check_chart(SLI, &world)
        .set("CHART_VALUES", values.display().to_string())
        .end();
    assert_eq!(ended.expect(0, &[]).stdout, "0\n");
    assert_eq!(ended.verdicts("sli.json").len(), 1);
    let ended = check_chart(SLI, &world)
        .set(
            "CHART_SET",
            "runner.enabled=false,runwhenLocal.image.tag=no-such",
        )
        .end();
    // It is the only image of the chart, so nothing is published and there is no number.
    let title = "No RunWhen Local image is published at ghcr.io/runwhen-contrib";
    let reason = "No no-such found in ghcr.io/runwhen-contrib/runwhen-local";
    assert_eq!(ended.expect(2, &[title, reason]).stdout, "");
    assert_eq!(verdict(&ended, "runwhen-local"), "NotPublished");
    assert_eq!(
        ended.json("sli.json")["needs_sync"],
        serde_json::json!(null)
    );
    let ended = check_chart(SLI, &world)
        .set("CHART_SET", "runwhenLocal.image.tag=no-such")
        .end();
    let title = "RunWhen Local image runwhen-local is not published at ghcr.io/runwhen-contrib";
    assert_eq!(ended.expect(0, &[title]).stdout, "2\n");
    // A registry denies a private repository too.
    let ended = check_chart(SLI, &world)
        .set("CHART_SET", "runwhenLocal.image.repository=no/such")
        .end();
    let reason = "the repository no/such does not exist, and may hide a private one";
    assert_eq!(ended.expect(3, &[reason, "CHART_SET"]).stdout, "");
    assert_eq!(verdict(&ended, "such"), "Unknown");
}

#[test]
fn latest_gets_a_date_tag_that_a_second_run_keeps() {
    let world = world("empty");
    let latest = || {
        check_chart(SLI, &world)
            .set(
                "CHART_SET",
                "runwhenLocal.image.tag=latest,runner.enabled=false",
            )
            .set("SYNC_IMAGES", "true")
    };
    let ended = latest().set("USE_DATE_TAG", "true").end();
    assert_eq!(ended.expect(0, &[]).stdout, "0\n");
    let tags = world.edit(|state| {
        let registry = state.registries.get_mut(ACR).expect("the ACR");
        registry
            .repository("runwhen/runwhen-local")
            .tags
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    });
    assert_eq!(tags.len(), 1);
    assert!(
        tags[0].len() == 14 && tags[0].bytes().all(|b| b.is_ascii_digit()),
        "{tags:?}"
    );
    world.clear_log();
    let ended = latest().set("USE_DATE_TAG", "true").end();
    assert_eq!(ended.expect(0, &["the same digest as"]).stdout, "0\n");
    assert!(
        !world
            .requests()
            .iter()
            .any(|request| request.path.ends_with("/importImage"))
    );
    // Without a date the tag is `latest`, which the paired codebundle would select permanently.
    let ended = latest().end();
    ended.expect(0, &["sorts above every version"]);
}

#[test]
fn implausible_dates_do_not_decide() {
    // Zero, and ten years in the future.
    for created in [0, 2_100_000_000] {
        let world = world("outdated");
        world.edit(|state| {
            let recipe = ImageRecipe::new("built at an odd time", created);
            let image = collector();
            state.publish(image.host, image.repository, &recipe, &[image.tag]);
        });
        let ended = check_chart(SLI, &world).end();
        assert_eq!(ended.expect(0, &[]).stdout, "3\n");
        assert_eq!(
            verdict(&ended, "opentelemetry-collector"),
            "Missing",
            "{created}"
        );
    }
}

#[test]
fn older_build_under_a_tag_that_the_registry_lacks_is_missing() {
    let world = world("outdated");
    world.edit(|state| {
        let recipe = ImageRecipe::new("built long ago", 1_500_000_000);
        let image = collector();
        state.publish(image.host, image.repository, &recipe, &[image.tag]);
    });
    let ended = check_chart(SLI, &world).end();
    assert_eq!(ended.expect(0, &[]).stdout, "3\n");
    assert_eq!(verdict(&ended, "opentelemetry-collector"), "Missing");
}

#[test]
fn tag_with_another_digest_has_drifted_even_if_it_was_built_later() {
    let world = world("up-to-date");
    let image = collector();
    world.edit(|state| {
        let recipe = ImageRecipe::new("another build", 1_790_000_000);
        state.publish(ACR, &image.destination(), &recipe, &[image.tag]);
    });
    let ended = check_chart(SLI, &world).end();
    assert_eq!(ended.expect(0, &[]).stdout, "1\n");
    assert_eq!(verdict(&ended, "opentelemetry-collector"), "Drifted");
}

#[test]
fn images_in_the_artifact_have_their_whole_name() {
    let world = world("outdated");
    world.inject(Fault::on("ghcr.io"), status(403, ""));
    let ended = check_chart(SLI, &world).end();
    ended.expect(3, &["ghcr.io"]);
    let text = std::fs::read_to_string(ended.folder.path().join("images_to_update.json"))
        .expect("the artifact");
    let list: Value = serde_json::from_str(&text).expect("JSON");
    let entry = &list["ghcr.io/runwhen-contrib/runwhen-local:0.11.5"];
    assert_eq!(
        entry["private_image"],
        format!("{ACR}/runwhen/runwhen-local:0.11.5")
    );
    assert_eq!(entry["update_required"], Value::Null);
    let why = list["incomplete"].as_str().expect("a text");
    assert!(
        why.contains("ghcr.io/runwhen-contrib/runwhen-local:0.11.5"),
        "{why}"
    );
}

#[test]
fn docker_hub_account_is_sent_only_to_its_realm_and_the_import() {
    let world = world("outdated");
    world.edit(|state| {
        let hub = state.registries.get_mut(HUB).expect("Docker Hub");
        let sandbox::registry::RegistryKind::Token(settings) = &mut hub.kind else {
            panic!("no token service")
        };
        settings
            .accounts
            .push(("me".to_owned(), "hub-TOKEN-word".to_owned()));
    });
    let ended = check_chart(SLI, &world)
        .set("USE_DOCKER_AUTH", "true")
        .set("DOCKER_USERNAME", "me")
        .set("DOCKER_TOKEN", "hub-TOKEN-word")
        .set("SYNC_IMAGES", "true")
        .end();
    assert_eq!(ended.expect(0, &[]).stdout, "0\n");
    for request in world.requests() {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let basic = request.request_headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("authorization") && value.starts_with("Basic ")
        });
        assert_eq!(
            basic,
            request.host == "auth.docker.io",
            "{} {}",
            request.host,
            request.path
        );
        let in_body = body.contains("hub-TOKEN-word");
        assert!(
            !in_body
                || (request.path.ends_with("/importImage")
                    && body.contains("otel/opentelemetry-collector")),
            "{}",
            request.path
        );
    }
}

#[test]
fn chart_in_a_folder_needs_no_repository() {
    let world = world("outdated");
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../sandbox/charts/opentelemetry-collector");
    let ended = check_chart(SLI, &world)
        .set("HELM_REPO_URL", folder.display().to_string())
        .end();
    assert_eq!(ended.expect(0, &[]).stdout, "1\n");
    assert!(
        !world
            .requests()
            .iter()
            .any(|request| request.host == CHART_HOST)
    );
}

/// Puts a manifest and blobs into a repository, under a tag.
pub fn put_manifest(
    world: &Sandbox,
    host: &str,
    repository: &str,
    tag: &str,
    blobs: &[&[u8]],
    manifest: &Value,
) {
    world.edit(|state| {
        let text = manifest.to_string();
        let digest = state.store.put(text.clone().into_bytes());
        let blobs: Vec<_> = blobs
            .iter()
            .map(|blob| state.store.put(blob.to_vec()))
            .collect();
        let repository = state
            .registries
            .get_mut(host)
            .expect("the registry")
            .repository(repository);
        repository.blobs.extend(blobs);
        let media_type = manifest["mediaType"]
            .as_str()
            .expect("a media type")
            .to_owned();
        let entry = ManifestEntry {
            media_type,
            uploaded: 1_780_000_000,
            created: 0,
        };
        repository.manifests.insert(digest.clone(), entry);
        repository.set_tag(tag, &digest, 1_780_000_000);
    });
}

pub fn manifest_of(config: (&str, &[u8]), layers: &[(&str, &[u8])]) -> Value {
    let descriptor = |(media_type, bytes): &(&str, &[u8])| json!({"mediaType": media_type, "digest": Digest::of(bytes).as_str(), "size": bytes.len()});
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor(&config),
        "layers": layers.iter().map(descriptor).collect::<Vec<_>>(),
    })
}

#[test]
fn chart_in_a_registry_is_read() {
    let world = world("outdated");
    let archive = world.edit(|state| {
        let archives = state
            .files
            .iter()
            .filter(|((host, _), _)| host == STORAGE_HOST);
        let bodies = archives.filter_map(|((_, path), file)| match file {
            File::Content { body, .. } if path.contains("runwhen-local") => Some(body.to_vec()),
            _ => None,
        });
        bodies.collect::<Vec<_>>().remove(0)
    });
    let config = b"{}";
    let layer = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
    let manifest = manifest_of(
        ("application/vnd.cncf.helm.config.v1+json", config),
        &[(layer, &archive)],
    );
    for tag in ["0.6.7", "0.6.6", "0.7.0-rc1"] {
        put_manifest(
            &world,
            "ghcr.io",
            "charts/runwhen-local",
            tag,
            &[config, &archive],
            &manifest,
        );
    }
    let ended = check_chart(SLI, &world)
        .set("HELM_REPO_URL", "oci://ghcr.io/charts")
        .end();
    assert_eq!(ended.expect(0, &[]).stdout, "3\n");
    assert!(
        world
            .requests()
            .iter()
            .any(|request| request.path == "/v2/charts/runwhen-local/manifests/0.6.7")
    );
    assert!(
        !world
            .requests()
            .iter()
            .any(|request| request.host == CHART_HOST)
    );
}

#[test]
fn image_without_a_config_is_judged_by_its_tag() {
    let world = world("outdated");
    let image = collector();
    let empty = manifest_of(("application/vnd.oci.empty.v1+json", b"{}"), &[]);
    put_manifest(
        &world,
        image.host,
        image.repository,
        image.tag,
        &[b"{}"],
        &empty,
    );
    let ended = check_chart(SLI, &world).end();
    assert_eq!(ended.expect(0, &[]).stdout, "3\n");
    assert_eq!(verdict(&ended, "opentelemetry-collector"), "Missing");
}

#[test]
fn image_of_runwhens_chart_that_is_also_an_extra_image_needs_its_tag() {
    const IMAGE: &str = "ghcr.io/runwhen-contrib/runwhen-local:0.11.5";
    const PLACE: &str = "runwhen/runwhen-local";
    let world = Sandbox::start(Scenario::up_to_date()).expect("a sandbox");
    world.edit(|state| {
        let acr = state.registries.get_mut(ACR).expect("the ACR");
        let tags = &mut acr.repository(PLACE).tags;
        let entry = tags.remove("0.11.5").expect("a tag");
        tags.insert("other".to_owned(), entry);
    });
    for (images, extra, number) in [
        ("runwhen-local", "", "0\n"),
        ("all", IMAGE, "1\n"),
        ("extra", IMAGE, "1\n"),
    ] {
        let check = run(SLI, &world).set("IMAGES", images);
        let ended = check.set("EXTRA_IMAGES", extra).end();
        assert_eq!(ended.expect(0, &[]).stdout, number, "{images}");
    }
}
