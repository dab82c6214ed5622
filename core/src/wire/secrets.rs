//! Texts without the secrets of this run, in whatever form a service sends them back.
//!
//! A text is searched as it is and as it reads after percent-decoding and after JSON's escapes are resolved, both
//! up to twice. White space, control characters and invisible characters are ignored. Each of these readings
//! is searched for the secret itself, and for its base64 form at each of the three alignments.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;
use secrecy::{ExposeSecret as _, SecretString};
use url::form_urlencoded;

use super::reading::{Reading, is_ignored};
use crate::text::CUT;

/// A shorter text is not hidden: it would be found everywhere, and is not a secret.
const SHORTEST: usize = 4;

/// The secrets of this run, which a service may send back. Cheap to clone.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Mutex<Vec<Known>>>);

/// A secret and the texts that reveal it.
struct Known {
    secret: SecretString,
    patterns: Vec<SecretString>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    pub fn learn(&self, secret: &SecretString) {
        let text = secret.expose_secret().trim();
        let mut known = self.known();
        if text.len() < SHORTEST
            || known
                .iter()
                .any(|known| known.secret.expose_secret() == text)
        {
            return;
        }
        known.push(Known {
            secret: text.into(),
            patterns: patterns(text),
        });
    }

    /// The text with every known secret replaced.
    pub fn scrub(&self, text: &str) -> String {
        let known = self.known();
        let patterns = || known.iter().flat_map(|known| &known.patterns);
        let mut found = Vec::new();
        for reading in Reading::all_of(text) {
            for pattern in patterns() {
                let pattern = pattern.expose_secret().as_bytes();
                let hits = memmem::find_iter(reading.bytes(), pattern);
                let whole = hits.map(|start| start..start + pattern.len());
                let parts = whole.chain(cut_off(reading.bytes(), pattern));
                found.extend(parts.map(|part| reading.origin(part)));
            }
        }
        without(text, found)
    }

    fn known(&self) -> MutexGuard<'_, Vec<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The texts to search for, without the characters that are ignored.
fn patterns(secret: &str) -> Vec<SecretString> {
    let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut patterns = BTreeSet::from([secret.to_owned(), form]);
    for alignment in 0..3 {
        let mut bytes = vec![0; alignment];
        bytes.extend_from_slice(secret.as_bytes());
        // Characters that also hold bits of what comes before or after the secret are not known.
        let known = (alignment * 8).div_ceil(6)..bytes.len() * 8 / 6;
        for text in [
            STANDARD_NO_PAD.encode(&bytes),
            URL_SAFE_NO_PAD.encode(&bytes),
        ] {
            patterns.extend(text.get(known.clone()).map(ToOwned::to_owned));
        }
    }
    let patterns = patterns.iter().map(|pattern| {
        let kept: String = pattern.chars().filter(|c| !is_ignored(*c)).collect();
        SecretString::from(kept)
    });
    patterns
        .filter(|pattern| pattern.expose_secret().len() >= SHORTEST)
        .collect()
}

/// Where a text that was shortened ends in the beginning of a pattern.
fn cut_off(text: &[u8], pattern: &[u8]) -> impl Iterator<Item = Range<usize>> {
    memmem::find_iter(text, CUT.as_bytes()).filter_map(|end| {
        let lengths = (SHORTEST..pattern.len().min(end + 1)).rev();
        let mut beginnings = lengths.filter(|length| text[..end].ends_with(&pattern[..*length]));
        beginnings.next().map(|length| end - length..end)
    })
}

/// The text with these parts replaced. Parts may overlap: one secret may be a part of another.
fn without(text: &str, mut parts: Vec<Range<usize>>) -> String {
    parts.sort_by_key(|part| (part.start, Reverse(part.end)));
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for part in parts {
        if part.start >= done {
            out.push_str(&text[done..part.start]);
            out.push_str("***");
        }
        done = done.max(part.end);
    }
    out.push_str(&text[done..]);
    out
}

#[cfg(test)]
mod tests;
