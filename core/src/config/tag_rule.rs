//! The rules that choose the tag of an image among those of its repository.

use std::fmt;
use std::str::FromStr;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::name::{Tag, serde_as_text};

/// How the tag of an image is chosen. The choice may be another one later.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TagRule {
    /// A tag with the same content as this one, which the builds move.
    Follow(Tag),
    Highest(HighestTag),
}

/// The highest tag of those that meet every condition. Without one, the tags that are versions of numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HighestTag {
    pub semver: Option<VersionRange>,
    pub matching: Option<TagPattern>,
    /// With fewer tags that meet the conditions, the list is not trusted.
    pub minimum: Option<usize>,
}

impl fmt::Display for TagRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Follow(tag) => write!(f, "tag with the content of {tag}"),
            Self::Highest(highest) => highest.fmt(f),
        }
    }
}

impl fmt::Display for HighestTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            semver,
            matching,
            minimum: _,
        } = self;
        match (semver, matching) {
            (None, None) => f.write_str("version"),
            (Some(range), None) => write!(f, "version within {range}"),
            (None, Some(pattern)) => write!(f, "tag that matches {pattern}"),
            (Some(range), Some(pattern)) => {
                write!(f, "version within {range} that matches {pattern}")
            }
        }
    }
}

/// A range of semantic versions, as Helm reads it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VersionRange(String);

impl VersionRange {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VersionRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match helm::is_version_constraint(text) {
            true => Ok(Self(text.to_owned())),
            false => Err(
                "it must be a range of versions, such as '>=1.2, <2', '~1.4' or '1.x'".to_owned(),
            ),
        }
    }
}

/// A regular expression for tags. It may match a part of a tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TagPattern(String);

impl TagPattern {
    #[expect(clippy::expect_used, reason = "the text was compiled when it was read")]
    pub fn compiled(&self) -> Regex {
        helm::limited_regex(&self.0).expect("a pattern that was compiled before")
    }
}

impl FromStr for TagPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("it must not be empty".to_owned());
        }
        match helm::limited_regex(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(format!(
                "it must be a regular expression, such as '^v[0-9.]+$': {error}"
            )),
        }
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for TagPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_as_text!(VersionRange);
serde_as_text!(TagPattern);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_that_is_wrong_or_too_large_is_refused_with_its_reason() {
        let reason = |text: &str| text.parse::<TagPattern>().unwrap_err();
        assert!(reason("^v[0-9").contains("unclosed character class"));
        assert_eq!(reason(""), "it must not be empty");
        assert!(reason(r"\pL{999}").contains("too large"));
        assert!(reason(&"(".repeat(200)).contains("regular expression"));
        assert!(reason(&"a".repeat(1_001)).contains("longer than 1000"));
        let pattern: TagPattern = "^v[0-9]+$".parse().unwrap();
        let pattern = pattern.compiled();
        assert!(pattern.is_match("v12") && !pattern.is_match("v12-rc"));
    }

    #[test]
    fn rule_is_the_same_after_json() {
        let rule = TagRule::Highest(HighestTag {
            semver: Some(">=1.2, <2".parse().unwrap()),
            matching: Some("^v".parse().unwrap()),
            minimum: Some(3),
        });
        let json = serde_json::to_value(&rule).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"highest": {"semver": ">=1.2, <2", "matching": "^v", "minimum": 3}})
        );
        assert_eq!(serde_json::from_value::<TagRule>(json).unwrap(), rule);
        assert!(serde_json::from_str::<VersionRange>("\"newest\"").is_err());
    }
}
