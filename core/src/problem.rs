//! Failures kept as data: which side, what happened, what to do.
//!
//! A failure of one image is a [`Problem`] beside the other images' results, never an early return. A
//! problem is shown to people as it is: a lower-case fragment with the method, the redacted URL, the
//! status and the service's own code, and then the advice.

use std::fmt;

use serde::Serialize;

use crate::text::neutralize_markup;

/// The side on which something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// A registry that images come from.
    Source,
    /// The Azure Container Registry that images go to.
    Destination,
    /// Microsoft Entra ID, which gives tokens.
    Entra,
    /// Azure Resource Manager, which knows the registry and imports into it.
    ResourceManager,
    /// Where the Helm chart comes from.
    ChartRepository,
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
            Self::Destination => "destination registry (ACR)",
            Self::Entra => "Microsoft Entra login",
            Self::ResourceManager => "Azure Resource Manager",
            Self::ChartRepository => "chart repository",
            Self::Collector => "metrics collector (OTLP)",
            Self::Local => "this run",
        })
    }
}

/// What kind of failure it was. Decides the exit code and whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A setting names something that is not there.
    Configuration,
    /// The other side knows who asks, or does not, and refuses.
    AccessDenied,
    /// What was asked for is not there.
    NotFound,
    /// No connection, or it broke, or its certificate is not trusted.
    Unreachable,
    /// Too many requests (HTTP 429).
    Throttled,
    /// The service failed (HTTP 5xx).
    Unavailable,
    /// No answer in the time that one call may take.
    TimedOut,
    /// The answer is not what the protocol promises: wrong digest, wrong shape, too large.
    Invalid,
    /// The service understood and said no: a conflict, a locked tag, a failed import.
    Rejected,
    /// The run's own deadline (TIMEOUT_SECONDS) came first.
    Deadline,
    /// The run was stopped by a signal.
    Interrupted,
}

/// A failure kept as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Which side failed.
    #[serde(rename = "party")]
    pub side: Side,
    /// What kind of failure it was.
    pub cause: Cause,
    /// What happened, as a lower-case fragment without secrets.
    pub what: String,
    /// What the user can do, when that is known.
    pub advice: Option<String>,
    /// The other side may have done what it was asked all the same.
    #[serde(skip)]
    pub may_have_acted: bool,
}

impl Problem {
    /// A problem without advice of its own.
    pub fn new(side: Side, cause: Cause, what: impl Into<String>) -> Self {
        Self {
            side,
            cause,
            what: neutralize_markup(&what.into()),
            advice: None,
            may_have_acted: false,
        }
    }

    /// The same problem with what to do about it.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(neutralize_markup(&advice.into()));
        self
    }

    /// The same problem of a request that may have been acted on.
    #[must_use]
    pub fn acted(mut self) -> Self {
        self.may_have_acted = true;
        self
    }

    /// Which side and what happened, without the advice.
    pub fn fact(&self) -> String {
        format!("{}: {}", self.side, self.what)
    }

    /// Whether Azure refused this run, rather than one source its image.
    pub fn is_denied_by_azure(&self) -> bool {
        self.cause == Cause::AccessDenied
            && !matches!(self.side, Side::Source | Side::ChartRepository)
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
    fn a_problem_names_side_fact_and_advice() {
        let problem =
            Problem::new(Side::Source, Cause::NotFound, "GET https://x/y: 404").advise("check REF");
        assert_eq!(
            problem.to_string(),
            "source registry: GET https://x/y: 404; check REF"
        );
        assert!(!problem.is_denied_by_azure());
    }
}
