//! `kindOf`, `typeOf`, `deepEqual` and similar functions.

use super::Outcome;
use super::arguments::text;
use crate::state::State;
use crate::value::Value;

pub(super) fn kind_of(args: &[Value]) -> Outcome {
    Ok(Value::text(args[0].kind()))
}

pub(super) fn kind_is(args: &[Value]) -> Outcome {
    Ok(Value::Bool(text(&args[0]) == args[1].kind()))
}

pub(super) fn type_of(args: &[Value]) -> Outcome {
    Ok(Value::text(args[0].type_name()))
}

pub(super) fn type_is(args: &[Value]) -> Outcome {
    Ok(Value::Bool(text(&args[0]) == args[1].type_name()))
}

pub(super) fn type_is_like(args: &[Value]) -> Outcome {
    let (target, name) = (text(&args[0]), args[1].type_name());
    Ok(Value::Bool(target == name || format!("*{target}") == name))
}

pub(super) fn deep_equal(state: &mut State, args: &[Value]) -> Outcome {
    Ok(Value::Bool(state.deep_equal(&args[0], &args[1])?))
}
