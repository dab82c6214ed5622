//! Sending an answer, and damaging it on the way when a fault says so.
//!
//! A fault first changes the answer as a value (`damage`), and then, when it is about the wire, how the bytes go out.

use crate::content::Digest;
use crate::fault::{FaultKind, RedirectTarget, RetryAfter};
use crate::http1;
use crate::journal::Outcome;
use crate::line::LineControl;
use crate::message::{Request, Response};
use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// From one piece of an endless body to the next.
const ENDLESS_PAUSE: Duration = Duration::from_millis(10);

/// What became of the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The next request may come.
    KeepOpen,
    /// It is to be closed in order.
    Close,
    /// It is to be dropped, which sends the reset when the line was told so.
    Drop,
}

/// Sends an answer as the fault wants it; what was sent, and how to go on.
///
/// # Errors
/// When the client has gone.
pub async fn deliver<S>(
    stream: &mut S,
    line: &LineControl,
    host: &str,
    request: &Request,
    mut response: Response,
    fault: Option<&FaultKind>,
    now: i64,
) -> io::Result<(Outcome, After)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Some(fault) = fault {
        response = damage(response, host, request, fault, now);
    }
    let mut wire = Wire {
        stream,
        status: response.status,
        sent: 0,
    };
    let body = if has_body(request, response.status) {
        response.body.clone()
    } else {
        Bytes::new()
    };
    let head = head(&response, fault, now);
    let half = body.len() / 2;
    let after = match fault {
        Some(FaultKind::ResetBeforeHeaders) => {
            line.reset_at_end();
            return Ok((
                Outcome {
                    status: None,
                    bytes_out: 0,
                },
                After::Drop,
            ));
        }
        Some(FaultKind::Stall) => {
            wire.wait_for_client().await;
            return Ok((
                Outcome {
                    status: None,
                    bytes_out: 0,
                },
                After::Drop,
            ));
        }
        Some(FaultKind::ResetAfterHeaders) => {
            wire.send(&head).await?;
            wire.send(&body[..half]).await?;
            line.reset_at_end();
            After::Drop
        }
        Some(FaultKind::StallInBody) => {
            wire.send(&head).await?;
            wire.send(&body[..half]).await?;
            wire.wait_for_client().await;
            After::Drop
        }
        Some(FaultKind::CutBody) => {
            wire.send(&head).await?;
            wire.send(&body[..half]).await?;
            After::Close
        }
        Some(FaultKind::WrongContentLength { difference }) => {
            wire.send(&head).await?;
            wire.send(&body).await?;
            if *difference > 0 {
                wire.wait_for_client().await;
            }
            After::Close
        }
        Some(FaultKind::SlowDrip { milliseconds }) => {
            wire.send(&head).await?;
            for at in 0..body.len() {
                tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
                wire.send(&body[at..=at]).await?;
            }
            After::KeepOpen
        }
        Some(FaultKind::EndlessBody) => {
            wire.send(&head).await?;
            wire.send_endless().await?;
            After::Drop
        }
        Some(FaultKind::HugeJson { bytes }) => {
            wire.send(&head).await?;
            wire.send_huge(*bytes).await?;
            After::KeepOpen
        }
        Some(
            FaultKind::Refused
            | FaultKind::CertificateOfForeignAuthority
            | FaultKind::CertificateForOtherHost
            | FaultKind::CertificateExpired
            | FaultKind::Delay { .. }
            | FaultKind::Status { .. }
            | FaultKind::Unauthorized
            | FaultKind::TooManyRequests { .. }
            | FaultKind::Redirect { .. }
            | FaultKind::Html
            | FaultKind::EmptyBody
            | FaultKind::TruncatedJson
            | FaultKind::WrongShape
            | FaultKind::GzipBomb { .. }
            | FaultKind::WrongDigest
            | FaultKind::WrongDigestHeader
            | FaultKind::MissingDigestHeader,
        )
        | None => {
            if let Some(FaultKind::Delay { milliseconds }) = fault {
                tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
            }
            wire.send_together(&head, &body).await?;
            After::KeepOpen
        }
    };
    let wants_close = request
        .header("connection")
        .is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let after = if wants_close && after == After::KeepOpen {
        After::Close
    } else {
        after
    };
    Ok((
        Outcome {
            status: Some(wire.status),
            bytes_out: wire.sent,
        },
        after,
    ))
}

/// The answer as the fault changes it, before it goes to the wire.
fn damage(
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

fn head(response: &Response, fault: Option<&FaultKind>, now: i64) -> Vec<u8> {
    let mut headers = vec![("Date".to_owned(), http_date(now))];
    headers.extend(response.headers.iter().cloned());
    let framing = match fault {
        Some(FaultKind::EndlessBody | FaultKind::HugeJson { .. }) => {
            Some(("Transfer-Encoding".to_owned(), "chunked".to_owned()))
        }
        Some(FaultKind::WrongContentLength { difference }) => {
            let length = (response.body.len() as i64 + difference).max(0);
            Some(("Content-Length".to_owned(), length.to_string()))
        }
        // Half of nothing would be a whole answer.
        Some(FaultKind::CutBody | FaultKind::ResetAfterHeaders | FaultKind::StallInBody) => Some((
            "Content-Length".to_owned(),
            response.body.len().max(16).to_string(),
        )),
        _ if response.status == 204 => None,
        _ => Some(("Content-Length".to_owned(), response.body.len().to_string())),
    };
    headers.extend(framing);
    http1::response_head(response.status, &headers)
}

/// The date of an HTTP header (RFC 9110, section 5.6.7).
#[must_use]
pub fn http_date(seconds: i64) -> String {
    let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn too_many_requests(host: &str, retry_after: &RetryAfter, now: i64) -> Response {
    let answer = if host.starts_with("management.") {
        crate::arm::error(
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

fn has_body(request: &Request, status: u16) -> bool {
    request.method != "HEAD" && status != 204 && status != 304
}

/// A stream with a count of what went over it.
struct Wire<'a, S> {
    stream: &'a mut S,
    status: u16,
    sent: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<'_, S> {
    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await?;
        self.sent += bytes.len() as u64;
        Ok(())
    }

    /// Head and body with one flush: a small answer is one packet, as from a real server.
    async fn send_together(&mut self, head: &[u8], body: &[u8]) -> io::Result<()> {
        self.stream.write_all(head).await?;
        self.stream.write_all(body).await?;
        self.stream.flush().await?;
        self.sent += (head.len() + body.len()) as u64;
        Ok(())
    }

    async fn send_chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        // No flush for each: with latency that would be a round trip a piece.
        self.stream.write_all(&chunk).await?;
        self.sent += chunk.len() as u64;
        Ok(())
    }

    async fn send_endless(&mut self) -> io::Result<()> {
        self.send_chunk(b"{\"name\":\"endless\",\"tags\":[\"main\"")
            .await?;
        let piece = b",\"main-0000000\"".repeat(4096);
        loop {
            self.send_chunk(&piece).await?;
            self.stream.flush().await?;
            tokio::time::sleep(ENDLESS_PAUSE).await;
        }
    }

    async fn send_huge(&mut self, bytes: u64) -> io::Result<()> {
        self.send_chunk(b"{\"name\":\"huge\",\"tags\":[\"main-latest\"")
            .await?;
        let (mut sent, mut number) = (0, 0_u64);
        while sent < bytes {
            let piece: String = (number..number + 4096)
                .map(|number| format!(",\"main-{number:012x}\""))
                .collect();
            self.send_chunk(piece.as_bytes()).await?;
            sent += piece.len() as u64;
            number += 4096;
        }
        self.send_chunk(b"]}").await?;
        self.send(b"0\r\n\r\n").await
    }

    /// Waits until the client gives up.
    async fn wait_for_client(&mut self) {
        let mut space = [0; 1024];
        while let Ok(count) = self.stream.read(&mut space).await {
            if count == 0 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_http_wants_them() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

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
