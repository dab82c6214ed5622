//! Helm's own functions, and the methods of `.Files`.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Outcome;
use super::arguments::text;
use crate::failure::Failure;
use crate::json::{self, Unreadable};
use crate::state::State;
use crate::value::{FileSet, ListType, MapType, Methods, Structure, Text, Value};
use crate::yaml::{self, Unwritable};

/// There is no cluster, so the result is empty.
pub(super) fn lookup(_: &[Value]) -> Outcome {
    Ok(Value::map(BTreeMap::new()))
}

/// There is no DNS, so the result is empty.
pub(super) fn get_host_by_name(_: &[Value]) -> Outcome {
    Ok(Value::text(""))
}

fn without_final_break(mut text: Vec<u8>) -> Value {
    if text.last() == Some(&b'\n') {
        text.pop();
    }
    Value::text(text)
}

pub(super) fn to_yaml(state: &mut State, args: &[Value]) -> Outcome {
    lenient(state, yaml::write(&args[0], state.text_limit()))
}

pub(super) fn to_yaml_pretty(state: &mut State, args: &[Value]) -> Outcome {
    lenient(state, yaml::write_pretty(&args[0], state.text_limit()))
}

pub(super) fn must_to_yaml(state: &mut State, args: &[Value]) -> Outcome {
    match yaml::write(&args[0], state.text_limit()) {
        Ok(text) => written(state, text),
        Err(problem) => Err(unwritable(problem)),
    }
}

/// Bytes of YAML that are written or read in the time of one step.
const YAML_PER_STEP: usize = 16;

fn written(state: &mut State, text: Vec<u8>) -> Outcome {
    state.steps(text.len() / YAML_PER_STEP)?;
    Ok(without_final_break(text))
}

/// A value that Go cannot write becomes an empty text.
fn lenient(state: &mut State, text: Result<Vec<u8>, Unwritable>) -> Outcome {
    match text {
        Ok(text) => written(state, text),
        Err(Unwritable::Unsupported) => Ok(Value::text("")),
        Err(Unwritable::TooLarge) => Err(unwritable(Unwritable::TooLarge)),
    }
}

fn unwritable(problem: Unwritable) -> Failure {
    match problem {
        Unwritable::Unsupported => "the value cannot be written as YAML".into(),
        Unwritable::TooLarge => "the value is too large to be written as YAML".into(),
    }
}

fn error_map(problem: String) -> Value {
    Value::map(BTreeMap::from([(
        Text::from("Error"),
        Value::text(problem),
    )]))
}

pub(super) fn from_yaml(state: &mut State, args: &[Value]) -> Outcome {
    state.steps(text(&args[0]).len() / YAML_PER_STEP)?;
    match yaml::read_map(&text(&args[0])) {
        Ok(entries) => Ok(Value::map(entries)),
        Err(error) if error.is_too_large() => Err(error.0.into()),
        Err(error) => Ok(error_map(error.0)),
    }
}

pub(super) fn from_yaml_array(state: &mut State, args: &[Value]) -> Outcome {
    state.steps(text(&args[0]).len() / YAML_PER_STEP)?;
    match yaml::read(&text(&args[0])) {
        Ok(Value::Nil) => Ok(Value::list(Vec::new())),
        Ok(Value::List(list)) => Ok(Value::List(list)),
        Ok(other) => Ok(Value::list(vec![Value::text(format!(
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} into Go value of type []interface {{}}",
            yaml::json_kind(&other)
        ))])),
        Err(error) if error.is_too_large() => Err(error.0.into()),
        Err(error) => Ok(Value::list(vec![Value::text(error.0)])),
    }
}

pub(super) fn from_json(args: &[Value]) -> Outcome {
    Ok(match json::read(&text(&args[0])) {
        Ok(Value::Nil) => Value::nil_map(MapType::Any),
        Ok(map @ Value::Map(_)) => map,
        Ok(other) => error_map(format!(
            "json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            yaml::json_kind(&other)
        )),
        Err(Unreadable::Syntax(problem)) => error_map(problem),
        Err(Unreadable::OutOfMemory(problem)) => return Err(problem.into()),
    })
}

pub(super) fn from_json_array(args: &[Value]) -> Outcome {
    Ok(match json::read(&text(&args[0])) {
        Ok(Value::Nil) => Value::nil_list(ListType::Any),
        Ok(Value::List(list)) => Value::List(list),
        Ok(other) => Value::list(vec![Value::text(format!(
            "json: cannot unmarshal {} into Go value of type []interface {{}}",
            yaml::json_kind(&other)
        ))]),
        Err(Unreadable::Syntax(problem)) => Value::list(vec![Value::text(problem)]),
        Err(Unreadable::OutOfMemory(problem)) => return Err(problem.into()),
    })
}

/// `.Files.AsConfig`: a ConfigMap's data.
pub(crate) fn as_config(state: &mut State, files: &FileSet) -> Outcome {
    by_name(state, files, |data| Value::text(data))
}

/// `.Files.AsSecrets`: a Secret's data.
pub(crate) fn as_secrets(state: &mut State, files: &FileSet) -> Outcome {
    by_name(state, files, |data| Value::text(super::base64_encode(data)))
}

fn by_name(state: &mut State, files: &FileSet, value: impl Fn(&[u8]) -> Value) -> Outcome {
    let entries: BTreeMap<Text, Value> = files
        .iter()
        .map(|(path, data)| (Text::from(super::paths::base_of(path)), value(data)))
        .collect();
    lenient(state, yaml::write(&Value::map(entries), state.text_limit()))
}

/// `.Files.Lines` of a file that is not empty.
pub(crate) fn lines(data: &[u8]) -> Result<Value, Failure> {
    let data = data.strip_suffix(b"\n").unwrap_or(data);
    let lines = || data.split(|byte| *byte == b'\n');
    super::strings::check_parts(lines().count())?;
    Ok(Value::strings(lines().map(Text::from)))
}

/// The maximum number of attempts to match one path with a pattern, and how many of them count as one step.
const MAX_EFFORT: u32 = 100_000;
const EFFORT_PER_STEP: usize = 8;

/// `.Files.Glob`: the files that match a pattern. An invalid pattern matches nothing; an empty one matches everything.
pub(crate) fn glob_matches(state: &mut State, files: &FileSet, pattern: &str) -> Outcome {
    let pattern: Vec<char> = if pattern.is_empty() {
        "**".chars().collect()
    } else {
        pattern.chars().collect()
    };
    let mut matching = FileSet::new();
    for (path, data) in files {
        let characters: Vec<char> = path.chars().collect();
        let mut effort = MAX_EFFORT;
        if matches(&pattern, &characters, &mut effort) {
            matching.insert(path.clone(), data.clone());
        }
        state.steps(1 + (MAX_EFFORT - effort) as usize / EFFORT_PER_STEP)?;
    }
    Ok(Value::Struct(Rc::new(Structure {
        type_name: "engine.files",
        fields: Vec::new(),
        methods: Methods::Files(Rc::new(matching)),
    })))
}

/// `gobwas/glob` with `/` as separator; `effort` bounds the backtracking.
fn matches(pattern: &[char], path: &[char], effort: &mut u32) -> bool {
    if *effort == 0 {
        return false;
    }
    *effort -= 1;
    match pattern {
        [] => path.is_empty(),
        ['*', '*', rest @ ..] => {
            let rest_start = rest
                .iter()
                .position(|character| *character != '*')
                .unwrap_or(rest.len());
            let rest = &rest[rest_start..];
            (0..=path.len()).any(|skipped| matches(rest, &path[skipped..], effort))
        }
        ['*', rest @ ..] => {
            let limit = path
                .iter()
                .position(|character| *character == '/')
                .unwrap_or(path.len());
            (0..=limit).any(|skipped| matches(rest, &path[skipped..], effort))
        }
        ['?', rest @ ..] => {
            matches!(path, [first, ..] if *first != '/') && matches(rest, &path[1..], effort)
        }
        ['[', rest @ ..] => match (class_end(rest), path) {
            (Some(end), [first, tail @ ..]) => {
                in_class(&rest[..end], *first) && matches(&rest[end + 1..], tail, effort)
            }
            _ => false,
        },
        ['{', rest @ ..] => match alternatives(rest) {
            Some((choices, after)) => choices.iter().any(|choice| {
                let joined: Vec<char> = choice.iter().chain(after).copied().collect();
                matches(&joined, path, effort)
            }),
            None => false,
        },
        ['\\', literal, rest @ ..] | [literal, rest @ ..] => {
            path.first() == Some(literal) && matches(rest, &path[1..], effort)
        }
    }
}

fn class_end(pattern: &[char]) -> Option<usize> {
    pattern
        .iter()
        .skip(1)
        .position(|character| *character == ']')
        .map(|at| at + 1)
}

fn in_class(class: &[char], character: char) -> bool {
    let (negated, class) = match class {
        ['!' | '^', rest @ ..] => (true, rest),
        class => (false, class),
    };
    let found = match class {
        [from, '-', to] => (*from..=*to).contains(&character),
        class => class.contains(&character),
    };
    found != negated
}

/// The choices in braces, and the text after them.
fn alternatives(pattern: &[char]) -> Option<(Vec<&[char]>, &[char])> {
    let (mut depth, mut start, mut choices) = (0, 0, Vec::new());
    for (index, character) in pattern.iter().enumerate() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                choices.push(&pattern[start..index]);
                return Some((choices, &pattern[index + 1..]));
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                choices.push(&pattern[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_in_gobwas() {
        for (pattern, path, expected) in [
            ("*.txt", "f.txt", true),
            ("*.txt", "d/f.txt", false),
            ("**.txt", "d/f.txt", true),
            ("files/**", "files/a/b", true),
            ("files/{a,b}.yaml", "files/b.yaml", true),
            ("files/[a-c].yaml", "files/b.yaml", true),
            ("files/[!a].yaml", "files/a.yaml", false),
            ("?", "/", false),
        ] {
            let (pattern_characters, path_characters): (Vec<char>, Vec<char>) =
                (pattern.chars().collect(), path.chars().collect());
            assert_eq!(
                matches(&pattern_characters, &path_characters, &mut 1_000),
                expected,
                "{pattern} {path}"
            );
        }
    }
}
