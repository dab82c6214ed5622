//! Bodies that are not held in memory: a download is read piece by piece, and an upload is sent while it is read.
//!
//! The time limit of a stream is by its progress, not for the whole. The deadline of the run, the ledger, and the rule that
//! no token goes to another host are the same as for other requests. A stream is not retried here, because the other
//! side of the copy has to go back to the same byte.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use reqwest::header::{CONTENT_LENGTH, HeaderValue};
use tokio::time::Instant;

use super::host::{Host, Place};
use super::{ATTEMPT, Failure, REDIRECTS, Request, Response, Wire, too_many_redirects};
use crate::problem::Problem;

/// Longest time without a byte, and until the response after the last one.
const STALL: Duration = Duration::from_secs(30);

/// A response to a request for content.
pub(crate) enum Opened {
    /// 200 or 206: the content can be read.
    Content(Box<Download>),
    /// Any other response, read whole.
    Other(Box<Response>),
}

/// Content that is being read.
pub(crate) struct Download {
    wire: Wire,
    request: Request,
    /// The response without its body.
    pub head: Response,
    body: reqwest::Response,
    opened: Instant,
    /// Kept until the end of the body.
    _place: Place,
}

/// Content to send.
pub(crate) struct UploadBody {
    /// Sent as `Content-Length`.
    pub length: u64,
    /// Exactly `length` bytes. An error ends the request.
    pub content: BoxStream<'static, Result<Bytes, Problem>>,
}

impl Wire {
    /// Requests content, with retries and redirects as [`Wire::send_following`], until its first byte can be read.
    ///
    /// # Errors
    /// As [`Wire::send_following`].
    pub(crate) async fn open(&self, mut request: Request) -> Result<Opened, Problem> {
        for _ in 0..=REDIRECTS {
            let host = self.host(&request.host());
            let attempt = || self.attempt_open(&request, &host);
            let opened = self.retrying(&request, attempt).await?;
            let Opened::Other(response) = &opened else {
                return Ok(opened);
            };
            match self.redirected(request.clone(), response)? {
                Some(next) => request = next,
                None => return Ok(opened),
            }
        }
        Err(too_many_redirects(&request))
    }

    async fn attempt_open(&self, request: &Request, host: &Host) -> Result<Opened, Failure> {
        let place = host.place(request.traffic).await;
        self.inner.ledger.sent(&request.host(), 0);
        let opened = Instant::now();
        let exchange = Box::pin(async {
            let response = self.connect(request, None).await?;
            match response.status().as_u16() {
                200 | 206 => Ok((self.head(request, &response), Some(response))),
                _ => Ok((self.read(request, response).await?, None)),
            }
        });
        let result = tokio::time::timeout(ATTEMPT, exchange).await;
        let (head, body) =
            result.unwrap_or_else(|_| Err(self.too_slow(request, "no response", ATTEMPT)))?;
        let head = self.examined(request, host, &place, opened, head)?;
        Ok(match body {
            Some(body) => Opened::Content(Box::new(Download {
                wire: self.clone(),
                request: request.clone(),
                head,
                body,
                opened,
                _place: place,
            })),
            None => {
                let ledger = &self.inner.ledger;
                ledger.took(&request.host(), opened.elapsed());
                Opened::Other(Box::new(head))
            }
        })
    }

    /// Sends a request once, whose body is read while it is sent.
    ///
    /// # Errors
    /// As [`Wire::send`] without retries, and that of the body.
    pub(crate) async fn upload(
        &self,
        mut request: Request,
        body: UploadBody,
    ) -> Result<Response, Problem> {
        let name = request.host();
        let host = self.host(&name);
        let length = HeaderValue::from(body.length);
        request.headers.insert(CONTENT_LENGTH, length);
        let pace = Arc::new(Pace::new());
        let content = paced(body, &pace, {
            let (wire, name) = (self.clone(), name.clone());
            move |bytes| wire.inner.ledger.uploaded(&name, bytes)
        });
        let work = async {
            let place = host.place(request.traffic).await;
            self.inner.ledger.sent(&name, 0);
            pace.waits_for_connection();
            let started = Instant::now();
            let exchange = Box::pin(async {
                let body = reqwest::Body::wrap_stream(content);
                let response = self.connect(&request, Some(body)).await?;
                self.read(&request, response).await
            });
            let result = tokio::select! {
                result = exchange => result,
                () = pace.stalled() => Err(self.too_slow(&request, "no progress", STALL)),
            };
            self.inner.ledger.took(&name, started.elapsed());
            let response = result
                .and_then(|response| self.examined(&request, &host, &place, started, response));
            response.map_err(|failure| failure.problem.acted())
        };
        let result = self.limit.guard(work).await;
        // The request breaks if its body fails; the body has the reason.
        let result = match pace.failure() {
            Some(problem) => Err(problem),
            None => result,
        };
        result.map_err(|problem| self.finish(problem, 1, &request))
    }
}

impl Download {
    /// The next bytes. `None` at the end of the body.
    ///
    /// # Errors
    /// If the connection breaks, no byte arrives in time, or the run ends.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let Self {
            wire,
            request,
            head,
            body,
            ..
        } = self;
        let read = async {
            let failure = match tokio::time::timeout(STALL, body.chunk()).await {
                Ok(Ok(chunk)) => return Ok(chunk),
                Ok(Err(error)) => wire.broken(request, &error, Some(head.status)).await,
                Err(_) => wire.too_slow(request, "no progress", STALL),
            };
            Err(failure.problem)
        };
        let chunk = wire.limit.guard(read).await;
        let chunk = chunk.map_err(|problem| wire.finish(problem, 1, request))?;
        let count = chunk.as_ref().map_or(0, Bytes::len);
        wire.inner.ledger.received(&request.host(), count);
        Ok(chunk)
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        let ledger = &self.wire.inner.ledger;
        ledger.took(&self.request.host(), self.opened.elapsed());
    }
}

/// Whether an upload waits for its body or for the connection, and the failure of the body.
struct Pace(Mutex<State>);

struct State {
    /// Since when the connection has not taken the next bytes. `None` while the body is read.
    since: Option<Instant>,
    failure: Option<Problem>,
}

impl Pace {
    fn new() -> Self {
        let state = State {
            since: None,
            failure: None,
        };
        Self(Mutex::new(state))
    }

    fn waits_for_body(&self) {
        self.change(|state| state.since = None);
    }

    fn waits_for_connection(&self) {
        self.change(|state| state.since = Some(Instant::now()));
    }

    fn failed(&self, problem: &Problem) {
        self.change(|state| state.failure = Some(problem.clone()));
    }

    fn failure(&self) -> Option<Problem> {
        self.change(|state| state.failure.take())
    }

    /// Ends when the connection has taken nothing for too long.
    async fn stalled(&self) {
        loop {
            let now = Instant::now();
            let since = self.change(|state| state.since).unwrap_or(now);
            if now.duration_since(since) >= STALL {
                return;
            }
            tokio::time::sleep_until(since + STALL).await;
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The body, with its bytes counted and its pace noted.
fn paced(
    body: UploadBody,
    pace: &Arc<Pace>,
    count: impl Fn(usize) + Send + 'static,
) -> impl futures_util::Stream<Item = Result<Bytes, Problem>> + Send + 'static {
    let state = (body.content, Arc::clone(pace), count);
    stream::unfold(state, |(mut content, pace, count)| async move {
        pace.waits_for_body();
        let next = content.next().await;
        pace.waits_for_connection();
        let next = next?;
        match &next {
            Ok(bytes) => count(bytes.len()),
            Err(problem) => pace.failed(problem),
        }
        Some((next, (content, pace, count)))
    })
}
