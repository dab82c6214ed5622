//! The wire: the one way in which this program talks to other machines.
//!
//! Retries, throttling, the run's deadline, size limits, redaction and the request ledger live here once,
//! for registries, Entra, Azure Resource Manager and chart repositories. HTTP/1.1 only: a run needs a
//! handful of requests at a time, and a stall of one must not hold up the others. Redirects are followed
//! only where content is known by its digest, and never with a token to another host.

mod call;
mod ledger;
mod limit;
mod redact;
mod retry;
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
use reqwest::{Client, NoProxy, Proxy, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub use call::{Answer, Call, Repeat};
pub(crate) use call::{is_at_home, is_plain};
pub use ledger::{HostLedger, Ledger};
pub use limit::Limit;
pub use redact::{Secrets, shown};
pub use retry::retry_after;

use crate::config::Network;
use crate::problem::{Cause, Party, Problem, harmless};

/// Longest time for one try of one call, from connecting to the last byte.
const ATTEMPT: Duration = Duration::from_secs(20);
/// Longest time until a connection stands.
const CONNECT: Duration = Duration::from_secs(10);
/// Redirects that are followed one after another.
const REDIRECTS: usize = 5;
/// How much of a refusal is read: what a service says with it is short, and the status tells without it.
const REFUSAL_CAP: usize = 64 << 10;
/// Requests to one host at the same time.
const AT_ONCE: usize = 8;

/// Why no connection can be made at all.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The bundle of authorities that the user named is of no use.
    #[error("SSL_CERT_FILE: no authority could be read from {file:?}: {reason}")]
    Authorities {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// The TLS library refused its own defaults.
    #[error("TLS could not be set up: {0}")]
    Tls(#[from] rustls::Error),
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
    ledger: Ledger,
    secrets: Secrets,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

/// What is known of one host during a run.
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
        if let Some(proxy) = &network.proxy {
            let except = network.no_proxy.as_deref().and_then(NoProxy::from_string);
            builder = builder.proxy(Proxy::https(proxy.expose_secret())?.no_proxy(except));
        }
        let inner = Inner {
            client: builder.build()?,
            ledger: Ledger::default(),
            secrets: Secrets::default(),
            hosts: Mutex::default(),
        };
        secrets
            .into_iter()
            .for_each(|secret| inner.secrets.learn(secret));
        Ok(Self {
            inner: Arc::new(inner),
            limit,
        })
    }

    /// The end of the run that this client belongs to.
    pub fn limit(&self) -> &Limit {
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

    /// The request ledger so far.
    pub fn ledger(&self) -> &Ledger {
        &self.inner.ledger
    }

    /// Keeps one more text out of all messages.
    pub fn learn_secret(&self, secret: &SecretString) {
        self.inner.secrets.learn(secret.clone());
    }

    /// A text of somebody else's without the secrets of this run.
    pub fn scrub(&self, text: &str) -> String {
        self.inner.secrets.scrub(text)
    }

    /// Sends a request, again where that can help, and reads the whole answer.
    ///
    /// # Errors
    /// When there is no answer, or only 408, 429 and 5xx, or one larger than the call takes; and at the
    /// run's end. Any other status is an answer.
    pub async fn send(&self, call: Call) -> Result<Answer, Problem> {
        let host = self.host(&call.host());
        let started = Instant::now();
        let tries = AtomicU32::new(0);
        let work = (|| {
            if tries.fetch_add(1, Ordering::Relaxed) > 0 {
                self.inner.ledger.retried(&call.host());
            }
            self.attempt(&call, &host)
        })
        .retry(retry::delays())
        .when(|failure: &Failure| {
            let may = call.repeat == Repeat::Always || !failure.received;
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
                failure.problem.what
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
        result.map_err(|problem| self.finish(problem, tries.load(Ordering::Relaxed), &call))
    }

    /// Like [`Wire::send`], and follows redirects: over https only, and to another host without the token.
    ///
    /// For what is verified by its digest afterwards, or public: blobs, charts, indexes.
    ///
    /// # Errors
    /// As [`Wire::send`], and when redirects lead round and round or away from https.
    pub async fn send_following(&self, mut call: Call) -> Result<Answer, Problem> {
        for _ in 0..=REDIRECTS {
            let answer = self.send(call.clone()).await?;
            if !answer.status.is_redirection() || answer.status == StatusCode::NOT_MODIFIED {
                return Ok(answer);
            }
            let target = answer
                .header("location")
                .and_then(|text| answer.url.join(text).ok());
            let is_usable =
                |url: &url::Url| url.scheme() == "https" && url.has_host() && is_plain(url);
            let Some(target) = target.filter(is_usable) else {
                return Err(answer.invalid("a redirect that leads nowhere, or away from https"));
            };
            if target.origin() != call.url.origin() {
                (call.bearer, call.basic) = (None, None);
            }
            call.url = target;
        }
        let what = format!("{}: more than {REDIRECTS} redirects", call.name());
        Err(Problem::new(call.party, Cause::Invalid, what))
    }

    fn finish(&self, mut problem: Problem, tries: u32, call: &Call) -> Problem {
        if matches!(problem.cause, Cause::Deadline | Cause::Interrupted) {
            problem.what = format!("{}: {}", call.name(), problem.what);
        } else if tries > 1 {
            problem.what = format!("{} (tried {tries} times)", problem.what);
        }
        problem.what = self.inner.secrets.scrub(&problem.what);
        problem
    }

    async fn attempt(&self, call: &Call, host: &Host) -> Result<Answer, Failure> {
        host.wait_for_turn().await;
        let name = call.host();
        let _place = host.places.acquire().await;
        self.inner
            .ledger
            .sent(&name, call.body.as_ref().map_or(0, Bytes::len));
        let started = Instant::now();
        let result = match tokio::time::timeout(ATTEMPT, self.exchange(call)).await {
            Ok(result) => result,
            Err(_) => Err(Failure {
                problem: Problem::new(
                    call.party,
                    Cause::TimedOut,
                    format!(
                        "{}: no complete answer in {} s",
                        call.name(),
                        ATTEMPT.as_secs()
                    ),
                )
                .advise("the service or the way to it is slow; try again later"),
                transient: true,
                received: true,
                wait: None,
            }),
        };
        self.inner.ledger.took(&name, started.elapsed());
        let answer = result?;
        tracing::debug!(
            "{}: {} in {} ms",
            answer.call,
            answer.status,
            started.elapsed().as_millis()
        );
        if let Some(remaining) = answer.header("ratelimit-remaining") {
            self.inner.ledger.rate_limit(&name, remaining);
        }
        if retry::is_transient(answer.status) && !(call.is_final)(&answer) {
            return Err(host.refused(&answer));
        }
        Ok(answer)
    }

    async fn exchange(&self, call: &Call) -> Result<Answer, Failure> {
        let mut request = self
            .inner
            .client
            .request(call.method.clone(), call.url.clone())
            .headers(call.headers.clone());
        if let Some(token) = &call.bearer {
            request = request.bearer_auth(token.expose_secret());
        }
        if let Some((user, password)) = &call.basic {
            request = request.basic_auth(user.expose_secret(), Some(password.expose_secret()));
        }
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        let mut response = request
            .send()
            .await
            .map_err(|error| broken(call, &error, None))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = BytesMut::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    self.inner.ledger.received(&call.host(), chunk.len());
                    if !status.is_success() && body.len() + chunk.len() > REFUSAL_CAP {
                        break;
                    }
                    if body.len() + chunk.len() > call.cap {
                        return Err(too_large(call));
                    }
                    body.extend_from_slice(&chunk);
                }
                Ok(None) => break,
                Err(error) => return Err(broken(call, &error, Some(status))),
            }
        }
        let (party, url, name) = (call.party, call.url.clone(), call.name());
        Ok(Answer {
            party,
            call: name,
            url,
            status,
            headers,
            body: body.freeze(),
            secrets: self.inner.secrets.clone(),
        })
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
    /// A host that said 429 is left alone by everybody until the time it named.
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

    fn refused(&self, answer: &Answer) -> Failure {
        let wait = answer
            .header(RETRY_AFTER.as_str())
            .and_then(|value| retry_after(value, answer.date()));
        let throttled = answer.status == StatusCode::TOO_MANY_REQUESTS;
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
        let mut problem = answer.problem(cause);
        if let Some(wait) = wait {
            problem.what = format!("{} (asks to wait {} s)", problem.what, wait.as_secs());
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
                answer.status,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
            ),
            wait,
        }
    }
}

fn too_large(call: &Call) -> Failure {
    let what = format!(
        "{}: the answer is larger than {} KiB",
        call.name(),
        call.cap >> 10
    );
    Failure {
        problem: Problem::new(call.party, Cause::Invalid, what),
        transient: false,
        received: true,
        wait: None,
    }
}

/// A connection that was not made or did not last.
fn broken(call: &Call, error: &reqwest::Error, status: Option<StatusCode>) -> Failure {
    let untrusted = chain(error).any(|source| source.is::<rustls::Error>() || inner_is_tls(source));
    // The library's own first line repeats the URL; what it is about comes behind.
    let reasons: Vec<_> = chain(error).skip(1).map(ToString::to_string).collect();
    let mut reason = reasons
        .last()
        .cloned()
        .unwrap_or_else(|| "the connection failed".to_owned());
    if let Some(tunnel) = reasons.iter().find(|reason| reason.contains("tunnel")) {
        reason = format!("the proxy did not open the way ({tunnel})");
    }
    let during = status.map_or_else(String::new, |status| {
        format!("{status}, but the answer broke off: ")
    });
    let what = harmless(&format!("{}: {during}{reason}", call.name()));
    let advice = if untrusted {
        "if a proxy or firewall opens TLS on the way, set SSL_CERT_FILE to the PEM bundle with its authority"
    } else if error.is_connect() && call.party == Party::Destination {
        "check REGISTRY_NAME, DNS and the way to the registry (private endpoint, HTTPS_PROXY, NO_PROXY)"
    } else if error.is_connect() {
        "check DNS and the way out of this network (HTTPS_PROXY, NO_PROXY)"
    } else {
        "the connection broke; try again later"
    };
    Failure {
        problem: Problem::new(call.party, Cause::Unreachable, what).advise(advice),
        transient: !untrusted && !error.is_builder(),
        received: !error.is_connect(),
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

/// rustls hands its errors on inside an `io::Error`, which hides them from the chain.
fn inner_is_tls(error: &(dyn StdError + 'static)) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.and_then(std::io::Error::get_ref)
        .is_some_and(|inner| inner.is::<rustls::Error>())
}
