//! Writes files completely or not at all.
//!
//! A file is written under a temporary name in its folder and then renamed. A process that is killed in
//! between leaves the temporary file; a later run removes it ([`remove_leftovers`]). A link stays: the file that it names is
//! replaced. A device, such as `/dev/null`, is written to and never replaced.

use std::ffi::OsStr;
use std::fs::{DirEntry, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use acr_sync_core::report::FOLDER;
use acr_sync_core::wire::connections_of_each;
use anyhow::Context as _;

/// The prefix of our temporary files. Random characters follow.
const PREFIX: &str = ".tmp-azure-rw-acr-sync-";
/// The prefix in earlier versions. Other programs use it too, so it is removed in our own folder only.
const FORMER_PREFIX: &str = ".tmp";
/// The number of random characters after the prefix.
const RANDOM: usize = 6;
/// The age of the last write from which a temporary file is a leftover.
const OLD: Duration = Duration::from_secs(3600);

/// A folder or file for results that cannot be written to.
#[derive(Debug)]
pub(crate) struct NotWritable {
    variable: &'static str,
    path: PathBuf,
    reason: String,
}

impl std::fmt::Display for NotWritable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            variable,
            path,
            reason,
        } = self;
        write!(
            f,
            "{variable}={path:?} cannot be written to: {reason}; nothing was done; give a place that can"
        )
    }
}

impl std::error::Error for NotWritable {}

/// Checks that this process can open files and connections: without them, the async runtime panics.
pub(crate) fn check_descriptors(registries: usize) -> anyhow::Result<()> {
    // The runtime needs six; concurrent connections and the files of the results need the rest.
    const ONE_REGISTRY: usize = 40;
    let others = registries.saturating_sub(1);
    let fewest = ONE_REGISTRY + others * connections_of_each(registries);
    let opened: io::Result<Vec<_>> = (0..fewest).map(|_| File::open("/")).collect();
    opened.map(drop).with_context(|| {
        let enough = (fewest * 2).next_power_of_two().max(256);
        format!(
            "this process cannot open {fewest} more files: raise its limit (ulimit -n) to {enough} or more"
        )
    })
}

/// Creates a folder and checks that it can be written to, before the run changes anything.
pub(crate) fn check_writable(variable: &'static str, folder: &Path) -> Result<(), NotWritable> {
    let not_writable = |error: io::Error| NotWritable {
        variable,
        path: folder.to_owned(),
        reason: error.to_string(),
    };
    std::fs::create_dir_all(folder).map_err(not_writable)?;
    temporary_file(folder).map(drop).map_err(not_writable)
}

/// Checks that a file can be written or replaced, before the run changes anything, and removes what a killed run left next to it.
pub(crate) fn check_replaceable(variable: &'static str, file: &Path) -> Result<(), NotWritable> {
    let place = Place::of(file).map_err(|error| NotWritable {
        variable,
        path: file.to_owned(),
        reason: error.to_string(),
    })?;
    match place {
        Place::Device => Ok(()),
        Place::File(file) => prepare_folder(variable, &file).map(drop),
    }
}

/// The folder of a file, which can be written to and has no leftovers.
fn prepare_folder<'a>(variable: &'static str, file: &'a Path) -> Result<&'a Path, NotWritable> {
    let folder = folder_of(file);
    check_writable(variable, folder)?;
    remove_leftovers(folder, SystemTime::now());
    Ok(folder)
}

/// The kind of a path.
enum Place {
    /// A file or nothing, behind all links.
    File(PathBuf),
    /// A character device.
    Device,
}

impl Place {
    /// # Errors
    /// If the path can be neither replaced nor written to.
    fn of(path: &Path) -> io::Result<Self> {
        let kind = match path.metadata() {
            Ok(metadata) => metadata.file_type(),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
                return Ok(Self::File(path.to_owned()));
            }
            Err(error) => return Err(error),
        };
        if kind.is_char_device() {
            return Ok(Self::Device);
        }
        if kind.is_dir() {
            return Err(io::Error::other("it is a folder"));
        }
        if !kind.is_file() {
            return Err(io::Error::other(
                "it is neither a file nor a device that takes text",
            ));
        }
        path.canonicalize().map(Self::File)
    }
}

/// The folder of a file; `.` for a name without one.
fn folder_of(file: &Path) -> &Path {
    let parent = file.parent().filter(|parent| *parent != Path::new(""));
    parent.unwrap_or(Path::new("."))
}

/// Checks the same without a change. Of a folder that does not exist, the folder in which it would be created is checked.
pub(crate) fn could_write(folder: &Path) -> io::Result<()> {
    let existing = folder.ancestors().find(|ancestor| ancestor.exists());
    let existing = existing.filter(|path| !path.as_os_str().is_empty());
    // Unlike a file with a name, this one is never in the folder.
    tempfile::tempfile_in(existing.unwrap_or(Path::new("."))).map(drop)
}

/// Removes old temporary files of runs that were killed while they wrote. The run does not need the space, so
/// errors are only logged.
pub(crate) fn remove_leftovers(folder: &Path, now: SystemTime) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let is_our_folder = folder.file_name() == Some(OsStr::new(FOLDER));
    let prefixes = if is_our_folder {
        &[PREFIX, FORMER_PREFIX][..]
    } else {
        &[PREFIX][..]
    };
    for entry in entries.flatten() {
        if is_leftover(&entry, prefixes, now) {
            let path = entry.path();
            match std::fs::remove_file(&path) {
                Ok(()) => tracing::debug!("removed {path:?}, left by a run that was killed"),
                Err(error) => tracing::debug!("{path:?} could not be removed: {error}"),
            }
        }
    }
}

fn is_leftover(entry: &DirEntry, prefixes: &[&str], now: SystemTime) -> bool {
    let name = entry.file_name();
    let random = |prefix| name.to_str()?.strip_prefix(prefix);
    let is_ours = prefixes.iter().filter_map(random).any(|random| {
        random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    // The metadata of the entry itself: a symbolic link is not ours.
    let metadata = entry.metadata().ok().filter(|metadata| metadata.is_file());
    let age = metadata.and_then(|metadata| now.duration_since(metadata.modified().ok()?).ok());
    is_ours && age.is_some_and(|age| age > OLD)
}

fn temporary_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new()
        .prefix(PREFIX)
        .rand_bytes(RANDOM)
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(folder)
}

/// Writes a temporary file in the same folder and renames it, so that a reader never sees a part of the file.
pub(crate) fn write(path: &Path, content: &str) -> anyhow::Result<()> {
    let attempt = || -> anyhow::Result<()> {
        let target = match Place::of(path)? {
            Place::File(target) => target,
            Place::Device => {
                let mut device = OpenOptions::new().write(true).open(path)?;
                return Ok(device.write_all(content.as_bytes())?);
            }
        };
        let folder = folder_of(&target);
        std::fs::create_dir_all(folder)?;
        let mut file = temporary_file(folder)?;
        file.write_all(content.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(target)?;
        Ok(())
    };
    attempt().with_context(|| format!("{} could not be written", path.display()))
}

/// A large file that is written piece by piece. It is removed unless it is kept.
pub(crate) struct Pending {
    file: tempfile::NamedTempFile,
    /// Behind all links.
    target: PathBuf,
}

impl Pending {
    /// Begins a file in the folder of the one that it will become, which must not be one of `sources`. The folder is not
    /// created: a large file must not fill another disk because a path is mistyped.
    pub(crate) fn new(
        variable: &'static str,
        target: &Path,
        sources: &[PathBuf],
    ) -> Result<Self, NotWritable> {
        let not_writable = |reason: String| NotWritable {
            variable,
            path: target.to_owned(),
            reason,
        };
        let folder = folder_of(target);
        if !folder.is_dir() {
            let reason = format!("the folder {} does not exist", folder.display());
            return Err(not_writable(reason));
        }
        let target = match Place::of(target) {
            Ok(Place::File(target)) => target,
            Ok(Place::Device) => return Err(not_writable("it is a device".to_owned())),
            Err(error) => return Err(not_writable(error.to_string())),
        };
        let is_target = |source: &PathBuf| source.canonicalize().is_ok_and(|file| file == target);
        if sources.iter().any(is_target) {
            let reason = "this run reads the file, and must not replace it";
            return Err(not_writable(reason.to_owned()));
        }
        let file = temporary_file(prepare_folder(variable, &target)?);
        let file = file.map_err(|error| not_writable(error.to_string()))?;
        Ok(Self { file, target })
    }

    pub(crate) fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Gives the file its name.
    pub(crate) fn keep(self) -> anyhow::Result<()> {
        let Self { file, target } = self;
        let place = target.display().to_string();
        let attempt = || -> anyhow::Result<()> {
            file.as_file().sync_all()?;
            file.persist(target)?;
            Ok(())
        };
        attempt().with_context(|| format!("{place} could not be written"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_replaced_whole_and_nothing_else_is_left() {
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
    fn link_stays_and_a_device_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a/file"), folder.path().join("link"));
        write(&file, "first").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(&link, "second").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "second");
        let device = Path::new("/dev/null");
        write(device, "text").unwrap();
        check_replaceable("METRICS_FILE", device).unwrap();
        assert!(device.metadata().unwrap().file_type().is_char_device());
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(write(&socket, "text").is_err());
        let nothing = folder.path().join("nothing");
        std::os::unix::fs::symlink(folder.path().join("absent"), &nothing).unwrap();
        for target in [device, &socket, &nothing] {
            assert!(check_replaceable("X", target).is_ok() == (target == device));
            assert!(Pending::new("X", target, &[]).is_err(), "{target:?}");
        }
        let pending = Pending::new("X", &link, &[]).unwrap();
        pending.file().write_all(b"third").unwrap();
        pending.keep().unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "third");
        assert!(Pending::new("X", &link, &[file]).is_err(), "it is read");
    }

    #[test]
    fn folder_that_could_be_created_is_not_created() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("a/b");
        could_write(&below).unwrap();
        could_write(folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    /// Creates a file whose last change was this long ago.
    fn aged(folder: &Path, name: &str, age: Duration) -> PathBuf {
        let path = folder.join(name);
        let file = std::fs::File::create(&path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
        path
    }

    #[test]
    fn only_our_old_temporary_files_are_removed() {
        const DAY: Duration = Duration::from_secs(86_400);
        let output = tempfile::tempdir().unwrap();
        let ours = output.path().join(FOLDER);
        std::fs::create_dir(&ours).unwrap();
        let target = aged(output.path(), "report.md", DAY);
        for folder in [output.path(), &ours] {
            let gone = aged(folder, ".tmp-azure-rw-acr-sync-Ab3xYz", DAY);
            let former = aged(folder, ".tmpAb3xYz", DAY);
            let link = folder.join(".tmp-azure-rw-acr-sync-linked");
            std::os::unix::fs::symlink(&target, &link).unwrap();
            let kept = [
                aged(folder, ".tmp-azure-rw-acr-sync-Ab3xYy", OLD / 2),
                aged(folder, ".tmp-azure-rw-acr-sync-Ab3", DAY),
                aged(folder, ".tmp-azure-rw-acr-sync-notes!", DAY),
                aged(folder, ".tmp-notes", DAY),
                aged(folder, "sli.json", DAY),
                aged(folder, ".azure-rw-acr-sync-Ab3xYz", DAY),
                link,
                target.clone(),
            ];
            let below = folder.join(".tmp-azure-rw-acr-sync-folder");
            std::fs::create_dir(&below).unwrap();
            remove_leftovers(folder, SystemTime::now());
            assert!(!gone.exists());
            assert_eq!(former.exists(), folder == output.path());
            assert!(below.exists());
            for path in kept {
                assert!(path.symlink_metadata().is_ok(), "{path:?} was removed");
            }
        }
        remove_leftovers(Path::new("/nonexistent"), SystemTime::now());
    }

    #[test]
    fn file_with_a_date_in_the_future_is_not_old() {
        let folder = tempfile::tempdir().unwrap();
        let path = aged(
            folder.path(),
            ".tmp-azure-rw-acr-sync-Ab3xYz",
            Duration::ZERO,
        );
        remove_leftovers(folder.path(), SystemTime::now() - 2 * OLD);
        assert!(path.exists());
    }

    #[test]
    fn folder_that_is_a_file_is_an_error_with_the_variable() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(could_write(file.path()).is_err());
        assert!(could_write(&file.path().join("below")).is_err());
        let error = check_writable("OUTPUT_DIR", file.path()).unwrap_err();
        assert!(error.to_string().contains("OUTPUT_DIR"), "{error}");
        assert!(write(&file.path().join("x"), "").is_err());
    }
}
