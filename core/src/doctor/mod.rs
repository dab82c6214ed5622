//! `acr-sync doctor`: examines everything that a run needs, and changes nothing.
//!
//! The parts of the pipeline do the work, so that a run and this report the same problem of the same cause. The examinations
//! run concurrently, each with a limit of its own; the order of the findings is fixed.

mod azure;
mod finding;
mod machine;
mod need;
mod rendering;
mod sources;
mod subscription;
mod target;

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;

pub use finding::{Finding, State, gravest};
pub use rendering::{json, markdown, text};

use crate::catalog::Catalog;
use crate::category::Category;
use crate::config::{CodeCollectionSource, Config, Mistakes, Mistyped, SyncMethod};
use crate::destination::Destination;
use crate::discover;
use crate::name::{Registry, Repository};
use crate::observe::Observer;
use crate::registry::Sources;
use crate::report::Status;
use crate::wire::{Limit, SetupError, Wire};

/// Longest time for everything about the destination, and for everything about the sources.
const DESTINATION: Duration = Duration::from_secs(20);
const SOURCES: Duration = Duration::from_secs(15);

/// The inputs of an examination.
pub struct Doctor<'a> {
    pub config: &'a Config,
    /// Its signal ends the examination early. Its deadline does not count, because it may be too short.
    pub limit: &'a Limit,
    pub started: DateTime<Utc>,
    /// The findings about the folders for results. Only the executables may write there.
    pub folders: Vec<Finding>,
}

impl Doctor<'_> {
    /// Examines everything, and returns a finding for each thing, in a fixed order.
    pub async fn examine(self) -> Vec<Finding> {
        let wire = Wire::new(
            &self.config.network,
            self.config.secrets(),
            self.limit.for_examination(SOURCES),
        );
        let mut findings = vec![settings(self.config)];
        findings.extend(self.config.mistyped.iter().map(unread));
        match wire {
            Ok(wire) => {
                findings.push(machine::connections(self.config, &wire));
                findings.extend(self.over(&wire).await);
            }
            Err(error) => findings.extend(without_connections(&error)),
        }
        findings.extend(self.folders);
        findings
    }

    async fn over(&self, wire: &Wire) -> Vec<Finding> {
        let config = self.config;
        let wire_of = |time| wire.limited(self.limit.for_examination(time));
        let of_destination = wire_of(DESTINATION);
        let destinations = Destination::all(config, &of_destination);
        let of_sources = wire_of(SOURCES);
        let sources = Sources::new(&of_sources, config.source_logins.clone());
        let catalog = Catalog::new(config, &of_sources);
        let observer = Observer {
            config,
            sources: &sources,
            catalog: &catalog,
            started: self.started,
        };
        let targets = config.targets.iter().zip(&destinations);
        let examinations =
            targets.map(|(target, destination)| target::examine(config, target, destination, wire));
        let (examined, found) = tokio::join!(
            join_all(examinations),
            sources::examine(&observer, &of_sources),
        );
        let examined = examined.into_iter().zip(&destinations);
        let with_locks = examined.map(|(examined, destination)| {
            let images = &found.images;
            async move {
                let target::Examined {
                    mut findings,
                    access,
                } = examined;
                if let Destination::Acr(acr) = &**destination {
                    findings.push(azure::locks(acr, access, images).await);
                }
                findings
            }
        });
        let of_targets = join_all(with_locks).await;
        let names = config.targets.iter().map(|target| &target.registry);
        let names = names.map(|registry| registry.as_str().to_owned());
        let mut findings = finding::merged(names.zip(of_targets).collect());
        let facts = wire.facts();
        let hub = machine::docker_hub(config, &found, &facts);
        findings.extend(found.findings);
        findings.push(machine::clock(config, &facts));
        findings.extend(hub);
        findings.push(machine::deadline(config, &facts));
        findings
    }
}

/// The findings about settings that are not valid: one for each mistake.
pub fn mistakes(mistakes: &Mistakes) -> Vec<Finding> {
    let wrong = |mistake: &crate::config::Mistake| {
        Finding::wrong("settings", Status::Configuration, mistake.to_string())
            .fix(format!("correct {}", mistake.variable))
    };
    let Mistakes {
        mistakes,
        mistyped,
        log_format: _,
    } = mistakes;
    let mut findings: Vec<_> = mistakes.iter().map(wrong).collect();
    findings.extend(mistyped.iter().map(unread));
    findings.push(Finding::not_examined("everything else", "settings"));
    findings
}

/// The finding about a variable that nothing reads.
fn unread(variable: &Mistyped) -> Finding {
    let finding = Finding::warning("settings", variable.to_string());
    finding.fix(format!("rename {} to {}", variable.name, variable.meant))
}

fn settings(config: &Config) -> Finding {
    let images: Vec<_> = config
        .images
        .iter()
        .map(|category| category.title())
        .collect();
    let method = match config.sync_method {
        SyncMethod::Auto => "by imports, or by copies if an import is refused",
        SyncMethod::Import => "by imports",
        SyncMethod::Copy => "by copies",
    };
    let path = &config.repository_path;
    let place = match &config.targets[..] {
        [target] => format!("{}/{path}", target.registry.as_str()),
        targets => format!("{path} in each of {} registries", targets.len()),
    };
    let detail = format!(
        "valid; {} images go to {place}, {method}",
        images.join(" and ")
    );
    Finding::ok("settings", detail)
}

fn without_connections(error: &SetupError) -> Vec<Finding> {
    let fix = match error {
        SetupError::Authorities { variable, .. } => &format!(
            "set {variable} to a PEM bundle, or unset it to trust the system's authorities"
        ),
        SetupError::Proxy(_) => "set HTTPS_PROXY to a URL such as http://proxy.example:3128",
        SetupError::Tls(_) | SetupError::Http(_) => "report this to the authors of this program",
    };
    let wrong = Finding::wrong("connections", Status::Configuration, error.to_string());
    vec![
        wrong.fix(fix),
        Finding::not_examined("services", "connections"),
    ]
}

/// Repositories of the destination that are known before any request.
fn known_destinations(config: &Config) -> Vec<Repository> {
    let mut known = Vec::new();
    if config.images.contains(&Category::CodeCollection) {
        known.extend(discover::wanted_codecollections(config));
    }
    if config.images.contains(&Category::RunWhenLocal) {
        known.extend(discover::likely_destinations(config));
    }
    if config.images.contains(&Category::Extra) {
        known.extend(discover::extra_destinations(config));
    }
    known
}

/// True if the CodeCollections come from the catalog.
fn uses_catalog(config: &Config) -> bool {
    config.codecollection_source == CodeCollectionSource::Catalog
        && config.images.contains(&Category::CodeCollection)
}

/// The name of a registry's host, without a port.
fn host_name(registry: &Registry) -> &str {
    registry.as_str().split(':').next().unwrap_or_default()
}
