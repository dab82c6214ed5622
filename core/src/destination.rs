//! The Azure Container Registry that images go to: its client and what Resource Manager knows of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::azure::{
    AcrTokens, Identity, KnownSubscription, RegistryResource, ResourceManager, RoleMode,
};
use crate::cloud::ACR_SCOPE;
use crate::config::{Config, RegistryName};
use crate::name::{Registry, Repository};
use crate::problem::{Cause, Problem, Side};
use crate::registry::RegistryClient;
use crate::wire::Wire;

/// The destination of a run. Everything about it is found out once, when it is first needed.
pub struct Destination {
    config: Config,
    wire: Wire,
    identity: Arc<Identity>,
    manager: Arc<ResourceManager>,
    resource: OnceCell<Result<RegistryResource, Problem>>,
    reach: OnceCell<Result<Reach, Problem>>,
}

/// The way to the data plane.
struct Reach {
    tokens: Arc<AcrTokens>,
    client: RegistryClient,
}

impl Destination {
    /// The destination that this configuration names; nothing is asked yet.
    pub fn new(config: &Config, wire: &Wire) -> Self {
        let entra_host = config
            .authority
            .as_deref()
            .unwrap_or_else(|| config.cloud.authority());
        let identity = Arc::new(Identity::new(&config.login, entra_host, wire));
        let manager = ResourceManager::new(config.cloud, wire, Arc::clone(&identity));
        Self {
            config: config.clone(),
            wire: wire.clone(),
            identity,
            manager: Arc::new(manager),
            resource: OnceCell::new(),
            reach: OnceCell::new(),
        }
    }

    /// Azure Resource Manager, for imports.
    pub fn manager(&self) -> &Arc<ResourceManager> {
        &self.manager
    }

    /// The registry as Resource Manager describes it. A check that was given a login server needs it not.
    ///
    /// # Errors
    /// When Azure refuses, or has no such registry.
    pub async fn resource(&self) -> Result<&RegistryResource, Problem> {
        let found = self
            .resource
            .get_or_init(|| async {
                let subscription = KnownSubscription {
                    configured: self.config.target.subscription.clone(),
                    of_credentials: self.config.login.subscription.clone(),
                };
                let name = self.config.target.registry.as_str();
                self.manager.find_registry(name, &subscription).await
            })
            .await;
        found.as_ref().map_err(Clone::clone)
    }

    /// The client that reads the registry.
    ///
    /// # Errors
    /// When the login server cannot be found out.
    pub async fn client(&self) -> Result<&RegistryClient, Problem> {
        self.reach().await.map(|reach| &reach.client)
    }

    /// Finds the registry in Resource Manager, for imports that may come.
    pub async fn prepare_import(&self) {
        // Whoever imports gets the problem too.
        let _ = self.resource().await;
    }

    /// Gets the tokens for these repositories under way.
    pub async fn prepare(&self, repositories: &BTreeSet<Repository>) {
        // Whoever needs the client or a token gets the problem too.
        let tokens = async {
            if let Ok(reach) = self.reach().await {
                reach.tokens.prepare(repositories).await;
            }
        };
        let early = async {
            // The login server is asked for first; Entra need not wait for it.
            if matches!(self.config.target.registry, RegistryName::Name(_)) {
                let _ = self.identity.token(ACR_SCOPE).await;
            }
        };
        tokio::join!(tokens, early);
    }

    async fn reach(&self) -> Result<&Reach, Problem> {
        let made = self.reach.get_or_init(|| async {
            let server = self.login_server().await?;
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
            Ok(Reach { tokens, client })
        });
        made.await.as_ref().map_err(Clone::clone)
    }

    /// Which roles the registry honours, where Resource Manager was asked already: a check that was given the login
    /// server does not ask it.
    fn role_mode(&self) -> RoleMode {
        match self.resource.get() {
            Some(Ok(resource)) => resource.properties.role_mode(),
            Some(Err(_)) | None => RoleMode::Unknown,
        }
    }

    async fn login_server(&self) -> Result<Registry, Problem> {
        let name = match &self.config.target.registry {
            RegistryName::LoginServer { server, .. } => return Ok(server.clone()),
            RegistryName::Name(name) => name,
        };
        match self.resource().await {
            Ok(resource) => resource.login_server(),
            // Who may only pull sees nothing in Resource Manager, and most login servers follow from the name.
            Err(problem)
                if problem.cause == Cause::AccessDenied
                    && problem.side == Side::ResourceManager =>
            {
                let server = format!("{name}{}", self.config.cloud.registry_suffix());
                tracing::warn!("{problem}; going on with {server}");
                server.parse().map_err(|_| problem)
            }
            Err(problem) => Err(problem),
        }
    }
}
