//! Reads the next token, and its effects on indentation and simple keys.

use super::YamlError;
use super::scanner::{Mark, ScalarStyle, Scanner, SimpleKey, Token, TokenKind};

impl Scanner<'_> {
    pub(super) fn fetch_next(&mut self) -> Result<(), YamlError> {
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

    /// Directives and document indicators, which are valid only at the start of a line.
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

    pub(super) fn key_is_valid(&mut self, index: usize) -> Result<bool, YamlError> {
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
}

/// The bytes of scalars are copied from valid text, whole characters at a time.
fn to_string(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
