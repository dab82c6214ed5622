//! "Random" values: valid, and the same for the same chart and release.

use super::arguments::int;
use super::{Outcome, check_text};
use crate::failure::Failure;
use crate::state::State;
use crate::value::Value;

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const DIGITS: &[u8] = b"0123456789";
const LETTERS_AND_DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

fn text_of(state: &mut State, count: &Value, alphabet: &[u8]) -> Outcome {
    let count = length(count)?;
    let random = &mut state.random;
    let text: Vec<u8> = (0..count).map(|_| random.pick(alphabet)).collect();
    Ok(Value::text(text))
}

fn length(count: &Value) -> Result<usize, Failure> {
    let Ok(count) = usize::try_from(int(count)) else {
        return Ok(0);
    };
    check_text(count)?;
    Ok(count)
}

pub(super) fn rand_alpha_num(state: &mut State, args: &[Value]) -> Outcome {
    text_of(state, &args[0], LETTERS_AND_DIGITS)
}

pub(super) fn rand_alpha(state: &mut State, args: &[Value]) -> Outcome {
    text_of(state, &args[0], LETTERS)
}

pub(super) fn rand_numeric(state: &mut State, args: &[Value]) -> Outcome {
    text_of(state, &args[0], DIGITS)
}

pub(super) fn rand_ascii(state: &mut State, args: &[Value]) -> Outcome {
    let printable: Vec<u8> = (b' '..=b'~').collect();
    text_of(state, &args[0], &printable)
}

pub(super) fn rand_bytes(state: &mut State, args: &[Value]) -> Outcome {
    let count = length(&args[0])?;
    let random = &mut state.random;
    let bytes: Vec<u8> = (0..count).map(|_| random.byte()).collect();
    Ok(Value::text(super::base64_encode(&bytes)))
}

pub(super) fn shuffle(state: &mut State, args: &[Value]) -> Outcome {
    let mut characters: Vec<char> = super::arguments::text(&args[0]).chars().collect();
    state.steps(characters.len())?;
    for index in (1..characters.len()).rev() {
        let other = state.random.number() % (index as u64 + 1);
        characters.swap(index, other as usize);
    }
    Ok(Value::text(characters.into_iter().collect::<String>()))
}

pub(super) fn uuidv4(state: &mut State, _: &[Value]) -> Outcome {
    let mut bytes: [u8; 16] = state.random.bytes();
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Value::text(format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )))
}
