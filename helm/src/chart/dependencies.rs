//! Decides which dependencies of a chart are enabled (conditions, tags, aliases), and imports values into parents.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Value as Tree};

use super::Chart;
use crate::dependency::Dependency;
use crate::value::{Text, Value, from_tree, to_tree};
use crate::values::coalesce::{Scope, coalesce_values, merge_tables, merge_values};
use crate::values::find_path;
use crate::versions::{Constraint, Version};

/// A chart with its enabled dependencies, under their aliases.
pub(crate) struct Enabled<'a> {
    pub(crate) chart: &'a Chart,
    pub(crate) name: String,
    pub(crate) values: Map<String, Tree>,
    pub(crate) requirements: Option<Vec<Dependency>>,
    pub(crate) children: Vec<Enabled<'a>>,
}

impl Scope for Enabled<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn values(&self) -> &Map<String, Tree> {
        &self.values
    }

    fn children(&self) -> &[Self] {
        &self.children
    }
}

impl<'a> Enabled<'a> {
    fn new(chart: &'a Chart) -> Self {
        Self {
            chart,
            name: chart.metadata.name.clone(),
            values: chart.values.clone(),
            requirements: chart.metadata.dependencies.clone(),
            children: chart.dependencies.iter().map(Self::new).collect(),
        }
    }
}

/// Decides for every dependency whether it is enabled, and imports values.
pub(crate) fn enable<'a>(
    chart: &'a Chart,
    values: &Map<String, Tree>,
) -> Result<Enabled<'a>, String> {
    let mut root = Enabled::new(chart);
    decide(&mut root, values, "")?;
    import(&mut root)?;
    Ok(root)
}

/// The values that the schemas of a chart and the charts inside it forbid; empty if there are none.
pub(crate) fn schema_errors(chart: &Enabled<'_>, values: &Map<String, Tree>) -> String {
    let mut out = String::new();
    if let Some(schema) = &chart.chart.schema
        && let Err(problem) = schema.validate(values)
    {
        out.push_str(&format!("{}:\n{}\n", chart.name, problem.trim_end()));
    }
    for child in &chart.children {
        match values.get(&child.name) {
            None | Some(Tree::Null) => {}
            Some(Tree::Object(values)) => out.push_str(&schema_errors(child, values)),
            Some(other) => {
                out.push_str(&format!(
                    "{}:\ninvalid type for values: expected object (map), got {other}\n",
                    child.name
                ));
            }
        }
    }
    out
}

/// Helm's `IsCompatibleRange`.
pub(crate) fn is_compatible(constraint: &str, version: &str) -> bool {
    match (Constraint::parse(constraint), Version::parse(version)) {
        (Some(constraint), Some(version)) => constraint.check(&version),
        _ => false,
    }
}

fn matches(requirement: &Dependency, child: &Enabled<'_>) -> bool {
    child.name == requirement.name
        && is_compatible(&requirement.version, &child.chart.metadata.version)
}

/// Helm's `processDependencyEnabled`.
fn decide(chart: &mut Enabled<'_>, values: &Map<String, Tree>, path: &str) -> Result<(), String> {
    let Some(mut requirements) = chart.requirements.take() else {
        return Ok(());
    };
    let present = std::mem::take(&mut chart.children);
    // Charts that are not declared come first, then the declared ones under their aliases.
    let mut children = Vec::new();
    for requirement in &requirements {
        if let Some(child) = present.iter().find(|child| matches(requirement, child)) {
            let mut child = Enabled::new(child.chart);
            if !requirement.alias.is_empty() {
                child.name = requirement.alias.clone();
            }
            children.push(child);
        }
    }
    let undeclared = present.into_iter().filter(|child| {
        !requirements
            .iter()
            .any(|requirement| matches(requirement, child))
    });
    chart.children = undeclared.collect();
    chart.children.append(&mut children);
    for requirement in &mut requirements {
        if !requirement.alias.is_empty() {
            requirement.name = requirement.alias.clone();
        }
    }
    let coalesced = coalesce_values(chart, values)?;
    requirements.retain_mut(|requirement| {
        is_enabled(requirement, &coalesced, path) || {
            chart
                .children
                .retain(|child| child.name != requirement.name);
            false
        }
    });
    for child in &mut chart.children {
        let path = format!("{path}{}.", child.name);
        decide(child, &coalesced, &path)?;
    }
    chart.requirements = if requirements.is_empty() {
        None
    } else {
        Some(requirements)
    };
    Ok(())
}

/// Checks tags, then conditions, which override them.
fn is_enabled(requirement: &Dependency, values: &Map<String, Tree>, path: &str) -> bool {
    let mut enabled = true;
    if let Some(Tree::Object(tags)) = values.get("tags") {
        let flags: Vec<bool> = requirement
            .tags
            .iter()
            .filter_map(|tag| tags.get(tag).and_then(Tree::as_bool))
            .collect();
        enabled = flags.is_empty() || flags.contains(&true);
    }
    for condition in requirement
        .condition
        .trim()
        .split(',')
        .filter(|condition| !condition.is_empty())
    {
        if let Some(Tree::Bool(value)) = find_path(values, &format!("{path}{condition}")) {
            return *value;
        }
    }
    enabled
}

/// Helm's `processDependencyImportValues`, innermost charts first.
///
/// Helm imports tables by reference: if two imports write into the same table, it changes in the child too.
fn import(chart: &mut Enabled<'_>) -> Result<(), String> {
    for child in &mut chart.children {
        import(child)?;
    }
    let Some(requirements) = &chart.requirements else {
        return Ok(());
    };
    let own = from_tree(&Tree::Object(merge_values(chart, &Map::new())?));
    let imported = Value::map(BTreeMap::new());
    for requirement in requirements {
        for wanted in &requirement.import_values {
            let (child, parent) = match wanted {
                Tree::String(name) => (format!("exports.{name}"), ".".to_owned()),
                Tree::Object(entries) => {
                    let text = |name: &str| match entries.get(name) {
                        Some(Tree::String(text)) => text.clone(),
                        Some(other) => other.to_string(),
                        None => "<nil>".into(),
                    };
                    (text("child"), text("parent"))
                }
                Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::Array(_) => continue,
            };
            let table = format!("{}.{child}", requirement.name).split('.').try_fold(
                own.clone(),
                |table, key| match table {
                    Value::Map(map) => map.get(key.as_bytes()),
                    _ => None,
                },
            );
            if let Some(table @ Value::Map(_)) = table {
                merge_shared(&imported, &nested(&parent, table));
            }
        }
    }
    let mut values = match to_tree(&own) {
        Tree::Object(values) => values,
        _ => Map::new(),
    };
    if let Tree::Object(imported) = to_tree(&imported) {
        merge_tables(&mut values, imported);
    }
    chart.values = values;
    Ok(())
}

/// A table under a path of keys.
fn nested(path: &str, table: Value) -> Value {
    if path == "." {
        return table;
    }
    path.rsplit('.').fold(table, |table, key| {
        Value::map(BTreeMap::from([(Text::from(key), table)]))
    })
}

/// Adds the missing entries to a table; tables inside are shared, not copied.
fn merge_shared(over: &Value, under: &Value) {
    let (Value::Map(over), Value::Map(under)) = (over, under) else {
        return;
    };
    if Rc::ptr_eq(&over.entries, &under.entries) {
        return;
    }
    let entries: Vec<_> = under
        .entries
        .borrow()
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    for (key, value) in entries {
        match over.get(&key) {
            None => over.insert(key, value),
            Some(old) => merge_shared(&old, &value),
        }
    }
}
