//! The nouns of the distribution specification: registry, repository, tag, digest, reference.
//!
//! The only place that parses names. A value of these types is always valid. Tag and digest are different types, so that a movable
//! pointer cannot be used in place of an address of content.
//!
//! Grammar: <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests>.

mod grammar;
mod nearest;

use std::fmt;
use std::str::FromStr;

use regex::Regex;
use url::Url;

pub(crate) use nearest::nearest;
pub(crate) use reference::full_name;
pub use reference::{DestinationTag, ImageName, Reference, TagOrDigest, parse_familiar};
pub(crate) use version_order::{compare_versions, number_of};

use grammar::{is_host, is_path_component};

/// The longest repository name that all registries accept, in bytes.
const REPOSITORY_MAX: usize = 255;

/// The registry of a name without one.
pub(crate) const DOCKER_HUB: &str = "docker.io";

/// A text that is not the name it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {noun}: {reason}")]
pub struct NameError {
    noun: &'static str,
    text: String,
    reason: String,
}

impl NameError {
    fn new(noun: &'static str, text: &str, reason: impl Into<String>) -> Self {
        let text = text.chars().take(80).collect();
        Self {
            noun,
            text,
            reason: reason.into(),
        }
    }

    /// The reason why the text is not valid, without the text.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// A value is its text in JSON, and is checked when it is read.
macro_rules! serde_as_text {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text: String = serde::Deserialize::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use serde_as_text;

macro_rules! string_newtype {
    ($name:ident) => {
        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        serde_as_text!($name);
    };
}

mod reference;
mod version_order;

/// `host[:port]` of a URL.
pub(crate) fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The host (and port) of a service that speaks the distribution API, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Registry(String);
string_newtype!(Registry);

impl Registry {
    /// Host and port of a URL. `None` if it has no host name.
    pub fn of_url(url: &Url) -> Option<Self> {
        host_and_port(url).parse().ok()
    }
}

impl FromStr for Registry {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let lower = text.to_ascii_lowercase();
        if lower.len() <= 253 && is_host(&lower) {
            Ok(Self(lower))
        } else {
            let reason = match lower.as_str() {
                "http:" | "https:" => "it must be a host name, without https://",
                _ => "it must be a host name, with a port or without",
            };
            Err(NameError::new("registry", text, reason))
        }
    }
}

/// A named collection of manifests inside a registry: `runwhen/runwhen-local`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository(String);
string_newtype!(Repository);

impl Repository {
    /// The text after the last slash: `runner` of `public-images/runner`.
    pub fn last_segment(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// A repository below this one.
    ///
    /// # Errors
    /// If `segment` is not a valid path component or the result has more than 255 bytes.
    pub fn join(&self, segment: &str) -> Result<Self, NameError> {
        format!("{}/{segment}", self.0).parse()
    }
}

impl FromStr for Repository {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() > REPOSITORY_MAX {
            return Err(NameError::new(
                "repository",
                text,
                "it is longer than 255 characters",
            ));
        }
        if text.split('/').all(is_path_component) {
            return Ok(Self(text.to_owned()));
        }
        let reason = if text.chars().any(|c| c.is_ascii_uppercase()) {
            "repository names are lower-case"
        } else {
            "it must be segments of a-z, 0-9 and single . _ - between them, separated by /"
        };
        Err(NameError::new("repository", text, reason))
    }
}

/// A movable pointer to a manifest: `main-latest`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);
string_newtype!(Tag);

impl Tag {
    /// True if this text is a tag.
    pub(crate) fn is_valid(text: &str) -> bool {
        let mut bytes = text.bytes();
        let first = bytes
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        let rest = bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        first && rest && text.len() <= 128
    }
}

impl FromStr for Tag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if Self::is_valid(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::new(
                "tag",
                text,
                "it must be up to 128 of A-Z a-z 0-9 _ . - and not begin with . or -",
            ))
        }
    }
}

/// The address of content: `sha256:` or `sha512:` and the hash in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);
string_newtype!(Digest);

impl Digest {
    /// The sha256 digest of these bytes.
    pub fn sha256(bytes: &[u8]) -> Self {
        Self::of(&ring::digest::SHA256, "sha256", bytes)
    }

    /// True if the digest of these bytes is this one.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        let mut hasher = DigestHasher::new(self);
        hasher.update(bytes);
        hasher.is(self)
    }

    /// `sha256`.
    pub(crate) fn algorithm(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }

    /// The first twelve hexadecimal digits, for tables and messages.
    pub fn short(&self) -> &str {
        let hex = self.0.split(':').nth(1).unwrap_or(&self.0);
        hex.get(..12).unwrap_or(hex)
    }

    /// The bytes of the hash: half of the text.
    pub(crate) fn hash(&self) -> Vec<u8> {
        let hex = self.0.split(':').nth(1).unwrap_or_default().as_bytes();
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => byte - b'0',
            _ => byte - b'a' + 10,
        };
        hex.chunks_exact(2)
            .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
            .collect()
    }

    /// The digest with this hash. The length shows the algorithm.
    pub(crate) fn of_hash(hash: &[u8]) -> Self {
        let name = if hash.len() == 64 { "sha512" } else { "sha256" };
        Self::written(name, hash)
    }

    fn of(algorithm: &'static ring::digest::Algorithm, name: &str, bytes: &[u8]) -> Self {
        Self::written(name, ring::digest::digest(algorithm, bytes).as_ref())
    }

    fn written(name: &str, hash: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(name.len() + 1 + 2 * hash.len());
        text.push_str(name);
        text.push(':');
        for byte in hash {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        Self(text)
    }
}

/// Computes the digest of bytes that arrive in pieces.
#[derive(Clone)]
pub(crate) struct DigestHasher {
    name: &'static str,
    context: ring::digest::Context,
}

impl DigestHasher {
    /// With the algorithm of this digest.
    pub fn new(digest: &Digest) -> Self {
        let (name, algorithm) = if digest.0.starts_with("sha512:") {
            ("sha512", &ring::digest::SHA512)
        } else {
            ("sha256", &ring::digest::SHA256)
        };
        Self {
            name,
            context: ring::digest::Context::new(algorithm),
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    /// True if the bytes so far have this digest.
    pub fn is(&self, digest: &Digest) -> bool {
        self.clone().finish() == *digest
    }

    /// The digest of the bytes.
    pub fn finish(self) -> Digest {
        Digest::written(self.name, self.context.finish().as_ref())
    }
}

impl FromStr for Digest {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (algorithm, hex) = text.split_once(':').unwrap_or(("", text));
        let digits = match algorithm {
            "sha256" => 64,
            "sha512" => 128,
            other => {
                let reason = format!(
                    "algorithm {:?} is not sha256 or sha512",
                    other.chars().take(20).collect::<String>()
                );
                return Err(NameError::new("digest", text, reason));
            }
        };
        let valid =
            hex.len() == digits && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            let reason = format!("{algorithm} needs {digits} lower-case hexadecimal digits");
            Err(NameError::new("digest", text, reason))
        }
    }
}

/// Compiles a pattern of this program, which tests prove to be valid.
#[expect(
    clippy::expect_used,
    reason = "a constant pattern, compiled by the tests"
)]
pub(crate) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is a constant")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_outside_the_grammar_is_refused() {
        for good in ["a", "a/b/c", "runwhen/rw-cli__x", "a.b/c--d", "0/1"] {
            assert_eq!(good.parse::<Repository>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "/a",
            "a/",
            "a//b",
            "A",
            "a..b",
            "-a",
            "a/../b",
            "a b",
            &"a".repeat(256),
        ] {
            assert!(bad.parse::<Repository>().is_err(), "{bad}");
        }
        assert_eq!("x/y/z".parse::<Repository>().unwrap().last_segment(), "z");
    }

    #[test]
    fn tag_outside_the_grammar_is_refused() {
        for good in ["main-latest", "_x", "2026-07-23.1", &"t".repeat(128)] {
            assert_eq!(good.parse::<Tag>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            ".x",
            "-x",
            "a/b",
            "a b",
            "a\u{1b}[31m",
            "<b>",
            &"t".repeat(129),
        ] {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
    }

    #[test]
    fn digest_of_an_unknown_algorithm_is_refused_by_its_name() {
        let empty = Digest::sha256(b"");
        assert_eq!(
            empty.as_str(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert!(empty.matches(b"") && !empty.matches(b"x"));
        assert_eq!(empty.short(), "e3b0c44298fc");
        let error = "md5:d41d8cd98f00b204e9800998ecf8427e"
            .parse::<Digest>()
            .unwrap_err();
        assert!(error.to_string().contains("md5"), "{error}");
        assert!("sha256:ABC".parse::<Digest>().is_err());
        let long = Digest::of(&ring::digest::SHA512, "sha512", b"x");
        assert!(long.as_str().parse::<Digest>().unwrap().matches(b"x"));
    }
}
