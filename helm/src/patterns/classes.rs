//! Character classes: `[…]`, `\d` and similar, `\p{…}`.

use super::PatternError;
use super::escapes::{Flags, escaped_at};
use super::names::{Property, property_of};

/// The names between `[:` and `:]`; a `^` before one negates it.
const NAMED: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// A class without members. Go accepts surrogates in classes, but a text never contains one.
pub(super) const NOTHING: &str = "[a&&b]";

/// `\d`, `\s` or `\w`, which are ASCII in Go, or its negation.
pub(super) struct PerlClass {
    ranges: &'static str,
    is_negated: bool,
}

/// The class of the letter after a backslash.
pub(super) fn perl_class(letter: char) -> Option<PerlClass> {
    let ranges = match letter.to_ascii_lowercase() {
        'd' => "0-9",
        's' => "\\t\\n\\f\\r\\x20",
        'w' => "0-9A-Za-z_",
        _ => return None,
    };
    Some(PerlClass {
        ranges,
        is_negated: letter.is_ascii_uppercase(),
    })
}

impl PerlClass {
    /// Writes the class outside of brackets.
    pub(super) fn write_alone(&self, flags: Flags, out: &mut String) {
        let negation = if self.is_negated { "^" } else { "" };
        write_folded(&format!("[{negation}{}]", self.ranges), flags, out);
    }

    fn write_inside(&self, out: &mut String) {
        if self.is_negated {
            out.push_str(&format!("[^{}]", self.ranges));
        } else {
            out.push_str(self.ranges);
        }
    }
}

fn write_folded(class: &str, flags: Flags, out: &mut String) {
    if flags.fold_case {
        out.push_str(&format!("(?i:{class})"));
    } else {
        out.push_str(class);
    }
}

/// Writes the `\p…` or `\P…` at the start, outside of brackets, and returns the text after it.
pub(super) fn write_unicode<'a>(
    text: &'a str,
    flags: Flags,
    out: &mut String,
) -> Result<&'a str, PatternError> {
    let (class, rest) = unicode_at(text)?;
    write_folded(&class, flags, out);
    Ok(rest)
}

/// The `\p…` or `\P…` at the start, and the text after it.
fn unicode_at(text: &str) -> Result<(String, &str), PatternError> {
    let invalid = |piece: &str| PatternError::refused("invalid character class range", piece);
    let after = &text[2..];
    let (name, rest) = match after.strip_prefix('{') {
        Some(braced) => braced.split_once('}').ok_or_else(|| invalid(text))?,
        None => after.split_at(after.chars().next().map_or(0, char::len_utf8)),
    };
    let (name, is_negated) = match name.strip_prefix('^') {
        Some(name) => (name, text.starts_with("\\p")),
        None => (name, text.starts_with("\\P")),
    };
    let property = property_of(name).ok_or_else(|| invalid(&text[..text.len() - rest.len()]))?;
    let class = match (property, is_negated) {
        (Property::Surrogates, false) => NOTHING.to_owned(),
        (Property::Surrogates, true) => "[^a&&b]".to_owned(),
        (Property::Named(name), false) => format!("\\p{{{name}}}"),
        (Property::Named(name), true) => format!("\\P{{{name}}}"),
    };
    Ok((class, rest))
}

/// Writes the `[…]` at the start, and returns the text after it.
pub(super) fn write_class<'a>(
    text: &'a str,
    flags: Flags,
    out: &mut String,
) -> Result<&'a str, PatternError> {
    let (is_negated, mut rest) = match text[1..].strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, &text[1..]),
    };
    let mut items = String::new();
    let mut is_first = true;
    // A bracket right after the opening one is a member.
    while is_first || !rest.starts_with(']') {
        is_first = false;
        rest = write_item(text, rest, &mut items)?;
    }
    let class = match (items.is_empty(), is_negated) {
        (true, false) => NOTHING.to_owned(),
        (true, true) => "[^a&&b]".to_owned(),
        (false, true) => format!("[^{items}]"),
        (false, false) => format!("[{items}]"),
    };
    write_folded(&class, flags, out);
    Ok(&rest[1..])
}

/// Writes the class, character or range at the start of `rest`, and returns the text after it.
fn write_item<'a>(whole: &str, rest: &'a str, items: &mut String) -> Result<&'a str, PatternError> {
    let invalid = |piece: &str| PatternError::refused("invalid character class range", piece);
    if let Some((name, after)) = rest
        .strip_prefix("[:")
        .and_then(|named| named.split_once(":]"))
    {
        let piece = &rest[..rest.len() - after.len()];
        if !NAMED.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return Err(invalid(piece));
        }
        items.push_str(piece);
        return Ok(after);
    }
    if let Some(escape) = rest.strip_prefix('\\') {
        if escape.starts_with(['p', 'P']) {
            let (class, after) = unicode_at(rest)?;
            items.push_str(&class);
            return Ok(after);
        }
        if let Some(class) = escape.chars().next().and_then(perl_class) {
            class.write_inside(items);
            return Ok(&escape[1..]);
        }
    }
    let (low, after) = member_at(whole, rest)?;
    let range = after
        .strip_prefix('-')
        .filter(|high| !high.is_empty() && !high.starts_with(']'));
    let (high, after) = match range {
        Some(high) => member_at(whole, high)?,
        None => (low, after),
    };
    if high < low {
        return Err(invalid(&rest[..rest.len() - after.len()]));
    }
    write_range(low, high, items);
    Ok(after)
}

/// The character at the start, and the text after it.
fn member_at<'a>(whole: &str, text: &'a str) -> Result<(u32, &'a str), PatternError> {
    let mut characters = text.chars();
    match characters.next() {
        None => Err(PatternError::refused("missing closing ]", whole)),
        Some('\\') => escaped_at(text),
        Some(character) => Ok((u32::from(character), characters.as_str())),
    }
}

/// Writes a range without the surrogates in it.
fn write_range(low: u32, high: u32, items: &mut String) {
    let low = char::from_u32(low).unwrap_or('\u{E000}');
    let high = char::from_u32(high).unwrap_or('\u{D7FF}');
    if low > high {
        return;
    }
    write_member(low, items);
    if low < high {
        items.push('-');
        write_member(high, items);
    }
}

fn write_member(character: char, items: &mut String) {
    if "\\[]^-&~".contains(character) {
        items.push('\\');
    }
    items.push(character);
}
