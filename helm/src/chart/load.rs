//! Loads charts from folders and archives.

use std::path::Path;

use super::assemble::assemble;
use super::{Chart, archive, folder};
use crate::error::Error;
use crate::limits::Limits;

impl Chart {
    /// Loads a chart from a folder or an archive (`.tgz`), within the default [`Limits`].
    ///
    /// # Errors
    ///
    /// If the path cannot be read, or is not a chart.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::load_within(path, &Limits::default())
    }

    /// Loads a chart from a folder or an archive (`.tgz`).
    ///
    /// # Errors
    ///
    /// If the path cannot be read, is not a chart, or exceeds a limit.
    pub fn load_within(path: impl AsRef<Path>, limits: &Limits) -> Result<Self, Error> {
        let path = path.as_ref();
        let read = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let metadata = std::fs::metadata(path).map_err(read)?;
        if metadata.is_dir() {
            return assemble(folder::read(path, limits)?, limits);
        }
        // Opening a pipe would wait for its writer.
        if !metadata.is_file() {
            return Err(Error::Archive("not a regular file".to_owned()));
        }
        let file = std::fs::File::open(path).map_err(read)?;
        assemble(
            archive::read(std::io::BufReader::new(file), limits)?,
            limits,
        )
    }

    /// Loads a chart from an archive's bytes, within the default [`Limits`].
    ///
    /// ```
    /// let error = helm_render::Chart::from_archive(b"not a chart").unwrap_err();
    /// assert!(error.to_string().starts_with("chart archive: not a gzipped archive"));
    /// ```
    ///
    /// # Errors
    ///
    /// If the bytes are not a chart archive, or exceed a limit.
    pub fn from_archive(bytes: &[u8]) -> Result<Self, Error> {
        Self::from_archive_within(bytes, &Limits::default())
    }

    /// Loads a chart from an archive's bytes.
    ///
    /// # Errors
    ///
    /// If the bytes are not a chart archive, or exceed a limit.
    pub fn from_archive_within(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        assemble(archive::read(bytes, limits)?, limits)
    }
}
