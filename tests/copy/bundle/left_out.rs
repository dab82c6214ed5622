//! What a bundle leaves out: artifacts that cannot be read, and the blobs of earlier bundles.

use std::collections::BTreeSet;

use sandbox::content::Digest;
use sandbox::{Fault, Sandbox, Scenario};
use serde_json::Value;

use super::{Gap, HUB, REPOSITORY, tags};
use crate::start;
use crate::support::chart::with_images;
use crate::support::{ACR, Ended, ONE, status};

const TARGET: &str = "runwhen/all";

/// A plan of one image, to which artifacts refer in the list of the registry and by cosign's tags.
fn signed() -> (Sandbox, Gap) {
    let (world, gap) = (start(Scenario::copy()), Gap::new());
    world.edit(|world| world.author(HUB, REPOSITORY).examples());
    let image = format!("docker.io/{REPOSITORY}:signed");
    gap.plan(&world, |run| with_images(run, &[image]));
    (world, gap)
}

/// The artifacts of the destination that name their content in an annotation: those of the registry's list.
fn listed(world: &Sandbox) -> BTreeSet<String> {
    world.edit(|world| {
        let repository = &world.registries[ACR].repositories[TARGET];
        let manifests = repository.manifests.keys().map(|digest| {
            let body = world.store.get(digest).expect("content");
            serde_json::from_slice::<Value>(&body).expect("a manifest")
        });
        let content =
            |manifest: Value| Some(manifest["annotations"]["content"].as_str()?.to_owned());
        manifests.filter_map(content).collect()
    })
}

/// The image crosses the gap unchanged, with the tags of these artifacts of cosign.
#[track_caller]
fn assert_image_arrives(world: &Sandbox, gap: &Gap, exported: &Ended) {
    let is_whole = exported.stdout.contains("a.tar has 1 image");
    assert!(is_whole, "{}", exported.stdout);
    world.clear_faults();
    let ended = gap.importing(world, "a.tar").end();
    ended.expect(0, &["1 imported and verified"]);
    let published = world.tag(HUB, REPOSITORY, "signed");
    assert!(published.is_some());
    assert_eq!(world.tag(ACR, TARGET, "signed"), published);
    let arrived = tags(world, ACR, TARGET);
    let of_cosign = arrived.keys().filter(|tag| tag.starts_with("sha256-"));
    assert_eq!(of_cosign.count(), 3, "{arrived:?}");
}

#[test]
fn list_of_artifacts_that_cannot_be_read_is_reported_and_the_image_is_in_the_bundle() {
    let (world, gap) = signed();
    world.inject(
        Fault::on(HUB).path_contains("/referrers/"),
        status(403, "the fault says so"),
    );
    let ended = gap.exporting(&world, "a.tar").end();
    let reason = "signed: the bundle may lack artifacts of it";
    ended.expect(3, &[reason, HUB, "403"]);
    assert_image_arrives(&world, &gap, &ended);
    assert_eq!(listed(&world), BTreeSet::new());
}

#[test]
fn artifact_whose_blob_cannot_be_read_is_absent_and_the_image_is_complete() {
    let (world, gap) = signed();
    let blob = Digest::of(b"the signature");
    world.inject(
        Fault::on(HUB).path_contains(&format!("/blobs/{blob}")),
        status(403, "the fault says so"),
    );
    let ended = gap.exporting(&world, "a.tar").end();
    ended.expect(0, &["signed: an artifact is not in the bundle", HUB, "403"]);
    let notes = ended.stderr.matches("an artifact is not in the bundle");
    assert_eq!(notes.count(), 1, "{}", ended.stderr);
    assert_image_arrives(&world, &gap, &ended);
    let others = ["the SBOM", "of the SBOM", "of the child"];
    assert_eq!(listed(&world), others.map(ToOwned::to_owned).into());
}

#[test]
fn base_for_another_path_is_refused_before_anything_is_read() {
    let (world, gap) = (start(Scenario::copy()), Gap::new());
    let one = |path: &str| {
        gap.plan(&world, |run| {
            run.set("IMAGES", "codecollection")
                .set("CODECOLLECTIONS", ONE)
                .set("REGISTRY_REPOSITORY_PATH", path)
        });
    };
    one("team/other");
    gap.export(&world, "a.tar");
    one("team/mirror");
    world.clear_log();
    let run = gap.exporting(&world, "b.tar");
    let ended = run.arguments(&["--base", &gap.text("a.tar")]).end();
    let repository = format!("team/other/{ONE}, which is not below team/mirror");
    ended.expect(
        2,
        &[
            &repository,
            "REGISTRY_REPOSITORY_PATH of the plan",
            "give bundles for the same path",
        ],
    );
    assert!(!gap.path("b.tar").exists());
    assert_eq!(world.requests().len(), 0);
}
