//! A bundle: images as an OCI image layout in a tar file, the form that other tools call `oci-archive`.
//!
//! Source: <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>. A bundle is read as input from an
//! untrusted machine: its index and the places of its entries are held in memory, and no blob; entries are named by their
//! digests, and every byte is compared with its digest before it counts.

mod checksum;
mod entry;
mod index;
mod missing;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use bytes::Bytes;
use serde::Deserialize;

use crate::name::Digest;
use crate::text::for_message;
use entry::{Entry, entries};
pub use index::{Before, BundledImage, BundledReferrer, Index, LeftOut, Root};
pub use missing::MissingImage;
pub use writer::{Arrangement, file_digest};

/// The file that makes a folder an image layout.
const MARKER: &str = "oci-layout";
const MARKER_TEXT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;
const INDEX: &str = "index.json";
const BLOBS: &str = "blobs/";
/// The largest index that is read or written.
const INDEX_CAP: u64 = 4 << 20;
/// The largest manifest that registries must accept (distribution specification).
const MANIFEST_CAP: u64 = 4 << 20;
/// The most bytes of a blob that are read at once.
const PIECE: u64 = 64 << 10;

/// Why a file cannot be used as a bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    #[error("it is truncated at byte {length}, in {place}: copy the file again")]
    Truncated { length: u64, place: String },
    #[error(
        "it has data after its end at byte {0}, so it is damaged or is not one bundle: copy the file again"
    )]
    AfterEnd(u64),
    #[error("its entry {entry:?} {reason}")]
    Entry { entry: String, reason: String },
    #[error(
        "it has no {0}, so it is not an OCI image layout; write one with the subcommand export"
    )]
    Lacks(&'static str),
    #[error("its index.json {0}")]
    Index(String),
}

impl LayoutError {
    fn entry(entry: &str, reason: impl std::fmt::Display) -> Self {
        let (entry, reason) = (for_message(entry), for_message(&reason.to_string()));
        Self::Entry { entry, reason }
    }

    fn index(reason: impl std::fmt::Display) -> Self {
        Self::Index(for_message(&reason.to_string()))
    }

    fn unreadable(error: std::io::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// A bundle that can be read.
#[derive(Debug)]
pub struct Layout {
    file: File,
    blobs: BTreeMap<Digest, Place>,
    index: Index,
    identity: Digest,
    /// The media types that the index states.
    stated_types: BTreeMap<Digest, BTreeSet<String>>,
    /// The positions of the artifacts in the index, by what they refer to.
    referrers: BTreeMap<Digest, Vec<usize>>,
}

/// Where a blob is in the file.
#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    size: u64,
}

impl Layout {
    /// Opens a bundle, and reads where its entries are, and its index.
    ///
    /// # Errors
    /// If it is not a regular file, not complete, has an entry that is not part of a layout, or an index whose images it
    /// lacks. Blobs are read and verified later.
    pub fn open(path: &Path) -> Result<Self, LayoutError> {
        // Before the file is opened, because opening a pipe waits for its writer.
        let metadata = std::fs::metadata(path).map_err(LayoutError::unreadable)?;
        if !metadata.is_file() {
            let reason = "it is not a regular file".to_owned();
            return Err(LayoutError::Unreadable(reason));
        }
        let file = File::open(path).map_err(LayoutError::unreadable)?;
        let metadata = file.metadata().map_err(LayoutError::unreadable)?;
        Self::read(file, metadata.len())
    }

    fn read(file: File, length: u64) -> Result<Self, LayoutError> {
        let mut named: BTreeMap<String, Place> = BTreeMap::new();
        for Entry { name, offset, size } in entries(&file, length)? {
            if named.insert(name.clone(), Place { offset, size }).is_some() {
                return Err(LayoutError::entry(&name, "is in the file twice"));
            }
        }
        check_marker(&file, named.remove(MARKER))?;
        let place = named.remove(INDEX).ok_or(LayoutError::Lacks(INDEX))?;
        if place.size > INDEX_CAP {
            let reason = format!("has {} bytes, and may have {INDEX_CAP}", place.size);
            return Err(LayoutError::entry(INDEX, reason));
        }
        let text = content(&file, place)?;
        let blobs = named.into_iter().map(|(name, place)| {
            let digest = digest_of(&name)?;
            Ok((digest, place))
        });
        let is_intact = checksum::is_intact(&text);
        // Before the text is read: a damaged one may look like that of another program.
        if is_intact == Some(false) {
            return Err(checksum::damaged());
        }
        let index = Index::parse(&text)?;
        is_intact.ok_or_else(checksum::damaged)?;
        let layout = Self {
            blobs: blobs.collect::<Result<_, LayoutError>>()?,
            stated_types: index.stated_types(),
            referrers: index.positions_of_referrers(),
            index,
            identity: Digest::sha256(&text),
            file,
        };
        layout.check_roots()?;
        Ok(layout)
    }

    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The digest of `index.json`, by which another bundle names this one as its base.
    pub fn identity(&self) -> &Digest {
        &self.identity
    }

    /// The size of a blob; `None` if the bundle does not have it.
    pub(crate) fn size(&self, digest: &Digest) -> Option<u64> {
        self.blobs.get(digest).map(|place| place.size)
    }

    /// The earlier bundles that have a blob; `None` if this bundle does not leave it out.
    pub(crate) fn left_out(&self, digest: &Digest) -> Option<&LeftOut> {
        match self.blobs.contains_key(digest) {
            true => None,
            false => self.index.left_out.get(digest),
        }
    }

    /// The media types that the index states for a manifest.
    pub(crate) fn stated_types(&self, digest: &Digest) -> impl Iterator<Item = &String> {
        self.stated_types.get(digest).into_iter().flatten()
    }

    /// The artifacts that refer to a manifest.
    pub(crate) fn referrers_of(&self, subject: &Digest) -> impl Iterator<Item = &BundledReferrer> {
        let positions = self.referrers.get(subject).into_iter().flatten();
        positions.filter_map(|position| self.index.referrers.get(*position))
    }

    /// The bytes of a manifest. They are not compared with the digest yet.
    ///
    /// # Errors
    /// If the bundle does not have it, it is too large, or the file cannot be read.
    pub(crate) fn manifest(&self, digest: &Digest) -> Result<Bytes, LayoutError> {
        let name = name_of(digest);
        let place = self.blobs.get(digest);
        let place = place.ok_or_else(|| LayoutError::entry(&name, "is missing"))?;
        if place.size > MANIFEST_CAP {
            let reason = format!(
                "has {} bytes, and a manifest may have {MANIFEST_CAP}",
                place.size
            );
            return Err(LayoutError::entry(&name, reason));
        }
        content(&self.file, *place).map(Bytes::from)
    }

    /// Bytes of a blob from this offset on, at most `most`. They are not compared with the digest yet.
    ///
    /// # Errors
    /// If the bundle does not have them, or the file cannot be read.
    pub(crate) fn piece(
        &self,
        digest: &Digest,
        offset: u64,
        most: u64,
    ) -> Result<Bytes, LayoutError> {
        let name = name_of(digest);
        let place = self.blobs.get(digest);
        let place = place.ok_or_else(|| LayoutError::entry(&name, "is missing"))?;
        let left = place.size.saturating_sub(offset);
        let size = left.min(most).min(PIECE);
        let offset = place.offset + offset;
        content(&self.file, Place { offset, size }).map(Bytes::from)
    }

    /// Checks that everything that the index names is in the file.
    fn check_roots(&self) -> Result<(), LayoutError> {
        let Index {
            images, referrers, ..
        } = &self.index;
        let referrers = referrers.iter().map(|referrer| &referrer.root);
        for root in images.iter().map(|image| &image.root).chain(referrers) {
            let name = name_of(&root.digest);
            match self.size(&root.digest) {
                Some(size) if size == root.size => {}
                Some(size) => {
                    let reason = format!("has {size} bytes, and index.json states {}", root.size);
                    return Err(LayoutError::entry(&name, reason));
                }
                None => {
                    let reason = "is missing, and index.json names it";
                    return Err(LayoutError::entry(&name, reason));
                }
            }
        }
        Ok(())
    }
}

fn check_marker(file: &File, place: Option<Place>) -> Result<(), LayoutError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Marker {
        image_layout_version: String,
    }
    let place = place.ok_or(LayoutError::Lacks(MARKER))?;
    if place.size > PIECE {
        return Err(LayoutError::entry(MARKER, "is too large"));
    }
    let text = content(file, place)?;
    let marker: Marker =
        serde_json::from_slice(&text).map_err(|error| LayoutError::entry(MARKER, error))?;
    match marker.image_layout_version.as_str() {
        "1.0.0" => Ok(()),
        other => {
            let reason = format!("states version {other:?}, and this program reads 1.0.0");
            Err(LayoutError::entry(MARKER, reason))
        }
    }
}

/// All bytes of an entry, whose size the caller has limited.
fn content(file: &File, place: Place) -> Result<Vec<u8>, LayoutError> {
    let size = usize::try_from(place.size).unwrap_or(usize::MAX);
    let mut bytes = vec![0; size];
    file.read_exact_at(&mut bytes, place.offset)
        .map_err(LayoutError::unreadable)?;
    Ok(bytes)
}

/// `blobs/sha256/…`.
pub(crate) fn name_of(digest: &Digest) -> String {
    format!("{BLOBS}{}", digest.as_str().replacen(':', "/", 1))
}

fn digest_of(name: &str) -> Result<Digest, LayoutError> {
    let rest = name.strip_prefix(BLOBS);
    let rest = rest.ok_or_else(|| LayoutError::entry(name, "is not part of an image layout"))?;
    let digest = rest.replacen('/', ":", 1).parse();
    digest.map_err(|error: crate::name::NameError| LayoutError::entry(name, error))
}

#[cfg(test)]
mod tests;
