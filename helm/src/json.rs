//! JSON as Go's `encoding/json` reads and writes it.

use std::borrow::Cow;
use std::cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::value::memory::{self, Held, OutOfMemory};
use crate::value::{Map, MapType, Methods, Structure, Text, Value, format_json_number};

/// The maximum depth of a value.
const MAX_DEPTH: usize = 1_000;

/// The forms that Sprig and Helm write.
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

/// The message for a value that Go can write, but that exceeds the limit here.
pub(crate) const TOO_LARGE: &str = "json: the value is too large";

/// The reason why a text cannot be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// It is not JSON; with Go's message for the common errors.
    Syntax(String),
    /// Its values exceed the memory limit.
    OutOfMemory(OutOfMemory),
}

/// Reads a value: every number is a float.
pub(crate) fn read(text: &str) -> Result<Value, Unreadable> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let out_of_memory = cell::Cell::new(None);
    let value = AnyValue(&out_of_memory).deserialize(&mut reader);
    let value = value.and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| {
        if let Some(problem) = out_of_memory.get() {
            return Unreadable::OutOfMemory(problem);
        }
        Unreadable::Syntax(if error.is_eof() {
            "unexpected end of JSON input".to_owned()
        } else {
            error.to_string()
        })
    })
}

/// Reads values of any type, and records when the memory limit is exceeded.
#[derive(Clone, Copy)]
struct AnyValue<'a>(&'a cell::Cell<Option<OutOfMemory>>);

impl AnyValue<'_> {
    fn check<E: serde::de::Error>(self, result: Result<(), OutOfMemory>) -> Result<(), E> {
        result.map_err(|problem| {
            self.0.set(Some(problem));
            E::custom(problem)
        })
    }
}

impl<'de> DeserializeSeed<'de> for AnyValue<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        self.check(memory::check())?;
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Float(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Float(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        let mut held = Held::default();
        while let Some(item) = items.next_element_seed(self)? {
            self.check(held.grow_checked(size_of::<Value>()))?;
            values.push(item);
        }
        Ok(Value::list(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let map = Map::new(BTreeMap::new(), MapType::Any);
        while let Some(key) = entries.next_key::<Cow<'de, str>>()? {
            map.insert(Text::from(key), entries.next_value_seed(self)?);
        }
        Ok(Value::Map(Rc::new(map)))
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
            return Err(TOO_LARGE.into());
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
