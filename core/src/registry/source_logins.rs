//! The logins of source registries.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Account, RegistryCredentials};
use crate::name::{DOCKER_HUB, Registry};

/// Where the login of a source registry is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginOrigin {
    /// `USE_DOCKER_AUTH`.
    DockerHubAccount,
    /// The variables of the mirror.
    Mirror,
    /// Docker's configuration file at this path.
    DockerFile(PathBuf),
}

impl LoginOrigin {
    /// What to check if this registry refuses the login.
    pub fn advice(&self, registry: &Registry) -> String {
        match self {
            Self::DockerHubAccount => "check DOCKER_USERNAME and DOCKER_TOKEN".to_owned(),
            Self::Mirror => {
                "check CODECOLLECTION_REGISTRY_USERNAME and CODECOLLECTION_REGISTRY_PASSWORD"
                    .to_owned()
            }
            Self::DockerFile(file) => format!(
                "check the login for {registry} in {} (DOCKER_CONFIG): log in again with docker login {registry}, and check that the account may read the image",
                file.display()
            ),
        }
    }
}

/// What to check if a registry refuses anonymous requests.
pub(crate) fn anonymous_advice(registry: &Registry) -> String {
    format!(
        "the image is private, its name is wrong, or a proxy blocks the request: check the image's name and the proxy's rules; a private image needs docker login {registry} (DOCKER_CONFIG) or, in a mirror, CODECOLLECTION_REGISTRY_USERNAME; if a chart of EXTRA_CHARTS names it, add {registry} to its logins"
    )
}

/// The login of a source registry.
#[derive(Clone, Debug)]
pub struct SourceLogin {
    pub credentials: RegistryCredentials,
    pub origin: LoginOrigin,
}

/// The logins of source registries, by registry. Requests to all others are anonymous.
#[derive(Clone, Debug, Default)]
pub struct SourceLogins {
    logins: BTreeMap<Registry, SourceLogin>,
}

impl SourceLogins {
    /// The logins with this one. A login that the registry has already is replaced.
    #[must_use]
    pub fn with(mut self, registry: Registry, login: SourceLogin) -> Self {
        self.logins.insert(registry, login);
        self
    }

    /// The logins with this account at Docker Hub, which `USE_DOCKER_AUTH` gives.
    #[must_use]
    pub fn with_docker_hub(self, account: Account) -> Self {
        match DOCKER_HUB.parse() {
            Ok(registry) => {
                let login = SourceLogin {
                    credentials: RegistryCredentials::Password(account),
                    origin: LoginOrigin::DockerHubAccount,
                };
                self.with(registry, login)
            }
            Err(_) => self,
        }
    }

    /// True if `USE_DOCKER_AUTH` gives the login of Docker Hub.
    pub fn uses_docker_auth(&self) -> bool {
        let mut logins = self.logins.values();
        logins.any(|login| login.origin == LoginOrigin::DockerHubAccount)
    }

    pub fn of(&self, registry: &Registry) -> Option<&SourceLogin> {
        self.logins.get(registry)
    }

    /// The account for a side that accepts user and password only: Azure, for an import, and chart repositories.
    pub fn account_of(&self, registry: &Registry) -> Option<&Account> {
        match &self.of(registry)?.credentials {
            RegistryCredentials::Password(account) => Some(account),
            RegistryCredentials::IdentityToken(_) => None,
        }
    }

    /// The origin of Docker Hub's login.
    pub fn docker_hub_origin(&self) -> Option<&LoginOrigin> {
        let mut logins = self.logins.iter();
        let of_hub = logins.find(|(registry, _)| registry.as_str() == DOCKER_HUB);
        of_hub.map(|(_, login)| &login.origin)
    }

    /// What to check if this registry refuses the login, or anonymous requests.
    pub fn advice_for(&self, registry: &Registry) -> String {
        match self.of(registry) {
            Some(login) => login.origin.advice(registry),
            None => anonymous_advice(registry),
        }
    }

    pub fn all(&self) -> impl Iterator<Item = &RegistryCredentials> {
        self.logins.values().map(|login| &login.credentials)
    }
}
