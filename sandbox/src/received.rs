//! The received part of an upload.

use crate::content::{Digest, hexadecimal};
use bytes::Bytes;
use std::fmt;

/// The size of the largest upload whose content is kept.
const LARGEST_KEPT: u64 = 32 * 1024 * 1024;

/// The received part of an upload: its digest so far, and its content unless it is very large.
#[derive(Clone)]
pub struct Received {
    hash: ring::digest::Context,
    length: u64,
    content: Option<Vec<u8>>,
}

impl Received {
    /// Adds the next bytes.
    pub fn append(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        if self.length > LARGEST_KEPT {
            self.content = None;
        }
        if let Some(content) = &mut self.content {
            content.extend_from_slice(bytes);
        }
    }

    /// Returns the number of bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Returns the digest of all bytes, and the bytes unless they are more than 32 MB.
    #[must_use]
    pub fn finish(self) -> (Digest, Option<Bytes>) {
        let hash = self.hash.finish();
        let digest = Digest::of_hash(&hexadecimal(hash.as_ref()));
        (digest, self.content.map(Bytes::from))
    }
}

impl Default for Received {
    fn default() -> Self {
        Self {
            hash: ring::digest::Context::new(&ring::digest::SHA256),
            length: 0,
            content: Some(Vec::new()),
        }
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Received({} bytes)", self.length)
    }
}
