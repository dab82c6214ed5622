//! Reading values one by one, and what each of them may be.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use secrecy::SecretString;

use super::variables as name;
use super::{ChartRequest, ChartSource, Images, Inputs, Mistake, Program, chart, credentials};
use crate::azure::{Credentials, Login};
use crate::cloud::Cloud;
use crate::name::{Repository, Tag};
use crate::registry::Account;
use crate::text::refused_value;
use crate::wire::{Network, NoProxy};

/// Reads values one by one and keeps what is wrong with them.
pub(super) struct Reader<'a> {
    pub program: Program,
    pub inputs: &'a Inputs<'a>,
    pub mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    pub fn mistake(
        &mut self,
        variable: &'static str,
        value: Option<String>,
        reason: impl Into<String>,
    ) {
        let mistake = Mistake::new(variable, value.as_deref(), reason);
        self.mistakes.push(mistake);
    }

    pub fn optional<T>(
        &mut self,
        variable: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.inputs.get(variable)?;
        self.parse(variable, value, parse)
    }

    pub fn required<T>(
        &mut self,
        variable: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let Some(value) = self.inputs.get(variable) else {
            self.mistake(
                variable,
                None,
                "it is required: the registry's name (myacr) or login server (myacr.azurecr.io)",
            );
            return None;
        };
        self.parse(variable, value, parse)
    }

    /// The value or the variable's default; none only after a mistake.
    pub fn parsed<T>(
        &mut self,
        variable: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let default = || {
            name::variable(variable)
                .map_or("", |found| found.default_for(self.program))
                .to_owned()
        };
        let value = self.inputs.get(variable).unwrap_or_else(default);
        self.parse(variable, value, parse)
    }

    pub fn parse<T>(
        &mut self,
        variable: &'static str,
        value: String,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        match parse(&value) {
            Ok(parsed) => Some(parsed),
            Err(reason) => {
                self.mistake(variable, Some(value), reason);
                None
            }
        }
    }

    pub fn docker(&mut self) -> Option<Account> {
        if !self.parsed(name::USE_DOCKER_AUTH, parse_bool)? {
            return None;
        }
        let mut secret = |variable| {
            let value = self.inputs.get(variable).map(SecretString::from);
            if value.is_none() {
                self.mistake(variable, None, "it is required with USE_DOCKER_AUTH=true");
            }
            value
        };
        let (username, token) = (secret(name::DOCKER_USERNAME), secret(name::DOCKER_TOKEN));
        Some(Account {
            username: username?,
            token: token?,
        })
    }

    pub fn login(&mut self) -> Option<Login> {
        match credentials::find(self.inputs) {
            Ok(login) => {
                self.check_login(&login);
                Some(login)
            }
            Err(mistakes) => {
                self.mistakes.extend(mistakes);
                None
            }
        }
    }

    /// What came with the credentials becomes a part of URLs.
    fn check_login(&mut self, login: &Login) {
        let [tenant_name, client_name, _, subscription_name] = name::EXPLICIT[0];
        let origin = &login.origin;
        let (tenant, client) = match &login.credentials {
            Credentials::ClientSecret { tenant, client, .. }
            | Credentials::ClientCertificate { tenant, client, .. }
            | Credentials::ClientAssertion { tenant, client, .. }
            | Credentials::WorkloadIdentity { tenant, client, .. } => {
                (tenant.as_str(), client.as_str())
            }
            Credentials::ManagedIdentity { .. } => ("common", "none"),
        };
        let is_id = |text: &str| {
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
        };
        if !is_id(tenant) {
            self.mistake(
                tenant_name,
                None,
                format!("the tenant ({origin}) must be an id or a domain"),
            );
        }
        if !is_id(client) {
            self.mistake(
                client_name,
                None,
                format!("the client ({origin}) must be an application's id"),
            );
        }
        if login
            .subscription
            .as_deref()
            .is_some_and(|text| parse_uuid(text).is_err())
        {
            self.mistake(
                subscription_name,
                None,
                format!("the subscription ({origin}) must be a subscription's id"),
            );
        }
    }

    /// A folder; a name that is not UTF-8 would be another folder.
    pub fn folder(&mut self, variable: &'static str) -> Option<PathBuf> {
        let text = self.inputs.get(variable)?;
        if text.contains('\u{fffd}') {
            self.mistake(
                variable,
                Some(text.clone()),
                "the folder's name must be UTF-8",
            );
        }
        Some(PathBuf::from(text))
    }

    pub fn chart(&mut self) -> Option<ChartRequest> {
        let source = self.parsed(name::HELM_REPO_URL, ChartSource::parse);
        let name = self.parsed(name::HELM_CHART_NAME, chart::parse_name);
        let version = self.optional(name::CHART_VERSION, chart::parse_version);
        let values = self.inputs.get(name::CHART_VALUES).map(|path| {
            let text = (self.inputs.file)(Path::new(&path));
            text.map_err(|error| {
                self.mistake(
                    name::CHART_VALUES,
                    Some(path),
                    format!("it cannot be read: {error}"),
                )
            })
        });
        let given: Vec<String> = values.into_iter().flatten().collect();
        let sets = self.inputs.get(name::CHART_SET);
        let values = chart::merged(given.first().map(String::as_str), sets.as_deref());
        let values = values
            .map_err(|(variable, reason)| self.mistake(variable, None, reason))
            .ok();
        Some(ChartRequest {
            source: source?,
            name: name?,
            version,
            values: values?,
        })
    }

    pub fn network(&mut self) -> Network {
        let proxy = self.inputs.get_any(name::HTTPS_PROXY).map(|text| {
            // curl and az take `host:port` for a proxy too.
            if text.contains("://") {
                text
            } else {
                format!("http://{text}")
            }
        });
        let usable = |text: &String| {
            url::Url::parse(text)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        };
        if proxy.as_ref().is_some_and(|text| !usable(text)) {
            self.mistake(
                name::HTTPS_PROXY,
                None,
                "it must be a URL such as http://proxy.example:3128",
            );
        }
        let no_proxy = self.inputs.get_any(name::NO_PROXY).unwrap_or_default();
        let no_proxy =
            NoProxy::parse(&no_proxy).map_err(|reason| self.mistake(name::NO_PROXY, None, reason));
        Network {
            proxy: proxy.map(SecretString::from),
            no_proxy: no_proxy.unwrap_or_default(),
            authorities: self.inputs.get_any(name::SSL_CERT_FILE).map(PathBuf::from),
        }
    }
}

pub(super) fn parse_bool(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("it must be true or false".to_owned()),
    }
}

pub(super) fn parse_repository_path(text: &str) -> Result<Repository, String> {
    let segments: Vec<_> = text
        .split('/')
        .map(str::trim)
        .filter(|segment| !segment.is_empty())
        .collect();
    let path =
        Repository::from_str(&segments.join("/")).map_err(|error| error.reason().to_owned())?;
    // Room for the last segment of an image's name.
    if path.as_str().len() > 180 {
        return Err("it is longer than 180 characters".to_owned());
    }
    Ok(path)
}

pub(super) fn parse_ref(text: &str) -> Result<Tag, String> {
    let text = &refused_value(text);
    if text.contains("://") {
        return Err("it must be the branch as it appears in the tags, such as main".to_owned());
    }
    if text.contains('/') {
        let flat = text.trim_matches('/').replace('/', "-");
        return Err(format!(
            "a tag cannot hold '/', so no image is tagged {text}-latest; give the branch as it stands in the \
             tags, perhaps {flat:?}"
        ));
    }
    // Room for `-` and a full git hash behind it.
    if text.len() > 80 {
        return Err("it is longer than 80 characters".to_owned());
    }
    Tag::from_str(text).map_err(|error| error.reason().to_owned())
}

pub(super) fn parse_images(text: &str) -> Result<Images, String> {
    match text.to_ascii_lowercase().as_str() {
        "all" => Ok(Images::All),
        "codecollection" => Ok(Images::CodeCollection),
        "runwhen-local" => Ok(Images::RunWhenLocal),
        _ => Err("it must be all, codecollection or runwhen-local".to_owned()),
    }
}

pub(super) fn parse_timeout(text: &str) -> Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err("it must be a whole number of seconds from 1 to 86400".to_owned()),
    }
}

pub(super) fn parse_log_level(text: &str) -> Result<String, String> {
    let level = text.to_ascii_lowercase();
    match level.as_str() {
        "error" | "warn" | "info" | "debug" => Ok(level),
        _ => Err("it must be error, warn, info or debug".to_owned()),
    }
}

pub(super) fn parse_cloud(text: &str) -> Result<Cloud, String> {
    Cloud::from_name(text)
        .ok_or_else(|| "it must be AzureCloud, AzureUSGovernment or AzureChinaCloud".to_owned())
}

pub(super) fn parse_https(text: &str) -> Result<String, String> {
    match url::Url::parse(text) {
        Ok(url) if url.scheme() == "https" && url.has_host() && is_bare(&url) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("it must be an https URL without user and query".to_owned()),
    }
}

/// Whether a URL has no user, password, query and fragment, any of which may hold a secret.
pub(super) fn is_bare(url: &url::Url) -> bool {
    url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

pub(super) fn parse_uuid(text: &str) -> Result<String, String> {
    let groups: Vec<_> = text.split('-').map(str::len).collect();
    let valid =
        groups == [8, 4, 4, 4, 12] && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    valid.then(|| text.to_ascii_lowercase()).ok_or_else(|| {
        "it must be a subscription id such as 11111111-2222-3333-4444-555555555555".to_owned()
    })
}
