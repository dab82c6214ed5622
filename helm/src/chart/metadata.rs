//! `Chart.yaml`, `requirements.yaml` and `Chart.lock`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value as Tree};

use super::fields::{Fields, read_map};
use crate::dependency::Dependency;
use crate::error::Error;
use crate::value::{self, Text, Value, format_general};
use crate::versions::Version;

/// The content of `Chart.yaml`.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// `v1` or `v2`.
    pub api_version: String,
    /// The chart's name.
    pub name: String,
    /// The chart's version.
    pub version: String,
    /// The version of the application that it installs.
    pub app_version: String,
    /// `application`, `library`, or empty.
    pub chart_type: String,
    /// The charts it depends on; `None` if the list is absent, which Helm distinguishes from an empty list.
    pub dependencies: Option<Vec<Dependency>>,
    /// The other fields, as templates see them.
    pub(crate) fields: BTreeMap<String, Tree>,
}

/// The fields of `Chart.yaml` that templates see as text.
const TEXT_FIELDS: [(&str, &str); 6] = [
    ("Home", "home"),
    ("Description", "description"),
    ("Icon", "icon"),
    ("KubeVersion", "kubeVersion"),
    ("Condition", "condition"),
    ("Tags", "tags"),
];

/// Every field of `Chart.yaml` and `requirements.yaml`.
const TYPED_FIELDS: [&str; 17] = [
    "apiVersion",
    "name",
    "version",
    "appVersion",
    "type",
    "home",
    "description",
    "icon",
    "kubeVersion",
    "condition",
    "tags",
    "keywords",
    "sources",
    "annotations",
    "deprecated",
    "maintainers",
    "dependencies",
];

impl Metadata {
    /// Reads a file: first `Chart.yaml`, then `requirements.yaml`.
    pub(super) fn read(&mut self, file: &str, data: &[u8]) -> Result<(), Error> {
        read_map(data)
            .and_then(|entries| self.read_fields(&Fields(&entries)))
            .map_err(|problem| in_file(file, problem))
    }

    fn read_fields(&mut self, fields: &Fields<'_>) -> Result<(), String> {
        fields.check_others(&TYPED_FIELDS)?;
        for (key, target) in [
            ("apiVersion", &mut self.api_version),
            ("name", &mut self.name),
            ("version", &mut self.version),
            ("appVersion", &mut self.app_version),
            ("type", &mut self.chart_type),
        ] {
            if let Some(text) = fields.text(key)? {
                *target = text;
            }
        }
        for (field, key) in TEXT_FIELDS {
            if let Some(text) = fields.text(key)? {
                self.fields.insert(field.into(), Tree::String(text));
            }
        }
        for (field, key) in [("Keywords", "keywords"), ("Sources", "sources")] {
            if let Some(texts) = fields.texts(key)? {
                self.fields.insert(field.into(), texts.into());
            }
        }
        if let Some(annotations) = fields.text_map("annotations")? {
            self.fields
                .insert("Annotations".into(), Tree::Object(annotations));
        }
        if let Some(deprecated) = fields.flag("deprecated")? {
            self.fields
                .insert("Deprecated".into(), Tree::Bool(deprecated));
        }
        if let Some(maintainers) = fields.maps("maintainers")? {
            let maintainers: Result<Vec<Tree>, String> = maintainers
                .iter()
                .map(|maintainer| maintainer_of(maintainer.as_ref()))
                .collect();
            self.fields
                .insert("Maintainers".into(), maintainers?.into());
        }
        if let Some(dependencies) = dependencies_of(fields)? {
            self.dependencies = Some(dependencies);
        }
        Ok(())
    }

    /// Helm's `Metadata.Validate`: makes texts printable, and checks for missing and ambiguous fields.
    pub(super) fn validate(&mut self) -> Result<(), Error> {
        self.make_printable();
        match self.problem() {
            None => Ok(()),
            Some(problem) => Err(in_file("Chart.yaml", problem)),
        }
    }

    fn make_printable(&mut self) {
        for text in [&mut self.name, &mut self.app_version] {
            *text = printable(text);
        }
        for field in [
            "Home",
            "Description",
            "Icon",
            "KubeVersion",
            "Condition",
            "Tags",
            "Keywords",
            "Sources",
            "Maintainers",
        ] {
            if let Some(value) = self.fields.get_mut(field) {
                make_tree_printable(value);
            }
        }
        for dependency in self.dependencies.iter_mut().flatten() {
            for text in [
                &mut dependency.name,
                &mut dependency.version,
                &mut dependency.repository,
                &mut dependency.condition,
            ]
            .into_iter()
            .chain(&mut dependency.tags)
            {
                *text = printable(text);
            }
        }
    }

    fn problem(&self) -> Option<String> {
        let Self { name, version, .. } = self;
        if name.is_empty() {
            return Some("chart.metadata.name is required".into());
        }
        if name.contains('/') || name == "." || name == ".." {
            return Some(format!("chart.metadata.name {name:?} is invalid"));
        }
        if version.is_empty() {
            return Some("chart.metadata.version is required".into());
        }
        if Version::parse(version).is_none() {
            return Some(format!("chart.metadata.version {version:?} is invalid"));
        }
        if !matches!(self.chart_type.as_str(), "" | "application" | "library") {
            return Some("chart.metadata.type must be application or library".into());
        }
        let maintainers = self.fields.get("Maintainers").and_then(Tree::as_array);
        if maintainers.is_some_and(|maintainers| maintainers.contains(&Tree::Null)) {
            return Some("maintainers must not contain empty or null nodes".into());
        }
        let mut names = BTreeSet::new();
        for dependency in self.dependencies.iter().flatten() {
            let is_good = |character: char| {
                character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
            };
            if !dependency.alias.chars().all(is_good) {
                return Some(format!(
                    "dependency {:?} has disallowed characters in the alias",
                    dependency.name
                ));
            }
            let name = if dependency.alias.is_empty() {
                &dependency.name
            } else {
                &dependency.alias
            };
            if !names.insert(name) {
                return Some(format!(
                    "more than one dependency with name or alias {name:?}"
                ));
            }
        }
        None
    }

    /// The constraint on the version of Kubernetes; empty if there is none.
    pub(crate) fn kube_version(&self) -> &str {
        self.fields
            .get("KubeVersion")
            .and_then(Tree::as_str)
            .unwrap_or_default()
    }

    /// True for a library chart: it has templates for other charts, and installs nothing.
    pub(crate) fn is_library(&self) -> bool {
        self.chart_type.eq_ignore_ascii_case("library")
    }
}

fn in_file(file: &str, problem: String) -> Error {
    Error::ChartFile {
        file: file.to_owned(),
        problem,
    }
}

/// `Chart.lock`.
pub(super) fn read_lock(file: &str, data: &[u8]) -> Result<Vec<Dependency>, Error> {
    read_map(data)
        .and_then(|entries| dependencies_of(&Fields(&entries)))
        .map(Option::unwrap_or_default)
        .map_err(|problem| in_file(file, problem))
}

fn dependencies_of(fields: &Fields<'_>) -> Result<Option<Vec<Dependency>>, String> {
    let Some(dependencies) = fields.maps("dependencies")? else {
        return Ok(None);
    };
    let dependencies = dependencies.iter().map(|entries| match entries {
        Some(entries) => dependency_of(&Fields(entries)),
        None => Err("dependencies must not contain empty or null nodes".to_owned()),
    });
    dependencies.collect::<Result<_, _>>().map(Some)
}

fn dependency_of(fields: &Fields<'_>) -> Result<Dependency, String> {
    let text = |name: &str| fields.text(name).map(Option::unwrap_or_default);
    fields.flag("enabled")?;
    let import_values = fields.items("import-values")?.unwrap_or_default();
    Ok(Dependency {
        name: text("name")?,
        version: text("version")?,
        repository: text("repository")?,
        condition: text("condition")?,
        tags: fields.texts("tags")?.unwrap_or_default(),
        alias: text("alias")?,
        import_values: import_values.iter().map(value::to_tree).collect(),
    })
}

/// A maintainer as templates see it; null stays null.
fn maintainer_of(entries: Option<&BTreeMap<Text, Value>>) -> Result<Tree, String> {
    let Some(entries) = entries else {
        return Ok(Tree::Null);
    };
    let fields = Fields(entries);
    let mut maintainer = Map::new();
    for (field, key) in [("Name", "name"), ("Email", "email"), ("URL", "url")] {
        let text = fields.text(key)?.unwrap_or_default();
        maintainer.insert(field.to_owned(), Tree::String(text));
    }
    Ok(Tree::Object(maintainer))
}

fn make_tree_printable(value: &mut Tree) {
    match value {
        Tree::String(text) => *text = printable(text),
        Tree::Array(items) => items.iter_mut().for_each(make_tree_printable),
        Tree::Object(entries) => entries.values_mut().for_each(make_tree_printable),
        Tree::Null | Tree::Bool(_) | Tree::Number(_) => {}
    }
}

/// Helm's `sanitizeString`: every kind of white space becomes a blank, and characters that Go does not print are
/// dropped.
fn printable(text: &str) -> String {
    static PRINTED: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^[\p{L}\p{M}\p{N}\p{P}\p{S}]$").ok());
    let is_printed = |character: char| {
        let mut buffer = [0; 4];
        let text = character.encode_utf8(&mut buffer);
        PRINTED.as_ref().is_some_and(|regex| regex.is_match(text))
    };
    text.chars()
        .map(|character| {
            if character.is_whitespace() {
                ' '
            } else {
                character
            }
        })
        .filter(|character| match character {
            ' '..='~' => true,
            other => is_printed(*other),
        })
        .collect()
}

/// The text of a scalar of a rendered document: numbers are floats there, and integers are written without an exponent.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::Nil => String::new(),
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            format!("{number:.0}")
        }
        Value::Float(number) => {
            let short: f64 = format!("{}", *number as f32).parse().unwrap_or(*number);
            format_general(short)
        }
        other => value::to_display(other).to_str().into_owned(),
    }
}
