//! The failures of the matrix, how often each happens, and at which endpoints.

use sandbox::{
    ConnectionFault, DamagedResponse, FaultKind, RedirectTarget, ReplacedResponse, RetryAfter,
};
use serde_json::json;

use super::endpoint::{Body, Endpoint, Phase};
use super::support::ARM;

/// How often the failure happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    Once,
    Thrice,
    Always,
}

impl Count {
    pub const ALL: [Self; 3] = [Self::Once, Self::Thrice, Self::Always];

    pub fn times(self) -> Option<u32> {
        match self {
            Self::Once => Some(1),
            Self::Thrice => Some(3),
            Self::Always => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Thrice => "thrice",
            Self::Always => "always",
        }
    }
}

/// A failure that the sandbox injects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    Refused,
    /// The connection is neither opened nor refused: a firewall that drops packets.
    ConnectStalled,
    ResetBeforeHeaders,
    ResetAfterHeaders,
    Stalled,
    StalledInBody,
    SlowDrip,
    CutBody,
    LengthTooLong,
    LengthTooShort,
    Status(u16),
    /// 401 as the service sends it for expired credentials.
    Unauthorized,
    ThrottledSeconds,
    ThrottledDate,
    /// A date of a clock that is an hour fast or slow.
    ThrottledDateClockOff(i64),
    ThrottledAbsurdly,
    /// 429 as the result of an operation: the limit of its source.
    OperationThrottled,
    RedirectLoop,
    RedirectToHttp,
    RedirectToOtherHost,
    Html,
    NotFoundHtml,
    NotFoundText,
    /// 404 of an API gateway, in JSON.
    NotFoundGateway,
    /// 404 with a registry's code for an absent manifest, but about its media type.
    NotFoundForm,
    Empty,
    Truncated,
    WrongShape,
    HundredMegabytes,
    GzipBomb,
    WrongDigest,
    WrongDigestHeader,
    MissingDigestHeader,
}

/// A host of the sandbox without this content.
const OTHER_HOST: &str = "runwhen-contrib.github.io";
/// Size of a huge response; the memory of a run must stay below it.
pub const HUGE: u64 = 100 << 20;
const HOUR: i64 = 3600;

impl Failure {
    /// In the order of the page; without [`Self::LAST`].
    pub const ALL: [Self; 41] = [
        Self::Refused,
        Self::ConnectStalled,
        Self::ResetBeforeHeaders,
        Self::ResetAfterHeaders,
        Self::Stalled,
        Self::StalledInBody,
        Self::SlowDrip,
        Self::CutBody,
        Self::LengthTooLong,
        Self::LengthTooShort,
        Self::Status(400),
        Self::Unauthorized,
        Self::Status(403),
        Self::Status(404),
        Self::NotFoundHtml,
        Self::NotFoundText,
        Self::NotFoundGateway,
        Self::NotFoundForm,
        Self::Status(408),
        Self::Status(409),
        Self::ThrottledSeconds,
        Self::ThrottledDate,
        Self::ThrottledDateClockOff(HOUR),
        Self::ThrottledDateClockOff(-HOUR),
        Self::ThrottledAbsurdly,
        Self::OperationThrottled,
        Self::Status(500),
        Self::Status(502),
        Self::Status(503),
        Self::Status(504),
        Self::RedirectLoop,
        Self::RedirectToHttp,
        Self::RedirectToOtherHost,
        Self::Html,
        Self::Empty,
        Self::Truncated,
        Self::WrongShape,
        Self::HundredMegabytes,
        Self::GzipBomb,
        Self::WrongDigest,
        Self::WrongDigestHeader,
    ];
    /// Changes no verdict.
    pub const LAST: Self = Self::MissingDigestHeader;

    pub fn every() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().chain([Self::LAST])
    }

    pub fn name(self) -> String {
        match self {
            Self::Refused => "connection refused",
            Self::ConnectStalled => "connection stalled",
            Self::ResetBeforeHeaders => "reset before the headers",
            Self::ResetAfterHeaders => "reset after the headers",
            Self::Stalled => "stalled",
            Self::StalledInBody => "stalled in the body",
            Self::SlowDrip => "slow drip",
            Self::CutBody => "cut body",
            Self::LengthTooLong => "length too long",
            Self::LengthTooShort => "length too short",
            Self::Status(code) => return code.to_string(),
            Self::Unauthorized => "401: expired token",
            Self::ThrottledSeconds => "429, one second",
            Self::ThrottledDate => "429, a date",
            Self::ThrottledDateClockOff(HOUR) => "429, a date by a clock an hour ahead",
            Self::ThrottledDateClockOff(_) => "429, a date by a clock an hour behind",
            Self::ThrottledAbsurdly => "429, eleven days",
            Self::OperationThrottled => "429, the source's limit",
            Self::RedirectLoop => "redirect loop",
            Self::RedirectToHttp => "redirect to http",
            Self::RedirectToOtherHost => "redirect to another host",
            Self::Html => "HTML with 200",
            Self::NotFoundHtml => "404 with HTML",
            Self::NotFoundText => "404 with text",
            Self::NotFoundGateway => "404 with a gateway's JSON",
            Self::NotFoundForm => "404 about a media type",
            Self::Empty => "empty body",
            Self::Truncated => "truncated body",
            Self::WrongShape => "JSON of the wrong shape",
            Self::HundredMegabytes => "100 MB of JSON",
            Self::GzipBomb => "gzip bomb",
            Self::WrongDigest => "wrong digest",
            Self::WrongDigestHeader => "wrong digest header",
            Self::MissingDigestHeader => "missing digest header",
        }
        .to_owned()
    }

    /// The fault of the sandbox at a host.
    pub fn kind(self, host: &str) -> FaultKind {
        let throttled =
            |retry_after| FaultKind::from(ReplacedResponse::TooManyRequests { retry_after });
        let redirect = |to| FaultKind::from(ReplacedResponse::Redirect { to });
        match self {
            Self::Refused => ConnectionFault::Refused.into(),
            Self::ConnectStalled => ConnectionFault::ConnectStalled.into(),
            Self::ResetBeforeHeaders => ReplacedResponse::ResetBeforeHeaders.into(),
            Self::ResetAfterHeaders => DamagedResponse::ResetAfterHeaders.into(),
            Self::Stalled => ReplacedResponse::Stall.into(),
            Self::StalledInBody => DamagedResponse::StallInBody.into(),
            // No body of these worlds is short enough to arrive in time.
            Self::SlowDrip => DamagedResponse::SlowDrip { milliseconds: 1000 }.into(),
            Self::CutBody => DamagedResponse::CutBody.into(),
            Self::LengthTooLong => DamagedResponse::WrongContentLength { difference: 10 }.into(),
            Self::LengthTooShort => DamagedResponse::WrongContentLength { difference: -10 }.into(),
            Self::Status(code) => status(host, code),
            Self::Unauthorized => ReplacedResponse::Unauthorized.into(),
            Self::ThrottledSeconds => throttled(RetryAfter::Seconds(1)),
            Self::ThrottledDate | Self::ThrottledDateClockOff(_) => throttled(RetryAfter::Date(2)),
            Self::ThrottledAbsurdly => throttled(RetryAfter::Absurd),
            Self::OperationThrottled => operation_throttled(),
            Self::RedirectLoop => redirect(RedirectTarget::Loop),
            Self::RedirectToHttp => redirect(RedirectTarget::PlainHttp),
            Self::RedirectToOtherHost => redirect(RedirectTarget::OtherHost(OTHER_HOST.to_owned())),
            Self::Html => ReplacedResponse::Html.into(),
            Self::NotFoundHtml => {
                not_found("text/html", "<html><body>404: Not Found</body></html>")
            }
            Self::NotFoundText => not_found("text/plain", "404 page not found"),
            Self::NotFoundGateway => not_found(
                "application/json",
                r#"{"message":"no Route matched with those values"}"#,
            ),
            Self::NotFoundForm => not_found(
                "application/json",
                r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"Manifest has media type 'x', but client accepts 'y'."}]}"#,
            ),
            Self::Empty => DamagedResponse::EmptyBody.into(),
            Self::Truncated => DamagedResponse::TruncatedJson.into(),
            Self::WrongShape => DamagedResponse::WrongShape.into(),
            Self::HundredMegabytes => ReplacedResponse::HugeJson { bytes: HUGE }.into(),
            Self::GzipBomb => ReplacedResponse::GzipBomb { bytes: HUGE }.into(),
            Self::WrongDigest => DamagedResponse::WrongDigest.into(),
            Self::WrongDigestHeader => DamagedResponse::WrongDigestHeader.into(),
            Self::MissingDigestHeader => DamagedResponse::MissingDigestHeader.into(),
        }
    }

    /// Offset of the clocks of the services, in seconds.
    pub fn clock_offset(self) -> i64 {
        match self {
            Self::ThrottledDateClockOff(offset) => offset,
            _ => 0,
        }
    }

    /// Whether it lasts until the timeout of a request, or longer.
    pub fn is_slow(self) -> bool {
        matches!(
            self,
            Self::ConnectStalled
                | Self::Stalled
                | Self::StalledInBody
                | Self::SlowDrip
                | Self::LengthTooLong
        )
    }

    /// Whether it is a failure of connections, which affects every endpoint of a host.
    pub fn is_of_connection(self) -> bool {
        matches!(self, Self::Refused | Self::ConnectStalled)
    }

    /// Whether the failure is possible at this endpoint.
    pub fn applies_to(self, endpoint: &Endpoint, is_first_of_its_host: bool) -> bool {
        let has_body = !matches!(
            endpoint.body,
            Body::Headers | Body::DigestHeader | Body::Connection
        );
        let is_json = matches!(endpoint.body, Body::Json | Body::Manifest);
        let is_plain = endpoint.request.contains("IDENTITY_ENDPOINT");
        if endpoint.body == Body::Connection {
            return self.is_of_connection();
        }
        match self {
            // The endpoint of the managed identity is not behind the proxy.
            Self::Refused | Self::ConnectStalled => {
                let is_check = matches!(endpoint.phase, Phase::Check | Phase::Compare);
                is_first_of_its_host && is_check && !is_plain
            }
            Self::OperationThrottled => endpoint.request.contains("operationResults"),
            // These need a body.
            Self::SlowDrip | Self::Empty | Self::Truncated | Self::LengthTooShort => has_body,
            // The response to a HEAD ends with its headers.
            Self::StalledInBody | Self::CutBody | Self::LengthTooLong => {
                endpoint.body != Body::DigestHeader
            }
            // For text and content, this is the same as HTML.
            Self::WrongShape => is_json,
            Self::WrongDigest => matches!(endpoint.body, Body::Manifest | Body::Content),
            Self::WrongDigestHeader | Self::MissingDigestHeader | Self::NotFoundForm => {
                matches!(endpoint.body, Body::Manifest | Body::DigestHeader)
            }
            Self::ResetBeforeHeaders
            | Self::ResetAfterHeaders
            | Self::Stalled
            | Self::Status(_)
            | Self::Unauthorized
            | Self::NotFoundHtml
            | Self::NotFoundText
            | Self::NotFoundGateway
            | Self::ThrottledSeconds
            | Self::ThrottledDate
            | Self::ThrottledDateClockOff(_)
            | Self::ThrottledAbsurdly
            | Self::RedirectLoop
            | Self::RedirectToHttp
            | Self::RedirectToOtherHost
            | Self::Html
            | Self::HundredMegabytes
            | Self::GzipBomb => true,
        }
    }
}

/// The result of an operation if the source has limited Azure.
fn operation_throttled() -> FaultKind {
    let message = "Operation registries-1 failed. Resource /subscriptions/s/r 429 Too Many Requests \
                   {\"errors\":[{\"code\":\"TOOMANYREQUESTS\",\"message\":\"pull rate limit\"}]}";
    let body = json!({"error": {"code": "TooManyRequests", "message": message}});
    ReplacedResponse::Status {
        code: 429,
        headers: Vec::new(),
        body: body.to_string(),
    }
    .into()
}

/// A 404 of something else than the service.
fn not_found(media_type: &str, body: &str) -> FaultKind {
    ReplacedResponse::Status {
        code: 404,
        headers: vec![("Content-Type".to_owned(), media_type.to_owned())],
        body: body.to_owned(),
    }
    .into()
}

/// A status in the form of the service: a registry with its header, or Resource Manager.
fn status(host: &str, code: u16) -> FaultKind {
    let name = match code {
        400 => "BadRequest",
        403 if host == ARM => "AuthorizationFailed",
        403 => "DENIED",
        404 if host == ARM => "NotFound",
        404 => "NAME_UNKNOWN",
        409 => "Conflict",
        _ => "Failure",
    };
    let body = match host {
        ARM => json!({"error": {"code": name, "message": "the fault says so"}}),
        sandbox::catalog::HOST => json!({"detail": "the fault says so"}),
        _ => json!({"errors": [{"code": name, "message": "the fault says so"}]}),
    };
    let version = ("Docker-Distribution-Api-Version", "registry/2.0");
    let headers = [version].map(|(name, value)| (name.to_owned(), value.to_owned()));
    ReplacedResponse::Status {
        code,
        headers: headers.to_vec(),
        body: body.to_string(),
    }
    .into()
}
