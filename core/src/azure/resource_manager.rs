//! Azure Resource Manager: finding the registry, starting an import, polling it.
//!
//! The upper half builds requests and is pure, [`ResourceManager`] sends them, and `progress` and `refusal` read the
//! responses.
//! Source: <https://learn.microsoft.com/rest/api/containerregistry/registries>, api-version 2023-07-01.

mod listing;

use std::sync::Arc;

use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use url::Url;

use super::identity::Identity;
use super::permissions::{Permission, Permissions};
use super::progress::{Progress, Start, read_poll, read_start};
use super::refusal::{About, SubscriptionOrigin, explained, is_failed_operation};
use super::role_mode::RoleMode;
use crate::cloud::Cloud;
use crate::name::{DestinationTag, Reference, Registry, TagOrDigest};
use crate::problem::{Cause, Problem, Side};
use crate::registry::Account;
use crate::text::for_message;
use crate::wire::{Repeat, Request, Response, Wire, same_origin};
use listing::{Listing, choose};

const REGISTRIES_API: &str = "2023-07-01";
const SUBSCRIPTIONS_API: &str = "2022-12-01";
const PERMISSIONS_API: &str = "2022-04-01";
/// The first version that reports the role mode.
const ROLE_MODE_API: &str = "2024-11-01-preview";
/// The most pages of a list that are read.
const PAGES: usize = 100;

/// A registry as Resource Manager describes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RegistryResource {
    /// `/subscriptions/…/resourceGroups/…/providers/Microsoft.ContainerRegistry/registries/myacr`.
    pub id: String,
    pub name: String,
    /// For `doctor` only, so that an unexpected form does not stop a run.
    #[serde(default)]
    sku: Value,
    pub properties: RegistryProperties,
}

/// The properties of a registry that matter here.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistryProperties {
    pub login_server: String,
    /// For `doctor` only, like the next.
    #[serde(default)]
    public_network_access: Value,
    #[serde(default)]
    network_rule_set: Value,
    /// The roles that it accepts. Only newer API versions report it.
    #[serde(default)]
    pub role_assignment_mode: Option<String>,
}

impl RegistryProperties {
    pub fn role_mode(&self) -> RoleMode {
        RoleMode::of(self.role_assignment_mode.as_deref())
    }
}

impl RegistryResource {
    /// `Basic`, `Standard` or `Premium`.
    pub fn sku(&self) -> Option<String> {
        self.sku["name"].as_str().map(for_message)
    }

    /// `Enabled`, or `Disabled` for a registry that only private endpoints reach.
    pub fn public_network_access(&self) -> Option<String> {
        let access = self.properties.public_network_access.as_str();
        access.map(for_message)
    }

    /// The number of addresses and networks that the firewall lists, if it denies all others. Only registries of the
    /// tier Premium have one.
    pub fn allowed_addresses(&self) -> Option<usize> {
        let rules = &self.properties.network_rule_set;
        let denies = rules["defaultAction"].as_str() == Some("Deny");
        denies.then(|| rules["ipRules"].as_array().map_or(0, Vec::len))
    }

    /// True if this is the name or the login server of the registry.
    fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
            || self.properties.login_server.eq_ignore_ascii_case(name)
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
    targets: &[DestinationTag],
    account: Option<&Account>,
) -> (String, serde_json::Value) {
    let url = format!(
        "{}{registry_id}/importImage?api-version={REGISTRIES_API}",
        cloud.resource_manager()
    );
    let separator = match source.version {
        TagOrDigest::Tag(_) => ':',
        TagOrDigest::Digest(_) => '@',
    };
    let mut from = json!({
        "registryUri": source.location.registry.as_str(),
        "sourceImage": format!("{}{separator}{}", source.location.repository, source.version),
    });
    if let Some(Account { username, token }) = account {
        from["credentials"] =
            json!({"username": username.expose_secret(), "password": token.expose_secret()});
    }
    let targets: Vec<_> = targets.iter().map(ToString::to_string).collect();
    (
        url,
        json!({"source": from, "targetTags": targets, "mode": "Force"}),
    )
}

/// An import: the source, pinned by digest, and every tag that it gets.
#[derive(Clone, Copy, Debug)]
pub struct ImportRequest<'a> {
    /// `registry/repository@digest`.
    pub source: &'a Reference,
    /// Repositories and tags at the destination.
    pub targets: &'a [DestinationTag],
}

/// The subscription that holds the registry, as far as it is known before Azure is queried.
#[derive(Clone, Debug, Default)]
pub struct KnownSubscription {
    /// `AZURE_RESOURCE_SUBSCRIPTION_ID`.
    pub configured: Option<String>,
    /// The subscription that came with the credentials.
    pub of_credentials: Option<String>,
}

pub struct ResourceManager {
    wire: Wire,
    identity: Arc<Identity>,
    cloud: Cloud,
    subscription: KnownSubscription,
    /// The registries that the identity can see, which are listed once for all registries of a run.
    listed: OnceCell<Result<Listing, Problem>>,
}

impl ResourceManager {
    pub fn new(
        cloud: Cloud,
        wire: &Wire,
        identity: Arc<Identity>,
        subscription: KnownSubscription,
    ) -> Self {
        Self {
            wire: wire.clone(),
            identity,
            cloud,
            subscription,
            listed: OnceCell::new(),
        }
    }

    /// The registry that the user named.
    ///
    /// Searches the configured subscription, otherwise that of the credentials, otherwise all
    /// that are enabled.
    ///
    /// # Errors
    /// If Azure refuses, or if there is no such registry or more than one.
    pub async fn find_registry(&self, name: &str) -> Result<RegistryResource, Problem> {
        let listed = self.listed.get_or_init(|| self.registries()).await;
        let listed = listed.as_ref().map_err(Clone::clone)?;
        // A refusal for one subscription does not hide the registries of another.
        match (choose(listed, name), &listed.refusal) {
            (Err(problem), Some(refusal)) if problem.cause != Cause::Configuration => {
                Err(refusal.clone())
            }
            (chosen, _) => chosen,
        }
    }

    async fn registries(&self) -> Result<Listing, Problem> {
        let KnownSubscription {
            configured,
            of_credentials,
        } = &self.subscription;
        let (subscriptions, origin) = match (configured, of_credentials) {
            (Some(id), _) => (vec![id.clone()], SubscriptionOrigin::Variable),
            (None, Some(id)) => (vec![id.clone()], SubscriptionOrigin::Credentials),
            (None, None) => (
                self.enabled_subscriptions().await?,
                SubscriptionOrigin::Listed,
            ),
        };
        let lists = subscriptions
            .iter()
            .map(|id| self.list::<RegistryResource>(registries_url(self.cloud, id), origin));
        let mut seen = Vec::new();
        let mut refusal = None;
        for list in futures_util::future::join_all(lists).await {
            match list {
                Ok(list) => seen.extend(list),
                Err(problem) => refusal = refusal.or(Some(problem)),
            }
        }
        Ok(Listing {
            seen,
            refusal,
            subscriptions,
            origin,
        })
    }

    /// Starts an import.
    ///
    /// # Errors
    /// If Azure refuses, or if it is not known whether the import began (see [`Repeat::UnlessReceived`]).
    pub async fn start_import(
        &self,
        registry: &RegistryResource,
        import: &ImportRequest<'_>,
        account: Option<&Account>,
    ) -> Result<Start, Problem> {
        let (url, body) = import_request(
            self.cloud,
            &registry.id,
            import.source,
            import.targets,
            account,
        );
        let request = Request::new(Side::ResourceManager, Method::POST, parse(&url)?)
            .body("application/json", body.to_string());
        let request = Request {
            repeat: Repeat::UnlessReceived,
            is_final: is_failed_operation,
            ..request
        };
        read_start(&self.send(request).await?, about(registry, import))
    }

    /// Polls an import.
    ///
    /// # Errors
    /// If the import failed, or if it cannot be polled, in which case it may have succeeded.
    pub async fn import_progress(
        &self,
        location: Url,
        registry: &RegistryResource,
        import: &ImportRequest<'_>,
    ) -> Result<Progress, Problem> {
        let request = Request {
            is_final: is_failed_operation,
            ..Request::new(Side::ResourceManager, Method::GET, location)
        };
        let response = self.send(request).await.map_err(Problem::acted)?;
        read_poll(&response, about(registry, import))
    }

    /// What the roles of this identity permit at the registry.
    ///
    /// Source: <https://learn.microsoft.com/rest/api/authorization/permissions/list-for-resource>.
    ///
    /// # Errors
    /// If Azure refuses the request, or cannot be reached.
    pub async fn permissions(&self, registry_id: &str) -> Result<Permissions, Problem> {
        let url = format!(
            "{}{registry_id}/providers/Microsoft.Authorization/permissions?api-version={PERMISSIONS_API}",
            self.cloud.resource_manager()
        );
        let list = self.list::<Permission>(url, SubscriptionOrigin::Listed);
        list.await.map(Permissions)
    }

    /// The role mode of a registry. A version of the API that is not released reports it, so a failure only means that it is
    /// not known.
    pub async fn role_mode(&self, registry_id: &str) -> RoleMode {
        let url = format!(
            "{}{registry_id}?api-version={ROLE_MODE_API}",
            self.cloud.resource_manager()
        );
        let response = async {
            let request = Request::new(Side::ResourceManager, Method::GET, parse(&url)?);
            self.send(request).await
        };
        let resource = response
            .await
            .and_then(|response| response.json::<RegistryResource>());
        resource.map_or(RoleMode::Unknown, |resource| {
            resource.properties.role_mode()
        })
    }

    /// The ids of the enabled subscriptions that the identity can see.
    ///
    /// # Errors
    /// If there is none, or if Azure refuses.
    pub async fn enabled_subscriptions(&self) -> Result<Vec<String>, Problem> {
        let all: Vec<Subscription> = self
            .list(subscriptions_url(self.cloud), SubscriptionOrigin::Listed)
            .await?;
        let enabled: Vec<_> = all
            .into_iter()
            .filter(|s| s.state == "Enabled")
            .map(|s| s.subscription_id)
            .collect();
        if enabled.is_empty() {
            let what = "the identity cannot see an enabled subscription";
            return Err(
                Problem::new(Side::ResourceManager, Cause::AccessDenied, what).advise(
                    "grant the identity a role on the registry, or set AZURE_RESOURCE_SUBSCRIPTION_ID",
                ),
            );
        }
        Ok(enabled)
    }

    async fn list<T: serde::de::DeserializeOwned>(
        &self,
        url: String,
        origin: SubscriptionOrigin,
    ) -> Result<Vec<T>, Problem> {
        let mut next = Some(parse(&url)?);
        let mut all = Vec::new();
        for page in 0.. {
            let Some(url) = next.take() else { break };
            if page == PAGES {
                let what = format!(
                    "the list has more than {PAGES} pages ({})",
                    crate::wire::redacted(&url)
                );
                return Err(Problem::new(Side::ResourceManager, Cause::Invalid, what));
            }
            let request = Request {
                cap: 8 << 20,
                ..Request::new(Side::ResourceManager, Method::GET, url)
            };
            let response = self.send(request).await?;
            if response.status != StatusCode::OK {
                let about = About::Subscription(origin);
                return Err(explained(&response, response.unexpected_cause(), about));
            }
            let page: Page<T> = response.json()?;
            all.extend(page.value);
            if let Some(link) = page.next_link.filter(|link| !link.is_empty()) {
                let link = parse(&link)?;
                if !same_origin(&link, &response.url) {
                    return Err(response.invalid("nextLink leaves Azure Resource Manager"));
                }
                next = Some(link);
            }
        }
        Ok(all)
    }

    async fn send(&self, request: Request) -> Result<Response, Problem> {
        let scope = self.cloud.resource_manager_scope();
        let token = self.identity.token(&scope).await?;
        let response = self
            .wire
            .send(request.clone().bearer(token.clone()))
            .await?;
        if response.status != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        // The token may have ended early: retry once with a new one. Azure did not act on the refused request.
        self.identity.forget(&token);
        let token = self.identity.token(&scope).await?;
        self.wire.send(request.bearer(token)).await
    }
}

fn parse(url: &str) -> Result<Url, Problem> {
    Url::parse(url).map_err(|error| {
        Problem::new(
            Side::ResourceManager,
            Cause::Invalid,
            format!("{:?} is not a URL: {error}", for_message(url)),
        )
    })
}

fn about<'a>(registry: &'a RegistryResource, request: &ImportRequest<'a>) -> About<'a> {
    About::Import {
        source: request.source,
        registry: &registry.name,
        targets: request.targets,
    }
}

impl RegistryResource {
    /// # Errors
    /// If Azure reports a login server that is not a host.
    pub fn login_server(&self) -> Result<Registry, Problem> {
        self.properties
            .login_server
            .parse()
            .map_err(|error: crate::name::NameError| {
                Problem::new(
                    Side::ResourceManager,
                    Cause::Invalid,
                    for_message(&error.to_string()),
                )
            })
    }
}

#[cfg(test)]
mod tests;
