//! Charts as archives: gzipped tar files from untrusted sources.

use std::io::{BufRead, Read};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

use super::file::File;
use crate::error::Error;
use crate::functions::clean_path;
use crate::limits::Limits;

const BYTE_ORDER_MARK: &[u8] = &[0xEF, 0xBB, 0xBF];

/// Reads the files of an archive; paths are relative to the chart's folder.
pub(super) fn read(mut input: impl BufRead, limits: &Limits) -> Result<Vec<File>, Error> {
    let start = input.fill_buf().map_err(|error| fail(error.to_string()))?;
    if !start.starts_with(&[0x1F, 0x8B]) {
        return Err(fail(
            "not a gzipped archive: a chart is a .tgz file or a folder".into(),
        ));
    }
    // Skipped files count too: a decompression bomb can be in any of them.
    let unpacked = MultiGzDecoder::new(input).take(limits.unpacked.saturating_mul(2));
    let mut archive = tar::Archive::new(unpacked);
    let mut files = Vec::new();
    let mut left = limits.unpacked;
    let entries = archive.entries().map_err(|error| fail(error.to_string()))?;
    for entry in entries {
        let mut entry = entry.map_err(|error| fail(error.to_string()))?;
        let kind = entry.header().entry_type();
        let raw = String::from_utf8(entry.path_bytes().into_owned())
            .map_err(|_| fail("a file's name is not UTF-8".into()))?;
        if kind.is_dir() || kind.is_pax_global_extensions() || kind.is_pax_local_extensions() {
            continue;
        }
        if !kind.is_file() && !kind.is_contiguous() && !kind.is_gnu_sparse() {
            return Err(fail(format!(
                "{raw:?} is a link or a device; a chart must contain only files"
            )));
        }
        let name = inner_path(&raw)?;
        let size = entry.size();
        if size > limits.file {
            return Err(fail(format!(
                "{raw:?} is larger than the maximum file size of {} bytes",
                limits.file
            )));
        }
        if size > left {
            return Err(too_large(limits));
        }
        if files.len() >= limits.files {
            return Err(fail(format!("more than {} files", limits.files)));
        }
        let mut data = Vec::with_capacity(size as usize);
        entry
            .by_ref()
            .take(left + 1)
            .read_to_end(&mut data)
            .map_err(|error| fail(format!("{raw:?}: {error}")))?;
        left = left
            .checked_sub(data.len() as u64)
            .ok_or_else(|| too_large(limits))?;
        let data = data.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&data);
        files.push(File {
            name,
            data: Arc::from(data),
        });
    }
    if files.is_empty() {
        return Err(fail("no files in chart archive".into()));
    }
    Ok(files)
}

fn fail(problem: String) -> Error {
    Error::Archive(problem)
}

fn too_large(limits: &Limits) -> Error {
    fail(format!("unpacks to more than {} bytes", limits.unpacked))
}

/// The path inside the chart's folder.
fn inner_path(raw: &str) -> Result<String, Error> {
    let path = if raw.contains('\\') {
        raw.replace('\\', "/")
    } else {
        raw.to_owned()
    };
    if path == "Chart.yaml" {
        return Err(fail("Chart.yaml is not in a base directory".into()));
    }
    let inner = path.split_once('/').map_or("", |(_, inner)| inner);
    let is_drive = |path: &str| matches!(path.as_bytes(), [letter, b':', b'/', ..] if letter.is_ascii_alphabetic());
    if path.starts_with('/') || inner.starts_with('/') || is_drive(inner) || is_drive(&path) {
        return Err(fail(format!("{raw:?} is an absolute path")));
    }
    let clean = clean_path(inner);
    if clean == "." {
        return Err(fail(format!("{raw:?} is outside of the base directory")));
    }
    if clean == ".." || clean.starts_with("../") || path.split('/').any(|part| part == "..") {
        return Err(fail(format!("{raw:?} references a parent directory")));
    }
    Ok(clean)
}
