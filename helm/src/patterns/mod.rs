//! Regular expressions in Go's syntax (RE2), for the `regex*` functions and for the patterns of schemas.
//!
//! A translation of Go's parser accepts a pattern or not; Rust's `regex` matches it. Both match leftmost-first and in
//! linear time. [`translate`] converts a pattern to one with the same meaning in `regex`.

mod classes;
mod escapes;
mod names;
mod translate;

use std::fmt;

use regex::{Captures, Regex};

pub(crate) use translate::{Translation, translate};

/// The largest program, in bytes, of a small pattern.
const SMALL: usize = 512 << 10;
/// The largest program, in bytes.
const LARGEST: usize = 8 << 20;
/// Characters of a pattern that a message shows.
const SHOWN: usize = 80;
/// The maximum depth of a pattern's syntax tree. Go allows a thousand nested groups, and each takes several levels.
const NESTING: u32 = 4_000;

/// The reason why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PatternError {
    /// Go does not accept it either; with Go's message.
    Refused(String),
    /// Go accepts it, but this engine does not.
    Unsupported(String),
}

impl PatternError {
    /// Go's error for a piece of a pattern.
    fn refused(problem: &str, piece: &str) -> Self {
        Self::Refused(format!("error parsing regexp: {problem}: `{piece}`"))
    }

    /// An error of this engine; it names the pattern.
    fn unsupported(pattern: &str, problem: &str) -> Self {
        let end = pattern.char_indices().nth(SHOWN).map(|(end, _)| end);
        let (shown, dots) = match end {
            Some(end) => (&pattern[..end], "…"),
            None => (pattern, ""),
        };
        Self::Unsupported(format!(
            "the regular expression `{shown}{dots}` is not supported here: {problem}"
        ))
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(problem) | Self::Unsupported(problem) => formatter.write_str(problem),
        }
    }
}

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    groups: Vec<Option<String>>,
    is_small: bool,
}

impl Pattern {
    /// Compiles a pattern in Go's syntax.
    pub(crate) fn compile(source: &[u8]) -> Result<Self, PatternError> {
        let text = std::str::from_utf8(source).map_err(|_| {
            PatternError::refused("invalid UTF-8", &String::from_utf8_lossy(source))
        })?;
        let Translation { pattern, groups } = translate(text)?;
        let build = |limit| {
            regex::RegexBuilder::new(&pattern)
                .size_limit(limit)
                .dfa_size_limit(SMALL)
                .nest_limit(NESTING)
                .build()
        };
        let small = build(SMALL);
        let is_small = small.is_ok();
        let regex = small.or_else(|_| build(LARGEST)).map_err(|error| {
            // The message quotes the whole pattern before its last line.
            let problem = error.to_string();
            let problem = problem.lines().last().unwrap_or_default();
            PatternError::unsupported(text, problem)
        })?;
        Ok(Self {
            regex,
            groups,
            is_small,
        })
    }

    pub(crate) fn regex(&self) -> &Regex {
        &self.regex
    }

    /// False if it takes so much memory that only one such pattern is kept.
    pub(crate) fn is_small(&self) -> bool {
        self.is_small
    }

    /// `Regexp.Expand`: the template with the groups of a match in place of `$1`, `$name` and `${name}`.
    pub(crate) fn expand(&self, template: &str, captures: &Captures<'_>, out: &mut String) {
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                out.push('$');
                rest = after;
            } else if let Some((name, after)) = reference_at(after) {
                out.push_str(self.group(name, captures));
                rest = after;
            } else {
                // Not a reference: keep the text.
                out.push('$');
                rest = after;
            }
        }
        out.push_str(rest);
    }

    /// The text of a group by number or name; empty if there is none.
    fn group<'t>(&self, name: &str, captures: &Captures<'t>) -> &'t str {
        let text = |number| captures.get(number).map(|found| found.as_str());
        let is_number = name.bytes().all(|byte| byte.is_ascii_digit())
            && (name == "0" || !name.starts_with('0'));
        if is_number {
            return name.parse().ok().and_then(text).unwrap_or_default();
        }
        // Go allows two groups with the same name; the first that matched is used.
        self.groups
            .iter()
            .enumerate()
            .filter(|(_, group)| group.as_deref() == Some(name))
            .find_map(|(index, _)| text(index + 1))
            .unwrap_or_default()
    }
}

/// The name at the start of the text after a `$`, and the text after the name.
fn reference_at(text: &str) -> Option<(&str, &str)> {
    let (text, is_braced) = match text.strip_prefix('{') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let end = text
        .find(|character: char| !(character.is_alphanumeric() || character == '_'))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return None;
    }
    if is_braced {
        return Some((name, rest.strip_prefix('}')?));
    }
    Some((name, rest))
}
