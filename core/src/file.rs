//! Files of this machine that a setting names.
//!
//! A wrong path may lead to a device, a pipe or a disk image. Only regular files of a plausible size are read:
//! such a path is an error, and the program does not hang or run out of memory.

use std::fs::File;
use std::io::{Error, ErrorKind, Read as _, Result};
use std::path::Path;

/// The largest file that is read, in bytes. A bundle of all public authorities has 250 kB.
const LARGEST: u64 = 4 << 20;

/// The content of a regular file.
///
/// # Errors
/// If it cannot be read, is not a regular file, or is larger than 4 MiB.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    // Before the file is opened, because opening a pipe waits for its writer.
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(refused(ErrorKind::IsADirectory, "it is a directory"));
    }
    if !metadata.is_file() {
        return Err(refused(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut content = Vec::new();
    // The size is checked again while reading: files in /proc report a size of 0.
    File::open(path)?
        .take(LARGEST + 1)
        .read_to_end(&mut content)?;
    if content.len() as u64 > LARGEST {
        let reason = format!("it is larger than {} MiB", LARGEST >> 20);
        return Err(refused(ErrorKind::FileTooLarge, &reason));
    }
    Ok(content)
}

/// The content of a regular file as UTF-8.
///
/// # Errors
/// As [`read`], and if it is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?)
        .map_err(|_| refused(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

fn refused(kind: ErrorKind, reason: &str) -> Error {
    Error::new(kind, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_folder_and_huge_file_are_refused() {
        for (path, reason) in [
            ("/dev/zero", "not a regular file"),
            ("/dev/null", "not a regular file"),
            ("/proc", "a directory"),
            ("/nonexistent", "No such file"),
        ] {
            let error = read_text(Path::new(path)).unwrap_err().to_string();
            assert!(error.contains(reason), "{path}: {error}");
        }
        // A file that reports a size of 0.
        assert!(!read(Path::new("/proc/self/status")).unwrap().is_empty());
    }
}
