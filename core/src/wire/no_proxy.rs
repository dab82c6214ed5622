//! `NO_PROXY`: hosts that are reached without the proxy.
//!
//! There is no standard for it. This module accepts the forms of curl, Go (`golang.org/x/net/http/httpproxy`) and Python
//! (`urllib`), separated by commas or white space:
//!
//! | Form | Meaning |
//! |---|---|
//! | `example.com`, `.example.com` | the host and its subdomains |
//! | `*.example.com` | the subdomains |
//! | `10.1.2.3`, `::1`, `[::1]` | the address |
//! | `10.0.0.0/8`, `fd00::/8` | the network |
//! | `*` | every host |
//!
//! Each but a network may end in `:port`. Names are compared as they are written: like those programs, this one
//! does not look up the address of a name to compare it with a network.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

use crate::text::refused_value;

/// Hosts that are reached without the proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoProxy(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    Every,
    Domain(String),
    Subdomains(String),
    Network(IpNet),
}

const FORMS: &str = "give hosts (example.com, .example.com, *.example.com), addresses, networks (10.0.0.0/8) or *, \
    each but a network with a port where wanted (example.com:443), separated by commas";

impl NoProxy {
    /// # Errors
    /// A fragment that names the entries which are not valid.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.contains('@') {
            // A part of it is a URL with a password, which may contain a comma: no entry can be shown.
            return Err(format!("it must not contain '@': {FORMS}"));
        }
        let entries = text
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|entry| !entry.is_empty());
        let (mut valid, mut invalid) = (Vec::new(), Vec::new());
        for entry in entries {
            match Entry::parse(entry) {
                Some(entry) => valid.push(entry),
                None => invalid.push(format!("{:?}", refused_value(entry))),
            }
        }
        if invalid.is_empty() {
            return Ok(Self(valid));
        }
        Err(format!(
            "{} cannot be understood: {FORMS}",
            invalid.join(", ")
        ))
    }

    /// True if this address is reached without the proxy.
    pub(crate) fn covers(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        url.host().is_some_and(|host| {
            self.0.iter().any(|entry| {
                let is_port = entry.port.is_none() || entry.port == port;
                is_port && entry.hosts.contain(&host)
            })
        })
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        let hosts = |hosts| Self { hosts, port: None };
        // Before the port is split off: an IPv6 address contains colons.
        if let Some(network) = network(text) {
            return Some(hosts(Hosts::Network(network)));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok().filter(|port| *port != 0)?)),
            None => (text, None),
        };
        let hosts = match address(host) {
            Some(address) => Hosts::Network(address.into()),
            None if host == "*" => Hosts::Every,
            None => match host.strip_prefix("*.") {
                Some(parent) => Hosts::Subdomains(domain(parent)?),
                None => Hosts::Domain(domain(host.strip_prefix('.').unwrap_or(host))?),
            },
        };
        Some(Self { hosts, port })
    }
}

impl Hosts {
    fn contain(&self, host: &Host<&str>) -> bool {
        let is_below = |name: &str, parent: &str| {
            name.strip_suffix(parent)
                .is_some_and(|rest| rest.ends_with('.'))
        };
        match (self, host) {
            (Self::Every, _) => true,
            (Self::Domain(domain), Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                name == domain || is_below(name, domain)
            }
            (Self::Subdomains(domain), Host::Domain(name)) => {
                is_below(name.trim_end_matches('.'), domain)
            }
            (Self::Network(network), Host::Ipv4(address)) => {
                network.contains(&IpAddr::V4(*address))
            }
            (Self::Network(network), Host::Ipv6(address)) => {
                network.contains(&address.to_canonical())
            }
            (Self::Domain(_) | Self::Subdomains(_), Host::Ipv4(_) | Host::Ipv6(_))
            | (Self::Network(_), Host::Domain(_)) => false,
        }
    }
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| address(text).map(IpNet::from))
}

fn address(text: &str) -> Option<IpAddr> {
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address: IpAddr = inner.unwrap_or(text).parse().ok()?;
    let is_bracketed = inner.is_some();
    (!is_bracketed || address.is_ipv6()).then(|| address.to_canonical())
}

/// Returns a name in the form of URLs: lower-case, in Punycode, without a last dot.
fn domain(text: &str) -> Option<String> {
    // In URLs, `10.1` and `0x7f.1` are addresses; in a list of hosts they are mistakes.
    let Host::Domain(name) = Host::parse(text.trim_end_matches('.')).ok()? else {
        return None;
    };
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        !label.is_empty() && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    name.split('.').all(is_label).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(list: &str, url: &str) -> bool {
        NoProxy::parse(list)
            .unwrap()
            .covers(&Url::parse(url).unwrap())
    }

    #[test]
    fn every_form_of_curl_go_and_python_is_understood() {
        let acr = "https://myacr.azurecr.io/v2/";
        for list in [
            "myacr.azurecr.io",
            "MyACR.AzureCR.io.",
            "azurecr.io",
            ".azurecr.io",
            "*.azurecr.io",
            "myacr.azurecr.io:443",
            ".azurecr.io:443",
            "*.azurecr.io:443",
            "azurecr.io:443",
            "*",
            "*:443",
            "localhost,.azurecr.io",
            "localhost .azurecr.io",
            "localhost, .azurecr.io",
            "localhost\t.azurecr.io\n",
            ",,  azurecr.io ,",
        ] {
            assert!(covers(list, acr), "{list:?}");
        }
        for list in [
            "",
            " , ",
            "acr.azurecr.io",
            "yacr.azurecr.io",
            "*.myacr.azurecr.io",
            "myacr.azurecr.io:8443",
            "*:80",
            "azurecr.io.example",
            "10.0.0.0/8",
        ] {
            assert!(!covers(list, acr), "{list:?}");
        }
        assert!(covers(
            "*.azurecr.io:8443",
            "https://myacr.azurecr.io:8443/"
        ));
        assert!(covers("azurecr.io", "https://azurecr.io/"));
        assert!(!covers("*.azurecr.io", "https://azurecr.io/"));
        assert!(covers("bücher.example", "https://xn--bcher-kva.example/"));
        assert!(covers(
            "kube_dns.kube-system.svc",
            "https://kube_dns.kube-system.svc/"
        ));
    }

    #[test]
    fn addresses_and_networks_are_compared_as_numbers() {
        for (list, url) in [
            ("10.1.2.3", "https://10.1.2.3/"),
            ("10.1.2.3:443", "https://10.1.2.3/"),
            ("10.0.0.0/8", "https://10.1.2.3/"),
            ("10.1.2.3/8", "https://10.200.0.1/"),
            ("::1", "https://[::1]/"),
            ("[::1]", "https://[::1]/"),
            ("[::1]:443", "https://[::1]/"),
            ("fd00::/8", "https://[fd12::1]/"),
            ("0.0.0.0/0", "https://10.1.2.3/"),
            ("::ffff:10.1.2.3", "https://10.1.2.3/"),
            ("10.1.2.3", "https://[::ffff:10.1.2.3]/"),
        ] {
            assert!(covers(list, url), "{list} {url}");
        }
        for (list, url) in [
            ("10.0.0.0/16", "https://10.1.2.3/"),
            ("10.1.2.3:8443", "https://10.1.2.3/"),
            ("::1", "https://127.0.0.1/"),
            ("2.3", "https://x2.3x.example/"),
        ] {
            let understood = NoProxy::parse(list);
            let covered = understood.is_ok_and(|list| list.covers(&Url::parse(url).unwrap()));
            assert!(!covered, "{list} {url}");
        }
    }

    #[test]
    fn entry_that_is_not_valid_is_named() {
        for odd in [
            "http://myacr.azurecr.io",
            "myacr.azurecr.io/v2",
            "*azurecr.io",
            "my*.azurecr.io",
            "10.*",
            "10.1",
            "10.0.0.0/33",
            "10.0.0.0/8:443",
            "[10.0.0.1]",
            "[::1",
            "::1]:443",
            "azurecr.io:0",
            "azurecr.io:https",
            "azurecr.io:99999",
            "azurecr.io:",
            ":443",
            ".",
            "*.",
            "..azurecr.io",
            "a..b",
            "a;b",
            "a|b",
            "<local>",
        ] {
            let error = NoProxy::parse(&format!("localhost,{odd}")).unwrap_err();
            assert!(error.contains(&format!("{odd:?}")), "{odd}: {error}");
            assert!(!error.contains("localhost"), "{error}");
        }
        for url in [
            "http://me:hush@host",
            "http://me:hu,sh@host",
            "http://host?token=hush",
        ] {
            let error = NoProxy::parse(url).unwrap_err();
            assert!(!error.contains("hu"), "{error}");
        }
    }
}
