//! TOML: written with the layout of `BurntSushi/toml`, read by the `toml` crate.

use std::collections::BTreeMap;

use super::Outcome;
use super::arguments::text;
use crate::failure::Failure;
use crate::value::{Text, Value, format_value, memory};

pub(super) fn to_toml(args: &[Value]) -> Outcome {
    check_nil(&args[0])?;
    // Helm returns the message in place of the text.
    Ok(Value::text(
        encode(&args[0]).unwrap_or_else(|problem| problem),
    ))
}

pub(super) fn must_to_toml(args: &[Value]) -> Outcome {
    check_nil(&args[0])?;
    encode(&args[0]).map(Value::text).map_err(Failure::from)
}

/// Go's encoder panics for nil.
fn check_nil(value: &Value) -> Result<(), Failure> {
    match value {
        Value::Nil => Err("reflect: call of reflect.Value.Type on zero Value".into()),
        _ => Ok(()),
    }
}

/// Bytes of memory that the reader needs per byte of text.
const READER_SIZE: usize = 80;

pub(super) fn from_toml(args: &[Value]) -> Outcome {
    memory::check_room(text(&args[0]).len() * READER_SIZE)?;
    let entries = match text(&args[0]).parse::<toml::Table>() {
        Ok(table) => table
            .iter()
            .map(|(key, value)| (Text::from(key.as_str()), from_toml_value(value)))
            .collect(),
        Err(error) => BTreeMap::from([(
            Text::from("Error"),
            Value::text(format!("toml: {}", error.message())),
        )]),
    };
    Ok(Value::map(entries))
}

fn from_toml_value(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::text(text.as_str()),
        toml::Value::Integer(number) => Value::int64(*number),
        toml::Value::Float(number) => Value::Float(*number),
        toml::Value::Boolean(value) => Value::Bool(*value),
        toml::Value::Datetime(datetime) => Value::text(datetime.to_string()),
        toml::Value::Array(items) => Value::list(items.iter().map(from_toml_value).collect()),
        toml::Value::Table(table) => Value::map(
            table
                .iter()
                .map(|(key, value)| (Text::from(key.as_str()), from_toml_value(value)))
                .collect(),
        ),
    }
}

fn encode(value: &Value) -> Result<String, String> {
    let mut encoder = Encoder { out: String::new() };
    match value {
        Value::Map(map) => encoder.table(&[], &map.entries.borrow())?,
        other => {
            let mut text = Vec::new();
            encoder.element(&mut text, other, 0)?;
            encoder.out = String::from_utf8_lossy(&text).into_owned();
        }
    }
    Ok(encoder.out)
}

struct Encoder {
    out: String,
}

fn is_table(value: &Value) -> bool {
    matches!(value, Value::Map(map) if !map.is_nil)
}

/// A list that contains only tables.
fn is_table_array(value: &Value) -> bool {
    matches!(value, Value::List(list) if !list.items.is_empty() && list.items.iter().all(is_table))
}

fn quote_key(key: &str) -> String {
    let is_bare = !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_bare { key.to_owned() } else { quote(key) }
}

/// Plain between 1e-4 and 1e6, as `%v`.
fn toml_float(number: f64) -> String {
    crate::value::format_general(number)
}

fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0C' => out.push_str("\\f"),
            '\0'..='\x1F' | '\x7F' => out.push_str(&format!("\\u{:04x}", character as u32)),
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

fn check_length(length: usize) -> Result<(), String> {
    if length > crate::limits::MAX_TEXT {
        return Err("toml: the value is too large".into());
    }
    Ok(())
}

impl Encoder {
    fn table(&mut self, path: &[String], entries: &BTreeMap<Text, Value>) -> Result<(), String> {
        if path.len() > 100 {
            return Err("toml: nested too deep".into());
        }
        check_length(self.out.len())?;
        let is_sub = |value: &Value| is_table(value) || is_table_array(value);
        for (key, value) in entries
            .iter()
            .filter(|(_, value)| !is_sub(value) && !value.is_nil())
        {
            let mut text = Vec::new();
            self.element(&mut text, value, 0)?;
            self.indent(path.len());
            self.out.push_str(&format!(
                "{} = {}\n",
                quote_key(&key.to_str()),
                String::from_utf8_lossy(&text)
            ));
        }
        for (key, value) in entries.iter().filter(|(_, value)| is_sub(value)) {
            let path = [path, &[quote_key(&key.to_str())]].concat();
            match value {
                Value::Map(map) => {
                    if path.len() == 1 {
                        self.new_line();
                    }
                    self.indent(path.len() - 1);
                    self.out.push_str(&format!("[{}]\n", path.join(".")));
                    self.table(&path, &map.entries.borrow())?;
                }
                _ => self.table_array(&path, value)?,
            }
        }
        Ok(())
    }

    fn table_array(&mut self, path: &[String], value: &Value) -> Result<(), String> {
        for item in value.items().unwrap_or_default().iter() {
            if let Value::Map(map) = item {
                self.new_line();
                self.indent(path.len() - 1);
                self.out.push_str(&format!("[[{}]]\n", path.join(".")));
                self.table(path, &map.entries.borrow())?;
            }
        }
        Ok(())
    }

    /// A blank line, except at the start.
    fn new_line(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    fn indent(&mut self, depth: usize) {
        self.out.push_str(&"  ".repeat(depth));
    }

    fn element(&self, out: &mut Vec<u8>, value: &Value, depth: usize) -> Result<(), String> {
        if depth > 100 {
            return Err("toml: nested too deep".into());
        }
        check_length(self.out.len() + out.len())?;
        match value {
            Value::Nil => return Err("toml: cannot encode array with nil element".into()),
            Value::Str(text) => out.extend_from_slice(quote(&text.to_str()).as_bytes()),
            Value::Float(number) if number.is_finite() => {
                let text = toml_float(*number);
                out.extend_from_slice(text.as_bytes());
                if !text.contains(['.', 'e']) {
                    out.extend_from_slice(b".0");
                }
            }
            Value::List(list) => {
                out.push(b'[');
                for (index, item) in list.items.iter().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(b", ");
                    }
                    self.element(out, item, depth + 1)?;
                }
                out.push(b']');
            }
            Value::Map(map) => {
                out.push(b'{');
                for (index, (key, value)) in map.entries.borrow().iter().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(b", ");
                    }
                    out.extend_from_slice(format!("{} = ", quote_key(&key.to_str())).as_bytes());
                    self.element(out, value, depth + 1)?;
                }
                out.push(b'}');
            }
            Value::Time(instant) => out.extend_from_slice(instant.to_rfc3339().as_bytes()),
            Value::Bool(_)
            | Value::Int(..)
            | Value::Float(_)
            | Value::Bytes(_)
            | Value::Struct(_) => {
                format_value(out, value, 0);
            }
        }
        Ok(())
    }
}
