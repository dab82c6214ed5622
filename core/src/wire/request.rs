//! A request and its answer, and the problems that an answer can be.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{AGE, DATE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use secrecy::SecretString;
use url::Url;

use super::redact::redacted;
use super::secrets::Secrets;
use super::service_error::service_error;
use crate::problem::{Cause, Problem, Side};
use crate::text::for_message;

/// Whether a call may be sent again after the other side may have acted on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It changes nothing, or the same thing again.
    Always,
    /// Only when it surely was not acted on: no connection, 429, 503.
    UnlessReceived,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The side that is asked.
    pub side: Side,
    /// The method.
    pub method: Method,
    /// Where.
    pub url: Url,
    /// Headers but `Authorization`.
    pub headers: HeaderMap,
    /// The token to send, if any.
    pub bearer: Option<SecretString>,
    /// User and password to send, if any.
    pub basic: Option<(SecretString, SecretString)>,
    /// The body, if any.
    pub body: Option<Bytes>,
    /// Largest body of an answer that is read, in bytes.
    pub cap: usize,
    /// Whether it may be sent twice.
    pub repeat: Repeat,
    /// True for a 408, 429 or 5xx that another try does not change: the result of an operation, not of the request.
    pub is_final: fn(&Response) -> bool,
}

impl Request {
    /// A request without body, token or headers, that takes an answer of up to one mebibyte.
    pub fn new(side: Side, method: Method, url: Url) -> Self {
        Self {
            side,
            method,
            url,
            headers: HeaderMap::new(),
            bearer: None,
            basic: None,
            body: None,
            cap: 1 << 20,
            repeat: Repeat::Always,
            is_final: |_| false,
        }
    }

    /// The request with a body of this type.
    #[must_use]
    pub fn body(mut self, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers.insert(
            reqwest::header::CONTENT_TYPE,
            HeaderValue::from_static(media_type),
        );
        self.body = Some(body.into());
        self
    }

    /// The request with a token.
    #[must_use]
    pub fn bearer(mut self, token: SecretString) -> Self {
        self.bearer = Some(token);
        self
    }

    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, redacted(&self.url))
    }

    pub(super) fn host(&self) -> String {
        host(&self.url)
    }
}

/// What came back, whatever its status: only what is worth another try is an error by itself.
#[derive(Clone, Debug)]
pub struct Response {
    /// The side that answered.
    pub side: Side,
    /// `METHOD URL`, redacted.
    pub request: String,
    /// The URL as it was asked.
    pub url: Url,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: Bytes,
    /// What must not be told of it.
    pub(crate) secrets: Secrets,
}

impl Response {
    /// A header as text; none when it is missing or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// When it was sent, by the clock of whoever sent it; by our own where it does not say.
    ///
    /// Dates in an answer are by that clock, and this machine's may be an hour off.
    pub fn date(&self) -> DateTime<Utc> {
        self.stated_date().unwrap_or_else(Utc::now)
    }

    /// When it was sent, by the clock of the server; a cache's copy says how old it is.
    pub(super) fn stated_date(&self) -> Option<DateTime<Utc>> {
        let date = DateTime::parse_from_rfc2822(self.header(DATE.as_str())?).ok()?;
        let age = self.header(AGE.as_str()).and_then(|age| age.parse().ok());
        date.with_timezone(&Utc)
            .checked_add_signed(TimeDelta::try_seconds(age.unwrap_or(0))?)
    }

    /// The service's own words of an error, without the secrets of this run: some repeat what they were sent.
    pub(crate) fn service_message(&self) -> Option<String> {
        service_error(&self.body).map(|text| self.secrets.scrub(beginning(&text)))
    }

    /// A problem that tells this answer: call, status and the service's own code.
    pub fn problem(&self, cause: Cause) -> Problem {
        let said = self
            .service_message()
            .map(|text| format!(": {}", for_message(&text)));
        let said = said.unwrap_or_default();
        Problem::new(
            self.side,
            cause,
            format!("{}: {}{said}", self.request, self.status),
        )
    }

    /// A problem for an answer that is not what the protocol promises.
    pub fn invalid(&self, what: impl std::fmt::Display) -> Problem {
        let what = for_message(&self.secrets.scrub(beginning(&what.to_string())));
        Problem::new(
            self.side,
            Cause::Invalid,
            format!("{}: {}: {what}", self.request, self.status),
        )
        .acted()
    }

    /// The problem of a status that this call did not expect.
    pub fn unexpected(&self) -> Problem {
        self.problem(match self.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Cause::AccessDenied,
            // Without a code of the service's it is somebody else who has nothing there.
            StatusCode::NOT_FOUND if self.service_message().is_some() => Cause::NotFound,
            StatusCode::NOT_FOUND => Cause::Invalid,
            status if status.is_success() || status.is_redirection() => Cause::Invalid,
            _ => Cause::Rejected,
        })
    }

    /// Whether the body is a page for people.
    pub fn is_html(&self) -> bool {
        self.body.trim_ascii_start().starts_with(b"<")
    }

    /// The body as JSON of this shape.
    ///
    /// # Errors
    /// A problem of cause [`Cause::Invalid`] that says what came instead.
    pub fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, Problem> {
        serde_json::from_slice(&self.body).map_err(|error| {
            if self.is_html() {
                return self.invalid("the body is HTML where JSON was promised").advise(
                    "something between here and the service answers in its place: check HTTPS_PROXY and NO_PROXY",
                );
            }
            self.invalid(format!("the body is not the promised JSON: {error}"))
        })
    }
}

/// Whether an address that a service gave is on the service itself. A user in it would become a header.
pub(crate) fn same_origin(url: &Url, home: &Url) -> bool {
    url.origin() == home.origin() && has_no_userinfo(url)
}

/// Whether a URL names nobody who asks.
pub(crate) fn has_no_userinfo(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none()
}

/// As much of a text as can matter: messages show a tenth of it, and searching all of it for secrets takes time.
fn beginning(text: &str) -> &str {
    const LONGEST: usize = 4_000;
    let end = text.char_indices().nth(LONGEST);
    end.map_or(text, |(end, _)| &text[..end])
}

/// `host[:port]` of a URL.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
