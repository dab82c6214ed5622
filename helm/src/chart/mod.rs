//! Charts and their content.

mod archive;
mod assemble;
mod dependencies;
mod fields;
mod file;
mod folder;
mod ignore;
mod load;
mod metadata;

use serde_json::{Map, Value as Tree};

use crate::dependency::Dependency;
use crate::schema::Schema;
use crate::value;

pub use metadata::Metadata;

pub(crate) use dependencies::{Enabled, enable, is_compatible, schema_errors};
pub(crate) use fields::Fields;
pub(crate) use file::File;
pub(crate) use metadata::text_of;

/// A loaded chart: its metadata, values, templates and files, and the charts inside it.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # std::fs::write(folder.path().join("Chart.yaml"), "apiVersion: v2\nname: demo\nversion: 0.1.0\n")?;
/// let chart = helm_render::Chart::load(folder.path())?;
/// assert_eq!(chart.name(), "demo");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Chart {
    pub(crate) metadata: Metadata,
    pub(crate) values: Map<String, Tree>,
    pub(crate) schema: Option<Schema>,
    pub(crate) templates: Vec<File>,
    pub(crate) files: Vec<File>,
    pub(crate) locked: Vec<Dependency>,
    pub(crate) dependencies: Vec<Chart>,
}

impl Chart {
    /// The chart's name.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// The content of `Chart.yaml`.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The charts inside it.
    pub fn dependencies(&self) -> &[Chart] {
        &self.dependencies
    }

    /// The exact versions that `Chart.lock` names, if there is one.
    pub fn locked_dependencies(&self) -> &[Dependency] {
        &self.locked
    }

    /// The charts that `Chart.yaml` names and `charts/` lacks, enabled or not: Helm requires all of them.
    ///
    /// A caller can fetch them from their repository and [add](Self::add_dependency) them, in the version
    /// from [`locked_dependencies`](Self::locked_dependencies) if there is one.
    pub fn missing_dependencies(&self) -> Vec<&Dependency> {
        self.metadata
            .dependencies
            .iter()
            .flatten()
            .filter(|wanted| {
                !self
                    .dependencies
                    .iter()
                    .any(|chart| chart.metadata.name == wanted.name)
            })
            .collect()
    }

    /// The size in bytes of its files and values, including the charts inside it.
    pub(crate) fn size(&self) -> usize {
        let own = self.templates.iter().chain(&self.files);
        own.map(|file| file.data.len()).sum::<usize>()
            + value::tree_size(self.values.iter())
            + self.dependencies.iter().map(Chart::size).sum::<usize>()
    }

    /// Adds a chart, as if it were in `charts/`.
    pub fn add_dependency(&mut self, chart: Chart) {
        self.dependencies.push(chart);
    }
}
