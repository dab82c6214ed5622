//! Scalars of all styles.

use super::YamlError;
use super::scanner::{Mark, Scanner, character_width};

impl Scanner<'_> {
    /// `|` and `>`.
    pub(super) fn scan_block_scalar(&mut self, literal: bool) -> Result<Vec<u8>, YamlError> {
        let start = self.mark;
        self.skip();
        let (chomping, increment) = self.scan_block_header(start)?;
        let mut indent = match increment {
            0 => 0,
            increment => self.indent.max(0) + increment,
        };
        let (mut out, mut leading_break, mut trailing_breaks) =
            (Vec::new(), Vec::new(), Vec::new());
        self.scan_block_breaks(&mut indent, &mut trailing_breaks, start)?;
        let mut leading_blank = false;
        while self.mark.column as i64 == indent && !self.is_end(0) {
            let trailing_blank = self.is_blank(0);
            if !literal
                && !leading_blank
                && !trailing_blank
                && leading_break.first() == Some(&b'\n')
            {
                if trailing_breaks.is_empty() {
                    out.push(b' ');
                }
            } else {
                out.extend_from_slice(&leading_break);
            }
            leading_break.clear();
            out.append(&mut trailing_breaks);
            leading_blank = self.is_blank(0);
            while !self.is_end(0) && !self.is_break(0) {
                self.read(&mut out);
                self.read_ascii(&mut out);
            }
            self.read_line(&mut leading_break);
            self.scan_block_breaks(&mut indent, &mut trailing_breaks, start)?;
        }
        if chomping != -1 {
            out.extend_from_slice(&leading_break);
        }
        if chomping == 1 {
            out.extend_from_slice(&trailing_breaks);
        }
        Ok(out)
    }

    /// The chomping and indentation indicators, in either order, and the rest of their line.
    fn scan_block_header(&mut self, start: Mark) -> Result<(i8, i64), YamlError> {
        let (mut chomping, mut increment) = (0, 0);
        for _ in 0..2 {
            match self.at(0) {
                b'+' if chomping == 0 => chomping = 1,
                b'-' if chomping == 0 => chomping = -1,
                b'0' if increment == 0 => {
                    return self.error(start, "found an indentation indicator equal to 0");
                }
                digit @ b'1'..=b'9' if increment == 0 => increment = i64::from(digit - b'0'),
                _ => break,
            }
            self.skip();
        }
        self.skip_blanks();
        self.skip_comment();
        if !self.is_end(0) && !self.is_break(0) {
            return self.error(start, "did not find expected comment or line break");
        }
        if self.is_break(0) {
            self.skip_line();
        }
        Ok((chomping, increment))
    }

    fn scan_block_breaks(
        &mut self,
        indent: &mut i64,
        breaks: &mut Vec<u8>,
        start: Mark,
    ) -> Result<(), YamlError> {
        let mut max_indent = 0;
        loop {
            while (*indent == 0 || (self.mark.column as i64) < *indent) && self.at(0) == b' ' {
                self.skip();
            }
            max_indent = max_indent.max(self.mark.column as i64);
            if (*indent == 0 || (self.mark.column as i64) < *indent) && self.at(0) == b'\t' {
                return self.error(
                    start,
                    "found a tab character where an indentation space is expected",
                );
            }
            if !self.is_break(0) {
                break;
            }
            self.read_line(breaks);
        }
        if *indent == 0 {
            *indent = max_indent.max(self.indent + 1).max(1);
        }
        Ok(())
    }

    /// Single and double quoted scalars.
    pub(super) fn scan_quoted(&mut self, single: bool) -> Result<Vec<u8>, YamlError> {
        let start = self.mark;
        let quote = if single { b'\'' } else { b'"' };
        self.skip();
        let mut out = Vec::new();
        loop {
            if self.at_document_indicator() {
                return self.error(start, "found unexpected document indicator");
            }
            if self.is_end(0) {
                return self.error(start, "found unexpected end of stream");
            }
            let mut leading_blanks = false;
            while !self.is_blank_or_end(0) {
                if single && self.at(0) == b'\'' && self.at(1) == b'\'' {
                    out.push(b'\'');
                    self.skip();
                    self.skip();
                } else if self.at(0) == quote {
                    break;
                } else if !single && self.at(0) == b'\\' && self.is_break(1) {
                    self.skip();
                    self.skip_line();
                    leading_blanks = true;
                    break;
                } else if !single && self.at(0) == b'\\' {
                    self.scan_escape(&mut out, start)?;
                } else {
                    self.read_run(&mut out, quote);
                }
            }
            if self.at(0) == quote {
                break;
            }
            self.scan_flow_blanks(&mut out, leading_blanks);
        }
        self.skip();
        Ok(out)
    }

    /// Copies one character and the plain ASCII after it.
    fn read_run(&mut self, out: &mut Vec<u8>, quote: u8) {
        self.read(out);
        self.read_words(out, |byte| {
            matches!(byte, b'!'..=b'~') && byte != quote && !matches!(byte, b'\\' | b'\'')
        });
    }

    fn at_document_indicator(&self) -> bool {
        let rest = &self.text[self.mark.index..];
        self.mark.column == 0
            && (rest.starts_with(b"---") || rest.starts_with(b"..."))
            && self.is_blank_or_end(3)
    }

    /// Blanks and breaks inside a quoted scalar: kept on one line, folded over several.
    fn scan_flow_blanks(&mut self, out: &mut Vec<u8>, mut leading_blanks: bool) {
        let (mut blanks, mut leading_break, mut trailing_breaks) =
            (Vec::new(), Vec::new(), Vec::new());
        while self.is_blank(0) || self.is_break(0) {
            if self.is_blank(0) {
                if leading_blanks {
                    self.skip();
                } else {
                    self.read(&mut blanks);
                }
            } else if leading_blanks {
                self.read_line(&mut trailing_breaks);
            } else {
                blanks.clear();
                self.read_line(&mut leading_break);
                leading_blanks = true;
            }
        }
        if !leading_blanks {
            out.extend_from_slice(&blanks);
        } else {
            fold(out, &leading_break, &trailing_breaks);
        }
    }

    fn scan_escape(&mut self, out: &mut Vec<u8>, start: Mark) -> Result<(), YamlError> {
        let digits = match self.at(1) {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            other => {
                let character = match other {
                    b'0' => '\0',
                    b'a' => '\x07',
                    b'b' => '\x08',
                    b't' | b'\t' => '\t',
                    b'n' => '\n',
                    b'v' => '\x0B',
                    b'f' => '\x0C',
                    b'r' => '\r',
                    b'e' => '\x1B',
                    b' ' => ' ',
                    b'"' => '"',
                    b'\'' => '\'',
                    b'\\' => '\\',
                    b'N' => '\u{85}',
                    b'_' => '\u{A0}',
                    b'L' => '\u{2028}',
                    b'P' => '\u{2029}',
                    _ => return self.error(start, "found unknown escape character"),
                };
                push_character(out, character);
                self.skip();
                self.skip();
                return Ok(());
            }
        };
        self.skip();
        self.skip();
        let mut value: u32 = 0;
        for offset in 0..digits {
            let Some(digit) = (self.at(offset) as char).to_digit(16) else {
                return self.error(start, "did not find expected hexdecimal number");
            };
            value = value.wrapping_shl(4) | digit;
        }
        let Some(character) = char::from_u32(value) else {
            return self.error(start, "found invalid Unicode character escape code");
        };
        push_character(out, character);
        for _ in 0..digits {
            self.skip();
        }
        Ok(())
    }

    /// A scalar without quotes.
    pub(super) fn scan_plain(&mut self) -> Result<Vec<u8>, YamlError> {
        let start = self.mark;
        let indent = self.indent + 1;
        // Most keys and values are shorter.
        let mut out = Vec::with_capacity(32);
        let (mut blanks, mut leading_break, mut trailing_breaks) =
            (Vec::new(), Vec::new(), Vec::new());
        let mut leading_blanks = false;
        loop {
            if self.at_document_indicator() || self.at(0) == b'#' {
                break;
            }
            while !self.is_blank_or_end(0) {
                if self.ends_plain() {
                    break;
                }
                if leading_blanks {
                    fold(&mut out, &leading_break, &trailing_breaks);
                    leading_break.clear();
                    trailing_breaks.clear();
                    leading_blanks = false;
                } else {
                    out.append(&mut blanks);
                }
                self.read_plain_run(&mut out);
            }
            if !(self.is_blank(0) || self.is_break(0)) {
                break;
            }
            while self.is_blank(0) || self.is_break(0) {
                if self.is_blank(0) {
                    if leading_blanks && (self.mark.column as i64) < indent && self.at(0) == b'\t' {
                        return self
                            .error(start, "found a tab character that violates indentation");
                    }
                    if leading_blanks {
                        self.skip();
                    } else {
                        self.read(&mut blanks);
                    }
                } else if leading_blanks {
                    self.read_line(&mut trailing_breaks);
                } else {
                    blanks.clear();
                    self.read_line(&mut leading_break);
                    leading_blanks = true;
                }
            }
            if self.flow_level == 0 && (self.mark.column as i64) < indent {
                break;
            }
        }
        if leading_blanks {
            self.simple_key_allowed = true;
        }
        Ok(out)
    }

    fn ends_plain(&self) -> bool {
        (self.at(0) == b':' && self.is_blank_or_end(1))
            || (self.flow_level > 0
                && matches!(self.at(0), b',' | b'?' | b'[' | b']' | b'{' | b'}'))
    }

    /// Copies the ASCII up to the end of the line.
    fn read_ascii(&mut self, out: &mut Vec<u8>) {
        let rest = &self.text[self.mark.index..];
        let is_text = |byte: &&u8| matches!(byte, b' '..=b'~' | b'\t');
        let run = rest.iter().take_while(is_text).count();
        out.extend_from_slice(&rest[..run]);
        self.mark.index += run;
        self.mark.column += run;
    }

    /// Copies one character and the words after it on the same line, up to the first character with a meaning.
    fn read_plain_run(&mut self, out: &mut Vec<u8>) {
        self.read(out);
        self.read_words(out, |byte| {
            matches!(byte, b'!'..=b'~')
                && !matches!(byte, b':' | b'#' | b',' | b'?' | b'[' | b']' | b'{' | b'}')
        });
    }

    /// Copies ASCII words of such bytes, with single spaces between them.
    fn read_words(&mut self, out: &mut Vec<u8>, is_plain: impl Fn(u8) -> bool) {
        let rest = &self.text[self.mark.index..];
        let run = (0..rest.len())
            .take_while(|at| match rest[*at] {
                b' ' => rest.get(at + 1).is_some_and(|next| is_plain(*next)),
                byte => is_plain(byte),
            })
            .count();
        out.extend_from_slice(&rest[..run]);
        self.mark.index += run;
        self.mark.column += run;
    }
}

/// One line break becomes a space; of several, the first is dropped.
fn fold(out: &mut Vec<u8>, leading_break: &[u8], trailing_breaks: &[u8]) {
    if leading_break.first() == Some(&b'\n') {
        if trailing_breaks.is_empty() {
            out.push(b' ');
        } else {
            out.extend_from_slice(trailing_breaks);
        }
    } else {
        out.extend_from_slice(leading_break);
        out.extend_from_slice(trailing_breaks);
    }
}

fn push_character(out: &mut Vec<u8>, character: char) {
    let mut buffer = [0; 4];
    let encoded = character.encode_utf8(&mut buffer);
    debug_assert_eq!(character_width(encoded.as_bytes()[0]), encoded.len());
    out.extend_from_slice(encoded.as_bytes());
}
