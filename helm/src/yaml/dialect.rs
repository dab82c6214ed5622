//! The dialects of YAML that Helm writes.

/// A version of the emitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// go-yaml 2: `toYaml`. Long lines fold, sequences in mappings are not indented.
    Compact,
    /// go-yaml 3 with an indentation of two: `toYamlPretty`.
    Pretty,
}
