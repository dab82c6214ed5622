//! Translates patterns from Go's syntax to that of `regex`, with the errors of Go's parser.
//!
//! Source: `regexp/syntax` of Go 1.26. In one pass, each piece of the pattern is written so that its meaning does not
//! depend on its position: flags are written around each piece that they affect. Go's limit on the size of a pattern is
//! not checked, because the limit of `regex` is lower.

use super::PatternError;
use super::classes::{NOTHING, perl_class, write_class, write_unicode};
use super::escapes::{Flags, escaped_at};

/// The highest count of a repetition, and of nested ones multiplied.
const MAX_REPEAT: u32 = 1_000;
/// The longest pattern, in bytes: some take time that grows with the square of their length.
const MAX_LENGTH: usize = 1 << 16;
/// The most groups inside each other.
const MAX_DEPTH: usize = 999;

/// A pattern in the syntax of `regex`.
#[derive(Debug)]
pub(crate) struct Translation {
    /// The pattern. Its groups have no names: Go's names may not be valid in `regex`.
    pub(crate) pattern: String,
    /// The names of its groups, from the first on.
    pub(crate) groups: Vec<Option<String>>,
}

/// Translates a pattern.
///
/// # Errors
///
/// If Go does not accept it, or if it is longer than 64 KiB.
pub(crate) fn translate(source: &str) -> Result<Translation, PatternError> {
    if source.len() > MAX_LENGTH {
        return Err(PatternError::unsupported(
            source,
            &format!("it is longer than {MAX_LENGTH} bytes"),
        ));
    }
    let mut translator = Translator {
        source,
        rest: source,
        out: String::with_capacity(source.len() + 16),
        groups: Vec::new(),
        flags: Flags::default(),
        open: Vec::new(),
        last: None,
        copies: 1,
    };
    let mut after_repetition = None;
    while !translator.rest.is_empty() {
        after_repetition = translator.step(after_repetition)?;
    }
    if !translator.open.is_empty() {
        return Err(PatternError::refused("missing closing )", source));
    }
    Ok(Translation {
        pattern: translator.out,
        groups: translator.groups,
    })
}

/// The part that a repetition applies to.
#[derive(Clone, Copy)]
struct Atom {
    /// The position in the output.
    start: usize,
    /// True if an operator after it would apply to only a part of it.
    needs_group: bool,
    /// How often counts repeat its innermost piece.
    copies: u32,
}

struct OpenGroup {
    start: usize,
    flags: Flags,
    copies: u32,
}

struct Translator<'a> {
    source: &'a str,
    rest: &'a str,
    out: String,
    groups: Vec<Option<String>>,
    flags: Flags,
    open: Vec<OpenGroup>,
    last: Option<Atom>,
    /// The most copies of an atom in the current group.
    copies: u32,
}

/// The bounds of a repetition.
#[derive(Clone, Copy)]
struct Count {
    min: u32,
    max: Option<u32>,
}

impl<'a> Translator<'a> {
    /// Translates one piece. If the previous piece was a repetition, `after` is the source from its start on; the
    /// result has the same meaning for this piece.
    fn step(&mut self, after: Option<&'a str>) -> Result<Option<&'a str>, PatternError> {
        let before = self.rest;
        let mut characters = before.chars();
        let Some(first) = characters.next() else {
            return Ok(None);
        };
        self.rest = characters.as_str();
        match first {
            '(' => self.open_group(before)?,
            '|' => {
                self.out.push('|');
                self.follow(None);
            }
            ')' => self.close_group()?,
            '^' if self.flags.multi_line => self.atom("(?m:^)", false),
            '$' if self.flags.multi_line => self.atom("(?m:$)", false),
            '^' => self.atom("^", true),
            '$' => self.atom("$", true),
            '.' if self.flags.dot_matches_newline => self.atom("(?s:.)", false),
            '.' => self.atom(".", false),
            '[' => {
                let start = self.out.len();
                self.rest = write_class(before, self.flags, &mut self.out)?;
                self.push(start, false);
            }
            '\\' => self.escape(before)?,
            _ => match count_at(before)? {
                Some((count, rest)) => {
                    self.rest = rest;
                    self.repeat(before, after, count)?;
                    return Ok(Some(before));
                }
                None => self.literal(u32::from(first)),
            },
        }
        Ok(None)
    }

    /// Records the atom that was written from `start` on.
    fn push(&mut self, start: usize, needs_group: bool) {
        self.follow(Some(Atom {
            start,
            needs_group,
            copies: 1,
        }));
    }

    /// Ends the last atom: no operator can apply to it any more.
    fn follow(&mut self, next: Option<Atom>) {
        let ended = std::mem::replace(&mut self.last, next);
        self.copies = self.copies.max(ended.map_or(1, |atom| atom.copies));
    }

    fn atom(&mut self, text: &str, needs_group: bool) {
        let start = self.out.len();
        self.out.push_str(text);
        self.push(start, needs_group);
    }

    fn literal(&mut self, code: u32) {
        let start = self.out.len();
        match char::from_u32(code) {
            // Go accepts surrogates, but a text never contains one.
            None => self.out.push_str(NOTHING),
            Some(character) if self.flags.fold_case && character.is_alphabetic() => {
                self.out.push_str(&format!("(?i:{character})"));
            }
            Some(character) => {
                if "\\.+*?()|[]{}^$".contains(character) {
                    self.out.push('\\');
                }
                self.out.push(character);
            }
        }
        self.push(start, false);
    }

    /// Repeats the last atom.
    fn repeat(
        &mut self,
        before: &str,
        after: Option<&str>,
        count: Count,
    ) -> Result<(), PatternError> {
        let Count { min, max } = count;
        let mut is_lazy = self.flags.swap_greed;
        if let Some(rest) = self.rest.strip_prefix('?') {
            self.rest = rest;
            is_lazy = !is_lazy;
        }
        let piece = |from: &'_ str, rest: &str| from[..from.len() - rest.len()].to_owned();
        if let Some(after) = after {
            return Err(PatternError::refused(
                "invalid nested repetition operator",
                &piece(after, self.rest),
            ));
        }
        let Some(atom) = self.last else {
            return Err(PatternError::refused(
                "missing argument to repetition operator",
                &piece(before, self.rest),
            ));
        };
        let most = max.unwrap_or(min);
        let copies = match max {
            // The content of `{0}` does not count.
            Some(0) => 1,
            _ => atom.copies.saturating_mul(most.max(1)),
        };
        if most >= 2 && copies > MAX_REPEAT {
            return Err(PatternError::refused(
                "invalid repeat count",
                &piece(before, self.rest),
            ));
        }
        if atom.needs_group {
            self.out.insert_str(atom.start, "(?:");
            self.out.push(')');
        }
        self.out.push_str(&match (min, max) {
            (0, None) => "*".to_owned(),
            (1, None) => "+".to_owned(),
            (0, Some(1)) => "?".to_owned(),
            (_, None) => format!("{{{min},}}"),
            (_, Some(max)) if max == min => format!("{{{min}}}"),
            (_, Some(max)) => format!("{{{min},{max}}}"),
        });
        if is_lazy {
            self.out.push('?');
        }
        self.last = Some(Atom {
            start: atom.start,
            needs_group: true,
            copies,
        });
        Ok(())
    }

    fn open_group(&mut self, before: &'a str) -> Result<(), PatternError> {
        let flags = self.flags;
        let text = if let Some(after) = self.rest.strip_prefix('?') {
            match self.perl_group(before, after)? {
                GroupKind::Named(name) => {
                    self.groups.push(Some(name));
                    "("
                }
                GroupKind::Plain => "(?:",
                GroupKind::FlagsOnly => return Ok(()),
            }
        } else {
            self.groups.push(None);
            "("
        };
        self.follow(None);
        self.open.push(OpenGroup {
            start: self.out.len(),
            flags,
            copies: std::mem::replace(&mut self.copies, 1),
        });
        if self.open.len() > MAX_DEPTH {
            return Err(PatternError::refused(
                "expression nests too deeply",
                self.source,
            ));
        }
        self.out.push_str(text);
        Ok(())
    }

    fn close_group(&mut self) -> Result<(), PatternError> {
        let Some(group) = self.open.pop() else {
            return Err(PatternError::refused("unexpected )", self.source));
        };
        self.follow(None);
        self.out.push(')');
        self.flags = group.flags;
        self.last = Some(Atom {
            start: group.start,
            needs_group: false,
            copies: std::mem::replace(&mut self.copies, group.copies),
        });
        Ok(())
    }

    /// A group that starts with `(?`, or flags for the rest of the current one.
    fn perl_group(&mut self, before: &'a str, after: &'a str) -> Result<GroupKind, PatternError> {
        let named = match after.strip_prefix("P<") {
            Some(named) if !named.is_empty() => Some(named),
            _ => after.strip_prefix('<').filter(|named| !named.is_empty()),
        };
        if let Some(named) = named {
            let Some((name, rest)) = named.split_once('>') else {
                return Err(PatternError::refused("invalid named capture", before));
            };
            let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            if name.is_empty() || !name.bytes().all(is_word) {
                let piece = &before[..before.len() - rest.len()];
                return Err(PatternError::refused("invalid named capture", piece));
            }
            self.rest = rest;
            return Ok(GroupKind::Named(name.to_owned()));
        }
        let mut flags = self.flags;
        let (mut value, mut saw_flag) = (true, false);
        let mut characters = after.chars();
        let end = loop {
            match characters.next() {
                Some('i') => flags.fold_case = value,
                Some('m') => flags.multi_line = value,
                Some('s') => flags.dot_matches_newline = value,
                Some('U') => flags.swap_greed = value,
                Some('-') if value => {
                    (value, saw_flag) = (false, false);
                    continue;
                }
                end => break end,
            }
            saw_flag = true;
        };
        self.rest = characters.as_str();
        let kind = match end {
            Some(':') if value || saw_flag => GroupKind::Plain,
            Some(')') if value || saw_flag => GroupKind::FlagsOnly,
            _ => {
                let piece = &before[..before.len() - self.rest.len()];
                return Err(PatternError::refused(
                    "invalid or unsupported Perl syntax",
                    piece,
                ));
            }
        };
        self.flags = flags;
        Ok(kind)
    }

    fn escape(&mut self, before: &'a str) -> Result<(), PatternError> {
        let mut after = before[1..].chars();
        let second = after.next();
        match second {
            Some('A') => self.atom("^", true),
            Some('z') => self.atom("$", true),
            Some('b') => self.atom("(?-u:\\b)", false),
            Some('B') => self.atom("(?-u:\\B)", false),
            Some('C') => return Err(PatternError::refused("invalid escape sequence", "\\C")),
            Some('Q') => {
                let quoted = after.as_str();
                let (text, rest) = quoted.split_once("\\E").unwrap_or((quoted, ""));
                for character in text.chars() {
                    self.literal(u32::from(character));
                }
                self.rest = rest;
                return Ok(());
            }
            Some('p' | 'P') => {
                let start = self.out.len();
                self.rest = write_unicode(before, self.flags, &mut self.out)?;
                self.push(start, false);
                return Ok(());
            }
            _ => {
                if let Some(class) = second.and_then(perl_class) {
                    let start = self.out.len();
                    class.write_alone(self.flags, &mut self.out);
                    self.push(start, false);
                } else {
                    let (code, rest) = escaped_at(before)?;
                    self.literal(code);
                    self.rest = rest;
                    return Ok(());
                }
            }
        }
        self.rest = after.as_str();
        Ok(())
    }
}

enum GroupKind {
    Named(String),
    Plain,
    FlagsOnly,
}

/// The repetition at the start, and the text after it; `None` if there is none: a brace can be a literal.
fn count_at(text: &str) -> Result<Option<(Count, &str)>, PatternError> {
    let simple = match text.as_bytes()[0] {
        b'*' => Some((0, None)),
        b'+' => Some((1, None)),
        b'?' => Some((0, Some(1))),
        _ => None,
    };
    if let Some((min, max)) = simple {
        return Ok(Some((Count { min, max }, &text[1..])));
    }
    let Some((min, rest)) = text.strip_prefix('{').and_then(number_at) else {
        return Ok(None);
    };
    let (max, rest) = match rest.strip_prefix(',') {
        None => (Some(min), rest),
        Some(rest) if rest.starts_with('}') => (None, rest),
        Some(rest) => match number_at(rest) {
            Some((max, rest)) => (Some(max), rest),
            None => return Ok(None),
        },
    };
    let Some(rest) = rest.strip_prefix('}') else {
        return Ok(None);
    };
    if min > MAX_REPEAT || max.is_some_and(|max| max > MAX_REPEAT || max < min) {
        let piece = &text[..text.len() - rest.len()];
        return Err(PatternError::refused("invalid repeat count", piece));
    }
    Ok(Some((Count { min, max }, rest)))
}

/// A number without leading zeros; one that is too large is `u32::MAX`.
fn number_at(text: &str) -> Option<(u32, &str)> {
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().unwrap_or(u32::MAX), rest))
}
