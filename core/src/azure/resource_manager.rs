//! Azure Resource Manager: finding the registry, starting an import, asking how it goes.
//!
//! The upper half builds requests and reads answers and is pure; [`ResourceManager`] sends them.
//! Source: <https://learn.microsoft.com/rest/api/containerregistry/registries>, api-version 2023-07-01.

use std::sync::{Arc, LazyLock};

use regex::Regex;
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::cloud::Cloud;
use super::identity::Identity;
use crate::config::{Config, DockerAuth, RegistryName};
use crate::name::{Reference, Registry, Repository, Tag, Version, pattern};
use crate::problem::{Cause, Party, Problem, harmless};
use crate::wire::{Answer, Call, Repeat, Wire, is_at_home};

const REGISTRIES_API: &str = "2023-07-01";
const SUBSCRIPTIONS_API: &str = "2022-12-01";
/// Pages of a list that are followed.
const PAGES: usize = 100;

/// A registry as Resource Manager describes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RegistryResource {
    /// `/subscriptions/…/resourceGroups/…/providers/Microsoft.ContainerRegistry/registries/myacr`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What else is known of it.
    pub properties: RegistryProperties,
}

/// The properties of a registry that matter here.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistryProperties {
    /// The host that it serves the distribution API at.
    pub login_server: String,
}

impl RegistryResource {
    /// Whether this is the registry that the user named, by name or by login server.
    fn is_named(&self, name: &RegistryName) -> bool {
        self.name.eq_ignore_ascii_case(name.as_str())
            || self
                .properties
                .login_server
                .eq_ignore_ascii_case(name.as_str())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<T> {
    value: Vec<T>,
    next_link: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    subscription_id: String,
    #[serde(default)]
    state: String,
}

/// The URL that lists the registries of a subscription.
fn registries_url(cloud: Cloud, subscription: &str) -> String {
    let host = cloud.resource_manager();
    format!(
        "{host}/subscriptions/{subscription}/providers/Microsoft.ContainerRegistry/registries?api-version={REGISTRIES_API}"
    )
}

fn subscriptions_url(cloud: Cloud) -> String {
    format!(
        "{}/subscriptions?api-version={SUBSCRIPTIONS_API}",
        cloud.resource_manager()
    )
}

/// URL and body of `importImage`: the source by digest, all target tags at once, existing ones replaced.
fn import_request(
    cloud: Cloud,
    registry_id: &str,
    source: &Reference,
    targets: &[(Repository, Tag)],
    docker: Option<&DockerAuth>,
) -> (String, serde_json::Value) {
    let url = format!(
        "{}{registry_id}/importImage?api-version={REGISTRIES_API}",
        cloud.resource_manager()
    );
    let separator = match source.version {
        Version::Tag(_) => ':',
        Version::Digest(_) => '@',
    };
    let mut from = json!({
        "registryUri": source.location.registry.as_str(),
        "sourceImage": format!("{}{separator}{}", source.location.repository, source.version),
    });
    if let Some(DockerAuth { username, token }) = docker {
        from["credentials"] =
            json!({"username": username.expose_secret(), "password": token.expose_secret()});
    }
    let targets: Vec<_> = targets
        .iter()
        .map(|(repository, tag)| format!("{repository}:{tag}"))
        .collect();
    (
        url,
        json!({"source": from, "targetTags": targets, "mode": "Force"}),
    )
}

/// How an import goes.
#[derive(Clone, Debug)]
pub enum Progress {
    /// Azure works on it; ask at this location next.
    Running {
        /// Signed: followed as it is.
        location: Url,
        /// What `Retry-After` asked for, in seconds.
        wait: Option<u64>,
    },
    /// It is there.
    Succeeded,
}

/// Reads the answer to `importImage` or to a question about it.
fn read_progress(answer: &Answer) -> Result<Progress, Problem> {
    match answer.status {
        StatusCode::ACCEPTED => {
            let location = answer
                .header("location")
                .and_then(|text| answer.url.join(text).ok());
            let Some(location) = location.filter(|location| is_at_home(location, &answer.url))
            else {
                return Err(answer.invalid(
                    "the import was accepted without a Location on the same host to follow",
                ));
            };
            let wait = answer
                .header("retry-after")
                .and_then(|text| text.trim().parse().ok());
            Ok(Progress::Running { location, wait })
        }
        status if status.is_success() => read_status(answer),
        // The registry was found a moment ago: it is not a setting that names something else.
        StatusCode::NOT_FOUND => Err(explained(answer, Cause::Rejected)),
        _ => Err(explained(answer, answer.unexpected().cause)),
    }
}

/// Whether an answer tells the end of an operation, rather than why it cannot be asked.
fn says_how_it_ended(answer: &Answer) -> bool {
    let said = || answer.said().unwrap_or_default();
    answer.status.is_success() || PREFACE.is_match(&said())
}

fn read_status(answer: &Answer) -> Result<Progress, Problem> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Status {
        status: String,
        error: Option<serde_json::Value>,
    }
    let Status { status, error } = if answer.body.is_empty() {
        Status::default()
    } else {
        answer.json()?
    };
    match status.as_str() {
        "Succeeded" | "" if error.is_none() => Ok(Progress::Succeeded),
        "Failed" | "Canceled" => Err(explained(answer, Cause::Rejected)),
        other => Err(answer.invalid(format!("the import's status is {other:?}"))),
    }
}

/// How Azure begins the failure of an operation.
static PREFACE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"Operation \S+ failed\.?\s*Resource \S+\s*"));

/// A refusal in Azure's words, with what they mean and which side they are about.
fn explained(answer: &Answer, cause: Cause) -> Problem {
    let said = answer.said().unwrap_or_default();
    // What stands before the cause names the operation and the target, at length; and ids match anything.
    let said = PREFACE.replace(&said, "").into_owned();
    let colon = if said.is_empty() { "" } else { ": " };
    let what = format!(
        "{}: {}{colon}{}",
        answer.call,
        answer.status,
        harmless(&said)
    );
    match meaning(&said) {
        Some((party, cause, advice)) => Problem::new(party, cause, what).advise(advice),
        None => Problem::new(Party::ResourceManager, cause, what),
    }
}

/// What a text of Azure's means. Only the service's own words are looked at, never a URL or an id.
///
/// Source: the causes that `az acr import` reports, and Azure Resource Manager's common error codes.
fn meaning(said: &str) -> Option<(Party, Cause, &'static str)> {
    let has = |words: &str| pattern(&format!(r"(?i)\b({words})\b")).is_match(said);
    Some(if has("AuthorizationFailed|does not have authorization") {
        (
            Party::ResourceManager,
            Cause::AccessDenied,
            "the identity may not do this: grant it 'Container Registry Data Importer and Data Reader' on the registry",
        )
    } else if has("SubscriptionNotFound|InvalidSubscriptionId") {
        (
            Party::ResourceManager,
            Cause::AccessDenied,
            "the identity does not see this subscription: check AZURE_RESOURCE_SUBSCRIPTION_ID and the role assignments",
        )
    } else if has("is not allowed access") {
        (
            Party::Destination,
            Cause::AccessDenied,
            "the registry's firewall does not let the import in: allow trusted services or this network",
        )
    } else if has("TOOMANYREQUESTS|Too Many Requests|status code:? 429") {
        (
            Party::Source,
            Cause::Throttled,
            "the source limits the addresses that Azure shares: set USE_DOCKER_AUTH with DOCKER_USERNAME and DOCKER_TOKEN",
        )
    } else if has("is locked|write operation is disabled|writeEnabled|operation is disallowed") {
        (Party::Destination, Cause::Rejected, LOCKED_ADVICE)
    } else if has("already exists in target registry") {
        (
            Party::Destination,
            Cause::Rejected,
            "the tag exists in the ACR and may not be replaced",
        )
    } else if has("UNAUTHORIZED|DENIED") {
        (
            Party::Source,
            Cause::AccessDenied,
            "the source refused Azure: the image is private or misnamed, or its credentials are wrong",
        )
    } else if has("MANIFEST_UNKNOWN|NAME_UNKNOWN|Invalid message NotFound") {
        (
            Party::Source,
            Cause::NotFound,
            "the image is gone from the source: run again, it may have been published anew",
        )
    } else if has("RFC 7233|Unexpected response status code|Error copying blobs") {
        (
            Party::Source,
            Cause::Rejected,
            "Azure could not read the source's blobs; try again later",
        )
    } else {
        return None;
    })
}

/// What to do about a tag that cannot be overwritten.
pub(crate) const LOCKED_ADVICE: &str = "the tag is locked: unlock it with 'az acr repository update --name <registry> --image <repository:tag> --write-enabled true'";

/// The client.
pub struct ResourceManager {
    wire: Wire,
    identity: Arc<Identity>,
    cloud: Cloud,
}

impl ResourceManager {
    /// A client for the cloud of this configuration.
    pub fn new(config: &Config, wire: &Wire, identity: Arc<Identity>) -> Self {
        Self {
            wire: wire.clone(),
            identity,
            cloud: config.cloud,
        }
    }

    /// The registry that the user named.
    ///
    /// Looked for in the subscription that was configured, else in that of the credentials, else in all
    /// that are enabled.
    ///
    /// # Errors
    /// When Azure refuses, when there is no such registry or when there are two.
    pub async fn find_registry(&self, config: &Config) -> Result<RegistryResource, Problem> {
        let known = config
            .subscription
            .clone()
            .or_else(|| config.login.subscription.clone());
        let subscriptions = match known {
            Some(subscription) => vec![subscription],
            None => self.enabled_subscriptions().await?,
        };
        let lists = subscriptions
            .iter()
            .map(|id| self.list::<RegistryResource>(registries_url(self.cloud, id)));
        let mut seen = Vec::new();
        let mut refusal = None;
        for list in futures_util::future::join_all(lists).await {
            match list {
                Ok(list) => seen.extend(list),
                Err(problem) => refusal = refusal.or(Some(problem)),
            }
        }
        // One subscription that refuses does not hide what another shows.
        match (choose(seen, &config.registry, &subscriptions), refusal) {
            (Err(problem), Some(refusal)) if problem.cause != Cause::Configuration => Err(refusal),
            (chosen, _) => chosen,
        }
    }

    /// Starts an import. The source must be pinned by digest by whoever calls.
    ///
    /// # Errors
    /// When Azure refuses, or when it is not known whether it began (see [`Repeat::UnlessReceived`]).
    pub async fn start_import(
        &self,
        registry_id: &str,
        source: &Reference,
        targets: &[(Repository, Tag)],
        docker: Option<&DockerAuth>,
    ) -> Result<Progress, Problem> {
        let (url, body) = import_request(self.cloud, registry_id, source, targets, docker);
        let call = Call::new(Party::ResourceManager, Method::POST, parse(&url)?)
            .body("application/json", body.to_string());
        let call = Call {
            repeat: Repeat::UnlessReceived,
            ..call
        };
        read_progress(&self.send(call).await?)
    }

    /// Asks how an import goes.
    ///
    /// # Errors
    /// When it failed, with the cause that Azure gives; or when Azure cannot be asked, and then it may
    /// have ended well.
    pub async fn import_progress(&self, location: Url) -> Result<Progress, Problem> {
        let call = Call::new(Party::ResourceManager, Method::GET, location);
        let answer = self.send(call).await.map_err(Problem::acted)?;
        read_progress(&answer).map_err(|problem| match says_how_it_ended(&answer) {
            true => problem,
            false => problem.acted(),
        })
    }

    async fn enabled_subscriptions(&self) -> Result<Vec<String>, Problem> {
        let all: Vec<Subscription> = self.list(subscriptions_url(self.cloud)).await?;
        let enabled: Vec<_> = all
            .into_iter()
            .filter(|s| s.state == "Enabled")
            .map(|s| s.subscription_id)
            .collect();
        if enabled.is_empty() {
            let what = "the identity sees no enabled subscription";
            return Err(
                Problem::new(Party::ResourceManager, Cause::AccessDenied, what).advise(
                    "grant it a role on the registry, or set AZURE_RESOURCE_SUBSCRIPTION_ID",
                ),
            );
        }
        Ok(enabled)
    }

    async fn list<T: serde::de::DeserializeOwned>(&self, url: String) -> Result<Vec<T>, Problem> {
        let mut next = Some(parse(&url)?);
        let mut all = Vec::new();
        for page in 0.. {
            let Some(url) = next.take() else { break };
            if page == PAGES {
                let what = format!("{}: more than {PAGES} pages", crate::wire::shown(&url));
                return Err(Problem::new(Party::ResourceManager, Cause::Invalid, what));
            }
            let call = Call {
                cap: 8 << 20,
                ..Call::new(Party::ResourceManager, Method::GET, url)
            };
            let answer = self.send(call).await?;
            if answer.status != StatusCode::OK {
                return Err(explained(&answer, answer.unexpected().cause));
            }
            let page: Page<T> = answer.json()?;
            all.extend(page.value);
            if let Some(link) = page.next_link.filter(|link| !link.is_empty()) {
                let link = parse(&link)?;
                if !is_at_home(&link, &answer.url) {
                    return Err(answer.invalid("nextLink leaves Azure Resource Manager"));
                }
                next = Some(link);
            }
        }
        Ok(all)
    }

    async fn send(&self, call: Call) -> Result<Answer, Problem> {
        let scope = self.cloud.resource_manager_scope();
        let token = self.identity.token(&scope).await?;
        let answer = self.wire.send(call.clone().bearer(token.clone())).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        // The token may have ended early: one new one, and then the answer counts. What was refused was not done.
        self.identity.forget(&token);
        let token = self.identity.token(&scope).await?;
        self.wire.send(call.bearer(token)).await
    }
}

fn parse(url: &str) -> Result<Url, Problem> {
    Url::parse(url).map_err(|error| {
        Problem::new(
            Party::ResourceManager,
            Cause::Invalid,
            format!("{:?} is not a URL: {error}", harmless(url)),
        )
    })
}

fn choose(
    seen: Vec<RegistryResource>,
    name: &RegistryName,
    subscriptions: &[String],
) -> Result<RegistryResource, Problem> {
    let places = match subscriptions {
        [one] => format!("subscription {one}"),
        many => format!("{} subscriptions", many.len()),
    };
    let problem = |cause, what: String| Problem::new(Party::ResourceManager, cause, what);
    let count = seen.len();
    let mut hits: Vec<_> = seen
        .into_iter()
        .filter(|resource| resource.is_named(name))
        .collect();
    match (hits.len(), hits.pop()) {
        (1, Some(found)) => Ok(found),
        (0, _) if count == 0 => Err(problem(Cause::AccessDenied, format!("{places} shows this identity no registry at all")).advise(
            "this usually means that the identity lacks registries/read: grant it 'Container Registry Data \
             Importer and Data Reader' on the registry, or set AZURE_RESOURCE_SUBSCRIPTION_ID",
        )),
        (0, _) => Err(problem(Cause::NotFound, format!("registry {} is not among the {count} that {places} shows this identity", name.as_str()))
            .advise("check REGISTRY_NAME and AZURE_RESOURCE_SUBSCRIPTION_ID, and the role on the registry")),
        (_, last) => {
            let ids: Vec<_> = hits.iter().chain(&last).map(|hit| harmless(&hit.id)).collect();
            Err(problem(Cause::Configuration, format!("{} registries answer to {}: {}", ids.len(), name.as_str(), ids.join(", ")))
                .advise("give the whole login server as REGISTRY_NAME, or set AZURE_RESOURCE_SUBSCRIPTION_ID"))
        }
    }
}

impl RegistryResource {
    /// The host that it serves the distribution API at.
    ///
    /// # Errors
    /// When Azure's answer is not a host.
    pub fn login_server(&self) -> Result<Registry, Problem> {
        self.properties
            .login_server
            .parse()
            .map_err(|error: crate::name::NameError| {
                Problem::new(
                    Party::ResourceManager,
                    Cause::Invalid,
                    harmless(&error.to_string()),
                )
            })
    }
}

#[cfg(test)]
mod tests;
