//! Charts: what is in them.

mod archive;
mod dependencies;
mod fields;
mod files;
mod folder;
mod ignore;
mod metadata;

use std::path::Path;

use serde_json::{Map, Value as Tree};

use crate::error::Error;
use crate::limits::Limits;
use crate::schema::Schema;
use crate::value;

pub use metadata::{Dependency, Metadata};

pub(crate) use dependencies::{Enabled, enable, is_compatible};
pub(crate) use fields::Fields;
pub(crate) use files::File;
pub(crate) use metadata::text_of;

/// A loaded chart: its metadata, values, templates and files, and the charts inside it.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # std::fs::write(folder.path().join("Chart.yaml"), "apiVersion: v2\nname: demo\nversion: 0.1.0\n")?;
/// let chart = helm::Chart::load(folder.path())?;
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
    /// Loads a chart from a folder or an archive (`.tgz`), within the default [`Limits`].
    ///
    /// # Errors
    ///
    /// When the path cannot be read, or what is there is no chart.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::load_within(path, &Limits::default())
    }

    /// Loads a chart from a folder or an archive (`.tgz`).
    ///
    /// # Errors
    ///
    /// When the path cannot be read, what is there is no chart, or it breaks a limit.
    pub fn load_within(path: impl AsRef<Path>, limits: &Limits) -> Result<Self, Error> {
        let path = path.as_ref();
        let read = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let metadata = std::fs::metadata(path).map_err(read)?;
        if metadata.is_dir() {
            return files::assemble(folder::read(path, limits)?, limits);
        }
        // To open a pipe would mean to wait for its writer.
        if !metadata.is_file() {
            return Err(Error::Archive("not a regular file".to_owned()));
        }
        let file = std::fs::File::open(path).map_err(read)?;
        files::assemble(
            archive::read(std::io::BufReader::new(file), limits)?,
            limits,
        )
    }

    /// Loads a chart from an archive's bytes, within the default [`Limits`].
    ///
    /// ```
    /// let error = helm::Chart::from_archive(b"not a chart").unwrap_err();
    /// assert!(error.to_string().starts_with("chart archive: not a gzipped archive"));
    /// ```
    ///
    /// # Errors
    ///
    /// When the bytes are no chart's archive, or it breaks a limit.
    pub fn from_archive(bytes: &[u8]) -> Result<Self, Error> {
        Self::from_archive_within(bytes, &Limits::default())
    }

    /// Loads a chart from an archive's bytes.
    ///
    /// # Errors
    ///
    /// When the bytes are no chart's archive, or it breaks a limit.
    pub fn from_archive_within(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        files::assemble(archive::read(bytes, limits)?, limits)
    }

    /// The chart's name.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// What `Chart.yaml` says.
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

    /// The charts that `Chart.yaml` names and `charts/` does not have, enabled or not: Helm wants them all.
    ///
    /// A caller may fetch them from their repository and [add](Self::add_dependency) them; the version to take is the
    /// one in [`locked_dependencies`](Self::locked_dependencies) where there is one.
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

    /// Bytes of the files and values in it and in the charts inside it.
    pub(crate) fn size(&self) -> usize {
        let own = self.templates.iter().chain(&self.files);
        own.map(|file| file.data.len()).sum::<usize>()
            + value::tree_size(self.values.iter())
            + self.dependencies.iter().map(Chart::size).sum::<usize>()
    }

    /// Puts a chart into this one, as if it lay in `charts/`.
    pub fn add_dependency(&mut self, chart: Chart) {
        self.dependencies.push(chart);
    }
}
