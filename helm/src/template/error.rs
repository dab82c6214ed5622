//! Errors in templates, and their positions.

/// The most bytes of the tree that one token needs.
pub(super) const TREE_PER_TOKEN: usize = 96;

/// A syntax error in a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParseError {
    /// Bytes from the start of the file.
    pub(crate) offset: usize,
    pub(crate) problem: String,
}

/// The line and column of a byte offset, both from one.
pub(crate) fn position(source: &str, offset: usize) -> (usize, usize) {
    let before = &source.as_bytes()[..offset.min(source.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.len()
        - before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1)
        + 1;
    (line, column)
}
