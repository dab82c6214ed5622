//! Requests without a complete response: the reason, and what the user can do.

use std::error::Error as StdError;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::StatusCode;

use super::clock::{Clock, NotValid};
use super::proxy::{ForwardProxy, host_and_port};
use super::request::Request;
use super::{Failure, retry};
use crate::problem::{Cause, Side};
use crate::text::for_message;

/// Why there is no complete response.
#[derive(Clone, Copy, Debug)]
enum Reason {
    /// The certificate is not valid at this time. The difference is a server's time minus this machine's, if known.
    NotValid(NotValid, Option<TimeDelta>),
    /// TLS failed for another reason, usually an authority that is not trusted.
    Untrusted,
    /// The proxy refused the tunnel, with this status if known.
    Refused(Option<StatusCode>),
    /// The proxy itself cannot be reached.
    NoProxy,
    NotConnected,
    Broke,
}

/// The failure of a request without a complete response. `status` is that of a response that broke off.
pub(super) async fn failure(
    request: &Request,
    error: &reqwest::Error,
    status: Option<StatusCode>,
    proxy: Option<&ForwardProxy>,
    clock: &Clock,
) -> Failure {
    let proxy = proxy.filter(|proxy| proxy.takes(&request.url));
    let reason = reason(request, error, proxy, clock).await;
    let host = request.url.host_str().unwrap_or_default();
    let now = Utc::now();
    // The library's first line repeats the URL; the last is the reason.
    let last = chain(error).skip(1).last().map(ToString::to_string);
    let last = last.unwrap_or_else(|| "the connection failed".to_owned());
    let during = status.map_or_else(String::new, |status| {
        format!("the response broke off after {status}: ")
    });
    let what = match (reason, proxy) {
        (Reason::Refused(status), Some(proxy)) => {
            let status = status.map_or_else(String::new, |status| format!(": {status}"));
            let target = host_and_port(&request.url);
            format!(
                "the proxy {} refused the CONNECT tunnel to {target}{status}",
                proxy.address()
            )
        }
        (Reason::NoProxy, Some(proxy)) => {
            format!("the proxy {} cannot be reached: {last}", proxy.address())
        }
        (Reason::NotValid(certificate, _), _) => certificate.what(host, now) + &through(proxy),
        (_, _) => format!("{during}{last}{}", through(proxy)),
    };
    Failure {
        problem: request
            .problem(Cause::Unreachable, &for_message(&what))
            .advise(advice(reason, request.side, proxy.map(|_| host), now)),
        transient: is_transient(reason) && !error.is_builder(),
        received: !error.is_connect(),
        wait: None,
    }
}

/// ` through the proxy proxy.example:3128`; empty without a proxy.
pub(super) fn through(proxy: Option<&ForwardProxy>) -> String {
    proxy.map_or_else(String::new, |proxy| {
        format!(" through the proxy {}", proxy.address())
    })
}

async fn reason(
    request: &Request,
    error: &reqwest::Error,
    proxy: Option<&ForwardProxy>,
    clock: &Clock,
) -> Reason {
    let tls = chain(error).find_map(tls_error).map(NotValid::from_tls);
    match tls {
        Some(Some(certificate)) => {
            return Reason::NotValid(certificate, clock.difference().await);
        }
        Some(None) => return Reason::Untrusted,
        None => {}
    }
    // The texts of hyper-util's `TunnelError`, which is not among the types that reqwest shows.
    let texts: Vec<_> = chain(error).map(ToString::to_string).collect();
    let tunnel = texts
        .iter()
        .find_map(|text| text.strip_prefix("tunnel error: "));
    match (tunnel, proxy) {
        (Some("proxy authorization required"), _) => {
            Reason::Refused(Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED))
        }
        (Some("unsuccessful"), Some(proxy)) => Reason::Refused(proxy.refusal(&request.url).await),
        (Some("failed to create underlying connection"), Some(_)) => Reason::NoProxy,
        (Some(_), _) => Reason::NotConnected,
        (None, _) if error.is_connect() => Reason::NotConnected,
        (None, _) => Reason::Broke,
    }
}

/// True if the same request may succeed a moment later.
fn is_transient(reason: Reason) -> bool {
    match reason {
        Reason::NotValid(..) | Reason::Untrusted => false,
        Reason::Refused(status) => status.is_none_or(retry::is_transient),
        Reason::NoProxy | Reason::NotConnected | Reason::Broke => true,
    }
}

/// `proxied` is the host of the request if a proxy is used.
fn advice(reason: Reason, side: Side, proxied: Option<&str>, now: DateTime<Utc>) -> String {
    let directly = proxied.map_or_else(String::new, |host| {
        format!("; if {host} can be reached without the proxy, add it to NO_PROXY")
    });
    let network = match (side, proxied) {
        (Side::Destination, _) => {
            "check REGISTRY_NAME, DNS and the network path to the registry (private endpoint, HTTPS_PROXY, NO_PROXY)"
        }
        (_, Some(_)) => "check the host's name, HTTPS_PROXY and NO_PROXY",
        (_, None) => "check DNS and this network's access to the internet (HTTPS_PROXY, NO_PROXY)",
    };
    match reason {
        Reason::NotValid(certificate, difference) => certificate.advice(now, difference),
        Reason::Untrusted => format!(
            "if a proxy or firewall inspects TLS, set SSL_CERT_FILE to the PEM bundle with its authority{directly}"
        ),
        Reason::Refused(Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED)) => format!(
            "set the proxy's user and password in HTTPS_PROXY (http://user:password@proxy:3128, with special characters \
             percent-encoded; only Basic authentication is supported){directly}"
        ),
        Reason::Refused(Some(status)) if !retry::is_transient(status) => {
            format!("allow this host and port in the proxy's rules{directly}")
        }
        Reason::NoProxy => format!("check the host and port in HTTPS_PROXY{directly}"),
        Reason::Refused(_) | Reason::NotConnected => format!("{network}{directly}"),
        Reason::Broke => format!("the connection broke: try again later{directly}"),
    }
}

/// An error and what caused it, the cause last.
pub(crate) fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn StdError + 'static) = *error;
        error.source()
    })
}

/// rustls wraps its errors in an `io::Error`, which hides them from the chain.
fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let inside = || {
        error
            .downcast_ref::<std::io::Error>()?
            .get_ref()?
            .downcast_ref()
    };
    error.downcast_ref().or_else(inside)
}
