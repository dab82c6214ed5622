//! The wire: the only module that opens connections.
//!
//! Retries, throttling, the run's deadline, size limits, redaction and the request ledger are implemented
//! here once, for registries, Entra, Azure Resource Manager and chart repositories. HTTP/1.1 only: a run needs a
//! few requests at a time, and one that stalls must not delay the others. Redirects are followed
//! only for content that is verified by its digest, and never with a token to another host.

mod ahead;
mod broken;
mod clock;
mod host;
mod issuer;
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
mod seen;
mod service_error;
mod sink;
mod stream;
mod tls;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::Retryable as _;
use bytes::{Bytes, BytesMut};
use reqwest::{Client, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

pub(crate) use broken::chain;
pub use host::connections_of_each;
pub(crate) use ledger::{HostLedger, Ledger};
pub use limit::Limit;
pub(crate) use network::CaBundle;
pub(crate) use network::Network;
pub use network::SetupError;
pub(crate) use no_proxy::NoProxy;
pub(crate) use proxy::Way;
pub(crate) use redact::redacted;
pub(crate) use request::{Repeat, Request, Response, Traffic, has_no_userinfo, same_origin};
pub(crate) use retry::retry_after;
pub(crate) use secrets::Secrets;
pub(crate) use seen::{HostFacts, RateLimit};
pub(crate) use sink::{Receive, Sink};
pub(crate) use stream::{Download, Opened, UploadBody};
pub(crate) use tls::Trust;

use crate::name::Registry;
use crate::problem::{Cause, Problem};
use ahead::{Kept, Role};
use clock::Clock;
use host::{Host, Place};
use proxy::ForwardProxy;
use seen::Seen;

/// Longest time for one try of one call, from connecting to the last byte.
const ATTEMPT: Duration = Duration::from_secs(20);
/// Longest time until a connection is open.
const CONNECT: Duration = Duration::from_secs(10);
/// Redirects that are followed one after another.
const REDIRECTS: usize = 5;
/// How much of a refusal's body is read: error messages are short, and the status alone is enough.
const REFUSAL_CAP: usize = 64 << 10;

/// The HTTP client of a run. Cheap to clone.
#[derive(Clone)]
pub struct Wire {
    inner: Arc<Inner>,
    limit: Limit,
}

struct Inner {
    client: Client,
    /// Opens the connections that `client` uses later.
    opener: Client,
    proxy: Option<ForwardProxy>,
    trust: Trust,
    clock: Clock,
    seen: Seen,
    ledger: Ledger,
    secrets: Secrets,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
    /// The most requests of a copy to one host at the same time.
    copies: usize,
    insecure: BTreeSet<Registry>,
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
        let seen = Seen::default();
        let (tls, trust) = tls::client_config(network.ca_bundle.as_ref(), &seen)?;
        let proxy = ForwardProxy::new(network)?;
        let kept = Kept::default();
        let builder = || {
            let builder = Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .user_agent(concat!("azure-rw-acr-sync/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(CONNECT)
                .http1_only()
                .no_proxy();
            match &proxy {
                Some(proxy) => builder.proxy(proxy.rule()),
                None => builder,
            }
        };
        let inner = Inner {
            client: builder().connector_layer(kept.layer(Role::Use)).build()?,
            // Without a pool, each request opens a connection.
            opener: builder()
                .connector_layer(kept.layer(Role::Keep))
                .pool_max_idle_per_host(0)
                .build()?,
            proxy,
            trust,
            clock: Clock::default(),
            seen,
            ledger: Ledger::default(),
            secrets: Secrets::default(),
            hosts: Mutex::default(),
            copies: network.copy_concurrency,
            insecure: network.insecure.clone(),
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
        self.retrying(&request, || self.attempt(&request, &host))
            .await
    }

    /// Calls `attempt`, again if that may help, until the end of the run.
    async fn retrying<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        request: &Request,
        attempt: impl Fn() -> F,
    ) -> Result<T, Problem> {
        let started = Instant::now();
        let tries = AtomicU32::new(0);
        let work = (|| {
            if tries.fetch_add(1, Ordering::Relaxed) > 0 {
                self.inner.ledger.retried(&request.host());
            }
            attempt()
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
            tracing::debug!(
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
        result.map_err(|problem| self.finish(problem, tries.load(Ordering::Relaxed), request))
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
            match self.redirected(request, &response)? {
                Some(next) => request = next,
                None => return Ok(response),
            }
        }
        Err(too_many_redirects(&request))
    }

    /// The request to the target of a redirect. `None` if the response is not a redirect.
    fn redirected(
        &self,
        mut request: Request,
        response: &Response,
    ) -> Result<Option<Request>, Problem> {
        if !response.status.is_redirection() || response.status == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let target = response
            .header("location")
            .and_then(|text| response.url.join(text).ok());
        let is_usable =
            |url: &url::Url| self.is_allowed(url) && url.has_host() && has_no_userinfo(url);
        let Some(target) = target.filter(is_usable) else {
            return Err(response.invalid("the redirect target is not a valid https URL"));
        };
        if target.origin() != request.url.origin() {
            (request.bearer, request.basic) = (None, None);
        }
        request.url = target;
        Ok(Some(request))
    }

    /// `https`, or `http` for a registry that `REGISTRY_INSECURE` names.
    pub(crate) fn scheme(&self, registry: &Registry) -> &'static str {
        match self.inner.insecure.contains(registry) {
            true => "http",
            false => "https",
        }
    }

    /// True if requests may be sent there: over https, or over http to a registry that `REGISTRY_INSECURE` names.
    pub(crate) fn is_allowed(&self, url: &url::Url) -> bool {
        let is_insecure = |registry| self.inner.insecure.contains(&registry);
        match url.scheme() {
            "https" => true,
            "http" => Registry::of_url(url).is_some_and(is_insecure),
            _ => false,
        }
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
        let place = host.place(request.traffic).await;
        let name = request.host();
        self.inner
            .ledger
            .sent(&name, request.body.as_ref().map_or(0, Bytes::len));
        let started = Instant::now();
        // Boxed: the futures of a run nest deeply, and this one is the innermost and the largest.
        let exchange = Box::pin(async {
            let body = request.body.clone().map(reqwest::Body::from);
            let response = self.connect(request, body).await?;
            self.read(request, response).await
        });
        let result = match tokio::time::timeout(ATTEMPT, exchange).await {
            Ok(result) => result,
            Err(_) => Err(self.too_slow(request, "no complete response", ATTEMPT)),
        };
        self.inner.ledger.took(&name, started.elapsed());
        self.examined(request, host, &place, started, result?)
    }

    /// Learns from a response, and refuses one that may be different a moment later.
    fn examined(
        &self,
        request: &Request,
        host: &Host,
        place: &Place,
        started: Instant,
        response: Response,
    ) -> Result<Response, Failure> {
        self.inner.clock.compare(&response);
        self.inner.seen.responded(&response, started.elapsed());
        place.answered(response.status);
        tracing::debug!(
            "{}: {} in {} ms",
            self.scrub(&response.request()),
            response.status,
            started.elapsed().as_millis()
        );
        if let Some(remaining) = response.header("ratelimit-remaining") {
            self.inner.ledger.rate_limit(&request.host(), remaining);
        }
        if retry::is_transient(response.status) && !(request.is_final)(&response) {
            return Err(host.refused(&response));
        }
        Ok(response)
    }

    /// Sends a request, and waits for the head of the response.
    async fn connect(
        &self,
        request: &Request,
        body: Option<reqwest::Body>,
    ) -> Result<reqwest::Response, Failure> {
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
        if let Some(body) = body {
            builder = builder.body(body);
        }
        match ahead::send(builder, &request.url).await {
            Ok(response) => Ok(response),
            Err(error) => Err(self.broken(request, &error, None).await),
        }
    }

    /// Reads the whole body of a response, or lets the request's receiver read it.
    async fn read(
        &self,
        request: &Request,
        mut response: reqwest::Response,
    ) -> Result<Response, Failure> {
        let mut head = self.head(request, &response);
        let sink = request.sink.as_ref().filter(|_| head.status.is_success());
        if let Some(sink) = sink {
            sink.lock().restart();
        }
        let (mut body, mut length) = (BytesMut::new(), 0);
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    self.inner.ledger.received(&request.host(), chunk.len());
                    length += chunk.len();
                    // The cap is the size of the content. The text of a refusal or of a redirect may be longer.
                    match head.status.is_success() {
                        true if length > request.cap => return Err(too_large(request)),
                        false if length > REFUSAL_CAP => break,
                        true | false => {}
                    }
                    match sink {
                        None => body.extend_from_slice(&chunk),
                        Some(sink) if sink.lock().receive(&chunk).is_break() => break,
                        Some(_) => {}
                    }
                }
                Ok(None) => break,
                Err(error) => return Err(self.broken(request, &error, Some(head.status)).await),
            }
        }
        head.body = body.freeze();
        Ok(head)
    }

    /// A response without its body.
    fn head(&self, request: &Request, response: &reqwest::Response) -> Response {
        Response {
            side: request.side,
            method: request.method.clone(),
            url: request.url.clone(),
            status: response.status(),
            headers: response.headers().clone(),
            body: Bytes::new(),
            secrets: self.inner.secrets.clone(),
        }
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

    /// `missing` is what did not come in time: "no complete response in 20 s".
    fn too_slow(&self, request: &Request, missing: &str, time: Duration) -> Failure {
        let proxy = self.inner.proxy.as_ref();
        let proxy = proxy.filter(|proxy| proxy.takes(&request.url));
        let (seconds, through) = (time.as_secs(), broken::through(proxy));
        let reason = format!("{missing} in {seconds} s{through}");
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
        let host = hosts
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(Host::new(self.inner.copies)));
        Arc::clone(host)
    }
}

fn too_many_redirects(request: &Request) -> Problem {
    let reason = format!("more than {REDIRECTS} redirects");
    request.problem(Cause::Invalid, &reason)
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
