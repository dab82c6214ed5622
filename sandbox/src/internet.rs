//! The hosts of the simulated internet: which service answers a request, by host and path.
//!
//! Every service is a function of the [`World`] and a request.

use crate::message::{Request, Response};
use crate::registry::{BlobDelivery, Registry, RegistryKind, Transport};
use crate::world::{File, World};
use crate::{
    acr, acr_metadata, arm, blob_storage, catalog, distribution, entra, import, oci_login,
    token_service,
};
use std::time::Instant;

/// The service at a host.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Service {
    Entra,
    Arm,
    Catalog,
    Registry,
    Tokens { registry: String },
    BlobStorage { ranges: bool },
    Files,
}

/// True if the host name resolves.
#[must_use]
pub fn knows(world: &World, host: &str) -> bool {
    service(world, host).is_some()
}

/// True if the host speaks TLS in a tunnel. A registry with plain HTTP does not.
#[must_use]
pub fn has_tls(world: &World, host: &str) -> bool {
    let registry = world.registries.get(host);
    knows(world, host) && registry.is_none_or(|registry| registry.transport == Transport::Tls)
}

/// Returns the response of the service at this host; 502 for an unknown host.
pub fn answer(world: &mut World, host: &str, request: &Request) -> Response {
    import::advance(world);
    match service(world, host) {
        Some(Service::Entra) => entra::answer(world, host, request),
        Some(Service::Arm) => arm::answer(world, host, request),
        Some(Service::Catalog) => catalog::answer(world, request),
        Some(Service::Registry) => answer_registry(world, host, request),
        Some(Service::Tokens { registry }) => token_service::answer(world, &registry, request),
        Some(Service::BlobStorage { ranges }) => blob_storage::answer(world, host, ranges, request),
        Some(Service::Files) => answer_file(world, host, request),
        None => Response::new(502, "text/plain", format!("no such host: {host}\n")),
    }
}

/// Returns the response of the service at this host to a request with an expired or wrong credential.
pub fn unauthorized(world: &mut World, host: &str, request: &Request) -> Response {
    match service(world, host) {
        Some(Service::Arm) => arm::expired_token(world),
        Some(Service::Entra) => entra::invalid_secret(world, request),
        Some(
            Service::Catalog
            | Service::Registry
            | Service::Tokens { .. }
            | Service::BlobStorage { .. }
            | Service::Files,
        )
        | None => distribution::challenge_for(world, host, request),
    }
}

/// Returns the images that a request to ARM is about, for [`crate::fault::Fault::about`]: source and targets of an import for
/// its start, `login server/target` for the polls of its operation. Empty for every other request.
#[must_use]
pub fn subject(world: &World, host: &str, request: &Request) -> String {
    if !arm::HOSTS.contains(&host) {
        return String::new();
    }
    if request.path.ends_with("/importImage") {
        return String::from_utf8_lossy(&request.body).into_owned();
    }
    let mut operations = world.azure.operations.iter();
    let found = operations.find(|operation| request.path.ends_with(&operation.name));
    found.map_or_else(String::new, |operation| {
        let targets = operation.targets.iter();
        let targets = targets.map(|target| format!("{}/{target}", operation.login_server));
        targets.collect::<Vec<_>>().join(" ")
    })
}

fn service(world: &World, host: &str) -> Option<Service> {
    if entra::HOSTS.contains(&host) {
        return Some(Service::Entra);
    }
    if arm::HOSTS.contains(&host) {
        return Some(Service::Arm);
    }
    if host == catalog::HOST {
        return Some(Service::Catalog);
    }
    if world.registries.contains_key(host) {
        return Some(Service::Registry);
    }
    let mut registries = world.registries.values();
    registries
        .find_map(|registry| satellite(registry, host))
        .or_else(|| {
            let mut files = world.files.keys();
            files
                .any(|(file_host, _)| file_host == host)
                .then_some(Service::Files)
        })
}

/// Returns the service at this host if it belongs to a registry at another host.
fn satellite(registry: &Registry, host: &str) -> Option<Service> {
    if let RegistryKind::Token(settings) = &registry.kind
        && settings.realm_host == host
    {
        return Some(Service::Tokens {
            registry: registry.host.clone(),
        });
    }
    if let BlobDelivery::OtherHost { host: storage, .. } = &registry.blob_delivery
        && storage == host
    {
        return Some(Service::BlobStorage {
            ranges: registry.ranges,
        });
    }
    None
}

fn answer_registry(world: &mut World, host: &str, request: &Request) -> Response {
    if let Some(refusal) = refuse(world, host, request) {
        return refusal;
    }
    let Some(registry) = world.registries.get(host) else {
        return Response::empty(502);
    };
    match &registry.kind {
        RegistryKind::Azure(_) if request.path.starts_with("/oauth2/") => {
            acr::answer_oauth(world, host, request)
        }
        RegistryKind::Azure(_) if request.path.starts_with("/acr/v1/") => {
            acr_metadata::answer(world, host, request)
        }
        RegistryKind::Google(_) if request.path == "/v2/token" => {
            token_service::answer(world, host, request)
        }
        RegistryKind::Token(settings)
            if settings.realm_host == host && request.path == settings.realm_path =>
        {
            token_service::answer(world, host, request)
        }
        RegistryKind::Oci(_) if request.path == oci_login::TOKEN_PATH => {
            oci_login::answer(world, host, request)
        }
        RegistryKind::Google(_) if request.path.starts_with(blob_storage::SAME_HOST_PREFIX) => {
            let ranges = registry.ranges;
            blob_storage::answer(world, host, ranges, request)
        }
        RegistryKind::Google(_)
        | RegistryKind::Azure(_)
        | RegistryKind::Token(_)
        | RegistryKind::Oci(_) => distribution::answer(world, host, request),
    }
}

/// Checks the head of a PATCH or PUT of an upload, before its body is received. Returns the upload's ID.
pub fn admit_upload(world: &mut World, host: &str, request: &Request) -> Result<String, Response> {
    match refuse(world, host, request) {
        Some(refusal) => Err(refusal),
        None => distribution::admit_upload(world, host, request),
    }
}

/// Returns the refusal of a registry that does not depend on the request: by its firewall, or by its limit on requests.
fn refuse(world: &mut World, host: &str, request: &Request) -> Option<Response> {
    let registry = world.registries.get_mut(host)?;
    if let RegistryKind::Azure(settings) = &registry.kind
        && settings.firewall_closed
    {
        return Some(acr::firewall_refusal());
    }
    let is_limited = request.path.starts_with("/v2/") || request.path.starts_with("/acr/");
    let limit = registry.rate_limit.as_mut().filter(|_| is_limited)?;
    let seconds = limit.count(Instant::now())?;
    let refusal = Response::registry_error(
        429,
        "TOOMANYREQUESTS",
        "too many requests",
        serde_json::Value::Null,
    );
    Some(refusal.with("Retry-After", seconds.to_string()))
}

fn answer_file(world: &mut World, host: &str, request: &Request) -> Response {
    match world.file_logins.get(host) {
        Some(login) if request.basic_credentials().as_ref() != Some(login) => {
            return Response::new(401, "text/plain", "401 Unauthorized")
                .with("WWW-Authenticate", r#"Basic realm="charts""#);
        }
        None if request.header("authorization").is_some() => {
            let violation = format!("Authorization was sent to {host}: {}", request.path);
            world.violations.push(violation);
        }
        Some(_) | None => {}
    }
    match world.files.get(&(host.to_owned(), request.path.clone())) {
        Some(File::Content { media_type, body }) => Response::new(200, media_type, body.clone()),
        Some(File::Redirect { status, location }) => {
            Response::empty(*status).with("Location", location)
        }
        None => Response::new(
            404,
            "text/html; charset=utf-8",
            "<html><body>404: Not Found</body></html>",
        ),
    }
}
