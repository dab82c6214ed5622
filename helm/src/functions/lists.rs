//! Lists.

use super::arguments::{int, items, text};
use super::{Outcome, check_items};
use crate::exec::{Failure, Interpreter};
use crate::value::{Value, deep_equal, to_display};

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
        [] => Value::list(Vec::new()),
        [_, rest @ ..] => Value::list(rest.to_vec()),
    })
}

pub(super) fn initial(args: &[Value]) -> Outcome {
    Ok(match items(&args[0], "find initial")?.as_ref() {
        [] => Value::list(Vec::new()),
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

pub(super) fn uniq(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    let mut unique: Vec<Value> = Vec::new();
    for item in items(&args[0], "find uniq")?.iter() {
        interpreter.steps(unique.len())?;
        if !unique.iter().any(|other| deep_equal(item, other)) {
            unique.push(item.clone());
        }
    }
    Ok(Value::list(unique))
}

pub(super) fn without(args: &[Value]) -> Outcome {
    let unwanted = &args[1..];
    let list = items(&args[0], "find without")?;
    Ok(Value::list(
        list.iter()
            .filter(|item| !unwanted.iter().any(|other| deep_equal(item, other)))
            .cloned()
            .collect(),
    ))
}

pub(super) fn has(args: &[Value]) -> Outcome {
    if matches!(args[1], Value::Nil) {
        return Ok(Value::Bool(false));
    }
    Ok(Value::Bool(
        items(&args[1], "find has")?
            .iter()
            .any(|item| deep_equal(&args[0], item)),
    ))
}

pub(super) fn chunk(args: &[Value]) -> Outcome {
    let size = int(&args[0]);
    let list = match &args[1] {
        Value::Nil => items(&args[1], "chunk")?,
        value => value
            .items()
            .ok_or_else(|| Failure::from(format!("Cannot chunk type {}", value.kind())))?,
    };
    if size < 1 {
        return Err("the size of a chunk must be positive".into());
    }
    Ok(Value::list(
        list.chunks(size as usize)
            .map(|chunk| Value::list(chunk.to_vec()))
            .collect(),
    ))
}

pub(super) fn sort_alpha(args: &[Value]) -> Outcome {
    match args[0].items() {
        Some(items) => {
            let mut texts: Vec<_> = items
                .iter()
                .filter(|item| !matches!(item, Value::Nil))
                .map(to_display)
                .collect();
            texts.sort();
            Ok(Value::strings(texts))
        }
        None => Ok(Value::strings([to_display(&args[0])])),
    }
}

pub(super) fn to_strings(args: &[Value]) -> Outcome {
    Ok(Value::strings(strings_of(&args[0])))
}

/// Sprig's `strslice`: the items as strings, without the nil ones.
pub(super) fn strings_of(value: &Value) -> Vec<crate::value::Text> {
    match (value, value.items()) {
        (_, Some(items)) => items
            .iter()
            .filter(|item| !matches!(item, Value::Nil))
            .map(to_display)
            .collect(),
        (Value::Nil, None) => Vec::new(),
        (value, None) => vec![to_display(value)],
    }
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
    let texts: Vec<String> = all.iter().map(i64::to_string).collect();
    Ok(Value::text(texts.join(" ")))
}

pub(super) fn split_list(args: &[Value]) -> Outcome {
    let (separator, original) = (text(&args[0]), text(&args[1]));
    Ok(Value::strings(super::strings::split_go(
        &original, &separator,
    )))
}
