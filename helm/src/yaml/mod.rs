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

impl YamlError {
    /// The YAML exceeds the limits of this crate; Helm does not have this error.
    pub(super) fn too_large() -> Self {
        Self(TOO_LARGE.into())
    }

    /// True if the text is valid and exceeds the limits of this crate.
    pub(crate) fn is_too_large(&self) -> bool {
        self.0.ends_with(TOO_LARGE)
    }
}
