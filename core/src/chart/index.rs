//! `index.yaml`: which versions of a chart a repository has.
//!
//! Source: <https://helm.sh/docs/topics/chart_repository/#the-index-file>. Only the entry of the wanted
//! chart is kept: an index may hold hundreds of charts and megabytes of text.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

/// A version of a chart in an index.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct IndexEntry {
    /// The chart's version.
    pub version: String,
    /// The archive's sha256; with `sha256:` before it in some repositories.
    #[serde(default)]
    pub digest: String,
    /// Where the archive is: absolute, or below the index.
    #[serde(default)]
    pub urls: Vec<String>,
}

/// The versions of one chart; empty when the index has no such chart.
///
/// # Errors
/// When the text is no index, with the place.
pub fn versions_of(index: &str, chart: &str) -> Result<Vec<IndexEntry>, String> {
    if index.trim().is_empty() {
        // As YAML it would be an index of no charts.
        return Err("it is empty".to_owned());
    }
    let options = serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_nodes: 5_000_000,
            max_events: 10_000_000,
            max_total_scalar_bytes: 64 << 20,
            max_reader_input_bytes: None,
        },
        // Nobody writes an index with aliases; somebody may write a bomb with them.
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: 50_000,
        },
    };
    let part = part_of(index, chart);
    let index = part.as_deref().unwrap_or(index);
    serde_yaml::with_deserializer_from_str_with_options(index, options, |deserializer| {
        Index(chart).deserialize(deserializer)
    })
    .map_err(|error| crate::problem::harmless(&error.to_string()))
}

/// The index without the other charts, where it is laid out as Helm writes it; none where it is not.
///
/// Helm writes the keys of `entries` two spaces in, and everything below them deeper or behind a dash. What
/// is left is read as YAML all the same: this only spares reading what nobody asks for.
fn part_of(index: &str, chart: &str) -> Option<String> {
    let entries = index
        .starts_with("entries:\n")
        .then_some(0)
        .or_else(|| Some(index.find("\nentries:\n")? + 1))?;
    let body = &index[entries + "entries:\n".len()..];
    let key = format!("  {chart}:\n");
    let begin = if body.starts_with(&key) {
        0
    } else {
        body.find(&format!("\n{key}"))? + 1
    };
    let rest = &body[begin + key.len()..];
    let is_inside =
        |line: &str| line.trim().is_empty() || line.starts_with("   ") || line.starts_with("  -");
    let length: usize = rest
        .split_inclusive('\n')
        .take_while(|line| is_inside(line))
        .map(str::len)
        .sum();
    Some(format!("entries:\n{key}{}", &rest[..length]))
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
            inner: std::marker::PhantomData::<Vec<IndexEntry>>,
        };
        deserializer
            .deserialize_map(chart)
            .map(|found| found.unwrap_or_default())
    }
}

/// One field of a map, and nothing of the others.
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

    #[test]
    fn the_part_of_a_chart_says_the_same_as_the_whole() {
        let part = part_of(INDEX, "mine").unwrap();
        assert!(
            !part.contains("9.9.9") && !part.contains("generated"),
            "{part}"
        );
        // Laid out in another way: read whole.
        let flow = "entries: {mine: [{version: 0.2.0, digest: abc, urls: [charts/mine-0.2.0.tgz]}, {version: '1.0'}]}";
        assert_eq!(part_of(flow, "mine"), None);
        assert_eq!(
            versions_of(flow, "mine").unwrap(),
            versions_of(INDEX, "mine").unwrap()
        );
    }

    #[test]
    fn what_is_no_index_is_an_error() {
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
