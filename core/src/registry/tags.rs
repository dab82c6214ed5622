//! The list of a repository's tags, with what Google Artifact Registry says beside it.

use std::collections::BTreeMap;

use serde::Deserialize;
use url::Url;

use crate::name::{Digest, Tag};
use crate::problem::Problem;
use crate::wire::Answer;

/// A manifest in Google's extended list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The tags that point at it.
    pub tags: Vec<Tag>,
    /// When it was uploaded, in milliseconds since 1970; 0 when that is not told.
    pub uploaded: u64,
    /// Whether it is an index.
    pub is_index: bool,
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
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    manifest: Option<BTreeMap<String, PageManifest>>,
}

#[derive(Deserialize)]
struct PageManifest {
    #[serde(default)]
    tag: Vec<String>,
    #[serde(default, rename = "mediaType")]
    media_type: String,
    #[serde(default, rename = "timeUploadedMs")]
    uploaded: String,
}

impl TagList {
    /// How many tags there are.
    pub fn len(&self) -> usize {
        self.tags.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    /// The manifest that a tag points at, by Google's description.
    pub fn listed(&self, tag: &Tag) -> Option<(&Digest, &Listed)> {
        self.manifests
            .iter()
            .find(|(_, listed)| listed.tags.contains(tag))
    }

    pub(super) fn add_page(&mut self, answer: &Answer) -> Result<(), Problem> {
        let page: Page = answer.json()?;
        if page.tags.is_none() && page.manifest.is_none() {
            return Err(answer.invalid("the list has no tags field"));
        }
        self.tags.extend(valid_tags(page.tags.unwrap_or_default()));
        for (digest, manifest) in page.manifest.unwrap_or_default() {
            let Ok(digest) = digest.parse::<Digest>() else {
                continue;
            };
            let listed = Listed {
                tags: valid_tags(manifest.tag).collect(),
                uploaded: manifest.uploaded.parse().unwrap_or_default(),
                is_index: manifest.media_type.contains("index")
                    || manifest.media_type.contains("manifest.list"),
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
}
