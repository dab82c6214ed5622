//! The registries of a report, and the part of a report that is about one of them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Report, Row};
use crate::config::TargetId;

/// A registry of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryInfo {
    pub target: TargetId,
    /// Its part of `REGISTRY_NAME`.
    pub name: String,
    /// Its login server; the same as `name` if that is not known.
    pub server: String,
    /// Its name in `az acr --name`.
    pub resource_name: String,
    /// Its page in the portal, if the run has read its ID.
    pub page: Option<String>,
}

/// The registries that an issue is about.
pub(super) struct Concerned {
    /// One by its login server, several by their number.
    pub place: String,
    pub servers: Vec<String>,
}

impl Report {
    /// The registry of a run with one; `None` if there are several.
    pub fn only_registry(&self) -> Option<&RegistryInfo> {
        match &self.registries[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The registry in a title; several by their number.
    pub fn place(&self) -> String {
        match &self.registries[..] {
            [only] => only.server.clone(),
            several => format!("{} registries", several.len()),
        }
    }

    /// The registries of some images; all of them without images.
    pub(super) fn concerned(&self, rows: &[&Row]) -> Concerned {
        let is_of = |registry: &&RegistryInfo| {
            rows.is_empty() || rows.iter().any(|row| row.target == registry.target)
        };
        let registries = self.registries.iter().filter(is_of);
        Concerned {
            place: match (rows.first(), are_several(rows)) {
                (Some(row), false) => self.server_of(row).to_owned(),
                (Some(_), true) => self.registries_of(rows),
                (None, _) => self.place(),
            },
            servers: registries.map(|one| one.server.clone()).collect(),
        }
    }

    /// The registry of an image.
    pub(super) fn registry_of(&self, row: &Row) -> Option<&RegistryInfo> {
        let mut registries = self.registries.iter();
        registries.find(|registry| registry.target == row.target)
    }

    /// The login server of an image's registry.
    pub(super) fn server_of(&self, row: &Row) -> &str {
        let registry = self.registry_of(row);
        registry.map_or("", |registry| registry.server.as_str())
    }

    /// A report for each registry, with its images and without issues and requests.
    pub fn by_registry(&self) -> Vec<Self> {
        let registries = self.registries.iter();
        registries
            .map(|registry| {
                let rows = self.rows.iter();
                let own = rows.filter(|row| row.target == registry.target);
                Self {
                    rows: own.cloned().collect(),
                    registries: vec![registry.clone()],
                    issues: Vec::new(),
                    hosts: BTreeMap::new(),
                    command: self.command.clone(),
                    folder: self.folder.clone(),
                    chart: self.chart.clone(),
                    extra_charts: self.extra_charts.clone(),
                    exclusions: self.exclusions.clone(),
                    settings: self.settings.clone(),
                    ..*self
                }
            })
            .collect()
    }

    /// The registries of some images, with their kind: one by its login server, several by their number.
    pub(super) fn registries_of(&self, rows: &[&Row]) -> String {
        let targets: BTreeSet<_> = rows.iter().map(|row| row.target).collect();
        let total = self.registries.len();
        match (targets.len(), rows.first()) {
            (0 | 1, Some(row)) => format!("{} {}", self.kind(), self.server_of(row)),
            (count, _) if count < total && count > 0 => format!("{count} of {total} registries"),
            (_, _) => match self.only_registry() {
                Some(only) => format!("{} {}", self.kind(), only.server),
                None if total == 2 => "both registries".to_owned(),
                None => format!("all {total} registries"),
            },
        }
    }

    fn kind(&self) -> &'static str {
        match self.setting("REGISTRY_TYPE") {
            Some("oci") => "OCI registry",
            Some(_) | None => "ACR",
        }
    }

    pub(super) fn setting(&self, name: &str) -> Option<&str> {
        let mut settings = self.settings.iter();
        let found = settings.find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// These images without those of a further registry.
pub(super) fn distinct<'a>(rows: &[&'a Row]) -> Vec<&'a Row> {
    let mut first: BTreeMap<&str, TargetId> = BTreeMap::new();
    let rows = rows.iter().copied();
    rows.filter(|row| *first.entry(&row.source).or_insert(row.target) == row.target)
        .collect()
}

/// True if these images go to different registries.
pub(super) fn are_several(rows: &[&Row]) -> bool {
    rows.iter().any(|row| row.target != rows[0].target)
}
