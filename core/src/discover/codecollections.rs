//! The rule for the stable tag of a CodeCollection.
//!
//! An extra image may follow any tag by the same rule, with more names that are not chosen.
//!
//! Pure. The rule of the original: `${REF}-latest` must exist; the wanted tag is a sibling of it, a tag whose
//! manifest for the wanted architecture has the same digest; the first choice is `^${REF}-[0-9a-f]{7,}$`, the
//! second choice is any other tag that is not an alias.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::name::{Tag, number_of};

/// The most names of branches in a message.
const MOST_NAMES: usize = 10;

/// The branches with a tag `<branch>-latest` in a repository, ordered by name, without the aliases of manifests.
pub fn branches<'a>(tags: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let names: BTreeSet<_> = tags
        .into_iter()
        .filter_map(|tag| tag.strip_suffix("-latest"))
        .filter(|name| !name.is_empty() && !is_of_one_manifest(name))
        .map(str::to_owned)
        .collect();
    names.into_iter().collect()
}

/// The first of these names, for a message.
pub fn few_of(names: &[String]) -> String {
    let few = &names[..names.len().min(MOST_NAMES)];
    match names.len() - few.len() {
        0 => few.join(", "),
        more => format!("{} and {more} more", few.join(", ")),
    }
}

fn is_of_one_manifest(tag: &str) -> bool {
    tag.starts_with("amd64-") || tag.starts_with("arm64-")
}

/// True for the names that builds usually move, in the repositories of any publisher.
pub(super) fn usually_moves(tag: &str) -> bool {
    matches!(tag, "latest" | "stable") || tag.ends_with("-latest")
}

/// The rank of a tag as the stable tag; the lower value is preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// `main-abc1234`.
    First,
    /// Any other tag that is not an alias: `main-abc1234-def5678`.
    Second,
}

/// The rule for one branch, or for one tag that moves.
pub struct StableTag {
    latest: Tag,
    first: Form,
    publisher: Publisher,
}

/// Whose repository it is, which decides which names of tags are known to move.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Publisher {
    /// The rule of the original.
    RunWhen,
    Other,
}

/// The form of the tags that are preferred.
enum Form {
    /// A commit after this prefix, `${REF}-`.
    Commit(String),
    /// Three numbers. The highest version is preferred.
    Version,
}

impl StableTag {
    /// The rule for the branch whose tags begin with `git_ref`.
    #[expect(
        clippy::expect_used,
        reason = "`Config` limits the branch so that the suffix fits"
    )]
    pub fn new(git_ref: &Tag) -> Self {
        Self {
            latest: format!("{git_ref}-latest")
                .parse()
                .expect("a tag with a short suffix is a tag"),
            first: Form::Commit(format!("{git_ref}-")),
            publisher: Publisher::RunWhen,
        }
    }

    /// The rule for a tag that moves: that of its branch if it has the form `<branch>-latest`.
    pub fn following(tag: &Tag) -> Self {
        let branch = tag.as_str().strip_suffix("-latest");
        Self {
            latest: tag.clone(),
            first: match branch.filter(|branch| !branch.is_empty()) {
                Some(branch) => Form::Commit(format!("{branch}-")),
                None => Form::Version,
            },
            publisher: Publisher::Other,
        }
    }

    /// `${REF}-latest`, or the tag that is followed.
    pub fn latest(&self) -> &Tag {
        &self.latest
    }

    /// True if versions are preferred, not tags with a commit.
    pub fn prefers_versions(&self) -> bool {
        match self.first {
            Form::Commit(_) => false,
            Form::Version => true,
        }
    }

    /// The rank of a tag; `None` if it cannot be the stable tag.
    pub fn rank(&self, tag: &Tag) -> Option<Choice> {
        self.rank_text(tag.as_str())
    }

    /// The same for the text of a tag.
    pub fn rank_text(&self, text: &str) -> Option<Choice> {
        let is_first = match &self.first {
            Form::Commit(prefix) => {
                // `^${REF}-[0-9a-f]{7,}$`
                let commit = text.strip_prefix(prefix).unwrap_or_default();
                let is_hexadecimal = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                commit.len() >= 7 && commit.bytes().all(is_hexadecimal)
            }
            Form::Version => text != self.latest.as_str() && is_full_version(text),
        };
        if is_first {
            return Some(Choice::First);
        }
        let moves = match self.publisher {
            Publisher::RunWhen => false,
            Publisher::Other => usually_moves(text),
        };
        let is_alias = moves
            || text == self.latest.as_str()
            || matches!(text, "main-latest" | "tester")
            || is_of_one_manifest(text);
        (!is_alias).then_some(Choice::Second)
    }

    /// The order of two tags of the same rank, the preferred one first.
    pub fn order(&self, one: &str, other: &str) -> Ordering {
        let by_version = match self.first {
            Form::Commit(_) => Ordering::Equal,
            Form::Version if is_full_version(one) && is_full_version(other) => {
                helm::compare_versions(other, one).unwrap_or(Ordering::Equal)
            }
            Form::Version => Ordering::Equal,
        };
        by_version.then_with(|| one.cmp(other))
    }

    /// The best of these siblings; of several with the same rank and order the first by name, so that runs select the same tag.
    pub fn best<'a>(
        &self,
        siblings: impl IntoIterator<Item = &'a Tag>,
    ) -> Option<(Choice, &'a Tag)> {
        let ranked = siblings
            .into_iter()
            .filter_map(|tag| Some((self.rank(tag)?, tag)));
        ranked.min_by(|(choice, one), (other_choice, other)| {
            let by_rank = choice.cmp(other_choice);
            by_rank.then_with(|| self.order(one.as_str(), other.as_str()))
        })
    }
}

/// True for a semantic version of three numbers, which may have a pre-release.
fn is_full_version(text: &str) -> bool {
    let numbers = number_of(text).split('-').next().unwrap_or_default();
    numbers.split('.').count() == 3 && helm::compare_versions(text, text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(texts: &[&str]) -> Vec<Tag> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn best(git_ref: &str, texts: &[&str]) -> Option<String> {
        let rule = StableTag::new(&git_ref.parse().unwrap());
        rule.best(&tags(texts)).map(|(_, tag)| tag.to_string())
    }

    #[test]
    fn hash_is_preferred_and_alias_is_never_selected() {
        assert_eq!(
            best("main", &["main-latest", "v1", "main-abc1234"]).as_deref(),
            Some("main-abc1234")
        );
        assert_eq!(
            best("main", &["main-latest", "main-abc1234-def5678"]).as_deref(),
            Some("main-abc1234-def5678")
        );
        assert_eq!(
            best(
                "main",
                &["main-latest", "tester", "amd64-main-abc1234", "arm64-x"]
            ),
            None
        );
        // A suffix that is too short or not hexadecimal makes the second choice.
        assert_eq!(
            best("main", &["main-abc123", "main-xyz1234"]).as_deref(),
            Some("main-abc123")
        );
    }

    #[test]
    fn tag_that_is_followed_has_the_rule_of_its_branch_or_prefers_the_highest_version() {
        let best = |followed: &str, texts: &[&str]| {
            let rule = StableTag::following(&followed.parse().unwrap());
            rule.best(&tags(texts)).map(|(_, tag)| tag.to_string())
        };
        let of_main = ["main-latest", "main-abc1234", "1.2.3", "v1"];
        assert_eq!(
            best("main-latest", &of_main).as_deref(),
            Some("main-abc1234")
        );
        for (followed, siblings, expected) in [
            (
                "main-latest",
                &["main-latest", "latest", "dev-latest", "stable"][..],
                None,
            ),
            (
                "main-latest",
                &["main-latest", "latest", "v1.2.3"],
                Some("v1.2.3"),
            ),
            (
                "dev-latest",
                &["dev-latest", "latest", "dev-latest-2"],
                Some("dev-latest-2"),
            ),
            ("latest", &["latest", "1", "1.2", "1.2.3"], Some("1.2.3")),
            (
                "latest",
                &["1.9.0", "v1.10.0", "1.10.0-rc1"],
                Some("v1.10.0"),
            ),
            (
                "stable",
                &["2.0.0-alpine", "2.0.0", "stable", "latest"],
                Some("2.0.0"),
            ),
            ("latest", &["latest", "b-build", "a-build"], Some("a-build")),
            (
                "latest",
                &["latest", "stable", "amd64-1.2.3", "dev-latest", "tester"],
                None,
            ),
            ("1.2", &["1.2", "1.2.7", "1", "latest"], Some("1.2.7")),
            ("1.2.3", &["1.2.3", "latest"], None),
        ] {
            assert_eq!(
                best(followed, siblings).as_deref(),
                expected,
                "{followed} {siblings:?}"
            );
        }
    }

    #[test]
    fn branches_are_the_tags_that_end_in_latest() {
        let tags = [
            "main-latest",
            "feature-x-latest",
            "amd64-main-latest",
            "main-abc1234",
            "latest",
            "main-latest",
        ];
        assert_eq!(branches(tags), ["feature-x", "main"]);
        let many: Vec<_> = (10..22).map(|number| format!("b{number}")).collect();
        let text = few_of(&many);
        assert!(text.ends_with("b18, b19 and 2 more"), "{text}");
    }

    #[test]
    fn tags_of_another_branch_are_not_selected() {
        assert_eq!(
            best("dev", &["dev-latest", "main-latest", "dev-0123456789"]).as_deref(),
            Some("dev-0123456789")
        );
        assert_eq!(best("dev", &["dev-latest", "main-latest"]), None);
        // A dot in the branch matches only a dot.
        assert_eq!(
            best("v1.0", &["v1x0-abc1234", "v1.0-abc1234"]).as_deref(),
            Some("v1.0-abc1234")
        );
    }
}
