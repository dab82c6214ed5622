//! Where images and charts come from: registries, the catalog and chart repositories.

use sandbox::extra_images::{
    BRANCHES, DATES, EXTRA_HOST, GOOGLE_EXTRA_HOST, PRIVATE, PRIVATE_HOST, VERSIONS,
};
use sandbox::{Fault, extra_chart, mirror};

use super::super::setup::{
    CATALOG_CURRENT, CATALOG_MISSING, CHART_REGISTRY, COLLECTOR, CURRENT, EXTRA_CURRENT,
    EXTRA_DATE, EXTRA_MISSING, EXTRA_PRIVATE, LOCAL, MISSING, RUNNER, Setup, UNPUBLISHED,
};
use super::super::support::SOURCE;
use super::Affected::{self, All, Chart, NoImage, One};
use super::Body::{Connection, Content, DigestHeader, Headers, Json, Manifest, Text};
use super::Phase::Check;
use super::{Endpoint, Stored, endpoint, of, stable, storage};

const CATALOG: &str = sandbox::catalog::HOST;
const HUB: &str = "registry-1.docker.io";
const GOOGLE: &str = "us-docker.pkg.dev";
const HUB_REPOSITORY: &str = "otel/opentelemetry-collector";
const RUNNER_SOURCE: &str = "runwhen-nonprod-shared/public-images/runner";

#[rustfmt::skip] // a table
pub fn sources() -> Vec<Endpoint> {
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
pub fn catalog() -> Vec<Endpoint> {
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

/// A mirror of the CodeCollections, whose token service refuses requests without the login.
#[rustfmt::skip] // a table
pub fn mirror() -> Vec<Endpoint> {
    use Setup::Mirror;
    vec![
        endpoint("A mirror: the token with the login", "GET mirror.example/token",
            Mirror, Check, Json, One(CURRENT), |_| of(mirror::HOST, "GET", &format!("%2F{CURRENT}%3A"))),
        endpoint("A mirror: the tags of an image that is missing", "GET /v2/{name}/tags/list",
            Mirror, Check, Json, One(MISSING), |_| of(mirror::HOST, "GET", &format!("/{MISSING}/tags/list"))),
        endpoint("A mirror: the tags of an image that is up to date", "GET /v2/{name}/tags/list",
            Mirror, Check, Json, One(CURRENT), |_| of(mirror::HOST, "GET", &format!("/{CURRENT}/tags/list"))),
    ]
}

#[rustfmt::skip] // a table
pub fn extra_images() -> Vec<Endpoint> {
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
        endpoint("Extra images of a private registry: the token with the login", "GET registry.team.example/v2/auth",
            ExtraImages, Check, Json, One(EXTRA_PRIVATE), |_| of(PRIVATE_HOST, "GET", "/v2/auth")),
        endpoint("Extra images of a private registry: the tags that a rule chooses from", "GET /v2/{name}/tags/list",
            ExtraImages, Check, Json, One(EXTRA_PRIVATE), |_| of(PRIVATE_HOST, "GET", &format!("{PRIVATE}/tags/list"))),
        endpoint("Extra images of a private registry: the digest of the chosen tag", "HEAD /v2/{name}/manifests/{tag}",
            ExtraImages, Check, DigestHeader, One(EXTRA_PRIVATE),
            |_| of(PRIVATE_HOST, "HEAD", &format!("{PRIVATE}/manifests/5.0.0"))),
    ]
}

#[rustfmt::skip] // a table
pub fn chart() -> Vec<Endpoint> {
    use Setup::{All as Everything, BareChart, ChartInRegistry, ExtraChart, ExtraChartInRegistry};
    const CHARTS: &str = "charts/runwhen-local";
    let in_registry = |name, request, body, place| {
        endpoint(name, request, ExtraChartInRegistry, Check, body, Affected::ExtraChart, place)
    };
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
        endpoint("An extra chart's private repository: the index", "GET charts.example/…/index.yaml",
            ExtraChart, Check, Text, Affected::ExtraChart, |_| of(extra_chart::HOST, "GET", extra_chart::INDEX_PATH)),
        endpoint("An extra chart's private repository: the archive", "GET charts.example/….tgz",
            ExtraChart, Check, Content, Affected::ExtraChart, |_| of(extra_chart::HOST, "GET", extra_chart::ARCHIVE_PATH)),
        in_registry("An extra chart in a registry: the token", "GET charts.team.example/token",
            Json, |_| of(CHART_REGISTRY, "GET", "/token?")),
        in_registry("An extra chart in a registry: its manifest", "GET /v2/{name}/manifests/{tag}",
            Manifest, |_| of(CHART_REGISTRY, "GET", "/manifests/")),
        in_registry("An extra chart in a registry: the archive", "GET /v2/{name}/blobs/{digest}",
            Content, |_| of(CHART_REGISTRY, "GET", "/blobs/")),
        storage("A chart in a registry: where blobs are", "GET pkg-containers.githubusercontent.com/…",
            ChartInRegistry, Chart, ("ghcr.io", CHARTS), |hex| of("pkg-containers.githubusercontent.com", "GET", hex)),
    ]
}

/// Connections and tokens that are prepared before it is known that they are needed, in a world that does not need them.
#[rustfmt::skip] // a table
pub fn ahead() -> Vec<Endpoint> {
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
