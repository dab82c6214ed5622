//! Reads the login that the Azure CLI stored in `AZURE_CONFIG_DIR`.
//!
//! `azureProfile.json` contains the identity that is logged in; `service_principal_entries.json` contains the secrets of
//! service principals (plain text on Linux). Logins of people are in a token cache that other programs cannot use.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Credentials, Found, Login, ManagedIdentity, mistake};
use crate::azure::check_certificate;
use crate::cloud::Cloud;
use crate::config::{Inputs, Mistake, variables};

const PROFILE: &str = "azureProfile.json";
const ENTRIES: &str = "service_principal_entries.json";

#[derive(Deserialize)]
struct PrincipalEntry {
    client_id: String,
    tenant: String,
    client_secret: Option<String>,
    certificate: Option<String>,
    client_assertion: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Profile {
    subscriptions: Vec<Subscription>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    id: String,
    #[serde(default)]
    tenant_id: String,
    #[serde(default)]
    is_default: bool,
    environment_name: Option<String>,
    #[serde(default)]
    user: User,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct User {
    name: String,
    r#type: String,
    assigned_identity_info: Option<String>,
}

/// The kind of the identity that is logged in.
enum LoggedIn {
    Principal,
    Machine(ManagedIdentity),
}

pub(super) fn login(inputs: &Inputs<'_>, passed_over: &mut Vec<String>) -> Found {
    let Some(folder) = inputs.get(&variables::AZURE_CONFIG_DIR).map(PathBuf::from) else {
        return Ok(None);
    };
    let profile: Option<Profile> = read(inputs, &folder, PROFILE)?;
    let subscriptions = profile.unwrap_or_default().subscriptions;
    let default = subscriptions
        .iter()
        .find(|subscription| subscription.is_default)
        .or(subscriptions.first());
    let entries: Option<Vec<PrincipalEntry>> = read(inputs, &folder, ENTRIES)?;
    let entries = entries.unwrap_or_default();
    if default.is_none() && entries.is_empty() {
        passed_over.push(format!(
            "{} does not contain a login",
            variables::AZURE_CONFIG_DIR.name
        ));
        return Ok(None);
    }
    let logged_in = default.map_or(Ok(LoggedIn::Principal), |s| s.user.logged_in())?;
    let mut login = match logged_in {
        LoggedIn::Machine(identity) => Login::new(
            Credentials::ManagedIdentity { identity },
            "managed identity that the Azure CLI logged in with",
        ),
        LoggedIn::Principal => Login::new(
            entry_of(entries, default)?.credentials(inputs)?,
            "service principal that the Azure CLI logged in with",
        ),
    };
    login.subscription = default.map(|subscription| subscription.id.clone());
    login.cloud = default.and_then(|s| Cloud::from_name(s.environment_name.as_deref()?));
    Ok(Some(login))
}

fn wrong(reason: impl Into<String>) -> Vec<Mistake> {
    vec![mistake(&variables::AZURE_CONFIG_DIR, reason)]
}

/// Reads a file of the folder; none if there is no such file.
fn read<T: DeserializeOwned>(
    inputs: &Inputs<'_>,
    folder: &Path,
    file: &str,
) -> Result<Option<T>, Vec<Mistake>> {
    let text = match (inputs.file)(&folder.join(file)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(format!("{file} in it cannot be read: {error}"))),
    };
    // The Azure CLI writes the profile with a byte order mark. The error's text is left out: it may contain a secret.
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        wrong(format!(
            "{file} in it is not what the Azure CLI writes (line {}, column {})",
            error.line(),
            error.column()
        ))
    })
}

impl User {
    fn logged_in(&self) -> Result<LoggedIn, Vec<Mistake>> {
        match (self.name.as_str(), self.r#type.as_str()) {
            ("systemAssignedIdentity", _) => Ok(LoggedIn::Machine(ManagedIdentity::System)),
            // `MSIClient-<id>`, `MSIObject-<id>`, `MSIResource-<id>` (azure-cli-core, _profile.py).
            ("userAssignedIdentity", _) => {
                let info = self.assigned_identity_info.as_deref().unwrap_or_default();
                let identity = match info.split_once('-') {
                    Some(("MSIClient", id)) => ManagedIdentity::Client(id.to_owned()),
                    Some(("MSIObject", id)) => ManagedIdentity::Object(id.to_owned()),
                    Some(("MSIResource", id)) => ManagedIdentity::Resource(id.to_owned()),
                    _ => {
                        return Err(wrong(format!(
                            "{PROFILE} in it does not name the user-assigned identity that is logged in"
                        )));
                    }
                };
                Ok(LoggedIn::Machine(identity))
            }
            (_, "user") => Err(wrong(
                "the Azure CLI is logged in as a person, whose login other programs cannot use: log in with `az login \
                 --service-principal` or `az login --identity`, or unset this variable",
            )),
            _ => Ok(LoggedIn::Principal),
        }
    }
}

/// Returns the entry of the service principal that is logged in, or the only entry if there is no profile.
fn entry_of(
    mut entries: Vec<PrincipalEntry>,
    default: Option<&Subscription>,
) -> Result<PrincipalEntry, Vec<Mistake>> {
    if let Some(subscription) = default {
        entries.retain(|entry| entry.client_id == subscription.user.name);
        // The entry may contain the tenant's domain and the profile its id, so the tenant only decides between several.
        if entries.len() > 1 {
            entries.retain(|entry| entry.tenant == subscription.tenant_id);
        }
    }
    let problem = match (entries.pop(), entries.is_empty()) {
        (Some(entry), true) => return Ok(entry),
        (Some(_), false) => {
            format!(
                "has several service principals, and {PROFILE} does not name the one that is logged in"
            )
        }
        (None, _) => format!("has no entry for the service principal of {PROFILE}"),
    };
    Err(wrong(format!(
        "{ENTRIES} in it {problem}: log in again with `az login --service-principal`"
    )))
}

impl PrincipalEntry {
    fn credentials(self, inputs: &Inputs<'_>) -> Result<Credentials, Vec<Mistake>> {
        let Self {
            client_id: client,
            tenant,
            client_secret,
            certificate,
            client_assertion,
        } = self;
        let given = |value: Option<String>| value.filter(|text| !text.trim().is_empty());
        if client.trim().is_empty() || tenant.trim().is_empty() {
            return Err(wrong(format!(
                "{ENTRIES} in it has an entry without a tenant or client"
            )));
        }
        if let Some(secret) = given(client_secret) {
            return Ok(Credentials::ClientSecret {
                tenant,
                client,
                secret: secret.into(),
            });
        }
        if let Some(path) = given(certificate) {
            let unusable = |reason: String| {
                wrong(format!(
                    "the certificate that {ENTRIES} names cannot be used: {reason}"
                ))
            };
            let pem = (inputs.file)(Path::new(&path)).map_err(|e| unusable(e.to_string()))?;
            check_certificate(&pem).map_err(unusable)?;
            return Ok(Credentials::ClientCertificate {
                tenant,
                client,
                pem: pem.into(),
            });
        }
        match given(client_assertion) {
            Some(assertion) => Ok(Credentials::ClientAssertion {
                tenant,
                client,
                assertion: assertion.into(),
            }),
            None => Err(wrong(format!(
                "{ENTRIES} in it has neither client_secret nor certificate nor client_assertion"
            ))),
        }
    }
}
