//! The regular expressions of a schema, which are in Go's syntax, for a validator that reads Rust's.
//!
//! They are translated where they stand, and put back into messages.

use serde_json::{Map, Value as Tree};

use crate::patterns::{Pattern, PatternError, translate};

/// The name under which the format `regex` is checked as Go does; the validator's own cannot be replaced.
pub(super) const GO_REGEX: &str = "go-regex";

/// The patterns of a schema whose text changed.
#[derive(Default)]
pub(super) struct Patterns(Vec<Translated>);

struct Translated {
    original: String,
    written: String,
    error: Option<PatternError>,
}

impl Patterns {
    /// Translates every pattern of a schema.
    ///
    /// One that Go refuses becomes one that the validator refuses too: it is an error only where the schema is used.
    pub(super) fn translate(&mut self, schema: &mut Tree) {
        match schema {
            Tree::Object(keywords) => {
                for (keyword, value) in keywords {
                    self.translate_keyword(keyword, value);
                }
            }
            Tree::Array(schemas) => {
                for schema in schemas {
                    self.translate(schema);
                }
            }
            Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::String(_) => {}
        }
    }

    fn translate_keyword(&mut self, keyword: &str, value: &mut Tree) {
        match (keyword, value) {
            ("pattern", Tree::String(pattern)) => *pattern = self.write(pattern),
            ("format", Tree::String(format)) if format == "regex" => *format = GO_REGEX.to_owned(),
            ("patternProperties", Tree::Object(properties)) => {
                let mut translated = Map::new();
                for (pattern, mut schema) in std::mem::take(properties) {
                    self.translate(&mut schema);
                    let mut written = self.write(&pattern);
                    // Two patterns may mean the same.
                    while translated.contains_key(&written) {
                        written.push_str("(?:)");
                    }
                    translated.insert(written, schema);
                }
                *properties = translated;
            }
            // The keys of these are names.
            (
                "properties" | "definitions" | "$defs" | "dependentSchemas" | "dependencies",
                Tree::Object(schemas),
            ) => {
                for schema in schemas.values_mut() {
                    self.translate(schema);
                }
            }
            // These hold values.
            ("const" | "enum" | "default" | "examples", _) => {}
            (_, value) => self.translate(value),
        }
    }

    fn write(&mut self, original: &str) -> String {
        let (written, error) = match translate(original) {
            Ok(translation) => (translation.pattern, None),
            Err(error) => (format!("){original}"), Some(error)),
        };
        if written != original {
            self.0.push(Translated {
                original: original.to_owned(),
                written: written.clone(),
                error,
            });
        }
        written
    }

    /// A message of the validator, with the patterns as the schema has them.
    pub(super) fn restore(&self, message: &str) -> String {
        let mut message = message.replace(&format!(" {GO_REGEX}"), " regex");
        for pattern in &self.0 {
            message = message.replace(&quote(&pattern.written), &quote(&pattern.original));
        }
        message
    }

    /// Why a schema does not compile: the pattern that the message is about, if it is about one.
    pub(super) fn explain(&self, message: &str) -> String {
        for Translated {
            original,
            written,
            error,
        } in &self.0
        {
            let error = match error {
                Some(error) if message.contains(&quote(written)) => error.clone(),
                Some(_) => continue,
                None => match Pattern::compile(original.as_bytes()) {
                    Err(error) => error,
                    Ok(_) => continue,
                },
            };
            return format!(
                "values.schema.json: {} is not valid regex: {error}",
                quote(original)
            );
        }
        self.restore(message)
    }
}

/// As the validator quotes.
fn quote(text: &str) -> String {
    let quoted = format!("{text:?}")
        .replace("\\\"", "\"")
        .replace('\'', "\\'");
    format!("'{}'", &quoted[1..quoted.len() - 1])
}

/// The format `regex`.
pub(super) fn check_regex(value: &Tree) -> Result<(), Box<dyn std::error::Error>> {
    match value {
        Tree::String(pattern) => translate(pattern)
            .map(|_| ())
            .map_err(|error| error.to_string().into()),
        Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::Array(_) | Tree::Object(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patterns_are_translated_where_they_are_patterns() {
        let mut schema = json!({
            "properties": {"pattern": {"pattern": r"^\w"}, "const": {"pattern": r"\s"}},
            "items": [{"pattern": r"\D"}],
            "patternProperties": {r"^\d": {"pattern": "^a"}, "^[0-9]": {}},
            "const": {"pattern": r"\w"},
            "enum": [{"pattern": r"\w"}],
            "not": {"format": "regex"},
        });
        Patterns::default().translate(&mut schema);
        assert_eq!(
            schema,
            json!({
                "properties": {
                    "pattern": {"pattern": "^[0-9A-Za-z_]"},
                    "const": {"pattern": "[\\t\\n\\f\\r\\x20]"}
                },
                "items": [{"pattern": "[^0-9]"}],
                "patternProperties": {"^[0-9]": {}, "^[0-9](?:)": {"pattern": "^a"}},
                "const": {"pattern": r"\w"},
                "enum": [{"pattern": r"\w"}],
                "not": {"format": "go-regex"},
            })
        );
    }
}
