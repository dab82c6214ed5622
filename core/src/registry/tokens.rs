//! How a registry client gets its tokens.

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
    /// The token that reads this repository; none where the registry has not required one.
    ///
    /// # Errors
    /// If the token service refuses or cannot be reached.
    async fn token(&self, repository: &Repository) -> Result<Option<SecretString>, Problem>;

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

    /// What a refusal by the registry means, with advice.
    fn explain_refusal(&self, response: &Response) -> Problem;

    /// A failed request's problem, with advice where the kind of registry allows some.
    fn explain_failure(&self, problem: Problem) -> Problem {
        problem
    }
}

/// A token and the time at which to get another.
#[derive(Clone)]
pub(crate) struct CachedToken {
    text: SecretString,
    renew_at: Instant,
}

impl CachedToken {
    /// A token that lasts this long from now, and is renewed so much earlier.
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
