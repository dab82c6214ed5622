//! The case of words: `title`, `camelcase`, `snakecase` and similar functions.

use super::Outcome;
use super::arguments::text;
use crate::value::Value;

pub(super) fn upper(args: &[Value]) -> Outcome {
    Ok(Value::text(text(&args[0]).to_uppercase()))
}

pub(super) fn lower(args: &[Value]) -> Outcome {
    Ok(Value::text(text(&args[0]).to_lowercase()))
}

/// `strings.Title`: capitalizes letters after a character that is not a letter, digit or underscore.
pub(super) fn title(args: &[Value]) -> Outcome {
    let mut previous = ' ';
    let mut out = String::new();
    for character in text(&args[0]).chars() {
        if is_separator(previous) {
            out.extend(character.to_uppercase());
        } else {
            out.push(character);
        }
        previous = character;
    }
    Ok(Value::text(out))
}

fn is_separator(character: char) -> bool {
    if character.is_ascii() {
        return !character.is_ascii_alphanumeric() && character != '_';
    }
    !character.is_alphanumeric() && character.is_whitespace()
}

pub(super) fn untitle(args: &[Value]) -> Outcome {
    let mut at_start = true;
    let mut out = String::new();
    for character in text(&args[0]).chars() {
        if character.is_whitespace() {
            at_start = true;
            out.push(character);
        } else if at_start {
            out.extend(character.to_lowercase());
            at_start = false;
        } else {
            out.push(character);
        }
    }
    Ok(Value::text(out))
}

pub(super) fn swapcase(args: &[Value]) -> Outcome {
    let mut out = String::new();
    for character in text(&args[0]).chars() {
        if character.is_uppercase() {
            out.extend(character.to_lowercase());
        } else {
            out.extend(character.to_uppercase());
        }
    }
    Ok(Value::text(out))
}

pub(super) fn initials(args: &[Value]) -> Outcome {
    let whole = text(&args[0]);
    Ok(Value::text(
        whole
            .split(char::is_whitespace)
            .filter_map(|word| word.chars().next())
            .collect::<String>(),
    ))
}

fn is_connector(character: char) -> bool {
    matches!(character, '-' | '_') || character.is_whitespace()
}

/// `xstrings.ToCamelCase`: words begin with a capital, and capitals that follow one at its beginning are lowered.
pub(super) fn camelcase(args: &[Value]) -> Outcome {
    let whole = text(&args[0]);
    // Leading connectors stay; if there is nothing else, the last one is repeated.
    let rest = whole.trim_start_matches(is_connector);
    let mut out = whole[..whole.len() - rest.len()].to_owned();
    if rest.is_empty() {
        out.extend(whole.chars().next_back());
    }
    let (mut connector, mut at_start, mut in_capitals) = (None, true, false);
    for character in rest.chars() {
        if is_connector(character) {
            out.extend(connector.replace(character));
            at_start = true;
        } else if at_start {
            connector = None;
            at_start = false;
            in_capitals = character.is_uppercase();
            out.extend(character.to_uppercase());
        } else if in_capitals && character.is_uppercase() {
            out.extend(character.to_lowercase());
        } else {
            in_capitals = false;
            out.push(character);
        }
    }
    out.extend(connector);
    Ok(Value::text(out))
}

pub(super) fn snakecase(args: &[Value]) -> Outcome {
    Ok(Value::text(connected(&text(&args[0]), '_')))
}

pub(super) fn kebabcase(args: &[Value]) -> Outcome {
    Ok(Value::text(connected(&text(&args[0]), '-')))
}

/// The kinds of words in `xstrings`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    None,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

/// Splits off the next word.
fn next_word(text: &str) -> (Word, &str, &str) {
    let Some(first) = text.chars().next() else {
        return (Word::None, "", "");
    };
    let run = |predicate: &dyn Fn(char) -> bool| {
        text.find(|character| !predicate(character))
            .unwrap_or(text.len())
    };
    let is_lower_word = |character: char| character.is_alphabetic() && !character.is_uppercase();
    let (word, end) = if is_connector(first) {
        (Word::Connector, run(&is_connector))
    } else if is_punctuation(first) {
        (Word::Punctuation, run(&is_punctuation))
    } else if first.is_uppercase() {
        (Word::Upper, upper_word_end(text, first))
    } else if first.is_alphabetic() {
        (Word::Alphabet, run(&is_lower_word))
    } else if first.is_numeric() {
        (Word::Number, run(&char::is_numeric))
    } else {
        let is_other = |character: char| {
            !is_connector(character)
                && !character.is_alphabetic()
                && !character.is_numeric()
                && !is_punctuation(character)
        };
        (Word::Other, run(&is_other))
    };
    (word, &text[..end], &text[end..])
}

/// In "HTTPStatus", the first word is "HTTP".
fn upper_word_end(text: &str, first: char) -> usize {
    let start = first.len_utf8();
    match text[start..].chars().next() {
        Some(second) if second.is_uppercase() => {
            let end = start
                + text[start..]
                    .find(|character: char| !character.is_uppercase())
                    .unwrap_or(text.len() - start);
            match text[end..].chars().next() {
                Some(next) if next.is_alphabetic() => text[..end]
                    .char_indices()
                    .next_back()
                    .map_or(end, |(index, _)| index),
                _ => end,
            }
        }
        Some(second) if second.is_alphabetic() => {
            let rest = &text[start..];
            start
                + rest
                    .find(|character: char| !character.is_alphabetic() || character.is_uppercase())
                    .unwrap_or(rest.len())
        }
        _ => start,
    }
}

fn is_punctuation(character: char) -> bool {
    character.is_ascii_punctuation()
        && !matches!(
            character,
            '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~'
        )
}

fn push_lower(out: &mut String, kind: Word, word: &str, connector: char) {
    match kind {
        Word::Upper | Word::Connector => {
            for character in word.chars() {
                if is_connector(character) {
                    out.push(connector);
                } else {
                    out.extend(character.to_lowercase());
                }
            }
        }
        Word::None | Word::Number | Word::Alphabet | Word::Punctuation | Word::Other => {
            out.push_str(word)
        }
    }
}

/// `xstrings.ToSnakeCase` and `ToKebabCase`.
fn connected(text: &str, connector: char) -> String {
    let mut out = String::new();
    let (mut kind, mut word, mut rest) = next_word(text);
    let is_glue = |kind: Word| matches!(kind, Word::Connector | Word::Punctuation);
    while !rest.is_empty() {
        if kind != Word::Connector {
            push_lower(&mut out, kind, word, connector);
        }
        let (previous, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match previous {
            Word::Number => {
                while matches!(kind, Word::Alphabet | Word::Number) {
                    push_lower(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if kind != Word::None && !is_glue(kind) {
                    out.push(connector);
                }
            }
            Word::Connector => push_lower(&mut out, previous, last, connector),
            Word::Punctuation => {}
            Word::None | Word::Upper | Word::Alphabet | Word::Other => {
                if kind != Word::Number {
                    if !is_glue(kind) {
                        out.push(connector);
                    }
                    continue;
                }
                if rest.is_empty() {
                    continue;
                }
                let number = word;
                (kind, word, rest) = next_word(rest);
                if kind != Word::Alphabet {
                    // A number is part of the word before it.
                    push_lower(&mut out, Word::Number, number, connector);
                    if !is_glue(kind) {
                        out.push(connector);
                    }
                    continue;
                }
                out.push(connector);
                push_lower(&mut out, Word::Number, number, connector);
                while matches!(kind, Word::Alphabet | Word::Number) {
                    push_lower(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if kind != Word::None && !is_glue(kind) {
                    out.push(connector);
                }
            }
        }
    }
    push_lower(&mut out, kind, word, connector);
    out
}
