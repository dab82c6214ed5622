//! Content by digest: the manifests and blobs of all registries.
//!
//! All registries share one store, because a digest identifies its content. Each repository knows which content it has
//! (`registry.rs`), so that a blob of one repository is a 404 in another one, as at real registries.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// A SHA-256 content digest, `sha256:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// Returns the digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
        Self::of_hash(&hexadecimal(hash.as_ref()))
    }

    /// Returns the digest with these hexadecimal digits.
    pub(crate) fn of_hash(hexadecimal: &str) -> Self {
        Self(format!("sha256:{hexadecimal}"))
    }

    /// Parses `sha256:` and 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?;
        let valid = hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        valid.then(|| Self(text.to_owned()))
    }

    /// Returns the digest with its algorithm.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is not a sha256 digest"))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

/// The content of all registries, by digest.
#[derive(Debug, Default, Clone)]
pub struct ContentStore {
    content: BTreeMap<Digest, Bytes>,
}

impl ContentStore {
    /// Stores these bytes and returns their digest.
    pub fn put(&mut self, bytes: impl Into<Bytes>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.content.insert(digest.clone(), bytes);
        digest
    }

    /// Stores bytes whose digest is known.
    pub(crate) fn insert(&mut self, digest: Digest, bytes: Bytes) {
        self.content.entry(digest).or_insert(bytes);
    }

    /// Returns the bytes with this digest.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<Bytes> {
        self.content.get(digest).cloned()
    }

    /// Returns the number of bytes with this digest; zero if they are not stored.
    #[must_use]
    pub fn size(&self, digest: &Digest) -> usize {
        self.content.get(digest).map_or(0, Bytes::len)
    }

    /// Returns the total size of an image's configuration and layers, according to its manifest; for an index, the size of
    /// the index itself.
    #[must_use]
    pub fn image_size(&self, digest: &Digest) -> u64 {
        let Some(body) = self.content.get(digest) else {
            return 0;
        };
        let manifest: Value = serde_json::from_slice(body).unwrap_or_default();
        let layers = manifest["layers"].as_array().into_iter().flatten();
        let described: u64 = layers
            .chain(std::iter::once(&manifest["config"]))
            .filter_map(|descriptor| descriptor["size"].as_u64())
            .sum();
        if described == 0 {
            body.len() as u64
        } else {
            described
        }
    }
}

/// Returns the bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_computed_and_parsed() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").as_str(), empty);
        assert_eq!(Digest::parse(empty), Some(Digest::of(b"")));
        assert_eq!(Digest::parse("sha256:E3"), None);
        assert_eq!(Digest::parse("md5:d41d8cd98f00b204e9800998ecf8427e"), None);
    }
}
