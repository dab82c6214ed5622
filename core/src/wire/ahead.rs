//! Connections that are opened before a request needs them.
//!
//! A connection costs two round trips (TCP and TLS) before the first request. A run knows most of its hosts when it starts, so
//! these connections are opened while other requests wait. No request is sent on them until they are needed.
//!
//! The HTTP library opens a connection only for a request. So a second client, with the same settings and without a pool,
//! begins a request for each connection. A layer around its connector keeps the connection and fails the request,
//! which is never sent. The same layer around the connector of the first client returns a kept connection in place of a new
//! one. A kept connection takes the same way (proxy, authorities) as any other.
//!
//! A connection that cannot be opened changes nothing: a request that finds none opens its own, and does not wait
//! longer for a kept one than for its own.
//!
//! The library opens a connection as soon as none is free, also if one becomes free a moment later. So the connector waits
//! a moment before it opens another connection to a host.

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::{Either, ready, select};
use hyper::rt::{Read, ReadBuf};
use reqwest::Client;
use tokio::sync::Notify;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;
use url::Url;

use super::{ATTEMPT, Request, Response, Wire};

/// A kept connection that is older is not used: a server may be about to close it.
const LONGEST_IDLE: Duration = Duration::from_secs(30);
/// Time in which a connection that is in use may become free, before another one to the same host is opened.
const GRACE: Duration = Duration::from_millis(20);

tokio::task_local! {
    /// The origin of the request that is being sent. The connector's own argument does not show it.
    static TARGET: String;
}

type Error = Box<dyn std::error::Error + Send + Sync>;

impl Wire {
    /// Opens connections to a host that later requests will need. Nothing waits for them, and nothing depends on them.
    pub(crate) fn open_ahead(&self, host: &str, connections: usize) {
        let Ok(url) = Url::parse(&format!("https://{host}/")) else {
            return;
        };
        for _ in 0..connections.min(self.host(host).at_once) {
            let (opener, url) = (self.inner.opener.clone(), url.clone());
            tokio::spawn(async move { open(&opener, url).await });
        }
    }

    /// Sends a request once, for a result that a later request can get too. Nothing waits for it: a failure is not
    /// reported, and the request neither takes a place at its host nor pauses the host's other requests.
    pub(crate) async fn send_ahead(&self, request: &Request) -> Option<Response> {
        let name = request.host();
        self.inner.ledger.sent(&name, 0);
        let started = Instant::now();
        let work = async {
            let response = self.connect(request, None).await?;
            self.read(request, response).await
        };
        let exchange = tokio::time::timeout(ATTEMPT, Box::pin(work));
        let response = exchange.await.ok()?.ok()?;
        self.inner.ledger.took(&name, started.elapsed());
        response.status.is_success().then_some(response)
    }
}

/// Opens a connection and keeps it, without a result.
async fn open(client: &Client, url: Url) {
    let target = url.origin().ascii_serialization();
    // The connector fails this request when the connection is open or cannot be opened.
    let _ = TARGET.scope(target, client.head(url).send()).await;
}

/// Sends a request, on a kept connection if its host has one.
pub(super) async fn send(
    request: reqwest::RequestBuilder,
    url: &Url,
) -> Result<reqwest::Response, reqwest::Error> {
    let target = url.origin().ascii_serialization();
    TARGET.scope(target, request.send()).await
}

/// The kept connections, shared by the connectors of both clients. `C` is the library's type, which has no public name.
pub(super) struct Kept<C>(Arc<Mutex<HashMap<String, OfHost<C>>>>);

/// The kept connections of one host.
struct OfHost<C> {
    open: Vec<(C, Instant)>,
    /// True if requests have a connection, which may become free.
    has_used: bool,
    /// Notified for each connection.
    opened: Arc<Notify>,
}

/// What a connector does with kept connections.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    /// Keeps each connection that it opens, and fails the request.
    Keep,
    /// Uses a kept connection in place of a new one.
    Use,
}

impl<C> Clone for Kept<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C> Default for Kept<C> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<C> Kept<C> {
    pub(super) fn layer(&self, role: Role) -> KeptLayer<C> {
        KeptLayer {
            kept: self.clone(),
            role,
        }
    }

    fn host<R>(&self, target: &str, work: impl FnOnce(&mut OfHost<C>) -> R) -> R {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(hosts.entry(target.to_owned()).or_default())
    }

    fn keep(&self, target: &str, connection: C) {
        self.host(target, |host| {
            host.open.push((connection, Instant::now()));
            host.opened.notify_one();
        });
    }
}

impl<C> Default for OfHost<C> {
    fn default() -> Self {
        Self {
            open: Vec::new(),
            has_used: false,
            opened: Arc::default(),
        }
    }
}

impl<C: Read + Unpin> Kept<C> {
    /// A connection to this host that is still open.
    fn take(&self, target: &str) -> Option<C> {
        self.host(target, |host| {
            while let Some((mut connection, since)) = host.open.pop() {
                if since.elapsed() < LONGEST_IDLE && is_idle(&mut connection) {
                    host.has_used = true;
                    return Some(connection);
                }
            }
            None
        })
    }

    /// The next connection to this host that is kept. Never ends if none is.
    async fn next(&self, target: &str) -> C {
        let opened = self.host(target, |host| Arc::clone(&host.opened));
        loop {
            opened.notified().await;
            if let Some(connection) = self.take(target) {
                return connection;
            }
        }
    }
}

/// True if the server has neither closed the connection nor sent anything, which it does not do before a request.
fn is_idle<C: Read + Unpin>(connection: &mut C) -> bool {
    let mut space = [0; 1];
    let mut buffer = ReadBuf::new(&mut space);
    let mut context = Context::from_waker(Waker::noop());
    let read = Pin::new(connection).poll_read(&mut context, buffer.unfilled());
    read.is_pending()
}

pub(super) struct KeptLayer<C> {
    kept: Kept<C>,
    role: Role,
}

impl<C> Clone for KeptLayer<C> {
    fn clone(&self) -> Self {
        self.kept.layer(self.role)
    }
}

impl<S, C> Layer<S> for KeptLayer<C> {
    type Service = KeptConnector<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        KeptConnector {
            inner,
            kept: self.kept.clone(),
            role: self.role,
        }
    }
}

pub(super) struct KeptConnector<S, C> {
    inner: S,
    kept: Kept<C>,
    role: Role,
}

impl<S: Clone, C> Clone for KeptConnector<S, C> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            kept: self.kept.clone(),
            role: self.role,
        }
    }
}

impl<S, C, T> Service<T> for KeptConnector<S, C>
where
    S: Service<T, Response = C, Error = Error> + Clone + Send + 'static,
    S::Future: Send + 'static,
    C: Read + Unpin + Send + 'static,
    T: Send + 'static,
{
    type Response = C;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<C, Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, destination: T) -> Self::Future {
        let Ok(target) = TARGET.try_with(Clone::clone) else {
            return Box::pin(self.inner.call(destination));
        };
        let kept = self.kept.clone();
        match self.role {
            Role::Keep => {
                let connecting = self.inner.call(destination);
                Box::pin(async move {
                    kept.keep(&target, connecting.await?);
                    Err("the connection is kept for a later request".into())
                })
            }
            Role::Use => {
                if let Some(connection) = kept.take(&target) {
                    return Box::pin(ready(Ok(connection)));
                }
                // `poll_ready` was called on `self.inner`, not on the clone.
                let clone = self.inner.clone();
                let mut inner = std::mem::replace(&mut self.inner, clone);
                Box::pin(async move {
                    let connecting = async {
                        wait_for_free(&kept, &target).await?;
                        inner.call(destination).await
                    };
                    // A connection that is being opened ahead may be ready earlier than one that begins now.
                    let next = kept.next(&target);
                    match select(pin!(next), pin!(connecting)).await {
                        Either::Left((connection, _)) => Ok(connection),
                        Either::Right((result, _)) => {
                            kept.host(&target, |host| host.has_used |= result.is_ok());
                            result
                        }
                    }
                })
            }
        }
    }
}

/// Waits if the host has connections, one of which may become free.
///
/// # Errors
/// If that is so. The library then polls the connector in a task of its own, because it would put a second connection into the
/// pool.
async fn wait_for_free<C>(kept: &Kept<C>, target: &str) -> Result<(), Error> {
    if !kept.host(target, |host| host.has_used) {
        return Ok(());
    }
    tokio::time::sleep(GRACE).await;
    let is_served = TARGET.try_with(|_| ()).is_err();
    if is_served {
        return Err("another connection became free".into());
    }
    Ok(())
}
