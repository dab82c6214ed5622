//! Charts as folders.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use super::file::File;
use super::ignore::Rules;
use crate::error::Error;
use crate::limits::Limits;

const BYTE_ORDER_MARK: &[u8] = &[0xEF, 0xBB, 0xBF];

/// Reads a chart's folder, without the files that `.helmignore` excludes.
pub(super) fn read(root: &Path, limits: &Limits) -> Result<Vec<File>, Error> {
    const IGNORE: &str = ".helmignore";
    let ignore = root.join(IGNORE);
    let rules = if ignore.exists() {
        let content = read_file(&ignore, IGNORE, limits)?;
        Rules::parse(&String::from_utf8_lossy(&content)).map_err(|problem| Error::ChartFile {
            file: IGNORE.into(),
            problem,
        })?
    } else {
        Rules::default()
    };
    let root = root.canonicalize().map_err(|source| Error::Read {
        path: root.to_owned(),
        source,
    })?;
    let mut reader = Reader {
        root: &root,
        rules,
        limits,
        files: Vec::new(),
        left: limits.unpacked,
    };
    reader.folder(&root, "", 0)?;
    Ok(reader.files)
}

struct Reader<'a> {
    root: &'a Path,
    rules: Rules,
    limits: &'a Limits,
    files: Vec<File>,
    left: u64,
}

/// Deeper folders are considered a loop of links.
const MAX_DEPTH: usize = 64;

impl Reader<'_> {
    fn folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::Archive(format!(
                "folders nest deeper than {MAX_DEPTH} levels at {prefix}"
            )));
        }
        let fail = |source| Error::Read {
            path: folder.to_owned(),
            source,
        };
        let mut entries: Vec<_> = std::fs::read_dir(folder)
            .map_err(fail)?
            .collect::<Result<_, _>>()
            .map_err(fail)?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                return Err(Error::Archive(format!(
                    "a file's name in {prefix:?} is not UTF-8"
                )));
            };
            let inner = if prefix.is_empty() {
                name.to_owned()
            } else {
                format!("{prefix}/{name}")
            };
            self.entry(&entry.path(), &inner, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, inner: &str, depth: usize) -> Result<(), Error> {
        let fail = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let is_link = std::fs::symlink_metadata(path).map_err(fail)?.is_symlink();
        if is_link {
            // A link must not point outside of the chart.
            let target = path.canonicalize().map_err(fail)?;
            if !target.starts_with(self.root) {
                return Err(Error::Archive(format!(
                    "{inner} is a link out of the chart"
                )));
            }
        }
        let metadata = std::fs::metadata(path).map_err(fail)?;
        if self.rules.ignores(inner, metadata.is_dir()) {
            return Ok(());
        }
        if metadata.is_dir() {
            return self.folder(path, inner, depth + 1);
        }
        if self.files.len() >= self.limits.files {
            return Err(Error::Archive(format!(
                "more than {} files",
                self.limits.files
            )));
        }
        let data = read_file(path, inner, self.limits)?;
        self.left = self.left.checked_sub(data.len() as u64).ok_or_else(|| {
            Error::Archive(format!(
                "the chart is larger than {} bytes",
                self.limits.unpacked
            ))
        })?;
        let data = data.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&data);
        self.files.push(File {
            name: inner.to_owned(),
            data: Arc::from(data),
        });
        Ok(())
    }
}

/// The content of a regular file. Reading a pipe or a device may never end.
fn read_file(path: &Path, inner: &str, limits: &Limits) -> Result<Vec<u8>, Error> {
    let fail = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    if !std::fs::metadata(path).map_err(fail)?.is_file() {
        return Err(Error::Archive(format!("{inner} is not a file")));
    }
    let mut data = Vec::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    file.take(limits.file.saturating_add(1))
        .read_to_end(&mut data)
        .map_err(fail)?;
    if data.len() as u64 > limits.file {
        return Err(Error::Archive(format!(
            "{inner} is larger than the maximum file size of {} bytes",
            limits.file
        )));
    }
    Ok(data)
}
