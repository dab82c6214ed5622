//! The requests of a run per host: number, bytes, retries, time, rate-limit state.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HostLedger {
    /// Includes retries and followed redirects.
    pub requests: u64,
    /// The requests that were second and later tries.
    pub retries: u64,
    /// Body bytes only.
    pub bytes_sent: u64,
    /// Body bytes only.
    pub bytes_received: u64,
    /// The total time of the requests, which overlap.
    pub milliseconds: u64,
    /// The number in the last header `ratelimit-remaining`, without its window (`100;w=21600`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit_remaining: Option<String>,
}

#[derive(Default)]
pub struct Ledger(Mutex<BTreeMap<String, HostLedger>>);

impl Ledger {
    pub(super) fn sent(&self, host: &str, bytes: usize) {
        self.update(host, |entry| {
            entry.requests += 1;
            entry.bytes_sent += bytes as u64;
        });
    }

    /// Bytes of the body of a request that is being sent.
    pub(super) fn uploaded(&self, host: &str, bytes: usize) {
        self.update(host, |entry| entry.bytes_sent += bytes as u64);
    }

    pub(super) fn retried(&self, host: &str) {
        self.update(host, |entry| entry.retries += 1);
    }

    pub(super) fn took(&self, host: &str, time: Duration) {
        self.update(host, |entry| {
            entry.milliseconds += u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
        });
    }

    pub(super) fn received(&self, host: &str, bytes: usize) {
        self.update(host, |entry| entry.bytes_received += bytes as u64);
    }

    pub(super) fn rate_limit(&self, host: &str, remaining: &str) {
        let number = remaining.split(';').next().unwrap_or_default();
        self.update(host, |entry| {
            entry.rate_limit_remaining = Some(crate::text::for_message(number))
        });
    }

    pub fn snapshot(&self) -> BTreeMap<String, HostLedger> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn update(&self, host: &str, change: impl FnOnce(&mut HostLedger)) {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(hosts.entry(host.to_owned()).or_default());
    }
}
