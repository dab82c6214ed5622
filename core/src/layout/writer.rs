//! Where everything of a bundle is in its file. All sizes are known before the first byte is written, so that blobs can be
//! written in any order, at the same time, and the bytes of the file do not depend on it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::entry::{BLOCK, header, padded};
use super::{INDEX, INDEX_CAP, MARKER, MARKER_TEXT, PIECE, Place, name_of};
use crate::name::{Digest, DigestHasher};

/// The bytes that are read at once to compute the digest of a file.
const READ: usize = 1 << 20;

/// The places of the entries of a bundle: the marker, the index, and the blobs by their digests.
pub struct Arrangement {
    /// Headers and small files, with their offsets.
    frame: Vec<(u64, Vec<u8>)>,
    blobs: BTreeMap<Digest, Place>,
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
            let mut content = content.to_vec();
            content.resize(padded(content.len() as u64) as usize, 0);
            arrangement.frame.push((offset, content));
        }
        for (digest, size) in sizes {
            let offset = arrangement.entry(&name_of(digest), *size);
            let place = Place {
                offset,
                size: *size,
            };
            arrangement.blobs.insert(digest.clone(), place);
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
        self.write_frame(file)
    }

    /// True if everything that this arrangement has is in the other one too.
    pub fn is_part_of(&self, other: &Self) -> bool {
        let mut blobs = self.blobs.iter();
        blobs.all(|(digest, place)| {
            let known = other.blobs.get(digest);
            known.is_some_and(|known| known.size == place.size)
        })
    }

    /// Moves these blobs from their places in a larger arrangement, and writes everything else but blobs.
    ///
    /// # Errors
    /// If the file cannot be read or written to.
    pub fn replace(&self, file: &File, larger: &Self, kept: &BTreeSet<Digest>) -> io::Result<()> {
        file.set_len(self.length.max(larger.length))?;
        let places = kept
            .iter()
            .filter_map(|digest| Some((larger.blobs.get(digest)?, self.blobs.get(digest)?)));
        let places: Vec<_> = places.collect();
        // Only a longer index moves blobs towards the end, and each blob that is left out moves the later ones towards the
        // beginning. So those that move towards the end are the first ones, and no blob is overwritten before it is moved.
        for (from, to) in places.iter().rev() {
            if to.offset > from.offset {
                move_up(file, **from, to.offset)?;
            }
        }
        for (from, to) in &places {
            if to.offset < from.offset {
                move_down(file, **from, to.offset)?;
            }
        }
        for Place { offset, size } in self.blobs.values() {
            let zeros = vec![0; (padded(*size) - size) as usize];
            file.write_all_at(&zeros, offset + size)?;
        }
        file.set_len(self.length - 2 * BLOCK)?;
        file.set_len(self.length)?;
        self.write_frame(file)
    }

    fn write_frame(&self, file: &File) -> io::Result<()> {
        let mut frame = self.frame.iter();
        frame.try_for_each(|(offset, bytes)| file.write_all_at(bytes, *offset))
    }

    /// Writes bytes of a blob from this offset on. The caller does not write more than the blob's size.
    ///
    /// # Errors
    /// If the file cannot be written to, or the blob is not a part of it.
    pub fn write(&self, file: &File, digest: &Digest, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match self.blobs.get(digest) {
            Some(place) => file.write_all_at(bytes, place.offset + offset),
            None => Err(io::Error::other("the blob is not arranged")),
        }
    }
}

/// Moves bytes towards the end of the file: the last ones first, because the places may overlap.
fn move_up(file: &File, Place { offset, size }: Place, to: u64) -> io::Result<()> {
    let mut left = size;
    while left > 0 {
        let count = left.min(PIECE);
        left -= count;
        move_piece(file, offset + left, to + left, count)?;
    }
    Ok(())
}

/// Moves bytes towards the beginning of the file.
fn move_down(file: &File, Place { offset, size }: Place, to: u64) -> io::Result<()> {
    let mut done = 0;
    while done < size {
        let count = (size - done).min(PIECE);
        move_piece(file, offset + done, to + done, count)?;
        done += count;
    }
    Ok(())
}

fn move_piece(file: &File, from: u64, to: u64, count: u64) -> io::Result<()> {
    let mut bytes = vec![0; count as usize];
    file.read_exact_at(&mut bytes, from)?;
    file.write_all_at(&bytes, to)
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
