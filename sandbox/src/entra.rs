//! Microsoft Entra ID: tokens for applications, with the error texts of the real service.
//!
//! Sources: the client-credentials page of the Microsoft identity platform and its list of AADSTS codes. `az` and MSAL read
//! the discovery documents before they sign in. Not simulated: users (device code, browser), refresh tokens.

use crate::azure::Principal;
use crate::message::{Request, Response};
use crate::token;
use crate::world::World;
use serde_json::{Value, json};

/// The hosts of Entra in Azure's clouds.
pub const HOSTS: [&str; 4] = [
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.chinacloudapi.cn",
    "login.windows.net",
];

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// True if a token with this audience is for ARM.
#[must_use]
pub fn is_arm_audience(audience: &str) -> bool {
    let audiences = [
        "https://management.azure.com",
        "https://management.core.windows.net",
        "https://management.usgovcloudapi.net",
        "https://management.core.usgovcloudapi.net",
        "https://management.chinacloudapi.cn",
        "https://management.core.chinacloudapi.cn",
    ];
    audiences.contains(&audience.trim_end_matches('/'))
}

/// True if a token with this audience is for ACR. The audience is the same in every cloud.
#[must_use]
pub fn is_registry_audience(audience: &str) -> bool {
    audience.trim_end_matches('/') == "https://containerregistry.azure.net"
}

/// Answers a request to Entra.
pub fn answer(world: &mut World, host: &str, request: &Request) -> Response {
    let segments = request.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (request.method.as_str(), segments.as_slice()) {
        ("GET", [_, "discovery", "instance"]) => instance_discovery(host),
        ("GET", [tenant, "v2.0", ".well-known", "openid-configuration"]) => {
            openid_configuration(world, host, tenant)
        }
        ("POST", [tenant, "oauth2", "v2.0", "token"]) => {
            match token_response(world, tenant, request) {
                Ok(response) | Err(response) => response,
            }
        }
        _ => Response::new(404, "text/html; charset=utf-8", ""),
    }
}

/// Returns Entra's response to a wrong secret.
pub fn invalid_secret(world: &mut World, request: &Request) -> Response {
    let client = request.field("client_id").unwrap_or_default();
    let text = wrong_secret_text(&client);
    failure(world, 401, "invalid_client", 7_000_215, &text)
}

/// Returns an access token for an application, and the time at which it expires. Does not check a credential.
pub fn issue(world: &mut World, principal: &Principal, audience: &str) -> (String, i64) {
    let (now, id) = (world.now(), world.new_guid());
    let end = now + world.azure.token_lifetime;
    let claims = json!({
        "aud": audience, "iss": format!("https://sts.windows.net/{}/", principal.tenant),
        "iat": now - 300, "nbf": now - 300, "exp": end, "appid": principal.client_id, "appidacr": "1",
        "idtyp": "app", "oid": principal.object_id, "sub": principal.object_id, "tid": principal.tenant,
        "uti": id, "ver": "1.0",
    });
    (token::sign(&claims), end)
}

fn token_response(
    world: &mut World,
    tenant: &str,
    request: &Request,
) -> Result<Response, Response> {
    check_tenant(world, tenant)?;
    let grant = request.field("grant_type").unwrap_or_default();
    if grant != "client_credentials" {
        let text = format!("The app requested an unsupported grant type '{grant}'.");
        return Err(failure(world, 400, "unsupported_grant_type", 70_003, &text));
    }
    let client = request.field("client_id").unwrap_or_default();
    let found = world
        .principal(&client)
        .filter(|principal| principal.tenant.eq_ignore_ascii_case(tenant))
        .cloned();
    let Some(principal) = found else {
        let text = format!(
            "Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if the \
             application has not been installed by the administrator of the tenant or consented to by any user in the \
             tenant. You may have sent your authentication request to the wrong tenant."
        );
        return Err(failure(world, 400, "unauthorized_client", 700_016, &text));
    };
    check_credential(world, &principal, request)?;
    let audience = audience(world, tenant, request)?;
    let (token, end) = issue(world, &principal, &audience);
    let lifetime = end - world.now();
    Ok(Response::json(
        200,
        &json!({"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}),
    )
    .with("Cache-Control", "no-store, no-cache")
    .with("Pragma", "no-cache"))
}

fn check_tenant(world: &mut World, tenant: &str) -> Result<(), Response> {
    if world
        .azure
        .tenants
        .iter()
        .any(|known| known.eq_ignore_ascii_case(tenant))
    {
        return Ok(());
    }
    let is_valid = tenant.contains('.') || (tenant.len() == 36 && tenant.matches('-').count() == 4);
    if !is_valid {
        let text = format!(
            "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain."
        );
        return Err(failure(world, 400, "invalid_request", 900_023, &text));
    }
    let text = format!(
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct \
         cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the \
         tenant."
    );
    Err(failure(world, 400, "invalid_request", 90_002, &text))
}

fn check_credential(
    world: &mut World,
    principal: &Principal,
    request: &Request,
) -> Result<(), Response> {
    match (
        request.field("client_secret"),
        request.field("client_assertion"),
    ) {
        (Some(secret), _) => check_secret(world, principal, &secret),
        (None, Some(assertion)) => check_assertion(world, principal, request, &assertion),
        (None, None) => {
            let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
            Err(failure(world, 401, "invalid_client", 7_000_218, text))
        }
    }
}

fn check_secret(world: &mut World, principal: &Principal, secret: &String) -> Result<(), Response> {
    let client = &principal.client_id;
    if principal.secrets.contains(secret) {
        return Ok(());
    }
    if principal.expired_secrets.contains(secret) {
        let text = format!(
            "The provided client secret keys for app '{client}' are expired. Visit the Azure portal to create new keys \
                 for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added \
                 security: https://aka.ms/certCreds."
        );
        return Err(failure(world, 401, "invalid_client", 7_000_222, &text));
    }
    Err(failure(
        world,
        401,
        "invalid_client",
        7_000_215,
        &wrong_secret_text(client),
    ))
}

fn check_assertion(
    world: &mut World,
    principal: &Principal,
    request: &Request,
    assertion: &String,
) -> Result<(), Response> {
    if request.field("client_assertion_type").as_deref() != Some(ASSERTION_TYPE) {
        let text =
            "The request body must contain the following parameter: 'client_assertion_type'.";
        return Err(failure(world, 400, "invalid_request", 900_144, text));
    }
    if principal.federated_tokens.contains(assertion) {
        return Ok(());
    }
    let header = token::header(assertion).unwrap_or_default();
    let thumbprint = [&header["x5t"], &header["x5t#S256"]]
        .into_iter()
        .find_map(Value::as_str);
    if let Some(thumbprint) = thumbprint {
        if principal
            .certificates
            .iter()
            .any(|known| known == thumbprint)
        {
            return check_times(world, assertion);
        }
        let text = format!(
            "The certificate with identifier used to sign the client assertion is not registered on application. \
             [Reason - The key was not found., Thumbprint of key used by client: '{thumbprint}']"
        );
        return Err(failure(world, 401, "invalid_client", 700_027, &text));
    }
    let claims = token::payload(assertion).unwrap_or_default();
    let subject = claims["sub"].as_str().unwrap_or_default();
    let text = format!(
        "No matching federated identity record found for presented assertion subject '{subject}'. Check your federated \
         identity credential Subject, Audience and Issuer against the presented assertion."
    );
    Err(failure(world, 401, "invalid_client", 700_213, &text))
}

/// Checks that Entra's clock is between `nbf` and `exp` of an assertion, with a tolerance of five minutes.
fn check_times(world: &mut World, assertion: &str) -> Result<(), Response> {
    const TOLERANCE: i64 = 300;
    let (now, claims) = (world.now(), token::payload(assertion).unwrap_or_default());
    let time = |name: &str| claims[name].as_i64().unwrap_or_default();
    if (time("nbf") - TOLERANCE..=time("exp") + TOLERANCE).contains(&now) {
        return Ok(());
    }
    let text = format!(
        "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {}, expiry time \
         of assertion {}.",
        time("nbf"),
        time("exp")
    );
    Err(failure(world, 401, "invalid_client", 700_024, &text))
}

fn audience(world: &mut World, tenant: &str, request: &Request) -> Result<String, Response> {
    let scope = request.field("scope").unwrap_or_default();
    let resource = scope
        .split(' ')
        .find_map(|item| item.strip_suffix("/.default"));
    let Some(resource) = resource else {
        let text = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with \
             /.default suffixed to the resource identifier (application ID URI)."
        );
        return Err(failure(world, 400, "invalid_scope", 1_002_012, &text));
    };
    let known = is_arm_audience(resource)
        || is_registry_audience(resource)
        || resource.contains("graph.microsoft");
    if known {
        return Ok(resource.to_owned());
    }
    let text = format!(
        "The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if the \
         application has not been installed by the administrator of the tenant or consented to by any user in the tenant."
    );
    Err(failure(world, 400, "invalid_resource", 500_011, &text))
}

fn wrong_secret_text(client: &str) -> String {
    format!(
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the \
         client secret ID, for a secret added to app '{client}'."
    )
}

/// Returns a refusal, with the error code and the trace identifiers as in all of Entra's errors.
fn failure(world: &mut World, status: u16, error: &str, code: u32, text: &str) -> Response {
    let (trace, correlation) = (world.new_guid(), world.new_guid());
    let time = chrono::DateTime::from_timestamp(world.now(), 0)
        .unwrap_or_default()
        .format("%Y-%m-%d %H:%M:%SZ");
    let description = format!(
        "AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}"
    );
    Response::json(
        status,
        &json!({
            "error": error, "error_description": description, "error_codes": [code], "timestamp": time.to_string(),
            "trace_id": trace, "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        }),
    )
    .with("x-ms-request-id", trace)
}

fn instance_discovery(host: &str) -> Response {
    let aliases = [
        "login.microsoftonline.com",
        "login.windows.net",
        "login.microsoft.com",
        "sts.windows.net",
    ];
    Response::json(
        200,
        &json!({
            "tenant_discovery_endpoint": format!("https://{host}/common/v2.0/.well-known/openid-configuration"),
            "api-version": "1.1",
            "metadata": [
                {"preferred_network": "login.microsoftonline.com", "preferred_cache": "login.windows.net", "aliases": aliases},
                {"preferred_network": "login.microsoftonline.us", "preferred_cache": "login.microsoftonline.us",
                    "aliases": ["login.microsoftonline.us", "login.usgovcloudapi.net"]},
                {"preferred_network": "login.partner.microsoftonline.cn", "preferred_cache": "login.partner.microsoftonline.cn",
                    "aliases": ["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"]},
            ],
        }),
    )
}

fn openid_configuration(world: &mut World, host: &str, tenant: &str) -> Response {
    if !matches!(tenant, "common" | "organizations" | "consumers")
        && let Err(refusal) = check_tenant(world, tenant)
    {
        return refusal;
    }
    let base = format!("https://{host}/{tenant}");
    Response::json(
        200,
        &json!({
            "token_endpoint": format!("{base}/oauth2/v2.0/token"),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": format!("{base}/discovery/v2.0/keys"),
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": format!("{base}/v2.0"),
            "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
            "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
            "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
            "tenant_region_scope": "EU",
            "cloud_instance_name": "microsoftonline.com",
            "cloud_graph_host_name": "graph.windows.net",
            "msgraph_host": "graph.microsoft.com",
            "rbac_url": "https://pas.windows.net",
        }),
    )
}
