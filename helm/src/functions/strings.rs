//! Strings: trimming, cutting, padding, searching.

use std::collections::BTreeMap;

use super::arguments::{bytes, int, text};
use super::casting::strings_of;
use super::{Outcome, check_items, check_text};
use crate::failure::Failure;
use crate::state::State;
use crate::value::{MapType, Text, Value, memory, to_display};

/// `unicode.IsSpace`.
fn is_space(character: char) -> bool {
    character.is_whitespace()
}

pub(super) fn trim(args: &[Value]) -> Outcome {
    Ok(Value::text(text(&args[0]).trim_matches(is_space)))
}

pub(super) fn trim_all(args: &[Value]) -> Outcome {
    let cutset = text(&args[0]);
    Ok(Value::text(
        text(&args[1]).trim_matches(|character| cutset.contains(character)),
    ))
}

pub(super) fn trim_suffix(args: &[Value]) -> Outcome {
    let whole = bytes(&args[1]);
    Ok(Value::text(
        whole.strip_suffix(bytes(&args[0])).unwrap_or(whole),
    ))
}

pub(super) fn trim_prefix(args: &[Value]) -> Outcome {
    let whole = bytes(&args[1]);
    Ok(Value::text(
        whole.strip_prefix(bytes(&args[0])).unwrap_or(whole),
    ))
}

/// Counts bytes, as Go does, so it can split a character.
pub(super) fn trunc(args: &[Value]) -> Outcome {
    let (count, whole) = (int(&args[0]), bytes(&args[1]));
    let length = whole.len() as i64;
    Ok(Value::text(if count < 0 && length + count > 0 {
        &whole[(length + count) as usize..]
    } else if count >= 0 && length > count {
        &whole[..count as usize]
    } else {
        whole
    }))
}

pub(super) fn substr(args: &[Value]) -> Outcome {
    let (start, end, whole) = (int(&args[0]), int(&args[1]), bytes(&args[2]));
    let length = whole.len() as i64;
    let (start, end) = if start < 0 {
        (0, end)
    } else if end < 0 || end > length {
        (start, length)
    } else {
        (start, end)
    };
    if start > end || end > length || end < 0 {
        return Err("runtime error: slice bounds out of range".into());
    }
    Ok(Value::text(&whole[start as usize..end as usize]))
}

pub(super) fn repeat(args: &[Value]) -> Outcome {
    let (count, unit) = (int(&args[0]), bytes(&args[1]));
    let Ok(count) = usize::try_from(count) else {
        return Err("strings: negative Repeat count".into());
    };
    check_text(unit.len().saturating_mul(count))?;
    Ok(Value::text(unit.repeat(count)))
}

pub(super) fn nospace(args: &[Value]) -> Outcome {
    Ok(Value::text(text(&args[0]).replace(is_space, "")))
}

pub(super) fn contains(args: &[Value]) -> Outcome {
    Ok(Value::Bool(
        text(&args[1]).contains(text(&args[0]).as_ref()),
    ))
}

pub(super) fn has_prefix(args: &[Value]) -> Outcome {
    Ok(Value::Bool(bytes(&args[1]).starts_with(bytes(&args[0]))))
}

pub(super) fn has_suffix(args: &[Value]) -> Outcome {
    Ok(Value::Bool(bytes(&args[1]).ends_with(bytes(&args[0]))))
}

pub(super) fn quote(args: &[Value]) -> Outcome {
    quoted(args, |text| super::printing::quote_go(text).into_bytes())
}

pub(super) fn squote(args: &[Value]) -> Outcome {
    quoted(args, |text| [b"'", &**text, b"'"].concat())
}

fn quoted(args: &[Value], quote: impl Fn(&Text) -> Vec<u8>) -> Outcome {
    let mut out = Vec::new();
    for value in args.iter().filter(|value| !matches!(value, Value::Nil)) {
        if !out.is_empty() {
            out.push(b' ');
        }
        out.append(&mut quote(&to_display(value)));
        check_text(out.len())?;
    }
    Ok(Value::text(out))
}

pub(super) fn cat(args: &[Value]) -> Outcome {
    let parts: Vec<Text> = args
        .iter()
        .filter(|value| !matches!(value, Value::Nil))
        .map(to_display)
        .collect();
    Ok(Value::text(join_bytes(&parts, b" ")?))
}

pub(super) fn indent(args: &[Value]) -> Outcome {
    Ok(Value::text(indented(
        int(&args[0]),
        bytes(&args[1]),
        false,
    )?))
}

pub(super) fn nindent(args: &[Value]) -> Outcome {
    Ok(Value::text(indented(int(&args[0]), bytes(&args[1]), true)?))
}

fn indented(spaces: i64, whole: &[u8], new_line: bool) -> Result<Vec<u8>, Failure> {
    let Ok(spaces) = usize::try_from(spaces) else {
        return Err("strings: negative Repeat count".into());
    };
    let breaks = whole.iter().filter(|byte| **byte == b'\n').count();
    let length = whole
        .len()
        .saturating_add(spaces.saturating_mul(breaks + 1));
    check_text(length)?;
    let mut out = Vec::with_capacity(length + 1);
    if new_line {
        out.push(b'\n');
    }
    out.resize(out.len() + spaces, b' ');
    for line in whole.split_inclusive(|byte| *byte == b'\n') {
        out.extend_from_slice(line);
        if line.ends_with(b"\n") {
            out.resize(out.len() + spaces, b' ');
        }
    }
    Ok(out)
}

pub(super) fn replace(args: &[Value]) -> Outcome {
    let (old, new, whole) = (text(&args[0]), text(&args[1]), text(&args[2]));
    let count = if old.is_empty() {
        whole.chars().count() + 1
    } else {
        whole.matches(old.as_ref()).count()
    };
    check_text(whole.len().saturating_add(count.saturating_mul(new.len())))?;
    Ok(Value::text(whole.replace(old.as_ref(), &new)))
}

pub(super) fn plural(args: &[Value]) -> Outcome {
    Ok(if int(&args[2]) == 1 {
        args[0].clone()
    } else {
        args[1].clone()
    })
}

pub(super) fn to_string(state: &mut State, args: &[Value]) -> Outcome {
    state.read(&args[0])?;
    Ok(match &args[0] {
        Value::Bytes(bytes) => Value::text(bytes.as_ref()),
        value => Value::Str(to_display(value)),
    })
}

pub(super) fn join(args: &[Value]) -> Outcome {
    Ok(Value::text(join_bytes(
        &strings_of(&args[1])?,
        bytes(&args[0]),
    )?))
}

fn join_bytes(parts: &[Text], separator: &[u8]) -> Result<Vec<u8>, Failure> {
    let length: usize = parts.iter().map(|part| part.len() + separator.len()).sum();
    check_text(length)?;
    let mut out = Vec::with_capacity(length);
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(part);
    }
    Ok(out)
}

/// `strings.Split`: an empty separator splits between characters.
pub(super) fn split_go<'a>(whole: &'a str, separator: &str) -> Result<Vec<&'a str>, Failure> {
    let parts: Vec<&str> = if separator.is_empty() {
        check_parts(whole.chars().count())?;
        characters(whole).collect()
    } else {
        check_parts(whole.matches(separator).count() + 1)?;
        whole.split(separator).collect()
    };
    Ok(parts)
}

/// Refuses to split a text into more parts than the memory limit allows.
pub(super) fn check_parts(count: usize) -> Result<(), Failure> {
    /// A slice of the text, the copy, and its entry in a map.
    const PART: usize = 144;
    check_items(count)?;
    Ok(memory::check_room(count * PART)?)
}

fn characters(whole: &str) -> impl Iterator<Item = &str> {
    whole
        .char_indices()
        .map(|(at, character)| &whole[at..at + character.len_utf8()])
}

fn numbered<'a>(parts: impl IntoIterator<Item = &'a str>) -> Value {
    let entries: BTreeMap<Text, Value> = parts
        .into_iter()
        .enumerate()
        .map(|(index, part)| (Text::from(format!("_{index}")), Value::text(part)))
        .collect();
    Value::typed_map(entries, MapType::Strings)
}

pub(super) fn split(args: &[Value]) -> Outcome {
    Ok(numbered(split_go(&text(&args[1]), &text(&args[0]))?))
}

pub(super) fn splitn(args: &[Value]) -> Outcome {
    let (separator, count, whole) = (text(&args[0]), int(&args[1]), text(&args[2]));
    let Ok(count) = usize::try_from(count) else {
        return Ok(numbered(split_go(&whole, &separator)?));
    };
    check_parts(count.min(whole.len() + 1))?;
    Ok(if separator.is_empty() {
        let cut = count
            .checked_sub(1)
            .and_then(|most| whole.char_indices().nth(most));
        match cut {
            _ if count == 0 => numbered([]),
            Some((at, _)) => numbered(characters(&whole[..at]).chain([&whole[at..]])),
            None => numbered(characters(&whole)),
        }
    } else {
        numbered(whole.splitn(count, separator.as_ref()))
    })
}

pub(super) fn abbrev(args: &[Value]) -> Outcome {
    abbreviated(0, int(&args[0]), bytes(&args[1]))
}

pub(super) fn abbrevboth(args: &[Value]) -> Outcome {
    let (left, right) = (int(&args[0]), int(&args[1]));
    if right < 4 || (left > 0 && right < 7) {
        return Ok(args[2].clone());
    }
    abbreviated(left, right, bytes(&args[2]))
}

fn abbreviated(offset: i64, width: i64, whole: &[u8]) -> Outcome {
    let length = whole.len() as i64;
    if width < 4 || length <= width {
        return Ok(Value::text(whole));
    }
    let mut offset = offset.min(length);
    if length - offset < width - 3 {
        offset = length - (width - 3);
    }
    if offset <= 4 {
        return Ok(Value::text(
            [&whole[..(width - 3) as usize], b"..."].concat(),
        ));
    }
    if width < 7 {
        return Ok(Value::text(""));
    }
    let tail: Vec<u8> = if offset + width - 3 < length {
        match abbreviated(0, width - 3, &whole[offset as usize..])? {
            Value::Str(text) => text.to_vec(),
            _ => Vec::new(),
        }
    } else {
        whole[(length - (width - 3)) as usize..].to_vec()
    };
    Ok(Value::text([b"...", tail.as_slice()].concat()))
}

pub(super) fn wrap(args: &[Value]) -> Outcome {
    Ok(Value::text(wrapped(
        bytes(&args[1]),
        int(&args[0]),
        b"\n",
        false,
    )?))
}

pub(super) fn wrap_with(args: &[Value]) -> Outcome {
    let separator = bytes(&args[1]);
    let separator = if separator.is_empty() {
        b"\n"
    } else {
        separator
    };
    Ok(Value::text(wrapped(
        bytes(&args[2]),
        int(&args[0]),
        separator,
        true,
    )?))
}

fn wrapped(
    whole: &[u8],
    width: i64,
    separator: &[u8],
    break_words: bool,
) -> Result<Vec<u8>, Failure> {
    let width = usize::try_from(width.max(1)).unwrap_or(usize::MAX);
    check_text(
        whole
            .len()
            .saturating_add((whole.len() / width + 1).saturating_mul(separator.len())),
    )?;
    let mut out = Vec::new();
    let mut offset = 0;
    while whole.len() - offset > width {
        if whole[offset] == b' ' {
            offset += 1;
            continue;
        }
        let window = &whole[offset..offset + width + 1];
        if let Some(space) = window.iter().rposition(|byte| *byte == b' ') {
            out.extend_from_slice(&window[..space]);
            out.extend_from_slice(separator);
            offset += space + 1;
        } else if break_words {
            out.extend_from_slice(&whole[offset..offset + width]);
            out.extend_from_slice(separator);
            offset += width;
        } else {
            match whole[offset + width..]
                .iter()
                .position(|byte| *byte == b' ')
            {
                Some(space) => {
                    out.extend_from_slice(&whole[offset..offset + width + space]);
                    out.extend_from_slice(separator);
                    offset += width + space + 1;
                }
                None => {
                    out.extend_from_slice(&whole[offset..]);
                    offset = whole.len();
                }
            }
        }
    }
    out.extend_from_slice(&whole[offset..]);
    Ok(out)
}
