//! Regular expressions: Go's RE2 syntax on Rust's `regex`, which shares its ancestry.

use std::borrow::Cow;
use std::rc::Rc;

use regex::Regex;

use super::arguments::{int, text};
use super::strings::check_parts;
use super::{Outcome, check_text};
use crate::exec::{Failure, Interpreter};
use crate::value::{ListType, Text, Value};

/// What compiling a pattern counts as, in steps.
const COMPILING: usize = 10_000;
/// Compiled patterns that are kept.
const MAX_COMPILED: usize = 64;

fn compile(interpreter: &mut Interpreter<'_>, pattern: &Value) -> Result<Rc<Regex>, Failure> {
    let key = match pattern {
        Value::Str(text) => text.clone(),
        _ => Text::from(""),
    };
    if let Some(regex) = interpreter.regexes().get(&key) {
        return Ok(regex.clone());
    }
    // Compiling takes a thousand times longer than most other steps.
    interpreter.steps(COMPILING)?;
    if interpreter.regexes().len() >= MAX_COMPILED {
        interpreter.regexes().clear();
    }
    let source = key.to_str();
    let regex = regex::RegexBuilder::new(&translate(&source))
        .size_limit(1 << 20)
        .build()
        .map_err(|_| Failure::from(format!("error parsing regexp: `{source}`")))?;
    let regex = Rc::new(regex);
    interpreter.regexes().insert(key.clone(), regex.clone());
    Ok(regex)
}

/// Go's classes are ASCII, its brackets hold no sets, and a lone brace is a brace.
fn translate(pattern: &str) -> Cow<'_, str> {
    if !pattern.contains(['\\', '[', '{', '}']) {
        return Cow::Borrowed(pattern);
    }
    let mut translation = Translation {
        pattern: pattern.chars().collect(),
        position: 0,
        out: String::with_capacity(pattern.len() + 16),
        in_class: false,
        in_repetition: false,
    };
    while translation.position < translation.pattern.len() {
        translation.step();
    }
    Cow::Owned(translation.out)
}

struct Translation {
    pattern: Vec<char>,
    position: usize,
    out: String,
    in_class: bool,
    in_repetition: bool,
}

impl Translation {
    fn at(&self, offset: usize) -> Option<char> {
        self.pattern.get(self.position + offset).copied()
    }

    /// Copies a number of characters.
    fn copy(&mut self, count: usize) {
        let end = (self.position + count).min(self.pattern.len());
        self.out.extend(&self.pattern[self.position..end]);
        self.position = end;
    }

    /// Writes a text in place of a number of characters.
    fn replace(&mut self, count: usize, text: &str) {
        self.out.push_str(text);
        self.position += count;
    }

    fn step(&mut self) {
        match (self.at(0), self.in_class) {
            (Some('\\'), _) => self.escape(),
            (Some('['), false) => self.open_class(),
            (Some('['), true) if self.at(1) == Some(':') => {
                let rest: String = self.pattern[self.position..].iter().collect();
                let class = rest
                    .find(":]")
                    .map_or(1, |end| rest[..end + 2].chars().count());
                self.copy(class);
            }
            (Some('['), true) => self.replace(1, "\\["),
            (Some(']'), true) => {
                self.in_class = false;
                self.copy(1);
            }
            (Some('&'), true) => self.replace(1, "\\&"),
            (Some('~'), true) => self.replace(1, "\\~"),
            (Some('-'), true) if self.at(1) == Some('-') => self.replace(1, "\\-"),
            (Some('{'), false) => {
                self.in_repetition = is_repetition(&self.pattern[self.position..]);
                self.replace(1, if self.in_repetition { "{" } else { "\\{" });
            }
            (Some('}'), false) => {
                self.replace(1, if self.in_repetition { "}" } else { "\\}" });
                self.in_repetition = false;
            }
            (_, _) => self.copy(1),
        }
    }

    fn open_class(&mut self) {
        self.in_class = true;
        self.copy(1);
        if self.at(0) == Some('^') {
            self.copy(1);
        }
        // A bracket right after the opening one is a member.
        if self.at(0) == Some(']') {
            self.replace(1, "\\]");
        }
    }

    fn escape(&mut self) {
        let text = match (self.at(1), self.in_class) {
            (Some('d'), true) => "0-9",
            (Some('d'), false) => "[0-9]",
            (Some('D'), _) => "[^0-9]",
            (Some('w'), true) => "0-9A-Za-z_",
            (Some('w'), false) => "[0-9A-Za-z_]",
            (Some('W'), _) => "[^0-9A-Za-z_]",
            (Some('s'), true) => "\\t\\n\\x0c\\r ",
            (Some('s'), false) => "[\\t\\n\\x0c\\r ]",
            (Some('S'), _) => "[^\\t\\n\\x0c\\r ]",
            (Some('b'), false) => "(?-u:\\b)",
            (Some('B'), false) => "(?-u:\\B)",
            (Some('Q'), _) => {
                let rest: String = self.pattern[self.position + 2..].iter().collect();
                let (literal, end) = rest
                    .split_once("\\E")
                    .map_or((rest.as_str(), 0), |(literal, _)| (literal, 2));
                let count = literal.chars().count() + end;
                return self.replace(2 + count, &regex::escape(literal));
            }
            // `\p{Greek}` and `\x{10FFFF}` keep their braces.
            (Some('p' | 'P' | 'x'), _) if self.at(2) == Some('{') => {
                let inside = self.pattern[self.position..]
                    .iter()
                    .position(|character| *character == '}');
                return self.copy(inside.map_or(2, |end| end + 1));
            }
            (_, _) => return self.copy(2),
        };
        self.replace(2, text);
    }
}

fn is_repetition(rest: &[char]) -> bool {
    let inside: String = rest[1..]
        .iter()
        .take_while(|character| **character != '}')
        .collect();
    inside.len() + 1 < rest.len()
        && inside.starts_with(|character: char| character.is_ascii_digit())
        && inside
            .chars()
            .all(|character| character.is_ascii_digit() || character == ',')
        && inside.matches(',').count() <= 1
}

pub(super) fn regex_match(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    Ok(Value::Bool(
        compile(interpreter, &args[0]).is_ok_and(|regex| regex.is_match(&text(&args[1]))),
    ))
}

pub(super) fn must_regex_match(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    Ok(Value::Bool(
        compile(interpreter, &args[0])?.is_match(&text(&args[1])),
    ))
}

pub(super) fn regex_find(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    let whole = text(&args[1]);
    Ok(Value::text(
        compile(interpreter, &args[0])?
            .find(&whole)
            .map_or("", |found| found.as_str()),
    ))
}

pub(super) fn regex_find_all(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    let (whole, count) = (text(&args[1]), int(&args[2]));
    let regex = compile(interpreter, &args[0])?;
    let limit = usize::try_from(count).unwrap_or(usize::MAX);
    let found = || regex.find_iter(&whole).take(limit);
    let count = found().count();
    interpreter.steps(count)?;
    match count {
        0 => Ok(Value::nil_list(ListType::Strings)),
        count => {
            check_parts(count)?;
            Ok(Value::strings(found().map(|found| found.as_str())))
        }
    }
}

pub(super) fn regex_replace_all(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    let (whole, replacement) = (text(&args[1]), text(&args[2]));
    let regex = compile(interpreter, &args[0])?;
    let count = regex.find_iter(&whole).count();
    interpreter.steps(count)?;
    check_text(
        whole
            .len()
            .saturating_add(count.saturating_mul(replacement.len() + whole.len().min(4_096))),
    )?;
    Ok(Value::text(regex.replace_all(&whole, replacement.as_ref())))
}

pub(super) fn regex_replace_all_literal(
    interpreter: &mut Interpreter<'_>,
    args: &[Value],
) -> Outcome {
    let (whole, replacement) = (text(&args[1]), text(&args[2]));
    let regex = compile(interpreter, &args[0])?;
    let count = regex.find_iter(&whole).count();
    interpreter.steps(count)?;
    check_text(
        whole
            .len()
            .saturating_add(count.saturating_mul(replacement.len())),
    )?;
    Ok(Value::text(
        regex.replace_all(&whole, regex::NoExpand(&replacement)),
    ))
}

pub(super) fn regex_split(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    let (whole, count) = (text(&args[1]), int(&args[2]));
    let regex = compile(interpreter, &args[0])?;
    if count == 0 {
        return Ok(Value::nil_list(ListType::Strings));
    }
    if whole.is_empty() && !regex.as_str().is_empty() {
        return Ok(Value::strings([""]));
    }
    let found = regex.find_iter(&whole).count();
    interpreter.steps(found)?;
    check_parts(found + 1)?;
    let mut parts = Vec::new();
    let (mut start, mut end) = (0, 0);
    for found in regex.find_iter(&whole) {
        if count > 0 && parts.len() as i64 == count - 1 {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(&whole[start..end]);
        }
        start = found.end();
    }
    if end != whole.len() {
        parts.push(&whole[start..]);
    }
    Ok(Value::strings(parts))
}

pub(super) fn regex_quote_meta(args: &[Value]) -> Outcome {
    let mut out = String::new();
    for character in text(&args[0]).chars() {
        if "\\.+*?()|[]{}^$".contains(character) {
            out.push('\\');
        }
        out.push(character);
    }
    Ok(Value::text(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_patterns_compile() {
        for (pattern, subject, matches) in [
            (r"^\d+$", "123", true),
            (r"^\w+$", "é", false),
            (r"[^[:alnum:]]", "a-b", true),
            (r"{{ x }}", "{{ x }}", true),
            (r"a{2,3}", "aaa", true),
            (r"[]a]", "]", true),
            (r"\p{Greek}", "α", true),
            (r"[a-z&&b]", "&", true),
            (r"^[\w.-]+$", "a.b-c", true),
        ] {
            let regex = Regex::new(&translate(pattern)).unwrap();
            assert_eq!(regex.is_match(subject), matches, "{pattern}");
        }
    }
}
