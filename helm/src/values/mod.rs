//! Values: read from YAML or set on a command line, and merged as Helm merges them.

pub(crate) mod coalesce;
mod set;

use serde_json::{Map, Value as Tree};

use crate::error::Error;
use crate::limits::Limits;
use crate::value::memory::Held;
use crate::yaml::YamlError;
use crate::{value, yaml};

/// The values that override a chart's own.
///
/// Later calls override earlier ones, as later files and flags do in Helm.
///
/// ```
/// let mut values = helm_render::Values::new();
/// values.merge_yaml("image: {repository: nginx, tag: '1.0'}\nreplicas: 2")?;
/// values.set("image.tag=1.1,hosts={a,b}")?;
/// assert_eq!(values.tree()["image"]["tag"], "1.1");
/// assert_eq!(values.tree()["image"]["repository"], "nginx");
/// assert_eq!(values.tree()["hosts"][1], "b");
/// # Ok::<(), helm_render::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values(Tree);

impl Values {
    /// Empty values.
    pub fn new() -> Self {
        Self(Tree::Object(Map::new()))
    }

    /// Values from a tree; a tree that is not an object is an empty one.
    ///
    /// Integers stay Go's `int64`, as from `--set`; Helm reads numbers in files as floats, and so does
    /// [`merge_yaml`](Self::merge_yaml).
    pub fn from_tree(tree: Tree) -> Self {
        match tree {
            Tree::Object(_) => Self(tree),
            Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::String(_) | Tree::Array(_) => {
                Self::new()
            }
        }
    }

    /// The values as a tree.
    pub fn tree(&self) -> &Tree {
        &self.0
    }

    /// Merges a values file: maps are merged, other values are replaced.
    ///
    /// # Errors
    ///
    /// If the text is not a YAML map. The message does not contain its values.
    pub fn merge_yaml(&mut self, text: &str) -> Result<(), Error> {
        let new = read_documents(text.as_bytes());
        let new = new.map_err(|error| Error::Values(error.without_content().to_owned()))?;
        self.merge_tree(Tree::Object(new));
        Ok(())
    }

    /// Merges a tree: maps are merged, other values are replaced.
    pub fn merge_tree(&mut self, tree: Tree) {
        if let Tree::Object(new) = tree {
            let old = std::mem::take(self.entries_mut());
            *self.entries_mut() = merge_maps(old, new);
        }
    }

    /// Sets values in the syntax of Helm's `--set`: `a.b=c,list[0]=x,other={a,b},escaped\,comma=1`.
    ///
    /// # Errors
    ///
    /// If the text does not have this syntax.
    pub fn set(&mut self, text: &str) -> Result<(), Error> {
        set::parse_into(text, self.entries_mut(), false)
            .map_err(|problem| Error::Values(format!("{text:?}: {problem}")))
    }

    /// Sets values in the syntax of Helm's `--set-string`: every value is text.
    ///
    /// # Errors
    ///
    /// If the text does not have this syntax.
    pub fn set_string(&mut self, text: &str) -> Result<(), Error> {
        set::parse_into(text, self.entries_mut(), true)
            .map_err(|problem| Error::Values(format!("{text:?}: {problem}")))
    }

    /// The entries at the top.
    pub(crate) fn entries(&self) -> Map<String, Tree> {
        self.0.as_object().cloned().unwrap_or_default()
    }

    fn entries_mut(&mut self) -> &mut Map<String, Tree> {
        if !self.0.is_object() {
            self.0 = Tree::Object(Map::new());
        }
        match &mut self.0 {
            Tree::Object(entries) => entries,
            // The lines above make it an object.
            _ => unreachable!("values are an object"),
        }
    }
}

/// Reads a YAML text as Helm reads a file of values, but it may be any value: a list of maps with values, for example.
///
/// ```
/// assert_eq!(helm_render::read_yaml("- a: yes")?, serde_json::json!([{"a": true}]));
/// # Ok::<(), helm_render::Error>(())
/// ```
///
/// # Errors
///
/// If the text is not one YAML document. The message does not contain texts of it.
pub fn read_yaml(text: &str) -> Result<Tree, Error> {
    let refused = |problem: String| Err(Error::Values(problem));
    match yaml::read_documents(text).as_slice() {
        [] => Ok(Tree::Null),
        [Ok(value)] => Ok(value::to_tree(value)),
        [.., Err(error)] => refused(error.without_content().to_owned()),
        _ => refused("it has several YAML documents".to_owned()),
    }
}

/// Reads a values file: one or more YAML documents; later ones override earlier ones.
pub(crate) fn read_documents(data: &[u8]) -> Result<Map<String, Tree>, YamlError> {
    let text = std::str::from_utf8(data);
    let text = text.map_err(|error| YamlError(format!("not UTF-8: {error}")))?;
    // Reserve memory for the tree that is made of the values.
    let _tree = Held::new(Limits::MEMORY / 2);
    let mut values = Map::new();
    let mut rest = text;
    loop {
        let end = document_end(rest);
        let document = yaml::read_map(&rest[..end])?;
        let tree = value::to_tree(&value::Value::map(document));
        if let Tree::Object(new) = tree {
            values = merge_maps(values, new);
        }
        if end == rest.len() {
            return Ok(values);
        }
        // Skip the separator's line.
        rest = &rest[end + 1..];
        rest = rest.find('\n').map_or("", |at| &rest[at + 1..]);
    }
}

/// The end of the document: a line that starts with `---` and is not the first one.
fn document_end(text: &str) -> usize {
    text.find("\n---").unwrap_or(text.len())
}

/// Helm's `MergeMaps`: the second map overrides the first, and maps inside are merged.
fn merge_maps(mut old: Map<String, Tree>, new: Map<String, Tree>) -> Map<String, Tree> {
    for (key, value) in new {
        let value = match (old.remove(&key), value) {
            (Some(Tree::Object(old)), Tree::Object(new)) => Tree::Object(merge_maps(old, new)),
            (_, value) => value,
        };
        old.insert(key, value);
    }
    old
}

/// The value at a path of keys separated by points.
pub(crate) fn find_path<'a>(values: &'a Map<String, Tree>, path: &str) -> Option<&'a Tree> {
    let mut parts = path.split('.');
    let mut current = values.get(parts.next()?)?;
    for part in parts {
        current = current.as_object()?.get(part)?;
    }
    Some(current)
}
