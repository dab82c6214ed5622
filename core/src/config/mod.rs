//! Configuration: variables in, one valid [`Config`] out, or every mistake at once.
//!
//! Pure, given the two functions of [`Inputs`]. Only this module knows variable names. An empty value,
//! and the text that the platform's templates print for a value nobody gave, mean "unset". There is
//! deliberately no `Default` and no way to change a `Config`: an invalid one cannot exist.

mod chart;
mod credentials;
mod registry_name;
mod variables;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

pub use chart::{ChartRequest, ChartSource};
pub use credentials::{Credentials, Login, ManagedIdentity};
pub use registry_name::RegistryName;
pub use variables::{VARIABLES, Variable, variable};

use crate::azure::Cloud;
use crate::name::{Repository, Tag};
use variables as name;

/// What the platform's templates print for a value that the user did not give.
const PLACEHOLDER: &str = "missing_workspaceInfo_custom_variable";

/// Which of the two executables asks: they differ in what `SYNC_IMAGES` is by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The indicator: looks, and imports only when told to.
    Sli,
    /// The task: imports unless told not to.
    Taskset,
}

impl Program {
    /// The executable's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sli => "sli",
            Self::Taskset => "taskset",
        }
    }
}

/// Where configuration comes from.
pub struct Inputs<'a> {
    /// The value of a variable, if it is set at all.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The text of a file that a variable names.
    pub file: &'a dyn Fn(&Path) -> io::Result<String>,
}

impl Inputs<'_> {
    /// The value of a variable; empty and the platform's placeholder are unset.
    fn get(&self, name: &str) -> Option<String> {
        let value = (self.variable)(name)?;
        let value = value.trim();
        (!value.is_empty() && value != PLACEHOLDER).then(|| value.to_owned())
    }

    /// Like [`Inputs::get`], under the name or one of its aliases.
    fn get_any(&self, name: &str) -> Option<String> {
        let aliases = variable(name).map_or(&[][..], |variable| variable.aliases);
        self.get(name)
            .or_else(|| aliases.iter().find_map(|alias| self.get(alias)))
    }
}

/// Which categories of images a run looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Images {
    /// Both.
    All,
    /// The CodeCollection images.
    CodeCollection,
    /// The RunWhen Local images.
    RunWhenLocal,
}

/// A Docker Hub account.
#[derive(Clone, Debug)]
pub struct DockerAuth {
    /// The account's name.
    pub username: SecretString,
    /// Its access token.
    pub token: SecretString,
}

/// How connections leave this machine.
#[derive(Clone, Debug)]
pub struct Network {
    /// The proxy's URL, which may hold a password.
    pub proxy: Option<SecretString>,
    /// Hosts that are reached without it.
    pub no_proxy: Option<String>,
    /// PEM bundle of the authorities to trust instead of the system's.
    pub authorities: Option<PathBuf>,
}

/// A whole, valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which executable runs.
    pub program: Program,
    /// The destination registry.
    pub registry: RegistryName,
    /// The path under which the images stand there.
    pub repository_path: Repository,
    /// The subscription that the user named.
    pub subscription: Option<String>,
    /// Whether to import.
    pub sync_images: bool,
    /// Which images to look at.
    pub images: Images,
    /// The prefix of the CodeCollections' tags.
    pub git_ref: Tag,
    /// The chart that names the RunWhen Local images.
    pub chart: ChartRequest,
    /// The platform whose manifest decides.
    pub architecture: String,
    /// Whether `latest` is imported under a date.
    pub use_date_tag: bool,
    /// The Docker Hub account to use.
    pub docker: Option<DockerAuth>,
    /// Who we are in Azure.
    pub login: Login,
    /// Where reports and artifacts go.
    pub output_dir: PathBuf,
    /// Where the artifact goes that the original left in its working folder.
    pub temp_dir: PathBuf,
    /// Deadline of the whole run.
    pub timeout: Duration,
    /// `error`, `warn`, `info` or `debug`.
    pub log_level: String,
    /// The cloud that everything happens in.
    pub cloud: Cloud,
    /// The authority to ask instead of the cloud's own.
    pub authority: Option<String>,
    /// How connections leave this machine.
    pub network: Network,
}

/// One variable that cannot be used as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The variable's name.
    pub variable: &'static str,
    /// Its value; none when it is unset or a secret.
    pub value: Option<String>,
    /// What is wrong and what is allowed.
    pub reason: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(
                f,
                "{}={:?}: {}",
                self.variable,
                crate::problem::harmless(value),
                self.reason
            ),
            None => write!(f, "{}: {}", self.variable, self.reason),
        }
    }
}

/// Everything that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration is wrong{}", .0.iter().map(|mistake| format!("\n  {mistake}")).collect::<String>())]
pub struct Mistakes(pub Vec<Mistake>);

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// All mistakes at once, each with the variable, its value (never a secret's) and what is allowed.
    pub fn read(program: Program, inputs: &Inputs<'_>) -> Result<Self, Mistakes> {
        let mut reader = Reader {
            program,
            inputs,
            mistakes: Vec::new(),
        };
        let registry = reader.required(name::REGISTRY_NAME, RegistryName::parse);
        let repository_path = reader.parsed(name::REGISTRY_REPOSITORY_PATH, parse_repository_path);
        let subscription = reader.optional(name::AZURE_RESOURCE_SUBSCRIPTION_ID, parse_uuid);
        let git_ref = reader.parsed(name::REF, parse_ref);
        let images = reader.parsed(name::IMAGES, parse_images);
        let architecture = reader.parsed(name::IMAGE_ARCHITECTURE, parse_architecture);
        let timeout = reader.parsed(name::TIMEOUT_SECONDS, parse_timeout);
        let log_level = reader.parsed(name::LOG_LEVEL, parse_log_level);
        let sync_images = reader.parsed(name::SYNC_IMAGES, parse_bool);
        let use_date_tag = reader.parsed(name::USE_DATE_TAG, parse_bool);
        let docker = reader.docker();
        let chart = reader.chart();
        let cloud = reader.optional(name::AZURE_CLOUD, parse_cloud);
        let authority = reader.optional(name::AZURE_AUTHORITY_HOST, parse_https);
        let network = reader.network();
        let output_dir = PathBuf::from(
            inputs
                .get(name::OUTPUT_DIR)
                .unwrap_or_else(|| ".".to_owned()),
        );
        let temp_dir = inputs
            .get(name::CODEBUNDLE_TEMP_DIR)
            .map_or_else(|| output_dir.clone(), PathBuf::from);
        let login = credentials::find(inputs);

        // The patterns below hold whenever there are no mistakes.
        let Reader { mistakes, .. } = reader;
        let (
            Some(registry),
            Some(repository_path),
            Some(git_ref),
            Some(images),
            Some(architecture),
        ) = (registry, repository_path, git_ref, images, architecture)
        else {
            return Err(Mistakes(mistakes));
        };
        let (Some(timeout), Some(log_level), Some(sync_images), Some(use_date_tag), Some(chart)) =
            (timeout, log_level, sync_images, use_date_tag, chart)
        else {
            return Err(Mistakes(mistakes));
        };
        if !mistakes.is_empty() {
            return Err(Mistakes(mistakes));
        }
        let cloud = match &registry {
            RegistryName::LoginServer { cloud, .. } => *cloud,
            RegistryName::Name(_) => cloud.or(login.cloud).unwrap_or(Cloud::AzureCloud),
        };
        Ok(Self {
            program,
            registry,
            repository_path,
            subscription,
            sync_images,
            images,
            git_ref,
            chart,
            architecture,
            use_date_tag,
            docker,
            login,
            output_dir,
            temp_dir,
            timeout,
            log_level,
            cloud,
            authority,
            network,
        })
    }

    /// The settings of this run without secrets, for people to read.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            (name::REGISTRY_NAME, self.registry.as_str().to_owned()),
            (
                name::REGISTRY_REPOSITORY_PATH,
                self.repository_path.to_string(),
            ),
            (
                name::AZURE_RESOURCE_SUBSCRIPTION_ID,
                self.subscription
                    .clone()
                    .unwrap_or_else(|| "detected".to_owned()),
            ),
            (name::SYNC_IMAGES, self.sync_images.to_string()),
            (
                name::IMAGES,
                match self.images {
                    Images::All => "all",
                    Images::CodeCollection => "codecollection",
                    Images::RunWhenLocal => "runwhen-local",
                }
                .to_owned(),
            ),
            (name::REF, self.git_ref.to_string()),
            (name::HELM_REPO_URL, self.chart.source.to_string()),
            (name::HELM_CHART_NAME, self.chart.name.clone()),
            (
                name::CHART_VERSION,
                self.chart
                    .version
                    .clone()
                    .unwrap_or_else(|| "the highest release".to_owned()),
            ),
            (name::IMAGE_ARCHITECTURE, self.architecture.clone()),
            (name::USE_DATE_TAG, self.use_date_tag.to_string()),
            (name::USE_DOCKER_AUTH, self.docker.is_some().to_string()),
            (name::TIMEOUT_SECONDS, self.timeout.as_secs().to_string()),
            (name::AZURE_CLOUD, self.cloud.name().to_owned()),
            ("credentials", self.login.origin.clone()),
        ]
    }

    /// Every secret that this configuration holds, so that it can be kept out of all messages.
    pub fn secrets(&self) -> Vec<SecretString> {
        let mut secrets = Vec::new();
        match &self.login.credentials {
            Credentials::ClientSecret { secret, .. } => secrets.push(secret.clone()),
            Credentials::ClientCertificate { pem, .. } => secrets.push(pem.clone()),
            Credentials::ClientAssertion { assertion, .. } => secrets.push(assertion.clone()),
            Credentials::WorkloadIdentity { .. } | Credentials::ManagedIdentity { .. } => {}
        }
        if let Some(DockerAuth { username: _, token }) = &self.docker {
            secrets.push(token.clone());
        }
        if let Some(password) = self.network.proxy.as_ref().and_then(proxy_password) {
            secrets.push(password);
        }
        secrets
    }
}

fn proxy_password(proxy: &SecretString) -> Option<SecretString> {
    let url = url::Url::parse(proxy.expose_secret()).ok()?;
    url.password().map(SecretString::from)
}

/// Reads values one by one and keeps what is wrong with them.
struct Reader<'a> {
    program: Program,
    inputs: &'a Inputs<'a>,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn mistake(
        &mut self,
        variable: &'static str,
        value: Option<String>,
        reason: impl Into<String>,
    ) {
        self.mistakes.push(Mistake {
            variable,
            value,
            reason: reason.into(),
        });
    }

    fn optional<T>(
        &mut self,
        variable: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.inputs.get(variable)?;
        self.parse(variable, value, parse)
    }

    fn required<T>(
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
    fn parsed<T>(
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

    fn parse<T>(
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

    fn docker(&mut self) -> Option<DockerAuth> {
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
        Some(DockerAuth {
            username: username?,
            token: token?,
        })
    }

    fn chart(&mut self) -> Option<ChartRequest> {
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

    fn network(&mut self) -> Network {
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
        Network {
            proxy: proxy.map(SecretString::from),
            no_proxy: self.inputs.get_any(name::NO_PROXY),
            authorities: self.inputs.get_any(name::SSL_CERT_FILE).map(PathBuf::from),
        }
    }
}

fn parse_bool(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("it must be true or false".to_owned()),
    }
}

fn parse_repository_path(text: &str) -> Result<Repository, String> {
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

fn parse_ref(text: &str) -> Result<Tag, String> {
    if text.contains('/') {
        let flat = text.replace('/', "-");
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

fn parse_images(text: &str) -> Result<Images, String> {
    match text.to_ascii_lowercase().as_str() {
        "all" => Ok(Images::All),
        "codecollection" => Ok(Images::CodeCollection),
        "runwhen-local" => Ok(Images::RunWhenLocal),
        _ => Err("it must be all, codecollection or runwhen-local".to_owned()),
    }
}

fn parse_architecture(text: &str) -> Result<String, String> {
    let valid = text.len() <= 32
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    valid.then(|| text.to_owned()).ok_or_else(|| {
        "it must be an architecture of the image specification, such as amd64 or arm64".to_owned()
    })
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err("it must be a whole number of seconds from 1 to 86400".to_owned()),
    }
}

fn parse_log_level(text: &str) -> Result<String, String> {
    let level = text.to_ascii_lowercase();
    match level.as_str() {
        "error" | "warn" | "info" | "debug" => Ok(level),
        _ => Err("it must be error, warn, info or debug".to_owned()),
    }
}

fn parse_cloud(text: &str) -> Result<Cloud, String> {
    Cloud::from_name(text)
        .ok_or_else(|| "it must be AzureCloud, AzureUSGovernment or AzureChinaCloud".to_owned())
}

fn parse_https(text: &str) -> Result<String, String> {
    match url::Url::parse(text) {
        Ok(url) if url.scheme() == "https" && url.has_host() => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("it must be an https URL".to_owned()),
    }
}

fn parse_uuid(text: &str) -> Result<String, String> {
    let groups: Vec<_> = text.split('-').map(str::len).collect();
    let valid =
        groups == [8, 4, 4, 4, 12] && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    valid.then(|| text.to_ascii_lowercase()).ok_or_else(|| {
        "it must be a subscription id such as 11111111-2222-3333-4444-555555555555".to_owned()
    })
}

#[cfg(test)]
mod tests;
