//! Configuration: variables in, one valid [`Config`] out, or every mistake at once.
//!
//! Pure, given the two functions of [`Inputs`]. Only this module knows variable names. An empty value,
//! and the text that the platform's templates print for a value nobody gave, mean "unset". There is
//! deliberately no `Default` and no way to change a `Config`: an invalid one cannot exist.

mod chart;
mod credentials;
mod metric_push;
mod no_proxy;
mod reader;
mod registry_name;
mod secrets;
mod setting;
mod shown;
mod values;
mod variables;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

pub use chart::{ChartRequest, ChartSource};
pub use credentials::{Credentials, Login, ManagedIdentity};
pub use metric_push::MetricPush;
pub use no_proxy::NoProxy;
pub use registry_name::RegistryName;
pub use setting::{Unset, Variable};
pub use variables::VARIABLES;

use crate::azure::Cloud;
use crate::name::{Repository, Tag};
use crate::platform::Platform;
use crate::problem::printable;
use reader::{Reader, build};
use shown::shown;

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
    /// Returns the value under the first name that is set. An empty value and the platform's placeholder are unset.
    fn get(&self, variable: &Variable) -> Option<String> {
        let names = std::iter::once(&variable.name).chain(variable.aliases);
        names
            .filter_map(|name| (self.variable)(name))
            .map(|value| value.trim().to_owned())
            .find(|value| !value.is_empty() && value != PLACEHOLDER)
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

impl Images {
    fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::CodeCollection => "codecollection",
            Self::RunWhenLocal => "runwhen-local",
        }
    }
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
    pub no_proxy: NoProxy,
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
    /// Whether `${REF}-latest` is kept in the registry too.
    pub sync_ref_latest: bool,
    /// The chart that names the RunWhen Local images.
    pub chart: ChartRequest,
    /// The platform whose manifest decides.
    pub architecture: Platform,
    /// Whether an image that is up to date must have the platform's manifest in the registry.
    pub verify_children: bool,
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
    /// Where the number is pushed to, if anywhere.
    pub metric_push: Option<MetricPush>,
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

impl Mistake {
    fn new(variable: &Variable, value: Option<&str>, reason: impl Into<String>) -> Self {
        let value = value.filter(|_| !variable.secret);
        Self {
            variable: variable.name,
            value: value.map(shown),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(
                f,
                "{}={:?}: {}",
                self.variable,
                crate::problem::harmless(value),
                printable(&self.reason)
            ),
            None => write!(f, "{}: {}", self.variable, printable(&self.reason)),
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
        match reader.config() {
            Some(config) if reader.mistakes.is_empty() => Ok(config),
            Some(_) | None => Err(Mistakes(reader.mistakes)),
        }
    }

    /// The settings of this run without secrets, for the report.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let render = |variable: &Variable| Some((variable.name, variable.in_report?(self)));
        let variables = VARIABLES.iter().filter_map(render);
        variables
            .chain([("credentials", self.login.origin.clone())])
            .collect()
    }
}

impl Reader<'_> {
    fn config(&mut self) -> Option<Config> {
        let name = self.read(&variables::REGISTRY_NAME);
        let found_login = self.login();
        let given_cloud = self.read(&variables::AZURE_CLOUD);
        let cloud = name
            .as_ref()
            .and_then(RegistryName::cloud)
            .or(given_cloud)
            .or(found_login.as_ref().and_then(|login| login.cloud));
        let output = self.read(&variables::OUTPUT_DIR);
        let temp = self.read(&variables::CODEBUNDLE_TEMP_DIR);
        build!(Config {
            program: Some(self.program),
            registry: name,
            repository_path: self.read(&variables::REGISTRY_REPOSITORY_PATH),
            subscription: Some(self.read(&variables::AZURE_RESOURCE_SUBSCRIPTION_ID)),
            sync_images: self.read(&variables::SYNC_IMAGES),
            images: self.read(&variables::IMAGES),
            git_ref: self.read(&variables::REF),
            sync_ref_latest: self.read(&variables::SYNC_REF_LATEST),
            chart: self.chart(),
            architecture: self.read(&variables::IMAGE_ARCHITECTURE),
            verify_children: self.read(&variables::VERIFY_CHILDREN),
            use_date_tag: self.read(&variables::USE_DATE_TAG),
            docker: Some(self.docker()),
            login: found_login,
            temp_dir: temp.or_else(|| output.clone()),
            output_dir: output,
            timeout: self.read(&variables::TIMEOUT_SECONDS),
            log_level: self.read(&variables::LOG_LEVEL),
            cloud: Some(cloud.unwrap_or(Cloud::AzureCloud)),
            authority: Some(self.read(&variables::AZURE_AUTHORITY_HOST)),
            network: Some(self.network()),
            metric_push: Some(self.metric_push()),
        })
    }
}

#[cfg(test)]
mod tests;
