//! Tokens of registries that name what they require in a challenge, as the distribution project's registry does.
//!
//! The token services of GitHub and Docker Hub are known in advance, which saves the request that they would refuse.
//! Other registries name theirs in a challenge (distribution specification, "token authentication"). A realm is used
//! only over https and only if it belongs to the registry, and credentials are sent only to the registry that they are for
//! and to such a realm (otherwise credentials leak as in CVE-2020-15157). `http` is only for registries that the user named.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::sync::{Mutex, OnceCell, SetOnce};
use url::Url;

use super::source_logins::anonymous_advice;
use super::tokens::{Authorization, CachedToken, Scope, Tokens};
use super::{Account, LoginOrigin, RegistryCredentials, SourceLogin};
use crate::name::{DOCKER_HUB, Registry};
use crate::problem::{Cause, Problem, Side};
use crate::wire::{Request, Response, Wire, has_no_userinfo};

/// A token without `expires_in` lasts for a minute (distribution specification).
const SHORTEST_LIFETIME: u64 = 60;
/// A token is renewed this long before its end.
const MARGIN: Duration = Duration::from_secs(20);
/// Longest wait for a token that was requested before it was needed. A token service that is slower gets a second request.
const EARLY_WAIT: Duration = Duration::from_millis(250);
/// Scopes in one token.
const SCOPES_AT_ONCE: usize = 20;
/// The name of this program for token services of the OAuth 2 specification.
const CLIENT_ID: &str = "azure-rw-acr-sync";

/// What a registry requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    Token(TokenService),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenService {
    pub realm: Url,
    pub service: Option<String>,
}

/// The tokens of one registry, one for each scope, or for scopes that are used together.
pub struct RegistryTokens {
    wire: Wire,
    side: Side,
    registry: Registry,
    credentials: Option<RegistryCredentials>,
    /// Where the credentials for a source are from.
    origin: Option<LoginOrigin>,
    /// None until the registry has refused a request without a token.
    challenge: OnceCell<Challenge>,
    groups: StdMutex<HashMap<Scope, Arc<Group>>>,
}

/// The scopes of one token.
struct Group {
    scopes: Vec<Scope>,
    token: Mutex<Option<CachedToken>>,
    /// Set when a token is requested before it is needed.
    is_requested: AtomicBool,
    /// That token, or none if the request failed.
    ahead: SetOnce<Option<CachedToken>>,
}

impl RegistryTokens {
    /// Sends no request yet.
    pub fn new(
        wire: &Wire,
        side: Side,
        registry: &Registry,
        credentials: Option<RegistryCredentials>,
    ) -> Self {
        let known = match registry.as_str() {
            DOCKER_HUB => Some(("https://auth.docker.io/token", "registry.docker.io")),
            "ghcr.io" => Some(("https://ghcr.io/token", "ghcr.io")),
            _ => None,
        };
        let service = known.and_then(|(realm, service)| {
            Some(Challenge::Token(TokenService {
                realm: Url::parse(realm).ok()?,
                service: Some(service.to_owned()),
            }))
        });
        Self {
            wire: wire.clone(),
            side,
            registry: registry.clone(),
            credentials,
            origin: None,
            challenge: OnceCell::new_with(service),
            groups: StdMutex::default(),
        }
    }

    /// The tokens of a source.
    pub fn of_source(wire: &Wire, registry: &Registry, login: Option<SourceLogin>) -> Self {
        let (credentials, origin) = match login {
            Some(SourceLogin {
                credentials,
                origin,
            }) => (Some(credentials), Some(origin)),
            None => (None, None),
        };
        Self {
            origin,
            ..Self::new(wire, Side::Source, registry, credentials)
        }
    }

    /// Notes scopes that are used together: a mount needs a token for two repositories.
    pub fn group(&self, scopes: &BTreeSet<Scope>) {
        let scopes: Vec<_> = scopes.iter().cloned().collect();
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in scopes.chunks(SCOPES_AT_ONCE) {
            let group = Arc::new(Group::new(chunk));
            groups.extend(
                chunk
                    .iter()
                    .map(|scope| (scope.clone(), Arc::clone(&group))),
            );
        }
    }

    async fn request_token(
        &self,
        service: &TokenService,
        scopes: &[Scope],
    ) -> Result<CachedToken, Problem> {
        let response = match &self.credentials {
            None => self.get_token(service, scopes, None).await?,
            Some(RegistryCredentials::IdentityToken(token)) => {
                let fields = [
                    ("grant_type", "refresh_token"),
                    ("refresh_token", token.expose_secret()),
                ];
                self.post_token(service, scopes, &fields).await?
            }
            Some(RegistryCredentials::Password(account)) => {
                let response = self.get_token(service, scopes, Some(account)).await?;
                // A service of the OAuth 2 specification alone.
                let is_other = matches!(
                    response.status,
                    StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
                );
                if is_other {
                    let fields = [
                        ("grant_type", "password"),
                        ("username", account.username.expose_secret()),
                        ("password", account.token.expose_secret()),
                    ];
                    self.post_token(service, scopes, &fields).await?
                } else {
                    response
                }
            }
        };
        if !response.status.is_success() {
            return Err(self.explain_refusal(&response));
        }
        read_token(&response, &self.wire)
    }

    async fn get_token(
        &self,
        service: &TokenService,
        scopes: &[Scope],
        account: Option<&Account>,
    ) -> Result<Response, Problem> {
        let mut request = self.token_request(service, scopes);
        request.basic = account.map(Account::basic);
        let response = self.wire.send(request).await;
        response.map_err(|problem| self.explain_failure(problem))
    }

    fn token_request(&self, service: &TokenService, scopes: &[Scope]) -> Request {
        let mut url = service.realm.clone();
        if let Some(name) = &service.service {
            url.query_pairs_mut().append_pair("service", name);
        }
        for scope in scopes {
            url.query_pairs_mut()
                .append_pair("scope", &scope.to_string());
        }
        Request::new(self.side, Method::GET, url)
    }

    async fn post_token(
        &self,
        service: &TokenService,
        scopes: &[Scope],
        fields: &[(&str, &str)],
    ) -> Result<Response, Problem> {
        let scopes: Vec<_> = scopes.iter().map(ToString::to_string).collect();
        let scope = scopes.join(" ");
        let mut all = fields.to_vec();
        all.extend([("client_id", CLIENT_ID), ("scope", &scope)]);
        all.extend(service.service.as_deref().map(|name| ("service", name)));
        let request = Request::new(self.side, Method::POST, service.realm.clone());
        let response = self.wire.send(request.form(all)).await;
        response.map_err(|problem| self.explain_failure(problem))
    }

    /// True if the realm belongs to the registry: over http, it must be the registry itself, which the user named.
    fn may_use(&self, realm: &Url) -> bool {
        let host = self.registry.as_str().split(':').next();
        let is_insecure = realm.scheme() == "http" && self.wire.is_allowed(realm);
        (is_insecure && realm.host_str() == host && has_no_userinfo(realm))
            || belongs_to(realm, &self.registry)
    }

    fn group_of(&self, scope: &Scope) -> Arc<Group> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let group = groups.entry(scope.clone());
        Arc::clone(group.or_insert_with(|| Arc::new(Group::new(std::slice::from_ref(scope)))))
    }

    fn account(&self) -> Option<&Account> {
        match &self.credentials {
            Some(RegistryCredentials::Password(account)) => Some(account),
            Some(RegistryCredentials::IdentityToken(_)) | None => None,
        }
    }
}

fn read_token(response: &Response, wire: &Wire) -> Result<CachedToken, Problem> {
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
    wire.learn_secret(&text);
    let lifetime = Duration::from_secs(expires_in.unwrap_or(SHORTEST_LIFETIME).min(86_400));
    Ok(CachedToken::new(text, lifetime, MARGIN))
}

/// What to do if the destination does not accept the login.
const LOGIN_ADVICE: &str = "check REGISTRY_USERNAME and REGISTRY_PASSWORD, or the login in DOCKER_CONFIG, and what the account may do in this repository";

impl Group {
    fn new(scopes: &[Scope]) -> Self {
        Self {
            scopes: scopes.to_vec(),
            token: Mutex::default(),
            is_requested: AtomicBool::new(false),
            ahead: SetOnce::new(),
        }
    }

    /// The token that was requested before it was needed, if it is here or comes soon.
    async fn early_token(&self) -> Option<CachedToken> {
        if !self.is_requested.load(Ordering::Relaxed) {
            return None;
        }
        let ahead = tokio::time::timeout(EARLY_WAIT, self.ahead.wait()).await;
        ahead.ok()?.clone().filter(CachedToken::is_fresh)
    }
}

#[async_trait]
impl Tokens for RegistryTokens {
    async fn token(&self, scope: &Scope) -> Result<Option<Authorization>, Problem> {
        let service = match self.challenge.get() {
            None => return Ok(None),
            Some(Challenge::Basic) => return Ok(self.account().cloned().map(Authorization::Basic)),
            Some(Challenge::Token(service)) => service,
        };
        let group = self.group_of(scope);
        let mut cached = group.token.lock().await;
        if let Some(token) = cached.as_ref().filter(|token| token.is_fresh()) {
            return Ok(Some(Authorization::Bearer(token.text())));
        }
        let token = match group.early_token().await {
            Some(token) => token,
            None => self.request_token(service, &group.scopes).await?,
        };
        *cached = Some(token.clone());
        Ok(Some(Authorization::Bearer(token.text())))
    }

    /// Without an account, requests the token. With one, only opens a connection: credentials are not sent before it is known
    /// that they are needed.
    fn prepare(&self, scope: &Scope) -> Option<String> {
        let Some(Challenge::Token(service)) = self.challenge.get() else {
            return None;
        };
        if self.credentials.is_some() {
            self.wire.open_ahead(service.realm.authority(), 1);
            return None;
        }
        let (wire, group) = (self.wire.clone(), self.group_of(scope));
        group.is_requested.store(true, Ordering::Relaxed);
        let request = self.token_request(service, &group.scopes);
        tokio::spawn(async move {
            let response = wire.send_ahead(&request).await;
            let token = response.and_then(|response| read_token(&response, &wire).ok());
            // Only this task sets it.
            let _ = group.ahead.set(token);
        });
        Some(service.realm.authority().to_owned())
    }

    /// The challenge of the first refusal names the token service. A later refusal means that the token is not accepted any
    /// more.
    async fn renew(
        &self,
        refusal: &Response,
        scope: &Scope,
        refused: Option<Authorization>,
    ) -> Result<bool, Problem> {
        match (self.challenge.get(), refused) {
            (Some(Challenge::Token(_)), Some(Authorization::Bearer(refused))) => {
                let group = self.group_of(scope);
                let cached = group.token.lock().await;
                // A concurrent request may have renewed it.
                if matches!(&*cached, Some(token) if token.is(&refused)) {
                    self.group(&group.scopes.iter().cloned().collect());
                }
                return Ok(true);
            }
            // The request was sent before the challenge was known.
            (Some(Challenge::Token(_)), None) => return Ok(true),
            (Some(Challenge::Basic), None) => return Ok(self.account().is_some()),
            (Some(_), Some(_)) => return Ok(false),
            (None, _) => {}
        }
        let challenge = refusal.header("www-authenticate").and_then(required);
        let is_useful = match &challenge {
            None => false,
            Some(Challenge::Basic) => self.account().is_some(),
            Some(Challenge::Token(service)) => {
                let realm = &service.realm;
                if !self.may_use(realm) {
                    return Err(refusal
                        .invalid(format!(
                            "the registry requires a token from {}, which does not belong to it",
                            crate::wire::redacted(realm)
                        ))
                        .advise("check the image's name; no request was sent there"));
                }
                true
            }
        };
        if let Some(challenge) = challenge.filter(|_| is_useful) {
            // A concurrent request may have set the same value first.
            let _ = self.challenge.set(challenge);
        }
        Ok(is_useful)
    }

    /// A refusal by the registry, or by its token service.
    fn explain_refusal(&self, response: &Response) -> Problem {
        let problem = response.unexpected();
        match (problem.cause, self.side) {
            (Cause::AccessDenied, Side::Destination) => problem.advise(LOGIN_ADVICE),
            (Cause::AccessDenied, _) => problem.advise(match &self.origin {
                Some(origin) => origin.advice(&self.registry),
                None => anonymous_advice(&self.registry),
            }),
            _ => problem,
        }
    }

    /// Docker Hub's rate limit, with advice.
    fn explain_failure(&self, problem: Problem) -> Problem {
        if problem.cause != Cause::Throttled || self.registry.as_str() != DOCKER_HUB {
            return problem;
        }
        problem.advise(match &self.credentials {
            None => {
                "Docker Hub limits requests without an account by address: set USE_DOCKER_AUTH=true with \
                 DOCKER_USERNAME and DOCKER_TOKEN, or try again later"
            }
            Some(_) => "the limit of this Docker Hub account is reached: try again later",
        })
    }
}

/// What a header `WWW-Authenticate` requires. None if it is neither a token nor Basic.
fn required(header: &str) -> Option<Challenge> {
    if let Some(service) = parse_challenge(header) {
        return Some(Challenge::Token(service));
    }
    let challenges = http_auth::parse_challenges(header).ok()?;
    let mut schemes = challenges.iter().map(|challenge| challenge.scheme);
    let is_basic = schemes.any(|scheme| scheme.eq_ignore_ascii_case("basic"));
    is_basic.then_some(Challenge::Basic)
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
