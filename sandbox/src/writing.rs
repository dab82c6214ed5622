//! How a registry accepts blobs, and how many requests it accepts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The rules for uploads of blobs.
#[derive(Debug, Clone)]
pub struct UploadRules {
    /// The largest body of a PUT, and of a chunk if the rules are [`ChunkRules::Strict`]. A larger one gets 413.
    pub largest_body: usize,
    /// What a chunk (PATCH) must have.
    pub chunks: ChunkRules,
    /// True if an upload whose connection broke continues after its received part. Otherwise it no longer exists.
    pub resumable: bool,
    /// True if blobs can be mounted from another repository. Otherwise a mount gets 202 and a new upload.
    pub mounts: bool,
    /// True if a POST with `digest` and a body uploads a blob. Otherwise the body is ignored, and the POST gets 202.
    pub single_post: bool,
    /// True if a `Location` contains the host. Otherwise it is only a path.
    pub absolute_locations: bool,
}

/// What a chunk of an upload must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkRules {
    /// Nothing: Docker sends a blob of any size in one PATCH without `Content-Length` and `Content-Range`.
    Any,
    /// `Content-Length`, and `Content-Range: 0-8388607` without the prefix `bytes `. Chunked transfer encoding gets 411.
    Strict,
}

impl UploadRules {
    /// The rules of the distribution project's registry, which has no limits.
    #[must_use]
    pub fn distribution() -> Self {
        Self {
            largest_body: usize::MAX,
            chunks: ChunkRules::Any,
            resumable: true,
            mounts: true,
            single_post: false,
            absolute_locations: true,
        }
    }

    /// The rules of ACR for clients that upload like Docker.
    #[must_use]
    pub fn acr() -> Self {
        Self {
            largest_body: 20 * 1024 * 1024,
            resumable: false,
            absolute_locations: false,
            ..Self::distribution()
        }
    }

    /// The rules of ACR for clients that send chunks with `Content-Range`; every other PATCH is refused.
    #[must_use]
    pub fn strict_acr() -> Self {
        Self {
            chunks: ChunkRules::Strict,
            ..Self::acr()
        }
    }
}

/// A limit on the requests under `/v2/` and `/acr/`; more requests get 429 with `Retry-After` until the window ends.
#[derive(Debug, Clone)]
pub struct RateLimit {
    requests: u32,
    window: Duration,
    started: Option<Instant>,
    used: u32,
}

impl RateLimit {
    /// Allows this many requests in each window. The first window starts with the first request.
    #[must_use]
    pub fn new(requests: u32, window: Duration) -> Self {
        Self {
            requests,
            window,
            started: None,
            used: 0,
        }
    }

    /// Counts a request. Returns the seconds for `Retry-After` if it is one too many.
    pub fn count(&mut self, now: Instant) -> Option<u64> {
        let started = match self.started {
            Some(started) if now < started + self.window => started,
            Some(_) | None => {
                self.used = 0;
                *self.started.insert(now)
            }
        };
        self.used += 1;
        let rest = (started + self.window).saturating_duration_since(now);
        (self.used > self.requests).then(|| rest.as_secs_f64().ceil().max(1.0) as u64)
    }
}

/// A limit on the number of requests under `/v2/` that a token is valid for, as if it expired during a copy. A request with a
/// used-up token gets the challenge for an expired token, whatever its `exp`.
#[derive(Debug, Clone)]
pub struct TokenLimit {
    requests: u32,
    used: BTreeMap<String, u32>,
}

impl TokenLimit {
    /// Makes every token valid for this many requests.
    #[must_use]
    pub fn new(requests: u32) -> Self {
        Self {
            requests,
            used: BTreeMap::new(),
        }
    }

    /// Counts a request with a token. False if the token is used up.
    pub fn count(&mut self, token: &str) -> bool {
        let used = self.used.entry(token.to_owned()).or_default();
        *used += 1;
        *used <= self.requests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_limit_refuses_until_the_window_ends() {
        let mut limit = RateLimit::new(2, Duration::from_secs(10));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!([0, 1].map(|second| limit.count(at(second))), [None, None]);
        assert_eq!(
            [2, 9].map(|second| limit.count(at(second))),
            [Some(8), Some(1)]
        );
        assert_eq!(
            [10, 11, 12].map(|second| limit.count(at(second))),
            [None, None, Some(8)]
        );
    }

    #[test]
    fn token_limit_counts_each_token() {
        let mut limit = TokenLimit::new(1);
        assert_eq!(
            ["a", "b", "a"].map(|token| limit.count(token)),
            [true, true, false]
        );
    }
}
