//! Where a user of the platform finds a secret, so that a next step can name it.
//!
//! Source: the platform's `RW_SECRETS_KEYS`, a map from the name of each secret to `<provider>@<path>`. It has no values.

use std::collections::BTreeMap;

use super::Variable;

/// The places of the secrets of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SecretPlaces(BTreeMap<String, String>);

impl SecretPlaces {
    /// Never a mistake: without a place, a message has the name of the variable.
    pub fn parse(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap_or_default())
    }

    /// The place of a secret, as the object of a sentence.
    pub fn of(&self, variable: &Variable) -> String {
        let key = self.0.get(variable.name).map(String::as_str);
        key.and_then(named)
            .unwrap_or_else(|| variable.name.to_owned())
    }
}

fn named(key: &str) -> Option<String> {
    let is_name = |text: &str| {
        !text.is_empty() && text.len() <= 253 && {
            let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            text.chars().all(is_part)
        }
    };
    let Some((provider, path)) = key.split_once('@') else {
        // Without a provider: the platform's own store.
        return is_name(key).then(|| format!("the workspace secret {key}"));
    };
    if !matches!(provider, "k8s:file" | "k8s:env") {
        return None;
    }
    let (resource, entry) = path.rsplit_once(':')?;
    let parts: Vec<_> = resource.split('/').collect();
    let (namespace, kind, name) = match parts[..] {
        [kind, name] => (None, kind, name),
        [namespace, kind, name] => (Some(namespace), kind, name),
        _ => return None,
    };
    if kind != "secret" || ![name, entry].into_iter().chain(namespace).all(is_name) {
        return None;
    }
    let namespace = namespace.map_or_else(String::new, |name| format!(" of namespace {name}"));
    Some(format!(
        "the Kubernetes secret {name}{namespace} (key {entry})"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::credentials::PLATFORM_PRINCIPAL;
    use super::super::variables::{AZURE_CREDENTIALS, DOCKER_TOKEN};
    use super::*;

    #[test]
    fn keys_of_the_platform_are_named_as_a_user_knows_them() {
        let places = SecretPlaces::parse(
            r#"{"az_clientSecret": "k8s:file@secret/azure-sp:clientSecret", "DOCKER_TOKEN": "hub_token",
                "az_tenantId": "k8s:file@runwhen/secret/azure-sp:tenantId", "azure_credentials": "azure:sp@cli"}"#,
        );
        for (variable, place) in [
            (
                PLATFORM_PRINCIPAL.secret,
                "the Kubernetes secret azure-sp (key clientSecret)",
            ),
            (
                PLATFORM_PRINCIPAL.tenant,
                "the Kubernetes secret azure-sp of namespace runwhen (key tenantId)",
            ),
            (DOCKER_TOKEN.variable, "the workspace secret hub_token"),
            (AZURE_CREDENTIALS.variable, "azure_credentials"),
            (PLATFORM_PRINCIPAL.client, "az_clientId"),
        ] {
            assert_eq!(places.of(&variable), place);
        }
    }

    #[test]
    fn other_texts_name_no_place() {
        for text in ["", "[]", "{", r#"{"az_clientSecret": 1}"#] {
            assert_eq!(SecretPlaces::parse(text), SecretPlaces::default(), "{text}");
        }
        for key in [
            "k8s:file@secret/azure-sp",
            "k8s:file@configmap/a:b",
            "file@/etc/secret",
            "k8s:file@a/b/secret/c:d",
            "a b",
            "AUTH DETAILS NOT FOUND",
        ] {
            assert_eq!(named(key), None, "{key}");
        }
    }
}
