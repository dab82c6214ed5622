//! Configuration: variables in, one valid [`Config`] out, or every mistake at once.
//!
//! Pure, given the two functions of [`Inputs`]. Only this module knows variable names. An empty value,
//! and the text that the platform's templates print for a value nobody gave, mean "unset". There is
//! deliberately no `Default` and no way to change a `Config`: an invalid one cannot exist.

mod chart;
mod credentials;
mod metric_push;
mod reader;
mod registry_name;
mod secrets;
mod variables;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use chart::{ChartRequest, ChartSource};
pub use metric_push::MetricPush;
pub use registry_name::RegistryName;
pub use variables::{VARIABLES, Variable, variable};

use crate::azure::Login;
use crate::cloud::Cloud;
use crate::name::{Repository, Tag};
use crate::platform::Platform;
use crate::registry::Account;
use crate::text::printable;
use crate::text::refused_value;
use crate::wire::Network;
use reader::{
    Reader, parse_bool, parse_cloud, parse_https, parse_images, parse_log_level, parse_ref,
    parse_repository_path, parse_timeout, parse_uuid,
};
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
    pub docker: Option<Account>,
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
    fn new(variable: &'static str, value: Option<&str>, reason: impl Into<String>) -> Self {
        Self {
            variable,
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
                crate::text::harmless(value),
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
        let registry = reader.required(name::REGISTRY_NAME, RegistryName::parse);
        let repository_path = reader.parsed(name::REGISTRY_REPOSITORY_PATH, parse_repository_path);
        let subscription = reader.optional(name::AZURE_RESOURCE_SUBSCRIPTION_ID, parse_uuid);
        let git_ref = reader.parsed(name::REF, parse_ref);
        let images = reader.parsed(name::IMAGES, parse_images);
        let architecture = reader.parsed(name::IMAGE_ARCHITECTURE, str::parse);
        let timeout = reader.parsed(name::TIMEOUT_SECONDS, parse_timeout);
        let log_level = reader.parsed(name::LOG_LEVEL, parse_log_level);
        let sync_images = reader.parsed(name::SYNC_IMAGES, parse_bool);
        let sync_ref_latest = reader.parsed(name::SYNC_REF_LATEST, parse_bool);
        let verify_children = match program {
            Program::Sli => reader.parsed(name::VERIFY_CHILDREN, parse_bool),
            Program::Taskset => Some(true),
        };
        let use_date_tag = reader.parsed(name::USE_DATE_TAG, parse_bool);
        let docker = reader.docker();
        let chart = reader.chart();
        let cloud = reader.optional(name::AZURE_CLOUD, parse_cloud);
        let authority = reader.optional(name::AZURE_AUTHORITY_HOST, parse_https);
        let network = reader.network();
        let metric_push = reader.metric_push();
        let output_dir = reader
            .folder(name::OUTPUT_DIR)
            .unwrap_or_else(|| PathBuf::from("."));
        let temp_dir = reader
            .folder(name::CODEBUNDLE_TEMP_DIR)
            .unwrap_or_else(|| output_dir.clone());
        let login = reader.login();

        // The patterns below hold whenever there are no mistakes.
        let Reader { mistakes, .. } = reader;
        let (
            Some(registry),
            Some(repository_path),
            Some(git_ref),
            Some(sync_ref_latest),
            Some(images),
            Some(architecture),
        ) = (
            registry,
            repository_path,
            git_ref,
            sync_ref_latest,
            images,
            architecture,
        )
        else {
            return Err(Mistakes(mistakes));
        };
        let (
            Some(timeout),
            Some(log_level),
            Some(sync_images),
            Some(verify_children),
            Some(use_date_tag),
            Some(chart),
            Some(login),
        ) = (
            timeout,
            log_level,
            sync_images,
            verify_children,
            use_date_tag,
            chart,
            login,
        )
        else {
            return Err(Mistakes(mistakes));
        };
        if !mistakes.is_empty() {
            return Err(Mistakes(mistakes));
        }
        let cloud = match &registry {
            RegistryName::LoginServer { cloud, .. } => *cloud,
            RegistryName::Name(_) => cloud.or(login.cloud).unwrap_or(Cloud::Public),
        };
        Ok(Self {
            program,
            registry,
            repository_path,
            subscription,
            sync_images,
            images,
            git_ref,
            sync_ref_latest,
            chart,
            architecture,
            verify_children,
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
            metric_push,
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
                    .or_else(|| self.login.subscription.clone())
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
            (name::SYNC_REF_LATEST, self.sync_ref_latest.to_string()),
            (name::HELM_REPO_URL, self.chart.source.to_string()),
            (name::HELM_CHART_NAME, self.chart.name.clone()),
            (
                name::CHART_VERSION,
                self.chart
                    .version
                    .clone()
                    .unwrap_or_else(|| "the highest release".to_owned()),
            ),
            (name::IMAGE_ARCHITECTURE, self.architecture.to_string()),
            (name::VERIFY_CHILDREN, self.verify_children.to_string()),
            (name::USE_DATE_TAG, self.use_date_tag.to_string()),
            (name::USE_DOCKER_AUTH, self.docker.is_some().to_string()),
            (name::TIMEOUT_SECONDS, self.timeout.as_secs().to_string()),
            (name::AZURE_CLOUD, self.cloud.name().to_owned()),
            ("credentials", self.login.origin.clone()),
        ]
    }
}

#[cfg(test)]
mod tests;
