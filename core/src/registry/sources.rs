//! The clients of the source registries.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::registry_tokens::RegistryTokens;
use super::{RegistryClient, SourceLogins};
use crate::name::{DOCKER_HUB, ImageName, Registry};
use crate::problem::Side;
use crate::wire::Wire;

/// The host of Docker Hub's registry API.
pub(crate) const DOCKER_HUB_SERVER: &str = "registry-1.docker.io";

/// The clients of the source registries, each created when first used.
pub struct Sources {
    wire: Wire,
    logins: SourceLogins,
    clients: Mutex<BTreeMap<Registry, RegistryClient>>,
}

impl Sources {
    pub fn new(wire: &Wire, logins: SourceLogins) -> Self {
        Self {
            wire: wire.clone(),
            logins,
            clients: Mutex::default(),
        }
    }

    pub(crate) fn logins(&self) -> &SourceLogins {
        &self.logins
    }

    /// Prepares the check of an image that is likely to be wanted: requests its token if no account is needed for it, and
    /// opens connections. Nothing waits for them, and nothing depends on them.
    pub fn prepare(&self, image: &ImageName) {
        let client = self.client(&image.registry);
        client.prepare(&image.repository);
    }

    pub fn client(&self, registry: &Registry) -> RegistryClient {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let made = clients.entry(registry.clone()).or_insert_with(|| {
            let login = self.logins.of(registry).cloned();
            let tokens = RegistryTokens::of_source(&self.wire, registry, login);
            let server = server_of(registry);
            RegistryClient::new(&self.wire, server, Side::Source, Arc::new(tokens))
        });
        made.clone()
    }
}

/// The host of a registry's API. Docker Hub's differs from the one in image names.
fn server_of(registry: &Registry) -> Registry {
    if registry.as_str() == DOCKER_HUB {
        DOCKER_HUB_SERVER
            .parse()
            .unwrap_or_else(|_| registry.clone())
    } else {
        registry.clone()
    }
}
