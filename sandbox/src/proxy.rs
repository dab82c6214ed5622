//! The forward proxy: CONNECT with TLS in the tunnel, and the HTTP endpoints at the proxy's own address.
//!
//! For an unknown host, the response to CONNECT is 502, like that of a proxy that cannot resolve the name. The sandbox never
//! opens a connection to another host.

use crate::certificate_authority::CertificateFlaw;
use crate::control;
use crate::delayed_stream::{DelayedStream, StreamControl};
use crate::delivery::{self, Delivery, NextStep};
use crate::fault::{ConnectionFault, FaultKind, Tunnel};
use crate::faulty_response;
use crate::http1::{self, Head};
use crate::internet;
use crate::journal::{ConnectionState, Outcome};
use crate::managed_identity;
use crate::message::{Request, Response};
use crate::registry::Transport;
use crate::shared::Shared;
use crate::upload_body;
use crate::world::World;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::BytesMut;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Serves connections until the task is cancelled.
pub async fn run(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    // A client may close its connection at any time; the log contains its requests.
                    let _ = serve_client(stream, &shared).await;
                });
            }
            // For example too many open files: wait until other connections are closed.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn serve_client(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut stream, control) = DelayedStream::new(stream);
    let mut buffer = BytesMut::new();
    while let Some(head) = http1::read_head(&mut stream, &mut buffer).await? {
        if head.request.method == "CONNECT" {
            return serve_tunnel(stream, &control, &head.request, shared).await;
        }
        let step = answer_plain(&mut stream, &mut buffer, &control, head, shared).await?;
        if step != NextStep::KeepOpen {
            break;
        }
    }
    stream.shutdown().await
}

/// Answers a request without TLS: to the control interface, to the managed identity's endpoint, or to a host over plain HTTP.
async fn answer_plain(
    stream: &mut DelayedStream,
    buffer: &mut BytesMut,
    control: &StreamControl,
    mut head: Head,
    shared: &Shared,
) -> io::Result<NextStep> {
    let own_address = format!("http://{}", shared.address);
    if let Some(path) = head.request.path.strip_prefix(&own_address) {
        head.request.path = path.to_owned();
    }
    if let Some(host) = plain_registry(shared, &mut head.request) {
        let arrival = Arrival::new("http", &host, 0);
        return arrival.serve(stream, buffer, control, shared, head).await;
    }
    let (body, body_size) = http1::read_body(stream, buffer, &head).await?;
    head.request.body = body;
    let request = head.request;
    if request.path.starts_with(control::PREFIX) {
        let response = control::answer(shared, &request).into();
        let now = shared.world().now();
        let delivered = delivery::deliver(stream, control, &request, &response, now).await?;
        return Ok(delivered.1);
    }
    let host = match request.path.strip_prefix("http://") {
        Some(rest) => rest
            .split('/')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase(),
        None => shared.address.to_string(),
    };
    record_plain_http(&mut shared.world(), &host);
    let service: &(dyn Service + Sync) = if request.path == managed_identity::PATH {
        &ManagedIdentity
    } else {
        &PlainHttp
    };
    let arrival = Arrival::new("http", &host, 0);
    let size = head.size + body_size;
    arrival
        .answer(stream, control, shared, service, &request, size)
        .await
}

/// Returns the host of a registry with plain HTTP to which the request goes, and makes the request's path relative.
fn plain_registry(shared: &Shared, request: &mut Request) -> Option<String> {
    let (host, path) = match request.path.strip_prefix("http://") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", request.path.as_str()),
    };
    let host = if host.is_empty() {
        shared.address.to_string()
    } else {
        host.to_ascii_lowercase()
    };
    let world = shared.world();
    let registry = world.registries.get(&host)?;
    let is_own_path = path.starts_with(control::PREFIX) || path == managed_identity::PATH;
    if registry.transport == Transport::Tls || is_own_path {
        return None;
    }
    request.path = path.to_owned();
    Some(host)
}

/// Plain HTTP is a violation if the host exists.
fn record_plain_http(world: &mut World, host: &str) {
    if internet::knows(world, host) {
        let violation = format!("plain HTTP was used for {host}");
        world.violations.push(violation);
    }
}

async fn serve_tunnel(
    mut stream: DelayedStream,
    control: &Arc<StreamControl>,
    request: &Request,
    shared: &Shared,
) -> io::Result<()> {
    let host = host_of(&request.path);
    let number = shared.journal.connection(&host);
    let record = |state| {
        shared
            .journal
            .connection_state(number, state, control.received(), control.sent())
    };
    let fault = shared.faults().on_connection(&host);
    // The round trip of the proxy's TCP handshake with the host.
    tokio::time::sleep(shared.round_trip()).await;
    let flaw = match tunnel(shared, request, &host, fault.as_ref()) {
        Tunnel::Open(flaw) => flaw,
        Tunnel::Stalled => {
            // Until the client closes the connection.
            tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
            record(ConnectionState::Closed);
            return Ok(());
        }
        Tunnel::Refused(status) => {
            record(ConnectionState::Refused);
            let response = format!(
                "HTTP/1.1 {status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(response.as_bytes()).await?;
            return stream.shutdown().await;
        }
    };
    stream
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .await?;
    stream.flush().await?;
    control.set_round_trip(shared.round_trip());
    let name = host.split(':').next().unwrap_or_default();
    let configuration = shared
        .authority
        .configuration(name, flaw)
        .map_err(io::Error::other)?;
    let mut stream = match TlsAcceptor::from(configuration).accept(stream).await {
        Ok(stream) => stream,
        Err(error) => {
            record(ConnectionState::HandshakeFailed);
            return Err(error);
        }
    };
    record(ConnectionState::Open);
    let result = serve_host(&mut stream, control, &host, number, shared).await;
    record(ConnectionState::Closed);
    if matches!(result, Ok(NextStep::Close)) {
        stream.shutdown().await?;
    }
    result.map(|_| ())
}

/// Decides about CONNECT by the proxy's login, the fault, and the host's name.
fn tunnel(
    shared: &Shared,
    request: &Request,
    host: &str,
    fault: Option<&ConnectionFault>,
) -> Tunnel {
    let world = shared.world();
    let login = world.proxy_login.as_ref().map(|login| BASE64.encode(login));
    let given = request.header("proxy-authorization");
    if login.is_some_and(|login| given != Some(&format!("Basic {login}"))) {
        return Tunnel::Refused(407);
    }
    let tunnel = fault.map_or(Tunnel::Open(CertificateFlaw::None), |fault| {
        fault.tunnel(world.now())
    });
    match tunnel {
        Tunnel::Open(_) if !internet::has_tls(&world, host) => Tunnel::Refused(502),
        Tunnel::Open(_) | Tunnel::Refused(_) | Tunnel::Stalled => tunnel,
    }
}

/// Answers the requests on one TLS connection until it ends.
async fn serve_host<S>(
    stream: &mut S,
    control: &StreamControl,
    host: &str,
    connection: u64,
    shared: &Shared,
) -> io::Result<NextStep>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = BytesMut::new();
    let arrival = Arrival::new("https", host, connection);
    while let Some(head) = http1::read_head(stream, &mut buffer).await? {
        let step = arrival.serve(stream, &mut buffer, control, shared, head);
        match step.await? {
            NextStep::KeepOpen => {}
            step @ (NextStep::Close | NextStep::Drop) => return Ok(step),
        }
    }
    Ok(NextStep::Close)
}

/// The connection on which requests arrive.
pub struct Arrival<'a> {
    pub scheme: &'static str,
    pub host: &'a str,
    pub connection: u64,
}

impl<'a> Arrival<'a> {
    fn new(scheme: &'static str, host: &'a str, connection: u64) -> Self {
        Self {
            scheme,
            host,
            connection,
        }
    }

    /// Reads the body of a request to a host, and answers.
    async fn serve<S>(
        &self,
        stream: &mut S,
        buffer: &mut BytesMut,
        control: &StreamControl,
        shared: &Shared,
        mut head: Head,
    ) -> io::Result<NextStep>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if upload_body::is_upload(&head.request) {
            return upload_body::receive(stream, buffer, control, shared, self, &head).await;
        }
        let (body, body_size) = http1::read_body(stream, buffer, &head).await?;
        head.request.body = body;
        let size = head.size + body_size;
        self.answer(stream, control, shared, &Host, &head.request, size)
            .await
    }

    /// Sends the response of the service or of a fault, and records both in the journal. `size` is that of head and body.
    async fn answer<S>(
        &self,
        stream: &mut S,
        control: &StreamControl,
        shared: &Shared,
        service: &(dyn Service + Sync),
        request: &Request,
        size: u64,
    ) -> io::Result<NextStep>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let target = format!("{}?{}", request.path, request.query);
        let subject = internet::subject(&shared.world(), self.host, request);
        let fault = shared.faults().on_request(
            self.host,
            &request.method,
            target.trim_end_matches('?'),
            &subject,
        );
        let number = shared.journal.request(
            self.scheme,
            self.host,
            request,
            self.connection,
            size,
            fault.as_ref().map(ToString::to_string),
        );
        let delivery = self.respond(shared, fault.as_ref(), service, request);
        let now = shared.world().now();
        let sent = delivery::deliver(stream, control, request, &delivery, now).await;
        let outcome = sent.as_ref().map_or(Outcome::NONE, |(outcome, _)| *outcome);
        shared.journal.answered(number, outcome);
        sent.map(|(_, step)| step)
    }

    /// The service does not process the request if a fault replaces its response.
    fn respond(
        &self,
        shared: &Shared,
        fault: Option<&FaultKind>,
        service: &dyn Service,
        request: &Request,
    ) -> Delivery {
        let world = &mut *shared.world();
        let (host, now) = (self.host, world.now());
        match fault {
            Some(FaultKind::Replaced(fault)) => {
                faulty_response::replaced(fault, host, request, now, || {
                    service.unauthorized(world, host, request)
                })
            }
            Some(FaultKind::Damaged(fault)) => {
                faulty_response::damaged(fault, service.answer(world, host, request))
            }
            Some(FaultKind::Connection(_)) | None => service.answer(world, host, request).into(),
        }
    }
}

/// The receiver of a request.
trait Service {
    fn answer(&self, world: &mut World, host: &str, request: &Request) -> Response;
    /// Returns the response to an expired credential.
    fn unauthorized(&self, world: &mut World, host: &str, request: &Request) -> Response;
}

/// The service at a host of the simulated internet.
struct Host;

impl Service for Host {
    fn answer(&self, world: &mut World, host: &str, request: &Request) -> Response {
        internet::answer(world, host, request)
    }

    fn unauthorized(&self, world: &mut World, host: &str, request: &Request) -> Response {
        internet::unauthorized(world, host, request)
    }
}

struct ManagedIdentity;

impl Service for ManagedIdentity {
    fn answer(&self, world: &mut World, _: &str, request: &Request) -> Response {
        managed_identity::answer(world, request)
    }

    fn unauthorized(&self, _: &mut World, _: &str, _: &Request) -> Response {
        managed_identity::wrong_header()
    }
}

/// Any host over plain HTTP.
struct PlainHttp;

impl Service for PlainHttp {
    fn answer(&self, _: &mut World, _: &str, _: &Request) -> Response {
        Response::new(
            502,
            "text/plain; charset=utf-8",
            "This proxy supports only CONNECT; the hosts do not support plain HTTP.\n",
        )
    }

    fn unauthorized(&self, world: &mut World, host: &str, request: &Request) -> Response {
        self.answer(world, host, request)
    }
}

/// Returns the host of a CONNECT target in lower case, without port 443 and a final dot.
fn host_of(target: &str) -> String {
    let lower = target.to_ascii_lowercase();
    let host = lower.strip_suffix(":443").unwrap_or(&lower);
    host.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_443_is_removed_and_other_ports_are_kept() {
        assert_eq!(host_of("MyAcr.azurecr.io:443"), "myacr.azurecr.io");
        assert_eq!(host_of("registry.example:5000"), "registry.example:5000");
    }
}
