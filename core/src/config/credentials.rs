//! The Azure credentials that reach a process on the platform, in the order in which they are read.
//!
//! 1. explicit variables, as Azure's tools name them or as the platform does;
//! 2. `azure_credentials`: JSON, `KEY=VALUE` lines, or the path of a file with either;
//! 3. workload identity;
//! 4. the login that the Azure CLI left in `AZURE_CONFIG_DIR`;
//! 5. managed identity, which is known to exist only after a request.
//!
//! The first form that is begun is used. If it is incomplete or cannot be read, that is a mistake: with the next form
//! the run would continue as another identity. `AZURE_CLIENT_ID` alone does not begin a form, because it may choose a managed
//! identity. Together with `AZURE_TENANT_ID` it does not: that is a service principal without its secret.

mod azure_cli;
mod principal_text;
mod principal_variables;

use std::path::Path;

use secrecy::SecretString;

pub(super) use self::principal_variables::PLATFORM_PRINCIPAL;
use self::principal_variables::{AZURE_PRINCIPAL, PrincipalVariables};
use super::reader::Reader;
use super::secret_places::SecretPlaces;
use super::{Inputs, Mistake, Variable, values, variables};
use crate::azure::{Credentials, Login, ManagedIdentity, Places};
use principal_text::PrincipalText;

/// The result of reading one form: a login, none (the next form is read), or mistakes.
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
    Ok(Login {
        passed_over,
        ..machine(inputs)?
    })
}

fn mistake(variable: &Variable, reason: impl Into<String>) -> Mistake {
    Mistake::new(variable, None, reason)
}

/// One mistake for each of these variables that is not set.
fn missing<const N: usize>(
    inputs: &Inputs<'_>,
    required: [&Variable; N],
    given: &Variable,
) -> Vec<Mistake> {
    let is_missing = |variable: &&Variable| inputs.get(variable).is_none();
    let reason = || format!("it is required, because {} is set", given.name);
    let variables = required.into_iter().filter(is_missing);
    variables
        .map(|variable| mistake(variable, reason()))
        .collect()
}

fn explicit(inputs: &Inputs<'_>, _: &mut Vec<String>) -> Found {
    // The tenant and client may belong to a workload or managed identity instead.
    let azure = principal(inputs, &AZURE_PRINCIPAL, &[&AZURE_PRINCIPAL.secret])?;
    if azure.is_some() {
        return Ok(azure);
    }
    let PrincipalVariables {
        tenant,
        client,
        secret,
        subscription: _,
    } = &PLATFORM_PRINCIPAL;
    principal(inputs, &PLATFORM_PRINCIPAL, &[secret, client, tenant])
}

/// Reads a service principal if one of `beginnings` is set.
fn principal(
    inputs: &Inputs<'_>,
    variables: &PrincipalVariables,
    beginnings: &[&Variable],
) -> Found {
    let PrincipalVariables {
        tenant,
        client,
        secret,
        subscription,
    } = variables;
    let Some(begun) = beginnings.iter().find(|name| inputs.get(name).is_some()) else {
        return Ok(None);
    };
    let found = (inputs.get(tenant), inputs.get(client), inputs.get(secret));
    let (Some(tenant_id), Some(client_id), Some(value)) = found else {
        return Err(missing(inputs, [tenant, client, secret], begun));
    };
    let credentials = Credentials::ClientSecret {
        tenant: tenant_id,
        client: client_id,
        secret: value.into(),
    };
    let origin = format!("service principal of {}", secret.name);
    let places = secret_places(inputs);
    let mut login = Login::new(credentials, origin);
    login.places = Places {
        tenant: places.of(tenant),
        client: places.of(client),
        secret: places.of(secret),
    };
    login.subscription = inputs.get(subscription);
    Ok(Some(login))
}

/// The secret in `azure_credentials`, or in the file that it names. None if there is none, or the text is not valid.
pub(super) fn secret_in_text(inputs: &Inputs<'_>) -> Option<SecretString> {
    let text = inputs.get(&variables::AZURE_CREDENTIALS)?;
    let text = match looks_like_path(&text) {
        true => (inputs.file)(Path::new(&text)).ok()?,
        false => text,
    };
    match PrincipalText::parse(&text) {
        Ok(PrincipalText::Principal(principal)) => Some(principal.secret),
        Ok(PrincipalText::Sentence) | Err(_) => None,
    }
}

fn from_secret(inputs: &Inputs<'_>, passed_over: &mut Vec<String>) -> Found {
    let variable = &variables::AZURE_CREDENTIALS;
    let Some(text) = inputs.get(variable) else {
        return Ok(None);
    };
    let wrong = |reason: String| vec![mistake(variable, reason)];
    let (text, origin, place) = if looks_like_path(&text) {
        let content = (inputs.file)(Path::new(&text))
            .map_err(|error| wrong(format!("the file that it names cannot be read: {error}")))?;
        let origin = format!("file named by {}", variable.name);
        let place = format!("the {origin}");
        (content, origin, place)
    } else {
        let place = secret_places(inputs).of(variable);
        (text, variable.name.to_owned(), place)
    };
    let principal = match PrincipalText::parse(&text) {
        Ok(PrincipalText::Principal(principal)) => principal,
        Ok(PrincipalText::Sentence) => {
            passed_over.push(format!(
                "{origin} contains a sentence of the platform, not credentials"
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
    login.places = Places::all(&place);
    login.subscription = principal.subscription;
    Ok(Some(login))
}

fn secret_places(inputs: &Inputs<'_>) -> SecretPlaces {
    let keys = inputs.get(&variables::RW_SECRETS_KEYS);
    SecretPlaces::parse(&keys.unwrap_or_default())
}

fn workload_identity(inputs: &Inputs<'_>, _: &mut Vec<String>) -> Found {
    let variable = &variables::AZURE_FEDERATED_TOKEN_FILE;
    let Some(path) = inputs.get(variable) else {
        return Ok(None);
    };
    let PrincipalVariables { tenant, client, .. } = &AZURE_PRINCIPAL;
    let unreadable = match (inputs.file)(Path::new(&path)) {
        Ok(token) if token.trim().is_empty() => Some("the file is empty".to_owned()),
        Ok(_) => None,
        Err(error) => Some(format!("the file cannot be read: {error}")),
    };
    let mut mistakes = missing(inputs, [tenant, client], variable);
    mistakes.extend(unreadable.map(|reason| Mistake::new(variable, Some(&path), reason)));
    let (Some(tenant), Some(client), true) =
        (inputs.get(tenant), inputs.get(client), mistakes.is_empty())
    else {
        return Err(mistakes);
    };
    let credentials = Credentials::WorkloadIdentity {
        tenant,
        client,
        token_file: path.into(),
    };
    let mut login = Login::new(credentials, "workload identity");
    login.places = Places {
        tenant: AZURE_PRINCIPAL.tenant.name.to_owned(),
        client: AZURE_PRINCIPAL.client.name.to_owned(),
        secret: variable.name.to_owned(),
    };
    login.subscription = inputs.get(&AZURE_PRINCIPAL.subscription);
    Ok(Some(login))
}

/// Returns the machine's managed identity, which remains when no form is begun. A tenant and a client together are a
/// service principal without its secret.
fn machine(inputs: &Inputs<'_>) -> Result<Login, Vec<Mistake>> {
    let PrincipalVariables {
        tenant,
        client,
        secret,
        ..
    } = &AZURE_PRINCIPAL;
    if inputs.get(tenant).is_some() && inputs.get(client).is_some() {
        let reason = format!(
            "it is required, because {} and {} are set, or {} for workload identity; unset {} to use a managed identity",
            tenant.name,
            client.name,
            variables::AZURE_FEDERATED_TOKEN_FILE.name,
            tenant.name
        );
        return Err(vec![mistake(secret, reason)]);
    }
    let (identity, chosen) = match inputs.get(client) {
        Some(id) => (
            ManagedIdentity::Client(id),
            format!(", chosen by {}", client.name),
        ),
        None => (ManagedIdentity::System, String::new()),
    };
    let origin = format!("managed identity of this machine{chosen}");
    Ok(Login::new(
        Credentials::ManagedIdentity { identity },
        origin,
    ))
}

impl Reader<'_> {
    pub(super) fn login(&mut self) -> Option<Login> {
        match find(self.inputs) {
            Ok(login) => {
                self.mistakes.extend(login.mistakes());
                Some(login)
            }
            Err(mistakes) => {
                self.mistakes.extend(mistakes);
                None
            }
        }
    }
}

impl Login {
    /// Checks the ids, which become parts of URLs.
    fn mistakes(&self) -> Vec<Mistake> {
        let origin = &self.origin;
        let is_id = |text: &str| {
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
        };
        let mut mistakes = Vec::new();
        if let Some((tenant, client)) = self.credentials.tenant_and_client() {
            if !is_id(tenant) {
                let reason = format!("the tenant ({origin}) must be an id or a domain");
                mistakes.push(mistake(&AZURE_PRINCIPAL.tenant, reason));
            }
            if !is_id(client) {
                let reason = format!("the client ({origin}) must be an application's id");
                mistakes.push(mistake(&AZURE_PRINCIPAL.client, reason));
            }
        }
        let subscription = self.subscription.as_deref();
        if subscription.is_some_and(|text| values::uuid(text).is_err()) {
            let reason = format!("the subscription ({origin}) must be a subscription's id");
            mistakes.push(mistake(&AZURE_PRINCIPAL.subscription, reason));
        }
        mistakes
    }
}

impl Credentials {
    /// None for a managed identity.
    fn tenant_and_client(&self) -> Option<(&str, &str)> {
        match self {
            Self::ClientSecret { tenant, client, .. }
            | Self::ClientCertificate { tenant, client, .. }
            | Self::ClientAssertion { tenant, client, .. }
            | Self::WorkloadIdentity { tenant, client, .. } => Some((tenant, client)),
            Self::ManagedIdentity { .. } => None,
        }
    }
}

fn looks_like_path(text: &str) -> bool {
    let one_line = !text.contains('\n') && text.len() < 4096;
    one_line && (text.starts_with('/') || text.starts_with("./") || text.starts_with("../"))
}

#[cfg(test)]
mod tests;
