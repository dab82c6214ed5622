//! `index.yaml`: the versions of a chart in a chart repository.
//!
//! Source: <https://helm.sh/docs/topics/chart_repository/#the-index-file>. Only the entry of the wanted
//! chart is kept: an index may hold hundreds of charts and megabytes of text.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

/// A version of a chart in an index.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct IndexEntry {
    pub version: String,
    /// The archive's sha256; some repositories write `sha256:` before it.
    #[serde(default, deserialize_with = "nullable")]
    pub digest: String,
    /// The URLs of the archive: absolute, or relative to the index.
    #[serde(default, deserialize_with = "nullable")]
    pub urls: Vec<String>,
}

/// The versions of one chart; empty if the index does not have the chart.
///
/// The YAML reader reads the whole document: where an entry ends depends on comments, indentation and quotes, so
/// a faster search by lines can miss versions. Only the first document counts, as in Helm.
///
/// # Errors
/// If the text is not an index, with the position of the mistake.
pub fn versions_of(index: &str, chart: &str) -> Result<Vec<IndexEntry>, String> {
    if index.trim().is_empty() {
        // As YAML it would be an index without charts.
        return Err("it is empty".to_owned());
    }
    let options = serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_nodes: 5_000_000,
            max_events: 10_000_000,
            max_total_scalar_bytes: 64 << 20,
            max_reader_input_bytes: None,
        },
        // An index does not need aliases, and nested ones can grow without bound.
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: 50_000,
        },
    };
    let mut first = None;
    let read =
        serde_yaml::with_deserializer_from_str_with_options(index, options, |deserializer| {
            first = Some(Index(chart).deserialize(deserializer)?);
            Ok(())
        });
    match (read, first) {
        (Ok(()), Some(entries)) => Ok(entries),
        (Err(error), Some(entries)) if is_second_document(&error) => Ok(entries),
        (Err(error), _) => Err(crate::text::for_message(&error.to_string())),
        (Ok(()), None) => Err("it has no content".to_owned()),
    }
}

/// True if the first document was read and another one follows.
fn is_second_document(error: &serde_yaml::Error) -> bool {
    matches!(
        error.without_snippet(),
        serde_yaml::Error::MultipleDocuments { .. }
    )
}

/// The whole file, of which only `entries` matters.
struct Index<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Index<'_> {
    type Value = Vec<IndexEntry>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer
            .deserialize_map(Field {
                name: "entries",
                inner: Entries(self.0),
            })
            .map(|found| found.unwrap_or_default())
    }
}

/// The entries, of which only one chart's matter.
struct Entries<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = Vec<IndexEntry>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let chart = Field {
            name: self.0,
            inner: PhantomData::<Vec<IndexEntry>>,
        };
        deserializer
            .deserialize_map(chart)
            .map(|found| found.unwrap_or_default())
    }
}

/// A field that may be null: some tools write empty fields so.
fn nullable<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads one field of a map and ignores the others.
struct Field<'a, S> {
    name: &'a str,
    inner: S,
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Field<'_, S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a map with the field {:?}", self.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut found, mut inner) = (None, Some(self.inner));
        while let Some(key) = map.next_key::<String>()? {
            let wanted = if key == self.name { inner.take() } else { None };
            match wanted {
                Some(seed) => found = Some(map.next_value_seed(seed)?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = "apiVersion: v1\nentries:\n  other:\n  - version: 9.9.9\n    urls: [x]\n  mine:\n  - version: 0.2.0\n    digest: abc\n    urls:\n    - charts/mine-0.2.0.tgz\n  - version: \"1.0\"\ngenerated: now\n";

    #[test]
    fn only_the_wanted_chart_is_kept() {
        let mine = versions_of(INDEX, "mine").unwrap();
        assert_eq!(mine.len(), 2);
        assert_eq!(
            (mine[0].digest.as_str(), mine[0].urls[0].as_str()),
            ("abc", "charts/mine-0.2.0.tgz")
        );
        assert_eq!(versions_of(INDEX, "none").unwrap(), []);
    }

    /// The index with another line before its second version.
    fn with_line(line: &str) -> String {
        INDEX.replace(
            "  - version: \"1.0\"",
            &format!("{line}\n  - version: \"1.0\""),
        )
    }

    #[test]
    fn lines_between_two_versions_do_not_end_the_entry() {
        for line in [
            "# x",
            " # x",
            "  # x",
            "\t# x",
            "      # x",
            "",
            " ",
            "\t",
            "  \t",
        ] {
            for text in [with_line(line), with_line(line).replace('\n', "\r\n")] {
                let versions = versions_of(&text, "mine").unwrap();
                assert_eq!(versions, versions_of(INDEX, "mine").unwrap(), "{line:?}");
            }
        }
    }

    #[test]
    fn every_layout_of_an_index_has_the_same_versions() {
        let list = "- version: 0.2.0\n  digest: abc\n  urls: [charts/mine-0.2.0.tgz]\n- version: \"1.0\"\n";
        let indented = |columns: usize| {
            let spaces = " ".repeat(columns);
            let lines = list.lines().map(|line| format!("{spaces}{line}\n"));
            lines.collect::<String>()
        };
        let block = "    description: |\n      entries:\n        mine:\n\n      - version: 5\n";
        let quoted = "    description: \"a\nentries:\n  mine:\n  - version: 5\"\n";
        for text in [
            format!("---\n{INDEX}"),
            format!("# x\n--- # y\n{INDEX}...\n"),
            format!("\u{feff}%YAML 1.1\n---\n{INDEX}"),
            format!("{INDEX}---\n"),
            format!("{INDEX}---\nentries: {{mine: []}}\n"),
            format!("{INDEX}...\nanything: [\n"),
            INDEX.replace("entries:", "'entries' :  # x").replace("  mine:", "  \"mine\": # x"),
            INDEX.replace("    digest", &format!("{block}    digest")),
            INDEX.replace("    digest", &format!("{quoted}    digest")),
            INDEX.replace("version: \"1.0\"", "version:\t'1.0'\t"),
            format!("entries:\n mine:\n{}", indented(1)),
            format!("entries:\n     mine:\n{}", indented(5)),
            format!("entries:\n  a: []\n  mine:\n{}  z: []\n", indented(9)),
            "entries: {mine: [{version: 0.2.0, digest: abc, urls: [charts/mine-0.2.0.tgz]}, {version: '1.0'}]}".to_owned(),
            "{\n\t\"entries\":{\"mine\":[\n\t{\"urls\":[\"charts/mine-0.2.0.tgz\"],\"digest\":\"abc\",\"version\":\"0.2.0\"},{\"version\":\"1.0\"}]}}".to_owned(),
        ] {
            let versions = versions_of(&text, "mine").unwrap_or_else(|error| panic!("{text}\n{error}"));
            assert_eq!(versions, versions_of(INDEX, "mine").unwrap(), "{text}");
        }
    }

    #[test]
    fn field_that_is_null_is_empty() {
        let text = "entries:\n  mine:\n  - {version: 0.2.0, digest: null, urls: }\n";
        let versions = versions_of(text, "mine").unwrap();
        assert_eq!(
            (versions[0].digest.as_str(), versions[0].urls.len()),
            ("", 0)
        );
    }

    #[test]
    fn text_that_is_not_an_index_is_an_error() {
        for bad in [
            "<html><body>no</body></html>",
            "- a\n- b\n",
            "",
            "entries: [1]\n",
            "entries:\n  mine: {}\n",
        ] {
            assert!(versions_of(bad, "mine").is_err(), "{bad}");
        }
    }
}
