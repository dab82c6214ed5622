//! JSON as Go's `encoding/json` reads and writes it.

use serde_json::Value as Tree;

use crate::value::{Methods, Structure, Text, Value, format_json_number};

/// How deep a value may nest.
const MAX_DEPTH: usize = 1_000;

/// The forms Sprig and Helm write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `toJson`.
    Compact,
    /// `toPrettyJson`.
    Pretty,
    /// `toRawJson`: `<`, `>` and `&` as they are.
    Raw,
}

/// Writes a value; the error is Go's message.
pub(crate) fn write(value: &Value, form: Form, limit: usize) -> Result<String, String> {
    let mut writer = Writer {
        out: Vec::new(),
        form,
        limit,
    };
    writer.value(value, 0)?;
    Ok(String::from_utf8_lossy(&writer.out).into_owned())
}

/// Reads a value: every number is a float.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Err("unexpected end of JSON input".into());
    }
    serde_json::from_str::<Tree>(text)
        .map(|tree| from_json(&tree))
        .map_err(|error| {
            if error.is_eof() {
                "unexpected end of JSON input".to_owned()
            } else {
                error.to_string()
            }
        })
}

fn from_json(tree: &Tree) -> Value {
    match tree {
        Tree::Null => Value::Nil,
        Tree::Bool(value) => Value::Bool(*value),
        Tree::Number(number) => number.as_f64().map_or(Value::Nil, Value::Float),
        Tree::String(text) => Value::text(text.as_str()),
        Tree::Array(items) => Value::list(items.iter().map(from_json).collect()),
        Tree::Object(entries) => Value::map(
            entries
                .iter()
                .map(|(key, value)| (Text::from(key.as_str()), from_json(value)))
                .collect(),
        ),
    }
}

struct Writer {
    out: Vec<u8>,
    form: Form,
    limit: usize,
}

impl Writer {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err("json: unsupported value: encountered a cycle".into());
        }
        if self.out.len() > self.limit {
            return Err("json: the value is too large".into());
        }
        match value {
            Value::Nil => self.out.extend_from_slice(b"null"),
            Value::List(_) | Value::Map(_) if value.is_nil() => self.out.extend_from_slice(b"null"),
            Value::Bool(value) => {
                self.out
                    .extend_from_slice(if *value { b"true" } else { b"false" })
            }
            Value::Int(number, kind) => {
                self.out.extend_from_slice(kind.show(*number).as_bytes());
            }
            Value::Float(number) => {
                let text = format_json_number(*number).ok_or_else(|| {
                    format!(
                        "json: unsupported value: {}",
                        crate::value::format_general(*number)
                    )
                })?;
                self.out.extend_from_slice(text.as_bytes());
            }
            Value::Str(text) => self.string(&text.to_str()),
            Value::Bytes(bytes) => {
                use base64::Engine as _;
                self.string(&base64::engine::general_purpose::STANDARD.encode(bytes));
            }
            Value::List(list) => self.array(&list.items, depth)?,
            Value::Map(map) => {
                let entries = map.entries.borrow();
                self.object(
                    entries
                        .iter()
                        .map(|(key, value)| (key.to_str(), value.clone())),
                    depth,
                )?;
            }
            Value::Struct(structure) => self.structure(structure, depth)?,
            Value::Time(instant) => self.string(&instant.to_rfc3339()),
        }
        Ok(())
    }

    fn structure(&mut self, structure: &Structure, depth: usize) -> Result<(), String> {
        match &structure.methods {
            Methods::Files(_) => {
                let entries = structure.entries().unwrap_or_default();
                self.object(
                    entries
                        .iter()
                        .map(|(key, value)| (key.to_str(), value.clone())),
                    depth,
                )
            }
            Methods::ApiVersions(versions) => self.array(versions, depth),
            Methods::Version(version) => {
                self.string(&version.to_string());
                Ok(())
            }
            Methods::None | Methods::KubeVersion => self.object(
                structure
                    .json_fields()
                    .map(|(name, value)| (name.into(), value.clone())),
                depth,
            ),
        }
    }

    fn array(&mut self, items: &[Value], depth: usize) -> Result<(), String> {
        self.out.push(b'[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.line(depth + 1);
            self.value(item, depth + 1)?;
        }
        if !items.is_empty() {
            self.line(depth);
        }
        self.out.push(b']');
        Ok(())
    }

    fn object<'a>(
        &mut self,
        entries: impl Iterator<Item = (std::borrow::Cow<'a, str>, Value)>,
        depth: usize,
    ) -> Result<(), String> {
        self.out.push(b'{');
        let mut first = true;
        for (key, value) in entries {
            if !first {
                self.out.push(b',');
            }
            first = false;
            self.line(depth + 1);
            self.string(&key);
            self.out.extend_from_slice(if self.form == Form::Pretty {
                b": "
            } else {
                b":"
            });
            self.value(&value, depth + 1)?;
        }
        if !first {
            self.line(depth);
        }
        self.out.push(b'}');
        Ok(())
    }

    fn line(&mut self, depth: usize) {
        if self.form == Form::Pretty {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + 2 * depth, b' ');
        }
    }

    fn string(&mut self, text: &str) {
        self.out.push(b'"');
        for character in text.chars() {
            match character {
                '"' => self.out.extend_from_slice(b"\\\""),
                '\\' => self.out.extend_from_slice(b"\\\\"),
                '\n' => self.out.extend_from_slice(b"\\n"),
                '\r' => self.out.extend_from_slice(b"\\r"),
                '\t' => self.out.extend_from_slice(b"\\t"),
                '\x08' => self.out.extend_from_slice(b"\\b"),
                '\x0C' => self.out.extend_from_slice(b"\\f"),
                '<' | '>' | '&' if self.form != Form::Raw => self.escape(character),
                '\0'..='\x1F' | '\u{2028}' | '\u{2029}' => self.escape(character),
                _ => {
                    let mut buffer = [0; 4];
                    self.out
                        .extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
                }
            }
        }
        self.out.push(b'"');
    }

    fn escape(&mut self, character: char) {
        self.out
            .extend_from_slice(format!("\\u{:04x}", character as u32).as_bytes());
    }
}
