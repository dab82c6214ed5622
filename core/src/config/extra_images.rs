//! `EXTRA_IMAGES`: references, or entries in YAML, each with one rule for its tag.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use super::extra::GivenText;
use super::reader::Reader;
use super::suggestion::perhaps;
use super::tag_rule::{HighestTag, TagRule};
use super::yaml_entries::{self, YamlEntry};
use super::{values, variables};
use crate::name::{Digest, ImageName, NameError, Registry, Repository, Tag, parse_familiar};
use crate::text::{for_message, refused_value};

/// The most entries.
const MOST_ENTRIES: usize = 1_000;
/// The most mistakes that are reported at once.
const MOST_MISTAKES: usize = 20;
/// The longest destination of an entry, so that it is a repository below any `REGISTRY_REPOSITORY_PATH`.
const LONGEST_DESTINATION: usize = 70;
/// The highest minimum of matching tags.
const HIGHEST_MINIMUM: usize = 100_000;

const KEYS: [&str; 9] = [
    "source",
    "destination",
    "tag",
    "digest",
    "follow",
    "semver",
    "newest",
    "matching",
    "minimum",
];
const RULES: &str = "tag, digest, follow, semver, newest or matching";

/// An image that the user configures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraImage {
    /// Its position in `EXTRA_IMAGES`, from 1.
    pub number: usize,
    pub source: ImageName,
    /// Below `REGISTRY_REPOSITORY_PATH`.
    pub destination: Repository,
    pub wanted: ExtraWanted,
}

/// The wanted image of a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExtraWanted {
    /// At least one of them is given. The digest decides.
    Exact {
        tag: Option<Tag>,
        digest: Option<Digest>,
    },
    Rule(TagRule),
}

impl fmt::Display for ExtraImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "entry {} of {}",
            self.number,
            variables::EXTRA_IMAGES.name
        )
    }
}

impl ExtraImage {
    /// True for the text of an entry, which is that of its `Display`. Workloads of charts have other texts.
    pub(crate) fn is_entry(text: &str) -> bool {
        let number = text.strip_prefix("entry ");
        let number = number.and_then(|text| text.strip_suffix(variables::EXTRA_IMAGES.name));
        let number = number.and_then(|text| text.strip_suffix(" of "));
        number.is_some_and(|number| number.parse::<usize>().is_ok())
    }
}

impl Reader<'_> {
    /// The images of `EXTRA_IMAGES`; empty if it is unset. None after a mistake.
    pub(super) fn extra_images(&mut self) -> Option<Vec<ExtraImage>> {
        let variable = &variables::EXTRA_IMAGES;
        if self.inputs.get(variable).is_none() {
            return Some(Vec::new());
        }
        let given = self.text_or_file(variable)?;
        let file = given.file.as_ref().map(|file| file.display().to_string());
        let mistakes = match parse(&given) {
            Ok(images) => return Some(images),
            Err(mistakes) => mistakes,
        };
        // The value of a text in the variable itself is too long for a message; each reason names its part.
        let count = mistakes.len();
        for reason in mistakes.into_iter().take(MOST_MISTAKES) {
            self.mistake(variable, file.as_deref(), reason);
        }
        if count > MOST_MISTAKES {
            let more = format!("{} more entries are wrong", count - MOST_MISTAKES);
            self.mistake(variable, file.as_deref(), more);
        }
        None
    }
}

/// The registries that these images come from.
pub(super) fn sources_of(images: Option<&[ExtraImage]>) -> BTreeSet<&Registry> {
    let images = images.unwrap_or_default().iter();
    images.map(|image| &image.source.registry).collect()
}

fn parse(given: &GivenText) -> Result<Vec<ExtraImage>, Vec<String>> {
    let entries = match given.file.is_some() || is_yaml(&given.text) {
        true => yaml_entries::read(&given.text, MOST_ENTRIES).map_err(|reason| vec![reason])?,
        false => references(&given.text),
    };
    if entries.is_empty() {
        return Err(vec!["it has no entries".to_owned()]);
    }
    // Such as the name of a file.
    if let [YamlEntry::Text(word)] = &entries[..]
        && given.file.is_none()
        && !word.contains(['/', ':', '@'])
    {
        let shown = for_message(&refused_value(word));
        return Err(vec![format!(
            "{shown:?} is neither a reference with a tag nor a file, which begins with /, ./ or ../ or ends in .yaml, .yml or .json"
        )]);
    }
    if entries.len() > MOST_ENTRIES {
        return Err(vec![format!("it has more than {MOST_ENTRIES} entries")]);
    }
    let (mut images, mut mistakes) = (Vec::new(), Vec::new());
    for (position, entry) in entries.iter().enumerate() {
        match image(position + 1, entry) {
            Ok(image) => images.push(image),
            Err(reason) => mistakes.push(format!("entry {}: {reason}", position + 1)),
        }
    }
    mistakes.extend(same_places(&images));
    match mistakes.is_empty() {
        true => Ok(images),
        false => Err(mistakes),
    }
}

/// True for a text that is not a list of references.
fn is_yaml(text: &str) -> bool {
    let text = text.trim_start();
    let has_key = |line: &str| line.contains(": ") || line.trim_end().ends_with(':');
    text.starts_with(['-', '[', '{', '#', '%', '&', '!']) || text.lines().any(has_key)
}

/// References that are separated by commas or white space.
fn references(text: &str) -> Vec<YamlEntry> {
    let words = text.split(|c: char| c == ',' || c.is_whitespace());
    words
        .filter(|word| !word.is_empty())
        .map(|word| YamlEntry::Text(word.to_owned()))
        .collect()
}

fn image(number: usize, entry: &YamlEntry) -> Result<ExtraImage, String> {
    let fields = match entry {
        YamlEntry::Text(reference) => Fields {
            source: Some(reference),
            ..Fields::default()
        },
        YamlEntry::Map(pairs) => Fields::of(pairs)?,
    };
    let (source, tag, digest) = fields.reference()?;
    let destination = match fields.destination {
        Some(text) => destination(text)?,
        None => named_as(&source)?,
    };
    Ok(ExtraImage {
        number,
        wanted: fields.wanted(tag, digest)?,
        source,
        destination,
    })
}

/// The values of an entry, by key.
#[derive(Default)]
struct Fields<'a> {
    source: Option<&'a str>,
    destination: Option<&'a str>,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
    follow: Option<&'a str>,
    semver: Option<&'a str>,
    newest: Option<&'a str>,
    matching: Option<&'a str>,
    minimum: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn of(pairs: &'a [(String, String)]) -> Result<Self, String> {
        let mut fields = Self::default();
        for (key, value) in pairs {
            let field = match key.as_str() {
                "source" => &mut fields.source,
                "destination" => &mut fields.destination,
                "tag" => &mut fields.tag,
                "digest" => &mut fields.digest,
                "follow" => &mut fields.follow,
                "semver" => &mut fields.semver,
                "newest" => &mut fields.newest,
                "matching" => &mut fields.matching,
                "minimum" => &mut fields.minimum,
                other => {
                    let meant = perhaps(other, &KEYS);
                    let key = for_message(&refused_value(other));
                    return Err(format!("it has the unknown key {key:?}{meant}"));
                }
            };
            *field = Some(value.trim());
        }
        Ok(fields)
    }

    /// The source, which may contain its tag or digest as a reference does.
    fn reference(&self) -> Result<(ImageName, Option<Tag>, Option<Digest>), String> {
        let text = self.source.ok_or("it has no source")?;
        parse_familiar(text).map_err(|error| {
            let shown = for_message(&refused_value(text));
            format!("{shown:?} is not the name of an image: {}", error.reason())
        })
    }

    fn wanted(&self, tag: Option<Tag>, digest: Option<Digest>) -> Result<ExtraWanted, String> {
        let tag = own(("tag", self.tag), tag)?;
        let digest = own(("digest", self.digest), digest)?;
        let is_exact = tag.is_some() || digest.is_some();
        let newest = match self.newest.map(values::boolean) {
            None | Some(Ok(false)) => false,
            Some(Ok(true)) => true,
            Some(Err(reason)) => return Err(format!("newest: {reason}")),
        };
        let is_matching = self.matching.is_some() || self.semver.is_some();
        let rules = [is_exact, self.follow.is_some(), newest, is_matching];
        match rules.iter().filter(|is_given| **is_given).count() {
            0 => {
                let shown = for_message(&refused_value(self.source.unwrap_or_default()));
                return Err(format!("{shown:?} has no rule for its tag: give {RULES}"));
            }
            1 => {}
            _ => {
                return Err(format!(
                    "it has two rules for its tag: give only one of {RULES} (matching and semver may be combined; matching alone chooses the highest tag, as newest does)"
                ));
            }
        }
        let is_highest = newest || is_matching;
        if self.minimum.is_some() && !is_highest {
            return Err("minimum needs semver, newest or matching".to_owned());
        }
        if is_exact {
            return Ok(ExtraWanted::Exact { tag, digest });
        }
        Ok(ExtraWanted::Rule(match self.follow {
            Some(text) => TagRule::Follow(parsed("follow", text)?),
            None => TagRule::Highest(HighestTag {
                semver: self
                    .semver
                    .map(|text| reasoned("semver", text))
                    .transpose()?,
                matching: self
                    .matching
                    .map(|text| reasoned("matching", text))
                    .transpose()?,
                minimum: self.minimum.map(minimum).transpose()?,
            }),
        }))
    }
}

/// A tag or digest that is given by its key or inside the source.
fn own<T: FromStr<Err = NameError>>(
    (key, text): (&str, Option<&str>),
    in_source: Option<T>,
) -> Result<Option<T>, String> {
    match (text, in_source) {
        (Some(_), Some(_)) => Err(format!("its source has a {key}, and {key} is given too")),
        (Some(text), None) => parsed(key, text).map(Some),
        (None, in_source) => Ok(in_source),
    }
}

fn parsed<T: FromStr<Err = NameError>>(key: &str, text: &str) -> Result<T, String> {
    let reason = |error: NameError| error.reason().to_owned();
    text.parse()
        .map_err(|error| wrong(key, text, &reason(error)))
}

fn reasoned<T: FromStr<Err = String>>(key: &str, text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|reason: String| wrong(key, text, &for_message(&reason)))
}

fn wrong(key: &str, text: &str, reason: &str) -> String {
    let shown = for_message(&refused_value(text));
    format!("{key} {shown:?}: {reason}")
}

fn minimum(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=HIGHEST_MINIMUM) => Ok(count),
        _ => {
            let reason = format!("it must be a whole number from 1 to {HIGHEST_MINIMUM}");
            Err(wrong("minimum", text, &reason))
        }
    }
}

fn destination(text: &str) -> Result<Repository, String> {
    let bare = text.trim_matches('/');
    if bare.len() > LONGEST_DESTINATION {
        let reason = format!("it is longer than {LONGEST_DESTINATION} characters");
        return Err(wrong("destination", text, &reason));
    }
    let first = bare.split('/').next().unwrap_or_default();
    if bare.contains([':', '@']) || (first.contains('.') && bare != first) {
        let reason =
            "it must be a path below REGISTRY_REPOSITORY_PATH, without registry, tag and digest";
        return Err(wrong("destination", text, reason));
    }
    bare.parse()
        .map_err(|error: NameError| wrong("destination", text, error.reason()))
}

/// The last segment of the source.
fn named_as(source: &ImageName) -> Result<Repository, String> {
    let name = source.repository.last_segment();
    if name.len() > LONGEST_DESTINATION {
        return Err("the last part of its name is too long: give a destination".to_owned());
    }
    name.parse()
        .map_err(|error: NameError| wrong("destination", name, error.reason()))
}

/// The entries that want the tag of another entry, or that are another entry once more. Whether two rules choose the same tag is
/// known later.
fn same_places(images: &[ExtraImage]) -> Vec<String> {
    let mut known: BTreeMap<(&Repository, Place<'_>), usize> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for image in images {
        let place = match &image.wanted {
            ExtraWanted::Exact { tag: Some(tag), .. } => Place::Tag(tag),
            ExtraWanted::Exact { tag: None, .. } | ExtraWanted::Rule(_) => {
                Place::Choice(&image.source, &image.wanted)
            }
        };
        match known.get(&(&image.destination, place)) {
            Some(first) => mistakes.push(format!(
                "entry {}: it has the same destination {} and tag as entry {first}",
                image.number, image.destination
            )),
            None => {
                known.insert((&image.destination, place), image.number);
            }
        }
    }
    mistakes
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place<'a> {
    Tag(&'a Tag),
    Choice(&'a ImageName, &'a ExtraWanted),
}

#[cfg(test)]
mod tests;
