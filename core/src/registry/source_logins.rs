//! The logins of source registries.

use std::collections::BTreeMap;

use super::{Account, RegistryCredentials};
use crate::name::{DOCKER_HUB, Registry};

/// The logins of source registries, by registry. Requests to all others are anonymous.
#[derive(Clone, Debug, Default)]
pub struct SourceLogins(BTreeMap<Registry, RegistryCredentials>);

impl SourceLogins {
    /// The logins with this one. A login that the registry has already is replaced.
    #[must_use]
    pub fn with(mut self, registry: Registry, credentials: RegistryCredentials) -> Self {
        self.0.insert(registry, credentials);
        self
    }

    /// The logins with this account at Docker Hub.
    #[must_use]
    pub fn with_docker_hub(self, account: Account) -> Self {
        match DOCKER_HUB.parse() {
            Ok(registry) => self.with(registry, RegistryCredentials::Password(account)),
            Err(_) => self,
        }
    }

    pub fn of(&self, registry: &Registry) -> Option<&RegistryCredentials> {
        self.0.get(registry)
    }

    /// The account of Azure for an import: it accepts user and password only.
    pub fn account_of(&self, registry: &Registry) -> Option<&Account> {
        match self.of(registry)? {
            RegistryCredentials::Password(account) => Some(account),
            RegistryCredentials::IdentityToken(_) => None,
        }
    }

    pub fn has_docker_hub(&self) -> bool {
        self.0
            .keys()
            .any(|registry| registry.as_str() == DOCKER_HUB)
    }

    pub fn all(&self) -> impl Iterator<Item = &RegistryCredentials> {
        self.0.values()
    }
}
