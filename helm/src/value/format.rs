//! Go's `%v`: how a value prints inside a template.

use super::{Methods, Text, Value, format_general};
use crate::limits::MAX_TEXT;

/// Go prints this for nil; Helm removes it from the output.
pub(crate) const NO_VALUE: &[u8] = b"<no value>";

/// The depth at which printing stops: a map can contain itself.
const MAX_DEPTH: usize = 1_000;

/// `fmt.Sprint(value)`.
pub(crate) fn to_display(value: &Value) -> Text {
    if let Value::Str(text) = value {
        return text.clone();
    }
    let mut out = Vec::new();
    write_display(&mut out, value);
    Text::from(out)
}

/// `fmt.Sprint(value)` into a buffer.
pub(crate) fn write_display(out: &mut Vec<u8>, value: &Value) {
    format_value(out, value, 0);
}

/// `%v` of a value at a depth inside another value.
pub(crate) fn format_value(out: &mut Vec<u8>, value: &Value, depth: usize) {
    if depth > MAX_DEPTH || out.len() > MAX_TEXT {
        out.extend_from_slice(b"...");
        return;
    }
    match value {
        Value::Nil => out.extend_from_slice(b"<nil>"),
        Value::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Int(number, kind) => out.extend_from_slice(kind.show(*number).as_bytes()),
        Value::Float(number) => out.extend_from_slice(format_general(*number).as_bytes()),
        Value::Str(text) => out.extend_from_slice(text),
        Value::Bytes(bytes) => {
            out.push(b'[');
            for (index, byte) in bytes.iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                out.extend_from_slice(byte.to_string().as_bytes());
            }
            out.push(b']');
        }
        Value::List(list) => format_items(out, &list.items, depth),
        Value::Map(map) => {
            let entries = map.entries.borrow();
            format_entries(out, entries.iter(), depth);
        }
        Value::Struct(structure) => match &structure.methods {
            Methods::None => format_fields(out, &field_values(structure), depth),
            Methods::Files(_) => {
                let entries = structure.entries().unwrap_or_default();
                format_entries(out, entries.iter(), depth);
            }
            Methods::ApiVersions(versions) => format_items(out, versions, depth),
            // Go has the normalized version in a further field, which templates cannot read.
            Methods::KubeVersion => {
                let field = |name: &[u8]| structure.field(name).unwrap_or(Value::Nil);
                let version = field(b"Version");
                format_fields(
                    out,
                    &[version.clone(), version, field(b"Major"), field(b"Minor")],
                    depth,
                );
            }
            Methods::Version(version) => out.extend_from_slice(version.to_string().as_bytes()),
        },
        Value::Time(instant) => out.extend_from_slice(instant.to_string().as_bytes()),
    }
}

fn field_values(structure: &super::Structure) -> Vec<Value> {
    structure
        .fields
        .iter()
        .map(|(_, value)| value.clone())
        .collect()
}

fn format_fields(out: &mut Vec<u8>, fields: &[Value], depth: usize) {
    let start = out.len();
    format_items(out, fields, depth);
    out[start] = b'{';
    if let Some(last) = out.last_mut() {
        *last = b'}';
    }
}

fn format_items(out: &mut Vec<u8>, items: &[Value], depth: usize) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        format_value(out, item, depth + 1);
    }
    out.push(b']');
}

fn format_entries<'a>(
    out: &mut Vec<u8>,
    entries: impl Iterator<Item = (&'a Text, &'a Value)>,
    depth: usize,
) {
    out.extend_from_slice(b"map[");
    for (index, (key, value)) in entries.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(key);
        out.push(b':');
        format_value(out, value, depth + 1);
    }
    out.push(b']');
}
