//! What happened: every connection and every request, for tests to look at.

use crate::message::Request;
use bytes::Bytes;
use serde::Serialize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How much of a request's body the log keeps: forms and JSON whole, pushed layers not.
const KEPT_BODY: usize = 64 * 1024;

/// A request as it was seen, with what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct RecordedRequest {
    /// Its number in the log, from 1.
    pub number: u64,
    /// `https`, or `http` for what was sent to the proxy in the clear.
    pub scheme: &'static str,
    /// The host that it was meant for.
    pub host: String,
    /// Its method.
    pub method: String,
    /// Its path, as it came.
    pub path: String,
    /// Its query, as it came; empty when there was none.
    pub query: String,
    /// Every header, as it came: `Authorization` too.
    pub request_headers: Vec<(String, String)>,
    /// Whether there was an `Authorization` header.
    pub authorization: bool,
    /// The body, as it came; the first 64 kB of it.
    #[serde(skip)]
    pub body: Bytes,
    /// The status that was sent; `None` while it is being answered, or when it never got one.
    pub status: Option<u16>,
    /// The fault that it met.
    pub fault: Option<String>,
    /// The number of the connection that it came on.
    pub connection: u64,
    /// Bytes of the request, head and body, inside TLS.
    pub bytes_in: u64,
    /// Bytes of the answer, head and body, inside TLS.
    pub bytes_out: u64,
    /// When it had arrived, since the sandbox's start.
    #[serde(rename = "at_seconds", serialize_with = "as_seconds")]
    pub at: Duration,
    /// From then until the answer was sent; zero until it was.
    #[serde(rename = "took_seconds", serialize_with = "as_seconds")]
    pub took: Duration,
}

impl RecordedRequest {
    /// The first request header of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .request_headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection that a client opened through the proxy.
#[derive(Debug, Clone, Serialize)]
pub struct RecordedConnection {
    /// Its number, from 1.
    pub number: u64,
    /// The host that it leads to.
    pub host: String,
    /// What became of it.
    pub state: ConnectionState,
    /// Bytes that came from the client, TLS included.
    pub bytes_in: u64,
    /// Bytes that went to the client, TLS included.
    pub bytes_out: u64,
    /// When it was asked for, since the sandbox's start.
    #[serde(rename = "at_seconds", serialize_with = "as_seconds")]
    pub at: Duration,
}

/// What became of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// It is being set up.
    Opening,
    /// The name is not known here, or the connection was refused.
    Refused,
    /// The TLS handshake failed.
    HandshakeFailed,
    /// It is open.
    Open,
    /// It is closed.
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
    /// Numbers go on when the log is emptied.
    forgotten_requests: u64,
    forgotten_connections: u64,
    listeners: Vec<Sender<RecordedRequest>>,
}

/// What is known when a request has been answered.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// The status, when one was sent.
    pub status: Option<u16>,
    /// Bytes of the answer.
    pub bytes_out: u64,
}

impl Journal {
    /// An empty log that starts now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            entries: Mutex::default(),
        }
    }

    /// How long it has run.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Every request so far, in the order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.lock().requests.clone()
    }

    /// Every connection so far, in the order of opening.
    #[must_use]
    pub fn connections(&self) -> Vec<RecordedConnection> {
        self.lock().connections.clone()
    }

    /// Forgets everything; numbers go on from where they were.
    pub fn clear(&self) {
        let mut entries = self.lock();
        entries.forgotten_requests += entries.requests.len() as u64;
        entries.forgotten_connections += entries.connections.len() as u64;
        entries.requests.clear();
        entries.connections.clear();
    }

    /// Every request from now on, each when it has been answered.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<RecordedRequest> {
        let (sender, receiver) = channel();
        self.lock().listeners.push(sender);
        receiver
    }

    /// Writes down that a client wants a connection; returns its number.
    pub fn connection(&self, host: &str) -> u64 {
        let at = self.start.elapsed();
        let mut entries = self.lock();
        let number = entries.forgotten_connections + entries.connections.len() as u64 + 1;
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

    /// Writes down what became of a connection and how much went over it.
    pub fn connection_state(
        &self,
        number: u64,
        state: ConnectionState,
        bytes_in: u64,
        bytes_out: u64,
    ) {
        let mut entries = self.lock();
        let Some(at) = place(number, entries.forgotten_connections) else {
            return;
        };
        if let Some(connection) = entries.connections.get_mut(at) {
            connection.state = state;
            connection.bytes_in = bytes_in;
            connection.bytes_out = bytes_out;
        }
    }

    /// Writes a request down; returns its number.
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
        let number = entries.forgotten_requests + entries.requests.len() as u64 + 1;
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
            at,
            took: Duration::ZERO,
        });
        number
    }

    /// Writes down what became of a request.
    pub fn answered(&self, number: u64, outcome: Outcome) {
        let now = self.start.elapsed();
        let mut entries = self.lock();
        let Some(at) = place(number, entries.forgotten_requests) else {
            return;
        };
        let Some(request) = entries.requests.get_mut(at) else {
            return;
        };
        request.status = outcome.status;
        request.bytes_out = outcome.bytes_out;
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

/// Where the entry of this number stands; `None` when it was forgotten.
fn place(number: u64, forgotten: u64) -> Option<usize> {
    usize::try_from(number.checked_sub(forgotten + 1)?).ok()
}

fn as_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1e6).round() / 1e6)
}
