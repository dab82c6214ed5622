//! How an import goes, as Azure Resource Manager reports it.
//!
//! Source of the states: <https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations>.

use reqwest::StatusCode;
use serde::Deserialize;
use url::Url;

use super::refusal::{About, explained, is_failed_operation};
use crate::problem::{Cause, Problem};
use crate::wire::{Response, same_origin};

/// How an import goes.
#[derive(Clone, Debug)]
pub enum Progress {
    /// Azure works on it.
    Running {
        /// Where to poll next. Signed: followed as it is.
        location: Url,
        /// The polling interval that `Retry-After` asked for, in seconds.
        wait: Option<u64>,
    },
    /// Azure reports success.
    Succeeded,
}

/// What Azure answers to the request to import.
#[derive(Clone, Debug)]
pub enum Start {
    /// It took the request.
    Begun(Progress),
    /// It refused because something else changes the target at the moment: probably another import of it.
    Busy(Problem),
}

/// Reads the response to `importImage`.
pub(super) fn read_start(response: &Response, about: About<'_>) -> Result<Start, Problem> {
    let problem = match read_progress(response, about) {
        Ok(progress) => return Ok(Start::Begun(progress)),
        Err(problem) => problem,
    };
    // A conflict that Azure explains (a lock, a tag that may not be replaced) does not end by waiting.
    match response.status == StatusCode::CONFLICT && problem.advice.is_none() {
        true => Ok(Start::Busy(problem)),
        false => Err(problem),
    }
}

/// Reads the response to a poll.
pub(super) fn read_poll(response: &Response, about: About<'_>) -> Result<Progress, Problem> {
    let says_how_it_ended = response.status.is_success() || is_failed_operation(response);
    read_progress(response, about).map_err(|problem| match says_how_it_ended {
        true => problem,
        false => problem.acted(),
    })
}

fn read_progress(response: &Response, about: About<'_>) -> Result<Progress, Problem> {
    match response.status {
        StatusCode::ACCEPTED => {
            let location = response
                .header("location")
                .and_then(|text| response.url.join(text).ok());
            let Some(location) = location.filter(|location| same_origin(location, &response.url))
            else {
                return Err(
                    response.invalid("the import was accepted without a Location on the same host")
                );
            };
            let wait = response
                .header("retry-after")
                .and_then(|text| text.trim().parse().ok());
            Ok(Progress::Running { location, wait })
        }
        status if status.is_success() => read_status(response, about),
        // The registry was found a moment ago, so this is not a setting that names something else.
        StatusCode::NOT_FOUND => Err(explained(response, Cause::Rejected, about)),
        _ => Err(explained(response, response.unexpected_cause(), about)),
    }
}

fn read_status(response: &Response, about: About<'_>) -> Result<Progress, Problem> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Status {
        status: String,
        error: Option<serde_json::Value>,
    }
    let Status { status, error } = if response.body.is_empty() {
        Status::default()
    } else {
        response.json()?
    };
    match status.as_str() {
        "Succeeded" | "" if error.is_none() => Ok(Progress::Succeeded),
        _ if is_failed_operation(response) => Err(explained(response, Cause::Rejected, about)),
        other => Err(response.invalid(format!("unknown import status {other:?}"))),
    }
}
