//! What connections and responses have shown about each host: its certificate, its clock, its round trip and its limit.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use rustls::pki_types::{CertificateDer, ServerName};

use super::Wire;
use super::issuer::issuer;
use super::request::Response;

/// The known facts about a host. There are none before its first connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// The authority that issued its certificate, whether it is trusted or not.
    pub issuer: Option<String>,
    /// The host's time minus this machine's.
    pub clock: Option<TimeDelta>,
    pub responses: u64,
    /// The time of the fastest request.
    pub fastest: Option<Duration>,
    /// The limit that its last response with one has named.
    pub rate_limit: Option<RateLimit>,
}

/// The limit of Docker Hub: `ratelimit-limit: 100;w=21600` and `ratelimit-remaining`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    pub limit: u64,
    pub remaining: u64,
    pub window: Option<Duration>,
}

impl HostFacts {
    /// The time of one round trip. The first request also opens the connection, which takes at least two more.
    pub fn round_trip(&self) -> Option<Duration> {
        match self.responses {
            0 | 1 => self.fastest.map(|time| time / 3),
            _ => self.fastest,
        }
    }
}

impl RateLimit {
    /// None if a header is missing or is not a number.
    fn of(response: &Response) -> Option<Self> {
        let number = |header: &str| header.split(';').next()?.trim().parse().ok();
        let limit = response.header("ratelimit-limit")?;
        let window = limit
            .split(';')
            .find_map(|part| part.trim().strip_prefix("w="));
        Some(Self {
            limit: number(limit)?,
            remaining: number(response.header("ratelimit-remaining")?)?,
            window: window
                .and_then(|seconds| seconds.parse().ok())
                .map(Duration::from_secs),
        })
    }
}

/// The facts by host name, without ports. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen(Arc<Mutex<BTreeMap<String, HostFacts>>>);

impl Seen {
    /// The response must have arrived just now.
    pub(super) fn responded(&self, response: &Response, time: Duration) {
        let Some(host) = response.url.host_str() else {
            return;
        };
        let clock = response.stated_date().map(|date| date - Utc::now());
        let rate_limit = RateLimit::of(response);
        self.update(host, |facts| {
            facts.clock = clock.or(facts.clock);
            facts.rate_limit = rate_limit.or(facts.rate_limit);
            facts.responses += 1;
            facts.fastest = Some(facts.fastest.map_or(time, |fastest| fastest.min(time)));
        });
    }

    pub(super) fn presented(&self, name: &ServerName<'_>, certificate: &CertificateDer<'_>) {
        self.update(&name.to_str(), |facts| {
            facts.issuer = issuer(certificate).or_else(|| facts.issuer.take());
        });
    }

    fn update(&self, host: &str, change: impl FnOnce(&mut HostFacts)) {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(hosts.entry(host.to_owned()).or_default());
    }
}

impl Wire {
    /// The facts about every host so far, by name without a port.
    pub(crate) fn facts(&self) -> BTreeMap<String, HostFacts> {
        let hosts = &self.inner.seen.0;
        hosts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use reqwest::{Method, StatusCode};

    use super::*;
    use crate::problem::Side;

    fn response(headers: &[(&'static str, &'static str)]) -> Response {
        let pairs = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Response {
            side: Side::Source,
            method: Method::HEAD,
            url: "https://hub.example:5000/v2/".parse().unwrap(),
            status: StatusCode::OK,
            headers: HeaderMap::from_iter(pairs),
            body: bytes::Bytes::new(),
            secrets: super::super::Secrets::default(),
        }
    }

    #[test]
    fn limit_is_read_only_if_both_headers_are_numbers() {
        let of = |limit, remaining| {
            RateLimit::of(&response(&[
                ("ratelimit-limit", limit),
                ("ratelimit-remaining", remaining),
            ]))
        };
        let expected = RateLimit {
            limit: 100,
            remaining: 0,
            window: Some(Duration::from_secs(21_600)),
        };
        assert_eq!(of("100;w=21600", "0;w=21600"), Some(expected));
        let without = RateLimit {
            window: None,
            ..expected
        };
        assert_eq!(of("100", "0"), Some(without));
        for (limit, remaining) in [("many", "0"), ("100", "-1"), ("", "0")] {
            assert_eq!(of(limit, remaining), None, "{limit} {remaining}");
        }
        assert_eq!(RateLimit::of(&response(&[("ratelimit-limit", "5")])), None);
    }

    #[test]
    fn facts_of_earlier_responses_stay() {
        let seen = Seen::default();
        let limited = [("ratelimit-limit", "9"), ("ratelimit-remaining", "8")];
        seen.responded(&response(&limited), Duration::from_millis(30));
        let first = seen.0.lock().unwrap()["hub.example"].round_trip();
        assert_eq!(first, Some(Duration::from_millis(10)));
        seen.responded(&response(&[]), Duration::from_millis(50));
        let hosts = seen.0.lock().unwrap();
        let facts = &hosts["hub.example"];
        assert_eq!(facts.round_trip(), Some(Duration::from_millis(30)));
        assert_eq!(facts.rate_limit.unwrap().remaining, 8);
        assert_eq!(facts.clock, None);
    }
}
