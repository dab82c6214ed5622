//! Every endpoint that the program uses: its request, the setup that uses it, and the images that it affects.

use sandbox::extra_images::{BRANCHES, DATES, EXTRA_HOST, GOOGLE_EXTRA_HOST, VERSIONS};
use sandbox::scenario::TENANT_ID;
use sandbox::{Fault, Scenario, extra_chart};

use super::setup::{
    CATALOG_CURRENT, CATALOG_MISSING, COLLECTOR, CURRENT, DRIFTED, EXTRA_CURRENT, EXTRA_DATE,
    EXTRA_MISSING, LOCAL, MISSING, RUNNER, SECOND_ACR, SECOND_CURRENT, Setup, UNPUBLISHED,
};
use super::support::{ACR, ARM, ENTRA, SOURCE};

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
    /// The configuration of the newest build, which no other image has. A copy reads all blobs at once.
    NewestConfiguration(&'static str, &'static str),
}

use Affected::{All, Chart, NoImage, One, Second};
use Body::{Connection, Content, DigestHeader, Headers, Json, Manifest, Text};
use Phase::{Check, Compare, Export, Import};

const CATALOG: &str = sandbox::catalog::HOST;
const HUB: &str = "registry-1.docker.io";
const GOOGLE: &str = "us-docker.pkg.dev";
const HUB_REPOSITORY: &str = "otel/opentelemetry-collector";
const RUNNER_SOURCE: &str = "runwhen-nonprod-shared/public-images/runner";
const RUNNER_TARGET: &str = "runwhen/runner";

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
        ..endpoint(name, request, setup, Check, Content, affected, place)
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
        azure(),
        sources(),
        catalog(),
        extra_images(),
        chart(),
        acr(),
        second_acr(),
        imports(),
        copies(),
        exports(),
        bundles(),
        ahead(),
    ]
    .concat()
}

#[rustfmt::skip] // a table
fn azure() -> Vec<Endpoint> {
    use Setup::{AnySubscription, CodeCollections, ManagedIdentity, ShortName};
    vec![
        endpoint("Entra: the token for the ACR", "POST login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
            CodeCollections, Check, Json, All, |_| of(ENTRA, "POST", TENANT_ID)),
        endpoint("The machine's managed identity", "GET {IDENTITY_ENDPOINT}",
            ManagedIdentity, Check, Json, All, |_| of("*", "GET", "/msi/token")),
        endpoint("ACR: the refresh token", "POST /oauth2/exchange",
            CodeCollections, Check, Json, All, |_| of(ACR, "POST", "/oauth2/exchange")),
        endpoint("ACR: the access token", "POST /oauth2/token",
            CodeCollections, Check, Json, All, |_| of(ACR, "POST", "/oauth2/token")),
        endpoint("Resource Manager: subscriptions", "GET /subscriptions",
            AnySubscription, Check, Json, All, |_| of(ARM, "GET", "/subscriptions?")),
        endpoint("Resource Manager: registries, for the login server", "GET /subscriptions/{id}/providers/…/registries",
            ShortName, Check, Json, All, |_| of(ARM, "GET", "/registries?")),
    ]
}

#[rustfmt::skip] // a table
fn sources() -> Vec<Endpoint> {
    use Setup::{All as Everything, CodeCollections, PagedList, PlainList, SameChildren};
    vec![
        endpoint("Source: tags of an image that is missing", "GET /v2/{name}/tags/list (Google's extended)",
            CodeCollections, Check, Json, One(MISSING), |_| of(SOURCE, "GET", &format!("{MISSING}/tags/list"))),
        endpoint("Source: tags of an image that is up to date", "GET /v2/{name}/tags/list (Google's extended)",
            CodeCollections, Check, Json, One(CURRENT), |_| of(SOURCE, "GET", &format!("{CURRENT}/tags/list"))),
        endpoint("Source: a plain list of tags", "GET /v2/{name}/tags/list",
            PlainList, Check, Json, One(CURRENT), |_| of(SOURCE, "GET", &format!("{CURRENT}/tags/list"))),
        endpoint("Source: the next page of tags", "GET /v2/{name}/tags/list?last=…",
            PagedList, Check, Json, One(CURRENT), |_| of(SOURCE, "GET", &format!("{CURRENT}/tags/list?last="))),
        endpoint("Source: the manifest of main-latest", "GET /v2/{name}/manifests/main-latest",
            PlainList, Check, Manifest, One(CURRENT), |_| of(SOURCE, "GET", &format!("{CURRENT}/manifests/main-latest"))),
        endpoint("Source: the digest of a candidate", "HEAD /v2/{name}/manifests/main-{commit}",
            PlainList, Check, DigestHeader, One(CURRENT), |_| stable(SOURCE, CURRENT)),
        Endpoint {
            stored: Some(Stored::NewestManifest(SOURCE, CURRENT)),
            ..endpoint("Source: the manifest of a candidate", "GET /v2/{name}/manifests/{digest}",
                SameChildren, Check, Manifest, One(CURRENT), |hex| of(SOURCE, "GET", hex))
        },
        endpoint("Source: main-latest where the list lacks it", "HEAD /v2/{name}/manifests/main-latest",
            CodeCollections, Check, DigestHeader, One(UNPUBLISHED),
            |_| of(SOURCE, "HEAD", &format!("{UNPUBLISHED}/manifests/main-latest"))),
        endpoint("Source: the confirmation that main-latest is absent", "GET /v2/{name}/manifests/main-latest",
            CodeCollections, Check, Json, One(UNPUBLISHED),
            |_| of(SOURCE, "GET", &format!("{UNPUBLISHED}/manifests/main-latest"))),
        endpoint("ghcr.io: the token", "GET /token",
            Everything, Check, Json, One(LOCAL), |_| of("ghcr.io", "GET", "/token")),
        endpoint("ghcr.io: an image's digest", "HEAD /v2/{name}/manifests/{tag}",
            Everything, Check, DigestHeader, One(LOCAL), |_| of("ghcr.io", "HEAD", "/runwhen-local/manifests/")),
        endpoint("Docker Hub: the token", "GET auth.docker.io/token",
            Everything, Check, Json, One(COLLECTOR), |_| of("auth.docker.io", "GET", "/token")),
        endpoint("Docker Hub: an image's digest", "HEAD /v2/{name}/manifests/{tag}",
            Everything, Check, DigestHeader, One(COLLECTOR), |_| of(HUB, "HEAD", HUB_REPOSITORY)),
        storage("Docker Hub: where blobs are", "GET production.cloudflare.docker.com/…",
            Everything, One(COLLECTOR), (HUB, HUB_REPOSITORY), |hex| of("production.cloudflare.docker.com", "GET", hex)),
        endpoint("Google: an image's digest", "HEAD /v2/{name}/manifests/{tag}",
            Everything, Check, DigestHeader, One(RUNNER), |_| of(GOOGLE, "HEAD", RUNNER_SOURCE)),
        endpoint("Source: the index, for its date", "GET /v2/{name}/manifests/{digest}",
            Everything, Check, Manifest, One(RUNNER), |_| of(GOOGLE, "GET", &format!("{RUNNER_SOURCE}/manifests/"))),
        endpoint("Source: the platform's manifest, for its date", "GET /v2/{name}/manifests/{digest}",
            Everything, Check, Manifest, One(RUNNER),
            |_| of(GOOGLE, "GET", &format!("{RUNNER_SOURCE}/manifests/")).after(1)),
        endpoint("Source: the configuration, for its date", "GET /v2/{name}/blobs/{digest} → redirect",
            Everything, Check, Headers, One(RUNNER), |_| of(GOOGLE, "GET", &format!("{RUNNER_SOURCE}/blobs/"))),
        endpoint("Google: where blobs are", "GET /artifacts-downloads/…",
            Everything, Check, Content, One(RUNNER), |_| of(GOOGLE, "GET", "/artifacts-downloads/")),
    ]
}

#[rustfmt::skip] // a table
fn catalog() -> Vec<Endpoint> {
    use Setup::Catalog;
    vec![
        endpoint("Catalog: the list", "GET registry.runwhen.com/api/v1/catalog/codecollections",
            Catalog, Check, Json, All, |_| of(CATALOG, "GET", "/codecollections?")),
        endpoint("Catalog: the image of a collection that is missing", "GET …/codecollections/{slug}/resolve",
            Catalog, Check, Json, One(CATALOG_MISSING), |_| of(CATALOG, "GET", &format!("/{CATALOG_MISSING}/resolve"))),
        endpoint("Catalog: the image of a collection that is up to date", "GET …/codecollections/{slug}/resolve",
            Catalog, Check, Json, One(CATALOG_CURRENT), |_| of(CATALOG, "GET", &format!("/{CATALOG_CURRENT}/resolve"))),
        endpoint("Catalog: the refs of a collection that lacks the wanted one", "GET …/codecollections/{slug}/refs",
            Catalog, Check, Json, NoImage, |_| of(CATALOG, "GET", "/refs?")),
        endpoint("ghcr.io: the digest of a collection that is up to date", "HEAD /v2/{name}/manifests/{tag}",
            Catalog, Check, DigestHeader, One(CATALOG_CURRENT),
            |_| of("ghcr.io", "HEAD", &format!("/{CATALOG_CURRENT}/manifests/"))),
        endpoint("ghcr.io: the digest of a collection that is missing, before it is counted", "HEAD /v2/{name}/manifests/{digest}",
            Catalog, Check, DigestHeader, One(CATALOG_MISSING),
            |_| of("ghcr.io", "HEAD", &format!("/{CATALOG_MISSING}/manifests/sha256:"))),
    ]
}

#[rustfmt::skip] // a table
fn extra_images() -> Vec<Endpoint> {
    use Setup::ExtraImages;
    vec![
        endpoint("Extra images: the token for one of them", "GET quay.io/v2/auth",
            ExtraImages, Check, Json, One(EXTRA_CURRENT), |_| of(EXTRA_HOST, "GET", "team%2Fweb")),
        endpoint("Extra images: the tags that a rule chooses from", "GET /v2/{name}/tags/list",
            ExtraImages, Check, Json, One(EXTRA_CURRENT), |_| of(EXTRA_HOST, "GET", &format!("{VERSIONS}/tags/list"))),
        endpoint("Extra images: the same at Google", "GET /v2/{name}/tags/list (Google's extended)",
            ExtraImages, Check, Json, One(EXTRA_DATE), |_| of(GOOGLE_EXTRA_HOST, "GET", &format!("{DATES}/tags/list"))),
        endpoint("Extra images: the digest of the chosen tag", "HEAD /v2/{name}/manifests/{tag}",
            ExtraImages, Check, DigestHeader, One(EXTRA_CURRENT),
            |_| of(EXTRA_HOST, "HEAD", &format!("{VERSIONS}/manifests/1.10.0"))),
        endpoint("Extra images: the tags next to one that is followed", "GET /v2/{name}/tags/list",
            ExtraImages, Check, Json, One(EXTRA_MISSING), |_| of(EXTRA_HOST, "GET", &format!("{BRANCHES}/tags/list"))),
        endpoint("Extra images: the manifest of the tag that is followed", "GET /v2/{name}/manifests/{tag}",
            ExtraImages, Check, Manifest, One(EXTRA_MISSING),
            |_| of(EXTRA_HOST, "GET", &format!("{BRANCHES}/manifests/main-latest"))),
        endpoint("Extra images: the digest of a candidate", "HEAD /v2/{name}/manifests/main-{commit}",
            ExtraImages, Check, DigestHeader, One(EXTRA_MISSING),
            |_| of(EXTRA_HOST, "HEAD", &format!("{BRANCHES}/manifests/main-89abcde"))),
    ]
}

#[rustfmt::skip] // a table
fn chart() -> Vec<Endpoint> {
    use Setup::{All as Everything, BareChart, ChartInRegistry, ExtraChart};
    const CHARTS: &str = "charts/runwhen-local";
    vec![
        endpoint("Chart repository: the index", "GET runwhen-contrib.github.io/…/index.yaml",
            Everything, Check, Text, Chart, |_| of("runwhen-contrib.github.io", "GET", "/index.yaml")),
        endpoint("Chart repository: the archive's address", "GET github.com/….tgz → redirect",
            Everything, Check, Headers, Chart, |_| of("github.com", "GET", "/runwhen-local-")),
        endpoint("Chart repository: the archive", "GET release-assets.githubusercontent.com/…",
            Everything, Check, Content, Chart, |_| of("release-assets.githubusercontent.com", "GET", "/runwhen-local-")),
        endpoint("A dependency's repository: the index", "GET open-telemetry.github.io/…/index.yaml",
            BareChart, Check, Text, Chart, |_| of("open-telemetry.github.io", "GET", "/index.yaml")),
        endpoint("A dependency's repository: the archive", "GET release-assets.githubusercontent.com/…",
            BareChart, Check, Content, Chart,
            |_| of("release-assets.githubusercontent.com", "GET", "/opentelemetry-collector-")),
        endpoint("A chart in a registry: its tags", "GET /v2/{name}/tags/list",
            ChartInRegistry, Check, Json, Chart, |_| of("ghcr.io", "GET", &format!("{CHARTS}/tags/list"))),
        endpoint("A chart in a registry: its manifest", "GET /v2/{name}/manifests/{tag}",
            ChartInRegistry, Check, Manifest, Chart, |_| of("ghcr.io", "GET", &format!("{CHARTS}/manifests/"))),
        endpoint("A chart in a registry: its layer", "GET /v2/{name}/blobs/{digest} → redirect",
            ChartInRegistry, Check, Headers, Chart, |_| of("ghcr.io", "GET", &format!("{CHARTS}/blobs/"))),
        endpoint("An extra chart's repository: the index", "GET charts.example/…/index.yaml",
            ExtraChart, Check, Text, Affected::ExtraChart, |_| of(extra_chart::HOST, "GET", extra_chart::INDEX_PATH)),
        endpoint("An extra chart's repository: the archive", "GET charts.example/….tgz",
            ExtraChart, Check, Content, Affected::ExtraChart, |_| of(extra_chart::HOST, "GET", extra_chart::ARCHIVE_PATH)),
        storage("A chart in a registry: where blobs are", "GET pkg-containers.githubusercontent.com/…",
            ChartInRegistry, Chart, ("ghcr.io", CHARTS), |hex| of("pkg-containers.githubusercontent.com", "GET", hex)),
    ]
}

#[rustfmt::skip] // a table
fn acr() -> Vec<Endpoint> {
    use Setup::{All as Everything, CodeCollections};
    vec![
        endpoint("ACR: the digest of a tag that is missing", "HEAD /v2/{name}/manifests/{tag}",
            CodeCollections, Check, DigestHeader, One(MISSING), |_| stable(ACR, MISSING)),
        endpoint("ACR: the digest of a tag that is up to date", "HEAD /v2/{name}/manifests/{tag}",
            CodeCollections, Check, DigestHeader, One(CURRENT), |_| stable(ACR, CURRENT)),
        endpoint("ACR: the index of an image that is up to date, for its children", "GET /v2/{name}/manifests/{digest}",
            CodeCollections, Check, Manifest, One(CURRENT), |_| of(ACR, "GET", &format!("{CURRENT}/manifests/sha256:"))),
        endpoint("ACR: a child of an image that is up to date", "HEAD /v2/{name}/manifests/{digest}",
            CodeCollections, Check, DigestHeader, One(CURRENT), |_| of(ACR, "HEAD", &format!("{CURRENT}/manifests/sha256:"))),
        endpoint("ACR: whether a tag is locked", "GET /acr/v1/{name}/_tags/{tag}",
            CodeCollections, Check, Json, NoImage, |_| of(ACR, "GET", &format!("{DRIFTED}/_tags/"))),
        endpoint("ACR: the newest tags", "GET /acr/v1/{name}/_tags",
            Everything, Check, Json, One(RUNNER), |_| of(ACR, "GET", "/acr/v1/runwhen/runner/_tags?")),
        endpoint("ACR: the newest index, for its date", "GET /v2/{name}/manifests/{digest}",
            Everything, Check, Manifest, One(RUNNER), |_| of(ACR, "GET", &format!("{RUNNER_TARGET}/manifests/"))),
        endpoint("ACR: the platform's manifest, for its date", "GET /v2/{name}/manifests/{digest}",
            Everything, Check, Manifest, One(RUNNER),
            |_| of(ACR, "GET", &format!("{RUNNER_TARGET}/manifests/")).after(1)),
        endpoint("ACR: the configuration, for its date", "GET /v2/{name}/blobs/{digest} → redirect",
            Everything, Check, Headers, One(RUNNER), |_| of(ACR, "GET", &format!("{RUNNER_TARGET}/blobs/"))),
        storage("ACR: where blobs are", "GET wus2managed17.blob.core.windows.net/…",
            Everything, One(RUNNER), (ACR, RUNNER_TARGET), |hex| of("wus2managed17.blob.core.windows.net", "GET", hex)),
    ]
}

/// A failure of one registry must not change the verdicts of another.
#[rustfmt::skip] // a table
fn second_acr() -> Vec<Endpoint> {
    use Setup::TwoRegistries;
    vec![
        endpoint("A second ACR: the refresh token", "POST /oauth2/exchange",
            TwoRegistries, Check, Json, Second, |_| of(SECOND_ACR, "POST", "/oauth2/exchange")),
        endpoint("A second ACR: the digest of a tag that is up to date", "HEAD /v2/{name}/manifests/{tag}",
            TwoRegistries, Check, DigestHeader, One(SECOND_CURRENT), |_| stable(SECOND_ACR, CURRENT)),
    ]
}

/// Connections and tokens that are prepared before it is known that they are needed, in a world that does not need them.
#[rustfmt::skip] // a table
fn ahead() -> Vec<Endpoint> {
    use Setup::NotNeeded;
    let connection = |name, request, place| endpoint(name, request, NotNeeded, Check, Connection, NoImage, place);
    vec![
        endpoint("Not needed: Docker Hub's token", "GET auth.docker.io/token",
            NotNeeded, Check, Json, NoImage, |_| of("auth.docker.io", "GET", "/token")),
        connection("Not needed: a connection to Docker Hub's token service", "CONNECT auth.docker.io",
            |_| Fault::on("auth.docker.io")),
        connection("Not needed: a connection to Docker Hub", "CONNECT registry-1.docker.io", |_| Fault::on(HUB)),
        connection("Not needed: a connection to Google", "CONNECT us-docker.pkg.dev", |_| Fault::on(GOOGLE)),
        connection("Not needed: a connection to the archive's address", "CONNECT github.com",
            |_| Fault::on("github.com")),
        connection("Not needed: a connection to the archive's storage", "CONNECT release-assets.githubusercontent.com",
            |_| Fault::on("release-assets.githubusercontent.com")),
    ]
}

#[rustfmt::skip] // a table
fn imports() -> Vec<Endpoint> {
    use Setup::CodeCollections;
    vec![
        endpoint("Entra: the token for Resource Manager", "POST login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
            CodeCollections, Import, Json, All, |_| of(ENTRA, "POST", TENANT_ID).after(1)),
        endpoint("Resource Manager: registries, for the import", "GET /subscriptions/{id}/providers/…/registries",
            CodeCollections, Import, Json, All, |_| of(ARM, "GET", "/registries?")),
        endpoint("Resource Manager: the start of an import", "POST …/importImage",
            CodeCollections, Import, Headers, One(MISSING), |_| of(ARM, "POST", "/importImage").about(MISSING)),
        endpoint("Resource Manager: how an import goes", "GET …/operationResults/{id}",
            CodeCollections, Import, Json, One(MISSING), |_| of(ARM, "GET", "/operationResults/").about(MISSING)),
        endpoint("ACR: the digest after an import", "HEAD /v2/{name}/manifests/{tag}",
            CodeCollections, Import, DigestHeader, One(MISSING), |_| stable(ACR, MISSING).after(1)),
        endpoint("ACR: the index after an import", "GET /v2/{name}/manifests/{digest}",
            CodeCollections, Import, Manifest, One(MISSING), |_| of(ACR, "GET", &format!("{MISSING}/manifests/sha256:"))),
        endpoint("ACR: a child after an import", "HEAD /v2/{name}/manifests/{digest}",
            CodeCollections, Import, DigestHeader, One(MISSING), |_| of(ACR, "HEAD", &format!("{MISSING}/manifests/sha256:"))),
    ]
}

#[rustfmt::skip] // a table
fn copies() -> Vec<Endpoint> {
    use Setup::{Copies, CopiesInChunks, CopiesWithReferrers, CopiesWithoutMounts};
    let configuration = Some(Stored::NewestConfiguration(SOURCE, MISSING));
    vec![
        endpoint("Copy: the index at the source", "GET /v2/{name}/manifests/{digest}",
            Copies, Import, Manifest, One(MISSING), |_| of(SOURCE, "GET", &format!("{MISSING}/manifests/sha256:"))),
        Endpoint {
            stored: configuration,
            ..endpoint("Copy: a blob at the source", "GET /v2/{name}/blobs/{digest} → redirect",
                Copies, Import, Headers, One(MISSING), |hex| of(SOURCE, "GET", &format!("{MISSING}/blobs/sha256:{hex}")))
        },
        Endpoint {
            stored: configuration,
            ..endpoint("Copy: whether the ACR has a blob", "HEAD /v2/{name}/blobs/{digest}", CopiesWithoutMounts, Import,
                DigestHeader, One(MISSING), |hex| of(ACR, "HEAD", &format!("{MISSING}/blobs/sha256:{hex}")))
        },
        endpoint("Copy: a mount, or the start of an upload", "POST /v2/{name}/blobs/uploads/",
            Copies, Import, Headers, One(MISSING), |_| of(ACR, "POST", &format!("{MISSING}/blobs/uploads/"))),
        endpoint("Copy: a blob", "PUT /v2/{name}/blobs/uploads/{id}",
            CopiesWithoutMounts, Import, Headers, One(MISSING), |_| of(ACR, "PUT", &format!("{MISSING}/blobs/uploads/"))),
        endpoint("Copy: a chunk of a large blob", "PATCH /v2/{name}/blobs/uploads/{id}",
            CopiesInChunks, Import, Headers, One(MISSING), |_| of(ACR, "PATCH", &format!("{MISSING}/blobs/uploads/"))),
        endpoint("Copy: the manifest of a platform", "PUT /v2/{name}/manifests/{digest}",
            Copies, Import, Headers, One(MISSING), |_| of(ACR, "PUT", &format!("{MISSING}/manifests/sha256:"))),
        endpoint("Copy: the tag", "PUT /v2/{name}/manifests/{tag}",
            Copies, Import, Headers, One(MISSING), |_| of(ACR, "PUT", &format!("{MISSING}/manifests/main-"))),
        endpoint("Copy: the tag, read back", "HEAD /v2/{name}/manifests/{tag}",
            Copies, Import, DigestHeader, One(MISSING), |_| stable(ACR, MISSING).after(1)),
        endpoint("Copy: the referrers of the image", "GET /v2/{name}/referrers/{digest}",
            CopiesWithReferrers, Import, Json, NoImage, |_| of(SOURCE, "GET", &format!("{MISSING}/referrers/"))),
    ]
}

#[rustfmt::skip] // a table
fn exports() -> Vec<Endpoint> {
    let gap = |name, request, body, affected, place| endpoint(name, request, Setup::Export, Export, body, affected, place);
    let configuration = Some(Stored::NewestConfiguration(SOURCE, MISSING));
    vec![
        gap("Air gap, export: the digest of the tag", "HEAD /v2/{name}/manifests/{tag}",
            DigestHeader, One(MISSING), |_| of(SOURCE, "HEAD", &format!("{MISSING}/manifests/main-"))),
        gap("Air gap, export: the index", "GET /v2/{name}/manifests/{digest}",
            Manifest, One(MISSING), |_| of(SOURCE, "GET", &format!("{MISSING}/manifests/sha256:"))),
        gap("Air gap, export: the referrers of the image", "GET /v2/{name}/referrers/{digest}",
            Json, NoImage, |_| of(SOURCE, "GET", &format!("{MISSING}/referrers/"))),
        Endpoint {
            stored: configuration,
            ..gap("Air gap, export: a blob", "GET /v2/{name}/blobs/{digest} → redirect",
                Headers, All, |hex| of(SOURCE, "GET", &format!("{MISSING}/blobs/sha256:{hex}")))
        },
        Endpoint {
            stored: configuration,
            ..gap("Air gap, export: where blobs are", "GET /artifacts-downloads/…",
                Content, All, |hex| of(SOURCE, "GET", &format!("/downloads/{hex}")))
        },
    ]
}

#[rustfmt::skip] // a table
fn bundles() -> Vec<Endpoint> {
    let gap = |name, request, phase, body, affected, place| endpoint(name, request, Setup::Bundle, phase, body, affected, place);
    vec![
        gap("Air gap, import: the access token", "POST /oauth2/token",
            Compare, Json, All, |_| of(ACR, "POST", "/oauth2/token")),
        gap("Air gap, import: the digest of a tag", "HEAD /v2/{name}/manifests/{tag}",
            Compare, DigestHeader, One(MISSING), |_| stable(ACR, MISSING)),
        gap("Air gap, import: a mount, or the start of an upload", "POST /v2/{name}/blobs/uploads/",
            Import, Headers, One(MISSING), |_| of(ACR, "POST", &format!("{MISSING}/blobs/uploads/"))),
        gap("Air gap, import: a blob", "PUT /v2/{name}/blobs/uploads/{id}",
            Import, Headers, One(MISSING), |_| of(ACR, "PUT", &format!("{MISSING}/blobs/uploads/"))),
        gap("Air gap, import: the manifest of a platform", "PUT /v2/{name}/manifests/{digest}",
            Import, Headers, One(MISSING), |_| of(ACR, "PUT", &format!("{MISSING}/manifests/sha256:"))),
        gap("Air gap, import: the tag", "PUT /v2/{name}/manifests/{tag}",
            Import, Headers, One(MISSING), |_| of(ACR, "PUT", &format!("{MISSING}/manifests/main-"))),
        gap("Air gap, import: the tag, read back", "HEAD /v2/{name}/manifests/{tag}",
            Import, DigestHeader, One(MISSING), |_| stable(ACR, MISSING).after(1)),
    ]
}
