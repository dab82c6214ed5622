//! Text to tokens, with libyaml's rules for indentation and simple keys.

use std::collections::VecDeque;

use super::YamlError;

/// A place in the text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    pub(super) index: usize,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// How a scalar was written, as far as its reading depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScalarStyle {
    Plain,
    Quoted,
}

/// A token.
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

/// A token and where it starts.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) mark: Mark,
}

#[derive(Clone, Copy, Debug, Default)]
struct SimpleKey {
    possible: bool,
    required: bool,
    token_number: usize,
    mark: Mark,
}

/// The scanner.
pub(super) struct Scanner<'a> {
    pub(super) text: &'a [u8],
    pub(super) mark: Mark,
    pub(super) indent: i64,
    pub(super) flow_level: usize,
    pub(super) simple_key_allowed: bool,
    indents: Vec<i64>,
    simple_keys: Vec<SimpleKey>,
    tokens: VecDeque<Token>,
    tokens_parsed: usize,
    started: bool,
    ended: bool,
}

impl<'a> Scanner<'a> {
    /// A scanner at the start of a text.
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

    /// The byte at an offset from here; NUL past the end.
    pub(super) fn at(&self, offset: usize) -> u8 {
        self.text
            .get(self.mark.index + offset)
            .copied()
            .unwrap_or(0)
    }

    /// Whether the text has ended here: past its end, or at a NUL as libyaml has it.
    pub(super) fn is_end(&self, offset: usize) -> bool {
        self.at(offset) == 0
    }

    /// Whether a line break starts at an offset.
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

    /// Skips one character.
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

    /// Skips one line break.
    pub(super) fn skip_line(&mut self) {
        self.mark.index += break_width(&self.text[self.mark.index..]);
        self.mark.column = 0;
        self.mark.line += 1;
    }

    /// Copies one line break, normalized.
    pub(super) fn read_line(&mut self, out: &mut Vec<u8>) {
        match break_width(&self.text[self.mark.index..]) {
            0 => return,
            // U+2028 and U+2029 keep their identity.
            3 => out.extend_from_slice(&self.text[self.mark.index..self.mark.index + 3]),
            _ => out.push(b'\n'),
        }
        self.skip_line();
    }

    /// An error of the scanner; go-yaml counts its lines from one, and leaves out the first.
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

    fn push(&mut self, kind: TokenKind, mark: Mark) {
        self.tokens.push_back(Token { kind, mark });
    }

    fn fetch_next(&mut self) -> Result<(), YamlError> {
        if !self.started {
            self.started = true;
            self.push(TokenKind::StreamStart, self.mark);
            return Ok(());
        }
        self.skip_to_next_token();
        self.unroll_indent(self.mark.column as i64);
        if self.is_end(0) {
            return self.fetch_stream_end();
        }
        if self.mark.column == 0 && self.fetch_at_line_start()? {
            return Ok(());
        }
        match self.at(0) {
            b'[' => self.fetch_flow_start(TokenKind::FlowSequenceStart),
            b'{' => self.fetch_flow_start(TokenKind::FlowMappingStart),
            b']' => self.fetch_flow_end(TokenKind::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(TokenKind::FlowMappingEnd),
            b',' => self.fetch_flow_entry(),
            b'-' if self.is_blank_or_end(1) => self.fetch_block_entry(),
            b'?' if self.flow_level > 0 || self.is_blank_or_end(1) => self.fetch_key(),
            b':' if self.flow_level > 0 || self.is_blank_or_end(1) => self.fetch_value(),
            b'*' => self.fetch_anchor(true),
            b'&' => self.fetch_anchor(false),
            b'!' => self.fetch_tag(),
            b'|' if self.flow_level == 0 => self.fetch_block_scalar(true),
            b'>' if self.flow_level == 0 => self.fetch_block_scalar(false),
            b'\'' => self.fetch_quoted(true),
            b'"' => self.fetch_quoted(false),
            _ if self.may_start_plain() => self.fetch_plain(),
            _ => self.error(self.mark, "found character that cannot start any token"),
        }
    }

    /// Directives and document indicators, which stand at the start of a line only.
    fn fetch_at_line_start(&mut self) -> Result<bool, YamlError> {
        if self.at(0) == b'%' {
            self.fetch_directive()?;
            return Ok(true);
        }
        for (indicator, kind) in [
            (b"---", TokenKind::DocumentStart),
            (b"...", TokenKind::DocumentEnd),
        ] {
            if self.text[self.mark.index..].starts_with(indicator) && self.is_blank_or_end(3) {
                self.unroll_indent(-1);
                self.remove_simple_key()?;
                self.simple_key_allowed = false;
                let mark = self.mark;
                for _ in 0..3 {
                    self.skip();
                }
                self.push(kind, mark);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn may_start_plain(&self) -> bool {
        let indicator = matches!(
            self.at(0),
            b'-' | b'?'
                | b':'
                | b','
                | b'['
                | b']'
                | b'{'
                | b'}'
                | b'#'
                | b'&'
                | b'*'
                | b'!'
                | b'|'
                | b'>'
                | b'\''
                | b'"'
                | b'%'
                | b'@'
                | b'`'
        );
        !(indicator || self.is_blank_or_end(0))
            || (self.at(0) == b'-' && !self.is_blank(1))
            || (self.flow_level == 0
                && matches!(self.at(0), b'?' | b':')
                && !self.is_blank_or_end(1))
    }

    fn key_is_valid(&mut self, index: usize) -> Result<bool, YamlError> {
        let key = self.simple_keys[index];
        if !key.possible {
            return Ok(false);
        }
        // A simple key is on one line and at most 1024 characters long.
        if key.mark.line < self.mark.line || key.mark.index + 1024 < self.mark.index {
            if key.required {
                return self.key_error(key.mark);
            }
            self.simple_keys[index].possible = false;
            return Ok(false);
        }
        Ok(true)
    }

    fn key_error<T>(&self, mark: Mark) -> Result<T, YamlError> {
        self.error(mark, "could not find expected ':'")
    }

    fn save_simple_key(&mut self) -> Result<(), YamlError> {
        if self.simple_key_allowed {
            let required = self.flow_level == 0 && self.indent == self.mark.column as i64;
            let key = SimpleKey {
                possible: true,
                required,
                token_number: self.tokens_parsed + self.tokens.len(),
                mark: self.mark,
            };
            self.remove_simple_key()?;
            if let Some(last) = self.simple_keys.last_mut() {
                *last = key;
            }
        }
        Ok(())
    }

    fn remove_simple_key(&mut self) -> Result<(), YamlError> {
        let Some(key) = self.simple_keys.last().copied() else {
            return Ok(());
        };
        if key.possible && key.required {
            return self.key_error(key.mark);
        }
        if let Some(last) = self.simple_keys.last_mut() {
            last.possible = false;
        }
        Ok(())
    }

    fn roll_indent(
        &mut self,
        column: usize,
        number: Option<usize>,
        kind: TokenKind,
        mark: Mark,
    ) -> Result<(), YamlError> {
        if self.flow_level > 0 || self.indent >= column as i64 {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = column as i64;
        if self.indents.len() > super::MAX_DEPTH {
            return self.error(mark, &format!("exceeded max depth of {}", super::MAX_DEPTH));
        }
        let token = Token { kind, mark };
        match number {
            Some(number) => self.tokens.insert(number - self.tokens_parsed, token),
            None => self.tokens.push_back(token),
        }
        Ok(())
    }

    fn unroll_indent(&mut self, column: i64) {
        if self.flow_level > 0 {
            return;
        }
        while self.indent > column {
            self.push(TokenKind::BlockEnd, self.mark);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn fetch_stream_end(&mut self) -> Result<(), YamlError> {
        if self.mark.column != 0 {
            self.mark.column = 0;
            self.mark.line += 1;
        }
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.ended = true;
        self.push(TokenKind::StreamEnd, self.mark);
        Ok(())
    }

    fn fetch_directive(&mut self) -> Result<(), YamlError> {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        let mark = self.mark;
        let kind = self.scan_directive()?;
        self.push(kind, mark);
        Ok(())
    }

    fn fetch_flow_start(&mut self, kind: TokenKind) -> Result<(), YamlError> {
        self.save_simple_key()?;
        self.simple_keys.push(SimpleKey::default());
        self.flow_level += 1;
        if self.flow_level > super::MAX_DEPTH {
            return self.error(
                self.mark,
                &format!("exceeded max depth of {}", super::MAX_DEPTH),
            );
        }
        self.simple_key_allowed = true;
        self.fetch_indicator(kind);
        Ok(())
    }

    fn fetch_flow_end(&mut self, kind: TokenKind) -> Result<(), YamlError> {
        self.remove_simple_key()?;
        if self.flow_level > 0 {
            self.flow_level -= 1;
            self.simple_keys.pop();
        }
        self.simple_key_allowed = false;
        self.fetch_indicator(kind);
        Ok(())
    }

    fn fetch_flow_entry(&mut self) -> Result<(), YamlError> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.fetch_indicator(TokenKind::FlowEntry);
        Ok(())
    }

    fn fetch_indicator(&mut self, kind: TokenKind) {
        let mark = self.mark;
        self.skip();
        self.push(kind, mark);
    }

    fn fetch_block_entry(&mut self) -> Result<(), YamlError> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return self.error(
                    self.mark,
                    "block sequence entries are not allowed in this context",
                );
            }
            self.roll_indent(
                self.mark.column,
                None,
                TokenKind::BlockSequenceStart,
                self.mark,
            )?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.fetch_indicator(TokenKind::BlockEntry);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<(), YamlError> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return self.error(self.mark, "mapping keys are not allowed in this context");
            }
            self.roll_indent(
                self.mark.column,
                None,
                TokenKind::BlockMappingStart,
                self.mark,
            )?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = self.flow_level == 0;
        self.fetch_indicator(TokenKind::Key);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<(), YamlError> {
        let last = self.simple_keys.len() - 1;
        if self.key_is_valid(last)? {
            let key = self.simple_keys[last];
            let token = Token {
                kind: TokenKind::Key,
                mark: key.mark,
            };
            self.tokens
                .insert(key.token_number - self.tokens_parsed, token);
            self.roll_indent(
                key.mark.column,
                Some(key.token_number),
                TokenKind::BlockMappingStart,
                key.mark,
            )?;
            self.simple_keys[last].possible = false;
            self.simple_key_allowed = false;
        } else {
            if self.flow_level == 0 {
                if !self.simple_key_allowed {
                    return self.error(self.mark, "mapping values are not allowed in this context");
                }
                self.roll_indent(
                    self.mark.column,
                    None,
                    TokenKind::BlockMappingStart,
                    self.mark,
                )?;
            }
            self.simple_key_allowed = self.flow_level == 0;
        }
        self.fetch_indicator(TokenKind::Value);
        Ok(())
    }

    fn fetch_anchor(&mut self, alias: bool) -> Result<(), YamlError> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let mark = self.mark;
        let kind = self.scan_anchor(alias)?;
        self.push(kind, mark);
        Ok(())
    }

    fn fetch_tag(&mut self) -> Result<(), YamlError> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let mark = self.mark;
        let kind = self.scan_tag()?;
        self.push(kind, mark);
        Ok(())
    }

    fn fetch_block_scalar(&mut self, literal: bool) -> Result<(), YamlError> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        let mark = self.mark;
        let value = self.scan_block_scalar(literal)?;
        self.push(
            TokenKind::Scalar(to_string(value), ScalarStyle::Quoted),
            mark,
        );
        Ok(())
    }

    fn fetch_quoted(&mut self, single: bool) -> Result<(), YamlError> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let mark = self.mark;
        let value = self.scan_quoted(single)?;
        self.push(
            TokenKind::Scalar(to_string(value), ScalarStyle::Quoted),
            mark,
        );
        Ok(())
    }

    fn fetch_plain(&mut self) -> Result<(), YamlError> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let mark = self.mark;
        let value = self.scan_plain()?;
        self.push(
            TokenKind::Scalar(to_string(value), ScalarStyle::Plain),
            mark,
        );
        Ok(())
    }

    fn skip_to_next_token(&mut self) {
        loop {
            if self.mark.index == 0 && self.text.starts_with("\u{feff}".as_bytes()) {
                self.skip();
            }
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

/// The scalars' bytes were cut from text at character borders.
fn to_string(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
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
