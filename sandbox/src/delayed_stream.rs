//! The client's connection with latency: every byte takes half a round trip. It also sends TCP resets and counts bytes.
//!
//! The latency is below TLS, so that the TLS 1.3 handshake and every request take one round trip each. The round trip of the
//! TCP handshake is added before the response to CONNECT. Not simulated: bandwidth and packet loss.

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

/// The number of delayed bytes after which reading from the client pauses.
const WINDOW: usize = 4 * 1024 * 1024;

/// Controls a [`DelayedStream`] that the TLS stream owns.
#[derive(Debug, Default)]
pub struct StreamControl {
    reset: AtomicBool,
    /// Microseconds.
    round_trip: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

impl StreamControl {
    /// Sends a TCP reset (RST) when the stream is dropped.
    pub fn reset_at_end(&self) {
        self.reset.store(true, Ordering::SeqCst);
    }

    /// Sets the round trip for the following bytes.
    pub fn set_round_trip(&self, round_trip: Duration) {
        let microseconds = u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX);
        self.round_trip.store(microseconds, Ordering::SeqCst);
    }

    /// Returns the number of bytes from the client, including TLS.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::SeqCst)
    }

    /// Returns the number of bytes to the client, including TLS.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    fn one_way(&self) -> Duration {
        Duration::from_micros(self.round_trip.load(Ordering::SeqCst)) / 2
    }
}

/// A TCP connection with latency, byte counters and resets.
#[derive(Debug)]
pub struct DelayedStream {
    stream: TcpStream,
    control: Arc<StreamControl>,
    inbound: Queue,
    outbound: Queue,
    client_finished: bool,
}

/// The delayed bytes of one direction with the times of their arrival.
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

    /// Ready when the first bytes have arrived. Pending until then, or if the queue is empty.
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
    /// Wraps a connection. The latency is zero until [`StreamControl::set_round_trip`].
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

    /// Reads all available bytes from the client and queues them with the time of their arrival.
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
            // With a linger time of zero, close() sends RST and discards unsent data (socket(7)).
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
        let (stream, control) = DelayedStream::new(listener.accept().await.unwrap().0);
        (stream, control, client)
    }

    #[tokio::test]
    async fn request_and_response_take_one_round_trip() {
        let (mut stream, control, mut client) = pair().await;
        control.set_round_trip(Duration::from_millis(80));
        let server = tokio::spawn(async move {
            let mut request = [0; 4];
            stream.read_exact(&mut request).await.unwrap();
            stream.write_all(b"pong").await.unwrap();
            stream.flush().await.unwrap();
        });
        let start = Instant::now();
        client.write_all(b"ping").await.unwrap();
        let mut response = [0; 4];
        client.read_exact(&mut response).await.unwrap();
        let took = start.elapsed();
        assert!(
            took >= Duration::from_millis(79) && took < Duration::from_millis(400),
            "{took:?}"
        );
        server.await.unwrap();
        assert_eq!((control.received(), control.sent()), (4, 4));
    }

    #[tokio::test]
    async fn reset_at_end_is_a_tcp_reset_for_the_client() {
        let (stream, control, mut client) = pair().await;
        control.reset_at_end();
        drop(stream);
        let error = client.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
