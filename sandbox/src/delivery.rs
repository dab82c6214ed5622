//! Sending an answer, and damaging it on the way when a fault says so.
//!
//! A fault first changes the answer as a value (`damage.rs`), and then, when it is about the wire, how the bytes go out.

use crate::damage;
use crate::fault::FaultKind;
use crate::http1;
use crate::journal::Outcome;
use crate::line::LineControl;
use crate::message::{Request, Response};
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

/// How the bytes of an answer go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Head and body at once, after this long.
    Whole(Duration),
    /// Nothing, and then this.
    Nothing(Then),
    /// The head and half of the body, and then this.
    Half(Then),
    /// Head and body under a length that is off by this much.
    LengthOff(i64),
    /// The head, and then a byte of the body every so often.
    Drip(Duration),
    /// The head, and then chunks for ever.
    Endless,
    /// The head, and then chunks of this size together.
    Huge(u64),
}

/// What follows when an answer is not sent to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// A TCP reset.
    Reset,
    /// Silence, for as long as the client bears it.
    Silence,
    /// An orderly end of the connection.
    End,
}

impl Manner {
    fn of(fault: Option<&FaultKind>) -> Self {
        let Some(fault) = fault else {
            return Self::Whole(Duration::ZERO);
        };
        match fault {
            FaultKind::ResetBeforeHeaders => Self::Nothing(Then::Reset),
            FaultKind::Stall => Self::Nothing(Then::Silence),
            FaultKind::ResetAfterHeaders => Self::Half(Then::Reset),
            FaultKind::StallInBody => Self::Half(Then::Silence),
            FaultKind::CutBody => Self::Half(Then::End),
            FaultKind::WrongContentLength { difference } => Self::LengthOff(*difference),
            FaultKind::SlowDrip { milliseconds } => {
                Self::Drip(Duration::from_millis(*milliseconds))
            }
            FaultKind::EndlessBody => Self::Endless,
            FaultKind::HugeJson { bytes } => Self::Huge(*bytes),
            FaultKind::Delay { milliseconds } => Self::Whole(Duration::from_millis(*milliseconds)),
            FaultKind::Refused
            | FaultKind::CertificateOfForeignAuthority
            | FaultKind::CertificateForOtherHost
            | FaultKind::CertificateExpired
            | FaultKind::CertificateShortLived
            | FaultKind::TunnelRefused { .. }
            | FaultKind::Status { .. }
            | FaultKind::Echo { .. }
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
            | FaultKind::MissingDigestHeader => Self::Whole(Duration::ZERO),
        }
    }
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
        response = damage::damage(response, host, request, fault, now);
    }
    let manner = Manner::of(fault);
    let mut wire = Wire {
        stream,
        line,
        sent: 0,
    };
    let after = wire.send_answer(manner, request, &response, now).await?;
    let status = (!matches!(manner, Manner::Nothing(_))).then_some(response.status);
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
            status,
            bytes_out: wire.sent,
        },
        after,
    ))
}

fn head(response: &Response, manner: Manner, now: i64) -> Vec<u8> {
    let mut headers = vec![("Date".to_owned(), http1::http_date(now))];
    headers.extend(response.headers.iter().cloned());
    let length = response.body.len();
    let declared = match manner {
        Manner::Endless | Manner::Huge(_) => None,
        Manner::LengthOff(difference) => {
            Some(length.saturating_add_signed(isize::try_from(difference).unwrap_or(0)))
        }
        // Half of nothing would be a whole answer.
        Manner::Half(_) => Some(length.max(16)),
        Manner::Whole(_) | Manner::Nothing(_) | Manner::Drip(_) => Some(length),
    };
    match declared {
        None => headers.push(("Transfer-Encoding".to_owned(), "chunked".to_owned())),
        Some(_) if response.status == 204 => {}
        Some(length) => headers.push(("Content-Length".to_owned(), length.to_string())),
    }
    http1::response_head(response.status, &headers)
}

fn has_body(request: &Request, status: u16) -> bool {
    request.method != "HEAD" && status != 204 && status != 304
}

/// A stream with a count of what went over it.
struct Wire<'a, S> {
    stream: &'a mut S,
    line: &'a LineControl,
    sent: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<'_, S> {
    async fn send_answer(
        &mut self,
        manner: Manner,
        request: &Request,
        response: &Response,
        now: i64,
    ) -> io::Result<After> {
        let head = head(response, manner, now);
        let body: &[u8] = if has_body(request, response.status) {
            &response.body
        } else {
            &[]
        };
        match manner {
            Manner::Nothing(then) => return Ok(self.stop(then).await),
            Manner::Whole(delay) => {
                tokio::time::sleep(delay).await;
                self.send_together(&head, body).await?;
            }
            Manner::Half(then) => {
                self.send_together(&head, &body[..body.len() / 2]).await?;
                return Ok(self.stop(then).await);
            }
            Manner::LengthOff(difference) => {
                self.send_together(&head, body).await?;
                return Ok(self
                    .stop(if difference > 0 {
                        Then::Silence
                    } else {
                        Then::End
                    })
                    .await);
            }
            Manner::Drip(pause) => {
                self.send(&head).await?;
                for byte in body {
                    tokio::time::sleep(pause).await;
                    self.send(&[*byte]).await?;
                }
            }
            Manner::Endless => {
                self.send(&head).await?;
                self.send_endless().await?;
            }
            Manner::Huge(bytes) => {
                self.send(&head).await?;
                self.send_huge(bytes).await?;
            }
        }
        Ok(After::KeepOpen)
    }

    async fn stop(&mut self, then: Then) -> After {
        match then {
            Then::Reset => {
                self.line.reset_at_end();
                After::Drop
            }
            Then::Silence => {
                self.wait_for_client().await;
                After::Drop
            }
            Then::End => After::Close,
        }
    }

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
