//! The tokens of a registry client.

use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use crate::name::Repository;
use crate::problem::Problem;
use crate::wire::Response;

/// The tokens of one registry: public ones, or those of an Azure Container Registry.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// The token to read this repository. None if the registry has not required one.
    ///
    /// # Errors
    /// If the token service refuses or cannot be reached.
    async fn token(&self, repository: &Repository) -> Result<Option<SecretString>, Problem>;

    /// Prepares the request for the token of a repository that is likely to be read. Nothing waits for it. Returns the host
    /// to which a request is sent now, whose connection is open afterwards.
    fn prepare(&self, _repository: &Repository) -> Option<String> {
        None
    }

    /// Handles a 401 to a request with this token. True if another request may succeed with another token.
    ///
    /// # Errors
    /// If the response names a token service that must not be used.
    async fn renew(
        &self,
        refusal: &Response,
        repository: &Repository,
        refused: Option<SecretString>,
    ) -> Result<bool, Problem>;

    /// The problem of a refusal by the registry, with advice.
    fn explain_refusal(&self, response: &Response) -> Problem;

    /// Adds the advice of this kind of registry to the problem of a failed request.
    fn explain_failure(&self, problem: Problem) -> Problem {
        problem
    }
}

/// A token and the time at which it must be renewed.
#[derive(Clone)]
pub(crate) struct CachedToken {
    text: SecretString,
    renew_at: Instant,
}

impl CachedToken {
    /// `lifetime` starts now; the token is renewed `margin` before its end.
    pub(crate) fn new(text: SecretString, lifetime: Duration, margin: Duration) -> Self {
        Self {
            text,
            renew_at: Instant::now() + lifetime.saturating_sub(margin),
        }
    }

    pub(crate) fn is_fresh(&self) -> bool {
        Instant::now() < self.renew_at
    }

    pub(crate) fn is(&self, other: &SecretString) -> bool {
        self.text.expose_secret() == other.expose_secret()
    }

    pub(crate) fn text(&self) -> SecretString {
        self.text.clone()
    }
}
