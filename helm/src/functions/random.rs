//! "Random" values: valid, and the same ones for the same chart and release.
//!
//! A stream of SHA-256 blocks over a seed and a counter. Nothing here is secret.

use ring::digest::{SHA256, digest};

use super::arguments::int;
use super::{Outcome, check_text};
use crate::exec::{Failure, Interpreter};
use crate::value::Value;

/// A deterministic stream of bytes.
pub(crate) struct Random {
    seed: [u8; 32],
    counter: u64,
    block: Vec<u8>,
}

impl Random {
    /// A stream for a seed.
    pub(crate) fn new(seed: &[u8]) -> Self {
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, seed).as_ref());
        Self {
            seed: key,
            counter: 0,
            block: Vec::new(),
        }
    }

    /// The next byte.
    pub(crate) fn byte(&mut self) -> u8 {
        if let Some(byte) = self.block.pop() {
            return byte;
        }
        let input = [&self.seed[..], &self.counter.to_be_bytes()].concat();
        self.counter += 1;
        self.block = digest(&SHA256, &input).as_ref().to_vec();
        self.block.pop().unwrap_or_default()
    }

    /// The next bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    /// The next number.
    pub(crate) fn number(&mut self) -> u64 {
        u64::from_be_bytes(self.bytes())
    }

    /// A character of an alphabet, each as likely as the others.
    fn pick(&mut self, alphabet: &[u8]) -> u8 {
        let limit = 256 - 256 % alphabet.len();
        loop {
            let byte = usize::from(self.byte());
            if byte < limit {
                return alphabet[byte % alphabet.len()];
            }
        }
    }
}

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const DIGITS: &[u8] = b"0123456789";
const LETTERS_AND_DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

fn text_of(interpreter: &mut Interpreter<'_>, count: &Value, alphabet: &[u8]) -> Outcome {
    let count = length(count)?;
    let random = interpreter.random();
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

pub(super) fn rand_alpha_num(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    text_of(interpreter, &args[0], LETTERS_AND_DIGITS)
}

pub(super) fn rand_alpha(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    text_of(interpreter, &args[0], LETTERS)
}

pub(super) fn rand_numeric(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    text_of(interpreter, &args[0], DIGITS)
}

pub(super) fn rand_ascii(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    let printable: Vec<u8> = (b' '..=b'~').collect();
    text_of(interpreter, &args[0], &printable)
}

pub(super) fn rand_bytes(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    let count = length(&args[0])?;
    let random = interpreter.random();
    let bytes: Vec<u8> = (0..count).map(|_| random.byte()).collect();
    Ok(Value::text(super::base64_encode(&bytes)))
}

pub(super) fn shuffle(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    let mut characters: Vec<char> = super::arguments::text(&args[0]).chars().collect();
    interpreter.steps(characters.len())?;
    for index in (1..characters.len()).rev() {
        let other = interpreter.random().number() % (index as u64 + 1);
        characters.swap(index, other as usize);
    }
    Ok(Value::text(characters.into_iter().collect::<String>()))
}

pub(super) fn uuidv4(interpreter: &mut Interpreter<'_>, _: &[Value]) -> Outcome {
    let mut bytes: [u8; 16] = interpreter.random().bytes();
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
