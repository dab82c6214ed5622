//! This machine's clock, compared with those of the servers that answer.
//!
//! With a clock that is days off, valid certificates seem to be expired. Every response has a `Date`, which shows
//! whether the clock or the certificate is wrong.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rustls::CertificateError;
use rustls::pki_types::UnixTime;
use tokio::sync::watch;

use super::request::Response;

/// How long an error waits for the first response of another server.
const PATIENCE: Duration = Duration::from_secs(2);
/// Differences up to this one have no effect on certificates.
const TOLERANCE: TimeDelta = TimeDelta::minutes(10);

/// The smallest difference so far between a server's clock and this machine's: one server may be wrong itself, or
/// answer from an old cache.
#[derive(Default)]
pub(super) struct Clock(watch::Sender<Option<TimeDelta>>);

impl Clock {
    /// The response must have arrived just now.
    pub(super) fn compare(&self, response: &Response) {
        let Some(date) = response.stated_date() else {
            return;
        };
        let difference = date - Utc::now();
        self.0.send_if_modified(|smallest| {
            let is_smaller = smallest.is_none_or(|smallest| difference.abs() < smallest.abs());
            if is_smaller {
                *smallest = Some(difference);
            }
            is_smaller
        });
    }

    /// A server's time minus this machine's. None if no server has responded.
    pub(super) async fn difference(&self) -> Option<TimeDelta> {
        let mut known = self.0.subscribe();
        let first = known.wait_for(Option::is_some);
        *tokio::time::timeout(PATIENCE, first).await.ok()?.ok()?
    }
}

/// A certificate that is not valid now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotValid {
    /// It is valid from then on.
    Before(DateTime<Utc>),
    /// It was valid until then.
    After(DateTime<Utc>),
}

impl NotValid {
    pub(super) fn from_tls(error: &rustls::Error) -> Option<Self> {
        let rustls::Error::InvalidCertificate(error) = error else {
            return None;
        };
        match error {
            CertificateError::ExpiredContext { not_after, .. } => time(*not_after).map(Self::After),
            CertificateError::NotValidYetContext { not_before, .. } => {
                time(*not_before).map(Self::Before)
            }
            _ => None,
        }
    }

    pub(super) fn what(self, host: &str, now: DateTime<Utc>) -> String {
        let day = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M UTC");
        let (state, bound) = match self {
            Self::Before(begin) => ("is not valid yet: it is valid from", begin),
            Self::After(end) => ("has expired: it was valid until", end),
        };
        format!(
            "the certificate of {host} {state} {}, and this machine's clock shows {}",
            day(bound),
            day(now)
        )
    }

    /// What the user can do. `difference` is a server's time minus this machine's.
    pub(super) fn advice(self, now: DateTime<Utc>, difference: Option<TimeDelta>) -> String {
        let renew = match self {
            Self::Before(_) => "let the operator of that host correct its certificate",
            Self::After(_) => "let the operator of that host renew its certificate",
        };
        let Some(difference) = difference else {
            return format!(
                "check the clock of this machine first, and set it if it is wrong; if it is right, {renew}"
            );
        };
        let is_valid = |time: DateTime<Utc>| match self {
            Self::Before(begin) => time >= begin,
            Self::After(end) => time <= end,
        };
        if difference.abs() > TOLERANCE && is_valid(now + difference) {
            let direction = if difference > TimeDelta::zero() {
                "behind"
            } else {
                "ahead"
            };
            return format!(
                "the clock of this machine is {} {direction}, compared with other servers: set it, then run again",
                span(difference.abs())
            );
        }
        format!(
            "the clock of this machine is not the reason (compared with other servers): {renew}; if a proxy or firewall \
             inspects TLS, the certificate is the proxy's (SSL_CERT_FILE names its authority)"
        )
    }
}

fn time(time: UnixTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(i64::try_from(time.as_secs()).ok()?, 0)
}

fn span(difference: TimeDelta) -> String {
    // A `Date` has whole seconds: 3 days must not become 2.
    let rounded = difference + TimeDelta::minutes(30);
    match (rounded.num_days(), rounded.num_hours()) {
        (0, 0) => format!("{} minutes", difference.num_minutes()),
        (0, 1) => "1 hour".to_owned(),
        (0, hours) => format!("{hours} hours"),
        (1, _) => "1 day".to_owned(),
        (days, _) => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_is_named_only_if_it_explains_the_error() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let days = TimeDelta::days;
        for (not_valid, difference, part) in [
            (
                NotValid::Before(now + days(2)),
                Some(days(3)),
                "3 days behind",
            ),
            (
                NotValid::After(now - days(2)),
                Some(days(-3)),
                "3 days ahead",
            ),
            (
                NotValid::After(now - days(2)),
                Some(days(-1)),
                "operator of that host renew",
            ),
            (
                NotValid::After(now - days(2)),
                Some(days(3)),
                "operator of that host renew",
            ),
            (
                NotValid::After(now - days(2)),
                Some(TimeDelta::zero()),
                "not the reason",
            ),
            (
                NotValid::Before(now + days(2)),
                Some(days(1)),
                "operator of that host correct",
            ),
            (
                NotValid::Before(now + TimeDelta::hours(1)),
                Some(TimeDelta::hours(2)),
                "2 hours behind",
            ),
            (NotValid::After(now - days(900)), None, "check the clock"),
        ] {
            let advice = not_valid.advice(now, difference);
            assert!(
                advice.contains(part),
                "{not_valid:?} {difference:?}: {advice}"
            );
        }
    }
}
