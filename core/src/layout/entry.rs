//! The entries of a tar file, as far as a layout has them: regular files with long names, and folders.
//!
//! Links, devices, sparse files and extended headers are refused: a layout needs none of them, and each of them can say
//! something else than the header that follows. A header is written in the GNU form, which has sizes above 8 GiB.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use tar::{EntryType, Header};

use super::LayoutError;

pub(super) const BLOCK: u64 = 512;
/// The most entries of a file that is read.
const MOST_ENTRIES: usize = 200_000;
/// The longest name: of a blob with a sha512 digest, and some more.
const LONGEST_NAME: u64 = 512;
/// The most zeros after the end: `tar` fills the last record, which has 10,240 bytes unless another size is given.
const MOST_PADDING: u64 = 64 << 10;
/// The name of an entry whose content is the name of the next one.
const LONG_NAME: &str = "././@LongLink";
/// The longest name that fits into a header.
const SHORT_NAME: usize = 100;

/// A regular file in the tar file.
pub(super) struct Entry {
    pub name: String,
    /// Where its content begins.
    pub offset: u64,
    pub size: u64,
}

/// The size of content with the zeros that follow it.
pub(super) fn padded(size: u64) -> u64 {
    size.div_ceil(BLOCK).saturating_mul(BLOCK)
}

/// All bytes before the content of a regular file. They depend on nothing but its name and size.
pub(super) fn header(name: &str, size: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if name.len() > SHORT_NAME {
        let content = format!("{name}\0");
        let length = content.len() as u64;
        bytes.extend(block(LONG_NAME, length, EntryType::GNULongName));
        bytes.extend(content.as_bytes());
        bytes.resize(bytes.len() + (padded(length) - length) as usize, 0);
    }
    let short = name.get(..SHORT_NAME).unwrap_or(name);
    bytes.extend(block(short, size, EntryType::Regular));
    bytes
}

fn block(name: &str, size: u64, kind: EntryType) -> [u8; 512] {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    *header.as_bytes()
}

/// The entries of a file of this length. Folders are left out.
pub(super) fn entries(file: &File, length: u64) -> Result<Vec<Entry>, LayoutError> {
    let truncated = |place: String| LayoutError::Truncated { length, place };
    let mut found = Vec::new();
    let mut long_name: Option<String> = None;
    let mut at = 0;
    loop {
        if at + BLOCK > length {
            return Err(truncated(format!("the header at byte {at}")));
        }
        let mut bytes = [0; BLOCK as usize];
        file.read_exact_at(&mut bytes, at)
            .map_err(LayoutError::unreadable)?;
        if bytes.iter().all(|byte| *byte == 0) {
            return match long_name {
                None => check_end(file, at, length).map(|()| found),
                Some(name) => Err(LayoutError::entry(&name, "has a name and no header")),
            };
        }
        let header = read_header(&bytes, at)?;
        let name = match long_name.take() {
            Some(name) => name,
            None => text(&header.path_bytes()),
        };
        let size = header
            .entry_size()
            .map_err(|error| LayoutError::entry(&name, error))?;
        let offset = at + BLOCK;
        let end = offset.checked_add(size).filter(|end| *end <= length);
        let end = end.ok_or_else(|| truncated(format!("the entry {:?}", shown(&name))))?;
        match header.entry_type() {
            EntryType::Regular => found.push(Entry { name, offset, size }),
            EntryType::Directory if size == 0 => {}
            EntryType::GNULongName if size <= LONGEST_NAME => {
                let mut bytes = vec![0; size as usize];
                file.read_exact_at(&mut bytes, offset)
                    .map_err(LayoutError::unreadable)?;
                long_name = Some(text(&bytes));
            }
            other => {
                let reason = format!("is {}, which a layout does not have", kind(other));
                return Err(LayoutError::entry(&name, reason));
            }
        }
        if found.len() > MOST_ENTRIES {
            let reason = format!("is entry number {MOST_ENTRIES}, which is too many");
            return Err(LayoutError::entry("", reason));
        }
        at = offset + padded(end - offset);
    }
}

/// Checks that two blocks of zeros end the file, and that only padding follows.
fn check_end(file: &File, at: u64, length: u64) -> Result<(), LayoutError> {
    let end = at + 2 * BLOCK;
    if end > length {
        let place = format!("the end of the archive at byte {at}");
        return Err(LayoutError::Truncated { length, place });
    }
    let rest = length - at;
    if rest > 2 * BLOCK + MOST_PADDING {
        return Err(LayoutError::AfterEnd(end));
    }
    let mut bytes = vec![0; rest as usize];
    file.read_exact_at(&mut bytes, at)
        .map_err(LayoutError::unreadable)?;
    match bytes.iter().all(|byte| *byte == 0) {
        true => Ok(()),
        false => Err(LayoutError::AfterEnd(end)),
    }
}

/// Reads a header and compares it with its checksum.
fn read_header(bytes: &[u8; 512], at: u64) -> Result<Header, LayoutError> {
    let mut header = Header::new_old();
    header.as_mut_bytes().copy_from_slice(bytes);
    let stated = header.cksum().ok();
    let mut sum = header.clone();
    sum.set_cksum();
    if stated.is_none() || sum.cksum().ok() != stated {
        let reason = "has a wrong checksum: the file is damaged, or it is not a tar file (a compressed one must be unpacked first)";
        return Err(LayoutError::entry(&format!("at byte {at}"), reason));
    }
    Ok(header)
}

/// A name without the zeros after it. A name that is not text is refused later.
fn text(name: &[u8]) -> String {
    let end = name.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&name[..end.unwrap_or(name.len())]).into_owned()
}

fn shown(name: &str) -> String {
    crate::text::for_message(name)
}

fn kind(entry: EntryType) -> &'static str {
    match entry {
        EntryType::Link | EntryType::Symlink => "a link",
        EntryType::Char | EntryType::Block | EntryType::Fifo => "a device or a pipe",
        EntryType::XHeader | EntryType::XGlobalHeader => "an extended header",
        EntryType::GNUSparse => "a sparse file",
        EntryType::GNULongName | EntryType::GNULongLink => "a name that is too long",
        EntryType::Directory => "a folder with content",
        _ => "of an unknown type",
    }
}
