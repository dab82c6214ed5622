//! Reads the variables into one valid [`Config`], or reports all mistakes at once.
//!
//! Pure, given the two functions of [`Inputs`]. Only this module knows variable names. An empty value, and the text
//! that the platform's templates print for a missing value, mean "unset". A `Config` is built by [`Config::read`] only
//! and is never changed, so it is always valid.
//!
//! A new variable is a declaration in `variables.rs`, a field of a struct, and the line that fills the field.

mod catalog;
mod chart;
mod chart_origin;
pub(crate) mod codecollections;
mod command;
mod credentials;
mod exclusion;
mod extra;
mod extra_charts;
mod extra_images;
mod inputs;
mod metric_push;
mod misplaced;
mod no_destination;
mod reader;
mod redaction;
mod registry_login;
mod registry_name;
mod secret_places;
mod secrets;
mod setting;
mod suggestion;
mod tag_rule;
mod targets;
mod values;
mod variables;
mod yaml_entries;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

pub use catalog::{
    AllowedImages, CatalogPointer, CatalogRequest, CatalogUrl, CatalogWanted, CodeCollectionSource,
};
pub use chart::{ChartRequest, ChartSource};
pub use chart_origin::{ChartOrigin, ChartSetting};
pub use codecollections::CodeCollections;
pub use exclusion::ExcludedName;
pub use extra_images::{ExtraImage, ExtraWanted};
pub use inputs::{DockerLogin, Inputs};
pub use metric_push::MetricPush;
pub use registry_login::TargetLogin;
pub use registry_name::RegistryName;
pub use setting::{Unset, Variable};
pub use suggestion::Mistyped;
pub use tag_rule::{HighestTag, TagPattern, TagRule};
pub use targets::{Target, TargetId};
pub use variables::VARIABLES;

pub use crate::azure::Login;
use crate::category::Category;
use crate::cloud::Cloud;
use crate::name::{Repository, Tag};
use crate::platform::Platform;
pub use crate::registry::{Account, RegistryCredentials, SourceLogins};
use crate::text::refused_value;
use crate::text::strip_control;
use crate::wire::Network;
use inputs::PLACEHOLDER;
use reader::{Reader, build};

/// One of the executables. They differ in the default of `SYNC_IMAGES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The indicator: checks, and imports only if that is configured.
    Sli,
    /// The task: imports unless that is turned off.
    Taskset,
    /// The command for people, whose subcommand decides whether to import.
    AcrSync,
}

impl Program {
    pub const ALL: [Self; 3] = [Self::Sli, Self::Taskset, Self::AcrSync];

    /// The name of the executable.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sli => "sli",
            Self::Taskset => "taskset",
            Self::AcrSync => "acr-sync",
        }
    }
}

/// The kind of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryType {
    /// An Azure Container Registry.
    Acr,
    /// Any other registry.
    Oci,
}

impl RegistryType {
    fn name(self) -> &'static str {
        match self {
            Self::Acr => "acr",
            Self::Oci => "oci",
        }
    }
}

/// The way of images to the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncMethod {
    /// An import, and a copy if the import is refused for a reason that a copy gets around.
    Auto,
    /// Azure imports them.
    Import,
    /// This program copies them.
    Copy,
}

impl SyncMethod {
    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Import => "import",
            Self::Copy => "copy",
        }
    }
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// A JSON object in each line.
    Json,
}

impl LogFormat {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// Whether a terminal may be written to in colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    Allowed,
    /// `NO_COLOR` is set and not empty.
    Refused,
}

/// A complete, valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The executable that runs.
    pub program: Program,
    /// The destinations of the images: at least one, in the order of `REGISTRY_NAME`.
    pub targets: Vec<Target>,
    /// The kind of all destinations.
    pub registry_type: RegistryType,
    /// The path under which the images are stored in each destination.
    pub repository_path: Repository,
    /// The subscription of the registries; detected if it is not given.
    pub subscription: Option<String>,
    /// Whether to import.
    pub sync_images: bool,
    /// How images are synced.
    pub sync_method: SyncMethod,
    /// Whether to copy the artifacts that refer to an image.
    pub copy_referrers: bool,
    /// The images to check.
    pub images: BTreeSet<Category>,
    /// The images of `EXTRA_IMAGES`.
    pub extra_images: Vec<ExtraImage>,
    /// The names of images that are left out.
    pub exclude: Vec<ExcludedName>,
    /// The branch of the CodeCollections, which is the prefix of their tags.
    pub git_ref: Tag,
    /// Where the CodeCollections are found.
    pub codecollection_source: CodeCollectionSource,
    /// The CodeCollections to check.
    pub codecollections: CodeCollections,
    /// The catalog of CodeCollections. Not used with [`CodeCollectionSource::Tags`].
    pub catalog: CatalogRequest,
    /// Whether to keep `${REF}-latest` in the registry too.
    pub sync_ref_latest: bool,
    /// The chart that names the RunWhen Local images.
    pub chart: ChartRequest,
    /// The charts of `EXTRA_CHARTS`.
    pub extra_charts: Vec<ChartRequest>,
    /// The platform whose manifest decides.
    pub architecture: Platform,
    /// Whether to check that an up-to-date image has the platform's manifest in the registry.
    pub verify_children: bool,
    /// Whether to import `latest` under a date tag.
    pub use_date_tag: bool,
    /// The logins of the registries that images come from.
    pub source_logins: SourceLogins,
    /// The folder of reports and artifacts; `None` if they are not written.
    pub output_dir: Option<PathBuf>,
    /// The folder of the artifact that the original wrote to its working folder.
    pub temp_dir: Option<PathBuf>,
    /// The file for the results in Prometheus's text format.
    pub metrics_file: Option<PathBuf>,
    /// Whether images that need a sync when the run ends have an exit code of their own.
    pub fail_on_outdated: bool,
    /// Whether the run imports a bundle.
    pub is_import: bool,
    /// The longest duration of the whole run.
    pub timeout: Duration,
    /// `error`, `warn`, `info` or `debug`.
    pub log_level: String,
    /// The form of the log.
    pub log_format: LogFormat,
    /// Whether the user allows colours (`NO_COLOR`). A terminal is needed too.
    pub color: Color,
    /// Variables that nothing reads and that are probably mistyped.
    pub mistyped: Vec<Mistyped>,
    /// Faults of the settings that do not end the run.
    pub warnings: Vec<Mistake>,
    /// The cloud of the registry and the identity.
    pub cloud: Cloud,
    /// The Entra host to use instead of the cloud's.
    pub entra_host: Option<String>,
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

/// All mistakes in the configuration, and the variables that are probably mistyped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration is wrong{}{}", lines(.mistakes), lines(.mistyped))]
pub struct Mistakes {
    pub mistakes: Vec<Mistake>,
    pub mistyped: Vec<Mistyped>,
    /// The form of the log in which they are reported.
    pub log_format: LogFormat,
}

fn lines<T: fmt::Display>(all: &[T]) -> String {
    all.iter().map(|one| format!("\n  {one}")).collect()
}

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
            warnings: Vec::new(),
        };
        match reader.config() {
            Some(config) if reader.mistakes.is_empty() => Ok(config),
            Some(_) | None => Err(Mistakes {
                mistyped: reader.mistyped(),
                log_format: reader.log_format(),
                mistakes: reader.mistakes_without_secrets(),
            }),
        }
    }

    /// The settings of this run without secrets, for the report. Settings that do not apply are left out.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let render = |variable: &Variable| Some((variable.name, variable.in_report?(self)));
        let variables = VARIABLES
            .iter()
            .filter(|variable| variable.is_read_by(self.program))
            .filter_map(render)
            .filter(|(_, value)| !value.is_empty());
        variables
            .chain([("credentials", targets::origins(&self.targets))])
            .collect()
    }

    /// A setting of Azure for the report; empty if the registry is not in Azure.
    fn of_azure(&self, value: &str) -> String {
        match self.registry_type {
            RegistryType::Acr => value.to_owned(),
            RegistryType::Oci => String::new(),
        }
    }

    /// The chosen CodeCollections for the report.
    fn chosen_codecollections(&self) -> String {
        let CodeCollections {
            repositories,
            reserved,
            slugs,
        } = &self.codecollections;
        let names: Vec<_> = match (self.codecollection_source, slugs) {
            (CodeCollectionSource::Catalog, Some(slugs)) => slugs.iter().cloned().collect(),
            (CodeCollectionSource::Tags, _) if repositories != reserved => {
                repositories.iter().map(ToString::to_string).collect()
            }
            (CodeCollectionSource::Catalog | CodeCollectionSource::Tags, _) => {
                return "all".to_owned();
            }
        };
        names.join(", ")
    }

    /// A setting of the catalog for the report; empty if the catalog is not used.
    fn of_catalog(&self, render: impl Fn(&CatalogRequest) -> String) -> String {
        match self.codecollection_source {
            CodeCollectionSource::Catalog => render(&self.catalog),
            CodeCollectionSource::Tags => String::new(),
        }
    }
}

impl Reader<'_> {
    /// The form of a log about mistakes, one of which may be in `LOG_FORMAT`.
    fn log_format(&self) -> LogFormat {
        let given = self.inputs.get(&variables::LOG_FORMAT);
        let given = given.and_then(|text| values::log_format(&text).ok());
        given.unwrap_or(LogFormat::Text)
    }

    /// <https://no-color.org>: any value but an empty one.
    fn color(&self) -> Color {
        match (self.inputs.variable)("NO_COLOR").as_deref() {
            None | Some("") => Color::Allowed,
            Some(_) => Color::Refused,
        }
    }

    /// Only Azure can import.
    fn sync_method(&mut self, is_azure: bool) -> Option<SyncMethod> {
        let variable = &variables::SYNC_METHOD;
        match (self.read(variable)?, is_azure) {
            (SyncMethod::Import, false) => {
                let reason = "only an Azure Container Registry imports; with REGISTRY_TYPE=oci it must be auto or copy";
                self.mistake(variable, Some(SyncMethod::Import.name()), reason);
                None
            }
            (_, false) => Some(SyncMethod::Copy),
            (method, true) => Some(method),
        }
    }

    fn config(&mut self) -> Option<Config> {
        let kind = self.read(&variables::REGISTRY_TYPE);
        let is_azure = kind != Some(RegistryType::Oci);
        let destinations = self.targets();
        let given_cloud = self.read(&variables::AZURE_CLOUD);
        let known = destinations.as_deref().unwrap_or_default();
        let cloud = targets::cloud(known)
            .or(given_cloud)
            .or_else(|| known.first()?.login.azure()?.cloud);
        let source = self.codecollection_source();
        let extra = self.extra_images();
        let charts = self.extra_charts();
        let has_extra = extra.as_ref().is_none_or(|extra| !extra.is_empty())
            || charts.as_ref().is_none_or(|charts| !charts.is_empty())
            || self.has_its_own_images();
        let categories = self.images(has_extra);
        let given = (extra.as_deref(), charts.as_deref());
        let collections = self.codecollections(source);
        let local_chart = self.chart();
        let logins = self.logins_of_sources(
            categories.as_ref(),
            collections.as_ref(),
            local_chart.as_ref(),
            given,
        );
        let branch = self.git_ref(source);
        let output = self.read(&variables::OUTPUT_DIR);
        let temp = self.read(&variables::CODEBUNDLE_TEMP_DIR);
        build!(Config {
            program: Some(self.program),
            targets: destinations,
            registry_type: kind,
            repository_path: self.read(&variables::REGISTRY_REPOSITORY_PATH),
            subscription: Some(self.read(&variables::AZURE_RESOURCE_SUBSCRIPTION_ID)),
            sync_images: self.read(&variables::SYNC_IMAGES),
            sync_method: self.sync_method(is_azure),
            copy_referrers: self.read(&variables::COPY_REFERRERS),
            images: categories,
            extra_images: extra,
            extra_charts: charts,
            exclude: Some(self.read(&variables::EXCLUDE_IMAGES).unwrap_or_default()),
            catalog: self.catalog(source, branch.as_ref()),
            git_ref: branch,
            codecollections: collections,
            codecollection_source: source,
            sync_ref_latest: self.sync_ref_latest(source),
            chart: local_chart,
            architecture: self.read(&variables::IMAGE_ARCHITECTURE),
            verify_children: self.read(&variables::VERIFY_CHILDREN),
            use_date_tag: self.read(&variables::USE_DATE_TAG),
            source_logins: logins,
            temp_dir: Some(temp.or_else(|| output.clone())),
            output_dir: Some(output),
            metrics_file: Some(self.read(&variables::METRICS_FILE)),
            fail_on_outdated: self.read(&variables::FAIL_ON_OUTDATED),
            is_import: Some(self.inputs.subcommand == Some("import")),
            timeout: self.read(&variables::TIMEOUT_SECONDS),
            log_level: self.read(&variables::LOG_LEVEL),
            log_format: self.read(&variables::LOG_FORMAT),
            color: Some(self.color()),
            mistyped: Some(self.mistyped()),
            warnings: Some(self.warnings_without_secrets()),
            cloud: Some(cloud.unwrap_or(Cloud::Public)),
            entra_host: Some(self.read(&variables::AZURE_AUTHORITY_HOST)),
            network: Some(self.network()),
            metric_push: Some(self.metric_push()),
            command: Some(self.command()),
        })
    }
}

#[cfg(test)]
mod tests;
