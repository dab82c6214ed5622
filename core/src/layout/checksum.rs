//! The digest of `index.json` in its own annotations, so that a damaged byte of it is found like one of a blob. Pure.

use super::LayoutError;
use crate::name::Digest;

/// The annotation of the digest, which is calculated with zeros in its own place.
pub(super) const CHECKSUM: &str = "com.runwhen.azure-rw-acr-sync.checksum";
pub(super) const ZEROS: &str =
    "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// The text with its digest in the place of the zeros.
pub(super) fn complete(text: &str) -> Vec<u8> {
    let digest = Digest::sha256(text.as_bytes());
    let (zeros, digest) = (annotation(ZEROS), annotation(digest.as_str()));
    text.replacen(&zeros, &digest, 1).into_bytes()
}

/// The error for a text that is not the one that was written.
pub(super) fn damaged() -> LayoutError {
    LayoutError::index(
        "does not match its checksum: it was damaged or changed; compare the file with the sha256 that the export printed, and copy it again",
    )
}

/// Whether the text is the one that was written. `None` if it states no checksum.
pub(super) fn is_intact(text: &[u8]) -> Option<bool> {
    let text = std::str::from_utf8(text).ok()?;
    let start = format!("\"{CHECKSUM}\":\"");
    let (before, rest) = text.split_once(&start)?;
    let (stated, after) = rest.split_at_checked(ZEROS.len())?;
    let written = Digest::sha256(format!("{before}{start}{ZEROS}{after}").as_bytes());
    Some(written.as_str() == stated)
}

fn annotation(digest: &str) -> String {
    format!("\"{CHECKSUM}\":\"{digest}\"")
}
