//! Tokens from Entra for the identity of this run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use azure_core::http::request::Body;
use azure_core::http::{AsyncRawResponse, ClientOptions, HttpClient, RetryOptions, Transport};
use azure_identity::{
    ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;
use url::form_urlencoded;

use super::certificate::{CertificateAssertion, GivenAssertion};
use super::{Credentials, Login, ManagedIdentity, Places};
use crate::problem::{Cause, Problem, Side};
use crate::registry::claims;
use crate::text::{for_message, strip_control};
use crate::wire::{Request, Response, Wire, chain};

/// The longest wait for a machine's identity service.
const MANAGED_IDENTITY: Duration = Duration::from_secs(15);

/// The identity of this run in Azure.
pub struct Identity {
    cached: Mutex<CachedCredential>,
    login: Login,
    entra_host: String,
    wire: Wire,
}

/// The library's credential, which caches tokens, and the tokens that it has returned.
struct CachedCredential {
    credential: Result<Arc<dyn TokenCredential>, Problem>,
    returned: Vec<SecretString>,
}

impl CachedCredential {
    fn has_returned(&self, token: &SecretString) -> bool {
        let is_it = |other: &SecretString| other.expose_secret() == token.expose_secret();
        self.returned.iter().any(is_it)
    }
}

impl Identity {
    /// The identity of this login, whose tokens come from `entra_host`. Entra is not queried yet.
    pub fn new(login: &Login, entra_host: &str, wire: &Wire) -> Self {
        let credential = credential(&login.credentials, entra_host, wire);
        Self {
            cached: Mutex::new(CachedCredential {
                credential,
                returned: Vec::new(),
            }),
            login: login.clone(),
            entra_host: entra_host.to_owned(),
            wire: wire.clone(),
        }
    }

    /// Forgets a token that a service refused, unless a concurrent request has done so already.
    pub fn forget(&self, refused: &SecretString) {
        let mut cached = self.cached();
        if cached.has_returned(refused) {
            // The library caches a token until its end; only a new credential requests another.
            cached.credential = credential(&self.login.credentials, &self.entra_host, &self.wire);
            cached.returned.clear();
        }
    }

    fn cached(&self) -> MutexGuard<'_, CachedCredential> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An access token for this scope, which is requested once and then cached.
    ///
    /// # Errors
    /// If Entra refuses or cannot be reached. The problem names the credentials.
    pub async fn token(&self, scope: &str) -> Result<SecretString, Problem> {
        let credential = self.cached().credential.clone()?;
        let limit = match &self.login.credentials {
            // On a machine without an identity the library retries for minutes.
            Credentials::ManagedIdentity { .. } => self.wire.limit().for_image(MANAGED_IDENTITY),
            Credentials::ClientSecret { .. }
            | Credentials::ClientCertificate { .. }
            | Credentials::ClientAssertion { .. }
            | Credentials::WorkloadIdentity { .. } => self.wire.limit().clone(),
        };
        let result = limit.guard(async {
            credential
                .get_token(&[scope], None)
                .await
                .map_err(|error| self.refused(&error))
        });
        let token = result.await.map_err(|problem| self.no_response(problem))?;
        let token = SecretString::from(token.token.secret().to_owned());
        self.wire.learn_secret(&token);
        let mut cached = self.cached();
        if !cached.has_returned(&token) {
            cached.returned.push(token.clone());
        }
        Ok(token)
    }

    fn no_response(&self, problem: Problem) -> Problem {
        let Credentials::ManagedIdentity { .. } = self.login.credentials else {
            return problem;
        };
        if problem.cause != Cause::Deadline || self.wire.limit().is_over() {
            return problem;
        }
        let what = format!(
            "no credentials were given, and no managed identity responded in {} s",
            MANAGED_IDENTITY.as_secs()
        );
        Problem::new(Side::Entra, Cause::AccessDenied, what).advise(self.how_to_log_in())
    }

    fn refused(&self, error: &azure_core::Error) -> Problem {
        let chain = || chain(error);
        // Without a response, the reason is the problem of our own wire.
        if let Some(problem) = chain().find_map(|source| source.downcast_ref::<Problem>()) {
            let mut problem = problem.clone();
            if let Credentials::ManagedIdentity { .. } = self.login.credentials {
                problem.what = format!("no managed identity responded: {}", problem.what);
                problem.cause = Cause::AccessDenied;
                problem.advice = Some(self.how_to_log_in());
            }
            return problem;
        }
        let refusal = chain().find_map(|source| source.downcast_ref::<Refusal>());
        let reason = match refusal {
            Some(Refusal(reason)) => reason.clone(),
            // An error of the library itself.
            None => {
                let deepest = chain().last().map(ToString::to_string);
                self.wire.scrub(&deepest.unwrap_or_default())
            }
        };
        let reason = reason
            .split("Trace ID")
            .next()
            .unwrap_or_default()
            .trim()
            .trim_end_matches('.');
        let what = format!(
            "login as {} was refused: {}",
            self.login.origin,
            for_message(reason)
        );
        let advice = explained(reason, &self.login.places);
        let advice = advice.unwrap_or_else(|| self.how_to_log_in());
        Problem::new(Side::Entra, Cause::AccessDenied, what).advise(advice)
    }

    fn how_to_log_in(&self) -> String {
        let mut text =
            "check the credentials of the service principal (AZURE_TENANT_ID, AZURE_CLIENT_ID, \
                        AZURE_CLIENT_SECRET) or of the other forms in docs/credentials.md"
                .to_owned();
        if !self.login.passed_over.is_empty() {
            text.push_str("; passed over: ");
            text.push_str(&for_message(&self.login.passed_over.join("; ")));
        }
        text
    }
}

/// Advice for an error code of Entra. Source: Microsoft, "Entra authentication error codes".
fn explained(reason: &str, places: &Places) -> Option<String> {
    let Places {
        tenant,
        client,
        secret,
    } = places;
    let digits = reason.split("AADSTS").nth(1)?;
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    let text = match digits[..end].parse().ok()? {
        7_000_215 => {
            return Some(format!(
                "put a valid client secret into {secret}, then run the task again; the secret's value is needed, not its id"
            ));
        }
        7_000_222 => {
            return Some(format!(
                "create a new client secret for the application, put its value into {secret}, then run the task again"
            ));
        }
        90_002 | 900_023 => {
            return Some(format!(
                "put the id of an existing tenant into {tenant}, then run the task again; check AZURE_CLOUD if the tenant is right"
            ));
        }
        700_016 => {
            return Some(format!(
                "put the id of an application of this tenant into {client}, then run the task again; check {tenant} if the \
                 application is right"
            ));
        }
        700_211 | 700_212 | 700_213 | 70_021 => {
            "add a federated credential with the issuer, subject and audience of this service account to the application"
        }
        700_027 => "register the certificate with the application, or replace it if it has expired",
        700_024 => "the login was signed with a wrong time: set the clock of this machine",
        7_000_112 => "enable the application in this tenant, or use another one",
        // 53000 to 53002 require a managed device, which a service principal is not.
        53_000..=53_004 | 530_032..=530_035 => {
            "a Conditional Access policy of the tenant blocks this login, often because of the network it comes from: \
             let an administrator find the policy in Entra's sign-in logs (service principal sign-ins), and allow this \
             network's address or exclude the service principal"
        }
        50_001 | 500_011 => {
            "the tenant does not know the resource that the token is for (the registry or Azure Resource Manager): \
             check that AZURE_TENANT_ID, AZURE_CLOUD and AZURE_AUTHORITY_HOST are of the registry's cloud; if they are, let \
             an administrator register the provider once in a subscription of the tenant (az provider register \
             --namespace Microsoft.ContainerRegistry)"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

/// Whom a token of Entra is for, as far as it contains that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    pub tenant: Option<String>,
    /// The application (client) id.
    pub application: Option<String>,
    /// The object id, which role assignments contain.
    pub object: Option<String>,
}

impl Holder {
    pub fn of(token: &SecretString) -> Self {
        let claims = claims(token).unwrap_or_default();
        let id = |name: &str| claims[name].as_str().map(for_message);
        Self {
            tenant: id("tid"),
            application: id("appid").or_else(|| id("azp")),
            object: id("oid"),
        }
    }
}

/// The tenant of a token: its `tid` claim.
pub(super) fn tenant_of(token: &SecretString) -> Option<String> {
    let claims = claims(token)?;
    claims["tid"].as_str().map(ToOwned::to_owned)
}

fn credential(
    credentials: &Credentials,
    entra_host: &str,
    wire: &Wire,
) -> Result<Arc<dyn TokenCredential>, Problem> {
    let client_options = client_options(entra_host, wire);
    let made: azure_core::Result<Arc<dyn TokenCredential>> = match credentials {
        Credentials::ClientSecret {
            tenant,
            client,
            secret,
        } => {
            let options = ClientSecretCredentialOptions { client_options };
            let secret = secret.expose_secret().to_owned().into();
            ClientSecretCredential::new(tenant, client.clone(), secret, Some(options))
                .map(|made| made as _)
        }
        Credentials::ClientCertificate {
            tenant,
            client,
            pem,
        } => {
            let audience = format!("{entra_host}/{tenant}/oauth2/v2.0/token");
            let assertion = CertificateAssertion::new(pem.expose_secret(), client, audience)
                .map_err(unusable)?;
            assertion_credential(tenant, client, assertion, client_options)
        }
        Credentials::ClientAssertion {
            tenant,
            client,
            assertion,
        } => {
            let assertion = GivenAssertion(Arc::new(assertion.clone()));
            assertion_credential(tenant, client, assertion, client_options)
        }
        Credentials::WorkloadIdentity {
            tenant,
            client,
            token_file,
        } => {
            let options = WorkloadIdentityCredentialOptions {
                credential_options: ClientAssertionCredentialOptions { client_options },
                client_id: Some(client.clone()),
                tenant_id: Some(tenant.clone()),
                token_file_path: Some(token_file.clone()),
            };
            WorkloadIdentityCredential::new(Some(options)).map(|made| made as _)
        }
        Credentials::ManagedIdentity { identity } => {
            let options = ManagedIdentityCredentialOptions {
                user_assigned_id: user_assigned_id(identity),
                client_options,
            };
            ManagedIdentityCredential::new(Some(options)).map(|made| made as _)
        }
    };
    made.map_err(|error| unusable(error.to_string()))
}

fn user_assigned_id(identity: &ManagedIdentity) -> Option<UserAssignedId> {
    match identity {
        ManagedIdentity::System => None,
        ManagedIdentity::Client(id) => Some(UserAssignedId::ClientId(id.clone())),
        ManagedIdentity::Object(id) => Some(UserAssignedId::ObjectId(id.clone())),
        ManagedIdentity::Resource(id) => Some(UserAssignedId::ResourceId(id.clone())),
    }
}

fn assertion_credential<C: azure_identity::ClientAssertion + 'static>(
    tenant: &str,
    client: &str,
    assertion: C,
    client_options: ClientOptions,
) -> azure_core::Result<Arc<dyn TokenCredential>> {
    let options = Some(ClientAssertionCredentialOptions { client_options });
    ClientAssertionCredential::new(tenant.to_owned(), client.to_owned(), assertion, options)
        .map(|made| made as _)
}

fn unusable(reason: impl Into<String>) -> Problem {
    let what = format!(
        "the credentials cannot be used: {}",
        for_message(&reason.into())
    );
    Problem::new(Side::Local, Cause::AccessDenied, what)
}

/// Our wire retries, so the library does not.
fn client_options(entra_host: &str, wire: &Wire) -> ClientOptions {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = entra_host.to_owned();
    ClientOptions {
        transport: Some(Transport::new(Arc::new(EntraTransport(wire.clone())))),
        retry: RetryOptions::none(),
        cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
        ..ClientOptions::default()
    }
}

/// The response of every token endpoint.
#[derive(Deserialize)]
struct TokenResponse {
    #[serde(rename = "access_token")]
    _token: IgnoredAny,
}

/// The refusal of App Service's managed identity.
#[derive(Deserialize)]
struct IdentityRefusal {
    #[serde(rename = "statusCode")]
    _status: u16,
    message: String,
}

/// The message of a refusal.
///
/// The library would read it itself, but borrows it from the body, which fails for every text with an escape
/// (azure_identity 1.0.0, `EntraIdErrorResponse`): the user would see "expected a borrowed string".
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refusal(String);

impl Refusal {
    fn of(response: &Response) -> Option<Self> {
        let of_app_service = || {
            let refusal: IdentityRefusal = serde_json::from_slice(&response.body).ok()?;
            Some(response.secrets.scrub(&strip_control(&refusal.message)))
        };
        response.service_message().or_else(of_app_service).map(Self)
    }
}

/// Sends the library's requests over our wire.
#[derive(Debug)]
struct EntraTransport(Wire);

impl EntraTransport {
    /// Learns the secrets of a request, such as the federated token, which the library reads from its file itself.
    fn learn_proofs(&self, request: &Request) {
        const FIELDS: [&str; 2] = ["client_assertion", "client_secret"];
        const HEADERS: [&str; 2] = ["authorization", "x-identity-header"];
        for (name, value) in form_urlencoded::parse(request.body.as_deref().unwrap_or_default()) {
            if FIELDS.contains(&name.as_ref()) {
                self.0.learn_secret(&value.into_owned().into());
            }
        }
        for value in HEADERS.iter().filter_map(|name| request.headers.get(*name)) {
            let value = value.to_str().unwrap_or_default();
            let credentials = value.split_once(' ').map_or(value, |(_, rest)| rest);
            self.0.learn_secret(&credentials.to_owned().into());
        }
    }
}

#[async_trait]
impl HttpClient for EntraTransport {
    async fn execute_request(
        &self,
        given: &azure_core::http::Request,
    ) -> azure_core::Result<AsyncRawResponse> {
        let failed = |problem| azure_core::Error::with_error(ErrorKind::Io, problem, "no response");
        let invalid = |what: &str| failed(Problem::new(Side::Local, Cause::Invalid, what));
        let method = reqwest::Method::from_bytes(given.method().as_str().as_bytes())
            .map_err(|_| invalid("method"))?;
        let mut request = Request::new(Side::Entra, method, given.url().clone());
        let mut headers = HeaderMap::new();
        for (name, value) in given.headers().iter() {
            let name =
                HeaderName::from_bytes(name.as_str().as_bytes()).map_err(|_| invalid("header"))?;
            headers.insert(
                name,
                HeaderValue::from_str(value.as_str()).map_err(|_| invalid("header"))?,
            );
        }
        request.headers = headers;
        match given.body() {
            Body::Bytes(bytes) if bytes.is_empty() => {}
            Body::Bytes(bytes) => request.body = Some(bytes.clone()),
            _ => return Err(invalid("a streamed body")),
        }
        self.learn_proofs(&request);
        let response = self.0.send(request).await.map_err(failed)?;
        // The library would report any other response as a refusal.
        if response.status.is_success() {
            response.json::<TokenResponse>().map_err(failed)?;
        } else {
            let Some(refusal) = Refusal::of(&response) else {
                return Err(failed(response.invalid("the response is not from Entra")));
            };
            // A machine's identity may become available later; the library retries after an I/O error.
            let kind = match response.status {
                StatusCode::NOT_FOUND | StatusCode::GONE => ErrorKind::Io,
                _ => ErrorKind::Credential,
            };
            return Err(azure_core::Error::with_error(kind, refusal, "refused"));
        }
        let status = response.status.as_u16().into();
        Ok(AsyncRawResponse::from_bytes(
            status,
            Headers::new(),
            response.body,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::{Places, explained};

    #[test]
    fn only_a_whole_error_code_has_advice() {
        let places = Places::all("the secret azure-sp");
        let advice = |text: &str| explained(text, &places).unwrap_or_else(|| "none".to_owned());
        for (reason, part) in [
            (
                "invalid_client: AADSTS7000215: Invalid client secret",
                "put a valid client secret into the secret azure-sp, then run",
            ),
            ("AADSTS700021", "none"),
            ("AADSTS70021: no match", "federated"),
            ("access_denied: AADSTS53003: blocked", "Conditional Access"),
            ("AADSTS50001: not found", "AZURE_CLOUD"),
            ("AADSTS500011: not found", "AZURE_CLOUD"),
            ("AADSTS5000112", "none"),
            ("AADSTS", "none"),
            ("Identity not found", "none"),
        ] {
            assert!(
                advice(reason).contains(part),
                "{reason}: {}",
                advice(reason)
            );
        }
    }
}
