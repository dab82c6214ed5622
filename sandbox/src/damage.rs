//! Damaging an answer as a value, before it goes to the wire: another status, another body, another digest.
//!
//! What a fault does to the wire itself is in `delivery.rs`.

use crate::arm_error;
use crate::content::Digest;
use crate::fault::{FaultKind, RedirectTarget, RetryAfter};
use crate::http1::http_date;
use crate::message::{Request, Response};
use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress};
use serde_json::{Value, json};

/// The answer as the fault changes it, before it goes to the wire.
pub fn damage(
    mut response: Response,
    host: &str,
    request: &Request,
    fault: &FaultKind,
    now: i64,
) -> Response {
    match fault {
        FaultKind::Status {
            code,
            headers,
            body,
        } => {
            let mut answer = Response::empty(*code).with_body(body.clone());
            answer.headers.clone_from(headers);
            if answer.header("content-type").is_none() && !body.is_empty() {
                let json = body.starts_with(['{', '[']);
                answer = answer.with(
                    "Content-Type",
                    if json {
                        "application/json"
                    } else {
                        "text/plain; charset=utf-8"
                    },
                );
            }
            answer
        }
        FaultKind::Echo { code } => Response::json(*code, &echo(request)),
        FaultKind::TooManyRequests { retry_after } => too_many_requests(host, retry_after, now),
        FaultKind::Redirect { to } => {
            Response::empty(307).with("Location", redirect(to, host, request))
        }
        FaultKind::Html => {
            let page = "<!DOCTYPE html>\n<html><head><title>Sign in to the network</title></head><body>Welcome</body></html>\n";
            Response::new(200, "text/html; charset=utf-8", page)
        }
        FaultKind::EmptyBody => response.with_body(Bytes::new()),
        FaultKind::TruncatedJson => {
            let half = response.body.slice(..response.body.len() / 2);
            response.with_body(half)
        }
        FaultKind::WrongShape => {
            response.body = Bytes::from_static(b"{\"unexpected\":[1,2,3]}");
            response
        }
        FaultKind::EndlessBody | FaultKind::HugeJson { .. } => {
            Response::new(200, "application/json; charset=utf-8", "")
        }
        FaultKind::GzipBomb { bytes } => {
            Response::new(200, "application/json; charset=utf-8", bomb(*bytes))
                .with("Content-Encoding", "gzip")
        }
        FaultKind::WrongDigest => {
            response.body = altered(&response.body);
            response
        }
        FaultKind::WrongDigestHeader => {
            response.remove_header("docker-content-digest");
            response.with(
                "Docker-Content-Digest",
                Digest::of(b"something else").as_str(),
            )
        }
        FaultKind::MissingDigestHeader => {
            response.remove_header("docker-content-digest");
            response
        }
        // The rest is about the wire; `Unauthorized` was asked of the service itself.
        FaultKind::Refused
        | FaultKind::CertificateOfForeignAuthority
        | FaultKind::CertificateForOtherHost
        | FaultKind::CertificateExpired
        | FaultKind::CertificateShortLived
        | FaultKind::TunnelRefused { .. }
        | FaultKind::ResetBeforeHeaders
        | FaultKind::ResetAfterHeaders
        | FaultKind::Stall
        | FaultKind::StallInBody
        | FaultKind::Delay { .. }
        | FaultKind::SlowDrip { .. }
        | FaultKind::CutBody
        | FaultKind::WrongContentLength { .. }
        | FaultKind::Unauthorized => response,
    }
}

/// Everything that a client would not like to read again, in the words of each kind of service.
fn echo(request: &Request) -> Value {
    let credentials = request.header("authorization").unwrap_or_default();
    let mut form: Vec<_> = form_urlencoded::parse(&request.body)
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    // Tokens before scopes, of which there are many.
    form.sort();
    let said = format!("you sent {credentials} and {}", form.join(", "));
    json!({
        "errors": [{"code": "DENIED", "message": said}],
        "error": "invalid_client",
        "error_description": said,
        // Where something else belongs: a reader may quote what it did not expect.
        "access_token": [said],
        "refresh_token": [said],
        "expires_in": [said],
        "tags": said,
        "value": said,
    })
}

fn too_many_requests(host: &str, retry_after: &RetryAfter, now: i64) -> Response {
    let answer = if host.starts_with("management.") {
        arm_error::error(
            429,
            "TooManyRequests",
            "The request is being throttled as the limit has been reached.",
        )
    } else {
        Response::registry_error(
            429,
            "TOOMANYREQUESTS",
            "too many requests",
            serde_json::Value::Null,
        )
    };
    match retry_after {
        RetryAfter::None => answer,
        RetryAfter::Seconds(seconds) => answer.with("Retry-After", seconds.to_string()),
        RetryAfter::Date(seconds) => answer.with("Retry-After", http_date(now + seconds)),
        RetryAfter::Absurd => answer.with("Retry-After", "999999"),
        RetryAfter::Text(text) => answer.with("Retry-After", text.clone()),
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

/// Other bytes that still read as the same JSON, where it is JSON.
fn altered(body: &Bytes) -> Bytes {
    let mut bytes = body.to_vec();
    match bytes.first_mut() {
        Some(b'{' | b'[') => bytes.insert(1, b' '),
        Some(first) => *first ^= 1,
        None => {}
    }
    bytes.into()
}

/// White space, compressed: one block of it, repeated, since a flushed block of deflate stands alone (RFC 1951), inside
/// the header and trailer of RFC 1952. Compressing a gigabyte for every request would be the sandbox's own bad day.
fn bomb(bytes: u64) -> Vec<u8> {
    const BLOCK: usize = 1 << 20;
    let block = vec![b' '; BLOCK];
    let mut piece = Vec::with_capacity(BLOCK / 16);
    // With room for all of it, compressing into a vector does not fail.
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
    fn a_bomb_unpacks_to_what_it_promises() {
        let bomb = bomb(10_000_000);
        assert!(bomb.len() < 40_000, "{}", bomb.len());
        let unpacked = std::io::read_to_string(flate2::read::GzDecoder::new(&bomb[..])).unwrap();
        assert_eq!(unpacked.trim(), "");
        assert_eq!(unpacked.len(), 10 << 20);
    }

    #[test]
    fn altered_json_is_the_same_json_with_another_digest() {
        let body = Bytes::from_static(b"{\"a\":1}");
        let other = altered(&body);
        assert_ne!(Digest::of(&body), Digest::of(&other));
        let (one, two): (serde_json::Value, serde_json::Value) = (
            serde_json::from_slice(&body).unwrap(),
            serde_json::from_slice(&other).unwrap(),
        );
        assert_eq!(one, two);
    }
}
