//! Lists.

use super::arguments::{int, items, text};
use super::casting::strings_of;
use super::{Outcome, check_items};
use crate::failure::Failure;
use crate::state::State;
use crate::value::{ListType, Value, memory, to_display};

pub(super) fn list(args: &[Value]) -> Outcome {
    Ok(Value::list(args.to_vec()))
}

pub(super) fn append(args: &[Value]) -> Outcome {
    let mut list = items(&args[0], "push")?.into_owned();
    check_items(list.len() + 1)?;
    list.push(args[1].clone());
    Ok(Value::list(list))
}

pub(super) fn prepend(args: &[Value]) -> Outcome {
    let list = items(&args[0], "prepend")?;
    check_items(list.len() + 1)?;
    Ok(Value::list(
        std::iter::once(args[1].clone())
            .chain(list.iter().cloned())
            .collect(),
    ))
}

pub(super) fn concat(args: &[Value]) -> Outcome {
    let mut all = Vec::new();
    for list in args {
        let list = list
            .items()
            .ok_or_else(|| Failure::from(format!("Cannot concat type {} as list", list.kind())))?;
        check_items(all.len() + list.len())?;
        all.extend_from_slice(&list);
    }
    // Go appends to a nil slice.
    if all.is_empty() {
        return Ok(Value::nil_list(ListType::Any));
    }
    Ok(Value::list(all))
}

pub(super) fn first(args: &[Value]) -> Outcome {
    Ok(items(&args[0], "find first")?
        .first()
        .cloned()
        .unwrap_or(Value::Nil))
}

pub(super) fn last(args: &[Value]) -> Outcome {
    Ok(items(&args[0], "find last")?
        .last()
        .cloned()
        .unwrap_or(Value::Nil))
}

pub(super) fn rest(args: &[Value]) -> Outcome {
    Ok(match items(&args[0], "find rest")?.as_ref() {
        [] => Value::nil_list(ListType::Any),
        [_, rest @ ..] => Value::list(rest.to_vec()),
    })
}

pub(super) fn initial(args: &[Value]) -> Outcome {
    Ok(match items(&args[0], "find initial")?.as_ref() {
        [] => Value::nil_list(ListType::Any),
        [initial @ .., _] => Value::list(initial.to_vec()),
    })
}

pub(super) fn reverse(args: &[Value]) -> Outcome {
    let mut list = items(&args[0], "find reverse")?.into_owned();
    list.reverse();
    Ok(Value::list(list))
}

pub(super) fn compact(args: &[Value]) -> Outcome {
    Ok(Value::list(
        items(&args[0], "compact")?
            .iter()
            .filter(|item| item.is_true())
            .cloned()
            .collect(),
    ))
}

pub(super) fn uniq(state: &mut State, args: &[Value]) -> Outcome {
    let mut unique: Vec<Value> = Vec::new();
    for item in items(&args[0], "find uniq")?.iter() {
        if !contains(state, &unique, item)? {
            unique.push(item.clone());
        }
    }
    Ok(Value::list(unique))
}

pub(super) fn without(state: &mut State, args: &[Value]) -> Outcome {
    let mut rest = Vec::new();
    for item in items(&args[0], "find without")?.iter() {
        if !contains(state, &args[1..], item)? {
            rest.push(item.clone());
        }
    }
    Ok(Value::list(rest))
}

pub(super) fn has(state: &mut State, args: &[Value]) -> Outcome {
    if matches!(args[1], Value::Nil) {
        return Ok(Value::Bool(false));
    }
    let items = items(&args[1], "find has")?;
    Ok(Value::Bool(contains(state, &items, &args[0])?))
}

fn contains(state: &mut State, items: &[Value], wanted: &Value) -> Result<bool, Failure> {
    for item in items {
        if state.deep_equal(item, wanted)? {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) fn chunk(args: &[Value]) -> Outcome {
    let size = int(&args[0]);
    let list = match &args[1] {
        Value::Nil => items(&args[1], "chunk")?,
        value => value
            .items()
            .ok_or_else(|| Failure::from(format!("Cannot chunk type {}", value.kind())))?,
    };
    chunks(&list, size)
}

/// Sprig computes with floats, and Go fails if a length is negative: a size that is not positive is valid for some
/// lengths.
fn chunks(list: &[Value], size: i64) -> Outcome {
    let length = list.len() as i64;
    let count = ((length as f64 - 1.0) / size as f64).floor() + 1.0;
    let last = match length.checked_rem(size) {
        Some(0) | None => size,
        Some(rest) => rest,
    };
    if count.is_nan() || count < 0.0 || (count > 0.0 && last < 0) || size == 0 {
        return Err("runtime error: makeslice: len out of range".into());
    }
    if count == 0.0 {
        return Ok(Value::typed_list(Vec::new(), ListType::Lists));
    }
    // Count the memory of each chunk.
    memory::check_room(count as usize * 128)?;
    let chunks = list
        .chunks(usize::try_from(size).unwrap_or(list.len()))
        .map(|chunk| Value::list(chunk.to_vec()));
    Ok(Value::typed_list(chunks.collect(), ListType::Lists))
}

pub(super) fn sort_alpha(args: &[Value]) -> Outcome {
    Ok(Value::strings(match args[0].items() {
        Some(_) => {
            let mut texts = strings_of(&args[0])?;
            texts.sort();
            texts
        }
        None => vec![to_display(&args[0])],
    }))
}

pub(super) fn to_strings(args: &[Value]) -> Outcome {
    Ok(Value::strings(strings_of(&args[0])?))
}

pub(super) fn until(args: &[Value]) -> Outcome {
    let count = int(&args[0]);
    Ok(Value::ints(steps(
        0,
        count,
        if count < 0 { -1 } else { 1 },
    )?))
}

pub(super) fn until_step(args: &[Value]) -> Outcome {
    Ok(Value::ints(steps(
        int(&args[0]),
        int(&args[1]),
        int(&args[2]),
    )?))
}

fn steps(start: i64, stop: i64, step: i64) -> Result<Vec<i64>, Failure> {
    let runs = (stop < start && step < 0) || (stop >= start && step > 0);
    if !runs {
        return Ok(Vec::new());
    }
    let count = start.abs_diff(stop).div_ceil(step.unsigned_abs());
    check_items(usize::try_from(count).unwrap_or(usize::MAX))?;
    Ok((0..count as i64)
        .map(|index| start + index * step)
        .collect())
}

pub(super) fn seq(args: &[Value]) -> Outcome {
    let numbers: Vec<i64> = args.iter().map(int).collect();
    let direction = |start: i64, end: i64| if end < start { -1 } else { 1 };
    let all = match numbers[..] {
        [end] => steps(1, end.saturating_add(direction(1, end)), direction(1, end))?,
        [start, end] => steps(
            start,
            end.saturating_add(direction(start, end)),
            direction(start, end),
        )?,
        [start, step, end] => {
            if end < start && step > 0 {
                Vec::new()
            } else {
                steps(start, end.saturating_add(direction(start, end)), step)?
            }
        }
        _ => Vec::new(),
    };
    let mut text = String::new();
    for number in all {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&number.to_string());
    }
    Ok(Value::text(text))
}

pub(super) fn split_list(args: &[Value]) -> Outcome {
    let (separator, original) = (text(&args[0]), text(&args[1]));
    Ok(Value::strings(super::strings::split_go(
        &original, &separator,
    )?))
}
