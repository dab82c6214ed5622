//! What a refusal by Azure Resource Manager means: which side it is about, and what to do.
//!
//! Only the service's message is read, not the URLs and ids around it.
//! Source: the causes that `az acr import` reports, and the common error codes of Azure Resource Manager.

use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use crate::name::{DestinationTag, Reference, TagOrDigest, pattern};
use crate::problem::{Cause, Problem, Side};
use crate::text::shortened;
use crate::wire::Response;

/// The longest message of Azure that is shown, in characters, with the errors nested in it.
const LONGEST: usize = 1200;

/// The requested operation. Advice contains its names, so that its commands can be copied.
#[derive(Clone, Copy, Debug)]
pub(super) enum About<'a> {
    /// An import from this source into these tags of the registry of this name.
    Import {
        source: &'a Reference,
        registry: &'a str,
        targets: &'a [DestinationTag],
    },
    /// Listing subscriptions, or the registries of one.
    Subscription(SubscriptionOrigin),
}

/// Where the id of the subscription comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SubscriptionOrigin {
    /// `AZURE_RESOURCE_SUBSCRIPTION_ID`.
    Variable,
    /// The credentials contain it.
    Credentials,
    /// Azure listed it.
    Listed,
}

impl SubscriptionOrigin {
    /// What to do if it is the wrong one.
    pub(super) fn correction(self) -> &'static str {
        match self {
            Self::Variable | Self::Listed => {
                "set AZURE_RESOURCE_SUBSCRIPTION_ID to the subscription that holds the registry"
            }
            Self::Credentials => {
                "set AZURE_RESOURCE_SUBSCRIPTION_ID to the subscription that holds the registry (that of the credentials was used)"
            }
        }
    }
}

/// The beginning of Azure's message about a failed operation: the ids of the operation and of the target.
static PREFACE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"Operation \S+ failed\.?\s*Resource \S+\s*"));

/// A source registry's rate limit. Resource Manager's own error code is `TooManyRequests`.
static PULL_LIMIT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(TOOMANYREQUESTS|toomanyrequests)\b|(?i:pull rate limit)"));

/// True if a response reports that an operation failed or was canceled, whatever its HTTP status. Any other
/// 4xx or 5xx means only that the operation could not be polled.
pub(super) fn is_failed_operation(response: &Response) -> bool {
    let said = response.service_message().unwrap_or_default();
    bad_end(response).is_some() || PREFACE.is_match(&said) || PULL_LIMIT.is_match(&said)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BadEnd {
    Failed,
    Canceled,
}

/// Read from the body's `status`.
fn bad_end(response: &Response) -> Option<BadEnd> {
    let body: Value = serde_json::from_slice(&response.body).ok()?;
    match body["status"].as_str()?.to_ascii_lowercase().as_str() {
        "failed" => Some(BadEnd::Failed),
        "canceled" | "cancelled" => Some(BadEnd::Canceled),
        _ => None,
    }
}

/// The problem of a refusal or a failed operation: the cause, the side that it is about, and what to do.
pub(super) fn explained(response: &Response, cause: Cause, about: About<'_>) -> Problem {
    let said = response.service_message().unwrap_or_default();
    let said = PREFACE.replace_all(&said, "").into_owned();
    match about {
        About::Import { source, registry, .. } => {
            let meaning = meaning(&said, about);
            let end = bad_end(response);
            let event = match (&meaning, end) {
                (Some((Side::Source, ..)), _) => format!(
                    "Azure could not pull {} from {}",
                    short_name(source),
                    source.location.registry
                ),
                (Some((Side::Destination, ..)), _) => format!("ACR {registry} refused the import"),
                (_, Some(BadEnd::Failed)) => "the import failed".to_owned(),
                (_, Some(BadEnd::Canceled)) => "the import was canceled".to_owned(),
                (_, None) => "Azure refused the import".to_owned(),
            };
            let reason = match said.is_empty() {
                true => String::new(),
                false => format!(": {}", shortened(&readable(&said), LONGEST)),
            };
            let what = format!("{event}{reason} {}", response.exchange());
            match (meaning, end) {
                (Some((side, cause, advice)), _) => Problem::new(side, cause, what).advise(advice),
                (None, Some(BadEnd::Canceled)) => Problem::new(Side::ResourceManager, cause, what)
                    .advise("the import was canceled in Azure: run again"),
                (None, Some(BadEnd::Failed) | None) => {
                    Problem::new(Side::ResourceManager, cause, what)
                }
            }
        }
        About::Subscription(_) if is_of_registry(response) => response
            .refusal(Cause::Invalid)
            .advise("a registry responded in place of Azure Resource Manager: check HTTPS_PROXY and NO_PROXY"),
        About::Subscription(_) => match meaning(&said, about) {
            Some((side, cause, advice)) => Problem { side, ..response.refusal(cause) }.advise(advice),
            None => response.refusal(cause),
        },
    }
}

/// `repository:tag` or `repository@sha256:0123456789ab`.
fn short_name(source: &Reference) -> String {
    match &source.version {
        TagOrDigest::Tag(tag) => format!("{}:{tag}", source.location.repository),
        TagOrDigest::Digest(digest) => {
            let digest: String = digest.to_string().chars().take(SHORT_DIGEST).collect();
            format!("{}@{digest}", source.location.repository)
        }
    }
}

/// The algorithm and the first 12 digits of a digest.
const SHORT_DIGEST: usize = "sha256:".len() + 12;

/// The message of Azure, reduced to what the user can act on: the registry's error as `CODE (message)` if Azure quotes
/// one, and the client that a firewall refused.
fn readable(said: &str) -> String {
    #[derive(Deserialize)]
    struct Quoted {
        errors: Vec<QuotedError>,
    }
    #[derive(Deserialize)]
    struct QuotedError {
        code: String,
        #[serde(default)]
        message: String,
    }
    if let Some(client) = client_refused_by_firewall(said) {
        return format!("{client} is not allowed by the registry's firewall");
    }
    let quoted = said.find("{\"errors\"").and_then(|start| {
        let mut values = serde_json::Deserializer::from_str(&said[start..]).into_iter::<Quoted>();
        values.next()?.ok()
    });
    let errors = quoted.map(|quoted| quoted.errors).unwrap_or_default();
    if errors.is_empty() {
        return said.to_owned();
    }
    let texts = errors.iter().map(|error| match error.message.as_str() {
        "" => error.code.clone(),
        message => format!("{} ({message})", error.code),
    });
    texts.collect::<Vec<_>>().join("; ")
}

/// `client IP 203.0.113.7` from the message of an ACR whose firewall refused the client.
///
/// Source: <https://learn.microsoft.com/azure/container-registry/container-registry-troubleshoot-access>.
pub(super) fn client_refused_by_firewall(said: &str) -> Option<String> {
    static CLIENT: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"(?i)(?:client with IP '?([0-9a-f.:]+)'?[^;]{0,40})?\bis not allowed access\b")
    });
    let found = CLIENT.captures(said)?;
    Some(match found.get(1) {
        Some(address) => format!("client IP {}", address.as_str()),
        None => "this client".to_owned(),
    })
}

/// True for an error in the shape of the distribution specification. Azure Resource Manager itself does not use
/// it, so the response says nothing about what the identity may see there.
fn is_of_registry(response: &Response) -> bool {
    let body: Result<Value, _> = serde_json::from_slice(&response.body);
    body.is_ok_and(|body| body["errors"].is_array())
}

pub(super) type Meaning = (Side, Cause, String);

pub(super) fn meaning(said: &str, about: About<'_>) -> Option<Meaning> {
    match about {
        About::Import {
            registry, targets, ..
        } => meaning_of_access(said, IMPORT_ROLE.to_owned())
            .or_else(|| meaning_of_target(said, registry, targets))
            .or_else(|| meaning_of_source(said)),
        About::Subscription(origin) => meaning_of_subscription(said, origin),
    }
}

fn has(said: &str, alternatives: &str) -> bool {
    pattern(&format!(r"(?i)\b({alternatives})\b")).is_match(said)
}

const IMPORT_ROLE: &str = "the identity lacks the role for this: grant the identity 'Container Registry Data Importer and Data Reader' on the registry";

fn meaning_of_access(said: &str, advice: String) -> Option<Meaning> {
    has(said, "AuthorizationFailed|does not have authorization").then_some((
        Side::ResourceManager,
        Cause::AccessDenied,
        advice,
    ))
}

const ABSENT_SUBSCRIPTION: &str = "SubscriptionNotFound|InvalidSubscriptionId";
const SUBSCRIPTION_OF_ANOTHER_TENANT: &str = "InvalidAuthenticationTokenTenant";

/// True if Azure does not show the subscription itself to the identity, so that nothing is known about the registry.
pub(crate) fn is_about_subscription(problem: &Problem) -> bool {
    problem.side == Side::ResourceManager
        && has(
            &problem.what,
            &format!("{ABSENT_SUBSCRIPTION}|{SUBSCRIPTION_OF_ANOTHER_TENANT}"),
        )
}

fn meaning_of_subscription(said: &str, origin: SubscriptionOrigin) -> Option<Meaning> {
    let correction = origin.correction();
    let advice = if has(said, ABSENT_SUBSCRIPTION) {
        format!(
            "the identity cannot see this subscription: check the identity's role assignments; {correction}"
        )
    } else if has(said, SUBSCRIPTION_OF_ANOTHER_TENANT) {
        format!("the subscription belongs to another tenant than the identity; {correction}")
    } else {
        return meaning_of_access(said, format!("{IMPORT_ROLE}; {correction}"));
    };
    Some((Side::ResourceManager, Cause::AccessDenied, advice))
}

fn meaning_of_target(said: &str, registry: &str, targets: &[DestinationTag]) -> Option<Meaning> {
    let (cause, advice) = if client_refused_by_firewall(said).is_some() {
        (
            Cause::AccessDenied,
            "the registry's firewall blocks the import: allow trusted services or this network under Networking".to_owned(),
        )
    } else if is_storage_limit(said) {
        (
            Cause::Rejected,
            format!(
                "the ACR's storage is full: see 'az acr show-usage --name {registry}'; delete images that are not needed, or choose a larger SKU"
            ),
        )
    } else if has(said, "ScopeLocked|scope\\(s\\) are locked") {
        (
            Cause::Rejected,
            "an Azure lock protects the registry, its resource group or its subscription: see 'az lock list', and remove it".to_owned(),
        )
    } else if has(
        said,
        "is locked|write operation is disabled|writeEnabled|operation is disallowed",
    ) {
        (Cause::Rejected, unlock_advice(registry, targets))
    } else if has(said, "already exists in target registry") {
        (
            Cause::Rejected,
            "the tag exists in the ACR and may not be replaced: delete it there, if it is not needed".to_owned(),
        )
    } else {
        return None;
    };
    Some((Side::Destination, cause, advice))
}

/// True for a limit on stored bytes. Only the destination has one; a source limits requests.
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
            "the source limits the addresses that Azure shares: run again later, or use an account (USE_DOCKER_AUTH with DOCKER_USERNAME and DOCKER_TOKEN for Docker Hub, DOCKER_CONFIG for an extra image)",
        )
    } else if has(said, "UNAUTHORIZED|DENIED") {
        (
            Cause::AccessDenied,
            "the image is private or its name is wrong, or the credentials for the source are wrong: check the image's name, and the login of its registry",
        )
    } else if has(
        said,
        "MANIFEST_UNKNOWN|NAME_UNKNOWN|Invalid message NotFound",
    ) {
        (
            Cause::NotFound,
            "the image does not exist at the source any more: run again, it may have been published again",
        )
    } else if has(
        said,
        "RFC 7233|Unexpected response status code|Error copying blobs",
    ) {
        (
            Cause::Rejected,
            "Azure could not read the source's blobs: try again later",
        )
    } else {
        return None;
    };
    Some((Side::Source, cause, advice.to_owned()))
}

/// How to unlock tags of the registry of this name, with complete commands.
pub(crate) fn unlock_advice(registry: &str, targets: &[DestinationTag]) -> String {
    let command = |target: &DestinationTag| {
        format!(
            "'az acr repository update --name {registry} --image {target} --write-enabled true'"
        )
    };
    let commands: Vec<_> = targets.iter().map(command).collect();
    format!(
        "the tag is locked: unlock the tag with {}",
        commands.join(" and ")
    )
}

#[cfg(test)]
mod tests;
