//! `EXTRA_CHARTS`: other charts whose images are kept in sync.
//!
//! The text is read as Helm reads a file of values, because it contains values. A mistake names the entry and its key. It
//! never contains a value, which may be a secret.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Tree};

use super::chart::{self, ChartRequest, ChartSource, GivenValues};
use super::chart_origin::ChartOrigin;
use super::reader::{Reader, build};
use super::{Inputs, variables, yaml_entries};
use crate::name::{self, Registry, Repository};
use crate::text::for_message;

/// The most charts in a run.
const MOST_CHARTS: usize = 50;
/// The most patterns of a chart, and the most logins.
const MOST_ITEMS: usize = 20;
/// The longest `destination`, so that the path of every image with it is usually a repository.
const LONGEST_DESTINATION: usize = 100;

/// A message about YAML does not contain the text that is wrong.
const QUOTES: &str = "put a text that begins with *, &, !, { or [ in quotes, and one with a backslash in single quotes";

const KEYS: [&str; 10] = [
    "repository",
    "path",
    "name",
    "version",
    "values",
    "values_file",
    "set",
    "image_patterns",
    "logins",
    "destination",
];

impl Reader<'_> {
    /// The charts of `EXTRA_CHARTS`. Empty if it is unset.
    pub(super) fn extra_charts(&mut self) -> Option<Vec<ChartRequest>> {
        let variable = &variables::EXTRA_CHARTS;
        if self.inputs.get(variable).is_none() {
            return Some(Vec::new());
        }
        let given = self.text_or_file(variable)?;
        let folder = given.file.as_deref().and_then(Path::parent);
        match read(&given.text, folder, self.inputs) {
            Ok(charts) => Some(charts),
            Err(reasons) => {
                for reason in reasons {
                    self.mistake(variable, None, reason);
                }
                None
            }
        }
    }
}

fn read(
    text: &str,
    folder: Option<&Path>,
    inputs: &Inputs<'_>,
) -> Result<Vec<ChartRequest>, Vec<String>> {
    let tree = helm::read_yaml(text).map_err(|error| {
        let reason = for_message(&error.to_string());
        vec![format!("{reason}; {QUOTES}")]
    })?;
    let Tree::Array(entries) = tree else {
        let reason = "it must be a list of charts, each with repository and name, or with path";
        return Err(vec![reason.to_owned()]);
    };
    if entries.is_empty() || entries.len() > MOST_CHARTS {
        let count = entries.len();
        return Err(vec![format!(
            "it has {count} charts; it must have 1 to {MOST_CHARTS}"
        )]);
    }
    let mut charts = Vec::new();
    let mut reasons = Vec::new();
    for (position, entry) in entries.iter().enumerate() {
        let number = position + 1;
        let Tree::Object(fields) = entry else {
            reasons.push(format!(
                "chart {number} must be a map with the keys {}",
                KEYS.join(", ")
            ));
            continue;
        };
        let mut reader = EntryReader {
            text,
            number,
            fields,
            folder,
            inputs,
            reasons: &mut reasons,
        };
        charts.extend(reader.chart());
    }
    match reasons.is_empty() {
        true => Ok(charts),
        false => Err(reasons),
    }
}

struct EntryReader<'a> {
    /// The whole list.
    text: &'a str,
    number: usize,
    fields: &'a Map<String, Tree>,
    /// The folder that paths are relative to; `None` for the working folder.
    folder: Option<&'a Path>,
    inputs: &'a Inputs<'a>,
    reasons: &'a mut Vec<String>,
}

impl EntryReader<'_> {
    fn chart(&mut self) -> Option<ChartRequest> {
        self.refuse_unknown_keys();
        let place = self.place();
        let is_local = matches!(place, Some(ChartSource::Path(_)));
        let chart_name = match &place {
            Some(ChartSource::Path(path)) => Some(name_of(path)),
            // Another mistake makes the name unnecessary.
            None if self.given("path").is_some() => None,
            Some(ChartSource::Repository(_) | ChartSource::Oci(_)) | None => self.name(),
        };
        let own_path = self.parsed("destination", parse_destination);
        let (all, of_set) = self.values().unzip();
        build!(ChartRequest {
            origin: Some(ChartOrigin::Extra {
                number: self.number,
                destination: own_path,
                is_local,
            }),
            source: place,
            name: chart_name,
            version: Some(self.version()),
            values: all,
            set: of_set,
            patterns: self.patterns(),
            logins: self.logins(),
        })
    }

    fn refuse(&mut self, key: &str, reason: &str) {
        let number = self.number;
        self.reasons
            .push(format!("chart {number}, {key}: {reason}"));
    }

    fn refuse_unknown_keys(&mut self) {
        let unknown = self
            .fields
            .keys()
            .filter(|key| !KEYS.contains(&key.as_str()));
        for key in unknown.cloned().collect::<Vec<_>>() {
            let known = KEYS.map(|key| (key.to_owned(), vec![key.to_owned()]));
            let nearest = name::nearest(known, &key).into_iter().next();
            let reason = match nearest {
                Some(nearest) => format!("it is not a key of a chart: perhaps {nearest} is meant"),
                None => format!("it is not a key of a chart, which are {}", KEYS.join(", ")),
            };
            self.refuse(&for_message(&key), &reason);
        }
    }

    /// The value of a key that is given.
    fn given(&self, key: &str) -> Option<&Tree> {
        self.fields.get(key).filter(|value| !value.is_null())
    }

    fn text(&mut self, key: &str) -> Option<String> {
        match self.given(key)? {
            Tree::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            Tree::String(_) => None,
            Tree::Number(_) => {
                self.refuse(
                    key,
                    "it must be text; write a number, such as 1.10, in quotes",
                );
                None
            }
            Tree::Bool(_) | Tree::Array(_) | Tree::Object(_) | Tree::Null => {
                self.refuse(key, "it must be text");
                None
            }
        }
    }

    fn parsed<T>(&mut self, key: &str, parse: fn(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(key)?;
        let parsed = parse(&text);
        parsed.map_err(|reason| self.refuse(key, &reason)).ok()
    }

    fn place(&mut self) -> Option<ChartSource> {
        match (self.given("repository").is_some(), self.given("path").is_some()) {
            (true, false) => self.parsed("repository", |text| {
                let parsed = ChartSource::from_url(text);
                parsed.map_err(|_| {
                    "it must be an https:// or oci:// URL without user and query; a folder or a .tgz has the key path"
                        .to_owned()
                })
            }),
            (false, true) => {
                let path = self.text("path")?;
                Some(ChartSource::Path(self.in_folder(&path)))
            }
            (true, true) => {
                self.refuse("path", "it cannot be given together with repository");
                None
            }
            (false, false) => {
                self.refuse("repository", "it is required, or path for a folder or a .tgz");
                None
            }
        }
    }

    fn name(&mut self) -> Option<String> {
        if self.given("name").is_none() {
            self.refuse("name", "it is required: the chart's name in its repository");
            return None;
        }
        self.parsed("name", chart::parse_name)
    }

    fn version(&mut self) -> Option<String> {
        // As a number it has lost its last zero, as it has for Helm.
        let is_number = matches!(self.given("version"), Some(Tree::Number(_)));
        let written = is_number.then(|| yaml_entries::versions(self.text));
        let mut written = written.flatten().unwrap_or_default().into_iter();
        match written.nth(self.number - 1).flatten() {
            Some(text) => {
                let parsed = chart::parse_version(&text);
                parsed
                    .map_err(|reason| self.refuse("version", &reason))
                    .ok()
            }
            None => self.parsed("version", chart::parse_version),
        }
    }

    /// All values, and those of `set` alone.
    fn values(&mut self) -> Option<(helm::Values, helm::Values)> {
        let mut base = helm::Values::new();
        match self.given("values").cloned() {
            None => {}
            Some(values @ Tree::Object(_)) => base.merge_tree(values),
            Some(
                Tree::Array(_) | Tree::String(_) | Tree::Number(_) | Tree::Bool(_) | Tree::Null,
            ) => {
                self.refuse("values", "it must be a map; for a file use values_file");
                return None;
            }
        }
        let file = match self.text("values_file") {
            Some(_) if self.given("values").is_some() => {
                self.refuse("values_file", "it cannot be given together with values");
                return None;
            }
            Some(path) => Some(self.file(&path)?),
            None => None,
        };
        let set = self.text("set");
        match GivenValues::merged(base, file.as_deref(), set.as_deref()) {
            Ok(GivenValues { all, set }) => Some((all, set)),
            Err(chart::ValuesMistake::File(reason)) => {
                self.refuse("values_file", &reason);
                None
            }
            Err(chart::ValuesMistake::Set(reason)) => {
                self.refuse("set", &reason);
                None
            }
        }
    }

    fn file(&mut self, path: &str) -> Option<String> {
        let read = (self.inputs.file)(&self.in_folder(path));
        read.map_err(|error| self.refuse("values_file", &format!("it cannot be read: {error}")))
            .ok()
    }

    /// A path as it is given, or relative to the folder of the file that contains it.
    fn in_folder(&self, path: &str) -> PathBuf {
        self.folder
            .map_or_else(|| path.into(), |folder| folder.join(path))
    }

    fn patterns(&mut self) -> Option<Vec<helm::ImagePattern>> {
        self.list("image_patterns", "pattern", |text| {
            helm::ImagePattern::new(text).map_err(|error| for_message(&error.to_string()))
        })
    }

    fn logins(&mut self) -> Option<Vec<Registry>> {
        self.list("logins", "login", |text| {
            let parsed = text.parse();
            parsed.map_err(|_| "it must be the host of a registry, such as ghcr.io".to_owned())
        })
    }

    /// The texts of a list, each parsed. A mistake names the item by its number.
    fn list<T>(
        &mut self,
        key: &str,
        item: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let Some(given) = self.given(key).cloned() else {
            return Some(Vec::new());
        };
        let Tree::Array(given) = given else {
            self.refuse(
                key,
                &format!("it must be a list of {item}s, each of them text"),
            );
            return None;
        };
        if given.len() > MOST_ITEMS {
            self.refuse(key, &format!("it has more than {MOST_ITEMS} {item}s"));
            return None;
        }
        let mut items = Vec::new();
        for (position, value) in given.iter().enumerate() {
            let parsed = match value {
                Tree::String(text) => parse(text),
                _ => Err("it must be text".to_owned()),
            };
            match parsed {
                Ok(parsed) => items.push(parsed),
                Err(reason) => self.refuse(key, &format!("{item} {}: {reason}", position + 1)),
            }
        }
        (items.len() == given.len()).then_some(items)
    }
}

/// The name of a folder or of an archive, for messages.
fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let name = name.to_string_lossy();
    name.trim_end_matches(".tgz").to_owned()
}

fn parse_destination(text: &str) -> Result<Repository, String> {
    if text.len() > LONGEST_DESTINATION {
        return Err(format!(
            "it is longer than {LONGEST_DESTINATION} characters"
        ));
    }
    let parsed = text.trim_matches('/').parse();
    parsed.map_err(|error: name::NameError| {
        format!(
            "it must be a path such as mirror/ingress: {}",
            error.reason()
        )
    })
}

#[cfg(test)]
mod tests;
