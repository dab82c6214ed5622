//! The wire: the only module that opens connections.
//!
//! Retries, throttling, the run's deadline, size limits, redaction and the request ledger are implemented
//! here once, for registries, Entra, Azure Resource Manager and chart repositories. HTTP/1.1 only: a run needs a
//! few requests at a time, and one that stalls must not delay the others. Redirects are followed
//! only for content that is verified by its digest, and never with a token to another host.

mod broken;
mod clock;
mod ledger;
mod limit;
mod network;
mod no_proxy;
mod proxy;
mod reading;
mod redact;
mod request;
mod retry;
mod secrets;
mod service_error;
mod tls;

use std::collections::HashMap;
use std::error::Error as StdError;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::Retryable as _;
use bytes::{Bytes, BytesMut};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub(crate) use ledger::{HostLedger, Ledger};
pub use limit::Limit;
pub(crate) use network::Network;
pub(crate) use no_proxy::NoProxy;
pub(crate) use redact::redacted;
pub(crate) use request::{Repeat, Request, Response, has_no_userinfo, same_origin};
pub(crate) use retry::retry_after;
pub(crate) use secrets::Secrets;

use crate::problem::{Cause, Problem};
use clock::Clock;
use proxy::ForwardProxy;

/// Longest time for one try of one call, from connecting to the last byte.
const ATTEMPT: Duration = Duration::from_secs(20);
/// Longest time until a connection is open.
const CONNECT: Duration = Duration::from_secs(10);
/// Redirects that are followed one after another.
const REDIRECTS: usize = 5;
/// How much of a refusal's body is read: error messages are short, and the status alone is enough.
const REFUSAL_CAP: usize = 64 << 10;
/// Requests to one host at the same time.
const AT_ONCE: usize = 8;

/// The reason why no connection can be opened at all.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The bundle of authorities that the user named cannot be used.
    #[error("SSL_CERT_FILE={file:?} cannot be used: {reason}")]
    Authorities {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// The TLS library refused its own defaults.
    #[error("TLS could not be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The proxy's address.
    #[error("HTTPS_PROXY is not a URL: {0}")]
    Proxy(#[from] url::ParseError),
    /// The HTTP library refused the settings.
    #[error("the HTTP client could not be set up: {0}")]
    Http(#[from] reqwest::Error),
}

/// The HTTP client of a run. Cheap to clone.
#[derive(Clone)]
pub struct Wire {
    inner: Arc<Inner>,
    limit: Limit,
}

struct Inner {
    client: Client,
    proxy: Option<ForwardProxy>,
    clock: Clock,
    ledger: Ledger,
    secrets: Secrets,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

/// The state of one host during a run.
struct Host {
    places: Semaphore,
    paused_until: Mutex<Option<Instant>>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

/// One try that failed.
struct Failure {
    problem: Problem,
    transient: bool,
    /// The request may have been acted on.
    received: bool,
    wait: Option<Duration>,
}

impl Wire {
    /// A client with these settings, for a run that ends at `limit`.
    ///
    /// # Errors
    /// When the user's authorities or the proxy's URL cannot be used.
    pub fn new(
        network: &Network,
        secrets: Vec<SecretString>,
        limit: Limit,
    ) -> Result<Self, SetupError> {
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls::client_config(network.authorities.as_deref())?)
            .user_agent(concat!("azure-rw-acr-sync/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .http1_only()
            .no_proxy();
        let proxy = ForwardProxy::new(network)?;
        if let Some(proxy) = &proxy {
            builder = builder.proxy(proxy.rule());
        }
        let inner = Inner {
            client: builder.build()?,
            proxy,
            clock: Clock::default(),
            ledger: Ledger::default(),
            secrets: Secrets::default(),
            hosts: Mutex::default(),
        };
        secrets
            .into_iter()
            .for_each(|secret| inner.secrets.learn(&secret));
        Ok(Self {
            inner: Arc::new(inner),
            limit,
        })
    }

    pub(crate) fn limit(&self) -> &Limit {
        &self.limit
    }

    /// The same client with an earlier end.
    #[must_use]
    pub fn limited(&self, limit: Limit) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            limit,
        }
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.inner.ledger
    }

    /// Keeps one more text out of all messages.
    pub fn learn_secret(&self, secret: &SecretString) {
        self.inner.secrets.learn(secret);
    }

    /// A text from a third party without the secrets of this run.
    pub fn scrub(&self, text: &str) -> String {
        self.inner.secrets.scrub(text)
    }

    /// Sends a request, with retries if they may help, and reads the whole response.
    ///
    /// # Errors
    /// If the response is incomplete, too large, or a 408, 429 or 5xx after all retries; and at the end of the run.
    /// Any other status is a response.
    pub async fn send(&self, request: Request) -> Result<Response, Problem> {
        let host = self.host(&request.host());
        let started = Instant::now();
        let tries = AtomicU32::new(0);
        let work = (|| {
            if tries.fetch_add(1, Ordering::Relaxed) > 0 {
                self.inner.ledger.retried(&request.host());
            }
            self.attempt(&request, &host)
        })
        .retry(retry::delays())
        .when(|failure: &Failure| {
            let may = request.repeat == Repeat::Always || !failure.received;
            failure.transient && may && started.elapsed() < retry::BUDGET
        })
        .adjust(|failure, delay| {
            let wait = delay?.max(failure.wait.unwrap_or_default());
            (wait <= retry::LONGEST_WAIT).then_some(wait)
        })
        .notify(|failure: &Failure, delay| {
            tracing::info!(
                "trying again in {} ms: {}",
                delay.as_millis(),
                self.scrub(&failure.problem.what)
            );
        });
        let result = self
            .limit
            .guard(async {
                work.await.map_err(|failure| Problem {
                    may_have_acted: failure.received,
                    ..failure.problem
                })
            })
            .await;
        result.map_err(|problem| self.finish(problem, tries.load(Ordering::Relaxed), &request))
    }

    /// Like [`Wire::send`], and follows redirects: over https only, and to another host without the token.
    ///
    /// For content that is verified by its digest afterwards, or public: blobs, charts, indexes.
    ///
    /// # Errors
    /// As [`Wire::send`], and for too many redirects or a target without https.
    pub async fn send_following(&self, mut request: Request) -> Result<Response, Problem> {
        for _ in 0..=REDIRECTS {
            let response = self.send(request.clone()).await?;
            if !response.status.is_redirection() || response.status == StatusCode::NOT_MODIFIED {
                return Ok(response);
            }
            let target = response
                .header("location")
                .and_then(|text| response.url.join(text).ok());
            let is_usable =
                |url: &url::Url| url.scheme() == "https" && url.has_host() && has_no_userinfo(url);
            let Some(target) = target.filter(is_usable) else {
                return Err(response.invalid("the redirect target is not a valid https URL"));
            };
            if target.origin() != request.url.origin() {
                (request.bearer, request.basic) = (None, None);
            }
            request.url = target;
        }
        let reason = format!("more than {REDIRECTS} redirects");
        Err(request.problem(Cause::Invalid, &reason))
    }

    fn finish(&self, mut problem: Problem, tries: u32, request: &Request) -> Problem {
        if matches!(problem.cause, Cause::Deadline | Cause::Interrupted) {
            problem.what = format!("{} ({})", problem.what, request.name());
        } else if tries > 1 {
            problem.what = format!("{}, tried {tries} times", problem.what);
        }
        problem.what = self.inner.secrets.scrub(&problem.what);
        problem
    }

    async fn attempt(&self, request: &Request, host: &Host) -> Result<Response, Failure> {
        host.wait_for_turn().await;
        let name = request.host();
        let _place = host.places.acquire().await;
        self.inner
            .ledger
            .sent(&name, request.body.as_ref().map_or(0, Bytes::len));
        let started = Instant::now();
        // Boxed: the futures of a run nest deeply, and this one is the innermost and the largest.
        let exchange = Box::pin(self.exchange(request));
        let result = match tokio::time::timeout(ATTEMPT, exchange).await {
            Ok(result) => result,
            Err(_) => Err(self.too_slow(request)),
        };
        self.inner.ledger.took(&name, started.elapsed());
        let response = result?;
        self.inner.clock.compare(&response);
        tracing::debug!(
            "{}: {} in {} ms",
            self.scrub(&response.request),
            response.status,
            started.elapsed().as_millis()
        );
        if let Some(remaining) = response.header("ratelimit-remaining") {
            self.inner.ledger.rate_limit(&name, remaining);
        }
        if retry::is_transient(response.status) && !(request.is_final)(&response) {
            return Err(host.refused(&response));
        }
        Ok(response)
    }

    async fn exchange(&self, request: &Request) -> Result<Response, Failure> {
        let mut builder = self
            .inner
            .client
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone());
        if let Some(token) = &request.bearer {
            builder = builder.bearer_auth(token.expose_secret());
        }
        if let Some((user, password)) = &request.basic {
            builder = builder.basic_auth(user.expose_secret(), Some(password.expose_secret()));
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let mut response = match builder.send().await {
            Ok(response) => response,
            Err(error) => return Err(self.broken(request, &error, None).await),
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = BytesMut::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    self.inner.ledger.received(&request.host(), chunk.len());
                    if !status.is_success() && body.len() + chunk.len() > REFUSAL_CAP {
                        break;
                    }
                    if body.len() + chunk.len() > request.cap {
                        return Err(too_large(request));
                    }
                    body.extend_from_slice(&chunk);
                }
                Ok(None) => break,
                Err(error) => return Err(self.broken(request, &error, Some(status)).await),
            }
        }
        let (side, url, name) = (request.side, request.url.clone(), request.name());
        Ok(Response {
            side,
            request: name,
            url,
            status,
            headers,
            body: body.freeze(),
            secrets: self.inner.secrets.clone(),
        })
    }

    async fn broken(
        &self,
        request: &Request,
        error: &reqwest::Error,
        status: Option<StatusCode>,
    ) -> Failure {
        let Inner { proxy, clock, .. } = &*self.inner;
        broken::failure(request, error, status, proxy.as_ref(), clock).await
    }

    fn too_slow(&self, request: &Request) -> Failure {
        let proxy = self.inner.proxy.as_ref();
        let proxy = proxy.filter(|proxy| proxy.takes(&request.url));
        let reason = format!(
            "no complete response in {} s{}",
            ATTEMPT.as_secs(),
            broken::through(proxy)
        );
        let advice = match proxy {
            Some(_) => {
                "the service, the proxy or the network is slow: try again later, or check NO_PROXY"
            }
            None => "the service or the network is slow: try again later",
        };
        Failure {
            problem: request.problem(Cause::TimedOut, &reason).advise(advice),
            transient: true,
            received: true,
            wait: None,
        }
    }

    fn host(&self, name: &str) -> Arc<Host> {
        let mut hosts = self
            .inner
            .hosts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let host = hosts.entry(name.to_owned()).or_insert_with(|| {
            Arc::new(Host {
                places: Semaphore::new(AT_ONCE),
                paused_until: Mutex::new(None),
            })
        });
        Arc::clone(host)
    }
}

impl Host {
    /// After a 429, all requests to the host wait for the time that it named.
    async fn wait_for_turn(&self) {
        loop {
            let until = *self
                .paused_until
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            match until {
                Some(until) if until > Instant::now() => tokio::time::sleep_until(until).await,
                Some(_) | None => return,
            }
        }
    }

    fn refused(&self, response: &Response) -> Failure {
        let wait = response
            .header(RETRY_AFTER.as_str())
            .and_then(|value| retry_after(value, response.date()));
        let throttled = response.status == StatusCode::TOO_MANY_REQUESTS;
        if let (true, Some(wait)) = (throttled, wait.filter(|wait| *wait <= retry::LONGEST_WAIT)) {
            *self
                .paused_until
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + wait);
        }
        let cause = if throttled {
            Cause::Throttled
        } else {
            Cause::Unavailable
        };
        let mut problem = response.refusal(cause);
        if let Some(wait) = wait {
            problem.what = format!("{}, retry after {} s", problem.what, wait.as_secs());
        }
        let advice = if throttled {
            "too many requests: try again later"
        } else {
            "the service has a failure: try again later"
        };
        Failure {
            problem: problem.advise(advice),
            transient: true,
            received: !matches!(
                response.status,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
            ),
            wait,
        }
    }
}

fn too_large(request: &Request) -> Failure {
    let reason = format!("the response is larger than {} KiB", request.cap >> 10);
    Failure {
        problem: request.problem(Cause::Invalid, &reason),
        transient: false,
        received: true,
        wait: None,
    }
}

/// An error and what caused it, the cause last.
pub(crate) fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn StdError + 'static) = *error;
        error.source()
    })
}
