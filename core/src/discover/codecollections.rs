//! The rule for the stable tag of a CodeCollection.
//!
//! Pure. The rule of the original: `${REF}-latest` must exist; the wanted tag is a sibling of it, a tag whose
//! manifest for the wanted architecture has the same digest; the first choice is `^${REF}-[0-9a-f]{7,}$`, the
//! second choice is any other tag that is not an alias.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::name::Tag;

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

/// The rank of a tag as the stable tag; the lower value is preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// `main-abc1234`.
    First,
    /// Any other tag that is not an alias: `main-abc1234-def5678`.
    Second,
}

/// The rule for one branch.
pub struct StableTag {
    latest: Tag,
    /// `${REF}-`.
    prefix: String,
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
            prefix: format!("{git_ref}-"),
        }
    }

    /// `${REF}-latest`.
    pub fn latest(&self) -> &Tag {
        &self.latest
    }

    /// The rank of a tag; `None` if it cannot be the stable tag.
    pub fn rank(&self, tag: &Tag) -> Option<Choice> {
        self.rank_text(tag.as_str())
    }

    /// The same for the text of a tag.
    pub fn rank_text(&self, text: &str) -> Option<Choice> {
        // `^${REF}-[0-9a-f]{7,}$`
        let commit = text.strip_prefix(&self.prefix).unwrap_or_default();
        if commit.len() >= 7
            && commit
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Some(Choice::First);
        }
        let is_alias = text == self.latest.as_str()
            || matches!(text, "main-latest" | "tester")
            || is_of_one_manifest(text);
        (!is_alias).then_some(Choice::Second)
    }

    /// The best of these siblings; of several with the same rank the first by name, so that runs select the same tag.
    pub fn best<'a>(
        &self,
        siblings: impl IntoIterator<Item = &'a Tag>,
    ) -> Option<(Choice, &'a Tag)> {
        siblings
            .into_iter()
            .filter_map(|tag| Some((self.rank(tag)?, tag)))
            .min()
    }
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
