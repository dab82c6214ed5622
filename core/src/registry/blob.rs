//! Blobs that are read to be sent on: in order, hashed, and continued after an interruption.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Method, StatusCode};

use super::client::RegistryClient;
use super::content::{Content, not_there, unusable};
use super::tokens::Scope;
use crate::layout::Layout;
use crate::name::{Digest, DigestHasher, Repository};
use crate::problem::{Cause, Problem};
use crate::wire::{Download, Opened, Response};

/// A blob of up to this size is held in memory while it is copied, so that a part of it can be sent again.
const SMALL: u64 = 256 << 10;
/// Interruptions of one blob after which it is given up.
const INTERRUPTIONS: u32 = 5;
/// Wait after the first interruption; doubled after each.
const WAIT: Duration = Duration::from_millis(250);

/// The address and the size of a blob, as a manifest states them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Blob {
    pub digest: Digest,
    pub size: u64,
}

/// The place in a blob up to which it was read.
#[derive(Clone)]
pub(crate) struct Position {
    offset: u64,
    hash: DigestHasher,
}

/// Reads a blob. The last bytes are returned only if all bytes match the digest, so a damaged blob is never complete at
/// its destination.
pub(crate) struct BlobReader {
    source: Content,
    blob: Blob,
    body: Body,
    at: Position,
    interruptions: u32,
    counters: Vec<Arc<AtomicU64>>,
}

enum Body {
    /// All bytes, which match the digest.
    Whole(Bytes),
    /// In the file of a bundle.
    InFile(Arc<Layout>),
    Streamed {
        /// The response that is being read.
        download: Option<Box<Download>>,
        /// Bytes that were received and not returned yet.
        rest: Bytes,
    },
}

impl BlobReader {
    /// Opens a blob of a source.
    ///
    /// # Errors
    /// If it cannot be read, or its size or content do not match.
    pub(crate) async fn open(source: &Content, blob: &Blob) -> Result<Self, Problem> {
        let (client, repository) = match source {
            Content::Repository { client, repository } => (client, repository),
            Content::Bundle(layout) => {
                if let Some(left_out) = layout.left_out(&blob.digest) {
                    return Err(not_there(left_out, &blob.digest));
                }
                source.check(&blob.digest, blob.size)?;
                return Ok(Self::of(source, blob, Body::InFile(Arc::clone(layout))));
            }
        };
        let body = match usize::try_from(blob.size) {
            Ok(size) if blob.size <= SMALL => {
                let bytes = client.blob(repository, &blob.digest, size).await?;
                Body::Whole(bytes.ok_or_else(|| client.lacks(repository, &blob.digest))?)
            }
            Ok(_) | Err(_) => Body::Streamed {
                download: None,
                rest: Bytes::new(),
            },
        };
        let mut reader = Self::of(source, blob, body);
        match &reader.body {
            Body::Whole(bytes) if bytes.len() as u64 != blob.size => {
                Err(client.wrong_size(repository, blob, bytes.len() as u64))
            }
            Body::Whole(_) | Body::InFile(_) => Ok(reader),
            // A blob that does not exist must not begin an upload.
            Body::Streamed { .. } => reader.continue_download().await.map(|()| reader),
        }
    }

    /// A blob whose bytes its manifest contains.
    pub(crate) fn embedded(source: &Content, blob: &Blob, bytes: Bytes) -> Self {
        Self::of(source, blob, Body::Whole(bytes))
    }

    fn of(source: &Content, blob: &Blob, body: Body) -> Self {
        Self {
            source: source.clone(),
            blob: blob.clone(),
            body,
            at: Position {
                offset: 0,
                hash: DigestHasher::new(&blob.digest),
            },
            interruptions: 0,
            counters: Vec::new(),
        }
    }

    /// The same reader, which adds the bytes that it returns to this number too.
    pub(crate) fn counted(mut self, counter: &Arc<AtomicU64>) -> Self {
        self.counters.push(Arc::clone(counter));
        self
    }

    pub(crate) fn blob(&self) -> &Blob {
        &self.blob
    }

    pub(crate) fn position(&self) -> Position {
        self.at.clone()
    }

    pub(crate) fn offset(&self) -> u64 {
        self.at.offset
    }

    /// Goes back to an earlier position.
    pub(crate) fn rewind(&mut self, position: Position) {
        if self.at.offset == position.offset {
            return;
        }
        self.at = position;
        if let Body::Streamed { download, rest } = &mut self.body {
            *download = None;
            *rest = Bytes::new();
        }
    }

    /// Reads up to this offset without returning the bytes.
    pub(crate) async fn skip_to(&mut self, offset: u64) -> Result<(), Problem> {
        while self.at.offset < offset {
            let left = offset - self.at.offset;
            if self.next(left).await?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// The next bytes, at most this many. `None` at the end of the blob.
    ///
    /// # Errors
    /// If the blob cannot be read to its end, or does not match its size or its digest.
    pub(crate) async fn next(&mut self, most: u64) -> Result<Option<Bytes>, Problem> {
        if self.at.offset == self.blob.size || most == 0 {
            return Ok(None);
        }
        let limit = usize::try_from(most).unwrap_or(usize::MAX);
        let piece = match &self.body {
            Body::Whole(bytes) => {
                let start = usize::try_from(self.at.offset).unwrap_or(usize::MAX);
                let piece = bytes.slice(start..bytes.len().min(start.saturating_add(limit)));
                self.advance(&piece);
                return Ok(Some(piece));
            }
            Body::InFile(layout) => {
                let piece = layout.piece(&self.blob.digest, self.at.offset, most);
                piece.map_err(|error| unusable(&error))?
            }
            Body::Streamed { .. } => self.received(limit).await?,
        };
        self.at.hash.update(&piece);
        self.advance(&piece);
        if self.at.offset == self.blob.size {
            self.verify()?;
        }
        Ok(Some(piece))
    }

    fn advance(&mut self, piece: &Bytes) {
        let count = piece.len() as u64;
        self.at.offset += count;
        for counter in &self.counters {
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Bytes from the connection, which is opened again after an interruption.
    async fn received(&mut self, most: usize) -> Result<Bytes, Problem> {
        loop {
            let Body::Streamed { download, rest } = &mut self.body else {
                return Ok(Bytes::new());
            };
            if !rest.is_empty() {
                return Ok(rest.split_to(rest.len().min(most)));
            }
            let Some(open) = download else {
                self.continue_download().await?;
                continue;
            };
            let left = self.blob.size - self.at.offset;
            let problem = match open.next().await {
                Ok(Some(bytes)) if bytes.len() as u64 > left => {
                    return Err(too_long(&open.head, &self.blob));
                }
                Ok(Some(bytes)) => {
                    *rest = bytes;
                    continue;
                }
                Ok(None) => {
                    let (offset, blob) = (self.at.offset, &self.blob);
                    let what = format!(
                        "the blob {} ended after {offset} of {} bytes",
                        blob.digest, blob.size
                    );
                    Problem {
                        cause: Cause::Unreachable,
                        ..open.head.invalid(what)
                    }
                }
                Err(problem) => problem,
            };
            *download = None;
            self.pause(problem).await?;
        }
    }

    /// Waits before the download continues.
    async fn pause(&mut self, problem: Problem) -> Result<(), Problem> {
        let may_continue = matches!(
            problem.cause,
            Cause::Unreachable | Cause::TimedOut | Cause::Unavailable
        );
        if !may_continue || self.interruptions == INTERRUPTIONS {
            return Err(problem);
        }
        let wait = WAIT * 2_u32.pow(self.interruptions);
        self.interruptions += 1;
        tracing::info!(
            "continuing the download at byte {} in {} ms: {}",
            self.at.offset,
            wait.as_millis(),
            problem.what
        );
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Requests the bytes that are missing.
    async fn continue_download(&mut self) -> Result<(), Problem> {
        let offset = self.at.offset;
        let Content::Repository { client, repository } = &self.source else {
            return Ok(());
        };
        let mut opened = client.open_blob(repository, &self.blob, offset).await?;
        let mut rest = Bytes::new();
        // The registry may send the blob from its beginning.
        let mut surplus = match opened.head.status {
            StatusCode::PARTIAL_CONTENT => 0,
            _ => offset,
        };
        while surplus > 0 {
            match opened.next().await? {
                Some(mut bytes) => {
                    let count = surplus.min(bytes.len() as u64);
                    surplus -= count;
                    rest = bytes.split_off(usize::try_from(count).unwrap_or(usize::MAX));
                }
                None => break,
            }
        }
        self.body = Body::Streamed {
            download: Some(opened),
            rest,
        };
        Ok(())
    }

    fn verify(&self) -> Result<(), Problem> {
        match self.at.hash.is(&self.blob.digest) {
            true => Ok(()),
            false => {
                let digest = &self.blob.digest;
                Err(self
                    .source
                    .damaged(digest, "has bytes that do not match their digest"))
            }
        }
    }
}

fn too_long(response: &Response, blob: &Blob) -> Problem {
    response.invalid(format!(
        "the blob {} is longer than the {} bytes that its manifest states",
        blob.digest, blob.size
    ))
}

impl RegistryClient {
    fn wrong_size(&self, repository: &Repository, blob: &Blob, size: u64) -> Problem {
        self.damaged(
            repository,
            format!(
                "the blob {} has {size} bytes, and its manifest states {}",
                blob.digest, blob.size
            ),
        )
    }

    /// The response with a blob's content from this offset on.
    async fn open_blob(
        &self,
        repository: &Repository,
        blob: &Blob,
        offset: u64,
    ) -> Result<Box<Download>, Problem> {
        let url = self.url(&format!("/v2/{repository}/blobs/{}", blob.digest))?;
        let mut request = self.request(Method::GET, url);
        if offset > 0
            && let Ok(range) = format!("bytes={offset}-").parse()
        {
            request.headers.insert(RANGE, range);
        }
        let download = match self.open(Scope::pull(repository), request).await? {
            Opened::Content(download) => download,
            Opened::Other(response) if self.lacks_blob(&response, repository, &blob.digest) => {
                return Err(self.lacks(repository, &blob.digest));
            }
            Opened::Other(response) => return Err(self.refused(&response)),
        };
        let head = &download.head;
        let start = match head.status {
            StatusCode::PARTIAL_CONTENT if first_byte(head) != Some(offset) => {
                return Err(head.invalid(format!("the response must begin at byte {offset}")));
            }
            StatusCode::PARTIAL_CONTENT => offset,
            _ => 0,
        };
        let length = head
            .header("content-length")
            .and_then(|text| text.parse::<u64>().ok());
        match length {
            Some(length) if length != blob.size - start => {
                Err(self.wrong_size(repository, blob, length + start))
            }
            Some(_) | None => Ok(download),
        }
    }
}

/// The first byte of `Content-Range: bytes 5-9/10`.
fn first_byte(response: &Response) -> Option<u64> {
    let range = response.header(CONTENT_RANGE.as_str())?;
    let range = range.trim().strip_prefix("bytes")?.trim_start();
    range.split('-').next()?.parse().ok()
}
