//! The destination: an Azure Container Registry, or any other registry.

use super::azure;
use super::finding::Finding;
use super::known_destinations;
use super::machine::{refused_issuer, way};
use crate::config::{Config, RegistryCredentials, RegistryName, Target, TargetLogin};
use crate::destination::{Destination, PlainRegistry};
use crate::name::{Repository, Tag};
use crate::problem::Problem;
use crate::registry::RegistryClient;
use crate::report::Status;
use crate::wire::Wire;

/// The findings about the destination.
pub struct Examined {
    pub findings: Vec<Finding>,
    /// Whether the registry can be read.
    pub access: Access,
}

/// Whether the registry can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Readable,
    Refused,
}

pub const ACCESS: &str = "registry access";

pub async fn examine(
    config: &Config,
    target: &Target,
    destination: &Destination,
    wire: &Wire,
) -> Examined {
    let Target {
        registry: name,
        login,
    } = target;
    match (destination, login) {
        (Destination::Acr(acr), TargetLogin::Azure(login)) => {
            azure::examine(config, name, acr, login, wire).await
        }
        (
            Destination::Plain(registry),
            TargetLogin::Registry {
                credentials,
                origin,
            },
        ) => {
            let credentials = credentials_of_registry(credentials.as_ref(), origin);
            plain(config, name, registry, credentials, wire).await
        }
        // `Destination::all` derives the one from the other.
        (Destination::Acr(_), TargetLogin::Registry { .. })
        | (Destination::Plain(_), TargetLogin::Azure(_)) => Examined {
            findings: Vec::new(),
            access: Access::Refused,
        },
    }
}

fn credentials_of_registry(credentials: Option<&RegistryCredentials>, origin: &str) -> Finding {
    let kind = match credentials {
        Some(RegistryCredentials::Password(_)) => "user and password, from ",
        Some(RegistryCredentials::IdentityToken(_)) => "identity token, from ",
        None => "",
    };
    Finding::ok("credentials", format!("{kind}{origin}"))
}

async fn plain(
    config: &Config,
    name: &RegistryName,
    registry: &PlainRegistry,
    credentials: Finding,
    wire: &Wire,
) -> Examined {
    let repository = known_destinations(config).into_iter().next();
    let read = match registry.client() {
        Ok(client) => read(client, repository.as_ref()).await,
        Err(problem) => Err(problem),
    };
    let mut findings = vec![credentials, access(name.as_str(), &read, wire)];
    const COPY: &str = "permission to copy";
    let readable = match (&read, &repository) {
        (Ok(()), Some(repository)) => {
            findings.push(writable(COPY, registry, repository).await);
            Access::Readable
        }
        (Ok(()), None) => Access::Readable,
        (Err(_), _) => {
            findings.push(Finding::not_examined(COPY, ACCESS));
            Access::Refused
        }
    };
    Examined {
        findings,
        access: readable,
    }
}

/// What the registry's token permits, if the token names it.
async fn writable(what: &str, registry: &PlainRegistry, repository: &Repository) -> Finding {
    match registry.granted(repository).await {
        Ok(Some(actions)) if actions.contains("push") => {
            Finding::ok(what, "the registry's token permits push")
        }
        Ok(Some(actions)) => {
            let actions: Vec<_> = actions.iter().map(String::as_str).collect();
            let detail = format!(
                "the registry's token for {repository} permits only {}",
                actions.join(", ")
            );
            Finding::wrong(what, Status::AccessDenied, detail).fix(
                "let the account push to the repositories below REGISTRY_REPOSITORY_PATH, or use another account (REGISTRY_USERNAME)",
            )
        }
        Ok(None) => Finding::unexamined(
            what,
            "not known before the first copy, because the registry's login does not name permissions",
        ),
        Err(problem) => Finding::problem(what, &problem),
    }
}

/// The finding about the first request that reads the registry.
pub fn access(name: &str, read: &Result<(), Problem>, wire: &Wire) -> Finding {
    match read {
        Ok(()) => {
            let way = name.parse().map(|registry| way(wire, &registry));
            let finding = Finding::ok(ACCESS, format!("{name} can be read"));
            finding.and(&way.unwrap_or_default())
        }
        Err(problem) => Finding::problem(ACCESS, problem).and(&refused_issuer(wire, problem)),
    }
}

/// Reads a tag, which need not exist.
pub async fn read(client: &RegistryClient, repository: Option<&Repository>) -> Result<(), Problem> {
    let (Some(repository), Ok(tag)) = (repository, "latest".parse::<Tag>()) else {
        return Ok(());
    };
    client.digest_of(repository, &tag).await.map(drop)
}
