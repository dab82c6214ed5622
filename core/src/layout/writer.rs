//! Where everything of a bundle is in its file. All sizes are known before the first byte is written, so that blobs can be
//! written in any order, at the same time, and the bytes of the file do not depend on it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::entry::{BLOCK, header, padded};
use super::{INDEX, INDEX_CAP, MARKER, MARKER_TEXT, name_of};
use crate::name::{Digest, DigestHasher};

/// The bytes that are read at once to compute the digest of a file.
const READ: usize = 1 << 20;

/// The places of the entries of a bundle: the marker, the index, and the blobs by their digests.
pub struct Arrangement {
    /// Headers and small files, with their offsets.
    frame: Vec<(u64, Vec<u8>)>,
    blobs: BTreeMap<Digest, u64>,
    length: u64,
}

impl Arrangement {
    /// Arranges blobs of these sizes. `None` if the index is too large to be read again.
    pub fn new(index: &[u8], sizes: &BTreeMap<Digest, u64>) -> Option<Self> {
        let mut arrangement = Self {
            frame: Vec::new(),
            blobs: BTreeMap::new(),
            length: 0,
        };
        for (name, content) in [(MARKER, MARKER_TEXT.as_bytes()), (INDEX, index)] {
            let offset = arrangement.entry(name, content.len() as u64);
            arrangement.frame.push((offset, content.to_vec()));
        }
        for (digest, size) in sizes {
            let offset = arrangement.entry(&name_of(digest), *size);
            arrangement.blobs.insert(digest.clone(), offset);
        }
        // Two blocks of zeros end a tar file.
        arrangement.length = arrangement.length.saturating_add(2 * BLOCK);
        (index.len() as u64 <= INDEX_CAP).then_some(arrangement)
    }

    /// Adds the header of an entry, and returns where its content begins.
    fn entry(&mut self, name: &str, size: u64) -> u64 {
        let header = header(name, size);
        // A file that would be too long is refused by the file system.
        let offset = self.length.saturating_add(header.len() as u64);
        self.frame.push((self.length, header));
        self.length = offset.saturating_add(padded(size));
        offset
    }

    /// The length of the file.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Writes everything but the blobs.
    ///
    /// # Errors
    /// If the file cannot be written to.
    pub fn begin(&self, file: &File) -> io::Result<()> {
        // The bytes that are not written later are zeros.
        file.set_len(0)?;
        file.set_len(self.length)?;
        let mut frame = self.frame.iter();
        frame.try_for_each(|(offset, bytes)| file.write_all_at(bytes, *offset))
    }

    /// Writes bytes of a blob from this offset on. The caller does not write more than the blob's size.
    ///
    /// # Errors
    /// If the file cannot be written to, or the blob is not a part of it.
    pub fn write(&self, file: &File, digest: &Digest, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match self.blobs.get(digest) {
            Some(start) => file.write_all_at(bytes, start + offset),
            None => Err(io::Error::other("the blob is not arranged")),
        }
    }
}

/// The sha256 digest of a file, as `sha256sum` prints it.
///
/// # Errors
/// If the file cannot be read.
pub fn file_digest(file: &File) -> io::Result<Digest> {
    let mut hash = DigestHasher::new(&Digest::sha256(b""));
    let mut buffer = vec![0; READ];
    let mut at = 0;
    loop {
        match file.read_at(&mut buffer, at)? {
            0 => return Ok(hash.finish()),
            count => {
                hash.update(&buffer[..count]);
                at += count as u64;
            }
        }
    }
}
