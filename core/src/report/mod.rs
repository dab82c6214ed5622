//! The results of a run: rows, counts, issues and the exit status. Pure; renderers are functions of it.

mod artifact;
mod cause;
mod command;
mod counts;
mod drift;
mod exclusion;
mod html;
mod issue;
mod issue_line;
mod junit;
mod markdown;
mod prometheus;
mod registries;
mod render;
mod row;
mod short;
mod state;
mod status;
mod steps;
mod summary;
mod table;
mod text;
mod timeline;
mod title;
mod transfer;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

pub use artifact::{Artifact, FOLDER, Place, artifacts, folder, json};
pub use counts::Counts;
pub use drift::OLDEST_DRIFT;
pub use html::html;
pub use issue::Issue;
pub use junit::junit;
pub(crate) use markdown::escape_markdown;
pub use markdown::markdown;
pub use prometheus::metrics;
pub use registries::RegistryInfo;
pub use render::RenderError;
use row::NOWHERE;
pub use row::{ActionResult, Change, Found, Row};
pub use status::Status;
pub(crate) use steps::steps;
pub use text::text;
pub use transfer::Transfer;

use crate::apply::Outcome;
use crate::config::TargetId;
use crate::discover::Exclusions;
use crate::plan::Plan;
use crate::wire::HostLedger;

/// The results of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The name of the executable.
    pub program: &'static str,
    /// The folder of its own files, below `OUTPUT_DIR`.
    pub folder: String,
    /// The command that repeats the run.
    pub command: String,
    /// The registries, in the order of `REGISTRY_NAME`.
    pub registries: Vec<RegistryInfo>,
    /// The name and version of the RunWhen Local chart.
    pub chart: Option<String>,
    /// The name and version of each other chart.
    pub extra_charts: Vec<String>,
    /// The images that are left out.
    pub exclusions: Exclusions,
    pub started: DateTime<Utc>,
    pub duration: Duration,
    /// The part of `duration` before the first import.
    pub check_duration: Duration,
    /// Whether images that need a sync when the run ends have an exit code of their own.
    pub fail_on_outdated: bool,
    /// Whether the images are those of a bundle.
    pub is_of_bundle: bool,
    /// The images, ordered by registry, category and source.
    pub rows: Vec<Row>,
    /// The issues, the most severe first.
    pub issues: Vec<Issue>,
    /// The settings, without secrets.
    pub settings: Vec<(&'static str, String)>,
    /// The request ledger.
    pub hosts: BTreeMap<String, HostLedger>,
}

/// The facts of a run that are not about images.
#[derive(Clone, Debug)]
pub struct RunInfo {
    /// The name of the executable.
    pub program: &'static str,
    /// The folder of its own files, below `OUTPUT_DIR`.
    pub folder: String,
    /// The command that repeats the run.
    pub command: String,
    /// The registries, in the order of `REGISTRY_NAME`.
    pub registries: Vec<RegistryInfo>,
    /// The name and version of the RunWhen Local chart.
    pub chart: Option<String>,
    /// The name and version of each other chart.
    pub extra_charts: Vec<String>,
    /// The images that are left out.
    pub exclusions: Exclusions,
    pub started: DateTime<Utc>,
    pub duration: Duration,
    /// The part of `duration` before the first import.
    pub check_duration: Duration,
    /// Whether images that need a sync when the run ends have an exit code of their own.
    pub fail_on_outdated: bool,
    /// Whether the images are those of a bundle.
    pub is_of_bundle: bool,
    /// The settings, without secrets.
    pub settings: Vec<(&'static str, String)>,
    /// The request ledger.
    pub hosts: BTreeMap<String, HostLedger>,
}

impl Report {
    /// Combines the plan and the outcomes of each target; `None` if no imports were requested.
    pub fn new(targets: &[(&Plan, Option<&[Outcome]>)], info: RunInfo) -> Self {
        let targets = TargetId::all(targets.len()).zip(targets);
        let rows = targets
            .zip(&info.registries)
            .flat_map(|(target, registry)| {
                let (target, (plan, outcomes)) = target;
                let place = (target, registry.server.as_str());
                row::rows(place, info.started, plan, *outcomes)
            });
        let rows = rows.collect();
        let RunInfo {
            program,
            folder,
            command,
            registries,
            chart,
            extra_charts,
            exclusions,
            started,
            duration,
            check_duration,
            fail_on_outdated,
            is_of_bundle,
            settings,
            hosts,
        } = info;
        let mut report = Self {
            program,
            folder,
            command,
            registries,
            chart,
            extra_charts,
            exclusions,
            started,
            duration,
            check_duration,
            fail_on_outdated,
            is_of_bundle,
            rows,
            issues: Vec::new(),
            settings,
            hosts,
        };
        report.issues = issue::issues(&report);
        report
    }
}

#[cfg(test)]
pub(crate) mod tests;
