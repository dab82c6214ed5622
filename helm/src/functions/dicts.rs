//! Maps.

use std::collections::BTreeMap;

use super::Outcome;
use super::arguments::{bytes, map};
use crate::failure::Failure;
use crate::state::State;
use crate::value::{Map, MapType, Text, Value, memory, to_display};

fn key(value: &Value) -> Text {
    Text::from(bytes(value))
}

pub(super) fn dict(state: &mut State, args: &[Value]) -> Outcome {
    let mut entries = BTreeMap::new();
    for pair in args.chunks(2) {
        state.read(&pair[0])?;
        entries.insert(
            to_display(&pair[0]),
            pair.get(1).cloned().unwrap_or_else(|| Value::text("")),
        );
    }
    Ok(Value::map(entries))
}

pub(super) fn get(args: &[Value]) -> Outcome {
    Ok(map(&args[0])
        .and_then(|map| map.get(bytes(&args[1])))
        .unwrap_or_else(|| Value::text("")))
}

pub(super) fn set(args: &[Value]) -> Outcome {
    match map(&args[0]) {
        Some(map) if !map.is_nil => {
            map.insert(key(&args[1]), args[2].clone());
            Ok(args[0].clone())
        }
        _ => Err("assignment to entry in nil map".into()),
    }
}

pub(super) fn unset(args: &[Value]) -> Outcome {
    let Some(map) = map(&args[0]) else {
        return Ok(Value::nil_map(MapType::Any));
    };
    map.remove(bytes(&args[1]));
    Ok(args[0].clone())
}

pub(super) fn has_key(args: &[Value]) -> Outcome {
    Ok(Value::Bool(map(&args[0]).is_some_and(|map| {
        map.entries.borrow().contains_key(bytes(&args[1]))
    })))
}

pub(super) fn pluck(args: &[Value]) -> Outcome {
    let key = bytes(&args[0]);
    Ok(Value::list(
        args[1..]
            .iter()
            .filter_map(|value| map(value)?.get(key))
            .collect(),
    ))
}

/// Go's order is random; the sorted order is one of the possible ones.
pub(super) fn keys(args: &[Value]) -> Outcome {
    let keys = args
        .iter()
        .filter_map(map)
        .flat_map(|map| map.entries.borrow().keys().cloned().collect::<Vec<_>>());
    Ok(Value::strings(keys))
}

/// In the order of the keys.
pub(super) fn values(args: &[Value]) -> Outcome {
    Ok(Value::list(map(&args[0]).map_or_else(Vec::new, |map| {
        map.entries.borrow().values().cloned().collect()
    })))
}

pub(super) fn pick(args: &[Value]) -> Outcome {
    let mut entries = BTreeMap::new();
    if let Some(map) = map(&args[0]) {
        for wanted in &args[1..] {
            if let Some(value) = map.get(bytes(wanted)) {
                entries.insert(key(wanted), value);
            }
        }
    }
    Ok(Value::map(entries))
}

pub(super) fn omit(args: &[Value]) -> Outcome {
    let mut entries = map(&args[0]).map_or_else(BTreeMap::new, |map| map.entries.borrow().clone());
    for unwanted in &args[1..] {
        entries.remove(bytes(unwanted));
    }
    Ok(Value::map(entries))
}

pub(super) fn dig(args: &[Value]) -> Outcome {
    if args.len() < 3 {
        return Err("dig needs at least three arguments".into());
    }
    let (path, rest) = args.split_at(args.len() - 2);
    let mut current = rest[1].clone();
    for step in path {
        let Value::Str(step) = step else {
            return Err(conversion(step, "string"));
        };
        // Helm's type of `.Values` is not accepted as a plain map here.
        let map = match &current {
            Value::Map(map) if map.kind == MapType::Any => map,
            other => return Err(conversion(other, "map[string]interface {}")),
        };
        match map.get(step) {
            Some(next) => current = next,
            None => return Ok(rest[0].clone()),
        }
    }
    Ok(current)
}

fn conversion(value: &Value, wanted: &str) -> Failure {
    let found = if matches!(value, Value::Nil) {
        "nil"
    } else {
        value.type_name()
    };
    Failure::from(format!(
        "interface conversion: interface {{}} is {found}, not {wanted}"
    ))
}

/// `deepCopy`: copies maps and lists at every depth.
pub(super) fn deep_copy(state: &mut State, args: &[Value]) -> Outcome {
    if matches!(args[0], Value::Nil) {
        return Err("reflect: call of reflect.Value.Type on zero Value".into());
    }
    copy(state, &args[0], 0)
}

fn copy(state: &mut State, value: &Value, depth: usize) -> Outcome {
    state.step()?;
    memory::check()?;
    if depth > 1_000 {
        return Err("the value contains itself".into());
    }
    Ok(match value {
        Value::List(list) if !list.is_nil => {
            let items: Result<Vec<_>, _> = list
                .items
                .iter()
                .map(|item| copy(state, item, depth + 1))
                .collect();
            Value::typed_list(items?, list.element)
        }
        Value::Map(map) if !map.is_nil => copy_map(state, map, depth)?,
        other => other.clone(),
    })
}

fn copy_map(state: &mut State, map: &Map, depth: usize) -> Outcome {
    let mut entries = BTreeMap::new();
    for (key, value) in map.entries.borrow().iter() {
        entries.insert(key.clone(), copy(state, value, depth + 1)?);
    }
    Ok(Value::typed_map(entries, map.kind))
}
