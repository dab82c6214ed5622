//! Regular expressions: Go's RE2 syntax on Rust's `regex`, which shares its ancestry.

use std::borrow::Cow;
use std::rc::Rc;

use regex::Regex;

use super::arguments::{int, text};
use super::{Outcome, check_text};
use crate::exec::{Failure, Interpreter};
use crate::value::{Text, Value};

fn compile(interpreter: &mut Interpreter<'_>, pattern: &Value) -> Result<Rc<Regex>, Failure> {
    let key = match pattern {
        Value::Str(text) => text.clone(),
        _ => Text::from(""),
    };
    if let Some(regex) = interpreter.regexes().get(&key) {
        return Ok(regex.clone());
    }
    let source = key.to_str();
    let regex = regex::RegexBuilder::new(&translate(&source))
        .size_limit(4 << 20)
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
    let characters: Vec<char> = pattern.chars().collect();
    let mut out = String::with_capacity(pattern.len() + 16);
    let (mut in_class, mut in_repetition) = (false, false);
    let mut index = 0;
    while index < characters.len() {
        let character = characters[index];
        let next = characters.get(index + 1).copied();
        match character {
            '\\' => {
                index += 1;
                match next {
                    Some('d') => out.push_str(if in_class { "0-9" } else { "[0-9]" }),
                    Some('D') => out.push_str("[^0-9]"),
                    Some('w') => out.push_str(if in_class {
                        "0-9A-Za-z_"
                    } else {
                        "[0-9A-Za-z_]"
                    }),
                    Some('W') => out.push_str("[^0-9A-Za-z_]"),
                    Some('s') => out.push_str(if in_class {
                        "\\t\\n\\x0c\\r "
                    } else {
                        "[\\t\\n\\x0c\\r ]"
                    }),
                    Some('S') => out.push_str("[^\\t\\n\\x0c\\r ]"),
                    Some('b') if !in_class => out.push_str("(?-u:\\b)"),
                    Some('B') if !in_class => out.push_str("(?-u:\\B)"),
                    Some('Q') => {
                        let rest: String = characters[index + 1..].iter().collect();
                        let literal = rest.split("\\E").next().unwrap_or_default();
                        out.push_str(&regex::escape(literal));
                        index += literal.chars().count() + if rest.contains("\\E") { 2 } else { 0 };
                    }
                    Some(other) => {
                        out.push('\\');
                        out.push(other);
                        // `\p{Greek}` and `\x{10FFFF}` keep their braces.
                        if matches!(other, 'p' | 'P' | 'x')
                            && characters.get(index + 1) == Some(&'{')
                        {
                            while let Some(inner) = characters.get(index + 1) {
                                out.push(*inner);
                                index += 1;
                                if *inner == '}' {
                                    break;
                                }
                            }
                        }
                    }
                    None => out.push('\\'),
                }
            }
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                if next == Some('^') {
                    out.push('^');
                    index += 1;
                }
                // A bracket right after the opening one is a member.
                if characters.get(index + 1) == Some(&']') {
                    out.push_str("\\]");
                    index += 1;
                }
            }
            '[' if next == Some(':') => {
                let rest: String = characters[index..].iter().collect();
                let class = rest.find(":]").map_or(1, |end| end + 2);
                out.push_str(&rest[..class]);
                index += rest[..class].chars().count() - 1;
            }
            '[' => out.push_str("\\["),
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(character);
            }
            '-' if in_class && next == Some('-') => out.push_str("\\-"),
            '{' if !in_class => {
                in_repetition = is_repetition(&characters[index..]);
                out.push_str(if in_repetition { "{" } else { "\\{" });
            }
            '}' if !in_class => {
                out.push_str(if in_repetition { "}" } else { "\\}" });
                in_repetition = false;
            }
            _ => out.push(character),
        }
        index += 1;
    }
    Cow::Owned(out)
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
    Ok(Value::strings(
        regex
            .find_iter(&whole)
            .take(limit)
            .map(|found| found.as_str()),
    ))
}

pub(super) fn regex_replace_all(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    let (whole, replacement) = (text(&args[1]), text(&args[2]));
    let regex = compile(interpreter, &args[0])?;
    let count = regex.find_iter(&whole).count();
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
        return Ok(Value::strings(Vec::<Text>::new()));
    }
    if whole.is_empty() && !regex.as_str().is_empty() {
        return Ok(Value::strings([""]));
    }
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
