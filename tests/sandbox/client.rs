//! A small blocking HTTPS client for tests of the sandbox: through the proxy, one connection at a time. A test gets
//! statuses, headers, resets and alerts unchanged.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use sandbox::Sandbox;
use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

/// Timeout of a read; a stall then fails with `WouldBlock` or `TimedOut`.
pub const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection through the proxy.
pub type Connection = StreamOwned<ClientConnection, TcpStream>;

/// A response that was read completely.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of the first error, in the shape of registries or of ARM.
    pub fn error_code(&self) -> String {
        let body = self.json();
        let code = body["errors"][0]["code"]
            .as_str()
            .or(body["error"]["code"].as_str());
        code.or(body["error"].as_str())
            .unwrap_or_default()
            .to_owned()
    }
}

/// Opens a connection to a host through the sandbox's proxy, TLS included.
pub fn connect(sandbox: &Sandbox, host: &str) -> io::Result<Connection> {
    let mut stream = TcpStream::connect(sandbox.proxy_url().trim_start_matches("http://"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    write!(
        stream,
        "CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n"
    )?;
    let (head, _) = read_head(&mut stream)?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(io::Error::other(head));
    }
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_file(sandbox.ca_file()).map_err(io::Error::other)?;
    roots.add(root).map_err(io::Error::other)?;
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let mut session = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    while session.is_handshaking() {
        session.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(session, stream))
}

/// Sends a request on a connection and reads the response.
pub fn exchange(
    connection: &mut Connection,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: sandbox\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    connection.write_all(head.as_bytes())?;
    connection.write_all(body)?;
    connection.flush()?;
    read_response(connection, method)
}

/// One request on a connection of its own.
pub fn request(
    sandbox: &Sandbox,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let (host, target) = split(url);
    exchange(&mut connect(sandbox, host)?, method, target, headers, body)
}

/// A GET on a connection of its own.
pub fn get(sandbox: &Sandbox, url: &str, headers: &[(&str, &str)]) -> io::Result<Response> {
    request(sandbox, "GET", url, headers, b"")
}

/// A form sent by POST on a connection of its own.
pub fn post_form(sandbox: &Sandbox, url: &str, fields: &[(&str, &str)]) -> io::Result<Response> {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let media_type = [("Content-Type", "application/x-www-form-urlencoded")];
    request(sandbox, "POST", url, &media_type, body.as_bytes())
}

/// A request to the control interface, in the clear.
pub fn control(sandbox: &Sandbox, method: &str, path: &str, body: &str) -> io::Result<Response> {
    plain(sandbox, method, path, "", body)
}

/// A request to the proxy's own address, in the clear, with more header lines.
pub fn plain(
    sandbox: &Sandbox,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> io::Result<Response> {
    let mut stream = TcpStream::connect(sandbox.proxy_url().trim_start_matches("http://"))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    read_response(&mut stream, method)
}

/// An Entra token of the scenario's application.
pub fn entra_token(sandbox: &Sandbox, scope: &str) -> String {
    let url = format!(
        "https://login.microsoftonline.com/{}/oauth2/v2.0/token",
        sandbox::scenario::TENANT_ID
    );
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", sandbox::scenario::CLIENT_ID),
        ("client_secret", sandbox::scenario::CLIENT_SECRET),
        ("scope", scope),
    ];
    let response = post_form(sandbox, &url, &fields).unwrap();
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["access_token"].as_str().unwrap().to_owned()
}

/// The `Authorization` of an ACR token for these scopes.
pub fn acr_authorization(sandbox: &Sandbox, scopes: &[&str]) -> String {
    let host = sandbox.login_server();
    let entra = entra_token(sandbox, "https://containerregistry.azure.net/.default");
    let fields = [
        ("grant_type", "access_token"),
        ("service", &host),
        ("access_token", &entra),
    ];
    let response = post_form(sandbox, &format!("https://{host}/oauth2/exchange"), &fields).unwrap();
    let refresh = response.json()["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut fields = vec![
        ("grant_type", "refresh_token"),
        ("service", &host),
        ("refresh_token", &refresh),
    ];
    fields.extend(scopes.iter().map(|scope| ("scope", *scope)));
    let response = post_form(sandbox, &format!("https://{host}/oauth2/token"), &fields).unwrap();
    format!(
        "Bearer {}",
        response.json()["access_token"].as_str().unwrap()
    )
}

/// Reads the response to a request with this method.
pub fn read_response(stream: &mut impl Read, method: &str) -> io::Result<Response> {
    let (head, rest) = read_head(stream)?;
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(head.clone()))?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut response = Response {
        status,
        headers,
        body: Vec::new(),
    };
    if method == "HEAD" || status == 204 {
        return Ok(response);
    }
    response.body = if response.header("transfer-encoding") == Some("chunked") {
        read_chunks(stream, rest)?
    } else {
        let length = response
            .header("content-length")
            .and_then(|length| length.parse().ok())
            .unwrap_or_default();
        read_exactly(stream, rest, length)?
    };
    Ok(response)
}

fn read_head(stream: &mut impl Read) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), rest));
        }
        more(stream, &mut bytes)?;
    }
}

fn read_exactly(stream: &mut impl Read, mut bytes: Vec<u8>, length: usize) -> io::Result<Vec<u8>> {
    while bytes.len() < length {
        more(stream, &mut bytes)?;
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// Reads chunks to the end, or until they have 1.5 MB.
fn read_chunks(stream: &mut impl Read, mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    while body.len() < 1_500_000 {
        let end = loop {
            match bytes.windows(2).position(|two| two == b"\r\n") {
                Some(end) => break end,
                None => more(stream, &mut bytes)?,
            }
        };
        let length = usize::from_str_radix(&String::from_utf8_lossy(&bytes[..end]), 16)
            .map_err(io::Error::other)?;
        while bytes.len() < end + length + 4 {
            more(stream, &mut bytes)?;
        }
        body.extend_from_slice(&bytes[end + 2..end + 2 + length]);
        bytes.drain(..end + length + 4);
        if length == 0 {
            break;
        }
    }
    Ok(body)
}

fn more(stream: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut space = [0; 16 * 1024];
    match stream.read(&mut space)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => {
            bytes.extend_from_slice(&space[..count]);
            Ok(())
        }
    }
}

fn split(url: &str) -> (&str, &str) {
    let rest = url.trim_start_matches("https://");
    rest.split_at(rest.find('/').unwrap_or(rest.len()))
}
