//! `Chart.yaml`, `requirements.yaml` and `Chart.lock`.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Tree};

use crate::error::Error;
use crate::functions::versions::Version;
use crate::value::{self, Text, Value, format_general};
use crate::yaml;

/// What `Chart.yaml` says.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// `v1` or `v2`.
    pub api_version: String,
    /// The chart's name.
    pub name: String,
    /// The chart's version.
    pub version: String,
    /// The version of what it installs.
    pub app_version: String,
    /// `application`, `library`, or nothing.
    pub chart_type: String,
    /// The charts it depends on; `None` if the list is absent, which Helm tells from an empty one.
    pub dependencies: Option<Vec<Dependency>>,
    /// Everything else, as templates see it.
    pub(crate) fields: BTreeMap<String, Tree>,
}

/// A chart that another one depends on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dependency {
    /// The chart's name.
    pub name: String,
    /// The versions that will do, or the exact one in `Chart.lock`.
    pub version: String,
    /// Where to get it.
    pub repository: String,
    /// Paths of values that enable it, separated by commas; the first one found decides.
    pub condition: String,
    /// Tags that enable it together with others.
    pub tags: Vec<String>,
    /// The name it has inside its parent.
    pub alias: String,
    /// The values its parent takes over.
    pub import_values: Vec<Tree>,
}

/// The fields of `Chart.yaml` that templates see as text.
const TEXT_FIELDS: [(&str, &str); 5] = [
    ("Home", "home"),
    ("Description", "description"),
    ("Icon", "icon"),
    ("KubeVersion", "kubeVersion"),
    ("Condition", "condition"),
];

impl Metadata {
    /// Takes in what a file says; called for `Chart.yaml` and, after it, for `requirements.yaml`.
    pub(super) fn read(&mut self, file: &str, data: &[u8]) -> Result<(), Error> {
        let entries = read_map(file, data)?;
        let set = |name: &str, target: &mut String| {
            if let Some(value) = find(&entries, name) {
                *target = text_of(value);
            }
        };
        set("apiVersion", &mut self.api_version);
        set("name", &mut self.name);
        set("version", &mut self.version);
        set("appVersion", &mut self.app_version);
        set("type", &mut self.chart_type);
        for (field, key) in TEXT_FIELDS {
            if let Some(value) = find(&entries, key) {
                self.fields
                    .insert(field.into(), Tree::String(text_of(value)));
            }
        }
        if let Some(value) = find(&entries, "tags") {
            self.fields
                .insert("Tags".into(), Tree::String(text_of(value)));
        }
        for (field, key) in [("Keywords", "keywords"), ("Sources", "sources")] {
            if let Some(value) = find(&entries, key) {
                let items: Vec<Tree> = value
                    .items()
                    .unwrap_or_default()
                    .iter()
                    .map(|item| Tree::String(text_of(item)))
                    .collect();
                self.fields.insert(field.into(), Tree::Array(items));
            }
        }
        if let Some(value) = find(&entries, "maintainers") {
            self.fields
                .insert("Maintainers".into(), maintainers_of(value));
        }
        if let Some(Value::Map(map)) = find(&entries, "annotations") {
            let annotations: Map<String, Tree> = map
                .entries
                .borrow()
                .iter()
                .map(|(key, value)| (key.to_str().into_owned(), Tree::String(text_of(value))))
                .collect();
            self.fields
                .insert("Annotations".into(), Tree::Object(annotations));
        }
        if let Some(Value::Bool(deprecated)) = find(&entries, "deprecated") {
            self.fields
                .insert("Deprecated".into(), Tree::Bool(*deprecated));
        }
        if let Some(value) = find(&entries, "dependencies") {
            self.dependencies = match value {
                Value::Nil => None,
                value => Some(dependencies_of(file, value)?),
            };
        }
        Ok(())
    }

    /// Helm's own checks.
    pub(super) fn validate(&self) -> Result<(), Error> {
        let fail = |problem: String| {
            Err(Error::ChartFile {
                file: "Chart.yaml".into(),
                problem,
            })
        };
        if self.name.is_empty() {
            return fail("chart.metadata.name is required".into());
        }
        if self.name.contains('/') || self.name == "." || self.name == ".." {
            return fail(format!("chart.metadata.name {:?} is invalid", self.name));
        }
        if self.version.is_empty() {
            return fail("chart.metadata.version is required".into());
        }
        if Version::parse(&self.version).is_none() {
            return fail(format!(
                "chart.metadata.version {:?} is invalid",
                self.version
            ));
        }
        if !matches!(self.chart_type.as_str(), "" | "application" | "library") {
            return fail("chart.metadata.type must be application or library".into());
        }
        for dependency in self.dependencies.iter().flatten() {
            let is_good = |character: char| {
                character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
            };
            if !dependency.alias.chars().all(is_good) {
                return fail(format!(
                    "dependency {:?} has disallowed characters in the alias",
                    dependency.name
                ));
            }
        }
        Ok(())
    }

    /// Whether it is a library: templates for others, nothing to install.
    pub(crate) fn is_library(&self) -> bool {
        self.chart_type.eq_ignore_ascii_case("library")
    }
}

/// `Chart.lock`.
pub(super) fn read_lock(file: &str, data: &[u8]) -> Result<Vec<Dependency>, Error> {
    let entries = read_map(file, data)?;
    match find(&entries, "dependencies") {
        Some(value) => dependencies_of(file, value),
        None => Ok(Vec::new()),
    }
}

/// Bytes that a file of metadata may have.
const MAX_LENGTH: usize = 256 << 10;

/// A YAML file that is a map.
pub(super) fn read_map(file: &str, data: &[u8]) -> Result<BTreeMap<Text, Value>, Error> {
    let fail = |problem: String| Error::ChartFile {
        file: file.to_owned(),
        problem,
    };
    if data.len() > MAX_LENGTH {
        return Err(fail(format!("larger than {MAX_LENGTH} bytes")));
    }
    let text = std::str::from_utf8(data).map_err(|error| fail(format!("not UTF-8: {error}")))?;
    yaml::read_map(text).map_err(|error| fail(error.0))
}

fn dependencies_of(file: &str, value: &Value) -> Result<Vec<Dependency>, Error> {
    let Some(items) = value.items() else {
        return Err(Error::ChartFile {
            file: file.to_owned(),
            problem: "dependencies must be a list".into(),
        });
    };
    Ok(items.iter().filter_map(dependency_of).collect())
}

fn dependency_of(value: &Value) -> Option<Dependency> {
    let Value::Map(map) = value else { return None };
    let entries = map.entries.borrow();
    let text = |name: &str| find(&entries, name).map(text_of).unwrap_or_default();
    let items = |name: &str| {
        find(&entries, name)
            .and_then(Value::items)
            .unwrap_or_default()
            .into_owned()
    };
    Some(Dependency {
        name: text("name"),
        version: text("version"),
        repository: text("repository"),
        condition: text("condition"),
        tags: items("tags").iter().map(text_of).collect(),
        alias: text("alias"),
        import_values: items("import-values").iter().map(value::to_tree).collect(),
    })
}

fn maintainers_of(value: &Value) -> Tree {
    let maintainer = |value: &Value| {
        let Value::Map(map) = value else {
            return Tree::Null;
        };
        let entries = map.entries.borrow();
        let fields = [("Name", "name"), ("Email", "email"), ("URL", "url")].map(|(field, key)| {
            (
                field.to_owned(),
                Tree::String(find(&entries, key).map(text_of).unwrap_or_default()),
            )
        });
        Tree::Object(fields.into_iter().collect())
    };
    Tree::Array(
        value
            .items()
            .unwrap_or_default()
            .iter()
            .map(maintainer)
            .collect(),
    )
}

/// Go's JSON takes keys in any case, the exact one first.
fn find<'a>(entries: &'a BTreeMap<Text, Value>, name: &str) -> Option<&'a Value> {
    entries.get(name.as_bytes()).or_else(|| {
        entries
            .iter()
            .find(|(key, _)| key.to_str().eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    })
}

/// Numbers and booleans where text is wanted become text.
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
