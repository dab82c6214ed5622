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
    // Each blob of a source costs one more request to its redirect target. The check may end a request that it does not need.
    let is_counted = |status: u16| !matches!(status, 301..=308);
    let requests = world.requests();
    let statuses = requests.iter().filter_map(|request| request.status);
    let counted = statuses.filter(|status| is_counted(*status)).count();
    assert!(counted <= 560, "{counted} requests with the check");
}
