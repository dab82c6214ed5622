//! YAML as Helm reads and writes it: `sigs.k8s.io/yaml` over a fork of go-yaml 2, that is YAML 1.1 through JSON.
//!
//! Reading goes through a scanner and a parser with libyaml's rules and messages (`fromYaml` hands those messages to
//! templates), then through the resolution of plain scalars. Numbers become floats, because Helm decodes the JSON in
//! between into Go's `interface{}`. Writing goes through a port of libyaml's emitter, which decides where long lines
//! are folded.

mod decode;
mod emitter;
mod encode;
mod fetch;
mod parser;
mod resolve;
mod scalar;
mod scanner;

pub(crate) use decode::{json_kind, read, read_documents, read_map, read_map_keeping_numbers};
pub(crate) use encode::{Unwritable, write, write_pretty};

/// How deep documents may nest.
const MAX_DEPTH: usize = 200;

/// What is wrong with a YAML text, in go-yaml's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct YamlError(pub(crate) String);

const TOO_LARGE: &str = "the YAML document needs too much memory";

impl YamlError {
    /// What is no fault of the YAML, but more than can be read: Helm has no such error.
    pub(super) fn too_large() -> Self {
        Self(TOO_LARGE.into())
    }

    /// Whether only the limits of this crate stand against reading the text.
    pub(crate) fn is_too_large(&self) -> bool {
        self.0.ends_with(TOO_LARGE)
    }
}
