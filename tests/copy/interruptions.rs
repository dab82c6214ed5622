//! Copies that are interrupted, throttled or refused in the middle.

use std::time::{Duration, Instant};

use sandbox::registry::Registry;
use sandbox::{
    CopyLoad, DamagedResponse, Fault, FaultKind, Login, OciSettings, RateLimit, ReplacedResponse,
    Sandbox, Scenario, TokenLimit, UploadRules, copy_load,
};

use crate::support::chart::with_images;
use crate::support::{ACR, Run, signal};
use crate::{copy, start};

const TARGET: &str = "runwhen/layer";
const LAYER: u64 = 64 << 20;
const HARBOR: &str = "harbor.example";
/// A fault of the blob with this digest.
type MakeFault = fn(&str) -> (Fault, FaultKind);

const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// One image with a layer of 64 MB, and a strict ACR.
fn one_layer() -> Sandbox {
    let world = start(Scenario {
        load: CopyLoad::OneLayer,
        ..Scenario::copy()
    });
    edit(&world, ACR, |registry| {
        registry.uploads = UploadRules::strict_acr()
    });
    world
}

fn edit(world: &Sandbox, host: &str, change: impl FnOnce(&mut Registry)) {
    world.edit(|world| change(world.registries.get_mut(host).expect("a registry")));
}

fn run(world: &Sandbox) -> Run<'_> {
    let image = format!(
        "{}/{}:{}",
        copy_load::HOST,
        copy_load::LAYER_REPOSITORY,
        copy_load::TAG
    );
    with_images(copy(world), &[image])
}

fn to_harbor(world: &Sandbox) -> Run<'_> {
    world.add_registry(Registry::oci(HARBOR, OciSettings::new(Login::Anonymous)));
    run(world)
        .set("REGISTRY_TYPE", "oci")
        .set("REGISTRY_NAME", HARBOR)
}

/// The hexadecimal digits of the large layer. A fault names it, because no order of the blobs is certain.
fn layer_of(world: &Sandbox) -> String {
    world.edit(|world| {
        let repository =
            &world.registries[copy_load::HOST].repositories[copy_load::LAYER_REPOSITORY];
        let largest = repository
            .blobs
            .iter()
            .max_by_key(|blob| world.store.size(blob));
        largest.expect("a layer").hex().to_owned()
    })
}

/// A fault of the large layer's content, which the source's own host delivers after a redirect.
fn download_of_the_layer(world: &Sandbox) -> Fault {
    Fault::on(copy_load::HOST)
        .method("GET")
        .path_contains(&format!("/downloads/{}", layer_of(world)))
}

#[track_caller]
fn assert_equal(world: &Sandbox, host: &str) {
    let source = world.tag(copy_load::HOST, copy_load::LAYER_REPOSITORY, copy_load::TAG);
    assert!(source.is_some());
    assert_eq!(world.tag(host, TARGET, copy_load::TAG), source);
}

#[test]
fn large_layer_goes_to_a_strict_acr_in_chunks_and_no_byte_twice() {
    let world = one_layer();
    run(&world).end().expect(0, &["copied and verified"]);
    assert_equal(&world, ACR);
    let traffic = world.traffic();
    let config = traffic.uploaded - LAYER;
    assert!(config < 2_000, "{traffic:?}");
    let requests = world.requests();
    // A small blob may be requested again, for example after a broken connection. The layer may not.
    let (least, most) = (traffic.uploaded, LAYER + 2_000);
    assert!((least..most).contains(&traffic.downloaded), "{requests:#?}");
    let chunks: Vec<_> = requests
        .iter()
        .filter(|request| request.method == "PATCH")
        .collect();
    assert_eq!(chunks.len(), 8);
    assert!(chunks.iter().all(|chunk| chunk.body_in == 8 << 20));
}

/// A download breaks, and the image arrives.
fn continues_a_broken_download(world: &Sandbox) {
    world.inject(
        download_of_the_layer(world).once(),
        DamagedResponse::ResetAfter { bytes: 5_000_000 },
    );
    run(world)
        .end()
        .expect(0, &["continuing the download at byte"]);
    assert_equal(world, ACR);
}

#[test]
fn broken_download_continues_where_it_broke() {
    let world = one_layer();
    continues_a_broken_download(&world);
    let traffic = world.traffic();
    assert!(traffic.uploaded < LAYER + 2_000, "{traffic:?}");
    let requests = world.requests();
    let continued = requests
        .iter()
        .filter(|request| request.status == Some(206));
    assert_eq!(continued.count(), 1);
}

#[test]
fn broken_download_continues_from_a_source_without_ranges() {
    let world = one_layer();
    edit(&world, copy_load::HOST, |registry| registry.ranges = false);
    continues_a_broken_download(&world);
    assert!(world.traffic().uploaded < LAYER + 2_000);
}

#[test]
fn broken_upload_begins_again_where_the_registry_forgot_it() {
    let world = one_layer();
    let chunk = Fault::on(ACR)
        .method("PATCH")
        .path_contains("/blobs/uploads/");
    world.inject(
        chunk.after(2).once(),
        DamagedResponse::UploadReset { bytes: 1_000_000 },
    );
    run(&world)
        .end()
        .expect(0, &["beginning the upload of", "again"]);
    assert_equal(&world, ACR);
}

#[test]
fn broken_upload_continues_where_the_registry_knows_it() {
    let world = one_layer();
    let run = to_harbor(&world);
    let upload = Fault::on(HARBOR)
        .method("PUT")
        .path_contains(&layer_of(&world));
    world.inject(
        upload.once(),
        DamagedResponse::UploadReset { bytes: 30_000_000 },
    );
    run.end().expect(0, &["continuing the upload of"]);
    assert_equal(&world, HARBOR);
    let traffic = world.traffic();
    assert!(traffic.uploaded < LAYER + 2_000_000, "{traffic:?}");
}

#[test]
fn tokens_that_end_in_the_middle_are_renewed() {
    let world = one_layer();
    edit(&world, ACR, |registry| {
        registry.token_limit = Some(TokenLimit::new(3))
    });
    run(&world).end().expect(0, &["copied and verified"]);
    assert_equal(&world, ACR);
    let traffic = world.traffic();
    assert!(traffic.uploaded < LAYER + 20 * (8 << 20), "{traffic:?}");
}

#[test]
fn throttled_registry_gets_fewer_requests_and_everything_arrives() {
    let world = start(Scenario::copy());
    edit(&world, ACR, |registry| {
        registry.rate_limit = Some(RateLimit::new(60, Duration::from_secs(1)));
    });
    let ended = copy(&world).end();
    ended.expect(0, &["copied and verified"]);
    assert!(
        world
            .requests()
            .iter()
            .any(|request| request.status == Some(429))
    );
}

#[test]
fn killed_copy_is_completed_by_the_next_run_without_sending_a_byte_twice() {
    let world = start(Scenario::copy());
    // After 40 blobs the registry goes silent, so that the copy cannot end before it is killed.
    let upload = Fault::on(ACR)
        .method("PUT")
        .path_contains("/blobs/uploads/");
    world.inject(upload.after(40), ReplacedResponse::Stall);
    let first = copy(&world);
    let child = first.spawn();
    let started = Instant::now();
    while stored(&world).len() < 40 && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(&child, "KILL");
    let ended = first.wait(child, started);
    assert_eq!(ended.code, 137);
    let had = stored(&world);
    assert!(had.len() >= 40, "{} blobs arrived", had.len());
    world.clear_faults();
    world.clear_log();
    copy(&world).end().expect(0, &["copied and verified"]);
    let sent = world.requests().into_iter().filter(|request| {
        request.method == "PUT"
            && request.path.contains("/blobs/uploads/")
            && request.status == Some(201)
    });
    for request in sent {
        let digest = request.query.rsplit("digest=").next().unwrap_or_default();
        let digest = digest.replace("%3A", ":");
        assert!(
            !had.contains(&digest),
            "{digest} was sent although the registry has it"
        );
    }
}

/// The blobs of the ACR.
fn stored(world: &Sandbox) -> std::collections::BTreeSet<String> {
    world.edit(|world| {
        let repositories = world.registries[ACR].repositories.values();
        let blobs = repositories.flat_map(|repository| &repository.blobs);
        blobs.map(ToString::to_string).collect()
    })
}

#[test]
fn deadline_leaves_no_tag_and_says_that_a_new_run_continues() {
    let world = one_layer();
    let chunk = Fault::on(ACR)
        .method("PATCH")
        .path_contains("/blobs/uploads/");
    world.inject(
        chunk.after(3),
        DamagedResponse::UploadStall { bytes: 1_000_000 },
    );
    let ended = run(&world).set("TIMEOUT_SECONDS", "4").end();
    ended.expect(4, &["copy failed", "the deadline of the run"]);
    assert_eq!(world.tag(ACR, TARGET, copy_load::TAG), None);
    world.clear_faults();
    run(&world).end().expect(0, &[]);
    assert_equal(&world, ACR);
}

#[test]
fn damaged_blob_is_never_complete_at_the_destination() {
    let world = one_layer();
    world.inject(download_of_the_layer(&world), DamagedResponse::WrongDigest);
    run(&world).end().expect(4, &["do not match their digest"]);
    assert_eq!(world.tag(ACR, TARGET, copy_load::TAG), None);
    let layers = stored(&world);
    assert!(layers.len() <= 1, "{layers:?}");
}

/// Adds two images that share a layer, and returns its digest.
fn share_a_layer(world: &Sandbox) -> String {
    let layer = vec![7; 1_000_000];
    let [digest, _] = ["a", "b"].map(|name| {
        world.edit(|world| {
            let mut author = world.author(copy_load::HOST, &format!("team/{name}"));
            let shared = author.blob(LAYER_TYPE, layer.clone());
            let image = author.image_of(name, std::slice::from_ref(&shared));
            author.tag(copy_load::TAG, &image);
            shared["digest"].as_str().expect("a digest").to_owned()
        })
    });
    digest
}

#[test]
fn download_that_stalls_continues() {
    let world = start(Scenario::copy());
    let digest = share_a_layer(&world);
    let hex = digest.trim_start_matches("sha256:");
    let blob = Fault::on(copy_load::HOST).path_contains(hex).after(1);
    world.inject(blob.once(), DamagedResponse::StallAfter { bytes: 100_000 });
    let image = format!("{}/team/a:1.0", copy_load::HOST);
    let ended = with_images(copy(&world), &[image]).end();
    ended.expect(0, &["continuing the download at byte", "no progress"]);
    let traffic = world.traffic();
    assert!(traffic.uploaded < 1_001_000, "{traffic:?}");
}

#[test]
fn upload_that_stalls_begins_again() {
    let world = start(Scenario::copy());
    let digest = share_a_layer(&world);
    let hex = digest.trim_start_matches("sha256:");
    let blob = Fault::on(ACR).method("PUT").path_contains(hex);
    world.inject(blob.once(), DamagedResponse::UploadStall { bytes: 100 });
    let image = format!("{}/team/a:1.0", copy_load::HOST);
    let ended = with_images(copy(&world), &[image]).end();
    ended.expect(0, &["beginning the upload of", "no progress"]);
}

/// `a` is the first by its target, so it brings the blob that both images have.
#[test]
fn blob_that_stalls_at_one_source_does_not_stop_the_other_image() {
    let faults: [MakeFault; 2] = [
        |digest| {
            let path = format!("/team/a/blobs/{digest}");
            let fault = Fault::on(copy_load::HOST).path_contains(&path);
            (fault, ReplacedResponse::Stall.into())
        },
        |digest| {
            let hex = digest.trim_start_matches("sha256:");
            // The first request is redirected to the storage.
            let fault = Fault::on(copy_load::HOST).path_contains(hex).after(1);
            let kind = DamagedResponse::StallAfter { bytes: 100_000 };
            (fault.once(), kind.into())
        },
    ];
    for fault in faults {
        let world = start(Scenario::copy());
        let shared = share_a_layer(&world);
        let (fault, kind) = fault(&shared);
        world.inject(fault, kind);
        let images = ["a", "b"].map(|name| format!("{}/team/{name}:1.0", copy_load::HOST));
        let run = with_images(copy(&world), &images).set("TIMEOUT_SECONDS", "28");
        // The first image mounts the blob that the second one brought.
        run.end().expect(0, &["copied and verified"]);
        for name in ["a", "b"] {
            let source = world.tag(copy_load::HOST, &format!("team/{name}"), copy_load::TAG);
            assert!(source.is_some());
            let target = world.tag(ACR, &format!("runwhen/{name}"), copy_load::TAG);
            assert_eq!(target, source);
        }
    }
}
