//! Faults: what goes wrong, and for which requests.
//!
//! Their effects are in `proxy.rs` (connections), `faulty_response.rs` (requests) and `upload_body.rs` (uploads). The table
//! of a sandbox's faults is in `fault_table.rs`.

use crate::certificate_authority::CertificateFlaw;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;
use std::fmt;

/// Conditions under which something goes wrong. [`Fault::on`] makes one that always applies to a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The host, or `*` for every host.
    pub host: String,
    /// Only requests with this method; ignored for a [`ConnectionFault`].
    #[serde(default)]
    pub method: Option<String>,
    /// Only requests whose path and query contain this text; ignored for a [`ConnectionFault`].
    #[serde(default)]
    pub path_contains: Option<String>,
    /// Only the start of an import whose source or target contains this text, and the polls of one whose
    /// `login server/target` contains it (the path of a poll names neither); ignored for a [`ConnectionFault`].
    #[serde(default)]
    pub about: Option<String>,
    /// The number of matching requests that succeed first.
    #[serde(default)]
    pub after: u32,
    /// The number of matching requests that fail; `None` for all.
    #[serde(default)]
    pub times: Option<u32>,
}

impl Fault {
    /// Applies to every request to this host; `*` for every host.
    #[must_use]
    pub fn on(host: &str) -> Self {
        Self {
            host: host.to_ascii_lowercase(),
            method: None,
            path_contains: None,
            about: None,
            after: 0,
            times: None,
        }
    }

    /// Restricts the fault to requests with this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_ascii_uppercase());
        self
    }

    /// Restricts the fault to requests whose path and query contain this text.
    #[must_use]
    pub fn path_contains(mut self, part: &str) -> Self {
        self.path_contains = Some(part.to_owned());
        self
    }

    /// Restricts the fault to imports whose source or target contains this text.
    #[must_use]
    pub fn about(mut self, part: &str) -> Self {
        self.about = Some(part.to_owned());
        self
    }

    /// Lets this many matching requests succeed first.
    #[must_use]
    pub fn after(mut self, requests: u32) -> Self {
        self.after = requests;
        self
    }

    /// Limits the number of requests that fail.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Lets only one request fail.
    #[must_use]
    pub fn once(self) -> Self {
        self.times(1)
    }

    pub(crate) fn matches_host(&self, host: &str) -> bool {
        self.host == "*" || self.host == host
    }

    pub(crate) fn matches_request(
        &self,
        host: &str,
        method: &str,
        target: &str,
        about: &str,
    ) -> bool {
        let is_about = |part: &str| about.contains(part);
        self.matches_host(host)
            && self.about.as_deref().is_none_or(is_about)
            && self.method.as_deref().is_none_or(|wanted| wanted == method)
            && self
                .path_contains
                .as_deref()
                .is_none_or(|part| target.contains(part))
    }
}

/// The effect of a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum FaultKind {
    /// The connection fails or has a wrong certificate, before the first request.
    Connection(ConnectionFault),
    /// The client does not get the service's response. The service does not process the request.
    Replaced(ReplacedResponse),
    /// The service processes the request, and the client gets a damaged response.
    Damaged(DamagedResponse),
}

/// A fault of the connection. Only the host and the numbers of its [`Fault`] apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ConnectionFault {
    /// The proxy answers CONNECT with 502.
    Refused,
    /// The proxy answers CONNECT with this status.
    TunnelRefused {
        /// The status code.
        code: u16,
    },
    /// The proxy does not answer CONNECT; the connection stays open.
    ConnectStalled,
    /// The certificate is signed by an authority that clients do not trust.
    CertificateOfForeignAuthority,
    /// The certificate is for another host.
    CertificateForOtherHost,
    /// The certificate has expired.
    CertificateExpired,
    /// The certificate is valid from a day before to a week after the services' time (`World::clock_offset`).
    CertificateShortLived,
}

/// The client gets this instead of the service's response. The service does not process the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ReplacedResponse {
    /// A TCP reset.
    ResetBeforeHeaders,
    /// Nothing; the connection stays open.
    Stall,
    /// This response.
    Status {
        /// The status code.
        code: u16,
        /// Further headers.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// The body.
        #[serde(default)]
        body: String,
    },
    /// An error that repeats the credentials from the request's headers and all fields of its form.
    Echo {
        /// The status code.
        code: u16,
    },
    /// The service's response to an expired token: a registry's challenge, ARM's `ExpiredAuthenticationToken`.
    Unauthorized,
    /// 429 with the service's text.
    TooManyRequests {
        /// The `Retry-After` of the response.
        retry_after: RetryAfter,
    },
    /// A redirect.
    Redirect {
        /// The redirect target.
        to: RedirectTarget,
    },
    /// An HTML page with status 200, like that of a captive portal.
    Html,
    /// A chunked body without an end (about 6 MB per second).
    EndlessBody,
    /// A well-formed list of tags of this size, in chunks.
    HugeJson {
        /// The number of bytes.
        bytes: u64,
    },
    /// A gzipped body that decompresses to this much white space.
    GzipBomb {
        /// The number of bytes after decompression.
        bytes: u64,
    },
}

/// The client gets the service's response with this damage. The service has processed the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DamagedResponse {
    /// A TCP reset after the headers and half of the body.
    ResetAfterHeaders,
    /// Headers and half of the body; then nothing, and the connection stays open.
    StallInBody,
    /// The correct response, late.
    Delay {
        /// The time before the response.
        milliseconds: u64,
    },
    /// The correct response, one byte of the body at a time.
    SlowDrip {
        /// The time between two bytes.
        milliseconds: u64,
    },
    /// Half of the body, then a regular end of the connection.
    CutBody,
    /// A wrong `Content-Length`. If it is too large, the connection stays open after the body; if it is too small, the whole
    /// body is sent nevertheless.
    WrongContentLength {
        /// The number that is added to the correct length.
        difference: i64,
    },
    /// Correct status and headers without a body.
    EmptyBody,
    /// The first half of the body, with the length of that half.
    TruncatedJson,
    /// Other JSON: `{"unexpected":[1,2,3]}`.
    WrongShape,
    /// Correct headers and a body with another digest.
    WrongDigest,
    /// The correct body with another digest in `Docker-Content-Digest`.
    WrongDigestHeader,
    /// The correct body without `Docker-Content-Digest`.
    MissingDigestHeader,
    /// This many bytes of the body, then a TCP reset.
    ResetAfter {
        /// The number of bytes.
        bytes: usize,
    },
    /// This many bytes of the body; then nothing, and the connection stays open.
    StallAfter {
        /// The number of bytes.
        bytes: usize,
    },
    /// A TCP reset after the service has received this many bytes of a blob's upload. After any other request: a TCP reset
    /// instead of the response.
    UploadReset {
        /// The number of bytes.
        bytes: usize,
    },
    /// The service stops reading after this many bytes of a blob's upload, and the connection stays open. After any other
    /// request: no response.
    UploadStall {
        /// The number of bytes.
        bytes: usize,
    },
}

/// The value of `Retry-After`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// The response does not have the header.
    None,
    /// A number of seconds.
    Seconds(u64),
    /// The date this many seconds from now.
    Date(i64),
    /// Eleven and a half days.
    Absurd,
    /// This text.
    Text(String),
}

/// The target of a redirect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedirectTarget {
    /// The same URL.
    Loop,
    /// The same URL with `http://`.
    PlainHttp,
    /// The same path on another host.
    OtherHost(String),
    /// This URL.
    Address(String),
}

/// The result of CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tunnel {
    /// The proxy refuses with this status.
    Refused(u16),
    /// The proxy does not answer.
    Stalled,
    /// The host presents a certificate with this flaw.
    Open(CertificateFlaw),
}

impl ConnectionFault {
    /// Returns the result of CONNECT with this fault; `now` is the services' time.
    #[must_use]
    pub fn tunnel(&self, now: i64) -> Tunnel {
        match self {
            Self::Refused => Tunnel::Refused(502),
            Self::TunnelRefused { code } => Tunnel::Refused(*code),
            Self::ConnectStalled => Tunnel::Stalled,
            Self::CertificateOfForeignAuthority => Tunnel::Open(CertificateFlaw::ForeignAuthority),
            Self::CertificateForOtherHost => Tunnel::Open(CertificateFlaw::OtherHost),
            Self::CertificateExpired => Tunnel::Open(CertificateFlaw::Expired),
            Self::CertificateShortLived => Tunnel::Open(CertificateFlaw::ShortLived(now)),
        }
    }
}

impl From<ConnectionFault> for FaultKind {
    fn from(fault: ConnectionFault) -> Self {
        Self::Connection(fault)
    }
}

impl From<ReplacedResponse> for FaultKind {
    fn from(fault: ReplacedResponse) -> Self {
        Self::Replaced(fault)
    }
}

impl From<DamagedResponse> for FaultKind {
    fn from(fault: DamagedResponse) -> Self {
        Self::Damaged(fault)
    }
}

/// The name and fields of the fault, without its group.
impl fmt::Display for FaultKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(fault) => write!(formatter, "{fault:?}"),
            Self::Replaced(fault) => write!(formatter, "{fault:?}"),
            Self::Damaged(fault) => write!(formatter, "{fault:?}"),
        }
    }
}

/// The field `kind` selects the variant. An error contains the messages of all three groups, and so all names.
impl<'de> Deserialize<'de> for FaultKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Value::deserialize(deserializer)?;
        let connection = match ConnectionFault::deserialize(&fields) {
            Ok(fault) => return Ok(fault.into()),
            Err(error) => error,
        };
        let replaced = match ReplacedResponse::deserialize(&fields) {
            Ok(fault) => return Ok(fault.into()),
            Err(error) => error,
        };
        match DamagedResponse::deserialize(&fields) {
            Ok(fault) => Ok(fault.into()),
            Err(damaged) => Err(de::Error::custom(format!(
                "not a fault: {connection}; {replaced}; {damaged}"
            ))),
        }
    }
}
