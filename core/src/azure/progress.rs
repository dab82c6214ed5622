//! The state of an import, as Azure Resource Manager reports it.
//!
//! Source of the states: <https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations>.

use reqwest::StatusCode;
use serde::Deserialize;
use url::Url;

use super::refusal::{About, explained, is_failed_operation};
use crate::problem::{Cause, Problem};
use crate::wire::{Response, same_origin};

/// The state of an import that has not failed.
#[derive(Clone, Debug)]
pub enum Progress {
    Running {
        /// The next URL to poll. It is signed, so it is used without changes.
        location: Url,
        /// The polling interval of `Retry-After`, in seconds.
        wait: Option<u64>,
    },
    Succeeded,
}

/// The response to the request to import.
#[derive(Clone, Debug)]
pub enum Start {
    Begun(Progress),
    /// Azure refused because the target is being changed, probably by another import.
    Busy(Problem),
}

pub(super) fn read_start(response: &Response, about: About<'_>) -> Result<Start, Problem> {
    let problem = match read_progress(response, about) {
        Ok(progress) => return Ok(Start::Begun(progress)),
        Err(problem) => problem,
    };
    // A conflict with a known cause (a lock, a tag that may not be replaced) does not end by waiting.
    match response.status == StatusCode::CONFLICT && problem.advice.is_none() {
        true => Ok(Start::Busy(problem)),
        false => Err(problem),
    }
}

pub(super) fn read_poll(response: &Response, about: About<'_>) -> Result<Progress, Problem> {
    let has_ended = response.status.is_success() || is_failed_operation(response);
    read_progress(response, about).map_err(|problem| match has_ended {
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
        // The registry was found a moment ago, so this is not a wrong setting.
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
