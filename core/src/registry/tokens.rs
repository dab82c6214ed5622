//! The tokens of a registry client.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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

/// The claims of a JWT, which are not verified: the service that issued it does this itself.
pub(crate) fn claims(token: &SecretString) -> Option<serde_json::Value> {
    let payload = token.expose_secret().split('.').nth(1)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The actions on a repository that a registry's token permits. None for a token that does not name them: its format
/// is the registry's own affair.
///
/// Source: the claim `access` of the distribution project's token specification.
pub(crate) fn granted(token: &SecretString, repository: &Repository) -> Option<BTreeSet<String>> {
    let claims = claims(token)?;
    let entries = claims["access"].as_array()?.iter();
    let of_repository = entries.filter(|entry| entry["name"] == repository.as_str());
    let actions = of_repository.filter_map(|entry| entry["actions"].as_array());
    let texts = actions.flatten().filter_map(|action| action.as_str());
    Some(texts.map(str::to_owned).collect())
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn granted_actions_are_those_of_the_repository() {
        let token = |claims: serde_json::Value| {
            let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
            SecretString::from(format!("e30.{payload}.c2ln"))
        };
        let repository: Repository = "team/app".parse().unwrap();
        let of = |claims| granted(&token(claims), &repository);
        let entry = |name: &str, actions: &[&str]| json!({"type": "repository", "name": name, "actions": actions});
        let both =
            json!({"access": [entry("team/app", &["pull"]), entry("team/other", &["push"])]});
        assert_eq!(of(both), Some(BTreeSet::from(["pull".to_owned()])));
        assert_eq!(of(json!({"access": []})), Some(BTreeSet::new()));
        assert_eq!(of(json!({})), None);
        assert_eq!(granted(&"opaque".to_owned().into(), &repository), None);
    }
}
