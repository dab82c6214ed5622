//! The container images in rendered files, and the resources that use them.
//!
//! In each document, a key `image` (or `sidecar-image`, `base_image`) with a text names an image, in a container of a
//! pod template or in a field of a custom resource. A map of `registry`, `repository`, `tag` and `digest` below such a
//! key is written as one reference. YAML inside of texts (a ConfigMap's data) is searched the same way, except for maps
//! in a text with a chart's values. If a text is not YAML but has such lines, for example a script or a template of
//! another program, the lines are read, so that everything that a search for `image:` finds is found. A text that is
//! not a valid reference, such as `${IMAGE}`, is returned as it is written, so that the caller can report it. Tests of
//! the chart (`templates/tests/`) do not count.
//!
//! A caller can name more places by patterns, which are compared with every text of every resource (`patterns.rs`).

mod fields;
mod patterns;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::chart::text_of;
use crate::error::Error;
use crate::manifest::split_documents;
use crate::render::Rendered;
use crate::value::{self, Map, Text, Value};
use crate::yaml;
use fields::Fields;
use patterns::{ImageKeys, Search};

pub use patterns::{ImagePattern, limited_regex};

/// An image that a rendered chart uses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageUse {
    /// The image as it is written: not qualified, not completed, and possibly not a valid reference. A map is written
    /// as `registry/repository:tag@digest`, or as `{tag: 1.0}` if it does not name the image.
    pub image: String,
    /// The resource that uses it.
    pub used_by: UsedBy,
}

/// The images of a chart, with those that patterns find.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundImages {
    /// The images, sorted by name, each with every place that uses it.
    pub images: Vec<ImageUse>,
    /// How often each pattern matched.
    pub matches: Vec<usize>,
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
        let found = self.find(&mut Search::new(&[]));
        found.into_iter().collect()
    }

    /// Returns [`images`](Self::images), and the references that patterns find in the texts of the resources and of the custom
    /// resource definitions in `crds/`.
    ///
    /// # Errors
    ///
    /// If the patterns match too often.
    pub fn images_and(&self, patterns: &[ImagePattern]) -> Result<FoundImages, Error> {
        let mut search = Search::new(patterns);
        let mut found = self.find(&mut search);
        if !patterns.is_empty() {
            for (path, data) in &self.crds {
                let text = String::from_utf8_lossy(data);
                let used_by = used_by(path, path.split_once("/crds/"), &self.chart);
                for document in split_documents(&text) {
                    search.document(document, &used_by, ImageKeys::NotRead);
                }
            }
        }
        let (of_patterns, matches) = search.end()?;
        found.extend(of_patterns);
        Ok(FoundImages {
            images: found.into_iter().collect(),
            matches,
        })
    }

    fn find(&self, search: &mut Search<'_>) -> BTreeSet<ImageUse> {
        let mut found = BTreeSet::new();
        for (template, text) in &self.files {
            if template.ends_with("NOTES.txt") || template.contains("/templates/tests/") {
                continue;
            }
            let used_by = used_by(template, template.split_once("/templates/"), &self.chart);
            for document in split_documents(text) {
                search.document(document, &used_by, ImageKeys::Read);
                Finder {
                    found: &mut found,
                    used_by: used_by.clone(),
                    depth: 0,
                    in_values: false,
                }
                .document(document);
            }
        }
        found
    }
}

/// A place in a file of a chart.
fn used_by(template: &str, of_chart: Option<(&str, &str)>, root: &str) -> UsedBy {
    UsedBy {
        chart: of_chart.map_or(root, |(chart, _)| chart).to_owned(),
        template: template.to_owned(),
        ..UsedBy::default()
    }
}

/// The maximum depth of texts inside of texts.
const MAX_DEPTH: usize = 4;
/// How many lines below a key are read with it.
const MAX_BLOCK: usize = 16;
/// The most characters of a name or a path.
const LONGEST_NAME: usize = 500;

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
        if let Some(items) = items_of(map) {
            for item in &items.items {
                self.resource(item);
            }
            return;
        }
        let outer = self.used_by.clone();
        if self.depth == 0 {
            (self.used_by.kind, self.used_by.name) = kind_and_name(map);
        }
        self.walk(value, "", None);
        self.used_by = outer;
    }

    fn walk(&mut self, value: &Value, path: &str, container: Option<&str>) {
        match value {
            Value::Map(map) => {
                let entries = map.entries.borrow();
                let name = container_of(&entries);
                let container = name.as_deref().or(container);
                for (key, value) in entries.iter() {
                    let key = key.to_str();
                    let path = below(path, &key);
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
            path: shortened(&path),
            ..self.used_by.clone()
        };
        self.found.insert(ImageUse {
            image: image.to_owned(),
            used_by,
        });
    }
}

/// The items of a resource that is a list of resources.
fn items_of(map: &Map) -> Option<Rc<value::List>> {
    match map.get(b"items") {
        Some(Value::List(items)) if field(map, b"kind").ends_with("List") => Some(items),
        _ => None,
    }
}

fn kind_and_name(map: &Map) -> (String, String) {
    let name = match map.get(b"metadata") {
        Some(Value::Map(metadata)) => field(&metadata, b"name"),
        _ => String::new(),
    };
    (shortened(&field(map, b"kind")), shortened(&name))
}

fn field(map: &Map, name: &[u8]) -> String {
    map.get(name).as_ref().map(text_of).unwrap_or_default()
}

/// The name of a container: a map with a name and an image.
fn container_of(entries: &BTreeMap<Text, Value>) -> Option<String> {
    match (
        entries.get(&b"name"[..]),
        entries.contains_key(&b"image"[..]),
    ) {
        (Some(Value::Str(name)), true) => Some(shortened(&name.to_str())),
        _ => None,
    }
}

/// The path of a value in a map.
fn below(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}

/// A name or a path: it is kept for every image that it uses, so it must not be longer than a name can be.
fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_NAME).collect()
}

/// True if these are a chart's values: they have a map `global` at the top, which Helm reserves for values.
fn has_global(value: &Value) -> bool {
    matches!(value, Value::Map(map) if matches!(map.get(b"global"), Some(Value::Map(_))))
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
