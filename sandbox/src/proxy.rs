//! The forward proxy: CONNECT, the tunnel with TLS inside, and the plain paths beside it.
//!
//! A host that the world does not know gets 502, as a name that does not resolve gets from a real proxy. Nothing is ever
//! forwarded: the sandbox opens no connection at all.

use crate::authority::CertificateFlaw;
use crate::control;
use crate::delivery::{self, After};
use crate::fault::FaultKind;
use crate::http1::{self, Head};
use crate::internet;
use crate::journal::{ConnectionState, Outcome};
use crate::line::{Line, LineControl};
use crate::managed_identity;
use crate::message::{Request, Response};
use crate::shared::Shared;
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

/// Takes connections for as long as it runs.
pub async fn run(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    // A client that goes away is no trouble of ours; the log has what it did.
                    let _ = serve_client(stream, &shared).await;
                });
            }
            // Too many open files, say: give the others time to end.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn serve_client(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut line, control) = Line::new(stream);
    let mut buffer = BytesMut::new();
    while let Some(head) = http1::read_head(&mut line, &mut buffer).await? {
        if head.request.method == "CONNECT" {
            return tunnel(line, &control, &head.request, shared).await;
        }
        let after = answer_plain(&mut line, &mut buffer, &control, head, shared).await?;
        if after != After::KeepOpen {
            break;
        }
    }
    line.shutdown().await
}

/// Answers what is meant for the proxy itself: the control interface and the managed identity's endpoint.
async fn answer_plain(
    line: &mut Line,
    buffer: &mut BytesMut,
    control: &LineControl,
    mut head: Head,
    shared: &Shared,
) -> io::Result<After> {
    let (body, wire) = http1::read_body(line, buffer, &head).await?;
    head.request.body = body;
    let authority = format!("http://{}", shared.address);
    if let Some(path) = head.request.path.strip_prefix(&authority) {
        head.request.path = path.to_owned();
    }
    let request = head.request;
    if request.path.starts_with(control::PREFIX) {
        let response = control::answer(shared, &request);
        return Ok(
            delivery::deliver(line, control, "", &request, response, None, now(shared))
                .await?
                .1,
        );
    }
    let host = match request.path.strip_prefix("http://") {
        Some(rest) => rest
            .split('/')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase(),
        None => shared.address.to_string(),
    };
    let fault = shared
        .faults()
        .on_request(&host, &request.method, &request.path, "");
    let met = fault.as_ref().map(|fault| format!("{fault:?}"));
    let number = shared
        .journal
        .request("http", &host, &request, 0, head.size + wire, met);
    let response = if request.path == managed_identity::PATH {
        respond(shared, fault.as_ref(), &ManagedIdentity(&request))
    } else {
        Response::new(
            502,
            "text/plain; charset=utf-8",
            "This proxy takes CONNECT only; nothing here speaks plain HTTP.\n",
        )
    };
    if internet::knows(&shared.world(), &host) {
        shared
            .world()
            .violations
            .push(format!("plain HTTP was used for {host}"));
    }
    let (outcome, after) = delivery::deliver(
        line,
        control,
        &host,
        &request,
        response,
        fault.as_ref(),
        now(shared),
    )
    .await?;
    shared.journal.answered(number, outcome);
    Ok(after)
}

async fn tunnel(
    mut line: Line,
    control: &Arc<LineControl>,
    request: &Request,
    shared: &Shared,
) -> io::Result<()> {
    let host = host_of(&request.path);
    let number = shared.journal.connection(&host);
    let note = |state| {
        shared
            .journal
            .connection_state(number, state, control.received(), control.sent())
    };
    let fault = shared.faults().on_connection(&host);
    // What the TCP connection to the host would cost.
    tokio::time::sleep(shared.round_trip()).await;
    if let Some(status) = refusal(shared, request, &host, fault.as_ref()) {
        note(ConnectionState::Refused);
        let answer =
            format!("HTTP/1.1 {status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        line.write_all(answer.as_bytes()).await?;
        return line.shutdown().await;
    }
    line.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .await?;
    line.flush().await?;
    control.set_round_trip(shared.round_trip());
    let flaw = fault.map_or(CertificateFlaw::None, |fault| {
        fault.certificate_flaw(now(shared))
    });
    let name = host.split(':').next().unwrap_or_default();
    let configuration = shared
        .authority
        .configuration(name, flaw)
        .map_err(io::Error::other)?;
    let mut stream = match TlsAcceptor::from(configuration).accept(line).await {
        Ok(stream) => stream,
        Err(error) => {
            note(ConnectionState::HandshakeFailed);
            return Err(error);
        }
    };
    note(ConnectionState::Open);
    let result = serve_tunnel(&mut stream, control, &host, number, shared).await;
    note(ConnectionState::Closed);
    if matches!(result, Ok(After::Close)) {
        stream.shutdown().await?;
    }
    result.map(|_| ())
}

/// The status with which the proxy refuses a tunnel, if it does.
fn refusal(
    shared: &Shared,
    request: &Request,
    host: &str,
    fault: Option<&FaultKind>,
) -> Option<u16> {
    let world = shared.world();
    let login = world.proxy_login.as_ref().map(|login| BASE64.encode(login));
    let given = request.header("proxy-authorization");
    if login.is_some_and(|login| given != Some(&format!("Basic {login}"))) {
        return Some(407);
    }
    match fault {
        Some(FaultKind::TunnelRefused { code }) => Some(*code),
        Some(FaultKind::Refused) => Some(502),
        Some(_) | None => (!internet::knows(&world, host)).then_some(502),
    }
}

/// Answers the requests on one connection until it ends.
async fn serve_tunnel<S>(
    stream: &mut S,
    control: &LineControl,
    host: &str,
    connection: u64,
    shared: &Shared,
) -> io::Result<After>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = BytesMut::new();
    while let Some(mut head) = http1::read_head(stream, &mut buffer).await? {
        let (body, wire) = http1::read_body(stream, &mut buffer, &head).await?;
        head.request.body = body;
        let request = head.request;
        let target = format!("{}?{}", request.path, request.query);
        let subject = internet::subject(&shared.world(), host, &request);
        let fault = shared.faults().on_request(
            host,
            &request.method,
            target.trim_end_matches('?'),
            &subject,
        );
        let met = fault.as_ref().map(|fault| format!("{fault:?}"));
        let number =
            shared
                .journal
                .request("https", host, &request, connection, head.size + wire, met);
        let service = Service {
            host,
            request: &request,
        };
        let response = respond(shared, fault.as_ref(), &service);
        let sent = delivery::deliver(
            stream,
            control,
            host,
            &request,
            response,
            fault.as_ref(),
            now(shared),
        )
        .await;
        let outcome = sent.as_ref().map_or(
            Outcome {
                status: None,
                bytes_out: 0,
            },
            |(outcome, _)| *outcome,
        );
        shared.journal.answered(number, outcome);
        match sent?.1 {
            After::KeepOpen => {}
            after @ (After::Close | After::Drop) => return Ok(after),
        }
    }
    Ok(After::Close)
}

/// Whoever answers a request.
trait Answering {
    fn answer(&self, world: &mut World) -> Response;
    /// To credentials that are not taken (any more).
    fn refuse(&self, world: &mut World) -> Response;
}

/// A service behind TLS.
struct Service<'a> {
    host: &'a str,
    request: &'a Request,
}

impl Answering for Service<'_> {
    fn answer(&self, world: &mut World) -> Response {
        internet::answer(world, self.host, self.request)
    }

    fn refuse(&self, world: &mut World) -> Response {
        internet::unauthorized(world, self.host, self.request)
    }
}

/// The managed identity's endpoint.
struct ManagedIdentity<'a>(&'a Request);

impl Answering for ManagedIdentity<'_> {
    fn answer(&self, world: &mut World) -> Response {
        managed_identity::answer(world, self.0)
    }

    fn refuse(&self, _: &mut World) -> Response {
        managed_identity::wrong_header()
    }
}

/// The answer. A fault that replaces it keeps the service from acting on the request at all.
fn respond(shared: &Shared, fault: Option<&FaultKind>, service: &dyn Answering) -> Response {
    let mut world = shared.world();
    match fault {
        Some(FaultKind::Unauthorized) => service.refuse(&mut world),
        Some(
            FaultKind::Refused
            | FaultKind::ResetBeforeHeaders
            | FaultKind::Stall
            | FaultKind::Status { .. }
            | FaultKind::Echo { .. }
            | FaultKind::TooManyRequests { .. }
            | FaultKind::Redirect { .. }
            | FaultKind::Html
            | FaultKind::EndlessBody
            | FaultKind::HugeJson { .. }
            | FaultKind::GzipBomb { .. },
        ) => Response::empty(200),
        Some(
            FaultKind::CertificateOfForeignAuthority
            | FaultKind::CertificateForOtherHost
            | FaultKind::CertificateExpired
            | FaultKind::CertificateShortLived
            | FaultKind::TunnelRefused { .. }
            | FaultKind::ResetAfterHeaders
            | FaultKind::StallInBody
            | FaultKind::Delay { .. }
            | FaultKind::SlowDrip { .. }
            | FaultKind::CutBody
            | FaultKind::WrongContentLength { .. }
            | FaultKind::EmptyBody
            | FaultKind::TruncatedJson
            | FaultKind::WrongShape
            | FaultKind::WrongDigest
            | FaultKind::WrongDigestHeader
            | FaultKind::MissingDigestHeader,
        )
        | None => service.answer(&mut world),
    }
}

fn now(shared: &Shared) -> i64 {
    shared.world().now()
}

/// The host of a CONNECT target: lower case, without the usual port and a last dot.
fn host_of(target: &str) -> String {
    let lower = target.to_ascii_lowercase();
    let host = lower.strip_suffix(":443").unwrap_or(&lower);
    host.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_port_does_not_matter() {
        assert_eq!(host_of("MyAcr.azurecr.io:443"), "myacr.azurecr.io");
        assert_eq!(host_of("registry.example:5000"), "registry.example:5000");
    }
}
