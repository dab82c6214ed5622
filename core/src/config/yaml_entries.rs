//! Reads a list of entries from YAML, whose values are texts.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::text::for_message;

/// A syntax error seldom names its cause.
const QUOTES: &str = "put a text with >, *, ^, a colon or a backslash in single quotes";

const LIST: &str = "begin each entry with a dash, or put all of them between [ and ]";

/// An entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum YamlEntry {
    Text(String),
    /// Keys and values in their order. A number is its text: `1.10` stays `1.10`.
    Map(Vec<(String, String)>),
}

/// The entries of a list.
///
/// # Errors
/// What is wrong, with the number of the entry if it is in one.
pub(super) fn read(text: &str, most: usize) -> Result<Vec<YamlEntry>, String> {
    let options = serde_yaml::options! {
        // The reader of a map refuses the second one, with a plainer message.
        duplicate_keys: serde_yaml::options::DuplicateKeyPolicy::LastWins,
        budget: serde_yaml::budget! {
            max_nodes: 100_000,
            max_events: 200_000,
            max_depth: 16,
        },
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: 10_000,
        },
    };
    let number = AtomicUsize::new(0);
    let list = List {
        number: &number,
        most,
    };
    let mut found = None;
    let read = serde_yaml::with_deserializer_from_str_with_options(text, options, |deserializer| {
        found = Some(list.deserialize(deserializer)?);
        Ok(())
    });
    match (read, found) {
        (Ok(()), Some(entries)) => Ok(entries),
        (Ok(()), None) => Err("it has no entries".to_owned()),
        (Err(error), _) => {
            let reason = for_message(&error.without_snippet().to_string());
            let is_syntax = ["scanning", "escape", "expected", "anchor"];
            let number = number.load(Ordering::Relaxed);
            let reason = match is_syntax.iter().any(|part| reason.contains(part)) {
                _ if number == 0 && reason.contains("expected sequence") => LIST.to_owned(),
                true => format!("{reason}; {QUOTES}"),
                false => reason,
            };
            Err(match number {
                0 => format!("it is not a list in YAML: {reason}"),
                number => format!("entry {number}: {reason}"),
            })
        }
    }
}

/// The key `version` of each entry as it is written: `1.10` stays `1.10`. `None` if the text is not such a list.
pub(super) fn versions(text: &str) -> Option<Vec<Option<String>>> {
    #[derive(Deserialize)]
    struct Entry {
        version: Option<String>,
    }
    let options = serde_yaml::options! {
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: 50_000,
        },
    };
    let mut found = None;
    let read = serde_yaml::with_deserializer_from_str_with_options(text, options, |deserializer| {
        found = Some(Vec::<Entry>::deserialize(deserializer)?);
        Ok(())
    });
    read.ok()?;
    let entries = found?.into_iter();
    Some(entries.map(|entry| entry.version).collect())
}

/// The list. `number` is that of the entry that is read.
struct List<'a> {
    number: &'a AtomicUsize,
    most: usize,
}

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = Vec<YamlEntry>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = Vec<YamlEntry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entries, each of which begins with '- '")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        self.number.store(1, Ordering::Relaxed);
        while let Some(entry) = sequence.next_element()? {
            if entries.len() == self.most {
                let reason = format!("there are more than {} entries", self.most);
                return Err(de::Error::custom(reason));
            }
            entries.push(entry);
            self.number.store(entries.len() + 1, Ordering::Relaxed);
        }
        // What follows is not in an entry.
        self.number.store(0, Ordering::Relaxed);
        Ok(entries)
    }
}

impl<'de> Deserialize<'de> for YamlEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = YamlEntry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reference, or keys with their values")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<YamlEntry, E> {
        Ok(YamlEntry::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<YamlEntry, A::Error> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if pairs.iter().any(|(known, _)| *known == key) {
                let reason = format!("the key {:?} is there twice", for_message(&key));
                return Err(de::Error::custom(reason));
            }
            let value = map.next_value().map_err(|error: A::Error| {
                let reason = error.to_string();
                let reason = match reason.contains("null") {
                    true => "it is empty".to_owned(),
                    false => reason,
                };
                de::Error::custom(format!(
                    "the value of {:?} must be a text: {reason}",
                    for_message(&key)
                ))
            })?;
            pairs.push((key, value));
        }
        Ok(YamlEntry::Map(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_text() {
        let entries = read("- tag: 1.10\n  newest: true\n- a:b\n- {tag: '007'}", 9).unwrap();
        let map = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            YamlEntry::Map(
                pairs
                    .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                    .collect(),
            )
        };
        assert_eq!(
            entries,
            [
                map(&[("tag", "1.10"), ("newest", "true")]),
                YamlEntry::Text("a:b".to_owned()),
                map(&[("tag", "007")]),
            ]
        );
        assert_eq!(
            read("[{\"tag\": \"1\"}]", 9).unwrap(),
            [map(&[("tag", "1")])]
        );
    }

    #[test]
    fn mistake_names_its_entry() {
        for (text, parts) in [
            ("- a: 1\n- b: [1]", &["entry 2", "\"b\" must be a text"][..]),
            ("- a: 1\n- b: {c: 1}", &["entry 2", "\"b\" must be a text"]),
            (
                "- a: 1\n- b:\n",
                &["entry 2", "\"b\" must be a text: it is empty"],
            ),
            ("- a: >=1, <2", &["entry 1", "in single quotes"]),
            ("- a: \"^\\d\"", &["entry 1", "in single quotes"]),
            ("- a: 1\n  a: 2", &["entry 1", "\"a\" is there twice"]),
            ("- 1\n- 2\n- 3", &["entry 1", "a reference, or keys"]),
            ("- a\n- b\n- c", &["more than 2 entries"]),
            (
                "a: 1",
                &["not a list in YAML: begin each entry with a dash"],
            ),
            ("- a: 'b", &["entry 1"]),
            ("text", &["not a list"]),
        ] {
            let reason = read(text, 2).unwrap_err();
            assert!(
                parts.iter().all(|part| reason.contains(part)),
                "{text}: {reason}"
            );
        }
    }

    #[test]
    fn text_that_grows_when_it_is_read_is_refused() {
        let mut bomb = "- &a0 {k: lol}\n".to_owned();
        for level in 1..30 {
            bomb += &format!("- &a{level} {{x: *a{0}, y: *a{0}}}\n", level - 1);
        }
        assert!(read(&bomb, 1_000).is_err());
        let deep = format!("- a: {}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(read(&deep, 1_000).is_err());
        let many = format!(
            "- &a {{k: {}}}\n{}",
            "x".repeat(1_000),
            "- *a\n".repeat(100_000)
        );
        assert!(read(&many, 1_000).is_err());
    }
}
