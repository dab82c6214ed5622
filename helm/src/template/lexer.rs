//! Splits a template into tokens.

use super::error::{ParseError, TREE_PER_TOKEN};
use crate::value::memory;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    Text,
    LeftDelimiter,
    RightDelimiter,
    LeftParenthesis,
    RightParenthesis,
    Space,
    Pipe,
    Comma,
    Declare,
    Assign,
    Dot,
    Field,
    Variable,
    Identifier,
    Bool,
    Number,
    Character,
    QuotedString,
    RawString,
    Nil,
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Range,
    Template,
    With,
    /// A printable character without a meaning.
    Other,
    EndOfFile,
}

#[derive(Clone, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind,
    pub(super) offset: usize,
    pub(super) text: &'a str,
}

/// Splits a template into tokens.
pub(super) fn tokenize(source: &str) -> Result<Vec<Token<'_>>, ParseError> {
    let mut lexer = Lexer {
        source,
        position: 0,
        tokens: Vec::new(),
        parentheses: 0,
    };
    lexer.run()?;
    Ok(lexer.tokens)
}

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

struct Lexer<'a> {
    source: &'a str,
    position: usize,
    tokens: Vec<Token<'a>>,
    parentheses: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.position..]
    }

    fn push(&mut self, kind: TokenKind, length: usize) {
        let text = &self.source[self.position..self.position + length];
        self.tokens.push(Token {
            kind,
            offset: self.position,
            text,
        });
        self.position += length;
    }

    fn error<T>(&self, offset: usize, problem: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError {
            offset,
            problem: problem.into(),
        })
    }

    fn run(&mut self) -> Result<(), ParseError> {
        // True if the previous action trims the text after it.
        let mut trim_left = false;
        loop {
            let rest = self.rest();
            let end = find_action(rest);
            let after = &rest[end..];
            let trim_right =
                after.len() > 3 && after[2..].starts_with('-') && after[3..].starts_with(SPACES);
            let mut text = &rest[..end];
            let mut offset = self.position;
            if trim_left {
                let trimmed = text.trim_start_matches(SPACES);
                offset += text.len() - trimmed.len();
                text = trimmed;
            }
            if trim_right {
                text = text.trim_end_matches(SPACES);
            }
            if !text.is_empty() {
                self.tokens.push(Token {
                    kind: TokenKind::Text,
                    offset,
                    text,
                });
            }
            self.position += end;
            if after.is_empty() {
                break;
            }
            // The vector of tokens, which may double its size, and the tree that is made of them.
            let room = self.tokens.len() * (2 * size_of::<Token<'_>>() + TREE_PER_TOKEN);
            if let Err(problem) = memory::check_room(room) {
                return self.error(self.position, problem.to_string());
            }
            let marker = if trim_right { 2 } else { 0 };
            trim_left = if after[2 + marker..].starts_with("/*") {
                self.comment(2 + marker)?
            } else {
                self.push(TokenKind::LeftDelimiter, 2);
                self.position += marker;
                self.parentheses = 0;
                self.action()?
            };
        }
        self.push(TokenKind::EndOfFile, 0);
        Ok(())
    }

    /// Skips a comment; returns true if it trims the text after it.
    fn comment(&mut self, opening: usize) -> Result<bool, ParseError> {
        let start = self.position;
        let Some(length) = self.source[start + opening + 2..].find("*/") else {
            return self.error(start, "unclosed comment");
        };
        self.position = start + opening + 2 + length + 2;
        let (is_right, trims) = self.right_delimiter();
        if !is_right {
            return self.error(start, "comment ends before closing delimiter");
        }
        self.position += if trims { 4 } else { 2 };
        Ok(trims)
    }

    /// Whether a right delimiter starts here, and whether it trims.
    fn right_delimiter(&self) -> (bool, bool) {
        let rest = self.rest();
        if rest.starts_with(SPACES) && rest[1..].starts_with("-}}") {
            (true, true)
        } else {
            (rest.starts_with("}}"), false)
        }
    }

    /// The content of an action and its right delimiter.
    fn action(&mut self) -> Result<bool, ParseError> {
        loop {
            let (is_right, trims) = self.right_delimiter();
            if is_right {
                if self.parentheses > 0 {
                    return self.error(self.position, "unclosed left paren");
                }
                self.position += if trims { 2 } else { 0 };
                self.push(TokenKind::RightDelimiter, 2);
                return Ok(trims);
            }
            self.inside_action()?;
        }
    }

    fn inside_action(&mut self) -> Result<(), ParseError> {
        let rest = self.rest();
        let Some(character) = rest.chars().next() else {
            return self.error(self.position, "unclosed action");
        };
        match character {
            ' ' | '\t' | '\r' | '\n' => {
                let mut length = rest.len() - rest.trim_start_matches(SPACES).len();
                // The last blank is part of the trimming delimiter.
                if rest[length..].starts_with("-}}") {
                    length -= 1;
                }
                if length > 0 {
                    self.push(TokenKind::Space, length);
                }
            }
            '=' => self.push(TokenKind::Assign, 1),
            ':' if rest.starts_with(":=") => self.push(TokenKind::Declare, 2),
            ':' => return self.error(self.position, "expected :="),
            '|' => self.push(TokenKind::Pipe, 1),
            ',' => self.push(TokenKind::Comma, 1),
            '"' => self.quoted('"', TokenKind::QuotedString, "unterminated quoted string")?,
            '\'' => self.quoted(
                '\'',
                TokenKind::Character,
                "unterminated character constant",
            )?,
            '`' => match rest[1..].find('`') {
                Some(length) => self.push(TokenKind::RawString, length + 2),
                None => return self.error(self.position, "unterminated raw quoted string"),
            },
            '$' => self.field_or_variable(TokenKind::Variable)?,
            '.' if !rest[1..].starts_with(|next: char| next.is_ascii_digit()) => {
                self.field_or_variable(TokenKind::Field)?;
            }
            '.' | '+' | '-' | '0'..='9' => self.number()?,
            '(' => {
                self.push(TokenKind::LeftParenthesis, 1);
                self.parentheses += 1;
            }
            ')' => {
                if self.parentheses == 0 {
                    return self.error(self.position, "unexpected right paren");
                }
                self.parentheses -= 1;
                self.push(TokenKind::RightParenthesis, 1);
            }
            _ if is_alphanumeric(character) => self.identifier()?,
            _ if character.is_ascii_graphic() => self.push(TokenKind::Other, 1),
            _ => {
                return self.error(
                    self.position,
                    format!("unrecognized character in action: {character:?}"),
                );
            }
        }
        Ok(())
    }

    fn quoted(&mut self, quote: char, kind: TokenKind, problem: &str) -> Result<(), ParseError> {
        let mut escaped = false;
        for (index, character) in self.rest().char_indices().skip(1) {
            match character {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if character == quote => {
                    self.push(kind, index + 1);
                    return Ok(());
                }
                _ => {}
            }
        }
        self.error(self.position, problem)
    }

    fn word_length(&self, start: usize) -> usize {
        let rest = &self.rest()[start..];
        start
            + rest
                .find(|character| !is_alphanumeric(character))
                .unwrap_or(rest.len())
    }

    fn check_terminator(&self, length: usize) -> Result<(), ParseError> {
        match self.rest()[length..].chars().next() {
            None
            | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(' | '=' | '}') => {
                Ok(())
            }
            Some(character) => self.error(
                self.position + length,
                format!("bad character {character:?}"),
            ),
        }
    }

    fn field_or_variable(&mut self, kind: TokenKind) -> Result<(), ParseError> {
        let length = self.word_length(1);
        if length == 1 {
            // A lone "." or "$", or one followed by something that cannot be a name.
            self.check_terminator(1)?;
            let kind = if kind == TokenKind::Variable {
                TokenKind::Variable
            } else {
                TokenKind::Dot
            };
            self.push(kind, 1);
            return Ok(());
        }
        self.check_terminator(length)?;
        self.push(kind, length);
        Ok(())
    }

    fn identifier(&mut self) -> Result<(), ParseError> {
        let length = self.word_length(0);
        self.check_terminator(length)?;
        let kind = match &self.rest()[..length] {
            "block" => TokenKind::Block,
            "break" => TokenKind::Break,
            "continue" => TokenKind::Continue,
            "define" => TokenKind::Define,
            "else" => TokenKind::Else,
            "end" => TokenKind::End,
            "if" => TokenKind::If,
            "range" => TokenKind::Range,
            "nil" => TokenKind::Nil,
            "template" => TokenKind::Template,
            "with" => TokenKind::With,
            "true" | "false" => TokenKind::Bool,
            _ => TokenKind::Identifier,
        };
        self.push(kind, length);
        Ok(())
    }

    fn number(&mut self) -> Result<(), ParseError> {
        let rest = self.rest().as_bytes();
        let mut length = 0;
        if matches!(rest.first(), Some(b'+' | b'-')) {
            length += 1;
        }
        let (mut is_digit, mut exponents): (fn(u8) -> bool, &[u8]) =
            (|byte| byte.is_ascii_digit(), b"eE");
        if rest.get(length) == Some(&b'0') {
            match rest.get(length + 1) {
                Some(b'x' | b'X') => {
                    (is_digit, exponents) = (|byte: u8| byte.is_ascii_hexdigit(), b"pP");
                    length += 2;
                }
                Some(b'o' | b'O' | b'b' | b'B') => length += 2,
                _ => {}
            }
        }
        let skip_digits = |mut length: usize| {
            while rest
                .get(length)
                .is_some_and(|byte| is_digit(*byte) || *byte == b'_')
            {
                length += 1;
            }
            length
        };
        length = skip_digits(length);
        if rest.get(length) == Some(&b'.') {
            length = skip_digits(length + 1);
        }
        if rest
            .get(length)
            .is_some_and(|byte| exponents.contains(byte))
        {
            length += 1;
            if matches!(rest.get(length), Some(b'+' | b'-')) {
                length += 1;
            }
            while rest
                .get(length)
                .is_some_and(|byte| byte.is_ascii_digit() || *byte == b'_')
            {
                length += 1;
            }
        }
        if self.rest()[length..].starts_with(is_alphanumeric) {
            return self.error(
                self.position,
                format!(
                    "bad number syntax: {:?}",
                    &self.rest()[..self.word_length(length)]
                ),
            );
        }
        self.push(TokenKind::Number, length);
        Ok(())
    }
}

/// The start of the next action, or the end. Searching for one byte is faster than searching for two.
fn find_action(text: &str) -> usize {
    text.match_indices('{')
        .map(|(at, _)| at)
        .find(|at| text[*at..].starts_with("{{"))
        .unwrap_or(text.len())
}

fn is_alphanumeric(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}
