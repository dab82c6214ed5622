//! The list of a repository's tags, with what Google Artifact Registry says beside it.

use std::collections::BTreeMap;

use serde::Deserialize;
use url::Url;

use crate::name::{Digest, Tag};
use crate::problem::Problem;
use crate::wire::Answer;

/// Tags in a list of Google's, which has no pages.
pub(super) const MOST_OF_GOOGLE: usize = 10_000;

/// A manifest in Google's extended list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The tags that point at it.
    pub tags: Vec<Tag>,
    /// When it was uploaded, in milliseconds since 1970; 0 when that is not told.
    pub uploaded: u64,
}

/// The tags of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagList {
    /// All tags, in the registry's order. What is no valid tag is left out.
    pub tags: Vec<Tag>,
    /// Google's description of every manifest; empty where the registry does not give it.
    pub manifests: BTreeMap<Digest, Listed>,
}

/// The body of `tags/list`: the specification's part and Google's, whose numbers are strings.
#[derive(Deserialize)]
struct Page {
    /// Null where a repository has none (Docker's registry).
    #[serde(default, deserialize_with = "present")]
    tags: Option<Option<Vec<String>>>,
    /// What is not as Google writes it is no answer, and no failure: the tags are there all the same.
    #[serde(default)]
    manifest: Lenient<BTreeMap<String, PageManifest>>,
}

#[derive(Deserialize)]
struct PageManifest {
    #[serde(default)]
    tag: Lenient<Vec<String>>,
    #[serde(default, rename = "timeUploadedMs")]
    uploaded: Lenient<String>,
}

/// A field that may be something else than we know.
#[derive(Deserialize)]
#[serde(untagged)]
enum Lenient<T> {
    Known(T),
    Other(serde::de::IgnoredAny),
}

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self::Other(serde::de::IgnoredAny)
    }
}

impl<T: Default> Lenient<T> {
    fn or_default(self) -> T {
        match self {
            Self::Known(value) => value,
            Self::Other(_) => T::default(),
        }
    }
}

/// Tells a field that is null from one that is not there.
fn present<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl TagList {
    /// How many tags there are.
    pub fn count(&self) -> usize {
        self.tags.len()
    }

    /// Whether there may be more tags than these: Google cuts its list without a word.
    pub fn may_be_cut(&self) -> bool {
        self.count() >= MOST_OF_GOOGLE
    }

    /// The manifest that a tag points at, by Google's description.
    pub fn listed(&self, tag: &Tag) -> Option<(&Digest, &Listed)> {
        self.manifests
            .iter()
            .find(|(_, listed)| listed.tags.contains(tag))
    }

    pub(super) fn add_page(&mut self, answer: &Answer) -> Result<(), Problem> {
        let page: Page = answer.json()?;
        let manifests = page.manifest.or_default();
        if page.tags.is_none() && manifests.is_empty() {
            return Err(answer.invalid("the list has no tags field"));
        }
        self.tags
            .extend(valid_tags(page.tags.flatten().unwrap_or_default()));
        for (digest, manifest) in manifests {
            let Ok(digest) = digest.parse::<Digest>() else {
                continue;
            };
            let listed = Listed {
                tags: valid_tags(manifest.tag.or_default()).collect(),
                uploaded: manifest.uploaded.or_default().parse().unwrap_or_default(),
            };
            self.manifests.insert(digest, listed);
        }
        Ok(())
    }
}

fn valid_tags(tags: Vec<String>) -> impl Iterator<Item = Tag> {
    tags.into_iter().filter_map(|tag| tag.parse().ok())
}

/// The next page, by the `Link` header (RFC 8288); it must be on the same host.
pub(super) fn next_page(answer: &Answer) -> Result<Option<Url>, Problem> {
    let Some(target) = answer.header("link").and_then(next_link) else {
        return Ok(None);
    };
    let url = answer
        .url
        .join(target)
        .map_err(|error| answer.invalid(format!("the Link is not a URL: {error}")))?;
    if url.origin() == answer.url.origin() {
        Ok(Some(url))
    } else {
        Err(answer.invalid("the Link to the next page leaves the registry"))
    }
}

fn next_link(header: &str) -> Option<&str> {
    header.split(",<").find_map(|link| {
        let (target, parameters) = link.trim_start_matches([' ', '<']).split_once('>')?;
        let is_next = parameters
            .split(';')
            .any(|p| matches!(p.trim(), "rel=\"next\"" | "rel=next"));
        is_next.then_some(target)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_headers_of_registries() {
        assert_eq!(
            next_link("</v2/r/tags/list?last=b&n=2>; rel=\"next\""),
            Some("/v2/r/tags/list?last=b&n=2")
        );
        assert_eq!(next_link("</a>; rel=prev,</b>; rel=next"), Some("/b"));
        for none in ["", "</a>", "<", "</a>; rel=\"last\"", "garbage"] {
            assert_eq!(next_link(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_not_as_google_writes_it_is_no_failure() {
        for (body, tags, manifests) in [
            (r#"{"name":"r","tags":null}"#, 0, 0),
            (r#"{"tags":["a","<b>"],"manifest":7}"#, 1, 0),
            (r#"{"tags":["a"],"manifest":{"sha256:x":{}}}"#, 1, 0),
        ] {
            let page: Page = serde_json::from_str(body).unwrap();
            assert!(page.tags.is_some(), "{body}");
            assert_eq!(
                valid_tags(page.tags.flatten().unwrap_or_default()).count(),
                tags,
                "{body}"
            );
            let known = page
                .manifest
                .or_default()
                .into_keys()
                .filter(|key| key.parse::<Digest>().is_ok());
            assert_eq!(known.count(), manifests, "{body}");
        }
        let odd = r#"{"tags":[],"manifest":{"sha256:x":{"tag":null,"timeUploadedMs":5}}}"#;
        let page: Page = serde_json::from_str(odd).unwrap();
        let manifest = page.manifest.or_default().into_values().next().unwrap();
        assert_eq!(
            (
                manifest.tag.or_default().len(),
                manifest.uploaded.or_default().as_str()
            ),
            (0, "")
        );
        assert!(
            serde_json::from_str::<Page>(r#"{"unexpected":[1]}"#)
                .unwrap()
                .tags
                .is_none()
        );
    }
}
