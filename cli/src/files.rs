//! Files are written whole or not at all.

use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// A folder that results are to go to and cannot.
#[derive(Debug)]
pub(crate) struct NotWritable {
    variable: &'static str,
    folder: PathBuf,
    reason: String,
}

impl std::fmt::Display for NotWritable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            variable,
            folder,
            reason,
        } = self;
        write!(
            f,
            "{variable}={folder:?} cannot be written to: {reason}; nothing was done; give a folder that can"
        )
    }
}

impl std::error::Error for NotWritable {}

/// Makes sure that this process may open files and connections: without a few, the async runtime panics.
pub(crate) fn check_descriptors() -> anyhow::Result<()> {
    // The runtime takes six, and a run without any concurrency the rest.
    const FEWEST: usize = 16;
    let opened: std::io::Result<Vec<_>> = (0..FEWEST).map(|_| File::open("/dev/null")).collect();
    opened.map(drop).with_context(|| {
        format!(
            "this process cannot open {FEWEST} more files: raise its limit (ulimit -n) to 256 or more"
        )
    })
}

/// Makes sure that a folder is there and takes files, before anything is changed elsewhere.
pub(crate) fn check_writable(variable: &'static str, folder: &Path) -> Result<(), NotWritable> {
    let not_writable = |error: std::io::Error| NotWritable {
        variable,
        folder: folder.to_owned(),
        reason: error.to_string(),
    };
    std::fs::create_dir_all(folder).map_err(not_writable)?;
    tempfile::tempfile_in(folder)
        .map(drop)
        .map_err(not_writable)
}

/// Writes a file beside its place and moves it there: nobody ever reads half of it.
pub(crate) fn write(path: &Path, content: &str) -> anyhow::Result<()> {
    let attempt = || -> anyhow::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(folder)?;
        file.write_all(content.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    attempt().with_context(|| format!("{} could not be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/a.json");
        write(&path, "first").unwrap();
        write(&path, "second").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1
        );
    }

    #[test]
    fn a_folder_that_is_a_file_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = check_writable("OUTPUT_DIR", file.path()).unwrap_err();
        assert!(error.to_string().contains("OUTPUT_DIR"), "{error}");
        assert!(write(&file.path().join("x"), "").is_err());
    }
}
