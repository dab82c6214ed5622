//! Makes values of nodes: merge keys, aliases, tags, and the conversion through JSON that makes every number a float.

use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine as _;

use super::parser::{Node, NodeKind, Parser};
use super::resolve::{Resolved, resolve};
use super::scanner::ScalarStyle;
use super::{MAX_DEPTH, YamlError};
use crate::value::{Text, Value, format_general, memory};

const CORE_TAG: &str = "tag:yaml.org,2002:";

/// Reads the first document of a text.
pub(crate) fn read(text: &str) -> Result<Value, YamlError> {
    read_with(text, Numbers::AsJson)
}

fn read_with(text: &str, numbers: Numbers) -> Result<Value, YamlError> {
    let mut decoder = Decoder {
        numbers,
        ..Decoder::default()
    };
    let wrap = |error: YamlError| YamlError(format!("error converting YAML to JSON: {}", error.0));
    check_characters(text).map_err(wrap)?;
    let mut parser = Parser::new(text);
    match parser.document().map_err(wrap)? {
        Some(root) => decoder.value(&root).map_err(wrap),
        None => Ok(Value::Nil),
    }
}

/// Reads the first document of a text as a map; an empty text is an empty map.
pub(crate) fn read_map(text: &str) -> Result<BTreeMap<Text, Value>, YamlError> {
    entries_of(read(text)?)
}

/// Reads the first document of a text as a map. Integers are not floats, and every number is accepted: for files
/// with typed fields, where a number can be used as text.
pub(crate) fn read_map_keeping_numbers(text: &str) -> Result<BTreeMap<Text, Value>, YamlError> {
    entries_of(read_with(text, Numbers::Kept)?)
}

fn entries_of(value: Value) -> Result<BTreeMap<Text, Value>, YamlError> {
    match value {
        Value::Nil => Ok(BTreeMap::new()),
        Value::Map(map) => Ok(map.entries.take()),
        other => Err(YamlError(format!(
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} into Go value of type \
             map[string]interface {{}}",
            json_kind(&other)
        ))),
    }
}

/// Reads every document of a text, up to the first error, which is then the last entry.
pub(crate) fn read_documents(text: &str) -> Vec<Result<Value, YamlError>> {
    if let Err(error) = check_characters(text) {
        return vec![Err(error)];
    }
    let mut documents = Vec::new();
    let mut parser = Parser::new(text);
    loop {
        match parser.document() {
            Ok(Some(root)) => documents.push(Decoder::default().value(&root)),
            Ok(None) => return documents,
            Err(error) => {
                documents.push(Err(error));
                return documents;
            }
        }
    }
}

/// The type of a value in messages of `encoding/json`.
pub(crate) fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Nil => "null",
        Value::Bool(_) => "bool",
        Value::Int(..) | Value::Float(_) => "number",
        Value::Str(_) | Value::Bytes(_) | Value::Time(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) | Value::Struct(_) => "object",
    }
}

/// YAML allows no control characters besides tab and line breaks.
pub(super) fn check_characters(text: &str) -> Result<(), YamlError> {
    let allowed = |character: char| matches!(character, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{A0}'..='\u{FFFD}' | '\u{10000}'..);
    // Do not stop early, so that the compiler can vectorize the loop.
    let is_plain = |plain, byte| plain & matches!(byte, b' '..=b'~' | b'\n');
    if text.bytes().fold(true, is_plain) || text.chars().all(allowed) {
        Ok(())
    } else {
        Err(YamlError("yaml: control characters are not allowed".into()))
    }
}

/// The types of numbers.
#[derive(Clone, Copy, Default)]
enum Numbers {
    /// Floats, as in Go's `interface{}` after JSON.
    #[default]
    AsJson,
    /// Integers, text where they take more than 63 bits, and floats.
    Kept,
}

/// Counts the nodes that aliases multiply, as go-yaml does.
#[derive(Default)]
struct Decoder {
    numbers: Numbers,
    decoded: usize,
    decoded_in_aliases: usize,
    alias_depth: usize,
    depth: usize,
}

impl Decoder {
    fn value(&mut self, node: &Rc<Node>) -> Result<Value, YamlError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return fail(&format!("exceeded max depth of {MAX_DEPTH}"));
        }
        let value = self.value_inside(node);
        self.depth -= 1;
        value
    }

    fn count(&mut self) -> Result<(), YamlError> {
        self.decoded += 1;
        if self.alias_depth > 0 {
            self.decoded_in_aliases += 1;
        }
        let (decoded, in_aliases) = (self.decoded as f64, self.decoded_in_aliases as f64);
        if self.decoded_in_aliases > 100
            && self.decoded > 1_000
            && in_aliases / decoded > allowed_alias_ratio(decoded)
        {
            return fail("document contains excessive aliasing");
        }
        Ok(())
    }

    fn value_inside(&mut self, node: &Rc<Node>) -> Result<Value, YamlError> {
        self.count()?;
        memory::check().map_err(|_| YamlError::too_large())?;
        match &node.kind {
            NodeKind::Scalar(text, style) => {
                scalar(text, *style, node.tag.as_deref(), self.numbers)
            }
            NodeKind::Alias(target) => {
                self.alias_depth += 1;
                let value = self.value(target);
                self.alias_depth -= 1;
                value
            }
            NodeKind::Sequence(items) => {
                let items: Result<Vec<_>, _> = items.iter().map(|item| self.value(item)).collect();
                Ok(Value::list(items?))
            }
            NodeKind::Mapping(_) => {
                let mut entries = BTreeMap::new();
                self.fill(node, &mut entries)?;
                Ok(Value::map(entries))
            }
        }
    }

    /// Adds the entries of a mapping to a map.
    fn fill(&mut self, node: &Node, entries: &mut BTreeMap<Text, Value>) -> Result<(), YamlError> {
        let NodeKind::Mapping(pairs) = &node.kind else {
            return fail_merge();
        };
        for (key, value) in pairs {
            if is_merge(key) {
                self.merge(value, entries)?;
                continue;
            }
            let key = self.key(key)?;
            let value = self.value(value)?;
            entries.insert(key, value);
        }
        Ok(())
    }

    fn merge(&mut self, node: &Node, entries: &mut BTreeMap<Text, Value>) -> Result<(), YamlError> {
        self.count()?;
        match &node.kind {
            NodeKind::Mapping(_) => self.fill(node, entries),
            NodeKind::Alias(target) => {
                self.alias_depth += 1;
                let result = self.fill(target, entries);
                self.alias_depth -= 1;
                result
            }
            // Earlier ones take precedence.
            NodeKind::Sequence(items) => {
                for item in items.iter().rev() {
                    if let NodeKind::Sequence(_) | NodeKind::Scalar(..) = &item.kind {
                        return fail_merge();
                    }
                    self.merge(item, entries)?;
                }
                Ok(())
            }
            NodeKind::Scalar(..) => fail_merge(),
        }
    }

    /// JSON has string keys only.
    fn key(&mut self, node: &Rc<Node>) -> Result<Text, YamlError> {
        self.count()?;
        match &node.kind {
            NodeKind::Scalar(text, style) => key_text(text, *style, node.tag.as_deref()),
            NodeKind::Alias(target) => self.key(target),
            NodeKind::Sequence(_) | NodeKind::Mapping(_) => {
                let value = self.value(node)?;
                fail(&format!(
                    "invalid map key: {}",
                    crate::value::to_display(&value).to_str()
                ))
            }
        }
    }
}

fn allowed_alias_ratio(decoded: f64) -> f64 {
    const LOW: f64 = 400_000.0;
    const HIGH: f64 = 4_000_000.0;
    if decoded <= LOW {
        0.99
    } else if decoded >= HIGH {
        0.10
    } else {
        0.99 - 0.89 * ((decoded - LOW) / (HIGH - LOW))
    }
}

fn is_merge(node: &Node) -> bool {
    let NodeKind::Scalar(text, style) = &node.kind else {
        return false;
    };
    text == "<<"
        && match node.tag.as_deref() {
            None => *style == ScalarStyle::Plain,
            Some(tag) => tag == format!("{CORE_TAG}merge"),
        }
}

fn fail<T>(problem: &str) -> Result<T, YamlError> {
    Err(YamlError(format!("yaml: {problem}")))
}

fn fail_merge<T>() -> Result<T, YamlError> {
    fail("map merge requires map or sequence of maps as the value")
}

/// Resolves a scalar with its tag.
fn resolve_tagged(
    text: &str,
    style: ScalarStyle,
    tag: Option<&str>,
) -> Result<Resolved, YamlError> {
    let short = match tag {
        None if style == ScalarStyle::Quoted => return Ok(Resolved::Text),
        None | Some("!") => return Ok(resolve(text)),
        Some(tag) => tag.strip_prefix(CORE_TAG).unwrap_or(""),
    };
    let resolved = resolve(text);
    match (short, &resolved) {
        ("int", Resolved::Int(_) | Resolved::Uint(_))
        | ("float", Resolved::Float(_))
        | ("bool", Resolved::Bool(_))
        | ("null", Resolved::Null)
        | ("timestamp", Resolved::Timestamp) => Ok(resolved),
        ("float", Resolved::Int(number)) => Ok(Resolved::Float(*number as f64)),
        ("int" | "float" | "bool" | "null" | "timestamp", _) => {
            let found = match resolved {
                Resolved::Null => "null",
                Resolved::Bool(_) => "bool",
                Resolved::Int(_) | Resolved::Uint(_) => "int",
                Resolved::Float(_) => "float",
                Resolved::Text => "str",
                Resolved::Timestamp => "timestamp",
            };
            fail(&format!("cannot decode !!{found} `{text}` as a !!{short}"))
        }
        _ => Ok(Resolved::Text),
    }
}

fn scalar(
    text: &str,
    style: ScalarStyle,
    tag: Option<&str>,
    numbers: Numbers,
) -> Result<Value, YamlError> {
    if tag == Some("tag:yaml.org,2002:binary") {
        return match base64::engine::general_purpose::STANDARD.decode(text) {
            Ok(bytes) => Ok(Value::text(bytes)),
            Err(_) => fail("!!binary value contains invalid base64 data"),
        };
    }
    Ok(match (resolve_tagged(text, style, tag)?, numbers) {
        (Resolved::Null, _) => Value::Nil,
        (Resolved::Bool(value), _) => Value::Bool(value),
        (Resolved::Int(number), Numbers::AsJson) => Value::Float(number as f64),
        (Resolved::Uint(number), Numbers::AsJson) => Value::Float(number as f64),
        (Resolved::Int(number), Numbers::Kept) => Value::int64(number),
        (Resolved::Uint(number), Numbers::Kept) => Value::text(number.to_string()),
        (Resolved::Float(number), Numbers::Kept) => Value::Float(number),
        (Resolved::Float(number), Numbers::AsJson) if number.is_finite() => Value::Float(number),
        (Resolved::Float(number), Numbers::AsJson) => {
            return Err(YamlError(format!(
                "json: unsupported value: {}",
                format_general(number)
            )));
        }
        (Resolved::Text | Resolved::Timestamp, _) => Value::text(text),
    })
}

fn key_text(text: &str, style: ScalarStyle, tag: Option<&str>) -> Result<Text, YamlError> {
    Ok(match resolve_tagged(text, style, tag)? {
        Resolved::Null => {
            return Err(YamlError(
                "unsupported map key of type: %!s(<nil>), key: <nil>".into(),
            ));
        }
        Resolved::Bool(value) => Text::from(if value { "true" } else { "false" }),
        Resolved::Int(number) => Text::from(number.to_string()),
        Resolved::Uint(number) => {
            return Err(YamlError(format!(
                "unsupported map key of type: uint64, key: {number}"
            )));
        }
        Resolved::Float(number) => Text::from(float_key(number)),
        Resolved::Text | Resolved::Timestamp => Text::from(text),
    })
}

/// Go writes float keys with the digits that a 32-bit float needs.
fn float_key(number: f64) -> String {
    if number.is_nan() {
        return ".nan".into();
    }
    if number.is_infinite() {
        return if number > 0.0 {
            ".inf".into()
        } else {
            "-.inf".into()
        };
    }
    let digits: f64 = format!("{}", number as f32).parse().unwrap_or(number);
    format_general(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::to_display;

    fn display(text: &str) -> String {
        read(text).map_or_else(
            |error| error.0,
            |value| to_display(&value).to_str().into_owned(),
        )
    }

    #[test]
    fn documents_read_as_yaml_1_1() {
        assert_eq!(
            display("a: yes\nb: 010\nc: 1_000\nd: '1'\n"),
            "map[a:true b:8 c:1000 d:1]"
        );
        assert_eq!(
            display("x: &a {k: 1}\nz: {<<: *a, l: 2}"),
            "map[x:map[k:1] z:map[k:1 l:2]]"
        );
        assert_eq!(
            display("- a\n- - b\n  - c\n-\n  d: |\n    x\n    y\n"),
            "[a [b c] map[d:x\ny\n]]"
        );
        assert_eq!(display("{a: [1, 2,], b}"), "map[a:[1 2] b:<nil>]");
        assert_eq!(display("a: >-\n  x\n  y\n\n  z\n"), "map[a:x y\nz]");
    }

    #[test]
    fn errors_are_go_yamls() {
        assert_eq!(
            display("a: b: c"),
            "error converting YAML to JSON: yaml: mapping values are not allowed in this context"
        );
        assert_eq!(
            display("a: 1\n b: 2"),
            "error converting YAML to JSON: yaml: line 2: mapping values are not allowed in this context"
        );
        assert_eq!(
            display("a:\n\t- b"),
            "error converting YAML to JSON: yaml: line 2: found character that cannot start any token"
        );
    }

    #[test]
    fn alias_bombs_are_refused() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let previous = format!("*a{}", level - 1);
            let items = vec![previous; 9].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
        }
        assert!(display(&bomb).contains("excessive aliasing"));
        assert!(display("a: &a [*a]").contains("contains itself"));
    }
}
