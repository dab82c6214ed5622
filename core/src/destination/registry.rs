//! A registry that is not in Azure: its client and its tokens.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::name::{NameError, Registry, Repository};
use crate::problem::{Cause, Problem, Side};
use crate::registry::{
    Authorization, RegistryClient, RegistryCredentials, RegistryTokens, Scope, Tokens as _, granted,
};
use crate::wire::Wire;

pub struct PlainRegistry(Result<Connected, Problem>);

struct Connected {
    client: RegistryClient,
    tokens: Arc<RegistryTokens>,
}

impl PlainRegistry {
    /// One of so many destinations. Sends no request. Without credentials, requests are anonymous.
    pub(super) fn new(
        name: &str,
        credentials: Option<RegistryCredentials>,
        wire: &Wire,
        destinations: usize,
    ) -> Self {
        let connected = name.parse().map(|registry: Registry| {
            let side = Side::Destination;
            wire.is_one_of(registry.as_str(), destinations);
            let tokens = Arc::new(RegistryTokens::new(wire, side, &registry, credentials));
            let client = RegistryClient::new(wire, registry, side, Arc::clone(&tokens) as Arc<_>);
            Connected { client, tokens }
        });
        Self(connected.map_err(|error: NameError| {
            Problem::new(Side::Local, Cause::Configuration, error.to_string())
        }))
    }

    /// What a token to write this repository permits. None if the registry's login does not name it. The registry
    /// must have been read before.
    ///
    /// # Errors
    /// If the token service refuses, or cannot be reached.
    pub async fn granted(
        &self,
        repository: &Repository,
    ) -> Result<Option<BTreeSet<String>>, Problem> {
        let connected = self.0.as_ref().map_err(Clone::clone)?;
        Ok(
            match connected.tokens.token(&Scope::push(repository)).await? {
                Some(Authorization::Bearer(token)) => granted(&token, repository),
                Some(Authorization::Basic(_)) | None => None,
            },
        )
    }

    pub fn client(&self) -> Result<&RegistryClient, Problem> {
        let connected = self.0.as_ref().map_err(Clone::clone)?;
        Ok(&connected.client)
    }

    pub(super) fn prepare_copy(&self, repositories: &BTreeSet<Repository>) {
        if let Ok(connected) = &self.0 {
            let scopes = repositories.iter().map(Scope::push).collect();
            connected.tokens.group(&scopes);
        }
    }
}
