//! Tokens for the registry's data plane: Entra token, exchanged for a refresh token, for an access token.
//!
//! Source: <https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md>. The unauthenticated `GET /v2/` that
//! clients begin with is not needed: realm and service are known. One token is for several repositories,
//! because a scope may be repeated; about 25 fit.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::RoleMode;
use super::identity::{Identity, tenant_of};
use super::refusal::client_refused_by_firewall;
use crate::cloud::ACR_SCOPE;
use crate::name::Registry;
use crate::problem::{Cause, Problem, Side};
use crate::registry::{Authorization, CachedToken, Scope, Tokens, claims};
use crate::wire::{Request, Response, Wire};

/// Scopes in one access token.
const SCOPES_AT_ONCE: usize = 20;
/// A token is renewed this long before its end.
const MARGIN: Duration = Duration::from_secs(60);
/// The lifetime of a token without times.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(300);

/// Access tokens for the scopes of one registry. Each is requested once, when it is first needed.
pub struct AcrTokens {
    wire: Wire,
    identity: Arc<Identity>,
    server: Registry,
    roles: RoleMode,
    refresh: Mutex<TokenOrRefusal>,
    groups: StdMutex<Vec<Arc<Group>>>,
}

/// The scopes of one access token.
struct Group {
    scopes: Vec<Scope>,
    access: Mutex<TokenOrRefusal>,
}

/// A token or the refusal, which is final for the run.
type TokenOrRefusal = Option<Result<CachedToken, Problem>>;

/// The lifetime is the difference of the times in the token, because this machine's clock may be wrong.
fn cached(text: String, wire: &Wire) -> CachedToken {
    let text = SecretString::from(text);
    wire.learn_secret(&text);
    let claims = claims(&text).unwrap_or_default();
    let seconds = claims["exp"].as_u64().zip(claims["iat"].as_u64());
    let lifetime = seconds.map_or(SHORTEST_LIFETIME, |(end, begin)| {
        Duration::from_secs(end.saturating_sub(begin))
    });
    CachedToken::new(text, lifetime, MARGIN)
}

impl AcrTokens {
    /// Sends no request yet.
    pub fn new(wire: &Wire, identity: Arc<Identity>, server: Registry, roles: RoleMode) -> Self {
        Self {
            wire: wire.clone(),
            identity,
            server,
            roles,
            refresh: Mutex::default(),
            groups: StdMutex::default(),
        }
    }

    /// Requests the tokens of these scopes in advance.
    pub async fn prepare(&self, scopes: &BTreeSet<Scope>) {
        let groups = self.group(scopes);
        // A refusal is kept and returned when a token is needed.
        let _ = futures_util::future::join_all(groups.iter().map(|group| self.access(group))).await;
    }

    /// The groups of these scopes. Scopes without a group get new groups.
    fn group(&self, scopes: &BTreeSet<Scope>) -> Vec<Arc<Group>> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = |scope: &&Scope| groups.iter().any(|group| group.scopes.contains(*scope));
        let new: Vec<_> = scopes
            .iter()
            .filter(|scope| !is_known(scope))
            .cloned()
            .collect();
        groups.extend(new.chunks(SCOPES_AT_ONCE).map(|chunk| {
            Arc::new(Group {
                scopes: chunk.to_vec(),
                access: Mutex::default(),
            })
        }));
        let holds_one =
            |group: &&Arc<Group>| group.scopes.iter().any(|scope| scopes.contains(scope));
        groups.iter().filter(holds_one).cloned().collect()
    }

    async fn access(&self, group: &Group) -> Result<SecretString, Problem> {
        let mut cached = group.access.lock().await;
        renewed(&mut cached, || self.request_access(group)).await
    }

    async fn request_access(&self, group: &Group) -> Result<CachedToken, Problem> {
        let refresh = renewed(&mut *self.refresh.lock().await, || self.request_refresh()).await?;
        let mut form = vec![
            ("grant_type", "refresh_token".to_owned()),
            ("service", self.server.to_string()),
        ];
        // An ACR has an action of its own for the attributes of tags.
        let scopes = group.scopes.iter();
        form.extend(scopes.map(|scope| ("scope", format!("{scope},metadata_read"))));
        form.push(("refresh_token", refresh.expose_secret().to_owned()));
        let response = self.post("/oauth2/token", &form).await?;
        #[derive(Deserialize)]
        struct TokenResponse {
            access_token: String,
        }
        Ok(cached(
            response.json::<TokenResponse>()?.access_token,
            &self.wire,
        ))
    }

    async fn request_refresh(&self) -> Result<CachedToken, Problem> {
        let entra = self.identity.token(ACR_SCOPE).await?;
        let mut form = vec![
            ("grant_type", "access_token".to_owned()),
            ("service", self.server.to_string()),
        ];
        form.extend(tenant_of(&entra).map(|tenant| ("tenant", tenant)));
        form.push(("access_token", entra.expose_secret().to_owned()));
        let response = self.post("/oauth2/exchange", &form).await?;
        #[derive(Deserialize)]
        struct TokenResponse {
            refresh_token: String,
        }
        Ok(cached(
            response.json::<TokenResponse>()?.refresh_token,
            &self.wire,
        ))
    }

    async fn post(&self, path: &str, form: &[(&str, String)]) -> Result<Response, Problem> {
        let url = Url::parse(&format!("https://{}{path}", self.server)).map_err(|error| {
            Problem::new(
                Side::Local,
                Cause::Invalid,
                format!("{}: {error}", self.server),
            )
        })?;
        let fields = form.iter().map(|(name, value)| (*name, value.as_str()));
        let request = Request::new(Side::Destination, Method::POST, url).form(fields);
        let response = self.wire.send(request).await?;
        if response.status.is_success() {
            Ok(response)
        } else {
            Err(self.explain_refusal(&response))
        }
    }

    /// The smallest role for copies. A registry in ABAC mode ignores AcrPush.
    fn role_to_copy(&self) -> &'static str {
        match self.roles {
            RoleMode::Rbac => "AcrPush",
            RoleMode::Abac => {
                "'Container Registry Repository Writer' (the registry is in ABAC mode)"
            }
            RoleMode::Unknown => {
                "AcrPush, or in a registry in ABAC mode 'Container Registry Repository Writer',"
            }
        }
    }

    /// The smallest role for checks. A registry in ABAC mode ignores AcrPull.
    fn roles_to_check(&self) -> &'static str {
        match self.roles {
            RoleMode::Rbac => "for checks only, AcrPull is enough",
            RoleMode::Abac => {
                "for checks only, 'Container Registry Repository Reader' is enough (the registry is in ABAC mode)"
            }
            RoleMode::Unknown => {
                "for checks only, AcrPull is enough in a registry in RBAC mode, and 'Container Registry Repository \
                 Reader' in one in ABAC mode"
            }
        }
    }
}

#[async_trait]
impl Tokens for AcrTokens {
    async fn token(&self, scope: &Scope) -> Result<Option<Authorization>, Problem> {
        let group = self.group(&BTreeSet::from([scope.clone()]));
        match group.first() {
            Some(group) => {
                let token = self.access(group).await?;
                Ok(Some(Authorization::Bearer(token)))
            }
            None => Err(Problem::new(
                Side::Local,
                Cause::Invalid,
                format!("no token for {scope}"),
            )),
        }
    }

    /// Forgets the refused token, unless a concurrent request has done so already.
    async fn renew(
        &self,
        _refusal: &Response,
        scope: &Scope,
        refused: Option<Authorization>,
    ) -> Result<bool, Problem> {
        let Some(Authorization::Bearer(refused)) = refused else {
            return Ok(true);
        };
        for group in self.group(&BTreeSet::from([scope.clone()])) {
            let mut cached = group.access.lock().await;
            if matches!(&*cached, Some(Ok(token)) if token.is(&refused)) {
                *cached = None;
                *self.refresh.lock().await = None;
            }
        }
        Ok(true)
    }

    /// Source of the texts: <https://learn.microsoft.com/azure/container-registry/container-registry-troubleshoot-access>.
    fn explain_refusal(&self, response: &Response) -> Problem {
        let message = response.service_message().unwrap_or_default();
        if let Some(client) = client_refused_by_firewall(&message) {
            let reason =
                format!("refused the request: {client} is not allowed by the registry's firewall");
            return response.refusal_because(Cause::AccessDenied, &reason).advise(
                "add the address of this machine to the registry's firewall under Networking, or run inside an allowed \
                 network or through the registry's private endpoint (if HTTPS_PROXY is set, add the registry to NO_PROXY)",
            );
        }
        let problem = response.unexpected();
        match problem.cause {
            Cause::AccessDenied => problem.advise(format!(
                "the identity lacks the role to read this registry: grant the identity 'Container Registry Data Importer and Data Reader' \
                 on the registry; {}",
                self.roles_to_check()
            )),
            _ => problem,
        }
    }

    fn explain_write_refusal(&self, response: &Response) -> Problem {
        let problem = self.explain_refusal(response);
        let message = response.service_message().unwrap_or_default();
        let is_firewall = client_refused_by_firewall(&message).is_some();
        match (problem.cause, response.status) {
            (Cause::AccessDenied, _) if !is_firewall => problem.advise(format!(
                "the identity lacks the role to write to this registry: grant it {} on the registry, or \
                 'Container Registry Data Importer and Data Reader' to import instead of copying (SYNC_METHOD=import)",
                self.role_to_copy()
            )),
            // The text of an ACR is "The operation is disallowed on this registry, repository or image."
            (_, StatusCode::METHOD_NOT_ALLOWED) => problem.advise(
                "the tag, its repository or the registry is locked: see 'az acr repository show'",
            ),
            _ => problem,
        }
    }
}

/// The cached token if it is fresh, otherwise a new one.
async fn renewed<F: Future<Output = Result<CachedToken, Problem>>>(
    cached: &mut TokenOrRefusal,
    request: impl FnOnce() -> F,
) -> Result<SecretString, Problem> {
    match cached {
        Some(Ok(token)) if token.is_fresh() => return Ok(token.text()),
        Some(Err(problem)) => return Err(problem.clone()),
        Some(Ok(_)) | None => {}
    }
    let result = request().await;
    *cached = Some(result.clone());
    result.map(|token| token.text())
}
