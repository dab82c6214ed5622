//! A registry, read through the distribution API: tags, digests, manifests.
//!
//! The wire is our own because the library has no retry, no `Link` paging, none of Google's fields and
//! no HEAD without a second GET; its media types are used. What is read is verified: a manifest
//! against its digest, a digest against the algorithms that are known, a page's `Link` against its host.

mod absence;
mod account;
mod bounded_vec;
mod children;
mod link;
mod manifest;
#[cfg(test)]
mod property_tests;
mod public_tokens;
mod tag_list;
mod tokens;

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::header::{ACCEPT, CACHE_CONTROL, HeaderValue};
use reqwest::{Method, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use absence::is_of_registry;
pub(crate) use absence::{Subject, states_absence};
pub use account::Account;
pub use manifest::{Manifest, ManifestKind};
pub use public_tokens::Sources;
pub use tag_list::TagList;
use tag_list::{MOST_OF_GOOGLE, MOST_TAGS};
pub(crate) use tokens::CachedToken;
pub use tokens::Tokens;

use crate::name::{Digest, NameError, Registry, Repository, Tag, TagOrDigest};
use crate::platform::Platform;
use crate::problem::{Cause, Problem, Side};
use crate::wire::{Limit, Request, Response, Wire};

/// Docker's and the image specification's manifests and indexes.
const MANIFEST_TYPES: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
/// The largest manifest that the distribution specification asks registries to take.
const MANIFEST_CAP: usize = 4 << 20;
/// The largest configuration of an image that is read.
const CONFIG_CAP: usize = 4 << 20;
/// The largest page of tags: some fifty thousand manifests as Google describes them, or the most tags of
/// eighty characters.
const TAG_PAGE_CAP: usize = 16 << 20;
/// Pages of tags that are followed: the most tags, a hundred at a time as Docker Hub gives them.
const MOST_PAGES: usize = 2_000;

/// A client of one registry. Cheap to clone.
#[derive(Clone)]
pub struct RegistryClient {
    wire: Wire,
    registry: Registry,
    side: Side,
    tokens: Arc<dyn Tokens>,
}

impl RegistryClient {
    /// A client; nothing is asked yet.
    pub fn new(wire: &Wire, registry: Registry, side: Side, tokens: Arc<dyn Tokens>) -> Self {
        Self {
            wire: wire.clone(),
            registry,
            side,
            tokens,
        }
    }

    /// The registry that this is a client of.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The time that this client has.
    pub fn limit(&self) -> &Limit {
        self.wire.limit()
    }

    /// All tags of a repository, and Google's description of the manifests where the registry gives it.
    /// None when there is no such repository.
    ///
    /// # Errors
    /// When the list cannot be read whole.
    pub async fn tags(&self, repository: &Repository) -> Result<Option<TagList>, Problem> {
        // Google gives so many and does not page; the others page by their own limit.
        let mut next = Some(self.url(&format!("/v2/{repository}/tags/list?n={MOST_OF_GOOGLE}"))?);
        let mut list = TagList::default();
        let mut pages = 0;
        while let Some(url) = next.take() {
            let request = Request {
                cap: TAG_PAGE_CAP,
                ..uncached(self.request(Method::GET, url))
            };
            let response = self.send(repository, request).await?;
            match response.status {
                StatusCode::OK => {}
                // A repository with one page of tags exists, whatever the next page's answer is.
                _ if list.count() == 0 && states_absence(&response, Subject::Tags(repository)) => {
                    return Ok(None);
                }
                _ => return Err(self.refused(&response)),
            }
            let before = list.count();
            list.add_page(&response)?;
            next = link::next_page(&response)?;
            pages += 1;
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

    /// True if the registry has this very manifest.
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

    /// A digest and how it was answered.
    async fn head(
        &self,
        repository: &Repository,
        version: &TagOrDigest,
    ) -> Result<Option<(Digest, Response)>, Problem> {
        let request = self.manifest_call(Method::HEAD, repository, version)?;
        let response = self.send(repository, request).await?;
        match response.status {
            StatusCode::OK => match (manifest::claimed_digest(&response)?, version) {
                (Some(found), TagOrDigest::Tag(_)) => return Ok(Some((found, response))),
                (Some(found), TagOrDigest::Digest(asked)) if found == *asked => {
                    return Ok(Some((found, response)));
                }
                // The header is optional, and a registry may name content by another algorithm: the content decides.
                (None, _) | (Some(_), TagOrDigest::Digest(_)) => {}
            },
            StatusCode::NOT_FOUND if self.proves_absence(&response) => return Ok(None),
            // Without a body the answer does not show whose it is, or what it is about.
            StatusCode::NOT_FOUND => {}
            _ => return Err(self.refused(&response)),
        }
        let found = self.manifest(repository, version).await?;
        Ok(found.map(|found| (found.digest, response)))
    }

    /// True if a HEAD's 404 needs no GET to confirm it.
    ///
    /// The destination's is confirmed by the header that only registries send: a wrong one leads to an import, which is
    /// verified. A source's never is, because Google sends the same header with a 404 about a media type, and an
    /// image that is believed to be unpublished is not looked at any more.
    fn proves_absence(&self, response: &Response) -> bool {
        self.side == Side::Destination && is_of_registry(response)
    }

    /// The digest, unless it is of a source's image that cannot be imported.
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
        let response = self.send(repository, request).await?;
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

    /// A blob, verified against its digest. None when there is none.
    ///
    /// # Errors
    /// When it cannot be read, is larger than `cap` bytes, or is not what its digest says.
    pub async fn blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        cap: usize,
    ) -> Result<Option<Bytes>, Problem> {
        let url = self.url(&format!("/v2/{repository}/blobs/{digest}"))?;
        let server = url.host_str().unwrap_or_default().to_owned();
        let request = Request {
            cap,
            ..self.request(Method::GET, url)
        };
        let response = self.send(repository, request).await?;
        match response.status {
            StatusCode::OK if digest.matches(&response.body) => Ok(Some(response.body)),
            StatusCode::OK => Err(response.invalid(format!(
                "the blob's bytes do not match their digest {digest}"
            ))),
            // Only the registry itself knows what it has: not the storage that it sends us to.
            _ if response.url.host_str() == Some(&server)
                && states_absence(&response, Subject::Blob(repository, digest)) =>
            {
                Ok(None)
            }
            _ => Err(self.refused(&response)),
        }
    }

    /// When an image was built, by its own configuration: that of the platform when it is an index. None
    /// when it does not say, or says it in no known way; an ACR's tag may point at what is not there, and
    /// then there is no date either.
    ///
    /// # Errors
    /// When it cannot be read, or a source that has just named it does not have it.
    pub async fn created(
        &self,
        repository: &Repository,
        digest: &Digest,
        platform: &Platform,
    ) -> Result<Option<DateTime<Utc>>, Problem> {
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

    /// The problem of a manifest that names content by a digest that nothing can be verified with.
    pub(crate) fn untrusted(
        &self,
        repository: &Repository,
        version: impl std::fmt::Display,
        error: &NameError,
    ) -> Problem {
        let what = format!(
            "the manifest {version} of {}/{repository}: {error}",
            self.registry
        );
        Problem::new(self.side, Cause::Invalid, what)
    }

    /// What follows when the registry does not have what it has just named.
    fn gone<T>(&self, repository: &Repository, digest: &Digest) -> Result<Option<T>, Problem> {
        if self.side == Side::Destination {
            return Ok(None);
        }
        let what = format!(
            "{}/{repository}@{digest} was named and is not there",
            self.registry
        );
        Err(Problem::new(self.side, Cause::NotFound, what)
            .advise("it may be moving just now: run again"))
    }

    pub(crate) fn request(&self, method: Method, url: Url) -> Request {
        Request::new(self.side, method, url)
    }

    pub(crate) fn url(&self, path: &str) -> Result<Url, Problem> {
        Url::parse(&format!("https://{}{path}", self.registry)).map_err(|error| {
            Problem::new(
                self.side,
                Cause::Invalid,
                format!("{}: {error}", self.registry),
            )
        })
    }

    pub(crate) async fn send(
        &self,
        repository: &Repository,
        request: Request,
    ) -> Result<Response, Problem> {
        let token = self.tokens.token(repository).await?;
        let response = self.send_with(token.clone(), request.clone()).await?;
        if response.status != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        // The token may have ended early, or none was required yet: one new one, and then the response counts.
        if !self.tokens.renew(&response, repository, token).await? {
            return Ok(response);
        }
        let token = self.tokens.token(repository).await?;
        self.send_with(token, request).await
    }

    async fn send_with(
        &self,
        token: Option<SecretString>,
        request: Request,
    ) -> Result<Response, Problem> {
        let request = Request {
            bearer: token,
            ..request
        };
        // A blob is known by its digest, wherever it is served.
        let response = if request.url.path().contains("/blobs/") {
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
}

/// A request for what can change: a cache on the way must ask the registry again.
pub(crate) fn uncached(mut request: Request) -> Request {
    request
        .headers
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer of a registry with this body.
    pub(super) fn response(body: &str) -> Response {
        Response {
            side: Side::Source,
            request: "GET https://registry.example/v2/r/tags/list".to_owned(),
            url: Url::parse("https://registry.example/v2/r/tags/list").unwrap(),
            status: StatusCode::OK,
            headers: reqwest::header::HeaderMap::new(),
            body: Bytes::from(body.to_owned()),
            secrets: crate::wire::Secrets::default(),
        }
    }
}
