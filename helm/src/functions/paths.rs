//! Go's `path` package. The `os…` functions are the same on Linux.

use super::Outcome;
use super::arguments::text;
use crate::value::Value;

pub(super) fn base(args: &[Value]) -> Outcome {
    Ok(Value::text(base_of(&text(&args[0]))))
}

/// `path.Base`.
pub(crate) fn base_of(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        return "/";
    }
    trimmed.rsplit('/').next().unwrap_or(trimmed)
}

pub(super) fn dir(args: &[Value]) -> Outcome {
    let path = text(&args[0]);
    Ok(Value::text(clean_of(
        path.rfind('/').map_or("", |at| &path[..=at]),
    )))
}

pub(super) fn clean(args: &[Value]) -> Outcome {
    Ok(Value::text(clean_of(&text(&args[0]))))
}

/// `path.Clean`.
pub(crate) fn clean_of(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(last) if *last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".into(),
        (false, false) => joined,
    }
}

pub(super) fn ext(args: &[Value]) -> Outcome {
    let path = text(&args[0]);
    let name = path.rsplit('/').next().unwrap_or_default();
    Ok(Value::text(name.rfind('.').map_or("", |at| &name[at..])))
}

pub(super) fn is_abs(args: &[Value]) -> Outcome {
    Ok(Value::Bool(text(&args[0]).starts_with('/')))
}
