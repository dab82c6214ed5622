//! The registries that an identity can see, and the choice among them. Pure.

use super::RegistryResource;
use crate::azure::refusal::SubscriptionOrigin;
use crate::problem::{Cause, Problem, Side};
use crate::text::for_message;

/// The registries of some subscriptions.
pub struct Listing {
    pub seen: Vec<RegistryResource>,
    /// Why a subscription could not be listed.
    pub refusal: Option<Problem>,
    pub subscriptions: Vec<String>,
    pub origin: SubscriptionOrigin,
}

/// The registry with this name.
pub fn choose(listed: &Listing, name: &str) -> Result<RegistryResource, Problem> {
    let Listing {
        seen,
        refusal: _,
        subscriptions,
        origin,
    } = listed;
    let correction = origin.correction();
    let places = match &subscriptions[..] {
        [one] => format!("subscription {one}"),
        many => format!("{} subscriptions", many.len()),
    };
    let problem = |cause, what: String| Problem::new(Side::ResourceManager, cause, what);
    let count = seen.len();
    let is_named = |resource: &&RegistryResource| resource.is_named(name);
    let mut hits: Vec<_> = seen.iter().filter(is_named).collect();
    match (hits.len(), hits.pop()) {
        (1, Some(found)) => Ok(found.clone()),
        (0, _) if count == 0 => Err(problem(Cause::AccessDenied, format!("the identity cannot see a registry in {places}"))
            .advise(format!(
                "the identity probably lacks registries/read: grant the identity 'Container Registry Data Importer and \
                 Data Reader' on the registry; if another subscription holds the registry, {correction}"
            ))),
        (0, _) => Err(problem(Cause::NotFound, format!(
            "registry {} is not among the {count} that the identity can see in {places}: {}", name, named(seen)
        ))
        .advise(format!("check REGISTRY_NAME, and the role on the registry; {correction}"))),
        (_, last) => {
            let ids: Vec<_> = hits.into_iter().chain(last).map(|hit| for_message(&hit.id)).collect();
            Err(problem(Cause::Configuration, format!("{} registries have the name {}: {}", ids.len(), name, ids.join(", ")))
                .advise("set REGISTRY_NAME to the complete login server, or set AZURE_RESOURCE_SUBSCRIPTION_ID"))
        }
    }
}

/// The login servers of some registries.
pub fn named(registries: &[RegistryResource]) -> String {
    const SHOWN: usize = 10;
    let mut names: Vec<_> = registries
        .iter()
        .map(|resource| for_message(&resource.properties.login_server))
        .collect();
    names.sort();
    let rest = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let more = if rest > 0 {
        format!(" and {rest} more")
    } else {
        String::new()
    };
    format!("{}{more}", names.join(", "))
}
