//! What a refusal by Azure Resource Manager means: which side it is about, and what to do.
//!
//! Only the service's own words are read, never a URL or an id around them.
//! Source: the causes that `az acr import` reports, and Azure Resource Manager's common error codes.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::name::{Repository, Tag, pattern};
use crate::problem::{Cause, Problem, Side};
use crate::text::shortened;
use crate::wire::Response;

/// The longest text of Azure that is shown, in characters: a message and the errors nested in it.
const LONGEST: usize = 1200;

/// What Azure was asked for. Advice names it, so that it can be used as it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum About<'a> {
    /// An import into these tags of the registry of this name.
    Import {
        registry: &'a str,
        targets: &'a [(Repository, Tag)],
    },
    /// Reading what a subscription holds, or which subscriptions there are.
    Subscription(SubscriptionOrigin),
}

/// Where the id of the subscription comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SubscriptionOrigin {
    /// `AZURE_RESOURCE_SUBSCRIPTION_ID`.
    Variable,
    /// It came with the credentials.
    Credentials,
    /// Azure listed it.
    Listed,
}

impl SubscriptionOrigin {
    /// What to do when it is the wrong one.
    pub(super) fn correction(self) -> &'static str {
        match self {
            Self::Variable => {
                "AZURE_RESOURCE_SUBSCRIPTION_ID must be the subscription that holds the registry: correct it"
            }
            Self::Credentials => {
                "the subscription is the one of the credentials: set AZURE_RESOURCE_SUBSCRIPTION_ID to the one that holds the registry"
            }
            Self::Listed => {
                "set AZURE_RESOURCE_SUBSCRIPTION_ID to the subscription that holds the registry"
            }
        }
    }
}

/// How Azure begins the failure of an operation: the operation and the target, at length.
static PREFACE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"Operation \S+ failed\.?\s*Resource \S+\s*"));

/// Docker Hub's limit in a registry's words. Resource Manager's own code is `TooManyRequests`.
static PULL_LIMIT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(TOOMANYREQUESTS|toomanyrequests)\b|(?i:pull rate limit)"));

/// True when a response reports that an operation failed or was canceled, whatever its HTTP status. Any other
/// 4xx or 5xx says only that the operation could not be polled.
pub(super) fn is_failed_operation(response: &Response) -> bool {
    let said = response.service_message().unwrap_or_default();
    bad_end(response).is_some() || PREFACE.is_match(&said) || PULL_LIMIT.is_match(&said)
}

/// How an operation ended without success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BadEnd {
    Failed,
    Canceled,
}

/// The end that the body's `status` reports.
fn bad_end(response: &Response) -> Option<BadEnd> {
    let body: Value = serde_json::from_slice(&response.body).ok()?;
    match body["status"].as_str()?.to_ascii_lowercase().as_str() {
        "failed" => Some(BadEnd::Failed),
        "canceled" | "cancelled" => Some(BadEnd::Canceled),
        _ => None,
    }
}

/// A refusal in Azure's words, with the side that it is about and what to do.
pub(super) fn explained(response: &Response, cause: Cause, about: About<'_>) -> Problem {
    let said = response.service_message().unwrap_or_default();
    let said = PREFACE.replace_all(&said, "").into_owned();
    let end = bad_end(response);
    let ending = match end {
        Some(BadEnd::Failed) => ": the import failed",
        Some(BadEnd::Canceled) => ": the import was canceled",
        None => "",
    };
    let colon = if said.is_empty() { "" } else { ": " };
    let what = format!(
        "{}: {}{ending}{colon}{}",
        response.request,
        response.status,
        shortened(&said, LONGEST)
    );
    if matches!(about, About::Subscription(_)) && is_of_registry(response) {
        return Problem::new(Side::ResourceManager, Cause::Invalid, what)
            .advise("a registry's error came in place of Azure Resource Manager's: check HTTPS_PROXY and NO_PROXY");
    }
    match (meaning(&said, about), end) {
        (Some((side, cause, advice)), _) => Problem::new(side, cause, what).advise(advice),
        (None, Some(BadEnd::Canceled)) => Problem::new(Side::ResourceManager, cause, what)
            .advise("the import was canceled in Azure: run again"),
        (None, Some(BadEnd::Failed) | None) => Problem::new(Side::ResourceManager, cause, what),
    }
}

/// True for an error in the shape of the distribution specification. Azure Resource Manager hands on a source's error
/// in that shape at most, so it says nothing about what the identity may see there.
fn is_of_registry(response: &Response) -> bool {
    let body: Result<Value, _> = serde_json::from_slice(&response.body);
    body.is_ok_and(|body| body["errors"].is_array())
}

pub(super) type Meaning = (Side, Cause, String);

/// What a text of Azure means.
pub(super) fn meaning(said: &str, about: About<'_>) -> Option<Meaning> {
    match about {
        About::Import { registry, targets } => meaning_of_access(said, IMPORT_ROLE.to_owned())
            .or_else(|| meaning_of_target(said, registry, targets))
            .or_else(|| meaning_of_source(said)),
        About::Subscription(origin) => meaning_of_subscription(said, origin),
    }
}

fn has(said: &str, words: &str) -> bool {
    pattern(&format!(r"(?i)\b({words})\b")).is_match(said)
}

const IMPORT_ROLE: &str = "the identity may not do this: grant it 'Container Registry Data Importer and Data Reader' on the registry";

fn meaning_of_access(said: &str, advice: String) -> Option<Meaning> {
    has(said, "AuthorizationFailed|does not have authorization").then_some((
        Side::ResourceManager,
        Cause::AccessDenied,
        advice,
    ))
}

fn meaning_of_subscription(said: &str, origin: SubscriptionOrigin) -> Option<Meaning> {
    let correction = origin.correction();
    let advice = if has(said, "SubscriptionNotFound|InvalidSubscriptionId") {
        format!(
            "the identity does not see this subscription: check its role assignments; {correction}"
        )
    } else if has(said, "InvalidAuthenticationTokenTenant") {
        format!("the subscription belongs to another tenant than the identity; {correction}")
    } else {
        return meaning_of_access(said, format!("{IMPORT_ROLE}; {correction}"));
    };
    Some((Side::ResourceManager, Cause::AccessDenied, advice))
}

/// What is about the registry that images are imported into.
fn meaning_of_target(said: &str, registry: &str, targets: &[(Repository, Tag)]) -> Option<Meaning> {
    let (cause, advice) = if has(said, "is not allowed access") {
        (
            Cause::AccessDenied,
            "the registry's firewall does not let the import in: allow trusted services or this network".to_owned(),
        )
    } else if is_storage_limit(said) {
        (
            Cause::Rejected,
            format!(
                "the ACR's storage is full: see 'az acr show-usage --name {registry}'; delete what is not needed, or choose a larger SKU"
            ),
        )
    } else if has(said, "ScopeLocked|scope\\(s\\) are locked") {
        (
            Cause::Rejected,
            "an Azure lock protects the registry or what holds it: see 'az lock list', and remove it".to_owned(),
        )
    } else if has(
        said,
        "is locked|write operation is disabled|writeEnabled|operation is disallowed",
    ) {
        (Cause::Rejected, unlock_advice(registry, targets))
    } else if has(said, "already exists in target registry") {
        (
            Cause::Rejected,
            "the tag exists in the ACR and may not be replaced".to_owned(),
        )
    } else {
        return None;
    };
    Some((Side::Destination, cause, advice))
}

/// A limit on stored bytes. Only the destination stores anything; a source limits requests.
fn is_storage_limit(said: &str) -> bool {
    has(
        said,
        r"AccountSizeOverQuota|InsufficientStorage|StorageQuota\w*|StorageLimit\w*|(storage|size|capacity|disk)\b.{0,60}\b(quota|limit)|(quota|limit)\b.{0,60}\b(storage|size|capacity)",
    )
}

fn meaning_of_source(said: &str) -> Option<Meaning> {
    let (cause, advice) = if has(
        said,
        "TOOMANYREQUESTS|Too Many Requests|status code:? 429|pull rate limit",
    ) {
        (
            Cause::Throttled,
            "the source limits the addresses that Azure shares: set USE_DOCKER_AUTH with DOCKER_USERNAME and DOCKER_TOKEN",
        )
    } else if has(said, "UNAUTHORIZED|DENIED") {
        (
            Cause::AccessDenied,
            "the source refused Azure: the image is private or misnamed, or its credentials are wrong",
        )
    } else if has(
        said,
        "MANIFEST_UNKNOWN|NAME_UNKNOWN|Invalid message NotFound",
    ) {
        (
            Cause::NotFound,
            "the image is gone from the source: run again, it may have been published again",
        )
    } else if has(
        said,
        "RFC 7233|Unexpected response status code|Error copying blobs",
    ) {
        (
            Cause::Rejected,
            "Azure could not read the source's blobs; try again later",
        )
    } else {
        return None;
    };
    Some((Side::Source, cause, advice.to_owned()))
}

/// How to unlock tags of the registry of this name; each command as it can be run.
pub(crate) fn unlock_advice(registry: &str, targets: &[(Repository, Tag)]) -> String {
    let command = |(repository, tag): &(Repository, Tag)| {
        format!(
            "'az acr repository update --name {registry} --image {repository}:{tag} --write-enabled true'"
        )
    };
    let commands: Vec<_> = targets.iter().map(command).collect();
    format!(
        "the tag is locked: unlock it with {}",
        commands.join(" and ")
    )
}

#[cfg(test)]
mod tests;
