//! The log of all connections and requests.

use crate::message::Request;
use bytes::Bytes;
use serde::Serialize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The number of bytes of a request's body in the log: enough for forms and JSON.
const KEPT_BODY: usize = 64 * 1024;

/// A request and its result.
#[derive(Debug, Clone, Serialize)]
pub struct RecordedRequest {
    /// The number of the request, from 1.
    pub number: u64,
    /// `https`, or `http` for a request to the proxy without TLS.
    pub scheme: &'static str,
    /// The host of the request.
    pub host: String,
    /// The HTTP method.
    pub method: String,
    /// The path without changes.
    pub path: String,
    /// The query without changes; empty for a request without a query.
    pub query: String,
    /// All headers without changes, including `Authorization`.
    pub request_headers: Vec<(String, String)>,
    /// True if the request has an `Authorization` header.
    pub authorization: bool,
    /// The first 64 kB of the body.
    #[serde(skip)]
    pub body: Bytes,
    /// The status of the response; `None` before the response, or if the connection ends without one.
    pub status: Option<u16>,
    /// The fault that applied to the request.
    pub fault: Option<String>,
    /// The number of its connection.
    pub connection: u64,
    /// The size of the request's head and body, inside TLS.
    pub bytes_in: u64,
    /// The size of the response's head and body, inside TLS.
    pub bytes_out: u64,
    /// The received size of the request's body, without the framing of chunks.
    pub body_in: u64,
    /// The sent size of the response's body.
    pub body_out: u64,
    /// The time of its arrival since the sandbox's start.
    #[serde(rename = "at_seconds", serialize_with = "as_seconds")]
    pub at: Duration,
    /// The time until the response was sent; zero before that.
    #[serde(rename = "took_seconds", serialize_with = "as_seconds")]
    pub took: Duration,
}

impl RecordedRequest {
    /// Returns the first request header with this name; ignores case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .request_headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection that a client opened through the proxy.
#[derive(Debug, Clone, Serialize)]
pub struct RecordedConnection {
    /// The number of the connection, from 1.
    pub number: u64,
    /// The host of CONNECT.
    pub host: String,
    /// The last known state.
    pub state: ConnectionState,
    /// The number of bytes from the client, including TLS.
    pub bytes_in: u64,
    /// The number of bytes to the client, including TLS.
    pub bytes_out: u64,
    /// The time of CONNECT since the sandbox's start.
    #[serde(rename = "at_seconds", serialize_with = "as_seconds")]
    pub at: Duration,
}

/// The state of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// The proxy has not yet answered CONNECT.
    Opening,
    /// The proxy refused CONNECT.
    Refused,
    /// The TLS handshake failed.
    HandshakeFailed,
    /// The TLS handshake succeeded.
    Open,
    /// The connection was closed or reset.
    Closed,
}

/// The log of a sandbox.
#[derive(Debug)]
pub struct Journal {
    start: Instant,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    requests: Vec<RecordedRequest>,
    connections: Vec<RecordedConnection>,
    /// The number of deleted requests, because numbers continue after a deletion.
    deleted_requests: u64,
    deleted_connections: u64,
    /// The number of requests that have not ended.
    open: usize,
    listeners: Vec<Sender<RecordedRequest>>,
}

/// The result of a request.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// The status, if one was sent.
    pub status: Option<u16>,
    /// The size of the response.
    pub bytes_out: u64,
    /// The size of the response's body.
    pub body_out: u64,
}

impl Outcome {
    /// The connection ended without a response.
    pub const NONE: Self = Self {
        status: None,
        bytes_out: 0,
        body_out: 0,
    };
}

impl Journal {
    /// Creates an empty log that starts now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            entries: Mutex::default(),
        }
    }

    /// Returns the time since the start.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Returns all requests in the order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.lock().requests.clone()
    }

    /// Returns all connections in the order of CONNECT.
    #[must_use]
    pub fn connections(&self) -> Vec<RecordedConnection> {
        self.lock().connections.clone()
    }

    /// Waits until every request has ended, but not longer than this.
    pub fn wait_for_end(&self, longest: Duration) {
        let end = Instant::now() + longest;
        while self.lock().open > 0 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Deletes all entries. Numbers continue.
    pub fn clear(&self) {
        let mut entries = self.lock();
        entries.deleted_requests += entries.requests.len() as u64;
        entries.deleted_connections += entries.connections.len() as u64;
        entries.requests.clear();
        entries.connections.clear();
    }

    /// Returns a channel with all further requests, each after its response.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<RecordedRequest> {
        let (sender, receiver) = channel();
        self.lock().listeners.push(sender);
        receiver
    }

    /// Adds a connection and returns its number.
    pub fn connection(&self, host: &str) -> u64 {
        let at = self.start.elapsed();
        let mut entries = self.lock();
        let number = entries.deleted_connections + entries.connections.len() as u64 + 1;
        let state = ConnectionState::Opening;
        let host = host.to_owned();
        entries.connections.push(RecordedConnection {
            number,
            host,
            state,
            bytes_in: 0,
            bytes_out: 0,
            at,
        });
        number
    }

    /// Updates the state and the byte counts of a connection.
    pub fn connection_state(
        &self,
        number: u64,
        state: ConnectionState,
        bytes_in: u64,
        bytes_out: u64,
    ) {
        let mut entries = self.lock();
        let Some(at) = index_of(number, entries.deleted_connections) else {
            return;
        };
        if let Some(connection) = entries.connections.get_mut(at) {
            connection.state = state;
            connection.bytes_in = bytes_in;
            connection.bytes_out = bytes_out;
        }
    }

    /// Adds a request and returns its number.
    pub fn request(
        &self,
        scheme: &'static str,
        host: &str,
        request: &Request,
        connection: u64,
        bytes_in: u64,
        fault: Option<String>,
    ) -> u64 {
        let at = self.start.elapsed();
        let mut entries = self.lock();
        let number = entries.deleted_requests + entries.requests.len() as u64 + 1;
        entries.open += 1;
        entries.requests.push(RecordedRequest {
            number,
            scheme,
            host: host.to_owned(),
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            request_headers: request.headers.clone(),
            authorization: request.header("authorization").is_some(),
            body: Bytes::copy_from_slice(&request.body[..request.body.len().min(KEPT_BODY)]),
            status: None,
            fault,
            connection,
            bytes_in,
            bytes_out: 0,
            body_in: request.body.len() as u64,
            body_out: 0,
            at,
            took: Duration::ZERO,
        });
        number
    }

    /// Adds the size of a body that arrived after the request was added: on the connection, and without the framing of chunks.
    pub fn received(&self, number: u64, wire_size: u64, body_size: u64) {
        let mut entries = self.lock();
        let at = index_of(number, entries.deleted_requests);
        if let Some(request) = at.and_then(|at| entries.requests.get_mut(at)) {
            request.bytes_in += wire_size;
            request.body_in += body_size;
        }
    }

    /// Adds the result to a request.
    pub fn answered(&self, number: u64, outcome: Outcome) {
        let now = self.start.elapsed();
        let mut entries = self.lock();
        entries.open = entries.open.saturating_sub(1);
        let Some(at) = index_of(number, entries.deleted_requests) else {
            return;
        };
        let Some(request) = entries.requests.get_mut(at) else {
            return;
        };
        request.status = outcome.status;
        request.bytes_out = outcome.bytes_out;
        request.body_out = outcome.body_out;
        request.took = now.saturating_sub(request.at);
        let request = request.clone();
        entries
            .listeners
            .retain(|listener| listener.send(request.clone()).is_ok());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Journal {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the index of the entry with this number; `None` if it was deleted.
fn index_of(number: u64, deleted: u64) -> Option<usize> {
    usize::try_from(number.checked_sub(deleted + 1)?).ok()
}

fn as_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1e6).round() / 1e6)
}
