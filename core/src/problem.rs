//! Failures as data: the side, the cause, what happened, what to do.
//!
//! A failure of one image is a [`Problem`] among the results of the other images, not an early return. Messages show
//! `SIDE: CAUSE (METHOD URL: STATUS); ADVICE`, with the service's error code in the cause and the URL redacted.

mod summary;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::neutralize_markup;

/// The side on which something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// A registry that images come from.
    Source,
    /// The registry that images are synced to.
    Destination,
    /// Microsoft Entra ID.
    Entra,
    /// Azure Resource Manager, which lists registries and imports images.
    ResourceManager,
    /// The repository of the Helm chart.
    ChartRepository,
    /// The catalog of CodeCollections.
    Catalog,
    /// The file that images are imported from.
    Bundle,
    /// The collector that the number is pushed to.
    Collector,
    /// This program and the machine it runs on.
    #[serde(rename = "here")]
    Local,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source registry",
            Self::Destination => "destination registry",
            Self::Entra => "Microsoft Entra login",
            Self::ResourceManager => "Azure Resource Manager",
            Self::ChartRepository => "chart repository",
            Self::Catalog => "CodeCollection catalog",
            Self::Bundle => "bundle",
            Self::Collector => "metrics collector (OTLP)",
            Self::Local => "this run",
        })
    }
}

/// The kind of a failure. Decides the exit code and whether a retry can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A setting names something that does not exist.
    Configuration,
    /// The identity, or a client without one, may not do this.
    AccessDenied,
    /// The requested content does not exist.
    NotFound,
    /// The connection could not be opened, broke, or has a certificate that is not trusted.
    Unreachable,
    /// Too many requests (HTTP 429).
    Throttled,
    /// The service failed (HTTP 5xx).
    Unavailable,
    /// No complete response within the time of one request.
    TimedOut,
    /// The response does not follow the protocol: wrong digest, wrong shape, too large.
    Invalid,
    /// The content is another one than in the plan that is applied.
    Moved,
    /// The service refused a valid request: a conflict, a locked tag, a failed import.
    Rejected,
    /// The run's own deadline (TIMEOUT_SECONDS) came first.
    Deadline,
    /// The run was stopped by a signal.
    Interrupted,
}

/// A failure with everything that a message shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The side that failed.
    #[serde(rename = "party")]
    pub side: Side,
    /// The kind of failure.
    pub cause: Cause,
    /// The cause, then the request in parentheses. Contains no secrets.
    pub what: String,
    /// What the user can do, if known.
    pub advice: Option<String>,
    /// The other side may have acted on the request.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_have_acted: bool,
}

impl Problem {
    /// A problem without advice.
    pub fn new(side: Side, cause: Cause, what: impl Into<String>) -> Self {
        Self {
            side,
            cause,
            what: neutralize_markup(&what.into()),
            advice: None,
            may_have_acted: false,
        }
    }

    /// The problem with this advice.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(neutralize_markup(&advice.into()));
        self
    }

    /// The problem of a request that the other side may have acted on.
    #[must_use]
    pub fn acted(mut self) -> Self {
        self.may_have_acted = true;
        self
    }

    /// The side and what happened, without the advice.
    pub fn fact(&self) -> String {
        format!("{}: {}", self.side, self.what)
    }

    /// True if Azure refused this run, not if a source refused an image.
    pub fn is_denied_by_azure(&self) -> bool {
        self.cause == Cause::AccessDenied
            && !matches!(
                self.side,
                Side::Source | Side::ChartRepository | Side::Catalog | Side::Bundle
            )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fact())?;
        match &self.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_contains_side_cause_request_and_advice() {
        let problem = Problem::new(
            Side::Source,
            Cause::NotFound,
            "it is gone (GET https://x/y: 404)",
        )
        .advise("check REF");
        assert_eq!(
            problem.to_string(),
            "source registry: it is gone (GET https://x/y: 404); check REF"
        );
        assert!(!problem.is_denied_by_azure());
        assert!(!Problem::new(Side::Catalog, Cause::AccessDenied, "no").is_denied_by_azure());
    }
}
