//! `default`, `empty`, `coalesce`, `ternary` and similar functions.

use super::Outcome;
use super::arguments::flag;
use crate::value::Value;

pub(super) fn default(args: &[Value]) -> Outcome {
    Ok(match args.get(1) {
        Some(given) if given.is_true() => given.clone(),
        _ => args[0].clone(),
    })
}

pub(super) fn empty(args: &[Value]) -> Outcome {
    Ok(Value::Bool(!args[0].is_true()))
}

pub(super) fn coalesce(args: &[Value]) -> Outcome {
    Ok(args
        .iter()
        .find(|value| value.is_true())
        .cloned()
        .unwrap_or(Value::Nil))
}

pub(super) fn all(args: &[Value]) -> Outcome {
    Ok(Value::Bool(args.iter().all(Value::is_true)))
}

pub(super) fn any(args: &[Value]) -> Outcome {
    Ok(Value::Bool(args.iter().any(Value::is_true)))
}

pub(super) fn ternary(args: &[Value]) -> Outcome {
    Ok(if flag(&args[2]) {
        args[0].clone()
    } else {
        args[1].clone()
    })
}

pub(super) fn hello(_: &[Value]) -> Outcome {
    Ok(Value::text("Hello!"))
}

pub(super) fn fail(args: &[Value]) -> Outcome {
    Err(crate::failure::Failure::Stop(
        super::arguments::text(&args[0]).into_owned(),
    ))
}

pub(super) fn required(args: &[Value]) -> Outcome {
    match &args[1] {
        Value::Nil => fail(args),
        Value::Str(text) if text.is_empty() => fail(args),
        value => Ok(value.clone()),
    }
}
