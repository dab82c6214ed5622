//! Secrets that were put into the wrong variable: a message about its value must not show them.

use secrecy::{ExposeSecret as _, SecretString};

use super::{Inputs, Mistake, VARIABLES, Variable, credentials, secrets, variables};

/// A shorter secret is not searched for, because it occurs in other words.
const SHORTEST: usize = 8;
/// A shorter part of a secret does not reveal it.
const SHORTEST_PART: usize = 4;

/// The users of registries, whose names often occur in the names of registries and images.
const USERS: [&str; 3] = [
    variables::DOCKER_USERNAME.variable.name,
    variables::REGISTRY_USERNAME.variable.name,
    variables::CODECOLLECTION_REGISTRY_USERNAME.variable.name,
];

/// The value of a secret variable, or a part of it that is a secret by itself, in lower case, because some parsers show values
/// in lower case.
pub(super) struct Secret {
    variable: &'static str,
    /// What of the variable it is.
    part: &'static str,
    value: String,
}

/// The values of all secret variables that are set, and the passwords in them.
pub(super) fn secrets(inputs: &Inputs<'_>) -> Vec<Secret> {
    let secret = |variable: &&Variable| variable.secret && !USERS.contains(&variable.name);
    let set = VARIABLES.iter().filter(secret).filter_map(|variable| {
        let value = inputs.get(variable)?.into();
        Some((variable.name, "value", value))
    });
    let part = |variable: &Variable, part, value| (variable.name, part, value);
    let proxy = &variables::HTTPS_PROXY;
    let passwords = inputs.get(proxy).map(|url| secrets::proxy_passwords(&url));
    let passwords = passwords.into_iter().flatten();
    let passwords = passwords.map(|password| part(proxy, "password", password));
    let client_secret = credentials::secret_in_text(inputs);
    let client_secret =
        client_secret.map(|secret| part(&variables::AZURE_CREDENTIALS, "client secret", secret));
    set.chain(passwords)
        .chain(client_secret)
        .map(|(variable, part, value): (_, _, SecretString)| Secret {
            variable,
            part,
            value: value.expose_secret().to_lowercase(),
        })
        .filter(|secret| secret.value.len() >= SHORTEST)
        .collect()
}

impl Mistake {
    /// The mistake without the secrets of other variables. `given` is the value of its variable.
    pub(super) fn without(self, secrets: &[Secret], given: Option<&str>) -> Self {
        let given = given.map(str::to_lowercase).unwrap_or_default();
        let reason = self.reason.to_lowercase();
        let is_in = |secret: &&Secret| {
            secret.variable != self.variable
                && (given.contains(&secret.value) || reason.contains(&secret.value))
        };
        let Some(secret) = secrets.iter().find(is_in) else {
            return self;
        };
        // A reason may quote a part of the value, or the value with escapes.
        let quotes = secrets
            .iter()
            .filter(is_in)
            .any(|secret| secret.is_quoted(&reason));
        let reason = match quotes {
            true => "it is not valid",
            false => &self.reason,
        };
        Self {
            variable: self.variable,
            value: None,
            reason: format!(
                "{reason}; the value is not shown, because it contains the {} of {}",
                secret.part, secret.variable
            ),
        }
    }
}

impl Secret {
    fn is_quoted(&self, text: &str) -> bool {
        let parts = self.value.split(|c: char| !c.is_alphanumeric());
        let mut long = parts.filter(|part| part.len() >= SHORTEST_PART);
        text.contains(&self.value) || long.any(|part| text.contains(part))
    }
}
