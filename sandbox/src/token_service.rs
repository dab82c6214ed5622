//! Token services of the registries other than ACR: Google's `/v2/token`, ghcr.io's `/token`, auth.docker.io.
//!
//! Source: the token specification of the distribution project. Google's public repositories do not require a token, but the
//! ping of `/v2/` does, as at the real service.

use crate::message::{Request, Response};
use crate::registry::{Registry, RegistryKind};
use crate::registry_path::RegistryPath;
use crate::token;
use crate::world::World;
use serde_json::{Value, json};

/// Answers a token request for a registry.
pub fn answer(world: &World, registry: &str, request: &Request) -> Response {
    let Some(registry) = world.registries.get(registry) else {
        return Response::empty(502);
    };
    let given = request.basic_credentials();
    let (service, lifetime, accepted, trusted) = match &registry.kind {
        RegistryKind::Token(settings) => {
            let accepted = given
                .as_ref()
                .is_none_or(|given| settings.accounts.contains(given));
            let trusted = settings.anonymous_pull || given.is_some();
            (
                settings.service.as_str(),
                settings.token_lifetime,
                accepted,
                trusted,
            )
        }
        RegistryKind::Google(_) | RegistryKind::Azure(_) | RegistryKind::Oci(_) => {
            (registry.host.as_str(), 3600, given.is_none(), true)
        }
    };
    if !accepted {
        return Response::json(401, &json!({"details": "incorrect username or password"}));
    }
    let access: Vec<Value> = request
        .every("scope")
        .iter()
        .filter_map(|scope| access(scope, trusted))
        .collect();
    let now = world.now();
    let claims =
        json!({"aud": service, "iat": now, "nbf": now, "exp": now + lifetime, "access": access});
    let token = token::sign(&claims);
    Response::json(
        200,
        &json!({"token": token, "access_token": token, "expires_in": lifetime}),
    )
}

/// Returns the 401 of a registry with a token service.
pub fn challenge(world: &World, host: &str, repository: Option<&str>) -> Response {
    let Some(registry) = world.registries.get(host) else {
        return Response::empty(401);
    };
    let (realm, service) = match &registry.kind {
        RegistryKind::Token(settings) => (
            format!("https://{}{}", settings.realm_host, settings.realm_path),
            settings.service.as_str(),
        ),
        RegistryKind::Google(_) | RegistryKind::Azure(_) | RegistryKind::Oci(_) => {
            (format!("https://{host}/v2/token"), host)
        }
    };
    let mut header = format!("Bearer realm=\"{realm}\",service=\"{service}\"");
    if let Some(repository) = repository {
        header.push_str(&format!(",scope=\"repository:{repository}:pull\""));
    }
    Response::registry_error(401, "UNAUTHORIZED", "authentication required", Value::Null)
        .with("WWW-Authenticate", header)
}

/// Checks that a request may read. Public registries refuse all writes.
pub fn authorize(
    world: &World,
    registry: &Registry,
    request: &Request,
    path: &RegistryPath,
    action: &str,
    now: i64,
) -> Result<(), Response> {
    if action == "push" || action == "delete" {
        return Err(Response::registry_error(
            403,
            "DENIED",
            "Permission denied: this registry is read-only",
            Value::Null,
        ));
    }
    let claims = request
        .bearer_token()
        .and_then(token::verify)
        .filter(|claims| claims["exp"].as_i64() > Some(now));
    let challenge = || challenge(world, &registry.host, path.repository());
    match (&registry.kind, path.repository()) {
        (RegistryKind::Google(_), Some(_)) => Ok(()),
        (
            RegistryKind::Google(_)
            | RegistryKind::Azure(_)
            | RegistryKind::Token(_)
            | RegistryKind::Oci(_),
            None,
        ) => claims.map(|_| ()).ok_or_else(challenge),
        (
            RegistryKind::Azure(_) | RegistryKind::Token(_) | RegistryKind::Oci(_),
            Some(repository),
        ) => {
            let allowed = claims.is_some_and(|claims| {
                let mut entries = claims["access"].as_array().into_iter().flatten();
                entries.any(|entry| entry["name"] == repository)
            });
            if allowed { Ok(()) } else { Err(challenge()) }
        }
    }
}

/// Counts a pull if the registry limits pulls. Returns the headers with the remaining number, or the refusal.
///
/// Source: Docker's "Pull usage and limits". A GET of a manifest is a pull, a HEAD is not, and both responses have the headers.
pub fn count_pull(
    registry: &mut Registry,
    method: &str,
) -> Result<Vec<(String, String)>, Response> {
    let RegistryKind::Token(settings) = &mut registry.kind else {
        return Ok(Vec::new());
    };
    let Some(limit) = &mut settings.pull_limit else {
        return Ok(Vec::new());
    };
    if method == "GET" {
        let Some(remaining) = limit.remaining.checked_sub(1) else {
            let message = "You have reached your unauthenticated pull rate limit. \
                https://www.docker.com/increase-rate-limit";
            return Err(Response::registry_error(
                429,
                "TOOMANYREQUESTS",
                message,
                Value::Null,
            ));
        };
        limit.remaining = remaining;
    }
    let header = |name: &str, count: u32| (name.to_owned(), format!("{count};w={}", limit.window));
    Ok(vec![
        header("ratelimit-limit", limit.limit),
        header("ratelimit-remaining", limit.remaining),
        (
            "docker-ratelimit-source".to_owned(),
            "203.0.113.7".to_owned(),
        ),
    ])
}

fn access(scope: &str, trusted: bool) -> Option<Value> {
    let name = scope.strip_prefix("repository:")?.rsplit_once(':')?.0;
    trusted.then(|| json!({"type": "repository", "name": name, "actions": ["pull"]}))
}
