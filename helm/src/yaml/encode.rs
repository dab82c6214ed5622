//! Values to YAML.

use std::cmp::Ordering;

use base64::Engine as _;

use super::MAX_DEPTH;
use super::dialect::Dialect;
use super::emitter::{Emitter, Place, Style};
use super::resolve::{Resolved, is_base_60, resolve};
use crate::json;
use crate::value::{Text, Value, format_general, format_json_number};

const ROOT: Place = Place {
    mapping: false,
    simple_key: false,
};
const IN_SEQUENCE: Place = Place {
    mapping: false,
    simple_key: false,
};
const IN_MAPPING: Place = Place {
    mapping: true,
    simple_key: false,
};

/// The reason why a value cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unwritable {
    /// The text would exceed the limit.
    TooLarge,
    /// Go cannot write it either; Helm ignores that error.
    Unsupported,
}

/// `toYaml` with its final line break.
pub(crate) fn write(value: &Value, limit: usize) -> Result<Vec<u8>, Unwritable> {
    if needs_json(value, 0, &mut limit.clone())? {
        // This is rare, so do what Helm does: write JSON and read it as YAML.
        let text = json::write(value, json::Form::Compact, limit).map_err(|problem| {
            if problem == json::TOO_LARGE {
                Unwritable::TooLarge
            } else {
                Unwritable::Unsupported
            }
        })?;
        let value = super::read(&text).map_err(|error| {
            if error.is_too_large() {
                Unwritable::TooLarge
            } else {
                Unwritable::Unsupported
            }
        })?;
        return write_as(&value, Dialect::Compact, limit);
    }
    write_as(value, Dialect::Compact, limit)
}

/// `toYamlPretty` with its final line break.
pub(crate) fn write_pretty(value: &Value, limit: usize) -> Result<Vec<u8>, Unwritable> {
    needs_json(value, 0, &mut limit.clone())?;
    write_as(value, Dialect::Pretty, limit)
}

fn write_as(value: &Value, dialect: Dialect, limit: usize) -> Result<Vec<u8>, Unwritable> {
    let mut encoder = Encoder {
        emitter: Emitter::new(dialect),
        dialect,
        limit,
    };
    encoder.value(value, ROOT)?;
    Ok(encoder.emitter.finish())
}

/// True if the conversion to JSON changes a string in it.
fn needs_json(value: &Value, depth: usize, budget: &mut usize) -> Result<bool, Unwritable> {
    // Every value takes at least one byte of output.
    *budget = budget.checked_sub(1).ok_or(Unwritable::TooLarge)?;
    if depth > MAX_DEPTH {
        return Err(Unwritable::Unsupported);
    }
    Ok(match value {
        Value::Str(text) => is_odd(text),
        Value::List(list) => {
            for item in &list.items {
                if needs_json(item, depth + 1, budget)? {
                    return Ok(true);
                }
            }
            false
        }
        Value::Map(map) => {
            for (key, value) in map.entries.borrow().iter() {
                if key.len() > 1_000 || is_odd(key) || needs_json(value, depth + 1, budget)? {
                    return Ok(true);
                }
            }
            false
        }
        Value::Struct(_) | Value::Bytes(_) | Value::Time(_) => true,
        Value::Nil | Value::Bool(_) | Value::Int(..) | Value::Float(_) => false,
    })
}

/// NEL folds, other C1 controls and DEL cannot be read, and invalid UTF-8 is replaced.
fn is_odd(text: &Text) -> bool {
    if text.is_ascii() {
        return text.contains(&0x7F);
    }
    std::str::from_utf8(text).map_or(true, |text| {
        text.chars()
            .any(|character| matches!(character, '\u{7F}'..='\u{9F}' | '\u{FFFE}'..='\u{FFFF}'))
    })
}

struct Encoder {
    emitter: Emitter,
    dialect: Dialect,
    limit: usize,
}

impl Encoder {
    fn value(&mut self, value: &Value, place: Place) -> Result<(), Unwritable> {
        if self.emitter.out.len() > self.limit {
            return Err(Unwritable::TooLarge);
        }
        match value {
            Value::Nil => self.emitter.plain("null"),
            Value::List(_) | Value::Map(_)
                if value.is_nil() && self.dialect == Dialect::Compact =>
            {
                self.emitter.plain("null");
            }
            Value::Bool(value) => self.emitter.plain(if *value { "true" } else { "false" }),
            Value::Int(number, kind) => self.emitter.plain(&kind.show(*number)),
            Value::Float(number) => {
                let text = self.float(*number).ok_or(Unwritable::Unsupported)?;
                self.emitter.plain(&text);
            }
            Value::Str(text) => self.string(text, place),
            Value::List(list) => self.sequence(&list.items, place)?,
            Value::Map(map) => {
                let entries = map.entries.borrow();
                let mut entries: Vec<(&Text, &Value)> = entries.iter().collect();
                entries.sort_by(|left, right| compare_keys(&left.0.to_str(), &right.0.to_str()));
                self.mapping(&entries)?;
            }
            Value::Struct(_) | Value::Bytes(_) | Value::Time(_) => {
                let text = crate::value::to_display(value);
                self.string(&text, place);
            }
        }
        Ok(())
    }

    /// JSON's digits, read as YAML and written again.
    fn float(&self, number: f64) -> Option<String> {
        if self.dialect == Dialect::Pretty {
            return Some(format_general(number));
        }
        let text = format_json_number(number)?;
        if text.parse::<i64>().is_ok_and(|number| number == 0) {
            return Some("0".into());
        }
        if text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok() {
            return Some(text);
        }
        Some(format_general(number))
    }

    fn string(&mut self, text: &Text, place: Place) {
        match std::str::from_utf8(text) {
            Ok(text) => {
                let style = self.style(text);
                self.emitter.scalar(text, style, place);
            }
            Err(_) => {
                let encoded = base64::engine::general_purpose::STANDARD.encode(&**text);
                self.emitter.tag("!!binary");
                self.emitter.scalar(&encoded, Style::Plain, place);
            }
        }
    }

    fn style(&self, text: &str) -> Style {
        if text.contains('\n') {
            return Style::Literal;
        }
        let is_text = match resolve(text) {
            Resolved::Text => true,
            Resolved::Null
            | Resolved::Bool(_)
            | Resolved::Int(_)
            | Resolved::Uint(_)
            | Resolved::Float(_)
            | Resolved::Timestamp => false,
        };
        if is_text && !is_base_60(text) {
            Style::Plain
        } else {
            Style::DoubleQuoted
        }
    }

    fn sequence(&mut self, items: &[Value], place: Place) -> Result<(), Unwritable> {
        if items.is_empty() {
            self.emitter.empty(b"[", b"]");
            return Ok(());
        }
        self.emitter.start_sequence(place);
        for item in items {
            self.emitter.item();
            self.value(item, IN_SEQUENCE)?;
        }
        self.emitter.end();
        Ok(())
    }

    fn mapping(&mut self, entries: &[(&Text, &Value)]) -> Result<(), Unwritable> {
        if entries.is_empty() {
            self.emitter.empty(b"{", b"}");
            return Ok(());
        }
        self.emitter.start_mapping();
        for (key, value) in entries {
            let key = key.to_str();
            self.emitter.key(&key, self.style(&key));
            self.value(value, IN_MAPPING)?;
        }
        self.emitter.end();
        Ok(())
    }
}

/// go-yaml's order of keys: letters after other characters, numbers by value.
fn compare_keys(left: &str, right: &str) -> Ordering {
    let (mut left_characters, mut right_characters) = (left.chars(), right.chars());
    // True after a digit other than zero, with only digits since then.
    let mut in_number = false;
    loop {
        let (left_rest, right_rest) = (left_characters.as_str(), right_characters.as_str());
        let (Some(a), Some(b)) = (left_characters.next(), right_characters.next()) else {
            // The rests differ in length where one of the keys ends.
            return left_rest.len().cmp(&right_rest.len());
        };
        if a == b {
            in_number = a.is_ascii_digit() && (in_number || a != '0');
            continue;
        }
        let (a_letter, b_letter) = (a.is_alphabetic(), b.is_alphabetic());
        if a_letter && b_letter {
            return a.cmp(&b);
        }
        if a_letter || b_letter {
            return if b_letter {
                Ordering::Less
            } else {
                Ordering::Greater
            };
        }
        // A zero in the middle of a number counts.
        let inside = (a == '0' || b == '0') && in_number;
        let (a_length, a_number) = number_at(left_rest, inside);
        let (b_length, b_number) = number_at(right_rest, inside);
        return a_number
            .cmp(&b_number)
            .then(a_length.cmp(&b_length))
            .then(a.cmp(&b));
    }
}

/// The length and the value of the digits at the start of a text.
fn number_at(text: &str, inside: bool) -> (usize, i64) {
    let digits = text.bytes().take_while(u8::is_ascii_digit);
    digits.fold((0, i64::from(inside)), |(length, number), digit| {
        let digit = i64::from(digit - b'0');
        (length + 1, number.wrapping_mul(10).wrapping_add(digit))
    })
}
