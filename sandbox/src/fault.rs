//! Faults: what goes wrong, where, and how often. What each does to the wire is in `delivery.rs` and `proxy.rs`.

use crate::authority::CertificateFlaw;
use serde::{Deserialize, Serialize};

/// Where and how often something goes wrong. Built from [`Fault::on`]; by default it does so always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The host, or `*` for every one.
    pub host: String,
    /// Only requests of this method; faults of the connection do not look at it.
    #[serde(default)]
    pub method: Option<String>,
    /// Only requests whose path and query contain this; faults of the connection do not look at it.
    #[serde(default)]
    pub path_contains: Option<String>,
    /// Only requests about something whose name contains this: an image to import, and the polls of its operation,
    /// which stands in no path; faults of the connection do not look at it.
    #[serde(default)]
    pub about: Option<String>,
    /// How many matches go well before the first one that does not.
    #[serde(default)]
    pub after: u32,
    /// How many times it happens; `None` for always.
    #[serde(default)]
    pub times: Option<u32>,
}

impl Fault {
    /// On every request to this host; `*` for every host.
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

    /// Only on requests of this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_ascii_uppercase());
        self
    }

    /// Only on requests whose path and query contain this.
    #[must_use]
    pub fn path_contains(mut self, part: &str) -> Self {
        self.path_contains = Some(part.to_owned());
        self
    }

    /// Only on requests about an import whose source or target contains this.
    #[must_use]
    pub fn about(mut self, part: &str) -> Self {
        self.about = Some(part.to_owned());
        self
    }

    /// Only after this many matching requests went well.
    #[must_use]
    pub fn after(mut self, requests: u32) -> Self {
        self.after = requests;
        self
    }

    /// Only this many times.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Only once.
    #[must_use]
    pub fn once(self) -> Self {
        self.times(1)
    }

    fn matches_host(&self, host: &str) -> bool {
        self.host == "*" || self.host == host
    }

    fn matches_request(&self, host: &str, method: &str, target: &str, about: &str) -> bool {
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

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// The connection is refused: the proxy answers CONNECT with 502.
    Refused,
    /// The proxy answers CONNECT with this status.
    TunnelRefused {
        /// The status code.
        code: u16,
    },
    /// The certificate is signed by an authority that nobody trusts.
    CertificateOfForeignAuthority,
    /// The certificate is for another host.
    CertificateForOtherHost,
    /// The certificate has ended.
    CertificateExpired,
    /// The certificate is valid from a day before to a week after the services' time (`World::clock_offset`).
    CertificateShortLived,
    /// A TCP reset instead of an answer.
    ResetBeforeHeaders,
    /// A TCP reset after the headers and half of the body.
    ResetAfterHeaders,
    /// No answer, ever; the connection stays open.
    Stall,
    /// Headers and half of the body, then nothing more; the connection stays open.
    StallInBody,
    /// The right answer, late.
    Delay {
        /// How late.
        milliseconds: u64,
    },
    /// The right answer, one byte of the body at a time.
    SlowDrip {
        /// From one byte to the next.
        milliseconds: u64,
    },
    /// Half of the body, then an orderly end of the connection.
    CutBody,
    /// A `Content-Length` that is off. Too long: the connection stays open and silent after the body. Too short: the
    /// rest follows all the same.
    WrongContentLength {
        /// What is added to the true length.
        difference: i64,
    },
    /// This answer instead of the right one.
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
    /// A refusal that repeats what it was sent: the credentials of the headers, and every field of the form.
    Echo {
        /// The status code.
        code: u16,
    },
    /// What the service says when a token has ended: a registry's challenge, ARM's `ExpiredAuthenticationToken`.
    Unauthorized,
    /// 429 in the service's words.
    TooManyRequests {
        /// What `Retry-After` says.
        retry_after: RetryAfter,
    },
    /// A redirect in place of the answer.
    Redirect {
        /// Where to.
        to: RedirectTarget,
    },
    /// A page for people, with status 200, as a captive portal gives it.
    Html,
    /// Status and headers as they should be, and no body.
    EmptyBody,
    /// The first half of the body, with a length to match.
    TruncatedJson,
    /// JSON that is something else: `{"unexpected":[1,2,3]}`.
    WrongShape,
    /// A body in chunks that goes on for ever (at some 6 MB a second).
    EndlessBody,
    /// A well-formed list of tags of this size, in chunks.
    HugeJson {
        /// How many bytes.
        bytes: u64,
    },
    /// A gzipped body that unpacks to this much white space.
    GzipBomb {
        /// How many bytes after unpacking.
        bytes: u64,
    },
    /// A body that does not match its digest; headers as they should be.
    WrongDigest,
    /// The right body under a `Docker-Content-Digest` that is not its own.
    WrongDigestHeader,
    /// No `Docker-Content-Digest`.
    MissingDigestHeader,
}

/// What `Retry-After` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// There is none.
    None,
    /// A number of seconds.
    Seconds(u64),
    /// A date this many seconds from now.
    Date(i64),
    /// Eleven and a half days.
    Absurd,
    /// This text.
    Text(String),
}

/// Where a redirect leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedirectTarget {
    /// To the very same address.
    Loop,
    /// To the same address over plain HTTP.
    PlainHttp,
    /// To the same path on another host.
    OtherHost(String),
    /// To this address.
    Address(String),
}

impl FaultKind {
    /// Whether it befalls the connection, before any request: then only the fault's host and count matter.
    #[must_use]
    pub fn is_of_connection(&self) -> bool {
        let is_refusal = matches!(self, Self::Refused | Self::TunnelRefused { .. });
        is_refusal || self.certificate_flaw(0) != CertificateFlaw::None
    }

    /// What is wrong with the certificate, if anything; `now` is the services' time.
    #[must_use]
    pub fn certificate_flaw(&self, now: i64) -> CertificateFlaw {
        match self {
            Self::CertificateOfForeignAuthority => CertificateFlaw::ForeignAuthority,
            Self::CertificateForOtherHost => CertificateFlaw::OtherHost,
            Self::CertificateExpired => CertificateFlaw::Expired,
            Self::CertificateShortLived => CertificateFlaw::ShortLived(now),
            Self::Refused
            | Self::TunnelRefused { .. }
            | Self::ResetBeforeHeaders
            | Self::ResetAfterHeaders
            | Self::Stall
            | Self::StallInBody
            | Self::Delay { .. }
            | Self::SlowDrip { .. }
            | Self::CutBody
            | Self::WrongContentLength { .. }
            | Self::Status { .. }
            | Self::Echo { .. }
            | Self::Unauthorized
            | Self::TooManyRequests { .. }
            | Self::Redirect { .. }
            | Self::Html
            | Self::EmptyBody
            | Self::TruncatedJson
            | Self::WrongShape
            | Self::EndlessBody
            | Self::HugeJson { .. }
            | Self::GzipBomb { .. }
            | Self::WrongDigest
            | Self::WrongDigestHeader
            | Self::MissingDigestHeader => CertificateFlaw::None,
        }
    }
}

/// A fault that is set, and how often it was met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArmedFault {
    /// Its number, as [`crate::Sandbox::inject`] gave it.
    #[serde(default)]
    pub id: u64,
    /// Where and how often.
    #[serde(flatten)]
    pub fault: Fault,
    /// What.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// How many requests (or connections) matched so far.
    #[serde(default)]
    pub matches: u32,
    /// How many of them went wrong.
    #[serde(default)]
    pub hits: u32,
}

impl ArmedFault {
    /// Counts a match; whether it goes wrong.
    fn strike(&mut self) -> bool {
        self.matches += 1;
        let strikes = self.matches > self.fault.after
            && self.fault.times.is_none_or(|times| self.hits < times);
        if strikes {
            self.hits += 1;
        }
        strikes
    }
}

/// All faults that are set, in the order in which they were set; the first that strikes counts.
#[derive(Debug, Default)]
pub struct FaultTable {
    armed: Vec<ArmedFault>,
    last: u64,
}

impl FaultTable {
    /// Sets a fault and returns its number.
    pub fn add(&mut self, fault: Fault, kind: FaultKind) -> u64 {
        self.last += 1;
        self.armed.push(ArmedFault {
            id: self.last,
            fault,
            kind,
            matches: 0,
            hits: 0,
        });
        self.last
    }

    /// Takes every fault away.
    pub fn clear(&mut self) {
        self.armed.clear();
    }

    /// What is set now.
    #[must_use]
    pub fn all(&self) -> &[ArmedFault] {
        &self.armed
    }

    /// What befalls a new connection to this host.
    pub fn on_connection(&mut self, host: &str) -> Option<FaultKind> {
        self.strike(|armed| armed.kind.is_of_connection() && armed.fault.matches_host(host))
    }

    /// What befalls this request; `target` is path and query, `about` what [`Fault::about`] is compared with.
    pub fn on_request(
        &mut self,
        host: &str,
        method: &str,
        target: &str,
        about: &str,
    ) -> Option<FaultKind> {
        self.strike(|armed| {
            !armed.kind.is_of_connection()
                && armed.fault.matches_request(host, method, target, about)
        })
    }

    fn strike(&mut self, matches: impl Fn(&ArmedFault) -> bool) -> Option<FaultKind> {
        let mut matching = self.armed.iter_mut().filter(|armed| matches(armed));
        matching.find_map(|armed| armed.strike().then(|| armed.kind.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_after_and_for_as_many_times_as_it_says() {
        let mut table = FaultTable::default();
        let fault = Fault::on("a.example")
            .method("get")
            .path_contains("tags")
            .after(1)
            .times(2);
        table.add(fault, FaultKind::Html);
        let mut meet = |method| {
            table
                .on_request("a.example", method, "/v2/x/tags/list", "")
                .is_some()
        };
        assert_eq!(
            [
                meet("GET"),
                meet("GET"),
                meet("HEAD"),
                meet("GET"),
                meet("GET")
            ],
            [false, true, false, true, false]
        );
        assert_eq!(table.all()[0].hits, 2);
        assert!(table.on_connection("a.example").is_none());
    }

    #[test]
    fn a_fault_can_be_written_as_json() {
        let json = r#"{"host":"myacr.azurecr.io","times":1,"kind":"too_many_requests","retry_after":{"seconds":2}}"#;
        let armed: ArmedFault = serde_json::from_str(json).unwrap();
        assert_eq!(armed.fault, Fault::on("myacr.azurecr.io").once());
        assert_eq!(
            armed.kind,
            FaultKind::TooManyRequests {
                retry_after: RetryAfter::Seconds(2)
            }
        );
    }
}
