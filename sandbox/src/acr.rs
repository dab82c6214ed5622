//! Authentication at Azure Container Registry: the challenge, `/oauth2/exchange`, `/oauth2/token`, and the firewall.
//!
//! Sources: Microsoft's AAD-OAuth page in the acr repository, the models of the container registry SDK, and recorded
//! responses. If a scope is not allowed, the token has fewer actions, and the request succeeds. Not simulated: admin users,
//! repository-scoped tokens, connected registries.

use crate::azure::Permission;
use crate::entra;
use crate::message::{Request, Response};
use crate::registry::RegistryKind;
use crate::registry_path::Need;
use crate::token;
use crate::world::World;
use serde_json::{Value, json};

/// The lifetime of an ACR access token in seconds (75 minutes).
const ACCESS_TOKEN_LIFETIME: i64 = 4500;
/// The lifetime of an ACR refresh token in seconds (3 hours).
const REFRESH_TOKEN_LIFETIME: i64 = 10_800;
/// The user name for a refresh token that is used as a password.
const TOKEN_USER: &str = "00000000-0000-0000-0000-000000000000";
const AUTHENTICATION_REQUIRED: &str =
    "authentication required, visit https://aka.ms/acr/authorization for more information.";

/// Returns the firewall's refusal, which applies to all paths.
#[must_use]
pub fn firewall_refusal() -> Response {
    let message = "client with IP '203.0.113.7' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.";
    Response::registry_error(403, "DENIED", message, Value::Null)
}

/// Returns the 401 with the challenge; `error` is `invalid_token` or `insufficient_scope` if the request had a token.
#[must_use]
pub fn challenge(host: &str, needs: &[Need], error: Option<&str>) -> Response {
    let mut header = format!("Bearer realm=\"https://{host}/oauth2/token\",service=\"{host}\"");
    let mut detail = Value::Null;
    if !needs.is_empty() {
        let scopes: Vec<String> = needs.iter().map(scope).collect();
        header.push_str(&format!(",scope=\"{}\"", scopes.join(" ")));
        detail = needs
            .iter()
            .map(|(name, action)| json!({"Type": "repository", "Name": name, "Action": action}))
            .collect();
    }
    if let Some(error) = error {
        header.push_str(&format!(",error=\"{error}\""));
    }
    Response::registry_error(401, "UNAUTHORIZED", AUTHENTICATION_REQUIRED, detail)
        .with("WWW-Authenticate", header)
}

fn scope((repository, action): &Need) -> String {
    let actions = if *action == "push" {
        "pull,push"
    } else {
        action
    };
    format!("repository:{repository}:{actions}")
}

/// Checks that the request's token, or its user and password, has all permissions that a request requires.
pub fn authorize(
    world: &World,
    host: &str,
    request: &Request,
    needs: &[Need],
) -> Result<(), Response> {
    let refused = |error| Err(challenge(host, needs, error));
    if let Some((user, password)) = request.basic_credentials() {
        let Some(client) = sign_in(world, host, &user, &password) else {
            return refused(None);
        };
        let allowed = allowed_actions(world, &client);
        return if needs.iter().all(|(_, action)| allowed.contains(action)) {
            Ok(())
        } else {
            refused(Some("insufficient_scope"))
        };
    }
    let Some(given) = request.bearer_token() else {
        return refused(None);
    };
    let Some(claims) = registry_token(world, host, given, "access_token") else {
        return refused(Some("invalid_token"));
    };
    if needs.iter().all(|need| token::grants(&claims, need)) {
        Ok(())
    } else {
        refused(Some("insufficient_scope"))
    }
}

/// Answers `/oauth2/exchange` and `/oauth2/token`.
pub fn answer_oauth(world: &mut World, host: &str, request: &Request) -> Response {
    match (request.path.as_str(), request.method.as_str()) {
        ("/oauth2/exchange", "POST") => exchange(world, host, request),
        ("/oauth2/token", "POST" | "GET") => access_token(world, host, request),
        _ => Response::new(404, "text/plain; charset=utf-8", "404 page not found\n"),
    }
}

fn exchange(world: &mut World, host: &str, request: &Request) -> Response {
    let grant = request.field("grant_type").unwrap_or_default();
    if !matches!(
        grant.as_str(),
        "access_token" | "access_token_refresh_token" | "refresh_token"
    ) {
        return Response::registry_error(400, "BAD_REQUEST", "grant_type is invalid.", Value::Null);
    }
    if request.field("service").as_deref() != Some(host) {
        return Response::registry_error(400, "BAD_REQUEST", "service is invalid.", Value::Null);
    }
    let claims = request
        .field("access_token")
        .and_then(|given| token::verify(&given));
    let arm_tokens = match world.registries.get(host).map(|registry| &registry.kind) {
        Some(RegistryKind::Azure(settings)) => settings.arm_tokens_accepted,
        Some(RegistryKind::Google(_) | RegistryKind::Token(_) | RegistryKind::Oci(_)) | None => {
            false
        }
    };
    let accepted = claims.filter(|claims| {
        let audience = claims["aud"].as_str().unwrap_or_default();
        let is_valid = entra::is_registry_audience(audience)
            || (arm_tokens && entra::is_arm_audience(audience));
        is_valid && claims["exp"].as_i64() > Some(world.now())
    });
    let Some(client) = accepted.and_then(|claims| claims["appid"].as_str().map(str::to_owned))
    else {
        return Response::registry_error(401, "UNAUTHORIZED", AUTHENTICATION_REQUIRED, Value::Null);
    };
    if allowed_actions(world, &client).is_empty() {
        return Response::registry_error(401, "UNAUTHORIZED", AUTHENTICATION_REQUIRED, Value::Null);
    }
    let tenant = request.field("tenant").unwrap_or_default();
    let refresh = issue(
        world,
        host,
        &client,
        REFRESH_TOKEN_LIFETIME,
        &json!({
            "grant_type": "refresh_token", "tenant": tenant,
            "permissions": {"actions": allowed_actions(world, &client)},
        }),
    );
    Response::json(200, &json!({"refresh_token": refresh}))
}

fn access_token(world: &mut World, host: &str, request: &Request) -> Response {
    let refused =
        || Response::registry_error(401, "UNAUTHORIZED", AUTHENTICATION_REQUIRED, Value::Null);
    let client = match (
        request.method.as_str(),
        request.field("grant_type").as_deref(),
    ) {
        ("POST", Some("refresh_token")) => {
            let refresh = request.field("refresh_token").unwrap_or_default();
            registry_token(world, host, &refresh, "refresh_token")
                .map(|claims| text(&claims["appid"]))
        }
        ("POST", Some("password")) => {
            let (user, password) = (request.field("username"), request.field("password"));
            sign_in(
                world,
                host,
                &user.unwrap_or_default(),
                &password.unwrap_or_default(),
            )
        }
        ("GET", _) => match request.basic_credentials() {
            Some((user, password)) => sign_in(world, host, &user, &password),
            None => None,
        },
        _ => {
            return Response::registry_error(
                400,
                "BAD_REQUEST",
                "grant_type is invalid.",
                Value::Null,
            );
        }
    };
    let service = request.every("service");
    let Some(client) = client.filter(|_| service.iter().any(|service| service == host)) else {
        return refused();
    };
    let allowed = allowed_actions(world, &client);
    let scopes = request.every("scope");
    let access: Vec<Value> = scopes
        .iter()
        .flat_map(|scope| scope.split(' '))
        .filter_map(|scope| granted(scope, &allowed))
        .collect();
    let token = issue(
        world,
        host,
        &client,
        ACCESS_TOKEN_LIFETIME,
        &json!({
            "grant_type": "access_token", "access": access, "roles": [],
        }),
    );
    Response::json(200, &json!({"access_token": token}))
}

/// Returns the token's entry for a scope, with the allowed actions of the scope.
fn granted(scope: &str, allowed: &[&str]) -> Option<Value> {
    let (name, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
    let requested: Vec<&str> = actions.split(',').collect();
    let actions: Vec<&&str> = allowed
        .iter()
        .filter(|action| requested.contains(action) || requested.contains(&"*"))
        .collect();
    Some(json!({"type": "repository", "name": name, "actions": actions}))
}

fn issue(world: &mut World, host: &str, client: &str, lifetime: i64, more: &Value) -> String {
    let now = world.now();
    let mut claims = json!({
        "jti": world.new_guid(), "sub": client, "appid": client, "aud": host, "iss": "Azure Container Registry",
        "version": "1.0", "rid": "8b0ff0a1d52c4d7e9b9f", "nbf": now - 900, "iat": now - 900, "exp": now + lifetime,
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    token::sign(&claims)
}

/// Returns the claims of a token if this registry issued it for this purpose and it has not expired.
fn registry_token(world: &World, host: &str, given: &str, grant: &str) -> Option<Value> {
    let claims = token::verify(given)?;
    let is_valid = claims["aud"] == host
        && claims["grant_type"] == grant
        && claims["exp"].as_i64() > Some(world.now());
    is_valid.then_some(claims)
}

/// Returns the application that signs in with a client ID and secret, or with [`TOKEN_USER`] and a refresh token.
fn sign_in(world: &World, host: &str, user: &str, password: &str) -> Option<String> {
    if user == TOKEN_USER {
        return registry_token(world, host, password, "refresh_token")
            .map(|claims| text(&claims["appid"]));
    }
    let principal = world.principal(user)?;
    principal
        .secrets
        .iter()
        .any(|secret| secret == password)
        .then(|| principal.client_id.clone())
}

/// Returns the registry actions that an application's permissions allow.
fn allowed_actions(world: &World, client: &str) -> Vec<&'static str> {
    let Some(principal) = world.principal(client) else {
        return Vec::new();
    };
    let has = |permission| principal.permissions.contains(&permission);
    let table = [
        ("pull", has(Permission::Pull)),
        // Permission to pull includes permission to list: AcrPull has a separate metadata action only with ABAC.
        (
            "metadata_read",
            has(Permission::ReadMetadata) || has(Permission::Pull),
        ),
        ("push", has(Permission::Push)),
        ("metadata_write", has(Permission::Push)),
        ("delete", has(Permission::Delete)),
    ];
    table
        .into_iter()
        .filter(|(_, allowed)| *allowed)
        .map(|(action, _)| action)
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
