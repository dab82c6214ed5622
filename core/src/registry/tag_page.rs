//! Reads a page of a list of tags while it arrives.
//!
//! Google lists every manifest of a repository, also those without a tag: 260 bytes each, without pages. Only the tags and
//! the manifests that have one are kept, so that the memory does not depend on the length of the body.

use std::mem;
use std::ops::ControlFlow;

use json_event_parser::{JsonEvent, LowLevelJsonParser};

use super::tag_list::{Known, MOST_OF_GOOGLE, MOST_TAGS, Mark, TagList};
use crate::name::{Digest, Tag};
use crate::problem::Problem;
use crate::wire::{Receive, Response};

/// The longest text or number in a page, in bytes.
const LONGEST_TOKEN: usize = 64 << 10;
/// The part of a body that is read at once: a body arrives in parts of up to 400 KB, of which [`TagPage::rest`] keeps a copy.
const PIECE: usize = 4 << 10;
/// The deepest nesting of lists and objects.
const DEEPEST: usize = 100;

/// The reader of one page.
pub(super) struct TagPage {
    parser: LowLevelJsonParser,
    /// The beginning of a token whose end has not arrived.
    rest: Vec<u8>,
    /// False until the first character that is not white space.
    has_begun: bool,
    is_html: bool,
    content: Content,
    error: Option<String>,
}

/// The list that was read so far, and the position in the body.
struct Content {
    list: TagList,
    /// The list before this page.
    before: Mark,
    known: Known,
    place: Place,
    has_tags: bool,
    has_manifests: bool,
    /// True if there are more manifests than Google lists: then none is kept.
    has_too_many: bool,
    entry: Entry,
}

/// The entry of Google's `manifest` object that is being read.
#[derive(Default)]
struct Entry {
    digest: String,
    tags: usize,
    uploaded: u64,
    /// True if it does not have Google's form.
    is_other: bool,
}

impl Entry {
    fn begin(&mut self, digest: &str) {
        self.digest.clear();
        self.digest.push_str(digest);
        (self.tags, self.uploaded, self.is_other) = (0, 0, false);
    }
}

/// The position in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    Page,
    ValueOf(Field),
    Tags,
    /// Google's manifests, by digest.
    Manifests,
    EntryValue,
    Entry,
    EntryTags,
    /// Inside a value that is not read, in this many lists and objects.
    Ignored(usize, Back),
    End,
}

/// A field of which the value follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Tags,
    Manifest,
    EntryTag,
    EntryUploaded,
    OtherOfPage,
    OtherOfEntry,
}

/// The place after a value that is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Back {
    Page,
    Manifests,
    Entry,
    EntryTags,
}

impl TagPage {
    /// The reader of a page that follows the pages of `list`.
    pub(super) fn after(list: TagList) -> Self {
        Self {
            parser: parser(),
            rest: Vec::new(),
            has_begun: false,
            is_html: false,
            content: Content {
                before: list.mark(),
                list,
                known: Known::default(),
                place: Place::Start,
                has_tags: false,
                has_manifests: false,
                has_too_many: false,
                entry: Entry::default(),
            },
            error: None,
        }
    }

    /// The list with the tags of this page.
    ///
    /// # Errors
    /// If the body is not a list of tags.
    pub(super) fn end(&mut self, response: &Response) -> Result<TagList, Problem> {
        if self.error.is_none() {
            let rest = mem::take(&mut self.rest);
            self.error = self.read(&rest, true).err();
        }
        if let Some(error) = &self.error {
            return Err(response.not_json(self.is_html, error));
        }
        let content = &mut self.content;
        // Google's part alone contains the tags too.
        let has_listed = content.list.mark().manifests > content.before.manifests;
        if !content.has_tags && !has_listed {
            return Err(response.invalid("the list has no tags field"));
        }
        Ok(mem::take(&mut content.list))
    }

    fn read_piece(&mut self, piece: &[u8]) -> Result<(), String> {
        if self.rest.is_empty() {
            let read = self.read(piece, false)?;
            self.rest.extend_from_slice(&piece[read..]);
        } else {
            let mut bytes = mem::take(&mut self.rest);
            bytes.extend_from_slice(piece);
            let read = self.read(&bytes, false)?;
            bytes.drain(..read);
            self.rest = bytes;
        }
        if self.rest.len() > LONGEST_TOKEN {
            return Err("a text is too long".to_owned());
        }
        Ok(())
    }

    /// Reads as many tokens as are complete, and returns their length.
    fn read(&mut self, bytes: &[u8], is_end: bool) -> Result<usize, String> {
        let mut at = 0;
        loop {
            let result = self.parser.parse_next(&bytes[at..], is_end);
            at += result.consumed_bytes;
            match result.event {
                None => return Ok(at),
                Some(Err(error)) => return Err(error.message().to_owned()),
                Some(Ok(JsonEvent::Eof)) => return Ok(at),
                Some(Ok(event)) => self.content.read(event)?,
            }
        }
    }
}

impl Receive for TagPage {
    fn restart(&mut self) {
        let mut list = mem::take(&mut self.content.list);
        list.return_to(self.content.before);
        *self = Self::after(list);
    }

    fn receive(&mut self, part: &[u8]) -> ControlFlow<()> {
        if !self.has_begun
            && let Some(first) = part.iter().find(|byte| !byte.is_ascii_whitespace())
        {
            (self.has_begun, self.is_html) = (true, *first == b'<');
        }
        for piece in part.chunks(PIECE) {
            self.error = self.read_piece(piece).err();
            if self.error.is_some() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

fn parser() -> LowLevelJsonParser {
    LowLevelJsonParser::new().with_max_stack_size(DEEPEST)
}

impl Content {
    fn read(&mut self, event: JsonEvent<'_>) -> Result<(), String> {
        self.place = match self.place {
            Place::Start => match event {
                JsonEvent::StartObject => Place::Page,
                _ => return Err("not an object".to_owned()),
            },
            Place::Page => match event {
                JsonEvent::ObjectKey(key) => Place::ValueOf(self.field(&key)?),
                _ => Place::End,
            },
            Place::ValueOf(field) => self.value(field, &event)?,
            Place::Tags => self.tag(&event)?,
            Place::Manifests => match event {
                JsonEvent::ObjectKey(digest) => {
                    self.entry.begin(&digest);
                    Place::EntryValue
                }
                _ => {
                    self.known = Known::since(self.before, &self.list);
                    Place::Page
                }
            },
            Place::EntryValue => match event {
                JsonEvent::StartObject => Place::Entry,
                other => after(&other, Back::Manifests),
            },
            Place::Entry => match event {
                JsonEvent::ObjectKey(key) => Place::ValueOf(match &*key {
                    "tag" => Field::EntryTag,
                    "timeUploadedMs" => Field::EntryUploaded,
                    _ => Field::OtherOfEntry,
                }),
                _ => {
                    self.end_entry();
                    Place::Manifests
                }
            },
            Place::EntryTags => self.tag_of_entry(&event),
            Place::Ignored(depth, back) => match event {
                JsonEvent::StartArray | JsonEvent::StartObject => Place::Ignored(depth + 1, back),
                JsonEvent::EndArray | JsonEvent::EndObject if depth == 1 => back.place(),
                JsonEvent::EndArray | JsonEvent::EndObject => Place::Ignored(depth - 1, back),
                _ => self.place,
            },
            Place::End => return Err("the list does not end".to_owned()),
        };
        Ok(())
    }

    fn field(&mut self, key: &str) -> Result<Field, String> {
        let (seen, field) = match key {
            "tags" => (&mut self.has_tags, Field::Tags),
            "manifest" => (&mut self.has_manifests, Field::Manifest),
            _ => return Ok(Field::OtherOfPage),
        };
        if mem::replace(seen, true) {
            return Err(format!("duplicate field `{key}`"));
        }
        Ok(field)
    }

    fn value(&mut self, field: Field, event: &JsonEvent<'_>) -> Result<Place, String> {
        Ok(match (field, event) {
            // Null if a repository has no tags (Docker's registry).
            (Field::Tags, JsonEvent::Null) => Place::Page,
            (Field::Tags, JsonEvent::StartArray) => Place::Tags,
            (Field::Tags, _) => return Err("`tags` is not a list".to_owned()),
            // A part that does not have Google's form is ignored, and the tags are still used.
            (Field::Manifest, JsonEvent::StartObject) => Place::Manifests,
            (Field::Manifest | Field::OtherOfPage, other) => after(other, Back::Page),
            (Field::EntryTag, JsonEvent::StartArray) if self.entry.tags == 0 => Place::EntryTags,
            (Field::EntryTag, other) => {
                self.entry.is_other |= *other != JsonEvent::Null;
                after(other, Back::Entry)
            }
            (Field::EntryUploaded, JsonEvent::String(text)) => {
                self.entry.uploaded = text.parse().unwrap_or_default();
                Place::Entry
            }
            (Field::EntryUploaded | Field::OtherOfEntry, other) => after(other, Back::Entry),
        })
    }

    fn tag(&mut self, event: &JsonEvent<'_>) -> Result<Place, String> {
        match event {
            JsonEvent::String(text) => {
                if self.list.count() - self.before.count == MOST_TAGS {
                    return Err(format!("a list of more than {MOST_TAGS} items"));
                }
                if Tag::is_valid(text) && !self.list.add_tag(text, &self.known) {
                    return Err("the tags are too long".to_owned());
                }
                Ok(Place::Tags)
            }
            JsonEvent::EndArray => Ok(Place::Page),
            _ => Err("a tag is not a text".to_owned()),
        }
    }

    fn tag_of_entry(&mut self, event: &JsonEvent<'_>) -> Place {
        match event {
            JsonEvent::String(text) => {
                self.entry.tags += 1;
                if Tag::is_valid(text) && self.entry.tags <= MOST_OF_GOOGLE {
                    self.list.add_tag_of_manifest(text);
                }
                Place::EntryTags
            }
            JsonEvent::EndArray => Place::Entry,
            other => {
                self.entry.is_other = true;
                after(other, Back::EntryTags)
            }
        }
    }

    fn end_entry(&mut self) {
        let is_of_google = !self.entry.is_other && self.entry.tags <= MOST_OF_GOOGLE;
        // Most manifests have no tag.
        let has_tags = self.entry.tags > 0;
        let digest = has_tags
            .then(|| self.entry.digest.parse::<Digest>().ok())
            .flatten();
        match digest.filter(|_| is_of_google && !self.has_too_many) {
            Some(digest) if self.list.add_manifest(&digest, self.entry.uploaded) => {}
            Some(_) => {
                self.has_too_many = true;
                self.list.forget_manifests_since(self.before);
            }
            None => self.list.forget_tags_of_manifest(),
        }
    }
}

/// The place after the first event of a value that is not read.
fn after(event: &JsonEvent<'_>, back: Back) -> Place {
    match event {
        JsonEvent::StartArray | JsonEvent::StartObject => Place::Ignored(1, back),
        _ => back.place(),
    }
}

impl Back {
    fn place(self) -> Place {
        match self {
            Self::Page => Place::Page,
            Self::Manifests => Place::Manifests,
            Self::Entry => Place::Entry,
            Self::EntryTags => Place::EntryTags,
        }
    }
}
