//! Reads the variables into one valid [`Config`], or reports all mistakes at once.
//!
//! Pure, given the two functions of [`Inputs`]. Only this module knows variable names. An empty value, and the text
//! that the platform's templates print for a missing value, mean "unset". A `Config` is built by [`Config::read`] only
//! and is never changed, so it is always valid.
//!
//! A new variable is a declaration in `variables.rs`, a field of a struct, and the line that fills the field.

mod chart;
mod command;
mod credentials;
mod metric_push;
mod reader;
mod registry_name;
mod secret_places;
mod secrets;
mod setting;
mod values;
mod variables;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use chart::{ChartRequest, ChartSource};
pub use metric_push::MetricPush;
pub use registry_name::RegistryName;
pub use setting::{Unset, Variable};
pub use variables::VARIABLES;

pub use crate::azure::Login;
use crate::cloud::Cloud;
use crate::name::{Repository, Tag};
use crate::platform::Platform;
use crate::registry::Account;
use crate::text::refused_value;
use crate::text::strip_control;
use crate::wire::Network;
use reader::{Reader, build};

/// The platform's templates print this for a value that the user did not set.
const PLACEHOLDER: &str = "missing_workspaceInfo_custom_variable";

/// One of the two executables. They differ in the default of `SYNC_IMAGES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The indicator: checks, and imports only if that is configured.
    Sli,
    /// The task: imports unless that is turned off.
    Taskset,
}

impl Program {
    /// The name of the executable.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sli => "sli",
            Self::Taskset => "taskset",
        }
    }
}

/// The sources of a configuration.
pub struct Inputs<'a> {
    /// The path of the executable, for the command that repeats the run.
    pub executable: &'a str,
    /// Returns the value of a variable if it is set.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Returns the text of a file that a variable names.
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

/// The categories of images that a run checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Images {
    /// Both categories.
    All,
    /// The CodeCollection images.
    CodeCollection,
    /// The RunWhen Local images.
    RunWhenLocal,
}

impl Images {
    /// As the user writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::CodeCollection => "codecollection",
            Self::RunWhenLocal => "runwhen-local",
        }
    }
}

/// A registry that the images are imported to.
#[derive(Clone, Debug)]
pub struct Target {
    /// The registry, as the user names it.
    pub registry: RegistryName,
    /// The path under which the images are stored in it.
    pub repository_path: Repository,
    /// The subscription of the registry; detected if it is not given.
    pub subscription: Option<String>,
}

/// A complete, valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The executable that runs.
    pub program: Program,
    /// The destination of the images.
    pub target: Target,
    /// Whether to import.
    pub sync_images: bool,
    /// The images to check.
    pub images: Images,
    /// The branch of the CodeCollections, which is the prefix of their tags.
    pub git_ref: Tag,
    /// Whether to keep `${REF}-latest` in the registry too.
    pub sync_ref_latest: bool,
    /// The chart that names the RunWhen Local images.
    pub chart: ChartRequest,
    /// The platform whose manifest decides.
    pub architecture: Platform,
    /// Whether to check that an up-to-date image has the platform's manifest in the registry.
    pub verify_children: bool,
    /// Whether to import `latest` under a date tag.
    pub use_date_tag: bool,
    /// The account to use at Docker Hub.
    pub docker: Option<Account>,
    /// The identity of this run in Azure.
    pub login: Login,
    /// The folder of reports and artifacts.
    pub output_dir: PathBuf,
    /// The folder of the artifact that the original wrote to its working folder.
    pub temp_dir: PathBuf,
    /// The longest duration of the whole run.
    pub timeout: Duration,
    /// `error`, `warn`, `info` or `debug`.
    pub log_level: String,
    /// The cloud of the registry and the identity.
    pub cloud: Cloud,
    /// The Entra host to use instead of the cloud's.
    pub authority: Option<String>,
    /// The settings of all connections.
    pub network: Network,
    /// The collector to which the number is pushed.
    pub metric_push: Option<MetricPush>,
    /// The command that repeats this run, without secrets.
    pub command: String,
}

/// A variable with a value that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The name of the variable.
    pub variable: &'static str,
    /// Its value; none if it is unset or must not be shown.
    pub value: Option<String>,
    /// The mistake, and the values that are allowed.
    pub reason: String,
}

impl Mistake {
    fn new(variable: &Variable, value: Option<&str>, reason: impl Into<String>) -> Self {
        let value = value.filter(|_| !variable.secret);
        Self {
            variable: variable.name,
            value: value.map(refused_value),
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
                crate::text::for_message(value),
                strip_control(&self.reason)
            ),
            None => write!(f, "{}: {}", self.variable, strip_control(&self.reason)),
        }
    }
}

/// All mistakes in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration is wrong{}", .0.iter().map(|mistake| format!("\n  {mistake}")).collect::<String>())]
pub struct Mistakes(pub Vec<Mistake>);

impl Config {
    /// Reads all variables.
    ///
    /// # Errors
    /// All mistakes at once, each with the variable, its value (unless it may be secret) and the allowed values.
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
    fn target(&mut self) -> Option<Target> {
        build!(Target {
            registry: self.read(&variables::REGISTRY_NAME),
            repository_path: self.read(&variables::REGISTRY_REPOSITORY_PATH),
            subscription: Some(self.read(&variables::AZURE_RESOURCE_SUBSCRIPTION_ID)),
        })
    }

    fn config(&mut self) -> Option<Config> {
        let destination = self.target();
        let found_login = self.login();
        let given_cloud = self.read(&variables::AZURE_CLOUD);
        let cloud = destination
            .as_ref()
            .and_then(|target| target.registry.cloud())
            .or(given_cloud)
            .or(found_login.as_ref().and_then(|login| login.cloud));
        let output = self.read(&variables::OUTPUT_DIR);
        let temp = self.read(&variables::CODEBUNDLE_TEMP_DIR);
        build!(Config {
            program: Some(self.program),
            target: destination,
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
            cloud: Some(cloud.unwrap_or(Cloud::Public)),
            authority: Some(self.read(&variables::AZURE_AUTHORITY_HOST)),
            network: Some(self.network()),
            metric_push: Some(self.metric_push()),
            command: Some(self.command()),
        })
    }
}

#[cfg(test)]
mod tests;
