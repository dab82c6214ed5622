//! Errors in templates, and their positions.

/// Bytes of the tree that a token needs at most.
pub(super) const TREE_PER_TOKEN: usize = 96;

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParseError {
    /// The byte offset into the file.
    pub(crate) offset: usize,
    /// The problem.
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
