//! The client of one registry.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::header::{ACCEPT, CACHE_CONTROL, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

use super::absence::{self, Subject, is_of_registry, states_absence};
use super::link;
use super::manifest::{self, Manifest, ManifestKind};
use super::sources::DOCKER_HUB_SERVER;
use super::tag_list::{MOST_OF_GOOGLE, MOST_TAGS, TagList};
use super::tag_page::TagPage;
use super::tokens::{Authorization, Scope, Tokens};
use crate::name::{Digest, ImageName, Registry, Repository, Tag, TagOrDigest};
use crate::platform::Platform;
use crate::problem::{Cause, Problem, Side};
use crate::wire::{Limit, Opened, Request, Response, Sink, Traffic, UploadBody, Wire};

/// Docker's and the image specification's manifests and indexes.
const MANIFEST_TYPES: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
/// The largest manifest that registries must accept (distribution specification).
const MANIFEST_CAP: usize = 4 << 20;
/// The largest configuration of an image that is read.
const CONFIG_CAP: usize = 4 << 20;
/// The largest page of tags: about a million manifests as Google describes them. It is not held in memory.
const TAG_PAGE_CAP: usize = 256 << 20;
/// The most pages of tags that are read: the most tags, with Docker Hub's 100 per page.
const MOST_PAGES: usize = 2_000;

/// The hosts to which registries redirect requests for blobs.
const STORAGE_HOSTS: [(&str, &str); 2] = [
    (DOCKER_HUB_SERVER, "production.cloudflare.docker.com"),
    ("ghcr.io", "pkg-containers.githubusercontent.com"),
];

/// A client of one registry. Cheap to clone.
#[derive(Clone)]
pub struct RegistryClient {
    wire: Wire,
    registry: Registry,
    side: Side,
    tokens: Arc<dyn Tokens>,
    traffic: Traffic,
}

impl RegistryClient {
    /// Sends no request yet.
    pub fn new(wire: &Wire, registry: Registry, side: Side, tokens: Arc<dyn Tokens>) -> Self {
        Self {
            wire: wire.clone(),
            registry,
            side,
            tokens,
            traffic: Traffic::Check,
        }
    }

    /// The same client for a copy, whose requests do not count with those of checks.
    #[must_use]
    pub(crate) fn copying(&self) -> Self {
        let traffic = match self.side {
            Side::Destination => Traffic::Upload,
            _ => Traffic::Download,
        };
        Self {
            traffic,
            ..self.clone()
        }
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Prepares requests for a repository that is likely to be read: its token, and a connection to the registry. Nothing
    /// waits for them, and nothing depends on them.
    pub fn prepare(&self, repository: &Repository) {
        let requested = self.tokens.prepare(&Scope::pull(repository));
        if requested.as_deref() != Some(self.registry.as_str()) {
            self.open_ahead(1);
        }
    }

    /// Opens connections that later requests will need.
    pub fn open_ahead(&self, connections: usize) {
        self.wire.open_ahead(self.registry.as_str(), connections);
    }

    /// True if the registry counts each manifest that is read and limits their number: Docker Hub's pulls.
    pub fn counts_reads(&self) -> bool {
        self.registry.as_str() == DOCKER_HUB_SERVER
    }

    /// The problem of a repository that the user names and the registry reports as absent: it may hide a private one.
    pub(crate) fn hidden(&self, source: &ImageName) -> Problem {
        let ImageName {
            registry,
            repository,
        } = source;
        let what = format!(
            "{registry} reports that the repository {repository} does not exist, and may hide a private one"
        );
        let advice = format!(
            "correct the name of the image; for a private one, log in with docker login {registry} (DOCKER_CONFIG) and an account that may read it"
        );
        Problem::new(self.side, Cause::NotFound, what).advise(advice)
    }

    /// Opens the connection that a blob will need, if the registry redirects to a host that is known.
    fn open_storage_ahead(&self) {
        let storage = STORAGE_HOSTS
            .iter()
            .find(|(server, _)| *server == self.registry.as_str());
        if let Some((_, storage)) = storage {
            self.wire.open_ahead(storage, 1);
        }
    }

    /// The time that this client has.
    pub fn limit(&self) -> &Limit {
        self.wire.limit()
    }

    /// All tags of a repository, with Google's description of the manifests if the registry has it.
    /// None if there is no such repository.
    ///
    /// # Errors
    /// If a part of the list cannot be read.
    pub async fn tags(&self, repository: &Repository) -> Result<Option<TagList>, Problem> {
        // Google returns this many without pages; others return pages of their own size.
        let mut next = Some(self.url(&format!("/v2/{repository}/tags/list?n={MOST_OF_GOOGLE}"))?);
        let mut list = TagList::default();
        let mut pages = 0;
        while let Some(url) = next.take() {
            let before = list.count();
            let page = Sink::new(TagPage::after(list));
            let request = Request {
                cap: TAG_PAGE_CAP,
                sink: Some(page.erased()),
                ..uncached(self.request(Method::GET, url))
            };
            let response = self.send(Scope::pull(repository), request).await?;
            match response.status {
                StatusCode::OK => {}
                // A repository with one page of tags exists, whatever the response for the next page is.
                _ if before == 0 && states_absence(&response, Subject::Tags(repository)) => {
                    return Ok(None);
                }
                _ => return Err(self.refused(&response)),
            }
            list = page.lock().end(&response)?;
            next = link::next_page(&response)?;
            pages += 1;
            if next.is_some() {
                list.continues();
            }
            let is_endless = list.count() == before
                || pages == MOST_PAGES
                || next.as_ref() == Some(&response.url);
            if list.count() > MOST_TAGS || (next.is_some() && is_endless) {
                return Err(response.invalid(format!(
                    "the list of tags does not end ({} on {pages} pages so far)",
                    list.count()
                )));
            }
        }
        Ok(Some(list))
    }

    /// The digest that a tag points at. None if there is no such tag or repository.
    ///
    /// # Errors
    /// If that is not known, or a source's image has a form that cannot be imported.
    pub async fn resolve(
        &self,
        repository: &Repository,
        tag: &Tag,
    ) -> Result<Option<Digest>, Problem> {
        let version = TagOrDigest::Tag(tag.clone());
        self.usable(self.head(repository, &version).await?)
    }

    /// True if the registry has this manifest.
    ///
    /// # Errors
    /// If that is not known, or a source's image has a form that cannot be imported.
    pub async fn exists(&self, repository: &Repository, digest: &Digest) -> Result<bool, Problem> {
        let version = TagOrDigest::Digest(digest.clone());
        let found = self.usable(self.head(repository, &version).await?)?;
        Ok(found.is_some())
    }

    /// The digest that a tag points at, for comparing tags: whatever form its image has.
    ///
    /// # Errors
    /// If that is not known.
    pub async fn digest_of(
        &self,
        repository: &Repository,
        tag: &Tag,
    ) -> Result<Option<Digest>, Problem> {
        let found = self
            .head(repository, &TagOrDigest::Tag(tag.clone()))
            .await?;
        Ok(found.map(|(digest, _)| digest))
    }

    /// A digest and the response of the HEAD.
    async fn head(
        &self,
        repository: &Repository,
        version: &TagOrDigest,
    ) -> Result<Option<(Digest, Response)>, Problem> {
        let request = self.manifest_call(Method::HEAD, repository, version)?;
        let response = self.send(Scope::pull(repository), request).await?;
        match response.status {
            StatusCode::OK => match (manifest::claimed_digest(&response)?, version) {
                (Some(found), TagOrDigest::Tag(_)) => return Ok(Some((found, response))),
                (Some(found), TagOrDigest::Digest(wanted)) if found == *wanted => {
                    return Ok(Some((found, response)));
                }
                // The header is optional, and a registry may use another algorithm, so the content is read.
                (None, _) | (Some(_), TagOrDigest::Digest(_)) => {}
            },
            StatusCode::NOT_FOUND if self.proves_absence(&response) => return Ok(None),
            // Without a body it is not known who sent the response and why, so the content is requested.
            StatusCode::NOT_FOUND => {}
            _ => return Err(self.refused(&response)),
        }
        let found = self.manifest(repository, version).await?;
        Ok(found.map(|found| (found.digest, response)))
    }

    /// True if a HEAD's 404 needs no GET to confirm it.
    ///
    /// At the destination the header that only registries send is enough, because a wrong 404 leads to an import, which is
    /// verified. At a source it is not: Google sends the same header with a 404 about a media type, and an image that
    /// seems to be unpublished is not checked any further.
    fn proves_absence(&self, response: &Response) -> bool {
        self.side == Side::Destination && is_of_registry(response)
    }

    /// The digest, or a problem for a source's image that cannot be imported.
    fn usable(&self, found: Option<(Digest, Response)>) -> Result<Option<Digest>, Problem> {
        match found {
            Some((_, response))
                if self.side == Side::Source && manifest::is_schema_1(&response) =>
            {
                Err(manifest::schema_1(&response))
            }
            found => Ok(found.map(|(digest, _)| digest)),
        }
    }

    /// A manifest, verified against its digest. None if there is no such manifest or repository.
    ///
    /// # Errors
    /// If it cannot be read, or its bytes do not match its digest.
    pub async fn manifest(
        &self,
        repository: &Repository,
        version: &TagOrDigest,
    ) -> Result<Option<Manifest>, Problem> {
        let request = Request {
            cap: MANIFEST_CAP,
            ..self.manifest_call(Method::GET, repository, version)?
        };
        let response = self.send(Scope::pull(repository), request).await?;
        match response.status {
            StatusCode::OK => manifest::read(&response, version).map(Some),
            _ if states_absence(&response, Subject::Manifest(repository, version)) => Ok(None),
            _ => Err(self.refused(&response)),
        }
    }

    fn manifest_call(
        &self,
        method: Method,
        repository: &Repository,
        version: &TagOrDigest,
    ) -> Result<Request, Problem> {
        let url = self.url(&format!("/v2/{repository}/manifests/{version}"))?;
        let mut request = self.request(method, url);
        request
            .headers
            .insert(ACCEPT, HeaderValue::from_static(MANIFEST_TYPES));
        Ok(match version {
            TagOrDigest::Tag(_) => uncached(request),
            // Content that is known by its digest does not change.
            TagOrDigest::Digest(_) => request,
        })
    }

    /// A blob, verified against its digest. None if it does not exist.
    ///
    /// # Errors
    /// If it cannot be read, is larger than `cap` bytes, or does not match its digest.
    pub async fn blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        cap: usize,
    ) -> Result<Option<Bytes>, Problem> {
        let url = self.url(&format!("/v2/{repository}/blobs/{digest}"))?;
        let request = Request {
            cap,
            ..self.request(Method::GET, url)
        };
        let response = self.send(Scope::pull(repository), request).await?;
        match response.status {
            StatusCode::OK if digest.matches(&response.body) => Ok(Some(response.body)),
            StatusCode::OK => Err(response.invalid(format!(
                "the blob's bytes do not match their digest {digest}"
            ))),
            _ if self.lacks_blob(&response, repository, digest) => Ok(None),
            _ => Err(self.refused(&response)),
        }
    }

    /// True if the registry itself reports the blob as absent, not the storage that it redirects to.
    pub(super) fn lacks_blob(
        &self,
        response: &Response,
        repository: &Repository,
        digest: &Digest,
    ) -> bool {
        let server = self.url("/").ok();
        server.is_some_and(|server| server.host() == response.url.host())
            && states_absence(response, Subject::Blob(repository, digest))
    }

    /// The build date in an image's configuration, of an index in the configuration for the platform. None if it is
    /// missing or not in a known form, or if the manifest of an ACR's tag does not exist.
    ///
    /// # Errors
    /// If it cannot be read, or a source has just named content that it does not have.
    pub async fn created(
        &self,
        repository: &Repository,
        digest: &Digest,
        platform: &Platform,
    ) -> Result<Option<DateTime<Utc>>, Problem> {
        self.open_storage_ahead();
        let pinned = TagOrDigest::Digest(digest.clone());
        let Some(manifest) = self.manifest(repository, &pinned).await? else {
            return self.gone(repository, digest);
        };
        let child = manifest.for_architecture(platform);
        let Some(child) = child.map_err(|error| self.untrusted(repository, digest, &error))? else {
            return Ok(None);
        };
        let image = match manifest.kind {
            ManifestKind::Image { config, .. } => Some(config),
            ManifestKind::Index(_) => match self
                .manifest(repository, &TagOrDigest::Digest(child.clone()))
                .await?
                .map(|child| child.kind)
            {
                Some(ManifestKind::Image { config, .. }) => Some(config),
                Some(ManifestKind::Index(_)) => None,
                None => return self.gone(repository, &child),
            },
        };
        let Some(config) = image else {
            return Ok(None);
        };
        let config = config
            .digest()
            .map_err(|error| self.untrusted(repository, digest, &error))?;
        let Some(config) = self.blob(repository, &config, CONFIG_CAP).await? else {
            return self.gone(repository, &config);
        };
        #[derive(Deserialize)]
        struct Created {
            created: Option<String>,
        }
        let created = serde_json::from_slice::<Created>(&config)
            .ok()
            .and_then(|config| config.created);
        Ok(created
            .and_then(|text| DateTime::parse_from_rfc3339(&text).ok())
            .map(|date| date.with_timezone(&Utc)))
    }

    /// The problem of a manifest with a digest by which content cannot be verified.
    pub(crate) fn untrusted(
        &self,
        repository: &Repository,
        version: impl std::fmt::Display,
        error: &dyn std::fmt::Display,
    ) -> Problem {
        let what = format!(
            "{error} (in manifest {version} of {}/{repository})",
            self.registry
        );
        Problem::new(self.side, Cause::Invalid, what)
    }

    /// The result if the registry does not have content that it has just named.
    fn gone<T>(&self, repository: &Repository, digest: &Digest) -> Result<Option<T>, Problem> {
        if self.side == Side::Destination {
            return Ok(None);
        }
        let what = format!(
            "{}/{repository}@{digest} was listed and does not exist",
            self.registry
        );
        Err(Problem::new(self.side, Cause::NotFound, what)
            .advise("the tag may have been moved during the check: run again"))
    }

    /// The problem of content that another manifest names and the registry does not have.
    pub(crate) fn lacks(&self, repository: &Repository, digest: &Digest) -> Problem {
        let what = format!(
            "{}/{repository} does not have {digest}, which the image refers to",
            self.registry
        );
        Problem::new(self.side, Cause::NotFound, what)
    }

    /// The problem of content that is not what its manifest states.
    pub(super) fn damaged(&self, repository: &Repository, what: impl std::fmt::Display) -> Problem {
        let what = format!("{}/{repository}: {what}", self.registry);
        Problem::new(self.side, Cause::Invalid, what)
            .advise("do not trust this content; something between here and the registry changes it, or the registry is damaged")
    }

    pub(crate) fn request(&self, method: Method, url: Url) -> Request {
        Request {
            traffic: self.traffic,
            ..Request::new(self.side, method, url)
        }
    }

    pub(crate) fn url(&self, path: &str) -> Result<Url, Problem> {
        let scheme = self.wire.scheme(&self.registry);
        Url::parse(&format!("{scheme}://{}{path}", self.registry)).map_err(|error| {
            Problem::new(
                self.side,
                Cause::Invalid,
                format!("{}: {error}", self.registry),
            )
        })
    }

    pub(crate) async fn send(&self, scope: Scope, request: Request) -> Result<Response, Problem> {
        let token = self.tokens.token(&scope).await?;
        let response = self.send_with(token.clone(), request.clone()).await?;
        if response.status != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        // The token may have ended early, or none was sent yet: retry once with a new one.
        if !self.tokens.renew(&response, &scope, token).await? {
            return Ok(response);
        }
        let token = self.tokens.token(&scope).await?;
        self.send_with(token, request).await
    }

    /// Opens content, which is verified by its digest, on whatever host it is.
    pub(super) async fn open(&self, scope: Scope, request: Request) -> Result<Opened, Problem> {
        let mut is_renewed = false;
        loop {
            let token = self.tokens.token(&scope).await?;
            let request = Authorization::apply(token.clone(), request.clone());
            let opened = self.wire.open(request).await;
            let opened = opened.map_err(|problem| self.tokens.explain_failure(problem))?;
            match &opened {
                Opened::Other(response)
                    if response.status == StatusCode::UNAUTHORIZED
                        && !is_renewed
                        && self.tokens.renew(response, &scope, token).await? => {}
                Opened::Other(_) | Opened::Content(_) => return Ok(opened),
            }
            is_renewed = true;
        }
    }

    /// Sends a body that is read while it is sent, which `body` begins. It is begun once more if the token has ended.
    pub(super) async fn upload<F: Future<Output = UploadBody>>(
        &self,
        scope: Scope,
        request: Request,
        body: impl Fn() -> F,
    ) -> Result<Response, Problem> {
        let mut is_renewed = false;
        loop {
            let token = self.tokens.token(&scope).await?;
            let request = Authorization::apply(token.clone(), request.clone());
            let response = self.wire.upload(request, body().await).await;
            let response = response.map_err(|problem| self.tokens.explain_failure(problem))?;
            if response.status != StatusCode::UNAUTHORIZED
                || is_renewed
                || !self.tokens.renew(&response, &scope, token).await?
            {
                return Ok(response);
            }
            is_renewed = true;
        }
    }

    async fn send_with(
        &self,
        token: Option<Authorization>,
        request: Request,
    ) -> Result<Response, Problem> {
        let request = Authorization::apply(token, request);
        // A blob is verified by its digest, on whatever host it is.
        let reads = request.method == Method::GET || request.method == Method::HEAD;
        let response = if reads && request.url.path().contains("/blobs/") {
            self.wire.send_following(request).await
        } else {
            self.wire.send(request).await
        };
        response.map_err(|problem| self.tokens.explain_failure(problem))
    }

    pub(crate) fn refused(&self, response: &Response) -> Problem {
        if response.status == StatusCode::NOT_FOUND {
            return absence::unproven(response);
        }
        self.tokens.explain_refusal(response)
    }

    /// The problem of a request that writes.
    pub(super) fn refused_write(&self, response: &Response) -> Problem {
        self.tokens.explain_write_refusal(response)
    }
}

/// A request for content that can change, which a cache must not answer.
pub(crate) fn uncached(mut request: Request) -> Request {
    request
        .headers
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    request
}
