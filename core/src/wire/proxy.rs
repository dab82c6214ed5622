//! The proxy that `HTTPS_PROXY` names: which requests go through it, and with which status it refuses one.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::percent_decode_str;
use reqwest::StatusCode;
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::{Network, NoProxy, Wire};

/// How long a proxy may take to repeat its refusal.
const REFUSAL: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(super) struct ForwardProxy {
    url: Url,
    except: NoProxy,
}

impl ForwardProxy {
    pub(super) fn new(network: &Network) -> Result<Option<Self>, url::ParseError> {
        let Some(text) = &network.proxy else {
            return Ok(None);
        };
        let url = Url::parse(text.expose_secret())?;
        let except = network.no_proxy.clone();
        Ok(Some(Self { url, except }))
    }

    /// True if a request to this address goes through the proxy.
    pub(super) fn takes(&self, url: &Url) -> bool {
        url.scheme() == "https" && !self.except.covers(url)
    }

    /// The same rule for the HTTP client.
    pub(super) fn rule(&self) -> reqwest::Proxy {
        let proxy = self.clone();
        reqwest::Proxy::custom(move |url| proxy.takes(url).then(|| proxy.url.clone()))
    }

    /// Host and port, without the password.
    pub(super) fn address(&self) -> String {
        host_and_port(&self.url)
    }

    /// The status with which the proxy refuses a tunnel to this address. None if it sends no status, or opens the tunnel now.
    ///
    /// The HTTP client does not keep the status of a refused CONNECT, so this sends the CONNECT again.
    pub(super) async fn refusal(&self, target: &Url) -> Option<StatusCode> {
        // This is not done for a proxy with TLS: its refusal is reported without a status.
        if self.url.scheme() != "http" {
            return None;
        }
        let status = tokio::time::timeout(REFUSAL, self.connect(target)).await;
        status.ok()?.ok()?.filter(|status| !status.is_success())
    }

    async fn connect(&self, target: &Url) -> std::io::Result<Option<StatusCode>> {
        let port = self.url.port_or_known_default().unwrap_or(80);
        let mut stream = match self.url.host() {
            Some(Host::Domain(name)) => TcpStream::connect((name, port)).await?,
            Some(Host::Ipv4(address)) => TcpStream::connect((address, port)).await?,
            Some(Host::Ipv6(address)) => TcpStream::connect((address, port)).await?,
            None => return Ok(None),
        };
        let target = host_and_port(target);
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        if !self.url.username().is_empty() || self.url.password().is_some() {
            let password = self.url.password().unwrap_or_default();
            let decoded = [self.url.username(), password]
                .map(|text| percent_decode_str(text).decode_utf8_lossy());
            let login = BASE64.encode(decoded.join(":"));
            request.push_str(&format!("Proxy-Authorization: Basic {login}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut start = Vec::new();
        // `HTTP/1.1 407`: the status ends with the twelfth byte.
        stream.take(12).read_to_end(&mut start).await?;
        let status = start
            .strip_prefix(b"HTTP/1.")
            .and_then(|rest| rest.get(2..));
        Ok(status.and_then(|code| StatusCode::from_bytes(code).ok()))
    }
}

/// How connections to an address are opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Through the proxy at this host and port.
    Proxy(String),
    /// Without the proxy, because of `NO_PROXY` or because the address is not https.
    AroundProxy,
    /// No proxy is configured.
    Direct,
}

impl Wire {
    pub(crate) fn way(&self, url: &Url) -> Way {
        match &self.inner.proxy {
            Some(proxy) if proxy.takes(url) => Way::Proxy(proxy.address()),
            Some(_) => Way::AroundProxy,
            None => Way::Direct,
        }
    }
}

/// `host:port`, the scheme's own port too.
pub(super) fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}
