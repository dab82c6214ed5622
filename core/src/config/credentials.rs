//! The Azure credentials that reach a process on the platform, in the order in which they are tried.
//!
//! 1. explicit variables, as Azure's tools name them or as the platform does;
//! 2. `azure_credentials`: JSON, `KEY=VALUE` lines, or the path of a file with either;
//! 3. workload identity;
//! 4. the login that the Azure CLI left in `AZURE_CONFIG_DIR`;
//! 5. managed identity, which can only be tried.
//!
//! The first complete one wins. A sentence of the platform ("Azure CLI authenticated for tenant …") in
//! `azure_credentials` is no credential and no error.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::{Inputs, variables as name};
use crate::azure::Cloud;

/// How this run proves to Entra who it is.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A service principal with a secret.
    ClientSecret {
        /// Directory (tenant) id or domain.
        tenant: String,
        /// Application id.
        client: String,
        /// The secret's value.
        secret: SecretString,
    },
    /// A service principal with a certificate and its private key, as PEM.
    ClientCertificate {
        /// Directory (tenant) id or domain.
        tenant: String,
        /// Application id.
        client: String,
        /// Private key and certificate, as `az login --certificate` takes them.
        pem: SecretString,
    },
    /// A service principal with a signed assertion that somebody else made.
    ClientAssertion {
        /// Directory (tenant) id or domain.
        tenant: String,
        /// Application id.
        client: String,
        /// The assertion, a JWT.
        assertion: SecretString,
    },
    /// A Kubernetes service account that Entra trusts.
    WorkloadIdentity {
        /// Directory (tenant) id or domain.
        tenant: String,
        /// Application id.
        client: String,
        /// The projected service account token.
        token_file: PathBuf,
    },
    /// The identity of the machine, from its metadata service.
    ManagedIdentity {
        /// Which one, when it is not the system's.
        identity: ManagedIdentity,
    },
}

/// Which of a machine's managed identities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManagedIdentity {
    /// The system-assigned one, or the only one.
    System,
    /// A user-assigned one, by client id.
    Client(String),
    /// A user-assigned one, by object id.
    Object(String),
    /// A user-assigned one, by resource id.
    Resource(String),
}

/// The credentials that were found, where, and what they say besides.
#[derive(Clone, Debug)]
pub struct Login {
    /// The credentials.
    pub credentials: Credentials,
    /// Where they were found, for the log.
    pub origin: String,
    /// The subscription that came with them.
    pub subscription: Option<String>,
    /// The cloud that came with them.
    pub cloud: Option<Cloud>,
    /// What was looked at and could not be used, with the reason.
    pub passed_over: Vec<String>,
}

impl Login {
    fn new(credentials: Credentials, origin: impl Into<String>) -> Self {
        Self {
            credentials,
            origin: origin.into(),
            subscription: None,
            cloud: None,
            passed_over: Vec::new(),
        }
    }
}

/// Finds the first complete credentials.
pub(super) fn find(inputs: &Inputs<'_>) -> Login {
    let mut passed_over = Vec::new();
    let found = explicit(inputs, &mut passed_over)
        .or_else(|| from_secret(inputs, &mut passed_over))
        .or_else(|| workload_identity(inputs, &mut passed_over))
        .or_else(|| cli_login(inputs, &mut passed_over));
    let mut login = found.unwrap_or_else(|| {
        let identity = inputs
            .get(name::EXPLICIT[0][1])
            .map_or(ManagedIdentity::System, ManagedIdentity::Client);
        Login::new(
            Credentials::ManagedIdentity { identity },
            "managed identity of this machine",
        )
    });
    login.passed_over = passed_over;
    login
}

fn explicit(inputs: &Inputs<'_>, passed_over: &mut Vec<String>) -> Option<Login> {
    for [tenant, client, secret, subscription] in name::EXPLICIT {
        let found = (inputs.get(tenant), inputs.get(client), inputs.get(secret));
        if let (Some(tenant), Some(client), Some(value)) = found {
            let credentials = Credentials::ClientSecret {
                tenant,
                client,
                secret: value.into(),
            };
            let mut login = Login::new(credentials, format!("service principal of {secret}"));
            login.subscription = inputs.get(subscription);
            return Some(login);
        }
        // Tenant and client alone belong to a workload or managed identity; a secret alone is a slip.
        if inputs.get(secret).is_some() {
            let missing: Vec<_> = [tenant, client]
                .into_iter()
                .filter(|name| inputs.get(name).is_none())
                .collect();
            passed_over.push(format!("{secret} is set, {} is not", missing.join(" and ")));
        }
    }
    None
}

fn from_secret(inputs: &Inputs<'_>, passed_over: &mut Vec<String>) -> Option<Login> {
    let variable = name::AZURE_CREDENTIALS;
    let text = inputs.get(variable)?;
    let (text, origin) = if looks_like_path(&text) {
        match (inputs.file)(Path::new(&text)) {
            Ok(content) => (content, format!("file named by {variable}")),
            Err(error) => {
                passed_over.push(format!(
                    "the file named by {variable} could not be read: {error}"
                ));
                return None;
            }
        }
    } else {
        (text, variable.to_owned())
    };
    let fields = Fields::parse(&text);
    let Some((tenant, client, secret)) = fields.principal() else {
        passed_over.push(format!(
            "{origin} holds no complete service principal ({})",
            fields.missing()
        ));
        return None;
    };
    let credentials = Credentials::ClientSecret {
        tenant,
        client,
        secret: secret.into(),
    };
    let mut login = Login::new(credentials, origin);
    login.subscription = fields.subscription;
    Some(login)
}

fn workload_identity(inputs: &Inputs<'_>, passed_over: &mut Vec<String>) -> Option<Login> {
    let file = inputs.get(name::AZURE_FEDERATED_TOKEN_FILE)?;
    let [tenant, client, _, subscription] = name::EXPLICIT[0];
    let (Some(tenant), Some(client)) = (inputs.get(tenant), inputs.get(client)) else {
        passed_over.push(format!(
            "{} is set, {tenant} or {client} is not",
            name::AZURE_FEDERATED_TOKEN_FILE
        ));
        return None;
    };
    let credentials = Credentials::WorkloadIdentity {
        tenant,
        client,
        token_file: file.into(),
    };
    let mut login = Login::new(credentials, "workload identity");
    login.subscription = inputs.get(subscription);
    Some(login)
}

/// One line of `service_principal_entries.json`.
#[derive(Deserialize)]
struct PrincipalEntry {
    client_id: String,
    tenant: String,
    client_secret: Option<String>,
    certificate: Option<String>,
    client_assertion: Option<String>,
}

/// What `azureProfile.json` says of a subscription.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProfileSubscription {
    id: String,
    #[serde(default)]
    tenant_id: String,
    #[serde(default)]
    is_default: bool,
    environment_name: Option<String>,
    #[serde(default)]
    user: ProfileUser,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ProfileUser {
    name: String,
    assigned_identity_info: Option<String>,
}

fn cli_login(inputs: &Inputs<'_>, passed_over: &mut Vec<String>) -> Option<Login> {
    let folder = PathBuf::from(inputs.get(name::AZURE_CONFIG_DIR)?);
    let subscriptions = profile(inputs, &folder, passed_over);
    let default = subscriptions
        .iter()
        .find(|s| s.is_default)
        .or(subscriptions.first());
    let mut login = default
        .and_then(|s| managed_identity(&s.user))
        .map(|identity| {
            Login::new(
                Credentials::ManagedIdentity { identity },
                "managed identity that the Azure CLI logged in with",
            )
        })
        .or_else(|| cli_principal(inputs, &folder, default, passed_over))?;
    let tenant = match &login.credentials {
        Credentials::ClientSecret { tenant, .. }
        | Credentials::ClientCertificate { tenant, .. }
        | Credentials::ClientAssertion { tenant, .. }
        | Credentials::WorkloadIdentity { tenant, .. } => Some(tenant.as_str()),
        Credentials::ManagedIdentity { .. } => None,
    };
    let own = default
        .filter(|s| tenant.is_none_or(|tenant| s.tenant_id.is_empty() || s.tenant_id == tenant));
    login.subscription = own.map(|s| s.id.clone());
    login.cloud = own.and_then(|s| Cloud::from_name(s.environment_name.as_deref()?));
    Some(login)
}

fn profile(
    inputs: &Inputs<'_>,
    folder: &Path,
    passed_over: &mut Vec<String>,
) -> Vec<ProfileSubscription> {
    #[derive(Deserialize)]
    struct Profile {
        #[serde(default)]
        subscriptions: Vec<ProfileSubscription>,
    }
    let Ok(text) = (inputs.file)(&folder.join("azureProfile.json")) else {
        return Vec::new();
    };
    // The Azure CLI writes this file with a byte order mark.
    match serde_json::from_str::<Profile>(text.trim_start_matches('\u{feff}')) {
        Ok(profile) => profile.subscriptions,
        Err(error) => {
            passed_over.push(format!(
                "azureProfile.json in AZURE_CONFIG_DIR could not be read: {error}"
            ));
            Vec::new()
        }
    }
}

fn managed_identity(user: &ProfileUser) -> Option<ManagedIdentity> {
    match user.name.as_str() {
        "systemAssignedIdentity" => Some(ManagedIdentity::System),
        // `MSIClient-<id>`, `MSIObject-<id>`, `MSIResource-<id>` (azure-cli-core, _profile.py).
        "userAssignedIdentity" => {
            let info = user.assigned_identity_info.as_deref().unwrap_or_default();
            Some(match info.split_once('-') {
                Some(("MSIClient", id)) => ManagedIdentity::Client(id.to_owned()),
                Some(("MSIObject", id)) => ManagedIdentity::Object(id.to_owned()),
                Some(("MSIResource", id)) => ManagedIdentity::Resource(id.to_owned()),
                _ => ManagedIdentity::System,
            })
        }
        _ => None,
    }
}

fn cli_principal(
    inputs: &Inputs<'_>,
    folder: &Path,
    default: Option<&ProfileSubscription>,
    passed_over: &mut Vec<String>,
) -> Option<Login> {
    let file = "service_principal_entries.json";
    let text = match (inputs.file)(&folder.join(file)) {
        Ok(text) => text,
        Err(error) => {
            passed_over.push(format!(
                "{file} in AZURE_CONFIG_DIR could not be read: {error}"
            ));
            return None;
        }
    };
    let entries: Vec<PrincipalEntry> =
        match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
            Ok(entries) => entries,
            Err(error) => {
                passed_over.push(format!(
                    "{file} in AZURE_CONFIG_DIR is not what the Azure CLI writes: {error}"
                ));
                return None;
            }
        };
    let is_default = |entry: &PrincipalEntry| {
        default.is_some_and(|s| {
            s.user.name == entry.client_id
                && (s.tenant_id.is_empty() || s.tenant_id == entry.tenant)
        })
    };
    let position = entries
        .iter()
        .position(is_default)
        .or((!entries.is_empty()).then_some(0))?;
    let PrincipalEntry {
        client_id: client,
        tenant,
        client_secret,
        certificate,
        client_assertion,
    } = entries.into_iter().nth(position)?;
    let credentials = if let Some(secret) = client_secret {
        Credentials::ClientSecret {
            tenant,
            client,
            secret: secret.into(),
        }
    } else if let Some(path) = certificate {
        match (inputs.file)(Path::new(&path)) {
            Ok(pem) => Credentials::ClientCertificate {
                tenant,
                client,
                pem: pem.into(),
            },
            Err(error) => {
                passed_over.push(format!(
                    "the certificate that {file} names could not be read: {error}"
                ));
                return None;
            }
        }
    } else if let Some(assertion) = client_assertion {
        Credentials::ClientAssertion {
            tenant,
            client,
            assertion: assertion.into(),
        }
    } else {
        passed_over.push(format!(
            "{file} holds neither client_secret nor certificate nor client_assertion"
        ));
        return None;
    };
    Some(Login::new(
        credentials,
        "service principal that the Azure CLI logged in with",
    ))
}

/// The fields of a service principal, however they are written.
#[derive(Default)]
struct Fields {
    tenant: Option<String>,
    client: Option<String>,
    secret: Option<String>,
    subscription: Option<String>,
}

impl Fields {
    fn parse(text: &str) -> Self {
        let mut fields = Self::default();
        let text = text.trim_start_matches('\u{feff}').trim();
        if let Ok(Value::Object(object)) = serde_json::from_str(text) {
            for (key, value) in &object {
                if let Value::String(value) = value {
                    fields.put(key, value);
                }
            }
            return fields;
        }
        for line in text.lines() {
            let line = line
                .trim()
                .trim_start_matches("export ")
                .trim_start_matches("set ");
            if let Some((key, value)) = line.split_once('=') {
                fields.put(key.trim(), unquoted(value.trim()));
            }
        }
        fields
    }

    /// `AZURE_TENANT_ID`, `az_tenantId`, `tenantId` and `tenant` all mean the same.
    fn put(&mut self, key: &str, value: &str) {
        let key = key.to_ascii_lowercase().replace(['_', '-'], "");
        let key = key
            .strip_prefix("azure")
            .or(key.strip_prefix("az"))
            .unwrap_or(&key);
        let field = match key {
            "tenant" | "tenantid" => &mut self.tenant,
            "client" | "clientid" | "appid" => &mut self.client,
            "clientsecret" | "secret" | "password" => &mut self.secret,
            "subscription" | "subscriptionid" => &mut self.subscription,
            _ => return,
        };
        if !value.trim().is_empty() {
            *field = Some(value.trim().to_owned());
        }
    }

    fn principal(&self) -> Option<(String, String, String)> {
        Some((
            self.tenant.clone()?,
            self.client.clone()?,
            self.secret.clone()?,
        ))
    }

    fn missing(&self) -> String {
        let parts = [
            ("tenant", &self.tenant),
            ("client id", &self.client),
            ("client secret", &self.secret),
        ];
        let names: Vec<_> = parts
            .iter()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| *name)
            .collect();
        format!("no {}", names.join(", no "))
    }
}

fn unquoted(text: &str) -> &str {
    ['"', '\'']
        .iter()
        .find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))
        .unwrap_or(text)
}

fn looks_like_path(text: &str) -> bool {
    let one_line = !text.contains('\n') && text.len() < 4096;
    one_line && (text.starts_with('/') || text.starts_with("./") || text.starts_with("../"))
}

#[cfg(test)]
mod tests;
