//! The tokens of a registry client.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use super::Account;
use crate::name::Repository;
use crate::problem::Problem;
use crate::wire::{Request, Response};

/// What a token permits: actions on one repository (distribution specification, "token scope").
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    pub repository: Repository,
    /// `pull`, or several with commas between them.
    pub actions: &'static str,
}

impl Scope {
    /// To read a repository.
    pub fn pull(repository: &Repository) -> Self {
        Self {
            repository: repository.clone(),
            actions: "pull",
        }
    }

    /// To read and write a repository.
    pub fn push(repository: &Repository) -> Self {
        Self {
            repository: repository.clone(),
            actions: "pull,push",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "repository:{}:{}", self.repository, self.actions)
    }
}

/// What a request is sent with.
#[derive(Clone, Debug)]
pub enum Authorization {
    Bearer(SecretString),
    Basic(Account),
}

impl Authorization {
    /// The request with this authorization, or without any.
    pub(super) fn apply(authorization: Option<Self>, request: Request) -> Request {
        let (bearer, basic) = match authorization {
            None => (None, None),
            Some(Self::Bearer(token)) => (Some(token), None),
            Some(Self::Basic(Account { username, token })) => (None, Some((username, token))),
        };
        Request {
            bearer,
            basic,
            ..request
        }
    }
}

/// The tokens of one registry: public ones, or those of an Azure Container Registry.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// The token with this scope. None if the registry has not required one.
    ///
    /// # Errors
    /// If the token service refuses or cannot be reached.
    async fn token(&self, scope: &Scope) -> Result<Option<Authorization>, Problem>;

    /// Prepares the request for a token that is likely to be needed. Nothing waits for it. Returns the host
    /// to which a request is sent now, whose connection is open afterwards.
    fn prepare(&self, _scope: &Scope) -> Option<String> {
        None
    }

    /// Handles a 401 to a request with this token. True if another request may succeed with another token.
    ///
    /// # Errors
    /// If the response names a token service that must not be used.
    async fn renew(
        &self,
        refusal: &Response,
        scope: &Scope,
        refused: Option<Authorization>,
    ) -> Result<bool, Problem>;

    /// The problem of a refusal by the registry, with advice.
    fn explain_refusal(&self, response: &Response) -> Problem;

    /// The same for a request that writes.
    fn explain_write_refusal(&self, response: &Response) -> Problem {
        self.explain_refusal(response)
    }

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
    /// `lifetime` starts now; the token is renewed `margin` before its end, but not in its first half.
    pub(crate) fn new(text: SecretString, lifetime: Duration, margin: Duration) -> Self {
        Self {
            text,
            renew_at: Instant::now() + lifetime.saturating_sub(margin).max(lifetime / 2),
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
