//! An Azure Container Registry as destination: credentials, login, resource, access, permissions, locked tags.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::finding::Finding;
use super::known_destinations;
use super::machine::refused_issuer;
use super::need::{Evidence, Purpose};
use super::subscription::{SUBSCRIPTION, Subscription};
use super::target::{ACCESS, Access, Examined, access, read};
use crate::azure::{
    Credentials, Holder, Login, Permissions, RegistryResource, RoleMode, TagState,
    is_about_subscription, tag_state, unlock_advice,
};
use crate::cloud::ACR_SCOPE;
use crate::config::{Config, RegistryName};
use crate::destination::Acr;
use crate::discover::Desired;
use crate::name::{DestinationTag, Digest};
use crate::observe::SourceState;
use crate::problem::Problem;
use crate::report::Status;
use crate::wire::Wire;

/// The most tags whose locks are read.
const MOST_TAGS: usize = 40;

const LOGIN: &str = "login";
const REGISTRY: &str = "registry";
const LOCKS: &str = "locked tags";

pub async fn examine(
    config: &Config,
    name: &RegistryName,
    acr: &Acr,
    login: &Login,
    wire: &Wire,
) -> Examined {
    let mut findings = vec![credentials(login)];
    let holder = match acr.identity().token(ACR_SCOPE).await {
        Ok(token) => Holder::of(&token),
        Err(problem) => {
            findings.push(Finding::problem(LOGIN, &problem).and(&refused_issuer(wire, &problem)));
            let rest = [SUBSCRIPTION, REGISTRY, ACCESS].into_iter();
            let rest = rest.chain(Purpose::ALL.map(Purpose::what));
            findings.extend(rest.map(|what| Finding::not_examined(what, LOGIN)));
            return Examined {
                findings,
                access: Access::Refused,
            };
        }
    };
    findings.push(logged_in(&holder));
    let repositories: BTreeSet<_> = known_destinations(config).into_iter().collect();
    let reading = async {
        let tokens = acr.granted(&repositories).await;
        let read = match &tokens {
            Ok(_) => match acr.client().await {
                Ok(client) => read(client, repositories.first()).await,
                Err(problem) => Err(problem),
            },
            Err(problem) => Err(problem.clone()),
        };
        (tokens, read)
    };
    let (found, (tokens, read)) = tokio::join!(managed(acr), reading);
    let Managed {
        resource,
        roles,
        mode,
        visible,
    } = found;
    let subscription = Subscription {
        config,
        login,
        resource: resource.as_ref().copied(),
        visible: &visible,
    };
    findings.push(subscription.finding(&read));
    findings.push(registry(&resource, mode, &read, wire));
    let server = match acr.client().await {
        Ok(client) => client.registry().to_string(),
        Err(_) => name.as_str().to_owned(),
    };
    findings.push(access(&server, &read, wire).and(private(&resource, &read)));
    let evidence = Evidence {
        mode,
        resource: resource.as_ref().map(|_| ()),
        roles: roles.as_ref(),
        tokens: tokens.as_ref(),
        object: holder.object.as_deref(),
        scope: resource.as_ref().ok().map(|resource| resource.id.as_str()),
    };
    let method = config.sync_method;
    findings.extend(Purpose::ALL.map(|purpose| evidence.finding(purpose, method)));
    let access = match read {
        Ok(()) => Access::Readable,
        Err(_) => Access::Refused,
    };
    Examined { findings, access }
}

/// What Resource Manager reports.
struct Managed<'a> {
    resource: Result<&'a RegistryResource, Problem>,
    roles: Result<Permissions, Problem>,
    mode: RoleMode,
    /// The subscriptions that the identity can see. Only read if it cannot see the wanted one.
    visible: Vec<String>,
}

async fn managed(acr: &Acr) -> Managed<'_> {
    let resource = acr.resource().await;
    let (roles, mode) = match &resource {
        Ok(resource) => tokio::join!(acr.manager().permissions(&resource.id), mode(acr, resource)),
        Err(problem) => (Err(problem.clone()), RoleMode::Unknown),
    };
    let visible = match resource.as_ref().is_err_and(is_about_subscription) {
        true => acr.manager().enabled_subscriptions().await,
        false => Ok(Vec::new()),
    };
    Managed {
        resource,
        roles,
        mode,
        // Without the list, the subscription is as unknown as before.
        visible: visible.unwrap_or_default(),
    }
}

/// The list of registries contains the mode only in newer versions of the API.
async fn mode(acr: &Acr, resource: &RegistryResource) -> RoleMode {
    match resource.properties.role_mode() {
        RoleMode::Unknown => acr.manager().role_mode(&resource.id).await,
        known => known,
    }
}

fn credentials(login: &Login) -> Finding {
    let (kind, ids) = match &login.credentials {
        Credentials::ClientSecret { tenant, client, .. } => {
            ("client secret", Some((tenant, client)))
        }
        Credentials::ClientCertificate { tenant, client, .. } => {
            ("client certificate", Some((tenant, client)))
        }
        Credentials::ClientAssertion { tenant, client, .. } => {
            ("client assertion", Some((tenant, client)))
        }
        Credentials::WorkloadIdentity { tenant, client, .. } => {
            ("federated token", Some((tenant, client)))
        }
        Credentials::ManagedIdentity { .. } => ("from the machine's metadata service", None),
    };
    let ids = ids.map(|(tenant, client)| format!("; tenant {tenant}, client {client}"));
    let detail = format!("{} ({kind}){}", login.origin, ids.unwrap_or_default());
    let passed_over = login.passed_over.iter();
    let passed_over: Vec<_> = passed_over
        .map(|reason| format!("passed over: {reason}"))
        .collect();
    Finding::ok("credentials", detail).and(&passed_over.join("; "))
}

fn logged_in(holder: &Holder) -> Finding {
    let Holder {
        tenant,
        application,
        object,
    } = holder;
    let parts = [
        ("tenant", tenant),
        ("client", application),
        ("object", object),
    ];
    let known = parts
        .into_iter()
        .filter_map(|(name, id)| Some(format!("{name} {}", id.as_deref()?)));
    let known: Vec<_> = known.collect();
    Finding::ok(LOGIN, "Entra issued a token for the registry").and(&known.join(", "))
}

fn registry(
    resource: &Result<&RegistryResource, Problem>,
    mode: RoleMode,
    read: &Result<(), Problem>,
    wire: &Wire,
) -> Finding {
    let resource = match (resource, read) {
        (Ok(resource), _) => resource,
        (Err(problem), _) if is_about_subscription(problem) => {
            return Finding::not_examined(REGISTRY, SUBSCRIPTION);
        }
        (Err(problem), Ok(())) => {
            return Finding::warning(REGISTRY, problem.fact())
                .and("a check works without this, an import does not")
                .advised(problem);
        }
        (Err(problem), Err(_)) => {
            return Finding::problem(REGISTRY, problem).and(&refused_issuer(wire, problem));
        }
    };
    let id = resource.id.split('/');
    let group = id.skip_while(|part| !part.eq_ignore_ascii_case("resourceGroups"));
    let stated = |fact: Option<String>| fact.unwrap_or_else(|| "not reported".to_owned());
    let mode = match mode {
        RoleMode::Rbac => "RBAC",
        RoleMode::Abac => "RBAC with ABAC, which ignores AcrPull and AcrPush",
        RoleMode::Unknown => "not reported",
    };
    let firewall = match resource.allowed_addresses() {
        Some(count) => format!(", of which its firewall lists {count} addresses or networks"),
        None => String::new(),
    };
    let detail = format!(
        "{} in resource group {}: login server {}, SKU {}, public network access {}{firewall}, role mode {mode}",
        resource.name,
        stated(group.into_iter().nth(1).map(str::to_owned)),
        resource.properties.login_server,
        stated(resource.sku()),
        stated(resource.public_network_access()),
    );
    Finding::ok(REGISTRY, detail)
}

/// A remark about a registry that only private endpoints reach.
fn private(
    resource: &Result<&RegistryResource, Problem>,
    read: &Result<(), Problem>,
) -> &'static str {
    let access = resource.as_ref().ok();
    let access = access.and_then(|resource| resource.public_network_access());
    let is_private = access.is_some_and(|access| access.eq_ignore_ascii_case("Disabled"));
    match (is_private, read) {
        (true, Ok(())) => "its public access is disabled, so this is its private endpoint",
        (true, Err(_)) => {
            "its public access is disabled, so only its private endpoint permits requests"
        }
        (false, _) => "",
    }
}

/// The wanted tags that exist and are locked.
pub async fn locks(acr: &Acr, access: Access, images: &[(Desired, SourceState)]) -> Finding {
    let client = match (access, acr.client().await) {
        (Access::Readable, Ok(client)) => client,
        (Access::Refused, _) | (_, Err(_)) => return Finding::not_examined(LOCKS, ACCESS),
    };
    let wanted: Vec<_> = images.iter().flat_map(wanted_tags).collect();
    if wanted.is_empty() {
        return Finding::not_examined(LOCKS, "the sources: no wanted tag is known");
    }
    let left_out = wanted.len().saturating_sub(MOST_TAGS);
    let states = wanted
        .iter()
        .take(MOST_TAGS)
        .map(async |(tag, wanted)| Seen {
            tag,
            wanted,
            state: tag_state(client, &tag.repository, &tag.tag).await,
        });
    let finding = locked(acr.resource_name(), &join_all(states).await);
    match left_out {
        0 => finding,
        more => finding.and(&format!("{more} more tags were not read")),
    }
}

/// A wanted tag, and its state in the registry.
struct Seen<'a> {
    tag: &'a DestinationTag,
    wanted: &'a Digest,
    state: Result<Option<TagState>, Problem>,
}

/// The tags that a sync of this image sets, and its digest.
fn wanted_tags((desired, source): &(Desired, SourceState)) -> Vec<(DestinationTag, &Digest)> {
    let SourceState::Published(image) = source else {
        return Vec::new();
    };
    let tags = [&image.target].into_iter().chain(&image.alias);
    let named = |tag: &crate::name::Tag| DestinationTag {
        repository: desired.destination.clone(),
        tag: tag.clone(),
    };
    tags.map(|tag| (named(tag), &image.digest)).collect()
}

fn locked(registry: &str, seen: &[Seen<'_>]) -> Finding {
    let (mut existing, mut same, mut unstated) = (0, 0, 0);
    let (mut blocked, mut unknown) = (Vec::new(), None);
    for Seen { tag, wanted, state } in seen {
        match state {
            Ok(None) => {}
            Ok(Some(TagState { digest, is_locked })) => {
                existing += 1;
                match is_locked {
                    Some(true) if digest == *wanted => same += 1,
                    Some(true) => blocked.push((*tag).clone()),
                    Some(false) => {}
                    None => unstated += 1,
                }
            }
            Err(problem) => unknown = unknown.or(Some(problem)),
        }
    }
    let total = seen.len();
    let remark = match same {
        0 => String::new(),
        1 => "1 locked tag has the wanted image already".to_owned(),
        count => format!("{count} locked tags have the wanted image already"),
    };
    if !blocked.is_empty() {
        let names: Vec<_> = blocked.iter().map(ToString::to_string).collect();
        let verb = if names.len() == 1 { "is" } else { "are" };
        let detail = format!(
            "{} must be overwritten, but {verb} locked",
            names.join(", ")
        );
        return Finding::wrong(LOCKS, Status::ImportFailed, detail)
            .and(&remark)
            .fix(unlock_advice(registry, &blocked));
    }
    if let Some(problem) = unknown {
        let detail = format!("not known: {}", problem.fact());
        return Finding::warning(LOCKS, detail).advised(problem);
    }
    if unstated > 0 {
        let detail = format!(
            "not known: the registry does not report whether {unstated} of {existing} tags are locked"
        );
        return Finding::warning(LOCKS, detail).and(&remark);
    }
    let detail = format!("none in the way; {existing} of {total} wanted tags exist");
    Finding::ok(LOCKS, detail).and(&remark)
}
