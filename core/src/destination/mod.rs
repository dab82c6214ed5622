//! The registry that images go to: an Azure Container Registry, or any other registry of the specification.

mod acr;
mod registry;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use acr::Acr;
pub use registry::PlainRegistry;

use crate::azure::unlock_advice;
use crate::config::{Config, TargetLogin};
use crate::name::{DestinationTag, Repository};
use crate::problem::Problem;
use crate::registry::{RegistryClient, UploadRules};
use crate::wire::Wire;

/// The destination of a run.
pub enum Destination {
    Acr(Arc<Acr>),
    /// No request goes to Azure.
    Plain(PlainRegistry),
}

impl Destination {
    /// Sends no request.
    pub fn new(config: &Config, wire: &Wire) -> Self {
        match &config.login {
            TargetLogin::Azure(login) => Self::Acr(Arc::new(Acr::new(config, login, wire))),
            TargetLogin::Registry { credentials, .. } => {
                let name = config.target.registry.as_str();
                Self::Plain(PlainRegistry::new(name, credentials.clone(), wire))
            }
        }
    }

    /// The client that reads the registry.
    ///
    /// # Errors
    /// If the login server is not known.
    pub async fn client(&self) -> Result<&RegistryClient, Problem> {
        match self {
            Self::Acr(acr) => acr.client().await,
            Self::Plain(registry) => registry.client(),
        }
    }

    /// The client that copies to the registry.
    ///
    /// # Errors
    /// If the login server is not known.
    pub async fn copy_client(&self) -> Result<RegistryClient, Problem> {
        self.client().await.map(RegistryClient::copying)
    }

    /// Requests the tokens to read these repositories early, and opens connections for `at_once` concurrent requests.
    pub async fn prepare(&self, repositories: &BTreeSet<Repository>, at_once: usize) {
        match self {
            Self::Acr(acr) => acr.prepare(repositories, at_once).await,
            Self::Plain(_) => {}
        }
    }

    /// The ID of the registry in Resource Manager, if the run has already read it.
    pub fn known_resource_id(&self) -> Option<&str> {
        match self {
            Self::Acr(acr) => acr.known_resource_id(),
            Self::Plain(_) => None,
        }
    }

    /// Finds the registry in Resource Manager before the first import.
    pub async fn prepare_import(&self) {
        match self {
            Self::Acr(acr) => acr.prepare_import().await,
            Self::Plain(_) => {}
        }
    }

    /// Arranges for one token to write all these repositories, which is also needed to mount from one to another.
    pub async fn prepare_copy(&self, repositories: &BTreeSet<Repository>) {
        match self {
            Self::Acr(acr) => acr.prepare_copy(repositories).await,
            Self::Plain(registry) => registry.prepare_copy(repositories),
        }
    }

    /// How the registry takes blobs.
    pub fn upload_rules(&self) -> UploadRules {
        match self {
            Self::Acr(_) => UploadRules::Acr,
            Self::Plain(_) => UploadRules::Specification,
        }
    }

    /// What to do if the registry refuses to set these tags.
    pub fn refused_tag_advice(&self, targets: &[DestinationTag]) -> Option<String> {
        match self {
            Self::Acr(acr) => Some(unlock_advice(acr.resource_name(), targets)),
            Self::Plain(_) => None,
        }
    }
}
