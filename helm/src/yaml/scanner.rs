//! Splits a text into tokens, with libyaml's rules for indentation and simple keys.

use std::collections::VecDeque;

use super::YamlError;

/// A place in the text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    pub(super) index: usize,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// The style of a scalar, as far as its type depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScalarStyle {
    Plain,
    Quoted,
}

#[derive(Clone, Debug)]
pub(super) enum TokenKind {
    StreamStart,
    StreamEnd,
    VersionDirective,
    TagDirective(String, String),
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(String),
    Anchor(String),
    Tag(String, String),
    Scalar(String, ScalarStyle),
}

/// A token and the position of its start.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) mark: Mark,
}

#[derive(Clone, Copy, Debug, Default)]
/// A position where a key may start; a later `:` confirms it.
pub(super) struct SimpleKey {
    pub(super) possible: bool,
    pub(super) required: bool,
    pub(super) token_number: usize,
    pub(super) mark: Mark,
}

pub(super) struct Scanner<'a> {
    pub(super) text: &'a [u8],
    pub(super) mark: Mark,
    pub(super) indent: i64,
    pub(super) flow_level: usize,
    pub(super) simple_key_allowed: bool,
    pub(super) indents: Vec<i64>,
    pub(super) simple_keys: Vec<SimpleKey>,
    pub(super) tokens: VecDeque<Token>,
    pub(super) tokens_parsed: usize,
    pub(super) started: bool,
    pub(super) ended: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self {
            text: text.as_bytes(),
            mark: Mark::default(),
            indent: -1,
            flow_level: 0,
            simple_key_allowed: true,
            indents: Vec::new(),
            simple_keys: vec![SimpleKey::default()],
            tokens: VecDeque::new(),
            tokens_parsed: 0,
            started: false,
            ended: false,
        }
    }

    /// The next token, left in place.
    pub(super) fn peek(&mut self) -> Result<&Token, YamlError> {
        self.fetch_more()?;
        match self.tokens.front() {
            Some(token) => Ok(token),
            None => Err(YamlError("unexpected end of stream".into())),
        }
    }

    /// Takes the next token.
    pub(super) fn next(&mut self) -> Result<Token, YamlError> {
        self.fetch_more()?;
        self.tokens_parsed += 1;
        self.tokens
            .pop_front()
            .ok_or_else(|| YamlError("unexpected end of stream".into()))
    }

    /// The byte at an offset; NUL after the end.
    pub(super) fn at(&self, offset: usize) -> u8 {
        self.text
            .get(self.mark.index + offset)
            .copied()
            .unwrap_or(0)
    }

    /// True at the end of the text and, as in libyaml, at a NUL.
    pub(super) fn is_end(&self, offset: usize) -> bool {
        self.at(offset) == 0
    }

    /// True if a line break starts at an offset.
    pub(super) fn is_break(&self, offset: usize) -> bool {
        break_width(&self.text[(self.mark.index + offset).min(self.text.len())..]) > 0
    }

    /// A space or a tab.
    pub(super) fn is_blank(&self, offset: usize) -> bool {
        matches!(self.at(offset), b' ' | b'\t')
    }

    /// A blank, a break or the end.
    pub(super) fn is_blank_or_end(&self, offset: usize) -> bool {
        self.is_blank(offset) || self.is_end(offset) || self.is_break(offset)
    }

    pub(super) fn skip(&mut self) {
        let width = character_width(self.at(0));
        self.mark.index = (self.mark.index + width).min(self.text.len());
        self.mark.column += 1;
    }

    /// Copies one character.
    pub(super) fn read(&mut self, out: &mut Vec<u8>) {
        let start = self.mark.index;
        self.skip();
        out.extend_from_slice(&self.text[start..self.mark.index]);
    }

    pub(super) fn skip_line(&mut self) {
        self.mark.index += break_width(&self.text[self.mark.index..]);
        self.mark.column = 0;
        self.mark.line += 1;
    }

    /// Copies one line break, normalized.
    pub(super) fn read_line(&mut self, out: &mut Vec<u8>) {
        match break_width(&self.text[self.mark.index..]) {
            0 => return,
            // U+2028 and U+2029 stay as they are.
            3 => out.extend_from_slice(&self.text[self.mark.index..self.mark.index + 3]),
            _ => out.push(b'\n'),
        }
        self.skip_line();
    }

    /// An error of the scanner. go-yaml counts lines from one and omits the number of the first line.
    pub(super) fn error<T>(&self, context: Mark, problem: &str) -> Result<T, YamlError> {
        let _ = context;
        let line = self.mark.line;
        Err(if line > 0 {
            YamlError(format!("yaml: line {}: {problem}", line + 1))
        } else if context.line > 0 {
            YamlError(format!("yaml: line {}: {problem}", context.line))
        } else {
            YamlError(format!("yaml: {problem}"))
        })
    }

    fn fetch_more(&mut self) -> Result<(), YamlError> {
        loop {
            if let Some(position) = self.tokens.front().map(|_| self.tokens_parsed) {
                let mut needed = false;
                for index in 0..self.simple_keys.len() {
                    if self.simple_keys[index].possible
                        && self.simple_keys[index].token_number == position
                    {
                        needed = self.key_is_valid(index)?;
                    }
                }
                if !needed {
                    return Ok(());
                }
            } else if self.ended {
                return Ok(());
            }
            self.fetch_next()?;
        }
    }

    pub(super) fn push(&mut self, kind: TokenKind, mark: Mark) {
        self.tokens.push_back(Token { kind, mark });
    }

    pub(super) fn skip_to_next_token(&mut self) {
        loop {
            if self.mark.index == 0 && self.text.starts_with("\u{feff}".as_bytes()) {
                self.skip();
            }
            let rest = &self.text[self.mark.index..];
            let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
            self.mark.index += spaces;
            self.mark.column += spaces;
            // Tabs may separate tokens where no simple key could start.
            while self.at(0) == b' '
                || ((self.flow_level > 0 || !self.simple_key_allowed) && self.at(0) == b'\t')
            {
                self.skip();
            }
            if self.at(0) == b'#' {
                while !self.is_end(0) && !self.is_break(0) {
                    self.skip();
                }
            }
            if !self.is_break(0) {
                return;
            }
            self.skip_line();
            if self.flow_level == 0 {
                self.simple_key_allowed = true;
            }
        }
    }
}

/// How many bytes a line break takes at the start of a text; 0 if there is none.
pub(super) fn break_width(text: &[u8]) -> usize {
    match text {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        [0xC2, 0x85, ..] => 2,
        [0xE2, 0x80, 0xA8 | 0xA9, ..] => 3,
        _ => 0,
    }
}

/// How many bytes a character takes, from its first one.
pub(super) fn character_width(first: u8) -> usize {
    match first {
        0x00..=0x7F => 1,
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF7 => 4,
        0x80..=0xBF | 0xF8..=0xFF => 1,
    }
}
