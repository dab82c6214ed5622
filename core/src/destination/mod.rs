//! The registry that images go to: an Azure Container Registry, or any other registry of the specification.

mod acr;
mod registry;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use acr::Acr;
use acr::Azure;
pub use registry::PlainRegistry;

use crate::azure::unlock_advice;
use crate::config::{Config, Target, TargetLogin};
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
    /// All destinations of a run, in the order of the targets. Those in Azure share the identity. Sends no request.
    pub fn all(config: &Config, wire: &Wire) -> Vec<Arc<Self>> {
        let mut azure = None;
        let destination = |target: &Target| {
            let Target { registry, login } = target;
            Arc::new(match login {
                TargetLogin::Azure(login) => {
                    let azure = azure.get_or_insert_with(|| Azure::new(config, login, wire));
                    Self::Acr(Arc::new(Acr::new(registry, config.cloud, azure, wire)))
                }
                TargetLogin::Registry { credentials, .. } => {
                    let name = registry.as_str();
                    let credentials = credentials.clone();
                    Self::Plain(PlainRegistry::new(
                        name,
                        credentials,
                        wire,
                        config.targets.len(),
                    ))
                }
            })
        };
        config.targets.iter().map(destination).collect()
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
