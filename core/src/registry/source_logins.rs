//! The logins of source registries.

use std::collections::BTreeMap;

use super::{Account, RegistryCredentials};
use crate::name::{DOCKER_HUB, Registry};

/// The logins of source registries, by registry. Requests to all others are anonymous.
#[derive(Clone, Debug, Default)]
pub struct SourceLogins {
    logins: BTreeMap<Registry, RegistryCredentials>,
    /// True if `USE_DOCKER_AUTH` gives the one of Docker Hub.
    uses_docker_auth: bool,
}

impl SourceLogins {
    /// The logins with this one. A login that the registry has already is replaced.
    #[must_use]
    pub fn with(mut self, registry: Registry, credentials: RegistryCredentials) -> Self {
        self.logins.insert(registry, credentials);
        self
    }

    /// The logins with this account at Docker Hub, which `USE_DOCKER_AUTH` gives.
    #[must_use]
    pub fn with_docker_hub(self, account: Account) -> Self {
        match DOCKER_HUB.parse() {
            Ok(registry) => Self {
                uses_docker_auth: true,
                ..self.with(registry, RegistryCredentials::Password(account))
            },
            Err(_) => self,
        }
    }

    /// True if `USE_DOCKER_AUTH` gives the login of Docker Hub.
    pub fn uses_docker_auth(&self) -> bool {
        self.uses_docker_auth
    }

    pub fn of(&self, registry: &Registry) -> Option<&RegistryCredentials> {
        self.logins.get(registry)
    }

    /// The account of Azure for an import: it accepts user and password only.
    pub fn account_of(&self, registry: &Registry) -> Option<&Account> {
        match self.of(registry)? {
            RegistryCredentials::Password(account) => Some(account),
            RegistryCredentials::IdentityToken(_) => None,
        }
    }

    pub fn has_docker_hub(&self) -> bool {
        self.logins
            .keys()
            .any(|registry| registry.as_str() == DOCKER_HUB)
    }

    pub fn all(&self) -> impl Iterator<Item = &RegistryCredentials> {
        self.logins.values()
    }
}
