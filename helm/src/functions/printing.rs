//! Go's `fmt`: `print`, `println`, `printf`.

use super::arguments::text;
use super::{Outcome, check_text};
use crate::value::{
    Map, NO_VALUE, Text, Value, format_value, format_with_verb, to_display, write_display,
};

/// `fmt.Sprint`: a space between two operands if neither is a string.
pub(super) fn print_text(args: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, value) in args.iter().enumerate() {
        let between_others = index > 0
            && !matches!(value, Value::Str(_))
            && !matches!(args[index - 1], Value::Str(_));
        if between_others {
            out.push(b' ');
        }
        write_display(&mut out, value);
    }
    out
}

/// The text that `html`, `js` and `urlquery` escape: like [`print_text`], with Go's text for nil.
pub(super) fn printable_text(args: &[Value]) -> Vec<u8> {
    let printable = |value: &Value| match value {
        Value::Nil => Value::text(NO_VALUE),
        value => value.clone(),
    };
    print_text(&args.iter().map(printable).collect::<Vec<_>>())
}

pub(super) fn print(args: &[Value]) -> Outcome {
    Ok(Value::text(print_text(args)))
}

pub(super) fn println(args: &[Value]) -> Outcome {
    let mut out = Vec::new();
    for (index, value) in args.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        write_display(&mut out, value);
    }
    out.push(b'\n');
    Ok(Value::text(out))
}

pub(super) fn printf(args: &[Value]) -> Outcome {
    let format = text(&args[0]);
    let mut printer = Printer {
        format: format.chars().collect(),
        position: 0,
        args: &args[1..],
        next: 0,
        reordered: false,
        out: Vec::new(),
    };
    printer.run();
    check_text(printer.out.len())?;
    Ok(Value::text(printer.out))
}

/// `strconv.Quote`.
pub(super) fn quote_go(bytes: &[u8]) -> String {
    quote_with(bytes, false)
}

fn quote_with(bytes: &[u8], ascii_only: bool) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\x07' => out.push_str("\\a"),
                '\x08' => out.push_str("\\b"),
                '\x0C' => out.push_str("\\f"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\x0B' => out.push_str("\\v"),
                ' '..='~' => out.push(character),
                _ if is_printable(character) && !ascii_only => out.push(character),
                _ => match character as u32 {
                    code @ (0..=0x1F | 0x7F) => out.push_str(&format!("\\x{code:02x}")),
                    code @ 0..=0xFFFF => out.push_str(&format!("\\u{code:04x}")),
                    code => out.push_str(&format!("\\U{code:08x}")),
                },
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}

/// `unicode.IsPrint`, except for unassigned code points.
fn is_printable(character: char) -> bool {
    !(character.is_control()
        || character.is_whitespace()
        || matches!(
            character,
            '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}' | '\u{E000}'..='\u{F8FF}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
                | '\u{FFFE}'..='\u{FFFF}' | '\u{E0000}'..
        ))
}

#[derive(Default, Clone, Copy)]
struct Flags {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

struct Printer<'a> {
    format: Vec<char>,
    position: usize,
    args: &'a [Value],
    next: usize,
    reordered: bool,
    out: Vec<u8>,
}

/// The maximum width of a field.
const MAX_WIDTH: usize = 100_000;

impl Printer<'_> {
    fn run(&mut self) {
        while self.position < self.format.len() && self.out.len() <= crate::limits::MAX_TEXT {
            let character = self.format[self.position];
            self.position += 1;
            if character == '%' {
                self.directive();
            } else {
                let mut buffer = [0; 4];
                self.out
                    .extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
            }
        }
        if !self.reordered && self.next < self.args.len() {
            self.out.extend_from_slice(b"%!(EXTRA ");
            for (index, value) in self.args[self.next..].iter().enumerate() {
                if index > 0 {
                    self.out.extend_from_slice(b", ");
                }
                if matches!(value, Value::Nil) {
                    self.out.extend_from_slice(b"<nil>");
                } else {
                    self.out.extend_from_slice(value.type_name().as_bytes());
                    self.out.push(b'=');
                    write_display(&mut self.out, value);
                }
            }
            self.out.push(b')');
        }
    }

    fn peek(&self) -> Option<char> {
        self.format.get(self.position).copied()
    }

    fn directive(&mut self) {
        let mut flags = Flags::default();
        while let Some(flag) = self.peek() {
            match flag {
                '+' => flags.plus = true,
                '-' => (flags.minus, flags.zero) = (true, false),
                '#' => flags.sharp = true,
                ' ' => flags.space = true,
                '0' => flags.zero = !flags.minus,
                _ => break,
            }
            self.position += 1;
        }
        self.argument_index();
        flags.width = self.number(&mut flags.minus);
        if self.peek() == Some('.') {
            self.position += 1;
            self.argument_index();
            flags.precision = Some(self.number(&mut false).unwrap_or(0));
        }
        self.argument_index();
        let Some(verb) = self.peek() else {
            self.out.extend_from_slice(b"%!(NOVERB)");
            return;
        };
        self.position += 1;
        if verb == '%' {
            self.out.push(b'%');
            return;
        }
        match self.args.get(self.next) {
            None => self
                .out
                .extend_from_slice(format!("%!{verb}(MISSING)").as_bytes()),
            Some(value) => {
                self.next += 1;
                let value = value.clone();
                self.verb(verb, &value, flags);
            }
        }
    }

    /// `[2]`
    fn argument_index(&mut self) {
        if self.peek() != Some('[') {
            return;
        }
        let inside: String = self.format[self.position + 1..]
            .iter()
            .take_while(|character| **character != ']')
            .collect();
        if let Ok(index) = inside.parse::<usize>()
            && index > 0
        {
            self.next = index - 1;
            self.reordered = true;
            self.position += inside.chars().count() + 2;
        }
    }

    fn number(&mut self, minus: &mut bool) -> Option<usize> {
        if self.peek() == Some('*') {
            self.position += 1;
            let value = self.args.get(self.next)?;
            self.next += 1;
            let number = super::casting::to_int(value);
            *minus |= number < 0;
            return Some((number.unsigned_abs() as usize).min(MAX_WIDTH));
        }
        let digits: String = self.format[self.position..]
            .iter()
            .take_while(|character| character.is_ascii_digit())
            .collect();
        self.position += digits.len();
        if digits.is_empty() {
            None
        } else {
            Some(digits.parse().unwrap_or(MAX_WIDTH).min(MAX_WIDTH))
        }
    }

    fn verb(&mut self, verb: char, value: &Value, flags: Flags) {
        if verb == 'T' {
            self.pad(value.type_name().as_bytes().to_vec(), flags);
            return;
        }
        let formatted = match value {
            Value::Nil if verb == 'v' => Some(b"<nil>".to_vec()),
            Value::Nil => {
                self.out
                    .extend_from_slice(format!("%!{verb}(<nil>)").as_bytes());
                return;
            }
            Value::Bool(value) => matches!(verb, 't' | 'v').then(|| value.to_string().into_bytes()),
            Value::Int(number, kind) => {
                return match integer(verb, *number, kind.is_unsigned(), flags) {
                    Some(text) => self.pad_number(text, flags),
                    None => self.bad(verb, value),
                };
            }
            Value::Float(number) => {
                return match float(verb, *number, flags) {
                    Some(text) => self.pad_number(text, flags),
                    None => self.bad(verb, value),
                };
            }
            Value::Str(text) => string(verb, text, flags),
            Value::List(list) if verb != 'v' || flags.sharp => {
                self.list(verb, &list.items, flags);
                return;
            }
            Value::Map(map) if verb != 'v' => {
                self.map(verb, map, flags);
                return;
            }
            Value::Bytes(bytes) if matches!(verb, 's' | 'q' | 'x' | 'X') => {
                string(verb, &Text::from(bytes.as_ref()), flags)
            }
            Value::Struct(_) | Value::Time(_) if matches!(verb, 's' | 'q' | 'x' | 'X') => {
                string(verb, &to_display(value), flags)
            }
            Value::Bytes(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Struct(_)
            | Value::Time(_) => {
                let mut text = Vec::new();
                format_value(&mut text, value, 0);
                Some(text)
            }
        };
        match formatted {
            Some(text) => self.pad(text, flags),
            None => self.bad(verb, value),
        }
    }

    fn map(&mut self, verb: char, map: &Map, flags: Flags) {
        self.out.extend_from_slice(b"map[");
        for (index, (key, value)) in map.entries.borrow().iter().enumerate() {
            if self.out.len() > crate::limits::MAX_TEXT {
                break;
            }
            if index > 0 {
                self.out.push(b' ');
            }
            self.verb(verb, &Value::Str(key.clone()), flags);
            self.out.push(b':');
            self.verb(verb, value, flags);
        }
        self.out.push(b']');
    }

    fn list(&mut self, verb: char, items: &[Value], flags: Flags) {
        self.out.push(b'[');
        for (index, item) in items.iter().enumerate() {
            if self.out.len() > crate::limits::MAX_TEXT {
                break;
            }
            if index > 0 {
                self.out.push(b' ');
            }
            self.verb(verb, item, flags);
        }
        self.out.push(b']');
    }

    fn bad(&mut self, verb: char, value: &Value) {
        self.out
            .extend_from_slice(format!("%!{verb}({}=", value.type_name()).as_bytes());
        write_display(&mut self.out, value);
        self.out.push(b')');
    }

    fn pad(&mut self, text: Vec<u8>, flags: Flags) {
        let length = String::from_utf8_lossy(&text).chars().count();
        let missing = flags.width.unwrap_or(0).saturating_sub(length);
        if flags.minus {
            self.out.extend_from_slice(&text);
            self.out.resize(self.out.len() + missing, b' ');
        } else {
            self.out.resize(
                self.out.len() + missing,
                if flags.zero { b'0' } else { b' ' },
            );
            self.out.extend_from_slice(&text);
        }
    }

    /// Writes zeros between the sign and the digits.
    fn pad_number(&mut self, text: String, flags: Flags) {
        let missing = flags
            .width
            .unwrap_or(0)
            .saturating_sub(text.chars().count());
        if flags.zero && missing > 0 && !text.ends_with("Inf") && !text.ends_with("NaN") {
            let sign = usize::from(text.starts_with(['+', '-', ' ']));
            self.out.extend_from_slice(&text.as_bytes()[..sign]);
            self.out.resize(self.out.len() + missing, b'0');
            self.out.extend_from_slice(&text.as_bytes()[sign..]);
        } else {
            self.pad(
                text.into_bytes(),
                Flags {
                    zero: false,
                    ..flags
                },
            );
        }
    }
}

fn sign_of(negative: bool, flags: Flags) -> &'static str {
    if negative {
        "-"
    } else if flags.plus {
        "+"
    } else if flags.space {
        " "
    } else {
        ""
    }
}

fn integer(verb: char, number: i64, unsigned: bool, flags: Flags) -> Option<String> {
    let (negative, magnitude) = if unsigned {
        (false, number as u64)
    } else {
        (number < 0, number.unsigned_abs())
    };
    let character = || {
        u32::try_from(number)
            .ok()
            .and_then(char::from_u32)
            .unwrap_or('\u{FFFD}')
    };
    let digits = match verb {
        'd' | 'v' => magnitude.to_string(),
        'b' => format!("{magnitude:b}"),
        'o' => format!("{}{magnitude:o}", if flags.sharp { "0" } else { "" }),
        'O' => format!("0o{magnitude:o}"),
        'x' => format!("{}{magnitude:x}", if flags.sharp { "0x" } else { "" }),
        'X' => format!("{}{magnitude:X}", if flags.sharp { "0X" } else { "" }),
        'c' => return Some(character().to_string()),
        'q' => return Some(format!("'{}'", character().escape_default())),
        'U' => return Some(format!("U+{magnitude:04X}")),
        'e' | 'f' | 'g' | 'E' | 'F' | 'G' | 's' | 't' => return None,
        _ => return None,
    };
    let zeros = flags.precision.unwrap_or(0).saturating_sub(digits.len());
    Some(format!(
        "{}{}{digits}",
        sign_of(negative, flags),
        "0".repeat(zeros)
    ))
}

fn float(verb: char, number: f64, flags: Flags) -> Option<String> {
    let text = match verb {
        'v' => format_with_verb(number, 'g', flags.precision),
        'e' | 'E' | 'g' | 'G' | 'f' => format_with_verb(number, verb, flags.precision),
        'F' => format_with_verb(number, 'f', flags.precision),
        _ => return None,
    };
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => (
            sign_of(false, flags),
            text.strip_prefix('+').unwrap_or(&text),
        ),
    };
    // Go always prints a sign before an infinity.
    let sign = if sign.is_empty() && digits == "Inf" {
        "+"
    } else {
        sign
    };
    Some(format!("{sign}{digits}"))
}

fn string(verb: char, text: &Text, flags: Flags) -> Option<Vec<u8>> {
    let cut = match flags.precision {
        Some(count) if matches!(verb, 's' | 'v' | 'q') => {
            Text::from(text.to_str().chars().take(count).collect::<String>())
        }
        _ => text.clone(),
    };
    match verb {
        'v' if flags.sharp => Some(quote_go(&cut).into_bytes()),
        's' | 'v' => Some(cut.to_vec()),
        'q' if flags.sharp && !cut.contains(&b'`') => Some([b"`", &*cut, b"`"].concat()),
        'q' => Some(quote_with(&cut, flags.plus).into_bytes()),
        'x' | 'X' => {
            let digits: &[u8; 16] = match verb {
                'x' => b"0123456789abcdef",
                _ => b"0123456789ABCDEF",
            };
            let mut out = Vec::with_capacity(3 * cut.len());
            for (index, byte) in cut.iter().enumerate() {
                if flags.space && index > 0 {
                    out.push(b' ');
                }
                out.push(digits[usize::from(byte >> 4)]);
                out.push(digits[usize::from(byte & 15)]);
            }
            Some(out)
        }
        _ => None,
    }
}
