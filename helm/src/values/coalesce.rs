//! Helm's coalescing: the parent's values override the child's, the user's override the chart's, and null removes a
//! key.

use serde_json::{Map, Value as Tree};

type Table = Map<String, Tree>;

/// The view of a chart that coalescing needs.
pub(crate) trait Scope: Sized {
    /// The key of its values in those of its parent.
    fn name(&self) -> &str;
    /// The chart's own values.
    fn values(&self) -> &Table;
    /// The charts inside it.
    fn children(&self) -> &[Self];
}

/// Adds the values of a chart and of all charts inside it where the given values lack them; nulls remove keys.
pub(crate) fn coalesce_values<S: Scope>(scope: &S, values: &Table) -> Result<Table, String> {
    let mut result = values.clone();
    coalesce(scope, &mut result, false)?;
    Ok(result)
}

/// Like [`coalesce_values`], but nulls stay.
pub(crate) fn merge_values<S: Scope>(scope: &S, values: &Table) -> Result<Table, String> {
    let mut result = values.clone();
    coalesce(scope, &mut result, true)?;
    Ok(result)
}

/// Adds the entries of a table that another one lacks; nulls stay.
pub(crate) fn merge_tables(over: &mut Table, under: Table) {
    coalesce_tables(over, under, true);
}

fn coalesce<S: Scope>(scope: &S, values: &mut Table, keep_nulls: bool) -> Result<(), String> {
    coalesce_own(scope, values, keep_nulls);
    for child in scope.children() {
        let name = child.name();
        // The child's table is taken out, filled, and put back.
        let mut inner = match values.remove(name) {
            None => Table::new(),
            Some(Tree::Object(inner)) => inner,
            Some(other) => return Err(format!("type mismatch on {name}: {other} is not a table")),
        };
        coalesce_globals(&mut inner, values);
        coalesce(child, &mut inner, keep_nulls)?;
        values.insert(name.to_owned(), Tree::Object(inner));
    }
    Ok(())
}

/// Overrides the child's `global` with the parent's.
fn coalesce_globals(child: &mut Table, parent: &Table) {
    let mut own = match child.get("global") {
        None => Table::new(),
        Some(Tree::Object(own)) => own.clone(),
        Some(_) => return,
    };
    let parents = match parent.get("global") {
        None => Table::new(),
        Some(Tree::Object(parents)) => parents.clone(),
        Some(_) => return,
    };
    for (key, value) in parents {
        match (value, own.get(&key)) {
            (Tree::Object(mut table), Some(Tree::Object(old))) => {
                coalesce_tables(&mut table, old.clone(), true);
                own.insert(key, Tree::Object(table));
            }
            (Tree::Object(table), None) => {
                own.insert(key, Tree::Object(table));
            }
            // Tables and other values do not mix.
            (Tree::Object(_), Some(_)) | (_, Some(Tree::Object(_))) => {}
            (value, _) => {
                own.insert(key, value);
            }
        }
    }
    child.insert("global".into(), Tree::Object(own));
}

/// Adds a chart's own values where the given ones lack them.
fn coalesce_own<S: Scope>(scope: &S, values: &mut Table, keep_nulls: bool) {
    for (key, default) in scope.values() {
        match values.get_mut(key) {
            None => {
                let mut default = default.clone();
                if !keep_nulls {
                    if default.is_null() {
                        continue;
                    }
                    remove_nulls(&mut default);
                }
                values.insert(key.clone(), default);
            }
            Some(Tree::Null) if !keep_nulls => {
                values.remove(key);
            }
            Some(Tree::Object(table)) => {
                if let Tree::Object(_) = default {
                    // The values of a chart inside this one are coalesced again later: their nulls stay.
                    let is_child = scope.children().iter().any(|child| child.name() == key);
                    let keep_nulls = keep_nulls || is_child;
                    let mut default = default.clone();
                    if !keep_nulls {
                        remove_nulls(&mut default);
                    }
                    if let Tree::Object(default) = default {
                        coalesce_tables(table, default, keep_nulls);
                    }
                }
            }
            Some(_) => {}
        }
    }
}

/// A chart's own nulls are removed, except for those in lists.
fn remove_nulls(value: &mut Tree) {
    if let Tree::Object(table) = value {
        table.retain(|_, value| !value.is_null());
        table.values_mut().for_each(remove_nulls);
    }
}

fn coalesce_tables(over: &mut Table, under: Table, keep_nulls: bool) {
    for (key, value) in under {
        match over.get_mut(&key) {
            None => {
                over.insert(key, value);
            }
            // A null removes the value that it overrides, but not another null.
            Some(Tree::Null) if !keep_nulls && !value.is_null() => {
                over.remove(&key);
            }
            Some(Tree::Object(table)) => {
                if let Tree::Object(value) = value {
                    coalesce_tables(table, value, keep_nulls);
                }
            }
            Some(_) => {}
        }
    }
}
