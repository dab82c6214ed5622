//! The tags of a repository that meet a rule, in the order in which they are preferred. Pure.

use std::collections::BTreeSet;

use regex::Regex;

use crate::config::{HighestTag, TagPattern};
use crate::name::{compare_versions, number_of};

/// Why a tag does not meet a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unmet {
    /// It is not a version of numbers.
    NotNumbers,
    /// It is one number, and the repository has versions of several.
    OneNumber,
    NotMatching,
    /// It is not a semantic version within the range.
    NotWithin,
}

/// The tags that meet the rule, the chosen one first. With a range in the order of semantic versions, otherwise in that of
/// `sort -V`.
pub fn ranked<'a>(rule: &HighestTag, tags: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let HighestTag {
        semver,
        matching,
        minimum: _,
    } = rule;
    // A list may contain a tag twice.
    let tags: BTreeSet<&str> = tags.into_iter().collect();
    let has_long = has_long_versions(tags.iter().copied());
    let mut tags: Vec<&str> = match matching {
        Some(pattern) => {
            let pattern = pattern.compiled();
            let is_match = |tag: &&str| pattern.is_match(tag);
            tags.into_iter().filter(is_match).collect()
        }
        None => tags.into_iter().collect(),
    };
    if matching.is_none() || semver.is_some() {
        tags.retain(|tag| !(has_long && is_one_number(tag)));
    }
    if (matching, semver) == (&None, &None) {
        tags.retain(|tag| numbers(tag) > 0);
    }
    // A pattern may match words, such as stable, which move: they come last.
    let has_digit = |tag: &str| tag.bytes().any(|byte| byte.is_ascii_digit());
    tags.sort_by(|one, other| {
        let by_digit = has_digit(other).cmp(&has_digit(one));
        by_digit.then_with(|| compare_versions(other, one))
    });
    match semver {
        // Of equal versions, such as 1.2 and 1.2.0, the longer one is first: the shorter one often moves.
        Some(range) => helm::versions_within(tags, range.as_str()).unwrap_or_default(),
        None => tags,
    }
}

/// Says why tags are not among the [`ranked`] ones.
pub struct Judge<'a> {
    rule: &'a HighestTag,
    pattern: Option<Regex>,
    has_long_versions: bool,
}

impl<'a> Judge<'a> {
    /// `tags` are those of the repository.
    pub fn new<'b>(rule: &'a HighestTag, tags: impl IntoIterator<Item = &'b str>) -> Self {
        Self {
            rule,
            pattern: rule.matching.as_ref().map(TagPattern::compiled),
            has_long_versions: has_long_versions(tags),
        }
    }

    /// `None` for a tag that meets the rule.
    pub fn unmet(&self, tag: &str) -> Option<Unmet> {
        let is_single = self.has_long_versions && is_one_number(tag);
        match (&self.pattern, &self.rule.semver) {
            (Some(pattern), _) if !pattern.is_match(tag) => Some(Unmet::NotMatching),
            (Some(_), None) => None,
            (None, None) if numbers(tag) == 0 => Some(Unmet::NotNumbers),
            (_, Some(_)) | (None, None) if is_single => Some(Unmet::OneNumber),
            (None, None) => None,
            (_, Some(range)) => {
                let within = helm::versions_within([tag], range.as_str());
                let is_within = within.is_some_and(|within| !within.is_empty());
                (!is_within).then_some(Unmet::NotWithin)
            }
        }
    }
}

/// True if one of these tags is a version of several numbers.
fn has_long_versions<'a>(tags: impl IntoIterator<Item = &'a str>) -> bool {
    tags.into_iter().any(|tag| numbers(tag) > 1)
}

/// True for a single number. It counts only if the repository has no versions of several: next to them it is an alias that moves,
/// such as 2, a date, or a commit without letters, which is higher than every version.
fn is_one_number(tag: &str) -> bool {
    numbers(tag) == 1
}

/// How many numbers a version has; 0 for a text that is not a version of numbers: `v1.2.3`, `2026-07-23.1`, `20260723`.
fn numbers(tag: &str) -> usize {
    let mut parts = number_of(tag).split(['.', '-', '_']);
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match parts.clone().all(is_number) {
        true => parts.by_ref().count(),
        false => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(semver: Option<&str>, matching: Option<&str>) -> HighestTag {
        HighestTag {
            semver: semver.map(|text| text.parse().unwrap()),
            matching: matching.map(|text| text.parse().unwrap()),
            minimum: None,
        }
    }

    const TAGS: [&str; 14] = [
        "latest",
        "1",
        "1.2",
        "1.2.0",
        "1.2.3",
        "v1.10.0",
        "1.11.0-rc1",
        "1.10.0-alpine",
        "2.0.0",
        "2",
        "1234567",
        "sha256-0123.sig",
        "amd64-2.0.0",
        "3.0.0-beta.2",
    ];

    #[test]
    fn newest_is_a_version_of_numbers() {
        assert_eq!(
            ranked(&rule(None, None), TAGS),
            ["2.0.0", "v1.10.0", "1.2.3", "1.2.0", "1.2"]
        );
        assert_eq!(
            ranked(&rule(None, None), ["3", "v20", "x1", "7"]),
            ["v20", "7", "3"]
        );
        assert_eq!(
            ranked(
                &rule(None, None),
                ["2026-06-18.2", "2026-07-23.1", "2026-07-23"]
            ),
            ["2026-07-23.1", "2026-07-23", "2026-06-18.2"]
        );
        assert!(ranked(&rule(None, None), ["latest", "main-1", "1.x", "1..2", "v"]).is_empty());
    }

    #[test]
    fn range_prefers_the_highest_semantic_version_and_the_longer_form() {
        assert_eq!(
            ranked(&rule(Some(">=1.2, <2"), None), TAGS),
            ["v1.10.0", "1.2.3", "1.2.0", "1.2"]
        );
        assert_eq!(ranked(&rule(Some("~1.2"), None), TAGS)[0], "1.2.3");
        // A range with a pre-release allows pre-releases, as in Helm.
        assert_eq!(
            ranked(&rule(Some(">=1.10.0-0, <2"), None), TAGS)[0],
            "1.11.0-rc1"
        );
        assert_eq!(
            ranked(&rule(Some(">=3.0.0-alpha"), None), TAGS),
            ["3.0.0-beta.2"]
        );
        // A commit without letters is not a version, unless there are only single numbers.
        assert_eq!(ranked(&rule(Some(">=1"), None), TAGS)[0], "2.0.0");
        assert_eq!(
            ranked(&rule(Some(">=1"), None), ["7", "12", "x"]),
            ["12", "7"]
        );
    }

    #[test]
    fn pattern_takes_the_highest_match_and_a_range_narrows_it() {
        assert_eq!(
            ranked(&rule(None, Some(r"^\d+\.\d+\.\d+-")), TAGS),
            ["3.0.0-beta.2", "1.11.0-rc1", "1.10.0-alpine"]
        );
        assert_eq!(
            ranked(&rule(Some("<2"), Some(r"^\d+\.\d+\.\d+$")), TAGS),
            ["1.2.3", "1.2.0"]
        );
    }

    proptest! {
        #[test]
        fn every_tag_is_ranked_or_has_a_reason(tags in proptest::collection::vec("v?[0-9]{1,2}([.-][0-9a-b]{1,2}){0,3}|latest", 1..12)) {
            let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
            for rule in [
                rule(None, None),
                rule(Some(">=1, <50"), None),
                rule(None, Some("[.]")),
                rule(Some(">=2"), Some("^v")),
            ] {
                let ranked = ranked(&rule, tags.iter().copied());
                let judge = Judge::new(&rule, tags.iter().copied());
                for tag in &tags {
                    prop_assert_eq!(judge.unmet(tag).is_none(), ranked.contains(tag), "{} {:?}", tag, rule);
                }
                let mut backwards = tags.clone();
                backwards.reverse();
                prop_assert_eq!(super::ranked(&rule, backwards), ranked);
            }
        }
    }
}
