//! YAML as Helm reads and writes it: `sigs.k8s.io/yaml` with a fork of go-yaml 2, which is YAML 1.1 converted to JSON.
//!
//! The reader is a scanner and a parser with libyaml's rules and messages (`fromYaml` returns these messages to
//! templates), and a resolver of plain scalars. Numbers become floats, because Helm decodes the JSON
//! into Go's `interface{}`. The writer is a port of libyaml's emitter, which decides where long lines
//! are folded.

mod analysis;
mod decode;
mod dialect;
mod emitter;
mod encode;
mod fetch;
mod parser;
mod resolve;
mod scalar;
mod scanner;
mod tags;

pub(crate) use decode::{json_kind, read, read_documents, read_map, read_map_keeping_numbers};
pub(crate) use encode::{Unwritable, write, write_pretty};

/// The maximum depth of a document.
const MAX_DEPTH: usize = 200;

/// An error in a YAML text, with go-yaml's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct YamlError(pub(crate) String);

const TOO_LARGE: &str = "the YAML document needs too much memory";

/// Words of the messages that a text of the document follows.
const BEFORE_CONTENT: [&str; 6] = [
    "unknown anchor",
    "yaml: anchor",
    "invalid map key",
    "cannot decode",
    "unsupported value",
    "unsupported map key",
];

impl YamlError {
    /// The YAML exceeds the limits of this crate; Helm does not have this error.
    pub(super) fn too_large() -> Self {
        Self(TOO_LARGE.into())
    }

    /// The message without texts of the document, which may be secrets.
    pub(crate) fn without_content(&self) -> &str {
        let ends = BEFORE_CONTENT.iter().filter_map(|words| {
            let start = self.0.find(words)?;
            Some(start + words.len())
        });
        ends.min().map_or(&self.0, |end| &self.0[..end])
    }

    /// True if the text is valid and exceeds the limits of this crate.
    pub(crate) fn is_too_large(&self) -> bool {
        self.0.ends_with(TOO_LARGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_without_content_has_no_text_of_the_document() {
        for (text, shown) in [
            (
                "a: *hush",
                "error converting YAML to JSON: yaml: unknown anchor",
            ),
            (
                "a: &hush [*hush]",
                "error converting YAML to JSON: yaml: anchor",
            ),
            (
                "a: {{hush}}",
                "error converting YAML to JSON: yaml: invalid map key",
            ),
            (
                "a: !!int hush",
                "error converting YAML to JSON: yaml: cannot decode",
            ),
            (
                "? !!int hush\n: 1",
                "error converting YAML to JSON: yaml: cannot decode",
            ),
            (
                "a: .inf",
                "error converting YAML to JSON: json: unsupported value",
            ),
            (
                "18446744073709551615: a",
                "error converting YAML to JSON: unsupported map key",
            ),
            (
                "a: 1\n b: hush",
                "error converting YAML to JSON: yaml: line 2: mapping values are not allowed in this context",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.without_content(), shown, "{text}");
        }
    }
}
