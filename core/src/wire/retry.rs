//! Which requests are retried, and after how long.
//!
//! The same set as oras-go: 408, 429, 5xx and broken connections; 250 ms doubled with jitter, five tries; a
//! `Retry-After` takes precedence over our own delay. A wait of more than a minute ends the retries.

use std::time::Duration;

use backon::ExponentialBuilder;
use chrono::{DateTime, Utc};
use reqwest::StatusCode;

/// The longest `Retry-After` that is followed.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// No retry starts later than this after the first try.
pub(super) const BUDGET: Duration = Duration::from_secs(60);

pub(super) fn delays() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(250))
        .with_factor(2.0)
        .with_max_times(4)
        .with_jitter()
}

pub(super) fn is_transient(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
    ) || (status.is_server_error()
        && !matches!(
            status,
            StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED
        ))
}

/// `Retry-After` as a time from now: seconds or a date (RFC 9110, section 10.2.3). None if it is neither.
pub fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than a u64 holds are a very long time too.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = DateTime::parse_from_rfc2822(value).ok()?;
    Some(
        (date.with_timezone(&Utc) - now)
            .to_std()
            .unwrap_or(Duration::ZERO),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = DateTime::parse_from_rfc3339("2026-11-22T10:00:00Z")
            .unwrap()
            .with_timezone(&Utc);
        assert_eq!(retry_after("7", now), Some(Duration::from_secs(7)));
        assert_eq!(
            retry_after("Sun, 22 Nov 2026 10:00:30 GMT", now),
            Some(Duration::from_secs(30))
        );
        assert_eq!(
            retry_after("Sun, 22 Nov 2026 09:00:00 GMT", now),
            Some(Duration::ZERO)
        );
        assert_eq!(
            retry_after("99999999999999999999999", now),
            Some(Duration::from_secs(u64::MAX))
        );
        for bad in ["", "soon", "-1", "1.5"] {
            assert_eq!(retry_after(bad, now), None, "{bad}");
        }
    }

    #[test]
    fn only_transient_statuses_are_retried() {
        for (code, again) in [
            (408, true),
            (429, true),
            (500, true),
            (503, true),
            (501, false),
            (404, false),
            (401, false),
        ] {
            assert_eq!(
                is_transient(StatusCode::from_u16(code).unwrap()),
                again,
                "{code}"
            );
        }
    }
}
