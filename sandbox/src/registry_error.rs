//! Error responses of registries, with the texts of each service.

use crate::content::Digest;
use crate::message::Response;
use crate::registry::{Registry, RegistryKind};
use serde_json::{Value, json};

/// ACR's text for a change to a locked tag, repository or image; recorded in azure-sdk-for-net#22827.
pub const DISALLOWED: &str = "The operation is disallowed on this registry, repository or image. View troubleshooting \
    steps at https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation";

/// Returns ACR's refusal to change a locked tag, repository or image.
pub fn disallowed() -> Response {
    Response::registry_error(405, "REGISTRY_DISALLOWED_OPERATION", DISALLOWED, json!({}))
}

/// Returns the registry's `NAME_UNKNOWN`.
pub fn name_unknown(registry: &Registry, repository: &str) -> Response {
    let (message, detail) = match registry.kind {
        RegistryKind::Google(_) => (
            format!("Repository \"{repository}\" not found"),
            Value::Null,
        ),
        RegistryKind::Azure(_) => (
            format!("repository \"{repository}\" is not found"),
            json!({"name": repository}),
        ),
        RegistryKind::Token(_) | RegistryKind::Oci(_) => (
            "repository name not known to registry".to_owned(),
            json!({"name": repository}),
        ),
    };
    Response::registry_error(404, "NAME_UNKNOWN", &message, detail)
}

/// Returns the registry's `MANIFEST_UNKNOWN`.
pub fn manifest_unknown(registry: &Registry, repository: &str, reference: &str) -> Response {
    let (message, detail) = match registry.kind {
        RegistryKind::Google(_) => (format!("Failed to fetch \"{reference}\""), Value::Null),
        RegistryKind::Azure(_) => {
            let (kind, detail) = match Digest::parse(reference) {
                Some(_) => ("sha", json!({"Name": repository, "Revision": reference})),
                None => ("tagged by", json!({"Name": repository, "Tag": reference})),
            };
            let message = format!("manifest {kind} \"{reference}\" is not found");
            (message, detail)
        }
        RegistryKind::Token(_) | RegistryKind::Oci(_) => {
            ("manifest unknown".to_owned(), json!({"Tag": reference}))
        }
    };
    Response::registry_error(404, "MANIFEST_UNKNOWN", &message, detail)
}
