//! The values of a chart that an image's name comes from: those whose text is a part of the name.

use serde::Serialize;
use serde_json::{Map, Value as Tree};

/// The most values that are compared.
const MOST_LEAVES: usize = 50_000;
/// The most values that are named for one part of an image.
const MOST_NAMED: usize = 5;

/// A part of an image's name, and the value that has this text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ValueUse {
    pub part: Part,
    /// The path in the values of the root chart, as in Helm's `--set`; `None` if no value has this text.
    pub path: Option<String>,
    pub origin: Origin,
}

/// A part of an image's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The whole name.
    Image,
    Registry,
    Repository,
    Tag,
    Digest,
}

impl Part {
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "name",
            Self::Registry => "registry",
            Self::Repository => "repository",
            Self::Tag => "tag",
            Self::Digest => "digest",
        }
    }
}

/// The place that sets a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    ChartSet,
    ChartValues,
    /// The `values.yaml` of this chart.
    DefaultOf(String),
    /// The `appVersion` of this chart.
    AppVersion(String),
    Unknown,
}

/// The values that the user gives.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// Those of `CHART_SET`.
    pub set: &'a Tree,
    /// Those of `CHART_VALUES` and `CHART_SET`.
    pub all: &'a Tree,
}

/// The values that name an image in a template of this chart.
pub fn of_image(
    image: &str,
    chart: &str,
    charts: &[helm::ChartValues],
    given: Given<'_>,
) -> Vec<ValueUse> {
    let Some(own) = charts.iter().find(|one| one.chart == chart) else {
        return Vec::new();
    };
    let search = Search { own, charts, given };
    search.run(&Name::of(image))
}

/// The parts of a reference as it is written.
struct Name<'a> {
    whole: &'a str,
    repository: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> Name<'a> {
    fn of(whole: &'a str) -> Self {
        let (name, digest) = match whole.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (whole, None),
        };
        let last = name.rfind('/').map_or(0, |at| at + 1);
        let (repository, tag) = match name[last..].find(':') {
            Some(at) => (&name[..last + at], Some(&name[last + at + 1..])),
            None => (name, None),
        };
        Self {
            whole,
            repository,
            tag,
            digest,
        }
    }
}

struct Search<'a> {
    own: &'a helm::ChartValues,
    charts: &'a [helm::ChartValues],
    given: Given<'a>,
}

/// A value that is not a map or a list: its keys and its text.
type Leaf = (Vec<String>, String);

impl Search<'_> {
    fn run(&self, name: &Name<'_>) -> Vec<ValueUse> {
        let leaves = self.leaves();
        let whole = leaves.iter().filter(|(_, text)| text == name.whole);
        let whole: Vec<_> = whole
            .take(MOST_NAMED)
            .map(|leaf| self.found(Part::Image, leaf))
            .collect();
        if !whole.is_empty() && (name.tag.is_some() || name.digest.is_some()) {
            return whole;
        }
        let repositories = repositories(&leaves, name);
        let mut uses = Vec::new();
        for leaf in repositories.iter().take(MOST_NAMED) {
            uses.push(self.found(Part::Repository, leaf));
            let rest = name.repository.strip_suffix(leaf.1.as_str());
            if let Some(registry) = rest
                .map(|rest| rest.trim_end_matches('/'))
                .filter(|rest| !rest.is_empty())
            {
                let registries = near(&leaves, leaf, |(keys, text)| {
                    text == registry && last_key(keys).contains("registry")
                });
                uses.extend(registries.map(|leaf| self.found(Part::Registry, leaf)));
            }
        }
        if repositories.is_empty() {
            uses.push(unknown(Part::Repository));
        }
        if let Some(tag) = name.tag {
            uses.extend(self.version(Part::Tag, tag, &repositories, &leaves));
        }
        if let Some(digest) = name.digest {
            uses.extend(self.version(Part::Digest, digest, &repositories, &leaves));
        }
        uses
    }

    /// The values of a tag or a digest: next to a repository if there are such, otherwise anywhere.
    fn version(
        &self,
        part: Part,
        text: &str,
        repositories: &[&Leaf],
        leaves: &[Leaf],
    ) -> Vec<ValueUse> {
        let is_version = |(keys, found): &&Leaf| {
            let key = last_key(keys);
            let hex = text.split_once(':').map_or(text, |(_, hex)| hex);
            let names = ["tag", "version", "digest", "sha"];
            (found == text || found == hex) && names.iter().any(|name| key.contains(name))
        };
        let mut found: Vec<&Leaf> = Vec::new();
        for repository in repositories {
            found.extend(next_to(leaves, repository).into_iter().filter(is_version));
        }
        if found.is_empty() && self.own.app_version == text {
            return vec![ValueUse {
                part,
                path: None,
                origin: Origin::AppVersion(self.own.chart.clone()),
            }];
        }
        if found.is_empty() {
            found.extend(leaves.iter().filter(is_version));
        }
        found.dedup();
        match found[..] {
            [] => vec![unknown(part)],
            _ => found
                .iter()
                .take(MOST_NAMED)
                .map(|leaf| self.found(part, leaf))
                .collect(),
        }
    }

    /// The values of the chart. Those of the charts inside it are theirs.
    fn leaves(&self) -> Vec<Leaf> {
        let prefix = format!("{}/charts/", self.own.chart);
        let inner = self
            .charts
            .iter()
            .filter_map(|one| one.chart.strip_prefix(&prefix));
        let inner: Vec<&str> = inner.collect();
        let mut leaves = Vec::new();
        for (key, value) in &self.own.values {
            if !inner.contains(&key.as_str()) {
                collect(value, vec![key.clone()], &mut leaves);
            }
        }
        leaves
    }

    fn found(&self, part: Part, (keys, _): &Leaf) -> ValueUse {
        let is_global = keys.first().is_some_and(|key| key == "global");
        let of_chart = [&self.own.keys[..], keys].concat();
        // A parent's `global` overrides those of the charts inside it.
        let paths: &[Vec<String>] = if is_global {
            &[keys.clone(), of_chart.clone()]
        } else {
            std::slice::from_ref(&of_chart)
        };
        let given = |tree| paths.iter().find(|path| has(tree, path));
        let (path, origin) = if let Some(path) = given(self.given.set) {
            (path.clone(), Origin::ChartSet)
        } else if let Some(path) = given(self.given.all) {
            (path.clone(), Origin::ChartValues)
        } else {
            self.default_of(keys, is_global)
                .unwrap_or((of_chart, Origin::Unknown))
        };
        ValueUse {
            part,
            path: Some(shown(&path)),
            origin,
        }
    }

    /// The outermost chart whose own file has the value.
    fn default_of(&self, keys: &[String], is_global: bool) -> Option<(Vec<String>, Origin)> {
        let outer = self
            .charts
            .iter()
            .filter(|one| self.own.keys.starts_with(&one.keys));
        for chart in outer {
            let inside = [&self.own.keys[chart.keys.len()..], keys].concat();
            let candidates = [Some(inside), is_global.then(|| keys.to_vec())];
            for path in candidates.into_iter().flatten() {
                if has_in(&chart.own, &path) {
                    let whole = [&chart.keys[..], &path].concat();
                    return Some((whole, Origin::DefaultOf(chart.chart.clone())));
                }
            }
        }
        None
    }
}

fn unknown(part: Part) -> ValueUse {
    ValueUse {
        part,
        path: None,
        origin: Origin::Unknown,
    }
}

/// True for the repository, or its end if the registry or a part of the path is another value.
fn is_repository(keys: &[String], text: &str, repository: &str) -> bool {
    let names = ["repository", "image", "name", "repo"];
    let key = last_key(keys);
    let is_named = names.iter().any(|name| key.ends_with(name));
    let is_end = repository
        .strip_suffix(text)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
    !text.is_empty() && is_end && is_named
}

/// The values of the repository. Several workloads may use one: those with the right tag next to it count.
fn repositories<'a>(leaves: &'a [Leaf], name: &Name<'_>) -> Vec<&'a Leaf> {
    let is_meant = |(keys, text): &&Leaf| is_repository(keys, text, name.repository);
    let all: Vec<_> = leaves.iter().filter(is_meant).collect();
    let has_tag = |leaf: &&&Leaf| {
        let next_to = next_to(leaves, leaf);
        name.tag
            .is_some_and(|tag| next_to.iter().any(|(_, text)| text == tag))
    };
    let with_tag: Vec<_> = all.iter().filter(has_tag).copied().collect();
    if with_tag.is_empty() { all } else { with_tag }
}

/// The values in the same map.
fn next_to<'a>(leaves: &'a [Leaf], (keys, _): &Leaf) -> Vec<&'a Leaf> {
    let parent = &keys[..keys.len() - 1];
    leaves
        .iter()
        .filter(|(other, _)| other.len() == keys.len() && other.starts_with(parent))
        .collect()
}

/// The values in the same map that have a property, or else those anywhere.
fn near<'a>(
    leaves: &'a [Leaf],
    leaf: &Leaf,
    is_wanted: impl Fn(&&Leaf) -> bool,
) -> impl Iterator<Item = &'a Leaf> {
    let mut found: Vec<_> = next_to(leaves, leaf)
        .into_iter()
        .filter(&is_wanted)
        .collect();
    if found.is_empty() {
        found.extend(leaves.iter().filter(is_wanted));
    }
    found.into_iter().take(MOST_NAMED)
}

fn last_key(keys: &[String]) -> String {
    keys.last()
        .map(|key| key.to_ascii_lowercase())
        .unwrap_or_default()
}

fn collect(value: &Tree, keys: Vec<String>, leaves: &mut Vec<Leaf>) {
    if leaves.len() >= MOST_LEAVES {
        return;
    }
    let below = |key: String| [&keys[..], &[key]].concat();
    match value {
        Tree::Object(entries) => {
            for (key, value) in entries {
                collect(value, below(key.clone()), leaves);
            }
        }
        Tree::Array(items) => {
            for (position, value) in items.iter().enumerate() {
                collect(value, below(format!("[{position}]")), leaves);
            }
        }
        Tree::String(text) => leaves.push((keys, text.clone())),
        Tree::Number(number) => leaves.push((keys, number.to_string())),
        Tree::Null | Tree::Bool(_) => {}
    }
}

fn has(tree: &Tree, path: &[String]) -> bool {
    tree.as_object()
        .is_some_and(|entries| has_in(entries, path))
}

fn has_in(entries: &Map<String, Tree>, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    let found = rest
        .iter()
        .try_fold(entries.get(first), |value, key| match value? {
            Tree::Object(entries) => Some(entries.get(key)),
            Tree::Array(items) => {
                let position = key.strip_prefix('[')?.strip_suffix(']')?.parse::<usize>();
                Some(items.get(position.ok()?))
            }
            Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::String(_) => None,
        });
    // An empty value counts as absent: charts then take another one.
    found.flatten().is_some_and(|value| !value.is_null())
}

/// `a.b[0].c`, with a backslash before the points of a key.
fn shown(path: &[String]) -> String {
    let mut text = String::new();
    for key in path {
        if key.starts_with('[') {
            text.push_str(key);
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(&key.replace('.', "\\."));
        }
    }
    crate::text::for_message(&text)
}

#[cfg(test)]
mod tests;
