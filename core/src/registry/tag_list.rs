//! The list of a repository's tags, with the manifests that Google Artifact Registry adds.
//!
//! A list of 10,000 tags takes 0.7 megabytes: texts and hashes are one after another, without an allocation for each.

use super::blocks::{Blocks, Strings};
use crate::name::{Digest, Tag};

/// The most tags in one of Google's lists, which have no pages.
pub(super) const MOST_OF_GOOGLE: usize = 10_000;
/// The most tags of one repository that are read.
pub(super) const MOST_TAGS: usize = 200_000;
/// The most manifests with a tag that are kept. Google lists fewer tags.
const MOST_LISTED: u32 = 50_000;
/// The most bytes of tags that are kept: the most tags of eighty characters.
const MOST_BYTES: u32 = 16 << 20;

/// A manifest in Google's extended list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Listed {
    /// The time of the upload in milliseconds since 1970, or 0 if unknown.
    uploaded: u64,
    /// The position of its hash.
    hash: u32,
    /// The end of its tags, which begin at the end of the previous manifest's.
    tags_end: u32,
}

/// A tag in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedTag<'a> {
    pub text: &'a str,
    /// The hash of the manifest, by Google's description.
    hash: Option<&'a [u8]>,
    /// The time of the upload in milliseconds since 1970, or 0 if unknown.
    pub uploaded: u64,
}

impl ListedTag<'_> {
    /// True if Google describes its manifest.
    pub fn has_digest(&self) -> bool {
        self.hash.is_some()
    }

    /// The digest of the manifest, by Google's description.
    pub fn digest(&self) -> Option<Digest> {
        self.hash.map(Digest::of_hash)
    }
}

/// Tags without texts that are not valid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagList {
    /// The tags of Google's manifests.
    of_manifests: Strings,
    /// Google's manifests that have a tag.
    manifests: Blocks<Listed>,
    hashes: Strings,
    /// Tags that are not among those of the manifests, or were listed before them.
    others: Strings,
    /// Tags in the registry's list of tags.
    count: usize,
    /// True if the registry has sent the list in several pages, which end with the last tag.
    has_pages: bool,
}

impl TagList {
    /// The list in a response with this body.
    #[cfg(test)]
    pub(crate) fn of_page(body: &str) -> Self {
        use crate::wire::Receive as _;
        let mut page = super::tag_page::TagPage::after(Self::default());
        let _ = page.receive(body.as_bytes());
        let response = super::test_response::response("");
        page.end(&response).expect("a list of tags")
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// True if there may be more tags: Google truncates its list without a notice, and has no pages.
    pub fn may_be_cut(&self) -> bool {
        self.count() >= MOST_OF_GOOGLE && !self.has_pages
    }

    /// Notes that another page follows.
    pub(super) fn continues(&mut self) {
        self.has_pages = true;
    }

    /// All tags, those of Google's manifests first. A tag may occur twice.
    pub fn tags(&self) -> impl Iterator<Item = ListedTag<'_>> {
        let starts = std::iter::once(0).chain(self.manifests.iter().map(|listed| listed.tags_end));
        let of_manifests = starts
            .zip(self.manifests.iter())
            .flat_map(|(start, listed)| {
                let hash = Some(self.hashes.get(listed.hash));
                let texts = self.of_manifests.range(start, listed.tags_end);
                texts.map(move |(_, bytes)| ListedTag {
                    text: text(bytes),
                    hash,
                    uploaded: listed.uploaded,
                })
            });
        let others = self.others.iter().map(|bytes| ListedTag {
            text: text(bytes),
            hash: None,
            uploaded: 0,
        });
        of_manifests.chain(others)
    }

    pub fn contains(&self, tag: &Tag) -> bool {
        self.tags().any(|listed| listed.text == tag.as_str())
    }

    /// The manifest that a tag points at, by Google's description.
    pub fn digest_of(&self, tag: &Tag) -> Option<Digest> {
        self.tags()
            .find(|listed| listed.hash.is_some() && listed.text == tag.as_str())?
            .digest()
    }

    /// The tags of a manifest, by Google's description.
    pub fn tags_of(&self, digest: &Digest) -> Vec<Tag> {
        let hash = digest.hash();
        self.tags()
            .filter(|listed| listed.hash == Some(&hash))
            .filter_map(|listed| listed.text.parse().ok())
            .collect()
    }

    /// Adds a tag of the registry's list. `known` finds the tags of the manifests. False if there are too many.
    pub(super) fn add_tag(&mut self, tag: &str, known: &Known) -> bool {
        self.count += 1;
        if !known.contains(self, tag) {
            self.others.push(tag.as_bytes());
        }
        self.is_small()
    }

    /// Adds a tag of the manifest that [`TagList::add_manifest`] adds next.
    pub(super) fn add_tag_of_manifest(&mut self, tag: &str) {
        self.of_manifests.push(tag.as_bytes());
    }

    /// Adds a manifest with the tags since the last one, if there are any. False if there are too many.
    pub(super) fn add_manifest(&mut self, digest: &Digest, uploaded: u64) -> bool {
        let tags_end = self.of_manifests.end();
        if tags_end > self.last_end() {
            let hash = self.hashes.push(&digest.hash());
            self.manifests.push(Listed {
                uploaded,
                hash,
                tags_end,
            });
        }
        self.is_small()
    }

    /// Removes the tags since the last manifest.
    pub(super) fn forget_tags_of_manifest(&mut self) {
        self.of_manifests.truncate(self.last_end());
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            tags_of_manifests: self.of_manifests.end(),
            manifests: self.manifests.end(),
            hashes: self.hashes.end(),
            others: self.others.end(),
            count: self.count,
        }
    }

    /// Removes everything since the mark.
    pub(super) fn return_to(&mut self, mark: Mark) {
        self.forget_manifests_since(mark);
        self.others.truncate(mark.others);
        self.count = mark.count;
    }

    pub(super) fn forget_manifests_since(&mut self, mark: Mark) {
        self.manifests.truncate(mark.manifests);
        self.hashes.truncate(mark.hashes);
        self.forget_tags_of_manifest();
    }

    /// The end of the last manifest's tags.
    fn last_end(&self) -> u32 {
        self.manifests.last().map_or(0, |listed| listed.tags_end)
    }

    fn is_small(&self) -> bool {
        self.manifests.end() <= MOST_LISTED
            && self.of_manifests.end() + self.others.end() <= MOST_BYTES
    }
}

/// A state of a list to return to: the ends of its parts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    tags_of_manifests: u32,
    pub manifests: u32,
    hashes: u32,
    others: u32,
    pub count: usize,
}

/// The positions of the manifests' tags, ordered by their texts.
#[derive(Default)]
pub(super) struct Known(Vec<u32>);

impl Known {
    /// Of the manifests since the mark.
    pub(super) fn since(mark: Mark, list: &TagList) -> Self {
        let texts = &list.of_manifests;
        let all = texts.range(mark.tags_of_manifests, texts.end());
        let mut positions: Vec<_> = all.map(|(position, _)| position).collect();
        positions.sort_unstable_by_key(|position| texts.get(*position));
        Self(positions)
    }

    fn contains(&self, list: &TagList, tag: &str) -> bool {
        let text = |position: &u32| list.of_manifests.get(*position);
        self.0.binary_search_by_key(&tag.as_bytes(), text).is_ok()
    }
}

fn text(bytes: &[u8]) -> &str {
    // Only valid tags are kept, which are ASCII.
    std::str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::super::tag_page::TagPage;
    use super::super::test_response::response;
    use super::*;
    use crate::wire::Receive as _;

    /// The list after another page, which arrives in parts of this size.
    fn with_page(list: TagList, body: &str, size: usize) -> Result<TagList, String> {
        let mut page = TagPage::after(list);
        page.restart();
        for part in body.as_bytes().chunks(size) {
            if page.receive(part) == ControlFlow::Break(()) {
                break;
            }
        }
        page.end(&response("")).map_err(|problem| problem.what)
    }

    fn page(body: &str) -> Result<TagList, String> {
        with_page(TagList::default(), body, 10)
    }

    fn tag(text: &str) -> Tag {
        text.parse().unwrap()
    }

    #[test]
    fn part_without_the_form_of_google_is_ignored() {
        let digest = Digest::sha256(b"");
        let described =
            |entry: &str| format!(r#"{{"tags":["a"],"manifest":{{"{digest}":{entry}}}}}"#);
        for (body, tags, manifests) in [
            (r#"{"name":"r","tags":null}"#.to_owned(), 0, 0),
            (r#"{"tags":["a","<b>"],"manifest":7}"#.to_owned(), 1, 0),
            (r#"{"tags":["a"],"manifest":[{"a":[]}]}"#.to_owned(), 1, 0),
            (
                r#"{"tags":["a"],"manifest":{"md5:x":{"tag":["a"]}}}"#.to_owned(),
                1,
                0,
            ),
            (described("7"), 1, 0),
            (described(r#"{"tag":null,"timeUploadedMs":5}"#), 1, 0),
            (described(r#"{"tag":["a",{"b":["c"]}]}"#), 1, 0),
            (described(r#"{"tag":{"a":"a"}}"#), 1, 0),
            (described(r#"{"tag":["<b>"]}"#), 1, 0),
            (described(r#"{"tag":["a"],"timeUploadedMs":5}"#), 1, 1),
            (
                described(r#"{"timeUploadedMs":["7"],"x":{"tag":[1]},"tag":["a"]}"#),
                1,
                1,
            ),
        ] {
            let list = page(&body).expect(&body);
            let digests = list.tags().filter_map(|tag| tag.digest());
            assert_eq!((list.count(), digests.count()), (tags, manifests), "{body}");
            assert!(list.tags().all(|tag| tag.uploaded == 0), "{body}");
        }
        for body in [
            r#"{"unexpected":[1]}"#,
            r#"{"tags":[1]}"#,
            r#"{"tags":"a"}"#,
            r#"{"tags":[],"tags":[]}"#,
            r#"{"tags":[]"#,
            r#"{"tags":[]}]"#,
            "[]",
            "",
        ] {
            assert!(page(body).is_err(), "{body}");
        }
        assert!(page(" <html>").unwrap_err().contains("HTML"));
    }

    #[test]
    fn long_list_may_be_truncated_unless_it_has_pages() {
        let tags: Vec<_> = (0..MOST_OF_GOOGLE)
            .map(|number| number.to_string())
            .collect();
        let body = serde_json::json!({ "tags": tags }).to_string();
        let mut list = with_page(TagList::default(), &body, 1 << 16).unwrap();
        assert!(list.may_be_cut());
        assert!(!page(r#"{"tags":["1"]}"#).unwrap().may_be_cut());
        list.continues();
        let list = with_page(list, r#"{"tags":["last"]}"#, 100).unwrap();
        assert!(!list.may_be_cut());
    }

    #[test]
    fn tags_are_found_by_digest_and_by_text_in_either_order_of_the_fields() {
        let (one, two) = (Digest::sha256(b"1"), Digest::sha256(b"2"));
        let manifest = format!(
            r#""manifest":{{"{one}":{{"tag":["main-1234567","main-latest"],"timeUploadedMs":"7"}},"{two}":{{"tag":["v1"]}}}}"#
        );
        let tags = r#""tags":["main-1234567","main-latest","v1","other"]"#;
        for body in [
            format!("{{{manifest},{tags}}}"),
            format!("{{{tags},{manifest}}}"),
        ] {
            for size in [1, 7, 10_000] {
                let list = with_page(TagList::default(), &body, size).unwrap();
                assert_eq!(list.count(), 4);
                assert_eq!(list.digest_of(&tag("main-latest")), Some(one.clone()));
                assert_eq!(list.digest_of(&tag("other")), None);
                assert!(list.contains(&tag("other")) && list.contains(&tag("v1")));
                assert!(!list.contains(&tag("absent")));
                let of_one = [tag("main-1234567"), tag("main-latest")];
                assert_eq!(list.tags_of(&one), of_one);
                let uploaded = list.tags().find(|tag| tag.text == "main-latest").unwrap();
                assert_eq!(uploaded.uploaded, 7);
            }
        }
    }

    #[test]
    fn manifest_on_two_pages_has_the_tags_of_both() {
        let digest = Digest::sha256(b"");
        let mut list = TagList::default();
        for tag in ["main-1234567", "main-latest"] {
            let body = format!(
                r#"{{"tags":["{tag}"],"manifest":{{"{digest}":{{"tag":["{tag}"],"timeUploadedMs":"7"}}}}}}"#
            );
            list = with_page(list, &body, 10).unwrap();
        }
        assert_eq!(
            list.tags_of(&digest),
            [tag("main-1234567"), tag("main-latest")]
        );
        assert_eq!(list.count(), 2);
    }

    #[test]
    fn page_that_is_sent_again_is_read_once() {
        let digest = Digest::sha256(b"");
        let first = with_page(TagList::default(), r#"{"tags":["a"]}"#, 10).unwrap();
        let body = format!(r#"{{"manifest":{{"{digest}":{{"tag":["b"]}}}},"tags":["b","c"]}}"#);
        let mut page = TagPage::after(first.clone());
        assert!(
            page.receive(&body.as_bytes()[..body.len() - 2])
                .is_continue()
        );
        page.restart();
        assert!(page.receive(body.as_bytes()).is_continue());
        let list = page.end(&response("")).unwrap();
        assert_eq!(list, with_page(first, &body, 3).unwrap());
        assert_eq!((list.count(), list.tags().count()), (3, 3));
    }

    #[test]
    fn sha512_digest_is_kept_whole() {
        let digest: Digest = format!("sha512:{}", "0f".repeat(64)).parse().unwrap();
        let list = page(&format!(r#"{{"manifest":{{"{digest}":{{"tag":["a"]}}}}}}"#)).unwrap();
        assert_eq!(list.digest_of(&tag("a")), Some(digest));
    }

    #[test]
    fn list_that_is_too_long_is_an_error_or_without_manifests() {
        let tags = vec!["t"; MOST_TAGS + 1];
        let error = page(&serde_json::json!({"tags": tags}).to_string()).unwrap_err();
        assert!(error.contains("more than 200000"), "{error}");
        let longest = "t".repeat(128);
        let tags = vec![longest.as_str(); MOST_BYTES as usize / 128 + 1];
        let error = page(&serde_json::json!({"tags": tags}).to_string()).unwrap_err();
        assert!(error.contains("too long"), "{error}");
        let entries: Vec<_> = (0..=MOST_LISTED + 5)
            .map(|number| {
                format!(
                    r#""{}":{{"tag":["t{number}"]}}"#,
                    Digest::sha256(&number.to_be_bytes())
                )
            })
            .collect();
        let body = format!(r#"{{"tags":["t1"],"manifest":{{{}}}}}"#, entries.join(","));
        let list = page(&body).unwrap();
        assert_eq!(list.tags().map(|tag| tag.text).collect::<Vec<_>>(), ["t1"]);
        let error = page(&format!(r#"{{"tags":["{}"]}}"#, "t".repeat(100_000))).unwrap_err();
        assert!(error.contains("too long"), "{error}");
    }
}
