//! The Azure Container Registry that images go to: its client, and its resource in Azure Resource Manager.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::azure::{
    AcrTokens, Identity, KnownSubscription, Login, RegistryResource, ResourceManager, RoleMode,
};
use crate::cloud::{ACR_SCOPE, Cloud};
use crate::config::{Config, RegistryName};
use crate::name::{Registry, Repository};
use crate::problem::{Cause, Problem, Side};
use crate::registry::{Authorization, RegistryClient, Scope, Tokens as _, granted};
use crate::wire::Wire;

/// The identity and Resource Manager, which all registries of a run share.
pub(super) struct Azure {
    identity: Arc<Identity>,
    manager: Arc<ResourceManager>,
    registries: usize,
}

impl Azure {
    /// Sends no request.
    pub fn new(config: &Config, login: &Login, wire: &Wire) -> Self {
        let entra_host = config
            .entra_host
            .as_deref()
            .unwrap_or_else(|| config.cloud.entra_host());
        let identity = Arc::new(Identity::new(login, entra_host, wire));
        let subscription = KnownSubscription {
            configured: config.subscription.clone(),
            of_credentials: login.subscription.clone(),
        };
        let manager = ResourceManager::new(config.cloud, wire, Arc::clone(&identity), subscription);
        Self {
            identity,
            manager: Arc::new(manager),
            registries: config.targets.len(),
        }
    }
}

/// The registry and its resource. Each fact about it is requested once, when it is first needed.
pub struct Acr {
    registry: RegistryName,
    cloud: Cloud,
    wire: Wire,
    identity: Arc<Identity>,
    manager: Arc<ResourceManager>,
    /// The registries of the run, which share their connections.
    registries: usize,
    resource: OnceCell<Result<RegistryResource, Problem>>,
    data_plane: OnceCell<Result<DataPlane, Problem>>,
}

struct DataPlane {
    tokens: Arc<AcrTokens>,
    client: RegistryClient,
}

impl Acr {
    /// Sends no request.
    pub(super) fn new(registry: &RegistryName, cloud: Cloud, azure: &Azure, wire: &Wire) -> Self {
        Self {
            registry: registry.clone(),
            cloud,
            wire: wire.clone(),
            identity: Arc::clone(&azure.identity),
            manager: Arc::clone(&azure.manager),
            registries: azure.registries,
            resource: OnceCell::new(),
            data_plane: OnceCell::new(),
        }
    }

    pub fn manager(&self) -> &Arc<ResourceManager> {
        &self.manager
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The actions that the registry's tokens permit, by repository. All that a run may need are requested, and the
    /// registry leaves out those that the identity may not do.
    ///
    /// # Errors
    /// If the registry refuses to issue a token, or cannot be reached.
    pub async fn granted(
        &self,
        repositories: &BTreeSet<Repository>,
    ) -> Result<BTreeMap<Repository, BTreeSet<String>>, Problem> {
        self.prepare_copy(repositories).await;
        let tokens = &self.data_plane().await?.tokens;
        let mut all = BTreeMap::new();
        for repository in repositories {
            let token = tokens.token(&Scope::push(repository)).await?;
            let actions = match &token {
                Some(Authorization::Bearer(token)) => granted(token, repository),
                Some(Authorization::Basic(_)) | None => None,
            };
            all.extend(actions.map(|actions| (repository.clone(), actions)));
        }
        Ok(all)
    }

    /// The registry's resource in Resource Manager. A check with a configured login server does not need it.
    ///
    /// # Errors
    /// If Azure refuses the request, or the registry does not exist.
    pub async fn resource(&self) -> Result<&RegistryResource, Problem> {
        let found = self
            .resource
            .get_or_init(|| self.manager.find_registry(self.registry.as_str()))
            .await;
        found.as_ref().map_err(Clone::clone)
    }

    /// The client that reads the registry.
    ///
    /// # Errors
    /// If the login server is not known.
    pub async fn client(&self) -> Result<&RegistryClient, Problem> {
        self.data_plane().await.map(|data_plane| &data_plane.client)
    }

    /// Requests one token to write all these repositories, which is also needed to mount from one to another.
    pub async fn prepare_copy(&self, repositories: &BTreeSet<Repository>) {
        if let Ok(data_plane) = self.data_plane().await {
            let scopes = repositories.iter().map(Scope::push).collect();
            // The first request gets the same problem.
            data_plane.tokens.prepare(&scopes).await;
        }
    }

    /// The name in `az acr --name`.
    pub fn resource_name(&self) -> &str {
        self.registry.resource_name()
    }

    /// The ID of the registry, if Resource Manager has already returned it. Sends no request.
    pub fn known_resource_id(&self) -> Option<&str> {
        let found = self.resource.get()?.as_ref();
        found.ok().map(|resource| resource.id.as_str())
    }

    /// Finds the registry in Resource Manager before the first import.
    pub async fn prepare_import(&self) {
        // The import gets the same problem.
        let _ = self.resource().await;
    }

    /// Requests the tokens for these repositories early, and opens connections for `at_once` concurrent requests.
    pub async fn prepare(&self, repositories: &BTreeSet<Repository>, at_once: usize) {
        // The first request that needs the client or a token gets the same problem.
        let tokens = async {
            if let Ok(data_plane) = self.data_plane().await {
                data_plane.client.open_ahead(at_once);
                let scopes = repositories.iter().map(Scope::pull).collect();
                data_plane.tokens.prepare(&scopes).await;
            }
        };
        let early = async {
            // The login server must be requested first. The token of Entra does not depend on it.
            if matches!(self.registry, RegistryName::Name(_)) {
                let _ = self.identity.token(ACR_SCOPE).await;
            }
        };
        tokio::join!(tokens, early);
    }

    async fn data_plane(&self) -> Result<&DataPlane, Problem> {
        let made = self.data_plane.get_or_init(|| async {
            let server = self.login_server().await?;
            self.wire.is_one_of(server.as_str(), self.registries);
            let tokens = Arc::new(AcrTokens::new(
                &self.wire,
                Arc::clone(&self.identity),
                server.clone(),
                self.role_mode(),
            ));
            let client = RegistryClient::new(
                &self.wire,
                server,
                Side::Destination,
                Arc::clone(&tokens) as Arc<_>,
            );
            Ok(DataPlane { tokens, client })
        });
        made.await.as_ref().map_err(Clone::clone)
    }

    /// Which roles the registry honours, if Resource Manager has already returned the registry. A check with a
    /// configured login server sends no request to it.
    fn role_mode(&self) -> RoleMode {
        match self.resource.get() {
            Some(Ok(resource)) => resource.properties.role_mode(),
            Some(Err(_)) | None => RoleMode::Unknown,
        }
    }

    async fn login_server(&self) -> Result<Registry, Problem> {
        let name = match &self.registry {
            RegistryName::LoginServer { server, .. } | RegistryName::Host(server) => {
                return Ok(server.clone());
            }
            RegistryName::Name(name) => name,
        };
        match self.resource().await {
            Ok(resource) => resource.login_server(),
            // An identity that may only pull sees nothing in Resource Manager. Most login servers follow from the name.
            Err(problem)
                if problem.cause == Cause::AccessDenied
                    && problem.side == Side::ResourceManager =>
            {
                let server = format!("{name}{}", self.cloud.registry_suffix());
                tracing::warn!("{problem}; continuing with {server}");
                server.parse().map_err(|_| problem)
            }
            Err(problem) => Err(problem),
        }
    }
}
