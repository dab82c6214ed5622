//! The responses that a fault causes: those that replace the service's response, and those that are damaged.

use crate::arm_error;
use crate::content::Digest;
use crate::delivery::{Delivery, Ending, SendMode};
use crate::fault::{DamagedResponse, RedirectTarget, ReplacedResponse, RetryAfter};
use crate::http1::http_date;
use crate::message::{Request, Response};
use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress};
use serde_json::{Value, json};
use std::time::Duration;

const JSON: &str = "application/json; charset=utf-8";

/// Returns what the client gets instead of the service's response; `unauthorized` is the service's response to an expired
/// token.
pub fn replaced(
    fault: &ReplacedResponse,
    host: &str,
    request: &Request,
    now: i64,
    unauthorized: impl FnOnce() -> Response,
) -> Delivery {
    let nothing = |ending| Response::empty(200).sent(SendMode::Nothing(ending));
    match fault {
        ReplacedResponse::ResetBeforeHeaders => nothing(Ending::Reset),
        ReplacedResponse::Stall => nothing(Ending::Silence),
        ReplacedResponse::Status {
            code,
            headers,
            body,
        } => status(*code, headers, body).into(),
        ReplacedResponse::Echo { code } => Response::json(*code, &echo(request)).into(),
        ReplacedResponse::Unauthorized => unauthorized().into(),
        ReplacedResponse::TooManyRequests { retry_after } => {
            too_many_requests(host, retry_after, now).into()
        }
        ReplacedResponse::Redirect { to } => Response::empty(307)
            .with("Location", redirect(to, host, request))
            .into(),
        ReplacedResponse::Html => {
            let page = "<!DOCTYPE html>\n<html><head><title>Sign in to the network</title></head><body>Welcome</body></html>\n";
            Response::new(200, "text/html; charset=utf-8", page).into()
        }
        ReplacedResponse::EndlessBody => Response::new(200, JSON, "").sent(SendMode::Endless),
        ReplacedResponse::HugeJson { bytes } => {
            Response::new(200, JSON, "").sent(SendMode::Huge(*bytes))
        }
        ReplacedResponse::GzipBomb { bytes } => Response::new(200, JSON, gzip_bomb(*bytes))
            .with("Content-Encoding", "gzip")
            .into(),
    }
}

/// Returns the service's response with this damage.
pub fn damaged(fault: &DamagedResponse, mut response: Response) -> Delivery {
    match fault {
        DamagedResponse::ResetAfterHeaders => response.sent(SendMode::Half(Ending::Reset)),
        DamagedResponse::StallInBody => response.sent(SendMode::Half(Ending::Silence)),
        DamagedResponse::CutBody => response.sent(SendMode::Half(Ending::Close)),
        DamagedResponse::Delay { milliseconds } => {
            response.sent(SendMode::Whole(Duration::from_millis(*milliseconds)))
        }
        DamagedResponse::SlowDrip { milliseconds } => {
            response.sent(SendMode::Bytewise(Duration::from_millis(*milliseconds)))
        }
        DamagedResponse::WrongContentLength { difference } => {
            response.sent(SendMode::WrongLength(*difference))
        }
        DamagedResponse::EmptyBody => response.with_body(Bytes::new()).into(),
        DamagedResponse::TruncatedJson => {
            let half = response.body.slice(..response.body.len() / 2);
            response.with_body(half).into()
        }
        DamagedResponse::WrongShape => response.with_body(&b"{\"unexpected\":[1,2,3]}"[..]).into(),
        DamagedResponse::WrongDigest => {
            let other = altered(&response.body);
            response.with_body(other).into()
        }
        DamagedResponse::WrongDigestHeader => {
            response.remove_header("docker-content-digest");
            let other = Digest::of(b"something else");
            response
                .with("Docker-Content-Digest", other.as_str())
                .into()
        }
        DamagedResponse::MissingDigestHeader => {
            response.remove_header("docker-content-digest");
            response.into()
        }
        DamagedResponse::ResetAfter { bytes } => {
            response.sent(SendMode::Part(*bytes, Ending::Reset))
        }
        DamagedResponse::StallAfter { bytes } => {
            response.sent(SendMode::Part(*bytes, Ending::Silence))
        }
        DamagedResponse::UploadReset { .. } => response.sent(SendMode::Nothing(Ending::Reset)),
        DamagedResponse::UploadStall { .. } => response.sent(SendMode::Nothing(Ending::Silence)),
    }
}

fn status(code: u16, headers: &[(String, String)], body: &str) -> Response {
    let mut response = Response::empty(code).with_body(body.to_owned());
    response.headers = headers.to_vec();
    if response.header("content-type").is_some() || body.is_empty() {
        return response;
    }
    let media_type = if body.starts_with(['{', '[']) {
        "application/json"
    } else {
        "text/plain; charset=utf-8"
    };
    response.with("Content-Type", media_type)
}

/// Returns the request's credentials in the error fields of all services.
fn echo(request: &Request) -> Value {
    let credentials = request.header("authorization").unwrap_or_default();
    let mut form: Vec<_> = form_urlencoded::parse(&request.body)
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    // Tokens come before the many scopes.
    form.sort();
    let message = format!("you sent {credentials} and {}", form.join(", "));
    json!({
        "errors": [{"code": "DENIED", "message": message}],
        "error": "invalid_client",
        "error_description": message,
        // A client may quote a value of an unexpected type.
        "access_token": [message],
        "refresh_token": [message],
        "expires_in": [message],
        "tags": message,
        "value": message,
    })
}

fn too_many_requests(host: &str, retry_after: &RetryAfter, now: i64) -> Response {
    let response = if host.starts_with("management.") {
        arm_error::error(
            429,
            "TooManyRequests",
            "The request is being throttled as the limit has been reached.",
        )
    } else {
        Response::registry_error(429, "TOOMANYREQUESTS", "too many requests", Value::Null)
    };
    match retry_after {
        RetryAfter::None => response,
        RetryAfter::Seconds(seconds) => response.with("Retry-After", seconds.to_string()),
        RetryAfter::Date(seconds) => response.with("Retry-After", http_date(now + seconds)),
        RetryAfter::Absurd => response.with("Retry-After", "999999"),
        RetryAfter::Text(text) => response.with("Retry-After", text.clone()),
    }
}

fn redirect(to: &RedirectTarget, host: &str, request: &Request) -> String {
    let target = match request.query.as_str() {
        "" => request.path.clone(),
        query => format!("{}?{query}", request.path),
    };
    match to {
        RedirectTarget::Loop => format!("https://{host}{target}"),
        RedirectTarget::PlainHttp => format!("http://{host}{target}"),
        RedirectTarget::OtherHost(other) => format!("https://{other}{target}"),
        RedirectTarget::Address(address) => address.clone(),
    }
}

/// Returns other bytes; JSON keeps its values.
fn altered(body: &Bytes) -> Bytes {
    let mut bytes = body.to_vec();
    match bytes.first_mut() {
        Some(b'{' | b'[') => bytes.insert(1, b' '),
        Some(first) => *first ^= 1,
        None => {}
    }
    bytes.into()
}

/// Returns gzipped white space. The deflate stream repeats one compressed block, which is possible because a flushed block
/// does not depend on others (RFC 1951), so that the sandbox does not compress a gigabyte for every request. Header and
/// trailer are those of RFC 1952.
fn gzip_bomb(bytes: u64) -> Vec<u8> {
    const BLOCK: usize = 1 << 20;
    let block = vec![b' '; BLOCK];
    let mut piece = Vec::with_capacity(BLOCK / 16);
    // This does not fail, because the vector has enough capacity.
    let _ = Compress::new(Compression::best(), false).compress_vec(
        &block,
        &mut piece,
        FlushCompress::Full,
    );
    let (mut one, mut all) = (Crc::new(), Crc::new());
    one.update(&block);
    let mut body = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    for _ in 0..bytes.div_ceil(BLOCK as u64) {
        body.extend_from_slice(&piece);
        all.combine(&one);
    }
    body.extend_from_slice(&[3, 0]);
    body.extend_from_slice(&all.sum().to_le_bytes());
    body.extend_from_slice(&all.amount().to_le_bytes());
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_bomb_decompresses_to_the_requested_size() {
        let bomb = gzip_bomb(10_000_000);
        assert!(bomb.len() < 40_000, "{}", bomb.len());
        let decompressed =
            std::io::read_to_string(flate2::read::GzDecoder::new(&bomb[..])).unwrap();
        assert_eq!(decompressed.trim(), "");
        assert_eq!(decompressed.len(), 10 << 20);
    }

    #[test]
    fn altered_json_has_equal_values_and_another_digest() {
        let body = Bytes::from_static(b"{\"a\":1}");
        let other = altered(&body);
        assert_ne!(Digest::of(&body), Digest::of(&other));
        let (one, two): (Value, Value) = (
            serde_json::from_slice(&body).unwrap(),
            serde_json::from_slice(&other).unwrap(),
        );
        assert_eq!(one, two);
    }
}
