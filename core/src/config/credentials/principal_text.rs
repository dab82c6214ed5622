//! A service principal as one text: JSON, or `KEY=VALUE` lines.

use secrecy::SecretString;
use serde_json::Value;

/// The content of a text.
pub(super) enum PrincipalText {
    /// A complete service principal.
    Principal(Principal),
    /// A sentence of the platform instead of credentials, such as "Azure CLI authenticated for tenant …".
    Sentence,
}

/// A service principal with its secret.
pub(super) struct Principal {
    pub tenant: String,
    pub client: String,
    pub secret: SecretString,
    pub subscription: Option<String>,
}

impl PrincipalText {
    /// # Errors
    /// A fragment that names what is missing or cannot be read, without any part of the text.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        let fields = if text.starts_with(['{', '[', '"']) {
            Fields::from_json(text)?
        } else {
            Fields::from_lines(text)
        };
        if fields.is_empty() && is_sentence(text) {
            return Ok(Self::Sentence);
        }
        fields.complete().map(Self::Principal)
    }
}

fn is_sentence(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    // The values of RunWhen's `azure:sp@cli` and `azure:identity@cli`, and of a workspace without them.
    let beginnings = ["azure cli ", "azure:", "auth details not found"];
    beginnings
        .iter()
        .any(|beginning| text.starts_with(beginning))
}

#[derive(Default)]
struct Fields {
    tenant: Option<String>,
    client: Option<String>,
    secret: Option<String>,
    subscription: Option<String>,
}

impl Fields {
    fn from_json(text: &str) -> Result<Self, String> {
        // The error's text is left out: it may contain a part of a secret.
        let object = match serde_json::from_str(text) {
            Ok(Value::Object(object)) => object,
            Ok(_) => return Err("its JSON is not an object".to_owned()),
            Err(error) => {
                return Err(format!(
                    "its JSON is damaged at line {}, column {}",
                    error.line(),
                    error.column()
                ));
            }
        };
        let mut fields = Self::default();
        for (key, value) in &object {
            match (fields.field(key), value) {
                (Some(field), Value::String(text)) => put(field, text),
                (Some(_), Value::Null) | (None, _) => {}
                (Some(_), _) => return Err("a value in its JSON is not text".to_owned()),
            }
        }
        Ok(fields)
    }

    fn from_lines(text: &str) -> Self {
        let mut fields = Self::default();
        for line in text.lines() {
            let line = line
                .trim()
                .trim_start_matches("export ")
                .trim_start_matches("set ");
            let pair = line.split_once('=');
            if let Some((field, value)) =
                pair.and_then(|(key, value)| Some((fields.field(key.trim())?, value)))
            {
                put(field, unquoted(value.trim()));
            }
        }
        fields
    }

    /// `AZURE_TENANT_ID`, `az_tenantId`, `tenantId` and `tenant` all mean the same.
    fn field(&mut self, key: &str) -> Option<&mut Option<String>> {
        let key = key.to_ascii_lowercase().replace(['_', '-'], "");
        let key = key
            .strip_prefix("azure")
            .or(key.strip_prefix("az"))
            .unwrap_or(&key);
        match key {
            "tenant" | "tenantid" => Some(&mut self.tenant),
            "client" | "clientid" | "appid" => Some(&mut self.client),
            "clientsecret" | "secret" | "password" => Some(&mut self.secret),
            "subscription" | "subscriptionid" => Some(&mut self.subscription),
            _ => None,
        }
    }

    fn is_empty(&self) -> bool {
        let Self {
            tenant,
            client,
            secret,
            subscription,
        } = self;
        [tenant, client, secret, subscription]
            .iter()
            .all(|field| field.is_none())
    }

    fn complete(self) -> Result<Principal, String> {
        if self.is_empty() {
            return Err(
                "it does not contain a service principal: give tenantId, clientId and clientSecret as JSON or as KEY=VALUE lines, \
                 or the path of such a file, which begins with /, ./ or ../"
                    .to_owned(),
            );
        }
        let names = [
            (&self.tenant, "tenantId (AZURE_TENANT_ID)"),
            (&self.client, "clientId (AZURE_CLIENT_ID)"),
            (&self.secret, "clientSecret (AZURE_CLIENT_SECRET)"),
        ];
        let missing: Vec<_> = names
            .iter()
            .filter(|(value, _)| value.is_none())
            .map(|(_, name)| *name)
            .collect();
        match (self.tenant, self.client, self.secret) {
            (Some(tenant), Some(client), Some(secret)) => Ok(Principal {
                tenant,
                client,
                secret: secret.into(),
                subscription: self.subscription,
            }),
            _ => Err(format!("it has no {}", missing.join(" and no "))),
        }
    }
}

/// Ignores an empty value.
fn put(field: &mut Option<String>, value: &str) {
    let value = value.trim();
    if !value.is_empty() {
        *field = Some(value.to_owned());
    }
}

fn unquoted(text: &str) -> &str {
    ['"', '\'']
        .iter()
        .find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))
        .unwrap_or(text)
}
