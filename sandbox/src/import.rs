//! ARM's `importImage`: the long-running operation, and its copy of the image inside the sandbox.
//!
//! The responses are like those recorded from the real service: 202 with an empty body and a signed `Location` of nearly 5 kB, a
//! new `Location` at every poll, 200 `{"status":"Succeeded"}` at the end, and a failure as a 4xx of the poll whose message
//! begins with "Operation … failed. Resource …" (Azure/acr#181, #457; azure-cli#10938).

use crate::arm_error;
use crate::azure::{
    ImportFailure, ImportOperation, ImportResult, Permission, Principal, RegistryResource,
};
use crate::content::Digest;
use crate::import_failure;
use crate::manifest_upload;
use crate::message::{Request, Response};
use crate::oci_registry::Login;
use crate::registry::{ManifestEntry, RegistryKind, Repository, split_reference};
use crate::registry_error;
use crate::token;
use crate::world::World;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The largest number of manifests of an image that ACR imports.
const LARGEST_IMAGE: usize = 50;

/// Answers `POST …/importImage`.
pub fn start(
    world: &mut World,
    host: &str,
    principal: &Principal,
    registry: &RegistryResource,
    request: &Request,
) -> Response {
    if !principal.permissions.contains(&Permission::ImportImage) {
        let action = "Microsoft.ContainerRegistry/registries/importImage/action";
        return arm_error::authorization_failed(principal, action, &registry.id());
    }
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
        return arm_error::error(
            400,
            "InvalidRequestContent",
            "The request content was invalid and could not be deserialized.",
        );
    };
    let (source_host, source_image, targets) = match parse(world, &body) {
        Ok(parts) => parts,
        Err(message) => return arm_error::error(400, "InvalidParameters", &message),
    };
    if let Some(busy) = targets
        .iter()
        .find(|target| is_busy(world, registry, target))
    {
        let message = format!("The target '{busy}' is being imported by another operation.");
        return arm_error::error(409, "Conflict", &message);
    }
    let names = format!("{source_host}/{source_image} {}", targets.join(" "));
    let (result, duration) = pick_rule(world, &names);
    let late = match result {
        ImportResult::Late { milliseconds } => Duration::from_millis(milliseconds),
        _ => Duration::ZERO,
    };
    let done_at = Instant::now() + duration;
    let operation = ImportOperation {
        name: format!("registries-{}", world.new_guid()),
        registry: registry.id(),
        login_server: registry.login_server.clone(),
        source_host,
        source_image,
        source_credentials: credentials(&body["source"]["credentials"]),
        targets,
        force: body["mode"] == "Force",
        result,
        content_at: done_at + late,
        ends_at: done_at + world.azure.imports.lag,
        applied: false,
        polls: 0,
    };
    let location = location(host, registry, &operation.name, 0);
    world.azure.operations.push(operation);
    Response::empty(202)
        .with("Location", location)
        .with("Retry-After", world.azure.imports.retry_after.to_string())
}

/// Answers a poll of the operation.
pub fn poll(world: &mut World, host: &str, name: &str, request: &Request) -> Response {
    let Some(operation) = world
        .azure
        .operations
        .iter_mut()
        .find(|operation| operation.name.eq_ignore_ascii_case(name))
    else {
        return arm_error::error(
            404,
            "NotFound",
            &format!("The operation '{name}' was not found."),
        );
    };
    let time = request.parameter("t").unwrap_or_default();
    let signature = token::signature(&format!("{} {time}", operation.name));
    if request.parameter("s") != Some(signature) {
        return arm_error::error(
            403,
            "InvalidSignature",
            "The signature of the operation's address is not valid.",
        );
    }
    operation.polls += 1;
    let operation = operation.clone();
    if Instant::now() < operation.ends_at || operation.result == ImportResult::Hang {
        pending(world, host, &operation)
    } else {
        ended(&operation)
    }
}

/// Returns the response for a running operation. It contains the URL of the next poll.
fn pending(world: &World, host: &str, operation: &ImportOperation) -> Response {
    let registries = &world.azure.registries;
    let Some(registry) = registries
        .iter()
        .find(|registry| registry.id() == operation.registry)
    else {
        return arm_error::error(
            404,
            "NotFound",
            "The registry of the operation was not found.",
        );
    };
    let targets = operation
        .targets
        .iter()
        .map(|target| (target.as_str(), "Pending"));
    let body: BTreeMap<&str, &str> = targets.chain([("status", "Accepted")]).collect();
    Response::json(202, &json!(body))
        .with(
            "Location",
            location(host, registry, &operation.name, operation.polls),
        )
        .with("Retry-After", world.azure.imports.retry_after.to_string())
}

/// Returns the response for a finished operation.
fn ended(operation: &ImportOperation) -> Response {
    match &operation.result {
        ImportResult::Fail(failure) | ImportResult::FailAndArrive(failure) => {
            let (status, code, cause) =
                import_failure::response_parts(failure, &operation.source_image);
            let (name, registry) = (&operation.name, &operation.registry);
            let message = format!("Operation {name} failed. Resource {registry} {cause}");
            arm_error::error(status, &code, &message)
        }
        ImportResult::Cancel => Response::json(200, &json!({"status": "Canceled"})),
        ImportResult::Succeed
        | ImportResult::Late { .. }
        | ImportResult::Hang
        | ImportResult::OtherDigest
        | ImportResult::Dangling
        | ImportResult::Nothing => Response::json(200, &json!({"status": "Succeeded"})),
    }
}

/// Copies the images of all imports whose time has passed.
pub fn advance(world: &mut World) {
    let now = Instant::now();
    for at in 0..world.azure.operations.len() {
        let operation = &world.azure.operations[at];
        let waits = operation.applied || now < operation.content_at;
        if waits || matches!(operation.result, ImportResult::Hang) {
            continue;
        }
        let operation = operation.clone();
        let failure = match &operation.result {
            ImportResult::Succeed
            | ImportResult::FailAndArrive(_)
            | ImportResult::Late { .. }
            | ImportResult::OtherDigest
            | ImportResult::Dangling => copy(world, &operation).err(),
            ImportResult::Fail(_)
            | ImportResult::Cancel
            | ImportResult::Hang
            | ImportResult::Nothing => None,
        };
        let operation = &mut world.azure.operations[at];
        operation.applied = true;
        if let Some(failure) = failure {
            operation.result = ImportResult::Fail(failure);
        }
    }
}

/// True if ARM refuses this target because another import of it is running.
fn is_busy(world: &World, registry: &RegistryResource, target: &String) -> bool {
    let mut operations = world.azure.operations.iter();
    world.azure.imports.exclusive
        && operations.any(|operation| {
            operation.registry == registry.id()
                && operation.targets.contains(target)
                && Instant::now() < operation.ends_at
        })
}

fn parse(world: &World, body: &Value) -> Result<(String, String, Vec<String>), String> {
    let source = &body["source"];
    let image = source["sourceImage"]
        .as_str()
        .filter(|image| !image.is_empty());
    let image = image.ok_or("The parameter source.sourceImage is required.")?;
    let host = match (
        source["registryUri"].as_str(),
        source["resourceId"].as_str(),
    ) {
        (Some(uri), None) => uri.to_ascii_lowercase(),
        (None, Some(id)) => {
            let found = world
                .azure
                .registries
                .iter()
                .find(|registry| registry.id().eq_ignore_ascii_case(id));
            found
                .map(|registry| registry.login_server.clone())
                .ok_or(format!("The registry '{id}' was not found."))?
        }
        _ => {
            return Err(
                "Exactly one of source.registryUri and source.resourceId is required.".into(),
            );
        }
    };
    let strings = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let targets = strings(&body["targetTags"]);
    if targets.is_empty() && strings(&body["untaggedTargetRepositories"]).is_empty() {
        return Err(
            "At least one of targetTags and untaggedTargetRepositories is required.".into(),
        );
    }
    if let Some(bad) = targets
        .iter()
        .find(|target| !target.contains(':') || target.contains('@'))
    {
        return Err(format!("The target tag '{bad}' is not valid."));
    }
    Ok((host, image.to_owned(), targets))
}

fn credentials(value: &Value) -> Option<(String, String)> {
    Some((
        value["username"].as_str()?.to_owned(),
        value["password"].as_str()?.to_owned(),
    ))
}

fn pick_rule(world: &mut World, names: &str) -> (ImportResult, Duration) {
    let usual = world.azure.imports.duration;
    let rule = world
        .azure
        .imports
        .rules
        .iter_mut()
        .find(|rule| names.contains(&rule.contains) && rule.times != Some(0));
    let Some(rule) = rule else {
        return (ImportResult::Succeed, usual);
    };
    if let Some(times) = &mut rule.times {
        *times -= 1;
    }
    (
        rule.result.clone(),
        rule.duration_milliseconds
            .map_or(usual, Duration::from_millis),
    )
}

/// Returns the signed URL of an operation. Like the real one, it is this long because it contains a certificate chain.
fn location(host: &str, registry: &RegistryResource, name: &str, polls: u32) -> String {
    let time = format!("6389{polls:014}");
    let certificate = token::signature(&registry.login_server).repeat(100);
    let signature = token::signature(&format!("{name} {time}"));
    let hash = token::signature(name);
    format!(
        "https://{host}/subscriptions/{}/providers/Microsoft.ContainerRegistry/locations/{}/operationResults/{name}\
         ?api-version=2023-07-01&t={time}&c={certificate}&s={signature}&h={hash}",
        registry.subscription,
        registry.location.to_uppercase(),
    )
}

fn copy(world: &mut World, operation: &ImportOperation) -> Result<(), ImportFailure> {
    let (name, reference) = split_reference(&operation.source_image);
    let source = source_repository(world, operation, &name)?;
    let digest = source
        .resolve(&reference)
        .ok_or(ImportFailure::SourceNotFound)?;
    let mut picked = Repository::default();
    let digest = match operation.result {
        ImportResult::OtherDigest => other_digest(source, &digest).unwrap_or(digest),
        ImportResult::Dangling => {
            let missing = Digest::of(digest.as_str().as_bytes());
            return add_to_targets(world, operation, &missing, &picked);
        }
        ImportResult::Succeed
        | ImportResult::Fail(_)
        | ImportResult::FailAndArrive(_)
        | ImportResult::Late { .. }
        | ImportResult::Cancel
        | ImportResult::Hang
        | ImportResult::Nothing => digest,
    };
    collect(world, source, &digest, &mut picked)?;
    if picked.manifests.len() > LARGEST_IMAGE {
        let cause = format!("The image has more than {LARGEST_IMAGE} manifests.");
        return Err(ImportFailure::Other {
            status: 400,
            code: "InvalidParameters".into(),
            cause,
        });
    }
    add_to_targets(world, operation, &digest, &picked)
}

/// Returns the source repository if the source registry lets Azure pull from it.
fn source_repository<'a>(
    world: &'a World,
    operation: &ImportOperation,
    name: &str,
) -> Result<&'a Repository, ImportFailure> {
    let source_host = if operation.source_host == "docker.io" {
        "registry-1.docker.io"
    } else {
        &operation.source_host
    };
    let registry = world
        .registries
        .get(source_host)
        .ok_or(ImportFailure::UnexpectedStatus)?;
    let given = operation.source_credentials.as_ref();
    let allowed = match &registry.kind {
        RegistryKind::Token(settings) => match given {
            Some(given) => settings.accounts.contains(given),
            None => settings.anonymous_pull,
        },
        RegistryKind::Oci(settings) => match given {
            Some((user, password)) => settings.account(user, password).is_some(),
            None => settings.login == Login::Anonymous || settings.anonymous_pull,
        },
        RegistryKind::Google(_) | RegistryKind::Azure(_) => true,
    };
    if !allowed {
        return Err(ImportFailure::SourceUnauthorized);
    }
    if !registry.ranges {
        return Err(ImportFailure::RangesNotSupported);
    }
    registry
        .repositories
        .get(name)
        .ok_or(ImportFailure::SourceNotFound)
}

/// Adds the collected content to every target repository and points the target tags at a digest.
fn add_to_targets(
    world: &mut World,
    operation: &ImportOperation,
    digest: &Digest,
    picked: &Repository,
) -> Result<(), ImportFailure> {
    let now = world.now();
    let registry = world
        .registries
        .get_mut(&operation.login_server)
        .ok_or(ImportFailure::UnexpectedStatus)?;
    for target in &operation.targets {
        let (name, tag) = split_reference(target);
        let existing = registry
            .repositories
            .get(&name)
            .and_then(|repository| repository.tags.get(&tag));
        if existing.is_some() && !operation.force {
            let cause = format!("Tag {target} already exists in target registry.");
            return Err(ImportFailure::Other {
                status: 409,
                code: "Conflict".into(),
                cause,
            });
        }
        if existing.is_some_and(|entry| entry.locked) {
            let cause = registry_error::DISALLOWED.to_owned();
            return Err(ImportFailure::Other {
                status: 405,
                code: "MethodNotAllowed".into(),
                cause,
            });
        }
    }
    for target in &operation.targets {
        let (name, tag) = split_reference(target);
        let repository = registry.repository(&name);
        repository.blobs.extend(picked.blobs.iter().cloned());
        repository
            .manifests
            .extend(picked.manifests.iter().map(|(digest, entry)| {
                (
                    digest.clone(),
                    ManifestEntry {
                        uploaded: now,
                        ..entry.clone()
                    },
                )
            }));
        repository.set_tag(&tag, digest, now);
    }
    Ok(())
}

/// Collects a manifest, its children and all their blobs. ACR does not import referrers.
fn collect(
    world: &World,
    source: &Repository,
    digest: &Digest,
    picked: &mut Repository,
) -> Result<(), ImportFailure> {
    let entry = source
        .manifests
        .get(digest)
        .ok_or(ImportFailure::SourceNotFound)?;
    let body = world
        .store
        .get(digest)
        .ok_or(ImportFailure::SourceNotFound)?;
    picked.manifests.insert(digest.clone(), entry.clone());
    let manifest: Value =
        serde_json::from_slice(&body).map_err(|_| ImportFailure::UnexpectedStatus)?;
    for (reference, is_manifest) in manifest_upload::references(&manifest) {
        if is_manifest {
            collect(world, source, &reference, picked)?;
        } else if source.blobs.contains(&reference) {
            picked.blobs.insert(reference);
        } else {
            return Err(ImportFailure::CopyingBlobs);
        }
    }
    Ok(())
}

fn other_digest(source: &Repository, digest: &Digest) -> Option<Digest> {
    let mut others = source.tags.values().map(|entry| &entry.digest);
    others.find(|other| *other != digest).cloned()
}
