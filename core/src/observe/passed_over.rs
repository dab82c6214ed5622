//! The tags that the search for a stable tag, or a rule, did not take, with the reasons, from a list of tags.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::config::HighestTag;
use crate::discover::codecollections::{Choice, StableTag};
use crate::discover::tag_choice::{Judge, Unmet, ranked};
use crate::name::{Digest, Tag, compare_versions, number_of};
use crate::registry::{ListedTag, TagList};

/// The most tags that are named for one reason.
const MOST_NAMED: usize = 5;

/// The tags of a source that were not taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    /// All tags in the list.
    pub listed: usize,
    /// True if the list shows which tags have the same digest.
    pub shows_digests: bool,
    /// True if the registry may have more tags than it lists.
    pub may_be_cut: bool,
    /// A few of the tags for each reason, the newest first if the list has times.
    pub tags: Vec<PassedTag>,
    /// The tags that are not named, of the branch and of others.
    pub more: usize,
}

/// A tag that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassedTag {
    pub tag: String,
    /// `None` if the list does not show it.
    pub digest: Option<Digest>,
    pub uploaded: Option<DateTime<Utc>>,
    pub reason: PassedReason,
}

/// Why a tag was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PassedReason {
    /// It has the wanted content, and the builds move it.
    Alias,
    /// It has the wanted content, and is not the branch with a commit.
    OtherForm,
    /// It has the wanted content and the same form, and comes later by name.
    LaterByName,
    /// It has the form of a stable tag, and other content.
    OtherContent,
    /// It has the form of a stable tag, and the list does not show its digest.
    DigestNotListed,
    /// It meets the rule, and another tag is higher.
    LowerVersion,
    /// It is not within the rule's range of versions.
    NotWithin,
    /// It does not match the rule's pattern.
    NotMatching,
    /// It is one number next to versions of several.
    OneNumber,
    /// It is not a version of numbers.
    NotNumbers,
}

impl From<Unmet> for PassedReason {
    fn from(unmet: Unmet) -> Self {
        match unmet {
            Unmet::NotNumbers => Self::NotNumbers,
            Unmet::OneNumber => Self::OneNumber,
            Unmet::NotMatching => Self::NotMatching,
            Unmet::NotWithin => Self::NotWithin,
        }
    }
}

impl PassedOver {
    /// `latest` is the digest of the moving tag, `chosen` the tag that was taken and its digest.
    pub fn of(
        list: &TagList,
        rule: &StableTag,
        latest: Option<&Digest>,
        chosen: Option<(&Tag, &Digest)>,
    ) -> Self {
        let latest = latest.cloned().or_else(|| list.digest_of(rule.latest()));
        let wanted = [latest.as_ref(), chosen.map(|(_, digest)| digest)];
        let is_chosen = |text: &str| chosen.is_some_and(|(tag, _)| tag.as_str() == text);
        let first = chosen.and_then(|(tag, _)| rule.rank(tag)) == Some(Choice::First);
        let reason = |tag: &ListedTag<'_>| {
            let digest = tag.digest();
            let is_same = digest.is_some() && wanted.contains(&digest.as_ref());
            match (is_same, rule.rank_text(tag.text)) {
                (true, None) => Some(PassedReason::Alias),
                (true, Some(Choice::Second)) if first => Some(PassedReason::OtherForm),
                (true, Some(Choice::First | Choice::Second)) => Some(PassedReason::LaterByName),
                (false, Some(Choice::First)) if digest.is_some() => {
                    Some(PassedReason::OtherContent)
                }
                (false, Some(Choice::First)) => Some(PassedReason::DigestNotListed),
                (false, Some(Choice::Second) | None) => None,
            }
        };
        let others = || {
            list.tags()
                .filter(|tag| !is_chosen(tag.text) && tag.text != rule.latest().as_str())
        };
        let mut named: Vec<_> = others()
            .filter_map(|tag| Some((reason(&tag)?, Reverse(tag.uploaded), tag)))
            .collect();
        named.sort_by_key(|(reason, uploaded, tag)| (*reason, *uploaded, tag.text));
        let mut tags: Vec<PassedTag> = Vec::new();
        for (reason, Reverse(uploaded), tag) in named {
            let same = tags.iter().filter(|known| known.reason == reason);
            if same.count() < MOST_NAMED {
                tags.push(PassedTag {
                    tag: tag.text.to_owned(),
                    digest: tag.digest(),
                    uploaded: (uploaded > 0).then(|| date(uploaded)).flatten(),
                    reason,
                });
            }
        }
        Self {
            listed: list.count(),
            shows_digests: list.tags().any(|tag| tag.has_digest()),
            may_be_cut: list.may_be_cut(),
            more: others().count().saturating_sub(tags.len()),
            tags,
        }
    }

    /// The tags that a rule did not choose: the highest ones of each reason.
    pub fn of_highest(list: &TagList, rule: &HighestTag, chosen: Option<&Tag>) -> Self {
        let mut others: BTreeMap<&str, ListedTag<'_>> = BTreeMap::new();
        let is_chosen = |text: &str| chosen.is_some_and(|tag| tag.as_str() == text);
        for tag in list.tags().filter(|tag| !is_chosen(tag.text)) {
            others.entry(tag.text).or_insert(tag);
        }
        let judge = Judge::new(rule, list.tags().map(|tag| tag.text));
        let meets = ranked(rule, others.keys().copied());
        let mut rest: Vec<_> = others
            .keys()
            .filter_map(|text| Some((judge.unmet(text)?, *text)))
            .collect();
        // Versions come before words.
        let is_word = |text: &str| !number_of(text).starts_with(|c: char| c.is_ascii_digit());
        rest.sort_by(|(unmet, one), (other_unmet, other)| {
            (unmet, is_word(one))
                .cmp(&(other_unmet, is_word(other)))
                .then_with(|| compare_versions(other, one))
        });
        let lower = meets.iter().map(|text| (PassedReason::LowerVersion, *text));
        let unmet = rest.into_iter().map(|(unmet, text)| (unmet.into(), text));
        let mut tags: Vec<PassedTag> = Vec::new();
        for (reason, text) in lower.chain(unmet) {
            let same = tags.iter().filter(|known| known.reason == reason);
            let Some(listed) = others.get(text).filter(|_| same.count() < MOST_NAMED) else {
                continue;
            };
            tags.push(PassedTag {
                tag: text.to_owned(),
                digest: listed.digest(),
                uploaded: (listed.uploaded > 0)
                    .then(|| date(listed.uploaded))
                    .flatten(),
                reason,
            });
        }
        Self {
            listed: list.count(),
            shows_digests: list.tags().any(|tag| tag.has_digest()),
            may_be_cut: list.may_be_cut(),
            more: others.len().saturating_sub(tags.len()),
            tags,
        }
    }
}

fn date(milliseconds: u64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(i64::try_from(milliseconds).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(images: &[(&str, &[&str])]) -> TagList {
        let entries = images.iter().enumerate().map(|(day, (content, tags))| {
            format!(
                r#""{}":{{"tag":{},"timeUploadedMs":"{}"}}"#,
                Digest::sha256(content.as_bytes()),
                serde_json::to_string(tags).unwrap(),
                (day + 1) * 86_400_000
            )
        });
        let entries: Vec<_> = entries.collect();
        TagList::of_page(&format!(
            r#"{{"tags":[],"manifest":{{{}}}}}"#,
            entries.join(",")
        ))
    }

    fn reasons(passed: &PassedOver) -> Vec<(&str, PassedReason)> {
        let tags = passed.tags.iter();
        tags.map(|passed| (passed.tag.as_str(), passed.reason))
            .collect()
    }

    #[test]
    fn tags_have_the_reason_why_they_were_not_taken() {
        let list = list(&[
            ("old", &["main-0000001", "dev-1234567"]),
            ("older", &["main-0000002"]),
            (
                "new",
                &[
                    "main-latest",
                    "main-abc1234",
                    "main-abc1235",
                    "v1",
                    "tester",
                ],
            ),
        ]);
        let rule = StableTag::new(&"main".parse().unwrap());
        let digest = Digest::sha256(b"new");
        let tag: Tag = "main-abc1234".parse().unwrap();
        let passed = PassedOver::of(&list, &rule, Some(&digest), Some((&tag, &digest)));
        assert_eq!(
            reasons(&passed),
            [
                ("tester", PassedReason::Alias),
                ("v1", PassedReason::OtherForm),
                ("main-abc1235", PassedReason::LaterByName),
                ("main-0000002", PassedReason::OtherContent),
                ("main-0000001", PassedReason::OtherContent),
            ]
        );
        // The tag of the other branch.
        assert_eq!((passed.more, passed.shows_digests), (1, true));
    }

    #[test]
    fn few_tags_are_named_and_the_others_are_counted() {
        let tags: Vec<_> = (0..5_000)
            .map(|number| format!("main-{number:07}"))
            .collect();
        let images: Vec<(&str, Vec<&str>)> = tags
            .iter()
            .map(|tag| (tag.as_str(), vec![tag.as_str()]))
            .collect();
        let images: Vec<_> = images
            .iter()
            .map(|(name, tags)| (*name, &tags[..]))
            .collect();
        let rule = StableTag::new(&"main".parse().unwrap());
        let passed = PassedOver::of(&list(&images), &rule, None, None);
        assert_eq!(passed.tags.len(), MOST_NAMED);
        assert_eq!(passed.tags[0].tag, "main-0004999");
        assert_eq!(passed.more, 5_000 - MOST_NAMED);
    }

    #[test]
    fn tags_that_a_rule_does_not_choose_have_the_reason_and_the_highest_are_first() {
        let list = TagList::of_page(
            r#"{"tags":["latest","0.9.0","1.2.0","v1.3.0","1.4.0","1.4.0-rc1","2","2.0.0"]}"#,
        );
        let rule = |semver: Option<&str>, matching: Option<&str>| HighestTag {
            semver: semver.map(|text| text.parse().unwrap()),
            matching: matching.map(|text| text.parse().unwrap()),
            minimum: None,
        };
        let chosen: Tag = "1.4.0".parse().unwrap();
        let passed = PassedOver::of_highest(&list, &rule(Some(">=1, <2"), None), Some(&chosen));
        assert_eq!(
            reasons(&passed),
            [
                ("v1.3.0", PassedReason::LowerVersion),
                ("1.2.0", PassedReason::LowerVersion),
                ("2", PassedReason::OneNumber),
                ("2.0.0", PassedReason::NotWithin),
                ("1.4.0-rc1", PassedReason::NotWithin),
                ("0.9.0", PassedReason::NotWithin),
                ("latest", PassedReason::NotWithin),
            ]
        );
        assert_eq!((passed.listed, passed.more), (8, 0));
        let chosen: Tag = "2.0.0".parse().unwrap();
        let passed = PassedOver::of_highest(&list, &rule(None, None), Some(&chosen));
        assert_eq!(
            reasons(&passed)[4..],
            [
                ("1.4.0-rc1", PassedReason::NotNumbers),
                ("latest", PassedReason::NotNumbers),
                ("2", PassedReason::OneNumber),
            ]
        );
        let passed = PassedOver::of_highest(&list, &rule(None, Some("^x")), None);
        assert_eq!(reasons(&passed)[0], ("2.0.0", PassedReason::NotMatching));
        assert_eq!((passed.tags.len(), passed.more), (MOST_NAMED, 3));
    }

    #[test]
    fn plain_list_does_not_show_digests() {
        let list = TagList::of_page(r#"{"tags":["main-latest","main-abc1234","main-abc1235"]}"#);
        let rule = StableTag::new(&"main".parse().unwrap());
        let (tag, digest) = ("main-abc1234".parse().unwrap(), Digest::sha256(b"new"));
        let passed = PassedOver::of(&list, &rule, Some(&digest), Some((&tag, &digest)));
        assert_eq!(
            reasons(&passed),
            [("main-abc1235", PassedReason::DigestNotListed)]
        );
        assert!(!passed.shows_digests);
    }
}
