//! A text as it reads after decoding, with the place in the original that each byte came from.

use std::ops::Range;

use crate::text::is_unprintable;

/// The bytes of a text after decoding, without white space, control characters and invisible characters.
pub(super) struct Reading {
    bytes: Vec<u8>,
    /// For each byte, the part of the original text that it stands for.
    origins: Vec<Range<usize>>,
}

/// How many times a text may have been encoded, in any combination of ways.
const DEPTH: usize = 2;

impl Reading {
    /// The text as it is, and every way to decode it that changes something.
    pub fn all_of(text: &str) -> Vec<Self> {
        let mut readings = vec![Self::plain(text)];
        let mut undecoded = 0..1;
        for _ in 0..DEPTH {
            for index in undecoded.clone() {
                let reading = &readings[index];
                let decoded = [
                    reading.decoded(b'%', percent_escape),
                    reading.decoded(b'\\', backslash_escape),
                ];
                readings.extend(decoded.into_iter().flatten());
            }
            undecoded = undecoded.end..readings.len();
        }
        readings
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The part of the original text that these bytes came from.
    pub fn origin(&self, bytes: Range<usize>) -> Range<usize> {
        let origins = &self.origins[bytes];
        let start = origins.first().map_or(0, |first| first.start);
        start..origins.last().map_or(start, |last| last.end)
    }

    fn plain(text: &str) -> Self {
        let mut reading = Self::with_room_for(text.len());
        for (start, c) in text.char_indices() {
            reading.push(c, &(start..start + c.len_utf8()));
        }
        reading
    }

    /// The reading with one kind of escape resolved; None if it has no such escape.
    fn decoded(&self, mark: u8, escape: fn(&[u8]) -> Option<(Decoded, usize)>) -> Option<Self> {
        if !self.bytes.contains(&mark) {
            return None;
        }
        let mut out = Self::with_room_for(self.bytes.len());
        let mut at = 0;
        while let Some(&byte) = self.bytes.get(at) {
            let escaped = (byte == mark).then(|| escape(&self.bytes[at..])).flatten();
            let (decoded, length) = escaped.unwrap_or((Decoded::Byte(byte), 1));
            let origin = self.origin(at..at + length);
            match decoded {
                Decoded::Byte(byte) => out.push_byte(byte, origin),
                Decoded::Character(c) => out.push(c, &origin),
            }
            at += length;
        }
        Some(out.without_ignored())
    }

    /// Bytes that were decoded one by one may form characters that are ignored.
    fn without_ignored(self) -> Self {
        let mut out = Self::with_room_for(self.bytes.len());
        let mut at = 0;
        for chunk in self.bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                out.push(c, &self.origin(at..at + c.len_utf8()));
                at += c.len_utf8();
            }
            for byte in chunk.invalid() {
                out.push_byte(*byte, self.origin(at..at + 1));
                at += 1;
            }
        }
        out
    }

    fn with_room_for(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            origins: Vec::with_capacity(bytes),
        }
    }

    fn push(&mut self, c: char, origin: &Range<usize>) {
        if !is_ignored(c) {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                self.push_byte(byte, origin.clone());
            }
        }
    }

    fn push_byte(&mut self, byte: u8, origin: Range<usize>) {
        self.bytes.push(byte);
        self.origins.push(origin);
    }
}

/// True for a character that is ignored: a secret with it inside is still that secret.
pub(super) fn is_ignored(c: char) -> bool {
    c.is_whitespace() || is_unprintable(c)
}

/// What an escape stands for.
enum Decoded {
    Byte(u8),
    Character(char),
}

/// `%2F`, and its length.
fn percent_escape(text: &[u8]) -> Option<(Decoded, usize)> {
    let byte = u8::try_from(hexadecimal(text.get(1..3)?)?).ok()?;
    Some((Decoded::Byte(byte), 3))
}

/// `\"`, `\n` or `\u0041` as JSON writes them, or `\u{41}` as Rust does, and its length.
fn backslash_escape(text: &[u8]) -> Option<(Decoded, usize)> {
    let character = |c| Some((Decoded::Character(c), 2));
    match text.get(1)? {
        b'n' | b'r' | b't' | b'b' | b'f' => character('\n'),
        b'u' if text.get(2) == Some(&b'{') => {
            let digits = text[3..].iter().position(|byte| *byte == b'}')?;
            let code = hexadecimal(&text[3..3 + digits])?;
            Some((Decoded::Character(char::from_u32(code)?), digits + 4))
        }
        b'u' => unicode_escape(text),
        other if other.is_ascii_punctuation() => character(char::from(*other)),
        _ => None,
    }
}

/// `\u0041`, or a pair of these for a character beyond the first 65,536.
fn unicode_escape(text: &[u8]) -> Option<(Decoded, usize)> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::try_from(hexadecimal(digits)?).ok()
    };
    let first = unit(0)?;
    let alone = || char::decode_utf16([first]).next()?.ok().map(|c| (c, 6));
    let pair = || {
        let pair = [first, unit(6)?];
        char::decode_utf16(pair).next()?.ok().map(|c| (c, 12))
    };
    let (c, length) = alone().or_else(pair)?;
    Some((Decoded::Character(c), length))
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    let only_digits = digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| only_digits)?;
    u32::from_str_radix(text, 16).ok()
}
