//! Tokens of public registries, which require none or give one to any client.
//!
//! The token services of GitHub and Docker Hub are known in advance, which saves the request that they would refuse.
//! Other registries name theirs in a challenge (distribution specification, "token authentication"). A realm is used
//! only over https and only if it belongs to the registry, and a Docker Hub account is sent only to Docker Hub's realm
//! (otherwise credentials leak as in CVE-2020-15157).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;
use tokio::sync::{Mutex, OnceCell};
use url::Url;

use super::tokens::{CachedToken, Tokens};
use super::{Account, RegistryClient};
use crate::name::{DOCKER_HUB, Registry, Repository};
use crate::problem::{Cause, Problem, Side};
use crate::wire::{Request, Response, Wire, has_no_userinfo};

/// The host of Docker Hub's registry API.
const DOCKER_HUB_SERVER: &str = "registry-1.docker.io";
/// A token without `expires_in` lasts for a minute (distribution specification).
const SHORTEST_LIFETIME: u64 = 60;
/// A token is renewed this long before its end.
const MARGIN: Duration = Duration::from_secs(20);

/// The clients of the source registries, each created when first used.
pub struct Sources {
    wire: Wire,
    docker: Option<Account>,
    clients: StdMutex<BTreeMap<Registry, RegistryClient>>,
}

impl Sources {
    /// The account is for Docker Hub.
    pub fn new(wire: &Wire, docker: Option<Account>) -> Self {
        Self {
            wire: wire.clone(),
            docker,
            clients: StdMutex::default(),
        }
    }

    pub fn client(&self, registry: &Registry) -> RegistryClient {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let made = clients.entry(registry.clone()).or_insert_with(|| {
            let docker = self
                .docker
                .clone()
                .filter(|_| registry.as_str() == DOCKER_HUB);
            let tokens = PublicTokens::new(&self.wire, registry, docker);
            RegistryClient::new(
                &self.wire,
                server_of(registry),
                Side::Source,
                Arc::new(tokens),
            )
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenService {
    pub realm: Url,
    pub service: Option<String>,
}

/// The tokens of one registry, one per repository.
pub struct PublicTokens {
    wire: Wire,
    registry: Registry,
    docker: Option<Account>,
    service: OnceCell<TokenService>,
    tokens: StdMutex<HashMap<Repository, Arc<Mutex<Option<CachedToken>>>>>,
}

impl PublicTokens {
    fn new(wire: &Wire, registry: &Registry, docker: Option<Account>) -> Self {
        let known = match registry.as_str() {
            DOCKER_HUB => Some(("https://auth.docker.io/token", "registry.docker.io")),
            "ghcr.io" => Some(("https://ghcr.io/token", "ghcr.io")),
            _ => None,
        };
        let service = known.and_then(|(realm, service)| {
            Some(TokenService {
                realm: Url::parse(realm).ok()?,
                service: Some(service.to_owned()),
            })
        });
        Self {
            wire: wire.clone(),
            registry: registry.clone(),
            docker,
            service: OnceCell::new_with(service),
            tokens: StdMutex::default(),
        }
    }

    async fn request_token(
        &self,
        service: &TokenService,
        repository: &Repository,
    ) -> Result<CachedToken, Problem> {
        let mut url = service.realm.clone();
        if let Some(name) = &service.service {
            url.query_pairs_mut().append_pair("service", name);
        }
        url.query_pairs_mut()
            .append_pair("scope", &format!("repository:{repository}:pull"));
        let mut request = Request::new(Side::Source, Method::GET, url);
        request.basic = self
            .docker
            .as_ref()
            .map(|auth| (auth.username.clone(), auth.token.clone()));
        let response = self.wire.send(request).await;
        let response = response.map_err(|problem| self.explain_failure(problem))?;
        if !response.status.is_success() {
            let problem = response.unexpected();
            return Err(match (problem.cause, &self.docker) {
                (Cause::AccessDenied, Some(_)) => problem.advise(
                    "Docker Hub does not accept this account: check DOCKER_USERNAME and DOCKER_TOKEN",
                ),
                _ => problem,
            });
        }
        #[derive(Deserialize)]
        struct TokenResponse {
            token: Option<String>,
            access_token: Option<String>,
            expires_in: Option<u64>,
        }
        let TokenResponse {
            token,
            access_token,
            expires_in,
        } = response.json()?;
        let text = token.or(access_token).ok_or_else(|| {
            response.invalid("the response of the token service does not contain a token")
        })?;
        let text = SecretString::from(text);
        self.wire.learn_secret(&text);
        let lifetime = Duration::from_secs(expires_in.unwrap_or(SHORTEST_LIFETIME).min(86_400));
        Ok(CachedToken::new(text, lifetime, MARGIN))
    }
}

#[async_trait]
impl Tokens for PublicTokens {
    async fn token(&self, repository: &Repository) -> Result<Option<SecretString>, Problem> {
        let Some(service) = self.service.get() else {
            return Ok(None);
        };
        let slot = {
            let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(tokens.entry(repository.clone()).or_default())
        };
        let mut cached = slot.lock().await;
        if let Some(token) = cached.as_ref().filter(|token| token.is_fresh()) {
            return Ok(Some(token.text()));
        }
        let token = self.request_token(service, repository).await?;
        *cached = Some(token.clone());
        Ok(Some(token.text()))
    }

    /// The challenge of the first refusal names the token service. A later refusal means that the token is not accepted any
    /// more.
    async fn renew(
        &self,
        refusal: &Response,
        repository: &Repository,
        _refused: Option<SecretString>,
    ) -> Result<bool, Problem> {
        if self.service.initialized() {
            // The token is not accepted any more: get one new token.
            let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
            return Ok(tokens.remove(repository).is_some());
        }
        let Some(service) = refusal.header("www-authenticate").and_then(parse_challenge) else {
            return Ok(false);
        };
        if !belongs_to(&service.realm, &self.registry) {
            return Err(refusal
                .invalid(format!(
                    "the registry requires a token from {}, which does not belong to it",
                    crate::wire::redacted(&service.realm)
                ))
                .advise("check the image's name; no request was sent there"));
        }
        // A concurrent request may have set the same value first.
        let _ = self.service.set(service);
        Ok(true)
    }

    fn explain_refusal(&self, response: &Response) -> Problem {
        let problem = response.unexpected();
        match problem.cause {
            Cause::AccessDenied => problem
                .advise("the image is private, its name is wrong, or a proxy blocks the request: check the image's name and the proxy's rules"),
            _ => problem,
        }
    }

    /// Docker Hub's rate limit, with advice.
    fn explain_failure(&self, problem: Problem) -> Problem {
        if problem.cause != Cause::Throttled || self.registry.as_str() != DOCKER_HUB {
            return problem;
        }
        problem.advise(match &self.docker {
            None => {
                "Docker Hub limits requests without an account by address: set USE_DOCKER_AUTH=true with \
                 DOCKER_USERNAME and DOCKER_TOKEN, or try again later"
            }
            Some(_) => "the limit of this Docker Hub account is reached: try again later",
        })
    }
}

pub(super) fn parse_challenge(header: &str) -> Option<TokenService> {
    let challenges = http_auth::parse_challenges(header).ok()?;
    let bearer = challenges
        .into_iter()
        .find(|challenge| challenge.scheme.eq_ignore_ascii_case("bearer"))?;
    let value = |name: &str| {
        let found = bearer
            .params
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(found.1.to_unescaped())
    };
    Some(TokenService {
        realm: Url::parse(&value("realm")?).ok()?,
        service: value("service"),
    })
}

/// True if a realm belongs to the registry: over https, on its host or on another host of its domain.
pub(super) fn belongs_to(realm: &Url, registry: &Registry) -> bool {
    let host = registry.as_str().split(':').next().unwrap_or_default();
    let domain = |host: &str| {
        let labels: Vec<_> = host.rsplit('.').take(2).map(str::to_owned).collect();
        (labels.len() == 2
            && labels
                .iter()
                .all(|label| !label.bytes().all(|b| b.is_ascii_digit())))
        .then_some(labels)
    };
    let realm_host = realm.host_str().unwrap_or_default();
    realm.scheme() == "https"
        && has_no_userinfo(realm)
        && (realm_host == host || (domain(host).is_some() && domain(realm_host) == domain(host)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn realm_belongs_to_the_registry_on_the_same_domain() {
        for (realm, registry, own) in [
            ("https://quay.io/v2/auth", "quay.io", true),
            ("https://gitlab.com/jwt/auth", "registry.gitlab.com", true),
            (
                "https://us-docker.pkg.dev/v2/token",
                "us-docker.pkg.dev",
                true,
            ),
            ("http://quay.io/v2/auth", "quay.io", false),
            ("https://user@quay.io/v2/auth", "quay.io", false),
            ("https://evil.example/token", "quay.io", false),
            ("https://10.0.0.2/token", "10.0.0.1", false),
            ("https://localhost/token", "registry", false),
        ] {
            let registry = registry.parse().unwrap();
            assert_eq!(
                belongs_to(&Url::parse(realm).unwrap(), &registry),
                own,
                "{realm}"
            );
        }
    }

    #[test]
    fn only_a_valid_bearer_challenge_is_read() {
        let service = parse_challenge("Bearer realm=\"https://a.example/token\",service=\"a.example\",scope=\"repository:x:pull\"").unwrap();
        assert_eq!(
            (service.realm.as_str(), service.service.as_deref()),
            ("https://a.example/token", Some("a.example"))
        );
        for none in [
            "Basic realm=\"x\"",
            "Bearer service=\"x\"",
            "Bearer realm=\"not a url\"",
            "\u{0}",
            "Bearer realm=\"",
        ] {
            assert_eq!(parse_challenge(none), None, "{none}");
        }
    }
}
