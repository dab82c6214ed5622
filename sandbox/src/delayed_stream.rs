//! The client's connection as the world outside would make it feel: every byte takes half a round trip, a reset is a
//! real TCP reset, and what passes is counted.
//!
//! The delay sits below TLS, so that a handshake costs what it costs: TCP's round trip is waited for before CONNECT is
//! answered, TLS 1.3's arises by itself from the delayed bytes, and so does that of every request. Deliberately absent:
//! bandwidth and loss.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// How many bytes are kept on their way to the server before reading from the client pauses.
const WINDOW: usize = 4 * 1024 * 1024;

/// What can be told to a [`DelayedStream`] and read from it while something else (TLS) owns it.
#[derive(Debug, Default)]
pub struct StreamControl {
    reset: AtomicBool,
    /// The round trip in microseconds.
    round_trip: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

impl StreamControl {
    /// When the this is dropped, the client sees a TCP reset (RST) instead of an orderly end.
    pub fn reset_at_end(&self) {
        self.reset.store(true, Ordering::SeqCst);
    }

    /// From now on a round trip takes this long.
    pub fn set_round_trip(&self, round_trip: Duration) {
        let microseconds = u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX);
        self.round_trip.store(microseconds, Ordering::SeqCst);
    }

    /// Bytes that came from the client so far, TLS included.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::SeqCst)
    }

    /// Bytes that went to the client so far, TLS included.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    fn one_way(&self) -> Duration {
        Duration::from_micros(self.round_trip.load(Ordering::SeqCst)) / 2
    }
}

/// A TCP connection with delay, counters and a reset.
#[derive(Debug)]
pub struct DelayedStream {
    stream: TcpStream,
    control: Arc<StreamControl>,
    inbound: Queue,
    outbound: Queue,
    client_finished: bool,
}

/// Bytes on their way in one direction, each with the moment at which it arrives.
#[derive(Debug, Default)]
struct Queue {
    queue: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Queue {
    fn push(&mut self, arrival: Instant, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.queue.push_back((arrival, bytes.to_vec()));
    }

    /// Ready when the first bytes have arrived; pending (with a wake-up) until then, or when there are none.
    fn poll_arrival(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some((arrival, _)) = self.queue.front() else {
            return Poll::Pending;
        };
        if *arrival <= Instant::now() {
            self.timer = None;
            return Poll::Ready(());
        }
        let arrival = *arrival;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(arrival)));
        if timer.deadline() != arrival {
            timer.as_mut().reset(arrival);
        }
        timer.as_mut().poll(context)
    }

    fn take(&mut self, count: usize) {
        self.bytes -= count;
        if let Some((_, bytes)) = self.queue.front_mut() {
            if count == bytes.len() {
                self.queue.pop_front();
            } else {
                bytes.drain(..count);
            }
        }
    }
}

impl DelayedStream {
    /// Takes over a connection; without delay until the control says otherwise.
    #[must_use]
    pub fn new(stream: TcpStream) -> (Self, Arc<StreamControl>) {
        let control = Arc::new(StreamControl::default());
        let (inbound, outbound) = (Queue::default(), Queue::default());
        (
            Self {
                stream,
                control: Arc::clone(&control),
                inbound,
                outbound,
                client_finished: false,
            },
            control,
        )
    }

    /// Takes everything that the kernel has from the client now, and stamps it with its arrival.
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.client_finished && self.inbound.bytes < WINDOW {
            let mut space = [0; 16 * 1024];
            let mut chunk = ReadBuf::new(&mut space);
            match Pin::new(&mut self.stream).poll_read(context, &mut chunk) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) if chunk.filled().is_empty() => self.client_finished = true,
                Poll::Ready(Ok(())) => {
                    self.control
                        .received
                        .fetch_add(chunk.filled().len() as u64, Ordering::SeqCst);
                    self.inbound
                        .push(Instant::now() + self.control.one_way(), chunk.filled());
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for DelayedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        target: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Poll::Ready(Err(error)) = this.poll_receive(context) {
            return Poll::Ready(Err(error));
        }
        if this.inbound.queue.is_empty() {
            return if this.client_finished {
                Poll::Ready(Ok(()))
            } else {
                Poll::Pending
            };
        }
        std::task::ready!(this.inbound.poll_arrival(context));
        let count = this.inbound.queue.front().map_or(0, |(_, bytes)| {
            let count = bytes.len().min(target.remaining());
            target.put_slice(&bytes[..count]);
            count
        });
        this.inbound.take(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for DelayedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.outbound.bytes >= WINDOW {
            std::task::ready!(Pin::new(&mut *this).poll_flush(context))?;
        }
        this.outbound
            .push(Instant::now() + this.control.one_way(), bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while !this.outbound.queue.is_empty() {
            std::task::ready!(this.outbound.poll_arrival(context));
            let Some((_, bytes)) = this.outbound.queue.front() else {
                break;
            };
            let count = std::task::ready!(Pin::new(&mut this.stream).poll_write(context, bytes))?;
            this.control.sent.fetch_add(count as u64, Ordering::SeqCst);
            this.outbound.take(count);
        }
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        std::task::ready!(Pin::new(&mut *this).poll_flush(context))?;
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}

impl Drop for DelayedStream {
    fn drop(&mut self) {
        if self.control.reset.load(Ordering::SeqCst) {
            // A lingering time of zero makes close() send RST and throw away what was not sent (socket(7)).
            let _ = self.stream.set_zero_linger();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    async fn pair() -> (DelayedStream, Arc<StreamControl>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (this, control) = DelayedStream::new(listener.accept().await.unwrap().0);
        (this, control, client)
    }

    #[tokio::test]
    async fn a_question_and_its_answer_take_one_round_trip() {
        let (mut this, control, mut client) = pair().await;
        control.set_round_trip(Duration::from_millis(80));
        let server = tokio::spawn(async move {
            let mut question = [0; 4];
            this.read_exact(&mut question).await.unwrap();
            this.write_all(b"pong").await.unwrap();
            this.flush().await.unwrap();
        });
        let start = Instant::now();
        client.write_all(b"ping").await.unwrap();
        let mut answer = [0; 4];
        client.read_exact(&mut answer).await.unwrap();
        let took = start.elapsed();
        assert!(
            took >= Duration::from_millis(79) && took < Duration::from_millis(400),
            "{took:?}"
        );
        server.await.unwrap();
        assert_eq!((control.received(), control.sent()), (4, 4));
    }

    #[tokio::test]
    async fn a_reset_reaches_the_client_as_one() {
        let (this, control, mut client) = pair().await;
        control.reset_at_end();
        drop(this);
        let error = client.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
