//! Sending a response, also incompletely or incorrectly as faults require.

use crate::delayed_stream::StreamControl;
use crate::http1;
use crate::journal::Outcome;
use crate::message::{Request, Response};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The time between two pieces of an endless body.
const ENDLESS_PAUSE: Duration = Duration::from_millis(10);

/// A response and how to send it.
#[derive(Debug, Clone)]
pub struct Delivery {
    response: Response,
    mode: SendMode,
}

impl Response {
    /// Selects how to send this response.
    #[must_use]
    pub fn sent(self, mode: SendMode) -> Delivery {
        Delivery {
            response: self,
            mode,
        }
    }
}

impl From<Response> for Delivery {
    fn from(response: Response) -> Self {
        response.sent(SendMode::Whole(Duration::ZERO))
    }
}

/// How to send a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendMode {
    /// Head and body at once, after this time.
    Whole(Duration),
    /// Nothing.
    Nothing(Ending),
    /// The head and half of the body.
    Half(Ending),
    /// The head and this many bytes of the body.
    Part(usize, Ending),
    /// Head and body; `Content-Length` differs from the correct length by this number.
    WrongLength(i64),
    /// The head, then one byte of the body each time this time has passed.
    Bytewise(Duration),
    /// The head, then chunks without an end.
    Endless,
    /// The head, then chunks with this total size.
    Huge(u64),
}

/// The end of a response that is not sent completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A TCP reset.
    Reset,
    /// Nothing, until the client closes the connection.
    Silence,
    /// A regular end of the connection.
    Close,
}

/// What to do with the connection after a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// Read the next request.
    KeepOpen,
    /// Close it regularly.
    Close,
    /// Drop it. This sends a reset if [`StreamControl::reset_at_end`] was called.
    Drop,
}

/// Sends a response; `now` is the services' time.
///
/// # Errors
/// If the client has closed the connection.
pub async fn deliver<S>(
    stream: &mut S,
    control: &StreamControl,
    request: &Request,
    delivery: &Delivery,
    now: i64,
) -> io::Result<(Outcome, NextStep)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut wire = Wire {
        stream,
        control,
        sent: 0,
        head: 0,
    };
    let step = wire.send_response(delivery, request, now).await?;
    let wants_close = request
        .header("connection")
        .is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let step = if wants_close && step == NextStep::KeepOpen {
        NextStep::Close
    } else {
        step
    };
    let has_status = !matches!(delivery.mode, SendMode::Nothing(_));
    let outcome = Outcome {
        status: has_status.then_some(delivery.response.status),
        bytes_out: wire.sent,
        body_out: wire.sent.saturating_sub(wire.head),
    };
    Ok((outcome, step))
}

fn head(delivery: &Delivery, now: i64) -> Vec<u8> {
    let response = &delivery.response;
    let mut headers = vec![("Date".to_owned(), http1::http_date(now))];
    headers.extend(response.headers.iter().cloned());
    let length = response.body.len();
    let declared = match delivery.mode {
        SendMode::Endless | SendMode::Huge(_) => None,
        SendMode::WrongLength(difference) => {
            Some(length.saturating_add_signed(isize::try_from(difference).unwrap_or(0)))
        }
        // Half of an empty body would be a complete response.
        SendMode::Half(_) => Some(length.max(16)),
        SendMode::Whole(_) | SendMode::Nothing(_) | SendMode::Part(..) | SendMode::Bytewise(_) => {
            Some(length)
        }
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

/// A stream that counts the sent bytes.
struct Wire<'a, S> {
    stream: &'a mut S,
    control: &'a StreamControl,
    sent: u64,
    /// The size of the response's head.
    head: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<'_, S> {
    async fn send_response(
        &mut self,
        delivery: &Delivery,
        request: &Request,
        now: i64,
    ) -> io::Result<NextStep> {
        let head = head(delivery, now);
        self.head = head.len() as u64;
        let body: &[u8] = if has_body(request, delivery.response.status) {
            &delivery.response.body
        } else {
            &[]
        };
        match delivery.mode {
            SendMode::Nothing(ending) => return Ok(self.end(ending).await),
            SendMode::Whole(delay) => {
                tokio::time::sleep(delay).await;
                self.send_together(&head, body).await?;
            }
            SendMode::Half(ending) => {
                self.send_together(&head, &body[..body.len() / 2]).await?;
                return Ok(self.end(ending).await);
            }
            SendMode::Part(bytes, ending) => {
                self.send_together(&head, &body[..bytes.min(body.len())])
                    .await?;
                return Ok(self.end(ending).await);
            }
            SendMode::WrongLength(difference) => {
                self.send_together(&head, body).await?;
                let is_too_large = difference > 0;
                let ending = if is_too_large {
                    Ending::Silence
                } else {
                    Ending::Close
                };
                return Ok(self.end(ending).await);
            }
            SendMode::Bytewise(pause) => {
                self.send(&head).await?;
                for byte in body {
                    tokio::time::sleep(pause).await;
                    self.send(&[*byte]).await?;
                }
            }
            SendMode::Endless => {
                self.send(&head).await?;
                self.send_endless().await?;
            }
            SendMode::Huge(bytes) => {
                self.send(&head).await?;
                self.send_huge(bytes).await?;
            }
        }
        Ok(NextStep::KeepOpen)
    }

    async fn end(&mut self, ending: Ending) -> NextStep {
        match ending {
            Ending::Reset => {
                self.control.reset_at_end();
                NextStep::Drop
            }
            Ending::Silence => {
                self.wait_for_client().await;
                NextStep::Drop
            }
            Ending::Close => NextStep::Close,
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await?;
        self.sent += bytes.len() as u64;
        Ok(())
    }

    /// Sends head and body with one flush, so that a small response is one packet, like that of a real server.
    async fn send_together(&mut self, head: &[u8], body: &[u8]) -> io::Result<()> {
        self.stream.write_all(head).await?;
        self.stream.write_all(body).await?;
        self.stream.flush().await?;
        self.sent += (head.len() + body.len()) as u64;
        Ok(())
    }

    /// Sends a chunk without a flush, which would cost a round trip per chunk if there is latency.
    async fn send_chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
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

    /// Waits until the client closes the connection.
    async fn wait_for_client(&mut self) {
        let mut buffer = [0; 1024];
        while let Ok(count) = self.stream.read(&mut buffer).await {
            if count == 0 {
                return;
            }
        }
    }
}
