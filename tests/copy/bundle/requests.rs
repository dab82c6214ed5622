//! The exact number of requests of an export.

use sandbox::Sandbox;

/// Those of the eight images of the copy benchmark.
pub const EIGHT: Requests = Requests {
    tokens: 2,
    // The three of the chart have one tag each, the CodeCollections two: that of the branch and the stable one.
    tags: 3 + 5 * 2,
    manifests: 28,
    // Every source redirects them.
    blobs: 2 * 130,
    // The list of each image; Docker Hub has the API, and the others get a request for the tag in its place.
    lists: 8 + 7,
    // The three tags of cosign: HEAD, and GET to confirm that the tag is absent.
    cosign: 8 * 3 * 2,
};

/// The requests of an export, by what they are for.
#[derive(Debug, Default, PartialEq)]
pub struct Requests {
    tokens: usize,
    tags: usize,
    manifests: usize,
    blobs: usize,
    lists: usize,
    cosign: usize,
}

pub fn of_export(world: &Sandbox) -> Requests {
    let mut sums = Requests::default();
    for request in world.requests() {
        let path = request.path.as_str();
        let reference = path.split("/manifests/").nth(1);
        let sum = match reference {
            Some(tag) if tag.starts_with("sha256-") && tag.contains('.') => &mut sums.cosign,
            Some(tag) if tag.starts_with("sha256-") => &mut sums.lists,
            Some(_) if request.method == "HEAD" => &mut sums.tags,
            Some(_) => &mut sums.manifests,
            None if path.contains("/referrers/") => &mut sums.lists,
            None if path.ends_with("/token") => &mut sums.tokens,
            None => &mut sums.blobs,
        };
        *sum += 1;
    }
    sums
}
