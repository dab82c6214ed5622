//! The exact numbers of requests and bytes of a copy.

use sandbox::Scenario;

use crate::{copy, start};

#[test]
fn eight_images_are_copied_with_their_unique_bytes_only() {
    let world = start(Scenario::copy());
    let ended = copy(&world).unset(&["IMAGES"]).end();
    ended.expect(0, &["importing 8 images"]);
    let traffic = world.traffic();
    let unique = 13_993_356;
    assert_eq!((traffic.uploaded, traffic.downloaded), (unique, unique));
    assert_eq!((traffic.blobs, traffic.manifests), (130, 28));
    // 72 blobs that several images share, and the first blob of the run within its own repository.
    assert_eq!((traffic.mounts, traffic.refused_mounts), (73, 129));
    // Each blob of a source costs one more request to its redirect target.
    let is_redirect = |status: Option<u16>| matches!(status, Some(301..=308));
    let requests = world.requests();
    let redirects = requests
        .iter()
        .filter(|request| is_redirect(request.status))
        .count();
    assert_eq!(traffic.requests - redirects, 557, "with the check");
}
