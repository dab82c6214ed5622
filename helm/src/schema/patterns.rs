//! Translates the regular expressions of a schema from Go's syntax to that of the validator.
//!
//! Messages contain the original patterns.

use serde_json::{Map, Value as Tree};

use crate::patterns::{Pattern, PatternError, translate};

/// The name of a format that replaces `regex` and follows Go; the validator's own cannot be replaced.
pub(super) const GO_REGEX: &str = "go-regex";

/// The patterns that the translation changed.
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
    /// A pattern that Go refuses becomes one that the validator refuses, so that it is an error only if the schema is
    /// used.
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
                    // Two patterns can have the same translation.
                    while translated.contains_key(&written) {
                        written.push_str("(?:)");
                    }
                    translated.insert(written, schema);
                }
                *properties = translated;
            }
            // The keys in these are names.
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

    /// A message of the validator, with the original patterns.
    pub(super) fn restore(&self, message: &str) -> String {
        let mut message = message.replace(&format!(" {GO_REGEX}"), " regex");
        for pattern in &self.0 {
            message = message.replace(&quote(&pattern.written), &quote(&pattern.original));
        }
        message
    }

    /// The error of a schema that does not compile; names the pattern if it is the cause.
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

/// Quotes as the validator does.
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
