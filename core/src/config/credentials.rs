//! The Azure credentials that reach a process on the platform, in the order in which they are read.
//!
//! 1. explicit variables, as Azure's tools name them or as the platform does;
//! 2. `azure_credentials`: JSON, `KEY=VALUE` lines, or the path of a file with either;
//! 3. workload identity;
//! 4. the login that the Azure CLI left in `AZURE_CONFIG_DIR`;
//! 5. managed identity, which can only be tried.
//!
//! The first form that is begun is used. If it is incomplete or cannot be read, that is a mistake: with the next form
//! the run would continue as another identity. Two variables begin no form by themselves: `AZURE_CLIENT_ID` may choose
//! a managed identity, and `AZURE_TENANT_ID` may accompany it.

mod azure_cli;
mod principal_text;

use std::path::Path;

use super::{Inputs, Mistake, variables as name};
use crate::azure::{Credentials, Login, ManagedIdentity};
use principal_text::PrincipalText;

/// What a form holds: a login, nothing (the next form is read), or mistakes.
type Found = Result<Option<Login>, Vec<Mistake>>;

/// Reads the first form that is begun.
///
/// # Errors
/// The mistakes in that form.
pub(super) fn find(inputs: &Inputs<'_>) -> Result<Login, Vec<Mistake>> {
    let forms: [fn(&Inputs<'_>, &mut Vec<String>) -> Found; 4] =
        [explicit, from_secret, workload_identity, azure_cli::login];
    let mut passed_over = Vec::new();
    for form in forms {
        if let Some(login) = form(inputs, &mut passed_over)? {
            return Ok(Login {
                passed_over,
                ..login
            });
        }
    }
    let login = machine(inputs, &mut passed_over);
    Ok(Login {
        passed_over,
        ..login
    })
}

fn mistake(variable: &'static str, reason: impl Into<String>) -> Mistake {
    Mistake::new(variable, None, reason)
}

/// One mistake for each of these variables that is not set.
fn missing<const N: usize>(
    inputs: &Inputs<'_>,
    required: [&'static str; N],
    given: &str,
) -> Vec<Mistake> {
    let is_missing = |name: &&'static str| inputs.get(name).is_none();
    let names = required.into_iter().filter(is_missing);
    names
        .map(|name| mistake(name, format!("it is required, because {given} is set")))
        .collect()
}

fn explicit(inputs: &Inputs<'_>, _: &mut Vec<String>) -> Found {
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
            return Ok(Some(login));
        }
        // The platform's names have no other use; Azure's own may belong to a workload or managed identity.
        let beginnings: &[_] = if tenant == name::EXPLICIT[0][0] {
            &[secret]
        } else {
            &[secret, client, tenant]
        };
        if let Some(begun) = beginnings.iter().find(|name| inputs.get(name).is_some()) {
            return Err(missing(inputs, [tenant, client, secret], begun));
        }
    }
    Ok(None)
}

fn from_secret(inputs: &Inputs<'_>, passed_over: &mut Vec<String>) -> Found {
    let variable = name::AZURE_CREDENTIALS;
    let Some(text) = inputs.get(variable) else {
        return Ok(None);
    };
    let wrong = |reason: String| vec![mistake(variable, reason)];
    let (text, origin) = if looks_like_path(&text) {
        let content = (inputs.file)(Path::new(&text))
            .map_err(|error| wrong(format!("the file that it names cannot be read: {error}")))?;
        (content, format!("file named by {variable}"))
    } else {
        (text, variable.to_owned())
    };
    let principal = match PrincipalText::parse(&text) {
        Ok(PrincipalText::Principal(principal)) => principal,
        Ok(PrincipalText::Sentence) => {
            passed_over.push(format!(
                "{origin} holds a sentence of the platform, not credentials"
            ));
            return Ok(None);
        }
        Err(reason) => return Err(wrong(format!("{origin}: {reason}"))),
    };
    let credentials = Credentials::ClientSecret {
        tenant: principal.tenant,
        client: principal.client,
        secret: principal.secret,
    };
    let mut login = Login::new(credentials, origin);
    login.subscription = principal.subscription;
    Ok(Some(login))
}

fn workload_identity(inputs: &Inputs<'_>, _: &mut Vec<String>) -> Found {
    let variable = name::AZURE_FEDERATED_TOKEN_FILE;
    let Some(path) = inputs.get(variable) else {
        return Ok(None);
    };
    let [tenant_name, client_name, _, subscription] = name::EXPLICIT[0];
    let unreadable = match (inputs.file)(Path::new(&path)) {
        Ok(token) if token.trim().is_empty() => Some("the file is empty".to_owned()),
        Ok(_) => None,
        Err(error) => Some(format!("the file cannot be read: {error}")),
    };
    let mut mistakes = missing(inputs, [tenant_name, client_name], variable);
    mistakes.extend(unreadable.map(|reason| Mistake::new(variable, Some(&path), reason)));
    let (Some(tenant), Some(client), true) = (
        inputs.get(tenant_name),
        inputs.get(client_name),
        mistakes.is_empty(),
    ) else {
        return Err(mistakes);
    };
    let credentials = Credentials::WorkloadIdentity {
        tenant,
        client,
        token_file: path.into(),
    };
    let mut login = Login::new(credentials, "workload identity");
    login.subscription = inputs.get(subscription);
    Ok(Some(login))
}

/// The machine's managed identity: all that is left when no form is begun.
fn machine(inputs: &Inputs<'_>, passed_over: &mut Vec<String>) -> Login {
    let [tenant, client, secret, _] = name::EXPLICIT[0];
    let Some(id) = inputs.get(client) else {
        let identity = ManagedIdentity::System;
        let credentials = Credentials::ManagedIdentity { identity };
        return Login::new(credentials, "managed identity of this machine");
    };
    if inputs.get(tenant).is_some() {
        passed_over.push(format!(
            "{tenant} and {client} are set without {secret} or {}: they are taken for a managed identity's",
            name::AZURE_FEDERATED_TOKEN_FILE
        ));
    }
    let identity = ManagedIdentity::Client(id);
    let origin = format!("managed identity of this machine, chosen by {client}");
    Login::new(Credentials::ManagedIdentity { identity }, origin)
}

fn looks_like_path(text: &str) -> bool {
    let one_line = !text.contains('\n') && text.len() < 4096;
    one_line && (text.starts_with('/') || text.starts_with("./") || text.starts_with("../"))
}

#[cfg(test)]
mod tests;
