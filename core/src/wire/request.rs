//! A request, its response, and the problems that a response can report.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{AGE, DATE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use secrecy::SecretString;
use url::Url;
use url::form_urlencoded::Serializer;

use super::redact::redacted;
use super::secrets::Secrets;
use super::service_error::service_error;
use super::sink::{Receive, Sink};
use crate::name::host_and_port;
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

/// The purpose of a request. The requests of one purpose to one host count together.
///
/// An upload waits for the download that it sends on, and a download for a token, which is a request of a check. None of
/// them waits for one of the same kind or for a later one in this list, so they cannot wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// Everything else.
    Check,
    /// Reads what is copied.
    Download,
    /// Writes what is copied.
    Upload,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The side that receives it.
    pub side: Side,
    pub method: Method,
    pub url: Url,
    /// All headers except `Authorization`.
    pub headers: HeaderMap,
    /// The token to send, if any.
    pub bearer: Option<SecretString>,
    /// User and password to send, if any.
    pub basic: Option<(SecretString, SecretString)>,
    pub body: Option<Bytes>,
    /// The largest response body that is read, in bytes.
    pub cap: usize,
    /// Reads the body of a successful response, in place of [`Response::body`].
    pub sink: Option<Sink<dyn Receive>>,
    pub repeat: Repeat,
    pub traffic: Traffic,
    /// True for a 408, 429 or 5xx that a retry does not change: the result of an operation, not of the request.
    pub is_final: fn(&Response) -> bool,
}

impl Request {
    /// A request without body, token or headers, for a response of up to one mebibyte.
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
            sink: None,
            repeat: Repeat::Always,
            traffic: Traffic::Check,
            is_final: |_| false,
        }
    }

    #[must_use]
    pub fn body(mut self, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers.insert(
            reqwest::header::CONTENT_TYPE,
            HeaderValue::from_static(media_type),
        );
        self.body = Some(body.into());
        self
    }

    /// The request with these fields as its body, as HTML forms are sent.
    #[must_use]
    pub fn form<'a>(self, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let form = Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", form)
    }

    #[must_use]
    pub fn bearer(mut self, token: SecretString) -> Self {
        self.bearer = Some(token);
        self
    }

    /// `METHOD URL`, redacted.
    pub(super) fn name(&self) -> String {
        name(&self.method, &self.url)
    }

    /// A problem of a request that got no complete response: the reason, then the request.
    pub(super) fn problem(&self, cause: Cause, reason: &str) -> Problem {
        Problem::new(self.side, cause, format!("{reason} ({})", self.name()))
    }

    pub(super) fn host(&self) -> String {
        host_and_port(&self.url)
    }
}

/// A response with any status. A status that a retry may change is an error of [`super::Wire::send`] instead.
#[derive(Clone, Debug)]
pub struct Response {
    /// The side that sent it.
    pub side: Side,
    /// The method of the request.
    pub method: Method,
    /// The URL of the request, not redacted.
    pub url: Url,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The secrets of this run, which no message may contain.
    pub(crate) secrets: Secrets,
}

impl Response {
    /// A header as text. None if it is missing or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The time at which it was sent, by the server's clock, or by this machine's if it has no `Date`.
    ///
    /// Other dates in a response are by the server's clock too, and this machine's may be an hour off.
    pub fn date(&self) -> DateTime<Utc> {
        self.stated_date().unwrap_or_else(Utc::now)
    }

    /// The time at which it was sent, by the server's clock. `Age` is the age of a cached copy.
    pub(super) fn stated_date(&self) -> Option<DateTime<Utc>> {
        let date = DateTime::parse_from_rfc2822(self.header(DATE.as_str())?).ok()?;
        let age = self.header(AGE.as_str()).and_then(|age| age.parse().ok());
        date.with_timezone(&Utc)
            .checked_add_signed(TimeDelta::try_seconds(age.unwrap_or(0))?)
    }

    /// The service's error code and message, without the secrets of this run: some services repeat the request.
    pub(crate) fn service_message(&self) -> Option<String> {
        service_error(&self.body).map(|text| self.secrets.scrub(beginning(&text)))
    }

    /// The request and the status, for the end of a message.
    pub(crate) fn exchange(&self) -> String {
        format!("({}: {})", self.request(), self.status)
    }

    /// `METHOD URL`, redacted. Only messages need it, and to hide parts of a URL takes time.
    pub(super) fn request(&self) -> String {
        name(&self.method, &self.url)
    }

    /// `HOST refused the request: CODE: message (METHOD URL: STATUS)`.
    ///
    /// The service understood the request and did not act on it. See [`Response::invalid`] for the other case.
    pub fn refusal(&self, cause: Cause) -> Problem {
        let message = self.service_message();
        let outcome = match self.status {
            StatusCode::TOO_MANY_REQUESTS => "limits the number of requests",
            StatusCode::NOT_FOUND if message.is_none() => "sent a 404 without an error code",
            StatusCode::NOT_FOUND => "reports that this does not exist",
            status if status.is_client_error() => "refused the request",
            status if status.is_server_error() => "failed",
            _ => "sent an unexpected response",
        };
        let reason = match message {
            Some(text) => format!("{outcome}: {}", for_message(&text)),
            None => outcome.to_owned(),
        };
        self.refusal_because(cause, &reason)
    }

    /// Like [`Response::refusal`], with a reason that begins with a verb.
    pub(crate) fn refusal_because(&self, cause: Cause, reason: &str) -> Problem {
        let what = format!("{} {reason} {}", host_and_port(&self.url), self.exchange());
        Problem::new(self.side, cause, what)
    }

    /// The refusal for a status that the caller did not expect.
    pub fn unexpected(&self) -> Problem {
        self.refusal(self.unexpected_cause())
    }

    /// The cause that follows from a status that the caller did not expect.
    pub(crate) fn unexpected_cause(&self) -> Cause {
        match self.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Cause::AccessDenied,
            // Without an error code of the service, the 404 may come from a proxy.
            StatusCode::NOT_FOUND if self.service_message().is_some() => Cause::NotFound,
            StatusCode::NOT_FOUND => Cause::Invalid,
            status if status.is_success() || status.is_redirection() => Cause::Invalid,
            _ => Cause::Rejected,
        }
    }

    /// `WHAT (METHOD URL: STATUS)`: the response does not follow the protocol.
    ///
    /// It does not show whether the service acted on the request, so the problem is marked as one that
    /// [may have acted](Problem::may_have_acted).
    pub fn invalid(&self, what: impl std::fmt::Display) -> Problem {
        let what = for_message(&self.secrets.scrub(beginning(&what.to_string())));
        let what = format!("{what} {}", self.exchange());
        Problem::new(self.side, Cause::Invalid, what).acted()
    }

    /// Whether the body is HTML.
    pub fn is_html(&self) -> bool {
        self.body.trim_ascii_start().starts_with(b"<")
    }

    /// The body as JSON of this shape.
    ///
    /// # Errors
    /// [`Response::invalid`] if it has another shape.
    pub fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, Problem> {
        serde_json::from_slice(&self.body).map_err(|error| self.not_json(self.is_html(), error))
    }

    /// The problem of a body that is not the expected JSON.
    pub(crate) fn not_json(&self, is_html: bool, error: impl std::fmt::Display) -> Problem {
        if is_html {
            return self.invalid("the body is HTML where JSON was expected").advise(
                "a proxy or gateway may answer in place of the service: check HTTPS_PROXY and NO_PROXY",
            );
        }
        self.invalid(format!("the body is not the expected JSON: {error}"))
    }
}

/// Whether a URL from a service is on that service. A user in it would become a header.
pub(crate) fn same_origin(url: &Url, home: &Url) -> bool {
    url.origin() == home.origin() && has_no_userinfo(url)
}

/// Whether the URL has no user info.
pub(crate) fn has_no_userinfo(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none()
}

/// The beginning of a text: messages show a tenth of it, and a search for secrets in all of it takes time.
fn beginning(text: &str) -> &str {
    const LONGEST: usize = 4_000;
    let end = text.char_indices().nth(LONGEST);
    end.map_or(text, |(end, _)| &text[..end])
}

fn name(method: &Method, url: &Url) -> String {
    format!("{method} {}", redacted(url))
}
