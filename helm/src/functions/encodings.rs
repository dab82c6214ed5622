//! Base64, base32, JSON, and the escapes of Go's template package.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Outcome;
use super::arguments::{bytes, text};
use crate::failure::Failure;
use crate::json::{self, Form, Unreadable};
use crate::state::State;
use crate::value::Value;

/// Standard base64 with padding.
pub(crate) fn base64_encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(super) fn b64enc(args: &[Value]) -> Outcome {
    Ok(Value::text(base64_encode(bytes(&args[0]))))
}

/// If the text cannot be decoded, the result is Go's message.
pub(super) fn b64dec(args: &[Value]) -> Outcome {
    // Go skips line breaks.
    let clean: Vec<u8> = bytes(&args[0])
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'))
        .collect();
    Ok(match STANDARD.decode(&clean) {
        Ok(decoded) => Value::text(decoded),
        Err(_) => Value::text(format!(
            "illegal base64 data at input byte {}",
            first_bad(&clean)
        )),
    })
}

fn first_bad(text: &[u8]) -> usize {
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let run = text.iter().take_while(|byte| good(byte)).count();
    if run == text.len() {
        run - run % 4
    } else {
        run
    }
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

pub(super) fn b32enc(args: &[Value]) -> Outcome {
    let mut out = String::new();
    for chunk in bytes(&args[0]).chunks(5) {
        let mut block = [0u8; 5];
        block[..chunk.len()].copy_from_slice(chunk);
        let bits = block
            .iter()
            .fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        let used = (chunk.len() * 8).div_ceil(5);
        for index in 0..8 {
            let digit = bits >> (35 - 5 * index) & 31;
            out.push(if index < used {
                BASE32[digit as usize] as char
            } else {
                '='
            });
        }
    }
    Ok(Value::text(out))
}

pub(super) fn b32dec(args: &[Value]) -> Outcome {
    let mut out = Vec::new();
    let (mut bits, mut count) = (0u64, 0);
    let whole = bytes(&args[0]);
    for (index, byte) in whole.iter().enumerate() {
        if *byte == b'=' {
            break;
        }
        let Some(digit) = BASE32.iter().position(|other| other == byte) else {
            return Ok(Value::text(format!(
                "illegal base32 data at input byte {index}"
            )));
        };
        bits = bits << 5 | digit as u64;
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    if !whole.len().is_multiple_of(8) {
        return Ok(Value::text(format!(
            "illegal base32 data at input byte {}",
            whole.len()
        )));
    }
    Ok(Value::text(out))
}

pub(super) fn to_json(state: &mut State, args: &[Value]) -> Outcome {
    lenient(state, args, Form::Compact)
}

pub(super) fn to_pretty_json(state: &mut State, args: &[Value]) -> Outcome {
    lenient(state, args, Form::Pretty)
}

pub(super) fn to_raw_json(state: &mut State, args: &[Value]) -> Outcome {
    lenient(state, args, Form::Raw)
}

fn lenient(state: &State, args: &[Value], form: Form) -> Outcome {
    match json::write(&args[0], form, state.text_limit()) {
        Ok(text) => Ok(Value::text(text)),
        Err(problem) if problem == json::TOO_LARGE => Err(problem.into()),
        Err(_) => Ok(Value::text("")),
    }
}

pub(super) fn must_to_json(state: &mut State, args: &[Value]) -> Outcome {
    strict(state, args, Form::Compact)
}

pub(super) fn must_to_pretty_json(state: &mut State, args: &[Value]) -> Outcome {
    strict(state, args, Form::Pretty)
}

pub(super) fn must_to_raw_json(state: &mut State, args: &[Value]) -> Outcome {
    strict(state, args, Form::Raw)
}

fn strict(state: &State, args: &[Value], form: Form) -> Outcome {
    json::write(&args[0], form, state.text_limit())
        .map(Value::text)
        .map_err(Failure::from)
}

pub(super) fn must_from_json(args: &[Value]) -> Outcome {
    json::read(&text(&args[0])).map_err(|problem| match problem {
        Unreadable::Syntax(problem) => problem.into(),
        Unreadable::OutOfMemory(problem) => problem.into(),
    })
}

pub(super) fn html(args: &[Value]) -> Outcome {
    let whole = super::printing::printable_text(args);
    let mut out = Vec::with_capacity(whole.len());
    for byte in whole {
        match byte {
            0 => out.extend_from_slice("\u{FFFD}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            _ => out.push(byte),
        }
    }
    Ok(Value::text(out))
}

pub(super) fn js(args: &[Value]) -> Outcome {
    let whole = super::printing::printable_text(args);
    let mut out = String::new();
    for character in String::from_utf8_lossy(&whole).chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' => out.push_str("\\u003C"),
            '>' => out.push_str("\\u003E"),
            '&' => out.push_str("\\u0026"),
            '=' => out.push_str("\\u003D"),
            _ if (character as u32) < 0x20 => out.push_str(&format!("\\u{:04X}", character as u32)),
            _ => out.push(character),
        }
    }
    Ok(Value::text(out))
}
