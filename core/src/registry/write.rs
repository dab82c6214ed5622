//! The requests that write to a registry (distribution specification, "Pushing").
//!
//! An ACR accepts no body above 20 MB, wants chunks in order with a `Content-Range` without unit, and forgets an upload
//! whose chunk failed. Other registries get a blob in one request, and report where a broken upload can continue.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use tokio::sync::Mutex;
use url::Url;

use super::blob::{Blob, BlobReader};
use super::client::RegistryClient;
use super::manifest::{self, Manifest};
use super::tokens::Scope;
use crate::name::{Digest, Repository, TagOrDigest};
use crate::problem::{Cause, Problem, Side};
use crate::wire::{Repeat, Request, Response, UploadBody, same_origin};

/// The largest body that an ACR gets in one request; it accepts about 20 MB.
const LARGEST_BODY: u64 = 16 << 20;
/// The size of a chunk of a larger blob.
const CHUNK: u64 = 8 << 20;
/// Times that one blob is begun.
const ATTEMPTS: u32 = 4;

/// How a registry takes blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UploadRules {
    /// As an Azure Container Registry: large blobs in chunks, and a broken upload begins again.
    Acr,
    /// As the specification says: in one request, and a broken upload continues if the registry knows where.
    Specification,
}

impl UploadRules {
    /// The size of the chunks of a blob of this size. `None` if it is sent in one request.
    fn chunk(self, size: u64) -> Option<u64> {
        match self {
            Self::Acr => (size > LARGEST_BODY).then_some(CHUNK),
            Self::Specification => None,
        }
    }
}

/// Whether a registry adds an artifact to the list of its subject's referrers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Indexed {
    ByRegistry,
    /// It has no subject, or the client has to keep the list.
    No,
}

/// The response to the request for an upload.
pub(crate) enum Begun {
    /// The registry has the blob in the other repository, and now in this one too.
    Mounted,
    /// The URL to send the blob to.
    Session(Url),
}

impl RegistryClient {
    /// True if the repository has the blob.
    ///
    /// # Errors
    /// If that is not known.
    pub(crate) async fn has_blob(
        &self,
        repository: &Repository,
        blob: &Blob,
    ) -> Result<bool, Problem> {
        let url = self.url(&format!("/v2/{repository}/blobs/{}", blob.digest))?;
        let response = self
            .send(Scope::push(repository), self.request(Method::HEAD, url))
            .await?;
        match response.status {
            // A wrong 404 leads to an upload that was not necessary.
            StatusCode::NOT_FOUND => Ok(false),
            StatusCode::OK => {
                let claimed = manifest::claimed_digest(&response)?;
                let length = response
                    .header("content-length")
                    .and_then(|text| text.parse().ok());
                let is_other = claimed.is_some_and(|claimed| claimed != blob.digest)
                    || length.is_some_and(|length: u64| length != blob.size);
                match is_other {
                    true => Err(response.invalid(format!(
                        "the response is about another blob than {} of {} bytes",
                        blob.digest, blob.size
                    ))),
                    false => Ok(true),
                }
            }
            _ => Err(self.refused(&response)),
        }
    }

    /// Mounts a blob from another repository of the registry, or begins its upload.
    ///
    /// # Errors
    /// If the registry refuses both.
    pub(crate) async fn begin_upload(
        &self,
        repository: &Repository,
        mount: Option<(&Digest, &Repository)>,
    ) -> Result<Begun, Problem> {
        let mut url = self.url(&format!("/v2/{repository}/blobs/uploads/"))?;
        if let Some((digest, from)) = mount {
            url.query_pairs_mut()
                .append_pair("mount", digest.as_str())
                .append_pair("from", from.as_str());
        }
        let request = self.empty(Method::POST, url);
        let response = self.send(Scope::push(repository), request).await?;
        match (response.status, mount) {
            (StatusCode::CREATED, Some((digest, _))) => {
                match manifest::claimed_digest(&response)? {
                    Some(other) if other != *digest => Err(response
                        .invalid(format!("the registry mounted {other} instead of {digest}"))),
                    Some(_) | None => Ok(Begun::Mounted),
                }
            }
            (StatusCode::ACCEPTED, _) => next_url(&response).map(Begun::Session),
            // The other repository may not be readable, or the registry does not mount.
            (status, Some(_)) if status.is_client_error() => {
                Box::pin(self.begin_upload(repository, None)).await
            }
            _ => Err(self.refused_write(&response)),
        }
    }

    /// Sends a blob. `session` is an upload that has begun and not received anything.
    ///
    /// # Errors
    /// If the blob cannot be read, or the registry does not accept it.
    pub(crate) async fn upload_blob(
        &self,
        repository: &Repository,
        rules: UploadRules,
        session: Url,
        reader: BlobReader,
    ) -> Result<(), Problem> {
        let mut upload = Upload {
            client: self,
            repository,
            rules,
            start: reader.position(),
            size: reader.blob().size,
            digest: reader.blob().digest.clone(),
            reader: Arc::new(Mutex::new(reader)),
        };
        let mut session = Some(session);
        let mut attempt = 1;
        loop {
            let url = match session.take() {
                Some(url) => url,
                None => match self.begin_upload(repository, None).await? {
                    Begun::Session(url) => url,
                    Begun::Mounted => return Ok(()),
                },
            };
            let problem = match upload.send(url).await {
                Ok(()) => return Ok(()),
                Err(problem) => problem,
            };
            if !may_help_to_begin_again(&problem) || attempt == ATTEMPTS {
                return Err(problem);
            }
            tracing::info!(
                "beginning the upload of {} again: {}",
                upload.digest,
                problem.what
            );
            tokio::time::sleep(std::time::Duration::from_millis(250) * 2_u32.pow(attempt)).await;
            attempt += 1;
            upload.rewind().await;
        }
    }

    /// Ends an upload that is not needed. It would end by itself after some days.
    pub(crate) async fn cancel_upload(&self, repository: &Repository, session: Url) {
        let request = self.request(Method::DELETE, session);
        let _ = self.send(Scope::push(repository), request).await;
    }

    /// Writes a manifest under a tag or under its digest.
    ///
    /// # Errors
    /// If the registry does not accept it.
    pub(crate) async fn put_manifest(
        &self,
        repository: &Repository,
        reference: &TagOrDigest,
        manifest: &Manifest,
    ) -> Result<Indexed, Problem> {
        let url = self.url(&format!("/v2/{repository}/manifests/{reference}"))?;
        let mut request = self.request(Method::PUT, url);
        let media_type = HeaderValue::from_str(&manifest.media_type);
        if let Ok(media_type) = media_type {
            request.headers.insert(CONTENT_TYPE, media_type);
        }
        request.body = Some(manifest.bytes.clone());
        let response = self.send(Scope::push(repository), request).await?;
        if response.status != StatusCode::CREATED {
            return Err(self.refused_write(&response));
        }
        match manifest::claimed_digest(&response)? {
            Some(other) if other != manifest.digest && same_algorithm(&other, &manifest.digest) => {
                let what = format!("the registry stored {other} instead of {}", manifest.digest);
                Err(response.invalid(what))
            }
            Some(_) | None => Ok(match response.header("oci-subject") {
                Some(_) => Indexed::ByRegistry,
                None => Indexed::No,
            }),
        }
    }

    /// A request that writes and has no body.
    fn empty(&self, method: Method, url: Url) -> Request {
        let mut request = self.request(method, url);
        // Some registries and proxies require `Content-Length: 0`.
        request.body = Some(bytes::Bytes::new());
        request
    }
}

/// An upload of one blob.
struct Upload<'a> {
    client: &'a RegistryClient,
    repository: &'a Repository,
    rules: UploadRules,
    start: super::blob::Position,
    size: u64,
    digest: Digest,
    reader: Arc<Mutex<BlobReader>>,
}

impl Upload<'_> {
    async fn rewind(&mut self) {
        self.reader.lock().await.rewind(self.start.clone());
    }

    /// Sends the whole blob to an upload that has begun.
    async fn send(&self, mut session: Url) -> Result<(), Problem> {
        let Some(chunk) = self.rules.chunk(self.size) else {
            return self.send_at_once(session).await;
        };
        let mut sent = 0;
        while sent < self.size {
            let end = self.size.min(sent + chunk);
            session = self.patch(session, sent, end).await?;
            sent = end;
        }
        self.put(session, None).await
    }

    /// Sends the blob in one request, and the rest of it again if the registry knows where it ended.
    async fn send_at_once(&self, session: Url) -> Result<(), Problem> {
        let problem = match self.put(session.clone(), Some(self.size)).await {
            Ok(()) => return Ok(()),
            Err(problem) => problem,
        };
        if self.size <= CHUNK || !may_help_to_begin_again(&problem) {
            return Err(problem);
        }
        let Some((session, offset)) = self.received(session).await else {
            return Err(problem);
        };
        tracing::info!(
            "continuing the upload of {} at byte {offset}: {}",
            self.digest,
            problem.what
        );
        {
            let mut reader = self.reader.lock().await;
            if reader.offset() > offset {
                reader.rewind(self.start.clone());
            }
            reader.skip_to(offset).await?;
        }
        let session = self.patch(session, offset, self.size).await?;
        self.put(session, None).await
    }

    /// Where an interrupted upload can continue. `None` if the registry does not know.
    async fn received(&self, session: Url) -> Option<(Url, u64)> {
        let request = self.client.request(Method::GET, session);
        let response = self
            .client
            .send(Scope::push(self.repository), request)
            .await
            .ok()?;
        if response.status != StatusCode::NO_CONTENT {
            return None;
        }
        let range = response.header("range")?;
        let last: u64 = range.trim().strip_prefix("0-")?.parse().ok()?;
        // `0-0` is also what registries send before the first byte.
        let offset = if last == 0 { 0 } else { last + 1 };
        (offset < self.size).then_some((next_url(&response).ok()?, offset))
    }

    /// Sends a part of the blob; the reader is at its beginning. Returns the URL for what follows.
    async fn patch(&self, session: Url, start: u64, end: u64) -> Result<Url, Problem> {
        let mut headers = HeaderMap::new();
        if let Ok(range) = HeaderValue::from_str(&format!("{start}-{}", end - 1)) {
            headers.insert(CONTENT_RANGE, range);
        }
        let response = self
            .transfer(Method::PATCH, session, headers, end - start)
            .await?;
        match response.status {
            StatusCode::ACCEPTED => next_url(&response),
            _ => Err(self.refused(&response)),
        }
    }

    /// Ends the upload, with this many bytes in the same request.
    async fn put(&self, mut session: Url, bytes: Option<u64>) -> Result<(), Problem> {
        session
            .query_pairs_mut()
            .append_pair("digest", self.digest.as_str());
        let response = match bytes {
            Some(count) => {
                self.transfer(Method::PUT, session, HeaderMap::new(), count)
                    .await?
            }
            None => {
                let request = Request {
                    // After a PUT that was received, the upload no longer exists.
                    repeat: Repeat::UnlessReceived,
                    ..self.client.empty(Method::PUT, session)
                };
                self.client
                    .send(Scope::push(self.repository), request)
                    .await?
            }
        };
        match response.status {
            StatusCode::CREATED => Ok(()),
            _ => Err(self.refused(&response)),
        }
    }

    fn refused(&self, response: &Response) -> Problem {
        let problem = self.client.refused_write(response);
        match response.status {
            // The registry does not know the upload any more, and takes another one.
            StatusCode::NOT_FOUND | StatusCode::RANGE_NOT_SATISFIABLE => Problem {
                cause: Cause::Unavailable,
                ..problem
            },
            _ => problem,
        }
    }

    /// Sends the next bytes of the blob.
    async fn transfer(
        &self,
        method: Method,
        url: Url,
        mut headers: HeaderMap,
        length: u64,
    ) -> Result<Response, Problem> {
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        );
        let request = Request {
            headers,
            ..self.client.request(method, url)
        };
        let start = self.reader.lock().await.position();
        let body = || async {
            self.reader.lock().await.rewind(start.clone());
            UploadBody {
                length,
                content: body(Arc::clone(&self.reader), length),
            }
        };
        let scope = Scope::push(self.repository);
        self.client.upload(scope, request, body).await
    }
}

/// The next `length` bytes of a blob.
fn body(
    reader: Arc<Mutex<BlobReader>>,
    length: u64,
) -> stream::BoxStream<'static, Result<bytes::Bytes, Problem>> {
    stream::try_unfold((reader, length), |(reader, left)| async move {
        let next = reader.lock().await.next(left).await?;
        Ok(next.map(|bytes| {
            let left = left - bytes.len() as u64;
            (bytes, (reader, left))
        }))
    })
    .boxed()
}

/// The URL for the next request of an upload.
fn next_url(response: &Response) -> Result<Url, Problem> {
    let location = response.header("location");
    let url = location.and_then(|text| response.url.join(text).ok());
    match url {
        Some(url) if same_origin(&url, &response.url) => Ok(url),
        Some(url) => Err(response
            .invalid(format!(
                "the upload must continue at {}, which is not the registry",
                crate::wire::redacted(&url)
            ))
            .advise("correct the external address in the registry's configuration")),
        None => Err(response.invalid("the response has no valid Location for the upload")),
    }
}

/// True if the same upload may succeed from its beginning: the connection broke, or the registry forgot it.
fn may_help_to_begin_again(problem: &Problem) -> bool {
    let is_transient = matches!(
        problem.cause,
        Cause::Unreachable | Cause::TimedOut | Cause::Unavailable | Cause::Throttled
    );
    problem.side != Side::Source && is_transient
}

fn same_algorithm(one: &Digest, other: &Digest) -> bool {
    one.as_str().split(':').next() == other.as_str().split(':').next()
}
