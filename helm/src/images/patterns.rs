//! Patterns of a user that find images where no key says so: in arguments, environment variables, ConfigMaps and fields of
//! custom resources.
//!
//! A pattern is compared with every text of every resource. An image that has a key of its own is found without patterns:
//! a match there counts, but names nothing, because the field may be only a part of the name. Only rendered files are read
//! without patterns, so in `crds/` such a key is searched as any other.

use std::collections::BTreeSet;

use regex::Regex;

use super::fields::Fields;
use super::{
    ImageUse, UsedBy, below, container_of, items_of, kind_and_name, names_an_image, shortened,
};
use crate::error::Error;
use crate::value::Value;
use crate::yaml;

/// The longest pattern, in characters.
const LONGEST_PATTERN: usize = 1_000;
/// The memory of a compiled pattern, in bytes.
const LARGEST_PROGRAM: usize = 1 << 20;
/// How deep the groups of a pattern may be.
const DEEPEST_PATTERN: u32 = 50;
/// The most references that all patterns together find in a chart.
const MOST_MATCHES: usize = 10_000;
/// A longer text is not a reference: a host, a repository, a tag and a digest are shorter.
const LONGEST_REFERENCE: usize = 1_000;

/// A regular expression whose first group, or whole match, is the reference of an image.
///
/// ```
/// assert!(helm_render::ImagePattern::new(r"--default-image=(\S+)").is_ok());
/// assert!(helm_render::ImagePattern::new("(").is_err());
/// ```
#[derive(Clone, Debug)]
pub struct ImagePattern(Regex);

impl ImagePattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// If it is not a regular expression, or too large. The message does not contain the pattern.
    pub fn new(pattern: &str) -> Result<Self, Error> {
        limited_regex(pattern).map(Self)
    }

    /// The references in a text.
    fn references<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        self.0.captures_iter(text).filter_map(|found| {
            let reference = found.get(1).or_else(|| found.get(0))?.as_str().trim();
            (!reference.is_empty()).then_some(reference)
        })
    }
}

/// Whether the keys that name an image are read without patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ImageKeys {
    /// In a rendered file.
    Read,
    /// In a file of `crds/`.
    NotRead,
}

/// Compiles a regular expression of a user, with limits on its length and memory.
///
/// # Errors
///
/// If it is not a regular expression, or too large. The message does not contain the pattern.
pub fn limited_regex(pattern: &str) -> Result<Regex, Error> {
    if pattern.chars().count() > LONGEST_PATTERN {
        let reason = format!("it is longer than {LONGEST_PATTERN} characters");
        return Err(Error::Pattern(reason));
    }
    let built = regex::RegexBuilder::new(pattern)
        .size_limit(LARGEST_PROGRAM)
        .dfa_size_limit(LARGEST_PROGRAM)
        .nest_limit(DEEPEST_PATTERN)
        .build();
    built.map_err(|error| {
        Error::Pattern(match error {
            regex::Error::CompiledTooBig(_) => {
                "it is too large: repeat less, or name fewer characters".to_owned()
            }
            error => {
                // The message of a syntax error quotes the pattern before its last line.
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default();
                reason.trim_start_matches("error: ").to_owned()
            }
        })
    })
}

/// A search with patterns.
pub(super) struct Search<'a> {
    patterns: &'a [ImagePattern],
    found: BTreeSet<ImageUse>,
    /// How often each pattern matched.
    matches: Vec<usize>,
    /// Those of the document that is searched.
    keys: ImageKeys,
}

impl<'a> Search<'a> {
    pub(super) fn new(patterns: &'a [ImagePattern]) -> Self {
        Self {
            patterns,
            found: BTreeSet::new(),
            matches: vec![0; patterns.len()],
            keys: ImageKeys::Read,
        }
    }

    /// Searches a document of a file. Text that is not YAML is searched as a whole.
    pub(super) fn document(&mut self, text: &str, used_by: &UsedBy, keys: ImageKeys) {
        if self.patterns.is_empty() {
            return;
        }
        self.keys = keys;
        for document in yaml::read_documents(text) {
            match document {
                Ok(value) => self.resource(&value, used_by),
                Err(_) => self.text(text, used_by, "", None),
            }
        }
    }

    /// What the patterns found, and how often each matched.
    pub(super) fn end(self) -> Result<(BTreeSet<ImageUse>, Vec<usize>), Error> {
        if self.is_full() {
            let most = self
                .matches
                .iter()
                .enumerate()
                .max_by_key(|(_, count)| **count);
            let number = most.map_or(1, |(position, _)| position + 1);
            return Err(Error::Pattern(format!(
                "the patterns match more than {MOST_MATCHES} texts, most of them pattern {number}"
            )));
        }
        Ok((self.found, self.matches))
    }

    fn is_full(&self) -> bool {
        self.matches.iter().sum::<usize>() > MOST_MATCHES
    }

    /// A resource, or a list of them.
    fn resource(&mut self, value: &Value, used_by: &UsedBy) {
        let Value::Map(map) = value else {
            return self.walk(value, used_by, "", None);
        };
        if let Some(items) = items_of(map) {
            for item in &items.items {
                self.resource(item, used_by);
            }
            return;
        }
        let (kind, name) = kind_and_name(map);
        let used_by = UsedBy {
            kind,
            name,
            ..used_by.clone()
        };
        self.walk(value, &used_by, "", None);
    }

    fn walk(&mut self, value: &Value, used_by: &UsedBy, path: &str, container: Option<&str>) {
        match value {
            Value::Map(map) => {
                let entries = map.entries.borrow();
                let name = container_of(&entries);
                let container = name.as_deref().or(container);
                for (key, value) in entries.iter() {
                    let key = key.to_str();
                    if self.keys == ImageKeys::Read && names_an_image(&key) && self.is_image(value)
                    {
                        continue;
                    }
                    self.walk(value, used_by, &below(path, &key), container);
                }
            }
            Value::List(list) => {
                for (index, item) in list.items.iter().enumerate() {
                    self.walk(item, used_by, &format!("{path}[{index}]"), container);
                }
            }
            Value::Str(text) => self.text(&text.to_str(), used_by, path, container),
            Value::Nil
            | Value::Bool(_)
            | Value::Int(..)
            | Value::Float(_)
            | Value::Bytes(_)
            | Value::Struct(_)
            | Value::Time(_) => {}
        }
    }

    /// True for the value of an image's key that is read without patterns.
    fn is_image(&mut self, value: &Value) -> bool {
        let image = match value {
            Value::Str(text) => Some(text.to_str().into_owned()),
            Value::Map(map) => Fields::of_image(&map.entries.borrow()),
            _ => None,
        };
        for reference in image.iter() {
            for (pattern, count) in self.patterns.iter().zip(&mut self.matches) {
                *count += pattern.references(reference).take(1).count();
            }
        }
        image.is_some()
    }

    fn text(&mut self, text: &str, used_by: &UsedBy, path: &str, container: Option<&str>) {
        for (position, pattern) in self.patterns.iter().enumerate() {
            for reference in pattern.references(text) {
                self.matches[position] += 1;
                if self.is_full() {
                    return;
                }
                let used_by = UsedBy {
                    container: container.map(str::to_owned),
                    path: shortened(path),
                    ..used_by.clone()
                };
                self.found.insert(ImageUse {
                    image: reference.chars().take(LONGEST_REFERENCE).collect(),
                    used_by,
                });
            }
        }
    }
}
