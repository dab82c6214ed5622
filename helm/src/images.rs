//! The container images in rendered files, and the resources that use them.
//!
//! In each document, a key `image` (or `sidecar-image`, `base_image`) with a text names an image, in a container of a
//! pod template or in a field of a custom resource. A map of `registry`, `repository`, `tag` and `digest` below such a
//! key is written as one reference. YAML inside of texts (a ConfigMap's data) is searched the same way, except for maps
//! in a text with a chart's values. If a text is not YAML but has such lines, for example a script or a template of
//! another program, the lines are read, so that everything that a search for `image:` finds is found. A text that is
//! not a valid reference, such as `${IMAGE}`, is returned as it is written, so that the caller can report it. Tests of
//! the chart (`templates/tests/`) do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::chart::text_of;
use crate::manifest::split_documents;
use crate::render::Rendered;
use crate::value::{Map, Text, Value};
use crate::yaml;

/// An image that a rendered chart uses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageUse {
    /// The image as it is written: not qualified, not completed, and possibly not a valid reference. A map is written
    /// as `registry/repository:tag@digest`, or as `{tag: 1.0}` if it does not name the image.
    pub image: String,
    /// The resource that uses it.
    pub used_by: UsedBy,
}

/// The place that uses an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsedBy {
    /// The kind of the resource, for example `Deployment`.
    pub kind: String,
    /// The name of the resource.
    pub name: String,
    /// The name of the container, if the image is in a container.
    pub container: Option<String>,
    /// The path in the resource, for example `spec.template.spec.containers[0].image`.
    pub path: String,
    /// The path of the chart from the root chart on, for example `runwhen-local/charts/opentelemetry-collector`.
    pub chart: String,
    /// The path of the template.
    pub template: String,
}

impl Rendered {
    /// The images of the rendered files, sorted by name, each with every place that uses it.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # std::fs::create_dir(folder.path().join("templates"))?;
    /// # std::fs::write(folder.path().join("Chart.yaml"), "apiVersion: v2\nname: demo\nversion: 0.1.0\n")?;
    /// # let pod = "kind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'nginx:1'}]}\n";
    /// # std::fs::write(folder.path().join("templates/a.yaml"), pod)?;
    /// # let chart = helm_render::Chart::load(folder.path())?;
    /// # let rendered = helm_render::render(&chart, &Default::default(), &Default::default(), &Default::default())?;
    /// let images = rendered.images();
    /// assert_eq!(images[0].image, "nginx:1");
    /// assert_eq!(images[0].used_by.kind, "Pod");
    /// assert_eq!(images[0].used_by.container.as_deref(), Some("c"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn images(&self) -> Vec<ImageUse> {
        let mut found = BTreeSet::new();
        for (template, text) in &self.files {
            if template.ends_with("NOTES.txt") || template.contains("/templates/tests/") {
                continue;
            }
            let chart = template
                .split_once("/templates/")
                .map_or(self.chart.as_str(), |(chart, _)| chart);
            for document in split_documents(text) {
                let base = UsedBy {
                    chart: chart.to_owned(),
                    template: template.clone(),
                    ..UsedBy::default()
                };
                Finder {
                    found: &mut found,
                    used_by: base,
                    depth: 0,
                    in_values: false,
                }
                .document(document);
            }
        }
        found.into_iter().collect()
    }
}

/// The maximum depth of texts inside of texts.
const MAX_DEPTH: usize = 4;
/// How many lines below a key are read with it.
const MAX_BLOCK: usize = 16;

struct Finder<'a> {
    found: &'a mut BTreeSet<ImageUse>,
    used_by: UsedBy,
    depth: usize,
    /// Inside of a text with the values of a chart: its maps are input of templates, and the templates have already
    /// rendered the images that they make of them.
    in_values: bool,
}

impl Finder<'_> {
    fn document(&mut self, text: &str) {
        for document in yaml::read_documents(text) {
            match document {
                Ok(value) => self.resource(&value),
                Err(_) => self.lines(text),
            }
        }
    }

    /// A resource, or a list of them.
    fn resource(&mut self, value: &Value) {
        let Value::Map(map) = value else {
            return self.walk(value, "", None);
        };
        let field =
            |map: &Map, name: &[u8]| map.get(name).as_ref().map(text_of).unwrap_or_default();
        let metadata = match map.get(b"metadata") {
            Some(Value::Map(metadata)) => Some(metadata),
            _ => None,
        };
        if let (Some(Value::List(items)), true) =
            (map.get(b"items"), field(map, b"kind").ends_with("List"))
        {
            for item in &items.items {
                self.resource(item);
            }
            return;
        }
        let outer = self.used_by.clone();
        if self.depth == 0 {
            self.used_by.kind = field(map, b"kind");
            self.used_by.name = metadata
                .map(|metadata| field(&metadata, b"name"))
                .unwrap_or_default();
        }
        self.walk(value, "", None);
        self.used_by = outer;
    }

    fn walk(&mut self, value: &Value, path: &str, container: Option<&str>) {
        match value {
            Value::Map(map) => {
                let entries = map.entries.borrow();
                // A container is a map with a name and an image.
                let name = match (
                    entries.get(&b"name"[..]),
                    entries.contains_key(&b"image"[..]),
                ) {
                    (Some(Value::Str(name)), true) => Some(name.to_str().into_owned()),
                    _ => None,
                };
                let container = name.as_deref().or(container);
                for (key, value) in entries.iter() {
                    let key = key.to_str();
                    let path = if path.is_empty() {
                        key.to_string()
                    } else {
                        format!("{path}.{key}")
                    };
                    match value {
                        Value::Str(text) if names_an_image(&key) => {
                            let image = Fields::of(&entries).complete(&text.to_str());
                            self.add(&image, &path, container);
                        }
                        Value::Map(map) if names_an_image(&key) && !self.in_values => {
                            if let Some(image) = Fields::of_image(&map.entries.borrow()) {
                                self.add(&image, &path, container);
                            }
                            self.walk(value, &path, container);
                        }
                        value => self.walk(value, &path, container),
                    }
                }
            }
            Value::List(list) => {
                for (index, item) in list.items.iter().enumerate() {
                    self.walk(item, &format!("{path}[{index}]"), container);
                }
            }
            Value::Str(text) if text.windows(5).any(|window| window == b"image") => {
                self.inner(&text.to_str(), path);
            }
            Value::Str(_)
            | Value::Nil
            | Value::Bool(_)
            | Value::Int(..)
            | Value::Float(_)
            | Value::Bytes(_)
            | Value::Struct(_)
            | Value::Time(_) => {}
        }
    }

    /// A text that may contain YAML.
    fn inner(&mut self, text: &str, path: &str) {
        if self.depth >= MAX_DEPTH || !text.contains(':') {
            return;
        }
        let outer = self.used_by.path.clone();
        let place = if outer.is_empty() {
            path.to_owned()
        } else {
            format!("{outer}.{path}")
        };
        let inside = UsedBy {
            path: place,
            ..self.used_by.clone()
        };
        let outer = std::mem::replace(&mut self.used_by, inside);
        self.depth += 1;
        let documents = yaml::read_documents(text);
        let mut is_yaml = true;
        for document in &documents {
            match document {
                Ok(value @ (Value::Map(_) | Value::List(_))) => {
                    let outer = self.in_values;
                    self.in_values |= has_global(value);
                    self.resource(value);
                    self.in_values = outer;
                }
                Ok(Value::Nil) => {}
                Ok(_) | Err(_) => is_yaml = false,
            }
        }
        if !is_yaml {
            self.lines(text);
        }
        self.depth -= 1;
        self.used_by = outer;
    }

    /// The lines of a text that is not YAML.
    fn lines(&mut self, text: &str) {
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let Some((column, value)) = image_line(line) else {
                continue;
            };
            // A map or a block of text starts on this line; `{{` is a template.
            let is_block =
                value.is_empty() || value.starts_with(['{', '|', '>']) && !value.starts_with("{{");
            if !is_block || !self.block(&line[column..], column, &lines[number + 1..]) {
                self.add(value, "image", None);
            }
        }
    }

    /// Reads the value of a key that continues on the lines below it; false if it is not YAML.
    fn block(&mut self, first: &str, column: usize, below: &[&str]) -> bool {
        let indent = |line: &str| line.len() - line.trim_start().len();
        let inside = below
            .iter()
            .take_while(|line| line.trim().is_empty() || indent(line) > column);
        let block: Vec<&str> = std::iter::once(first)
            .chain(inside.take(MAX_BLOCK).copied())
            .collect();
        let Some(Ok(value @ Value::Map(_))) =
            yaml::read_documents(&block.join("\n")).into_iter().next()
        else {
            let fields: Vec<&str> = block[1..].iter().map(|line| line.trim()).collect();
            let is_image =
                |line: &&str| line.starts_with("repository:") || line.starts_with("tag:");
            if fields.iter().any(is_image) {
                self.add(&format!("{{{}}}", fields.join(", ")), "image", None);
            }
            return false;
        };
        self.walk(&value, "", None);
        true
    }

    fn add(&mut self, image: &str, path: &str, container: Option<&str>) {
        let image = image.trim();
        // A text inside of a text can be prose; the field of a resource is not.
        if image.is_empty() || (self.depth > 0 && is_prose(image)) {
            return;
        }
        let outer = &self.used_by.path;
        let path = if outer.is_empty() {
            path.to_owned()
        } else {
            format!("{outer}.{path}")
        };
        let used_by = UsedBy {
            container: container.map(str::to_owned),
            path,
            ..self.used_by.clone()
        };
        self.found.insert(ImageUse {
            image: image.to_owned(),
            used_by,
        });
    }
}

/// True if these are a chart's values: they have a map `global` at the top, which Helm reserves for values.
fn has_global(value: &Value) -> bool {
    matches!(value, Value::Map(map) if matches!(map.get(b"global"), Some(Value::Map(_))))
}

/// The fields of a map that together name an image.
struct Fields {
    registry: Option<String>,
    repository: Option<String>,
    tag: Option<String>,
    digest: Option<String>,
}

impl Fields {
    fn of(entries: &BTreeMap<Text, Value>) -> Self {
        let field = |name: &str| match entries.get(name.as_bytes()) {
            // A tag such as `1.36` is a number in YAML.
            Some(value @ (Value::Str(_) | Value::Int(..) | Value::Float(_))) => {
                Some(text_of(value).trim().to_owned()).filter(|text| !text.is_empty())
            }
            _ => None,
        };
        Self {
            registry: field("registry"),
            repository: field("repository"),
            tag: field("tag"),
            digest: field("digest"),
        }
    }

    /// The image that a map below the key `image` names: its reference, or the fields if they are not a reference.
    /// `None` if the map does not name an image, for example `{pullPolicy: Always}`.
    fn of_image(entries: &BTreeMap<Text, Value>) -> Option<String> {
        let mut fields = Self::of(entries);
        let text = |name: &str| match entries.get(name.as_bytes()) {
            Some(Value::Str(text)) => Some(text.to_str().trim().to_owned()),
            _ => None,
        };
        let has_version = fields.tag.is_some() || fields.digest.is_some();
        if text("image").is_some() || !(has_version || fields.repository.is_some()) {
            return None;
        }
        fields.repository = fields.repository.or_else(|| text("name"));
        match &fields.repository {
            Some(repository) if has_version || is_versioned(repository) => {
                Some(fields.reference(repository))
            }
            // Without a tag, the program that reads the map chooses one, not necessarily `latest`.
            Some(_) | None => Some(fields.to_string()),
        }
    }

    /// The image of a key next to these fields.
    fn complete(&self, image: &str) -> String {
        let has_version = self.tag.is_some() || self.digest.is_some();
        if has_version && !is_versioned(image) {
            self.reference(image)
        } else {
            image.to_owned()
        }
    }

    fn reference(&self, repository: &str) -> String {
        let part = |before: &str, field: &Option<String>, after: &str| {
            let text = field.as_ref();
            text.map(|text| format!("{before}{text}{after}"))
                .unwrap_or_default()
        };
        let registry = part("", &self.registry, "/");
        let (tag, digest) = (part(":", &self.tag, ""), part("@", &self.digest, ""));
        format!("{registry}{repository}{tag}{digest}")
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            registry,
            repository,
            tag,
            digest,
        } = self;
        let named = [
            ("registry", registry),
            ("repository", repository),
            ("tag", tag),
            ("digest", digest),
        ];
        let given = named
            .iter()
            .filter_map(|(name, field)| Some(format!("{name}: {}", field.as_ref()?)));
        write!(f, "{{{}}}", given.collect::<Vec<_>>().join(", "))
    }
}

/// True if a reference has a tag or a digest; a colon before a slash is part of a port.
fn is_versioned(image: &str) -> bool {
    let last = image.rsplit('/').next().unwrap_or(image);
    last.contains([':', '@'])
}

/// True if a text has several words, unlike a reference; a placeholder such as `{{ .Values.image }}` is not a word.
fn is_prose(text: &str) -> bool {
    let mut depth = 0_usize;
    text.chars().any(|c| {
        match c {
            '{' | '(' | '[' | '<' => depth += 1,
            '}' | ')' | ']' | '>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && c.is_whitespace()
    })
}

/// The column of a line's key if it names an image, and the value after it.
fn image_line(line: &str) -> Option<(usize, &str)> {
    let text = line.trim_start_matches([' ', '\t', '-']);
    let (key, value) = text.split_once(':')?;
    if !names_an_image(key.trim_end().trim_matches(['"', '\''])) {
        return None;
    }
    let value = value.split(" #").next().unwrap_or_default();
    let value = value.trim().trim_end_matches(',').trim_matches(['"', '\'']);
    Some((line.len() - text.len(), value))
}

/// `image`, and names that end in it after a dash or an underscore.
fn names_an_image(key: &str) -> bool {
    key.strip_suffix("image")
        .is_some_and(|before| before.is_empty() || before.ends_with(['-', '_']))
}
