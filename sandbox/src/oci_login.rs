//! Logins of plain registries: Basic, and tokens by GET (Docker's token specification) or POST (its OAuth 2 specification).

use crate::message::{Request, Response};
use crate::oci_registry::{Account, Login, OciSettings};
use crate::registry::{Registry, RegistryKind};
use crate::registry_path::Need;
use crate::token;
use crate::world::World;
use serde_json::{Value, json};

/// The path of the token service, on the registry's own host.
pub const TOKEN_PATH: &str = "/token";

/// Checks that a request has all permissions that it requires.
pub fn authorize(
    world: &World,
    registry: &Registry,
    settings: &OciSettings,
    request: &Request,
    needs: &[Need],
) -> Result<(), Response> {
    let only_reads = needs
        .iter()
        .all(|(_, action)| plain_action(action) == "pull");
    let refused = |error| Err(challenge(registry, settings, needs, error));
    match settings.login {
        Login::Anonymous => Ok(()),
        Login::Basic => match request.basic_credentials() {
            None if settings.anonymous_pull && only_reads => Ok(()),
            None => refused(None),
            Some((user, password)) => match settings.account(&user, &password) {
                None => refused(None),
                Some(account) if account.may_push || only_reads => Ok(()),
                Some(_) => Err(denied()),
            },
        },
        Login::Docker | Login::OAuth2 => {
            let Some(given) = request.bearer_token() else {
                return refused(None);
            };
            let claims = token::verify(given).filter(|claims| {
                claims["aud"] == registry.host && claims["exp"].as_i64() > Some(world.now())
            });
            match claims {
                None => refused(Some("invalid_token")),
                Some(claims) if needs.iter().all(|need| grants(&claims, need)) => Ok(()),
                Some(_) => refused(Some("insufficient_scope")),
            }
        }
    }
}

/// Returns the 401 of a plain registry.
pub fn challenge(
    registry: &Registry,
    settings: &OciSettings,
    needs: &[Need],
    error: Option<&str>,
) -> Response {
    let host = &registry.host;
    let header = match settings.login {
        Login::Anonymous | Login::Basic => format!("Basic realm=\"{host}\""),
        Login::Docker | Login::OAuth2 => {
            let scheme = registry.transport.scheme();
            let mut header =
                format!("Bearer realm=\"{scheme}://{host}{TOKEN_PATH}\",service=\"{host}\"");
            let scopes: Vec<String> = needs.iter().map(scope).collect();
            if !scopes.is_empty() {
                header.push_str(&format!(",scope=\"{}\"", scopes.join(" ")));
            }
            if let Some(error) = error {
                header.push_str(&format!(",error=\"{error}\""));
            }
            header
        }
    };
    let detail = needs
        .iter()
        .map(|(name, action)| json!({"Type": "repository", "Name": name, "Action": action}))
        .collect();
    Response::registry_error(
        401,
        "UNAUTHORIZED",
        "authentication required",
        Value::Array(detail),
    )
    .with("WWW-Authenticate", header)
}

/// Answers a token request.
pub fn answer(world: &mut World, host: &str, request: &Request) -> Response {
    let id = world.new_guid();
    let Some(registry) = world.registries.get(host) else {
        return Response::empty(502);
    };
    let RegistryKind::Oci(settings) = &registry.kind else {
        return Response::empty(502);
    };
    let issue = |account| {
        let body = token_for(settings, host, account, request, world.now(), &id);
        Response::json(200, &body)
    };
    match (settings.login, request.method.as_str()) {
        (Login::Docker, "GET") => match request.basic_credentials() {
            None if settings.anonymous_tokens => issue(None),
            None => unauthenticated(),
            Some((user, password)) => match settings.account(&user, &password) {
                Some(account) => issue(Some(account)),
                None => incorrect(),
            },
        },
        (Login::OAuth2, "GET") if request.header("authorization").is_none() => {
            match settings.anonymous_tokens {
                true => issue(None),
                false => unauthenticated(),
            }
        }
        (Login::OAuth2, "POST") => match post_account(settings, request) {
            Some(account) => issue(Some(account)),
            None => incorrect(),
        },
        (Login::OAuth2, _) => Response::empty(405),
        (Login::Anonymous | Login::Basic | Login::Docker, _) => {
            Response::new(404, "text/plain; charset=utf-8", "404 page not found\n")
        }
    }
}

/// Returns the user of a POST with `grant_type` `password` or `refresh_token`.
fn post_account<'a>(settings: &'a OciSettings, request: &Request) -> Option<&'a Account> {
    let field = |name: &str| request.field(name).unwrap_or_default();
    match field("grant_type").as_str() {
        "password" => settings.account(&field("username"), &field("password")),
        "refresh_token" => {
            let given = field("refresh_token");
            let mut tokens = settings.refresh_tokens.iter();
            let (_, user) = tokens.find(|(token, _)| *token == given)?;
            let mut accounts = settings.accounts.iter();
            accounts.find(|account| account.user == *user)
        }
        _ => None,
    }
}

/// Returns the response's JSON with a token that has the allowed actions of the requested scopes.
fn token_for(
    settings: &OciSettings,
    host: &str,
    account: Option<&Account>,
    request: &Request,
    now: i64,
    id: &str,
) -> Value {
    let may_pull = account.is_some() || settings.anonymous_pull;
    let may_push = account.is_some_and(|account| account.may_push);
    let scopes = request.every("scope");
    let access: Vec<Value> = scopes
        .iter()
        .flat_map(|scope| scope.split(' '))
        .filter_map(|scope| {
            let (name, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
            let allowed = actions.split(',').filter(|action| match *action {
                "pull" => may_pull,
                _ => may_push,
            });
            let actions: Vec<&str> = allowed.collect();
            Some(json!({"type": "repository", "name": name, "actions": actions}))
        })
        .collect();
    let lifetime = settings.token_lifetime;
    let claims = json!({"aud": host, "iat": now, "nbf": now, "exp": now + lifetime,
        "sub": account.map(|account| &account.user), "access": access, "jti": id});
    let token = token::sign(&claims);
    let mut body = json!({"access_token": token, "expires_in": lifetime});
    if settings.login == Login::Docker {
        body["token"] = json!(token);
    }
    body
}

/// A tag list needs only `pull` here.
fn grants(claims: &Value, (repository, action): &Need) -> bool {
    token::grants(claims, &(repository.clone(), plain_action(action)))
}

fn scope((repository, action): &Need) -> String {
    let actions = match plain_action(action) {
        "push" => "pull,push",
        other => other,
    };
    format!("repository:{repository}:{actions}")
}

/// Returns the action of the distribution project's registry for ACR's action.
fn plain_action(action: &'static str) -> &'static str {
    match action {
        "metadata_read" => "pull",
        other => other,
    }
}

fn denied() -> Response {
    let message = "requested access to the resource is denied";
    Response::registry_error(403, "DENIED", message, Value::Null)
}

fn unauthenticated() -> Response {
    let message = "authentication required";
    Response::registry_error(401, "UNAUTHORIZED", message, Value::Null)
}

fn incorrect() -> Response {
    let message = "incorrect username or password";
    Response::registry_error(401, "UNAUTHORIZED", message, Value::Null)
}
