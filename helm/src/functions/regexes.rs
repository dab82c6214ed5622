//! The `regex*` functions, over patterns in Go's syntax.

use std::rc::Rc;

use super::arguments::{bytes, int, text};
use super::strings::check_parts;
use super::{Outcome, check_text};
use crate::failure::Failure;
use crate::patterns::{Pattern, PatternError};
use crate::state::State;
use crate::value::{ListType, Text, Value};

/// The cost of compiling a pattern, in steps.
const COMPILING: usize = 10_000;
/// The additional cost of compiling a large pattern, in steps.
const COMPILING_LARGE: usize = 90_000;
/// How many compiled patterns are kept.
const MAX_COMPILED: usize = 16;

/// Compiles a pattern. The inner error is about the pattern, the outer one about the limits of the render.
fn compile(
    state: &mut State,
    source: &Value,
) -> Result<Result<Rc<Pattern>, PatternError>, Failure> {
    let source = bytes(source);
    if let Some(pattern) = state.patterns.get(source) {
        return Ok(Ok(pattern.clone()));
    }
    // Compiling takes a thousand times longer than most other steps.
    state.steps(COMPILING)?;
    let pattern = match Pattern::compile(source) {
        Ok(pattern) => Rc::new(pattern),
        Err(error) => return Ok(Err(error)),
    };
    if !pattern.is_small() {
        state.steps(COMPILING_LARGE)?;
        // One large pattern is kept at a time.
        state.patterns.retain(|_, kept| kept.is_small());
    }
    if state.patterns.len() >= MAX_COMPILED {
        state.patterns.clear();
    }
    state.patterns.insert(Text::from(source), pattern.clone());
    Ok(Ok(pattern))
}

/// Compiles a pattern; an invalid one is an error.
fn compile_valid(state: &mut State, source: &Value) -> Result<Rc<Pattern>, Failure> {
    compile(state, source)?.map_err(|error| Failure::from(error.to_string()))
}

pub(super) fn regex_match(state: &mut State, args: &[Value]) -> Outcome {
    match compile(state, &args[0])? {
        Ok(pattern) => Ok(Value::Bool(pattern.regex().is_match(&text(&args[1])))),
        // Sprig ignores the error.
        Err(PatternError::Refused(_)) => Ok(Value::Bool(false)),
        Err(PatternError::Unsupported(problem)) => Err(problem.into()),
    }
}

pub(super) fn must_regex_match(state: &mut State, args: &[Value]) -> Outcome {
    Ok(Value::Bool(
        compile_valid(state, &args[0])?
            .regex()
            .is_match(&text(&args[1])),
    ))
}

pub(super) fn regex_find(state: &mut State, args: &[Value]) -> Outcome {
    let whole = text(&args[1]);
    Ok(Value::text(
        compile_valid(state, &args[0])?
            .regex()
            .find(&whole)
            .map_or("", |found| found.as_str()),
    ))
}

pub(super) fn regex_find_all(state: &mut State, args: &[Value]) -> Outcome {
    let (whole, count) = (text(&args[1]), int(&args[2]));
    let pattern = compile_valid(state, &args[0])?;
    let regex = pattern.regex();
    let limit = usize::try_from(count).unwrap_or(usize::MAX);
    let found = || regex.find_iter(&whole).take(limit);
    let count = found().count();
    state.steps(count)?;
    match count {
        0 => Ok(Value::nil_list(ListType::Strings)),
        count => {
            check_parts(count)?;
            Ok(Value::strings(found().map(|found| found.as_str())))
        }
    }
}

pub(super) fn regex_replace_all(state: &mut State, args: &[Value]) -> Outcome {
    let (whole, replacement) = (text(&args[1]), text(&args[2]));
    let pattern = compile_valid(state, &args[0])?;
    let count = pattern.regex().find_iter(&whole).count();
    state.steps(count)?;
    let references = replacement.matches('$').count();
    let mut out = String::new();
    let mut end = 0;
    for captures in pattern.regex().captures_iter(&whole) {
        let found = captures.get_match();
        // A group is never longer than the whole match.
        let longest = references.saturating_mul(found.len());
        check_text((out.len() + whole.len() + replacement.len()).saturating_add(longest))?;
        out.push_str(&whole[end..found.start()]);
        pattern.expand(&replacement, &captures, &mut out);
        end = found.end();
    }
    out.push_str(&whole[end..]);
    Ok(Value::text(out))
}

pub(super) fn regex_replace_all_literal(state: &mut State, args: &[Value]) -> Outcome {
    let (whole, replacement) = (text(&args[1]), text(&args[2]));
    let pattern = compile_valid(state, &args[0])?;
    let regex = pattern.regex();
    let count = regex.find_iter(&whole).count();
    state.steps(count)?;
    check_text(
        whole
            .len()
            .saturating_add(count.saturating_mul(replacement.len())),
    )?;
    Ok(Value::text(
        regex.replace_all(&whole, regex::NoExpand(&replacement)),
    ))
}

pub(super) fn regex_split(state: &mut State, args: &[Value]) -> Outcome {
    let (whole, count) = (text(&args[1]), int(&args[2]));
    let pattern = compile_valid(state, &args[0])?;
    let regex = pattern.regex();
    if count == 0 {
        return Ok(Value::nil_list(ListType::Strings));
    }
    if whole.is_empty() && !bytes(&args[0]).is_empty() {
        return Ok(Value::strings([""]));
    }
    let found = regex.find_iter(&whole).count();
    state.steps(found)?;
    check_parts(found + 1)?;
    let mut parts = Vec::new();
    let (mut start, mut end) = (0, 0);
    for found in regex.find_iter(&whole) {
        if count > 0 && parts.len() as i64 == count - 1 {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(&whole[start..end]);
        }
        start = found.end();
    }
    if end != whole.len() {
        parts.push(&whole[start..]);
    }
    Ok(Value::strings(parts))
}

pub(super) fn regex_quote_meta(args: &[Value]) -> Outcome {
    let mut out = String::new();
    for character in text(&args[0]).chars() {
        if "\\.+*?()|[]{}^$".contains(character) {
            out.push('\\');
        }
        out.push(character);
    }
    Ok(Value::text(out))
}
