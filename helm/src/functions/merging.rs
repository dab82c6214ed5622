//! `merge` and `mergeOverwrite`: `dario.cat/mergo` for maps.

use std::rc::Rc;

use super::Outcome;
use super::arguments::map;
use crate::failure::Failure;
use crate::state::State;
use crate::value::{Map, MapType, Value, memory};

pub(super) fn merge(state: &mut State, args: &[Value]) -> Outcome {
    merge_all(state, args, false)
}

pub(super) fn merge_overwrite(state: &mut State, args: &[Value]) -> Outcome {
    merge_all(state, args, true)
}

/// Merges into the first argument; the change is visible in every reference to it.
fn merge_all(state: &mut State, args: &[Value], overwrite: bool) -> Outcome {
    // A nil map stays nil if the others are empty.
    let is_nil = |value: &Value| map(value).is_none_or(|map| map.is_nil);
    let target = match &args[0] {
        target if !is_nil(target) => target.clone(),
        _ if args[1..].iter().all(is_nil) => return Ok(Value::nil_map(MapType::Any)),
        _ => Value::map(Default::default()),
    };
    if let Some(destination) = map(&target) {
        for source in args[1..].iter().filter_map(map) {
            merge_into(state, destination, source, overwrite, 0)?;
        }
    }
    Ok(target)
}

fn merge_into(
    state: &mut State,
    destination: &Rc<Map>,
    source: &Rc<Map>,
    overwrite: bool,
    depth: usize,
) -> Result<(), Failure> {
    if Rc::ptr_eq(&destination.entries, &source.entries) {
        return Ok(());
    }
    if depth > 1_000 {
        return Err("the values contain themselves".into());
    }
    // The destination may contain the source: copy its current entries.
    let entries: Vec<_> = source
        .entries
        .borrow()
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    for (key, new) in entries {
        state.step()?;
        memory::check()?;
        let old = destination.get(&key);
        if matches!(new, Value::Nil) {
            if overwrite {
                destination.insert(key, new);
            }
            continue;
        }
        if let (Some(Value::Map(old)), Value::Map(new)) = (&old, &new) {
            merge_into(state, old, new, overwrite, depth + 1)?;
            if old.len() > 0 {
                continue;
            }
        }
        let keeps = match &old {
            Some(old) => old.is_true() && !overwrite,
            None => false,
        };
        if !keeps {
            destination.insert(key, new);
        }
    }
    Ok(())
}
