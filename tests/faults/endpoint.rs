//! Every endpoint that the program uses: its request, the setup that uses it, and the images that it affects.

mod destinations;
mod sources;
mod transfers;

use sandbox::{Fault, Scenario};

use super::setup::Setup;

/// The body of a response, which decides the possible failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// JSON.
    Json,
    /// A manifest: JSON that is known by its digest.
    Manifest,
    /// Anything else that is known by its digest.
    Content,
    /// Text without a digest: an index of charts.
    Text,
    /// None: only headers.
    Headers,
    /// None, and a digest in the headers.
    DigestHeader,
    /// No response: only a connection.
    Connection,
}

/// The images that a failure of the endpoint may make unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Affected {
    /// One image.
    One(&'static str),
    /// The three that the chart names.
    Chart,
    /// The four that the extra chart names.
    ExtraChart,
    /// All in the second registry, and none in the first.
    Second,
    /// All.
    All,
    /// None: only whether a tag is locked, or nothing at all.
    NoImage,
}

/// When a run uses the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// During the check, by `sli` and `taskset`.
    Check,
    /// During the import, only by `taskset`.
    Import,
    /// While `taskset import` compares a bundle with the destination.
    Compare,
    /// During `taskset export`.
    Export,
}

#[derive(Clone, Copy)]
pub struct Endpoint {
    /// Title of its section on the page.
    pub name: &'static str,
    pub request: &'static str,
    pub setup: Setup,
    pub phase: Phase,
    pub body: Body,
    pub affected: Affected,
    /// The requests of the endpoint; the argument is the hexadecimal digest of stored content.
    pub place: fn(stored: &str) -> Fault,
    /// The content, if only its digest identifies the request.
    pub stored: Option<Stored>,
}

/// Content that a request names by its digest alone. Registry host and repository.
#[derive(Clone, Copy)]
pub enum Stored {
    /// The configuration of an image.
    Blob(&'static str, &'static str),
    /// The manifest of the newest build. A fault on all of a search's concurrent requests would meet any of them.
    NewestManifest(&'static str, &'static str),
    /// The configuration of the newest build, which no other image has. A copy reads and writes all blobs at once.
    NewestConfiguration(&'static str, &'static str),
    /// The first layer of the newest build, which older builds have too.
    SharedLayer(&'static str, &'static str),
}

const fn endpoint(
    name: &'static str,
    request: &'static str,
    setup: Setup,
    phase: Phase,
    body: Body,
    affected: Affected,
    place: fn(&str) -> Fault,
) -> Endpoint {
    Endpoint {
        name,
        request,
        setup,
        phase,
        body,
        affected,
        place,
        stored: None,
    }
}

const fn storage(
    name: &'static str,
    request: &'static str,
    setup: Setup,
    affected: Affected,
    (host, repository): (&'static str, &'static str),
    place: fn(&str) -> Fault,
) -> Endpoint {
    Endpoint {
        stored: Some(Stored::Blob(host, repository)),
        ..endpoint(
            name,
            request,
            setup,
            Phase::Check,
            Body::Content,
            affected,
            place,
        )
    }
}

/// A request for an image of one registry.
fn of(host: &str, method: &str, path: &str) -> Fault {
    Fault::on(host).method(method).path_contains(path)
}

fn stable(host: &str, name: &str) -> Fault {
    of(
        host,
        "HEAD",
        &format!("/{name}/manifests/{}", Scenario::newest_tag(name)),
    )
}

/// All endpoints, in the order of their use.
pub fn endpoints() -> Vec<Endpoint> {
    [
        destinations::azure(),
        sources::sources(),
        sources::catalog(),
        sources::mirror(),
        sources::extra_images(),
        sources::chart(),
        destinations::acr(),
        destinations::second_acr(),
        destinations::imports(),
        transfers::copies(),
        destinations::other_registry(),
        transfers::exports(),
        transfers::bundles(),
        transfers::bundles_with_base(),
        sources::ahead(),
    ]
    .concat()
}
