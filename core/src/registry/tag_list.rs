//! The list of a repository's tags, with the manifests that Google Artifact Registry adds.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::bounded_vec::BoundedVec;
use crate::name::{Digest, Tag};
use crate::problem::Problem;
use crate::wire::Response;

/// The most tags in one of Google's lists, which have no pages.
pub(super) const MOST_OF_GOOGLE: usize = 10_000;
/// The most tags of one repository that are read.
pub(super) const MOST_TAGS: usize = 200_000;
/// The most manifests of one repository that are kept. Google lists fewer tags.
const MOST_LISTED: usize = 50_000;

/// A manifest in Google's extended list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    pub tags: Vec<Tag>,
    /// The time of the upload in milliseconds since 1970, or 0 if unknown.
    pub uploaded: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagList {
    /// In the registry's order, without texts that are not valid tags.
    pub tags: Vec<Tag>,
    /// Google's description of every manifest that has a tag. Empty for other registries.
    pub manifests: BTreeMap<Digest, Listed>,
}

/// The body of `tags/list`: the specification's part and Google's, whose numbers are strings.
#[derive(Deserialize)]
struct Page<'a> {
    /// Null if a repository has no tags (Docker's registry).
    #[serde(default, deserialize_with = "present")]
    tags: Option<BoundedVec<MaybeTag, MOST_TAGS>>,
    /// Parsed separately: if it does not have Google's form, it is ignored and the tags are still used.
    #[serde(default, borrow)]
    manifest: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct PageManifest<'a> {
    #[serde(default, borrow)]
    tag: Option<&'a RawValue>,
    #[serde(default, borrow, rename = "timeUploadedMs")]
    uploaded: Option<&'a RawValue>,
}

/// None if the text is not a valid tag.
struct MaybeTag(Option<Tag>);

impl<'de> Deserialize<'de> for MaybeTag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self(text.parse().ok()))
    }
}

/// Google's map of manifests, without those that have no tag.
#[derive(Default)]
struct Manifests(BTreeMap<Digest, Listed>);

impl<'de> Deserialize<'de> for Manifests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Manifests;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of manifests by digest")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Manifests, A::Error> {
        let mut kept = BTreeMap::new();
        while let Some((digest, manifest)) = map.next_entry::<String, &RawValue>()? {
            let (Ok(digest), listed) = (digest.parse::<Digest>(), listed(manifest)) else {
                continue;
            };
            if !listed.tags.is_empty() {
                kept.insert(digest, listed);
            }
            if kept.len() > MOST_LISTED {
                return Err(A::Error::custom("more manifests than Google lists"));
            }
        }
        Ok(Manifests(kept))
    }
}

fn listed(manifest: &RawValue) -> Listed {
    let Some(PageManifest { tag, uploaded }) = lenient(Some(manifest)) else {
        return Listed::default();
    };
    let tags: BoundedVec<MaybeTag, MOST_OF_GOOGLE> = lenient(tag).unwrap_or_default();
    let uploaded: Option<String> = lenient(uploaded);
    Listed {
        tags: valid(tags.0).collect(),
        uploaded: uploaded
            .and_then(|text| text.parse().ok())
            .unwrap_or_default(),
    }
}

/// None if this part of the body has another form.
fn lenient<'a, T: Deserialize<'a>>(part: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(part?.get()).ok()
}

/// Distinguishes a field that is null from one that is missing.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl TagList {
    pub fn count(&self) -> usize {
        self.tags.len()
    }

    /// True if there may be more tags: Google truncates its list without a notice.
    pub fn may_be_cut(&self) -> bool {
        self.count() >= MOST_OF_GOOGLE
    }

    /// The manifest that a tag points at, by Google's description.
    pub fn listed(&self, tag: &Tag) -> Option<(&Digest, &Listed)> {
        self.manifests
            .iter()
            .find(|(_, listed)| listed.tags.contains(tag))
    }

    pub(super) fn add_page(&mut self, response: &Response) -> Result<(), Problem> {
        let page: Page<'_> = response.json()?;
        let Manifests(manifests) = lenient(page.manifest).unwrap_or_default();
        let Some(BoundedVec(tags)) = page.tags.or_else(|| {
            // Google's part alone contains the tags too.
            (!manifests.is_empty()).then(BoundedVec::default)
        }) else {
            return Err(response.invalid("the list has no tags field"));
        };
        self.tags.extend(valid(tags));
        if self.manifests.len() + manifests.len() <= MOST_LISTED {
            // The tags of one manifest may be on several pages.
            for (digest, listed) in manifests {
                let known = self.manifests.entry(digest).or_default();
                known.tags.extend(listed.tags);
                known.uploaded = known.uploaded.max(listed.uploaded);
            }
        }
        Ok(())
    }
}

fn valid(tags: Vec<MaybeTag>) -> impl Iterator<Item = Tag> {
    tags.into_iter().filter_map(|MaybeTag(tag)| tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(body: &str) -> Option<TagList> {
        let mut list = TagList::default();
        list.add_page(&crate::registry::test_response::response(body))
            .ok()?;
        Some(list)
    }

    #[test]
    fn part_without_the_form_of_google_is_ignored() {
        let digest = Digest::sha256(b"");
        for (body, tags, manifests) in [
            (r#"{"name":"r","tags":null}"#.to_owned(), 0, 0),
            (r#"{"tags":["a","<b>"],"manifest":7}"#.to_owned(), 1, 0),
            (
                r#"{"tags":["a"],"manifest":{"md5:x":{"tag":["a"]}}}"#.to_owned(),
                1,
                0,
            ),
            (
                format!(r#"{{"tags":["a"],"manifest":{{"{digest}":7}}}}"#),
                1,
                0,
            ),
            (
                format!(
                    r#"{{"tags":[],"manifest":{{"{digest}":{{"tag":null,"timeUploadedMs":5}}}}}}"#
                ),
                0,
                0,
            ),
            (
                format!(
                    r#"{{"tags":["a"],"manifest":{{"{digest}":{{"tag":["a"],"timeUploadedMs":5}}}}}}"#
                ),
                1,
                1,
            ),
        ] {
            let list = page(&body).expect(&body);
            assert_eq!(
                (list.count(), list.manifests.len()),
                (tags, manifests),
                "{body}"
            );
            assert!(list.manifests.values().all(|listed| listed.uploaded == 0));
        }
        assert!(page(r#"{"unexpected":[1]}"#).is_none());
        assert!(page(r#"{"tags":[1]}"#).is_none());
    }

    #[test]
    fn manifest_on_two_pages_has_the_tags_of_both() {
        let digest = Digest::sha256(b"");
        let mut list = TagList::default();
        for tag in ["main-1234567", "main-latest"] {
            let body = format!(
                r#"{{"tags":["{tag}"],"manifest":{{"{digest}":{{"tag":["{tag}"],"timeUploadedMs":"7"}}}}}}"#
            );
            list.add_page(&crate::registry::test_response::response(&body))
                .unwrap();
        }
        let tags = list.manifests[&digest].tags.iter().map(Tag::as_str);
        assert_eq!(tags.collect::<Vec<_>>(), ["main-1234567", "main-latest"]);
        assert_eq!(list.manifests[&digest].uploaded, 7);
    }

    #[test]
    fn list_with_too_many_tags_is_an_error() {
        let tags = vec!["t"; MOST_TAGS + 1];
        let problem = TagList::default()
            .add_page(&crate::registry::test_response::response(
                &serde_json::json!({"tags": tags}).to_string(),
            ))
            .unwrap_err();
        assert!(problem.what.contains("more than 200000"), "{problem}");
    }
}
