//! What a copy takes along: every kind of content, unchanged, and what refers to it.

use std::collections::BTreeSet;

use sandbox::content::Digest;
use sandbox::registry::{Referrers, Registry};
use sandbox::{Fault, File, Login, OciSettings, Sandbox, Scenario};
use serde_json::Value;

use crate::support::chart::with_images;
use crate::support::{ACR, Ended, Run, response};
use crate::{copy, start};

/// It has the referrers API.
const HUB: &str = "registry-1.docker.io";
/// It does not.
const GOOGLE: &str = "us-docker.pkg.dev";
const REPOSITORY: &str = "team/all";
const TARGET: &str = "runwhen/all";

/// A run of a chart that names every example.
fn examples<'a>(world: &'a Sandbox, source: &str, run: impl Fn(&'a Sandbox) -> Run<'a>) -> Run<'a> {
    let examples = world.edit(|world| world.author(source, REPOSITORY).examples());
    let name = if source == HUB { "docker.io" } else { source };
    let images = examples
        .iter()
        .map(|example| format!("{name}/{REPOSITORY}:{}", example.tag));
    let images: Vec<_> = images.collect();
    with_images(run(world), &images).unset(&["COPY_REFERRERS"])
}

/// Manifests and blobs of a repository.
fn content(world: &Sandbox, host: &str, repository: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    world.edit(|world| {
        let registry = world.registries.get(host).expect("a registry");
        let repository = registry.repositories.get(repository).expect("a repository");
        (
            repository
                .manifests
                .keys()
                .map(ToString::to_string)
                .collect(),
            repository.blobs.iter().map(ToString::to_string).collect(),
        )
    })
}

fn tags(world: &Sandbox, host: &str, repository: &str) -> BTreeSet<(String, String)> {
    world.edit(|world| {
        let repository = &world.registries[host].repositories[repository];
        let tags = repository.tags.iter();
        tags.map(|(tag, entry)| (tag.clone(), entry.digest.to_string()))
            .collect()
    })
}

#[track_caller]
fn assert_whole(world: &Sandbox, source: &str, destination: &str, ended: &Ended) {
    ended.expect(0, &["13 images"]);
    let of = |host, repository| {
        (
            content(world, host, repository),
            tags(world, host, repository),
        )
    };
    assert_eq!(of(destination, TARGET), of(source, REPOSITORY));
}

#[test]
fn every_kind_of_image_arrives_unchanged_with_its_signatures() {
    let world = start(Scenario::copy());
    let ended = examples(&world, HUB, copy).end();
    assert_whole(&world, HUB, ACR, &ended);
    let report = ended.json("taskset.json");
    let images = report["images"].as_array().unwrap();
    let signed = images
        .iter()
        .find(|image| image["tag"] == "signed")
        .unwrap();
    assert_eq!(
        signed["transfer"]["referrers"]["problems"],
        serde_json::json!([])
    );
    assert!(
        signed["transfer"]["referrers"]["copied"].as_u64().unwrap() >= 3,
        "{signed}"
    );
}

/// An empty JSON object, as most artifacts have one, is shorter than the text of an error or of a redirect.
#[test]
fn small_blob_arrives_after_longer_texts_of_a_refusal_and_of_a_redirect() {
    const FILES: &str = "files.example";
    let page = "x".repeat(2048);
    let location = format!("https://{FILES}/empty");
    for (answer, requests) in [
        (response(503, &[], page.clone()), 2),
        (response(307, &[("Location", &location)], page.clone()), 1),
    ] {
        let world = start(Scenario::copy());
        world.edit(|world| {
            world.author(HUB, REPOSITORY).examples();
            let content = File::Content {
                media_type: "application/octet-stream".to_owned(),
                body: b"{}".as_slice().into(),
            };
            let place = (FILES.to_owned(), "/empty".to_owned());
            world.files.insert(place, content);
        });
        let blob = format!("/blobs/{}", Digest::of(b"{}"));
        let fault = Fault::on(HUB).method("GET").path_contains(&blob);
        world.inject(fault.once(), answer);
        let image = format!("docker.io/{REPOSITORY}:no-layers");
        let ended = with_images(copy(&world), &[image]).end();
        ended.expect(0, &["1 image"]);
        let arrived = world.tag(ACR, TARGET, "no-layers");
        assert!(arrived.is_some());
        assert_eq!(arrived, world.tag(HUB, REPOSITORY, "no-layers"));
        let sent = world.requests();
        let sent = { sent.iter() }.filter(|one| one.host == HUB && one.path.ends_with(&blob));
        assert_eq!(sent.count(), requests);
    }
}

#[test]
fn destination_without_the_referrers_api_gets_the_index() {
    let world = start(Scenario::copy());
    let mut registry = Registry::oci("plain.example", OciSettings::new(Login::Anonymous));
    registry.referrers = Referrers::Missing;
    world.add_registry(registry);
    let run = |world| {
        copy(world)
            .set("REGISTRY_TYPE", "oci")
            .set("REGISTRY_NAME", "plain.example")
    };
    let ended = examples(&world, GOOGLE, run).end();
    ended.expect(0, &[]);
    let tags = tags(&world, "plain.example", TARGET);
    let indexes = tags
        .iter()
        .filter(|(tag, _)| tag.starts_with("sha256-") && tag.len() == 71);
    assert!(indexes.count() >= 1, "{tags:?}");
}

#[test]
fn signature_that_cannot_be_copied_is_reported_and_the_image_is_complete() {
    let world = start(Scenario::copy());
    let run = examples(&world, HUB, copy);
    let refused = response(
        403,
        &[],
        r#"{"errors":[{"code":"DENIED","message":"no signatures here"}]}"#,
    );
    world.inject(Fault::on(ACR).method("PUT").path_contains(".sig"), refused);
    let ended = run.end();
    ended.expect(0, &["an artifact was not copied", "no signatures here"]);
    let report = ended.json("taskset.json");
    let images = report["images"].as_array().unwrap();
    let signed = images
        .iter()
        .find(|image| image["tag"] == "signed")
        .unwrap();
    assert_eq!(signed["outcome"], "imported");
    assert!(
        signed["note"].as_str().unwrap().contains("were not copied"),
        "{signed}"
    );
}

#[test]
fn signatures_follow_an_imported_image() {
    let world = start(Scenario {
        import_milliseconds: 200,
        import_retry_after: 1,
        ..Scenario::copy()
    });
    let import = |world| copy(world).set("SYNC_METHOD", "import");
    let ended = examples(&world, HUB, import).end();
    ended.expect(0, &["imported and verified"]);
    let report = ended.json("taskset.json");
    let images = report["images"].as_array().unwrap();
    for image in images {
        let transfer = &image["transfer"];
        assert_eq!(transfer["method"], "import", "{image}");
        let copied = transfer["referrers"]["copied"].as_u64().unwrap_or_default();
        assert_eq!(copied > 0, image["tag"] == "signed", "{image}");
    }
    assert_eq!(tags(&world, ACR, TARGET), tags(&world, HUB, REPOSITORY));
}

#[test]
fn very_many_artifacts_are_not_lost_without_a_note() {
    const HOST: &str = "quay.example";
    let world = start(Scenario::copy());
    // Docker Hub's limit would be reached before.
    world.add_registry(Registry::oci(HOST, OciSettings::new(Login::Anonymous)));
    world.edit(|world| {
        let mut author = world.author(HOST, REPOSITORY);
        let image = author.image("popular");
        author.tag("popular", &image);
        for number in 0..201 {
            author.referrer(&image, "application/vnd.example.sbom", &number.to_string());
        }
    });
    let image = format!("{HOST}/{REPOSITORY}:popular");
    let ended = with_images(copy(&world), &[image])
        .unset(&["COPY_REFERRERS"])
        .end();
    ended.expect(
        0,
        &["too many signatures and other artifacts: at most 200 are read"],
    );
    let report = ended.json("taskset.json");
    let images = report["images"].as_array().unwrap();
    let popular = |image: &&Value| image["tag"] == "popular";
    let referrers = &images.iter().find(popular).unwrap()["transfer"]["referrers"];
    assert_eq!(referrers["copied"], 200);
}
