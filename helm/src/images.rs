//! The container images in rendered files, and what wants them.
//!
//! Documents are parsed and walked: wherever a key `image` (or `sidecar-image`, `base_image`) holds text, that is an image, be it a container of a pod
//! template or a field of a custom resource. YAML inside of texts (a ConfigMap's data) is walked the same way. Where a
//! text is no YAML but has such lines, as a script or a template of another program, the lines are read: nothing a
//! search for `image:` finds is missed. Tests of the chart (`templates/tests/`) do not count.

use std::collections::BTreeSet;

use crate::chart::text_of;
use crate::manifest::split_documents;
use crate::render::Rendered;
use crate::value::{Map, Value};
use crate::yaml;

/// An image that a rendered chart uses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageUse {
    /// The image as it is written: not qualified, nothing added.
    pub image: String,
    /// What wants it.
    pub wanted: Wanted,
}

/// What wants an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// The kind of the resource, as in `Deployment`.
    pub kind: String,
    /// The name of the resource.
    pub name: String,
    /// The name of the container, if it is one of a container.
    pub container: Option<String>,
    /// Where in the resource, as in `spec.template.spec.containers[0].image`.
    pub path: String,
    /// The chart it comes from, from the root's name on, as in `runwhen-local/charts/opentelemetry-collector`.
    pub chart: String,
    /// The template it comes from.
    pub template: String,
}

impl Rendered {
    /// The images of the rendered files, in the order of their names, each with everything that wants it.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # std::fs::create_dir(folder.path().join("templates"))?;
    /// # std::fs::write(folder.path().join("Chart.yaml"), "apiVersion: v2\nname: demo\nversion: 0.1.0\n")?;
    /// # let pod = "kind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'nginx:1'}]}\n";
    /// # std::fs::write(folder.path().join("templates/a.yaml"), pod)?;
    /// # let chart = helm::Chart::load(folder.path())?;
    /// # let rendered = helm::render(&chart, &Default::default(), &Default::default(), &Default::default())?;
    /// let images = rendered.images();
    /// assert_eq!(images[0].image, "nginx:1");
    /// assert_eq!(images[0].wanted.kind, "Pod");
    /// assert_eq!(images[0].wanted.container.as_deref(), Some("c"));
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
                let base = Wanted {
                    chart: chart.to_owned(),
                    template: template.clone(),
                    ..Wanted::default()
                };
                Finder {
                    found: &mut found,
                    wanted: base,
                    depth: 0,
                }
                .document(document);
            }
        }
        found.into_iter().collect()
    }
}

/// Texts inside of texts inside of texts.
const MAX_DEPTH: usize = 4;

struct Finder<'a> {
    found: &'a mut BTreeSet<ImageUse>,
    wanted: Wanted,
    depth: usize,
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
        let outer = self.wanted.clone();
        if self.depth == 0 {
            self.wanted.kind = field(map, b"kind");
            self.wanted.name = metadata
                .map(|metadata| field(&metadata, b"name"))
                .unwrap_or_default();
        }
        self.walk(value, "", None);
        self.wanted = outer;
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
                            self.add(&text.to_str(), &path, container)
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

    /// A text that may hold YAML of its own.
    fn inner(&mut self, text: &str, path: &str) {
        if self.depth >= MAX_DEPTH || !text.contains(':') {
            return;
        }
        let outer = self.wanted.path.clone();
        let place = if outer.is_empty() {
            path.to_owned()
        } else {
            format!("{outer}.{path}")
        };
        let inside = Wanted {
            path: place,
            ..self.wanted.clone()
        };
        let outer = std::mem::replace(&mut self.wanted, inside);
        self.depth += 1;
        let documents = yaml::read_documents(text);
        let mut is_yaml = true;
        for document in &documents {
            match document {
                Ok(value @ (Value::Map(_) | Value::List(_))) => self.resource(value),
                Ok(Value::Nil) => {}
                Ok(_) | Err(_) => is_yaml = false,
            }
        }
        if !is_yaml {
            self.lines(text);
        }
        self.depth -= 1;
        self.wanted = outer;
    }

    /// The lines of a text that is no YAML.
    fn lines(&mut self, text: &str) {
        for line in text.lines() {
            let line = line.trim_start().trim_start_matches("- ").trim_start();
            let line = line.strip_prefix('"').map_or(line, |line| line);
            let Some(rest) = line.strip_prefix("image") else {
                continue;
            };
            let Some(rest) = rest.trim_start_matches('"').trim_start().strip_prefix(':') else {
                continue;
            };
            let value = rest
                .split(" #")
                .next()
                .unwrap_or_default()
                .trim()
                .trim_end_matches(',');
            let value = value.trim_matches(['"', '\'']);
            self.add(value, "image", None);
        }
    }

    fn add(&mut self, image: &str, path: &str, container: Option<&str>) {
        let image = image.trim();
        let is_placeholder = image.contains("{{") || image.contains("${") || image.contains("$(");
        if image.is_empty() || is_placeholder || image.contains(char::is_whitespace) {
            return;
        }
        let outer = &self.wanted.path;
        let path = if outer.is_empty() {
            path.to_owned()
        } else {
            format!("{outer}.{path}")
        };
        let wanted = Wanted {
            container: container.map(str::to_owned),
            path,
            ..self.wanted.clone()
        };
        self.found.insert(ImageUse {
            image: image.to_owned(),
            wanted,
        });
    }
}

/// `image`, and what ends in it behind a dash or an underscore.
fn names_an_image(key: &str) -> bool {
    key.strip_suffix("image")
        .is_some_and(|before| before.is_empty() || before.ends_with(['-', '_']))
}
