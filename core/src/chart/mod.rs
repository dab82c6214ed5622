//! Fetches a chart with its dependencies, renders it and lists its images.
//!
//! The engine (crate `helm`) opens no connection; this module fetches charts for it. An archive is verified
//! against the digest in its index or manifest before it is opened. The engine runs on a thread of its own,
//! within the run's deadline (`computation.rs`).

mod computation;
pub mod index;
mod indexes;
mod logins;
mod places;
mod problems;

use std::path::Path;

use bytes::Bytes;
use reqwest::{Method, StatusCode};
use url::Url;

use crate::config::{ChartOrigin, ChartRequest, ChartSource};
use crate::name::{Digest, ImageName, Tag, TagOrDigest};
use crate::problem::{Cause, Problem, Side};
use crate::registry::{Account, ManifestKind, RegistryClient, Sources};
use crate::text::{for_message, neutralize_markup, refused_value};
use crate::wire::{Request, Response, Wire, has_no_userinfo};
use computation::compute;
use index::IndexEntry;
pub use indexes::Indexes;
use logins::Logins;
use places::Place;
use problems::{not_found, unreadable, unusable};

/// Largest index that is read, in bytes.
const INDEX_CAP: usize = 16 << 20;
/// Largest archive that is read, in bytes.
const ARCHIVE_CAP: usize = 16 << 20;
/// Longest chain of dependencies that is fetched.
const DEPTH: usize = 4;
/// The media type of the layer with the chart (Helm, HIP-6).
const CHART_LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// The hosts of the archives of a chart repository on GitHub Pages: releases, and the storage that they redirect to. (GitHub
/// does not serve the index and the releases of a repository from one host.)
const RELEASE_HOSTS: [&str; 2] = ["github.com", "release-assets.githubusercontent.com"];

/// A rendered chart.
#[derive(Clone, Debug)]
pub struct RenderedChart {
    /// `runwhen-local 0.6.7`.
    pub title: String,
    /// The images as the manifests name them, with the workloads that use them.
    pub found: helm::FoundImages,
}

/// The content of a chart that an explanation of its images needs.
#[derive(Clone, Debug, Default)]
pub struct ChartContent {
    /// The images as the manifests name them, with the workloads that use them.
    pub images: Vec<helm::ImageUse>,
    /// The values of the chart and of the charts inside it.
    pub values: Vec<helm::ChartValues>,
}

/// Where charts are read.
#[derive(Clone, Copy)]
pub struct Hosts<'a> {
    pub wire: &'a Wire,
    pub sources: &'a Sources,
    pub indexes: &'a Indexes,
}

/// Opens the connections that the archive of a chart will need, if its host follows from the configuration.
pub fn prepare(request: &ChartRequest, wire: &Wire) {
    let host = match &request.source {
        ChartSource::Repository(url) => url.host_str().unwrap_or_default(),
        ChartSource::Oci(_) | ChartSource::Path(_) => return,
    };
    if host.ends_with(".github.io") {
        for host in RELEASE_HOSTS {
            wire.open_ahead(host, 1);
        }
    }
}

/// Fetches and renders a chart.
///
/// # Errors
/// If the chart or a dependency cannot be fetched, does not match its digest, or does not render.
pub async fn render(request: &ChartRequest, hosts: Hosts<'_>) -> Result<RenderedChart, Problem> {
    let (title, found) = with_chart(request, hosts, images).await?;
    Ok(RenderedChart { title, found })
}

/// Fetches and renders a chart, and reads the values of every chart in it.
///
/// # Errors
/// Where [`render`] fails.
pub async fn content(request: &ChartRequest, hosts: Hosts<'_>) -> Result<ChartContent, Problem> {
    let content = |chart: &helm::Chart, request: &ChartRequest| {
        Ok(ChartContent {
            images: images(chart, request)?.images,
            values: helm::values_of_charts(chart, &request.values)?,
        })
    };
    let (_, content) = with_chart(request, hosts, content).await?;
    Ok(content)
}

fn images(chart: &helm::Chart, request: &ChartRequest) -> Result<helm::FoundImages, helm::Error> {
    let (release, capabilities) = (helm::Release::default(), helm::Capabilities::default());
    let files = helm::render(chart, &request.values, &release, &capabilities)?;
    // Helm would not install manifests that are not YAML, and images in them would be missed without an error.
    files.manifest()?;
    files.images_and(&request.patterns)
}

/// Fetches a chart, and computes something from it. Also returns its name and version.
async fn with_chart<T: Send + 'static>(
    request: &ChartRequest,
    hosts: Hosts<'_>,
    work: impl FnOnce(&helm::Chart, &ChartRequest) -> Result<T, helm::Error> + Send + 'static,
) -> Result<(String, T), Problem> {
    let origin = &request.origin;
    let Hosts {
        wire,
        sources,
        indexes,
    } = hosts;
    let fetch = Fetch {
        wire,
        sources,
        indexes,
        origin,
        logins: Logins::of(request, sources.logins()),
        place: Place::default(),
    };
    let mut chart = fetch
        .at(&request.source, &request.name, request.version.as_deref())
        .await?;
    fetch.complete(&mut chart, DEPTH).await?;
    let title = for_message(&format!("{} {}", chart.name(), chart.metadata().version));
    let given = request.clone();
    let result = fetch.compute(format!("rendering chart {title}"), move || {
        work(&chart, &given)
    });
    let result = result
        .await?
        .map_err(|error| unusable(origin, &title, &request.message(&error)))?;
    Ok((title, result))
}

struct Fetch<'a> {
    wire: &'a Wire,
    sources: &'a Sources,
    indexes: &'a Indexes,
    /// The settings that messages name.
    origin: &'a ChartOrigin,
    logins: Logins<'a>,
    place: Place,
}

impl Fetch<'_> {
    async fn at(
        &self,
        source: &ChartSource,
        name: &str,
        version: Option<&str>,
    ) -> Result<helm::Chart, Problem> {
        match source {
            ChartSource::Path(path) => self.at_path(path).await,
            ChartSource::Repository(url) => self.in_repository(url, name, version).await,
            ChartSource::Oci(location) => self.in_registry(location, name, version).await,
        }
    }

    /// Fetches the dependencies that the archive does not contain.
    async fn complete(&self, chart: &mut helm::Chart, depth: usize) -> Result<(), Problem> {
        for missing in chart
            .missing_dependencies()
            .into_iter()
            .cloned()
            .collect::<Vec<_>>()
        {
            let what = || {
                format!(
                    "dependency {} {} of chart {}",
                    missing.name,
                    missing.version,
                    chart.name()
                )
            };
            if depth == 0 {
                let what = format!(
                    "{}: charts depend on each other more than {DEPTH} levels deep",
                    what()
                );
                return Err(Problem::new(Side::ChartRepository, Cause::Invalid, what));
            }
            // The lock names the exact version that the chart was tested with.
            let locked = chart
                .locked_dependencies()
                .iter()
                .find(|locked| locked.name == missing.name);
            let version = locked.map_or(missing.version.as_str(), |locked| locked.version.as_str());
            // Only sources on the network: a chart from the network must not read local files.
            let source = ChartSource::from_url(&missing.repository).map_err(|reason| {
                let what = format!("{}: repository {:?}: {reason}", what(), missing.repository);
                Problem::new(Side::ChartRepository, Cause::Invalid, what)
            })?;
            let found = self.at(&source, &missing.name, Some(version)).await;
            let mut found = found.map_err(|problem| Problem {
                what: format!("{}: {}", neutralize_markup(&what()), problem.what),
                ..problem
            })?;
            Box::pin(self.complete(&mut found, depth - 1)).await?;
            chart.add_dependency(found);
        }
        Ok(())
    }

    async fn in_repository(
        &self,
        url: &Url,
        name: &str,
        version: Option<&str>,
    ) -> Result<helm::Chart, Problem> {
        let index_url = join(url, "index.yaml")?;
        let request = || self.request(index_url.clone(), INDEX_CAP);
        let response = self.indexes.response(url, request).await?;
        let response = self.found(&index_url, response)?;
        let (body, wanted_name) = (response.body.clone(), name.to_owned());
        let entries = self.compute(format!("reading {index_url}"), move || {
            index::versions_of(&String::from_utf8_lossy(&body), &wanted_name)
        });
        let entries = entries
            .await?
            .map_err(|error| response.invalid(format!("not a chart repository index: {error}")))?;
        if entries.is_empty() {
            return Err(not_found(self.origin, format!("{url} has no chart {name}")));
        }
        let entry = choose(&entries, version).ok_or_else(|| {
            not_found(
                self.origin,
                match entries.len() {
                    1 => format!(
                        "{url} has one version of {name}, and none {}",
                        wanted(version)
                    ),
                    count => format!(
                        "{url} has {count} versions of {name}, and none {}",
                        wanted(version)
                    ),
                },
            )
        })?;
        let place = entry
            .urls
            .first()
            .ok_or_else(|| response.invalid(format!("{name} {} has no URL", entry.version)))?;
        let archive_url = join(url, place)?;
        // It may be large, and the place may be free only after a while.
        drop(response);
        self.take_place().await?;
        let archive = self.get(archive_url, ARCHIVE_CAP).await?;
        verify(&archive, entry)?;
        self.open(archive.body, &format!("{name} {}", entry.version))
            .await
    }

    async fn in_registry(
        &self,
        parent: &ImageName,
        name: &str,
        version: Option<&str>,
    ) -> Result<helm::Chart, Problem> {
        let location = chart_location(self.origin, parent, name)?;
        let client = self.sources.client(&location.registry);
        let tags = client.tags(&location.repository).await?;
        let tags = tags.ok_or_else(|| {
            not_found(
                self.origin,
                format!("there is no chart at oci://{location}"),
            )
        })?;
        // A tag cannot hold the `+` of a version.
        let versions: Vec<_> = tags.tags().map(|tag| tag.text.replace('_', "+")).collect();
        let best = helm::newest_version(versions.iter().map(String::as_str), version);
        let best = best.ok_or_else(|| {
            not_found(
                self.origin,
                format!("oci://{location} has no version {}", wanted(version)),
            )
        })?;
        let tag: Tag = best
            .replace('+', "_")
            .parse()
            .map_err(|error: crate::name::NameError| not_found(self.origin, error.to_string()))?;
        self.take_place().await?;
        let archive = archive_in(self.origin, &client, &location, &tag).await?;
        self.open(archive, &format!("{name} {best}")).await
    }

    async fn open(&self, archive: Bytes, title: &str) -> Result<helm::Chart, Problem> {
        let title = for_message(title);
        let opened = self.compute(format!("unpacking chart {title}"), move || {
            helm::Chart::from_archive(&archive)
        });
        let opened = opened.await?;
        opened.map_err(|error| unusable(self.origin, &title, &error.to_string()))
    }

    async fn at_path(&self, path: &Path) -> Result<helm::Chart, Problem> {
        self.take_place().await?;
        let shown = path.display().to_string();
        let path = path.to_owned();
        let loaded = self.compute(format!("reading chart {shown}"), move || {
            helm::Chart::load(path)
        });
        let loaded = loaded.await?;
        loaded.map_err(|error| unreadable(self.origin, &format!("chart {shown}: {error}")))
    }

    async fn compute<T: Send + 'static>(
        &self,
        what: String,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let too_long = || problems::too_long(self.origin);
        let places = places::of_computations(self.origin);
        compute(self.wire.limit(), places, what, &too_long, work).await
    }

    async fn take_place(&self) -> Result<(), Problem> {
        self.place.take(self.origin, self.wire.limit()).await
    }

    async fn get(&self, url: Url, cap: usize) -> Result<Response, Problem> {
        let response = self.request(url.clone(), cap).await?;
        self.found(&url, response)
    }

    async fn request(&self, url: Url, cap: usize) -> Result<Response, Problem> {
        let request = Request {
            cap,
            basic: self.logins.account(&url).map(Account::basic),
            ..Request::new(Side::ChartRepository, Method::GET, url)
        };
        self.wire.send_following(request).await
    }

    /// The response to a request for `url`, if that was found.
    fn found(&self, url: &Url, response: Response) -> Result<Response, Problem> {
        if response.status == StatusCode::OK {
            return Ok(response);
        }
        let problem = response.unexpected();
        let advice = match problem.cause {
            Cause::AccessDenied => self.logins.advice(url, &response.url),
            _ => problems::connection(self.origin),
        };
        Err(problem.advise(advice))
    }
}

fn choose<'a>(entries: &'a [IndexEntry], version: Option<&str>) -> Option<&'a IndexEntry> {
    let best = helm::newest_version(entries.iter().map(|entry| entry.version.as_str()), version)?;
    entries.iter().find(|entry| entry.version == best)
}

fn verify(archive: &Response, entry: &IndexEntry) -> Result<(), Problem> {
    let claimed = entry.digest.trim_start_matches("sha256:");
    if claimed.is_empty() {
        // Old repositories have no digests, so only TLS protects the archive.
        tracing::warn!(
            "the chart repository's index has no digest of the chart's archive, so the archive is not verified"
        );
        return Ok(());
    }
    let actual = Digest::sha256(&archive.body);
    if actual.as_str().trim_start_matches("sha256:") == claimed.to_ascii_lowercase() {
        return Ok(());
    }
    Err(archive
        .invalid(format!("the archive's sha256 does not match the index: expected {claimed}, actual {actual}"))
        .advise("the repository may be in the middle of an update: run again; if the digests still differ, do not trust the archive"))
}

async fn archive_in(
    origin: &ChartOrigin,
    client: &RegistryClient,
    location: &ImageName,
    tag: &Tag,
) -> Result<Bytes, Problem> {
    let manifest = client
        .manifest(&location.repository, &TagOrDigest::Tag(tag.clone()))
        .await?;
    let layers = match manifest.map(|manifest| manifest.kind) {
        Some(ManifestKind::Image { layers, .. }) => layers,
        Some(ManifestKind::Index(_)) | None => Vec::new(),
    };
    let layer = layers.iter().find(|layer| layer.is_of(CHART_LAYER));
    let layer = layer.ok_or_else(|| {
        not_found(
            origin,
            format!("oci://{location}:{tag} is not a Helm chart"),
        )
    })?;
    let digest = layer
        .digest()
        .map_err(|error| client.untrusted(&location.repository, tag, &error))?;
    let blob = client
        .blob(&location.repository, &digest, ARCHIVE_CAP)
        .await?;
    blob.ok_or_else(|| {
        not_found(
            origin,
            format!("oci://{location}:{tag}: its layer {digest} does not exist"),
        )
    })
}

fn chart_location(
    origin: &ChartOrigin,
    parent: &ImageName,
    name: &str,
) -> Result<ImageName, Problem> {
    // `oci://host/charts/runwhen-local` may already contain the name of the chart.
    let repository = if parent.repository.last_segment() == name {
        Ok(parent.repository.clone())
    } else {
        parent.repository.join(name)
    };
    let repository = repository.map_err(|error| not_found(origin, error.to_string()))?;
    Ok(ImageName {
        registry: parent.registry.clone(),
        repository,
    })
}

fn wanted(version: Option<&str>) -> String {
    version.map_or_else(
        || "released".to_owned(),
        |version| format!("matches {version:?}"),
    )
}

fn join(base: &Url, place: &str) -> Result<Url, Problem> {
    // A user in it would become a header.
    let is_usable = |url: &Url| url.scheme() == "https" && has_no_userinfo(url);
    let url = base.join(place).ok().filter(is_usable);
    url.ok_or_else(|| {
        let place = for_message(&refused_value(place));
        let what = format!("{place:?} below {base} is not an https URL without user and password");
        Problem::new(Side::ChartRepository, Cause::Invalid, what)
    })
}
