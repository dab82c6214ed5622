//! Semantic versions: `Masterminds/semver`.

use std::cmp::Ordering;
use std::fmt;

/// A version; missing parts are zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) major: u64,
    pub(crate) minor: u64,
    pub(crate) patch: u64,
    pub(crate) pre: String,
    pub(crate) metadata: String,
    pub(crate) original: String,
}

impl Version {
    /// Reads `v1.2.3-pre+meta`, also with fewer numbers.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix('v').unwrap_or(text);
        let (body, metadata) = split_part(body, '+')?;
        let (numbers, pre) = split_part(body, '-')?;
        let mut parts = [0u64; 3];
        for (count, number) in numbers.split('.').enumerate() {
            if count == 3 || number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit())
            {
                return None;
            }
            parts[count] = number.parse().ok()?;
        }
        if !pre.is_empty() && pre.split('.').any(has_leading_zero) {
            return None;
        }
        let [major, minor, patch] = parts;
        Some(Self {
            major,
            minor,
            patch,
            pre: pre.to_owned(),
            metadata: metadata.to_owned(),
            original: text.to_owned(),
        })
    }

    /// The order of versions; metadata is ignored.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.patch)
            .cmp(&(other.major, other.minor, other.patch))
            .then_with(|| compare_pre(&self.pre, &other.pre))
    }
}

/// Numbers in a pre-release have no leading zero.
pub(crate) fn has_leading_zero(part: &str) -> bool {
    part.len() > 1 && part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre.is_empty() {
            write!(formatter, "-{}", self.pre)?;
        }
        if !self.metadata.is_empty() {
            write!(formatter, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

/// Splits off a pre-release or metadata, which must not be empty or have empty parts.
pub(crate) fn split_part(text: &str, separator: char) -> Option<(&str, &str)> {
    match text.split_once(separator) {
        None => Some((text, "")),
        Some((rest, part)) => {
            let good = part.split('.').all(|part| {
                !part.is_empty()
                    && part
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            });
            good.then_some((rest, part))
        }
    }
}

pub(super) fn compare_pre(left: &str, right: &str) -> Ordering {
    match (left.is_empty(), right.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(left), Some(right)) => match (left.parse::<u64>(), right.parse::<u64>()) {
                (Ok(left), Ok(right)) => left.cmp(&right),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => left.cmp(right),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}
