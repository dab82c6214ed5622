//! A registry, read through the distribution API: tags, digests, manifests.
//!
//! The wire is our own because the library has no retry, no `Link` paging, none of Google's fields and
//! no HEAD without a second GET; its types of manifests are used. What is read is verified: a manifest
//! against its digest, a digest against the algorithms that are known, a page's `Link` against its host.

mod acr;
mod manifest;
mod public;
mod tags;

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Method, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

pub use acr::AcrTag;
pub use manifest::{Manifest, ManifestKind};
pub use public::{PublicTokens, Sources};
use tags::MOST_OF_GOOGLE;
pub use tags::{Listed, TagList};

use crate::azure::AcrTokens;
use crate::name::{Digest, Registry, Repository, Tag, Version};
use crate::problem::{Cause, Party, Problem};
use crate::wire::{Answer, Call, Limit, Wire};

/// Docker's and the image specification's manifests and indexes.
const MANIFEST_TYPES: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
/// The largest manifest that the distribution specification asks registries to take.
const MANIFEST_CAP: usize = 4 << 20;
/// The largest configuration of an image that is read.
const CONFIG_CAP: usize = 4 << 20;
const TAG_PAGE_CAP: usize = 32 << 20;
/// Tags that are read of one repository; some registries hold more than anybody can choose from.
const MOST_TAGS: usize = 200_000;

/// How a registry lets us in.
#[derive(Clone)]
pub enum Access {
    /// Public: no token, or one that everybody gets.
    Public(Arc<PublicTokens>),
    /// An Azure Container Registry, with Entra's tokens.
    Acr(Arc<AcrTokens>),
}

/// A client of one registry. Cheap to clone.
#[derive(Clone)]
pub struct RegistryClient {
    wire: Wire,
    registry: Registry,
    access: Access,
}

impl RegistryClient {
    /// A client; nothing is asked yet.
    pub fn new(wire: &Wire, registry: Registry, access: Access) -> Self {
        Self {
            wire: wire.clone(),
            registry,
            access,
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
        while let Some(url) = next.take() {
            let call = Call {
                cap: TAG_PAGE_CAP,
                ..self.call(Method::GET, url)
            };
            let answer = self.send(repository, call).await?;
            match answer.status {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => return Ok(None),
                _ => return Err(self.refused(&answer)),
            }
            let before = list.count();
            list.add_page(&answer)?;
            next = tags::next_page(&answer)?;
            if next.is_some() && (list.count() == before || list.count() > MOST_TAGS) {
                return Err(answer.invalid(format!(
                    "the list of tags does not end ({} so far)",
                    list.count()
                )));
            }
        }
        Ok(Some(list))
    }

    /// The digest that a tag points at. None when there is no such tag or repository.
    ///
    /// # Errors
    /// When that cannot be told.
    pub async fn resolve(
        &self,
        repository: &Repository,
        tag: &Tag,
    ) -> Result<Option<Digest>, Problem> {
        self.head(repository, &Version::Tag(tag.clone())).await
    }

    /// Whether the registry has this very manifest.
    ///
    /// # Errors
    /// When that cannot be told.
    pub async fn exists(&self, repository: &Repository, digest: &Digest) -> Result<bool, Problem> {
        let found = self
            .head(repository, &Version::Digest(digest.clone()))
            .await?;
        Ok(found.as_ref() == Some(digest))
    }

    async fn head(
        &self,
        repository: &Repository,
        version: &Version,
    ) -> Result<Option<Digest>, Problem> {
        let url = self.url(&format!("/v2/{repository}/manifests/{version}"))?;
        let mut call = self.call(Method::HEAD, url);
        call.headers
            .insert(ACCEPT, HeaderValue::from_static(MANIFEST_TYPES));
        let answer = self.send(repository, call).await?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            _ => return Err(self.refused(&answer)),
        }
        match answer.header(manifest::DIGEST_HEADER) {
            Some(text) => text
                .parse()
                .map(Some)
                .map_err(|error: crate::name::NameError| answer.invalid(error)),
            // The header is not obligatory; the content tells its own digest.
            None => Ok(self
                .manifest(repository, version)
                .await?
                .map(|found| found.digest)),
        }
    }

    /// A manifest, verified against its digest. None when there is no such manifest or repository.
    ///
    /// # Errors
    /// When it cannot be read, or its bytes are not what its digest says.
    pub async fn manifest(
        &self,
        repository: &Repository,
        version: &Version,
    ) -> Result<Option<Manifest>, Problem> {
        let url = self.url(&format!("/v2/{repository}/manifests/{version}"))?;
        let mut call = Call {
            cap: MANIFEST_CAP,
            ..self.call(Method::GET, url)
        };
        call.headers
            .insert(ACCEPT, HeaderValue::from_static(MANIFEST_TYPES));
        let answer = self.send(repository, call).await?;
        match answer.status {
            StatusCode::OK => manifest::read(&answer, version).map(Some),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.refused(&answer)),
        }
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
        let call = Call {
            cap,
            ..self.call(Method::GET, url)
        };
        let answer = self.send(repository, call).await?;
        match answer.status {
            StatusCode::OK if digest.matches(&answer.body) => Ok(Some(answer.body)),
            StatusCode::OK => Err(answer.invalid(format!(
                "the blob's bytes do not match their digest {digest}"
            ))),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.refused(&answer)),
        }
    }

    /// When an image was built, by its own configuration: that of the platform when it is an index. None
    /// when it does not say, or says it in no known way.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn created(
        &self,
        repository: &Repository,
        digest: &Digest,
        architecture: &str,
    ) -> Result<Option<DateTime<Utc>>, Problem> {
        let pinned = Version::Digest(digest.clone());
        let Some(manifest) = self.manifest(repository, &pinned).await? else {
            return Ok(None);
        };
        let Some(child) = manifest.for_architecture(architecture) else {
            return Ok(None);
        };
        let image = match manifest.kind {
            ManifestKind::Image(image) => Some(image),
            ManifestKind::Index(_) => match self
                .manifest(repository, &Version::Digest(child))
                .await?
                .map(|child| child.kind)
            {
                Some(ManifestKind::Image(image)) => Some(image),
                Some(ManifestKind::Index(_)) | None => None,
            },
        };
        let Some(config) = image.and_then(|image| image.config.digest.parse::<Digest>().ok())
        else {
            return Ok(None);
        };
        let Some(config) = self.blob(repository, &config, CONFIG_CAP).await? else {
            return Ok(None);
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

    fn party(&self) -> Party {
        match self.access {
            Access::Public(_) => Party::Source,
            Access::Acr(_) => Party::Destination,
        }
    }

    fn call(&self, method: Method, url: Url) -> Call {
        Call::new(self.party(), method, url)
    }

    fn url(&self, path: &str) -> Result<Url, Problem> {
        Url::parse(&format!("https://{}{path}", self.registry)).map_err(|error| {
            Problem::new(
                self.party(),
                Cause::Invalid,
                format!("{}: {error}", self.registry),
            )
        })
    }

    async fn send(&self, repository: &Repository, call: Call) -> Result<Answer, Problem> {
        let token = self.token(repository).await?;
        let answer = self.send_with(token.clone(), call.clone()).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        // The token may have ended early, or none was asked for yet: one new one, and then the answer counts.
        match (&self.access, token) {
            (Access::Public(tokens), _) if !tokens.learn(&answer, repository).await? => {
                return Ok(answer);
            }
            (Access::Acr(tokens), Some(token)) => tokens.forget(repository, &token).await,
            (Access::Public(_), _) | (Access::Acr(_), None) => {}
        }
        self.send_with(self.token(repository).await?, call).await
    }

    async fn token(&self, repository: &Repository) -> Result<Option<SecretString>, Problem> {
        match &self.access {
            Access::Public(tokens) => tokens.token(repository).await,
            Access::Acr(tokens) => tokens.token(repository).await.map(Some),
        }
    }

    async fn send_with(&self, token: Option<SecretString>, call: Call) -> Result<Answer, Problem> {
        let call = Call {
            bearer: token,
            ..call
        };
        // A blob is known by its digest, wherever it is served.
        if call.url.path().contains("/blobs/") {
            self.wire.send_following(call).await
        } else {
            self.wire.send(call).await
        }
    }

    fn refused(&self, answer: &Answer) -> Problem {
        match self.access {
            Access::Acr(_) => crate::azure::denied(answer),
            Access::Public(_) => {
                let problem = answer.unexpected();
                match problem.cause {
                    Cause::AccessDenied => problem.advise("the source does not let us read this: it is private, misnamed or blocked on the way"),
                    _ => problem,
                }
            }
        }
    }
}
