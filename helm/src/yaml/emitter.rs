//! Libyaml's emitter: line breaks, quotes and the indentation of blocks.

use super::analysis::{analyze, is_printable};
use super::dialect::Dialect;
use super::scanner::{break_width, character_width};

/// The requested style of a scalar; the emitter uses another one where it has to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

/// The position of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) mapping: bool,
    pub(super) simple_key: bool,
}

pub(super) struct Emitter {
    pub(super) out: Vec<u8>,
    dialect: Dialect,
    width: usize,
    column: usize,
    indent: i64,
    indents: Vec<i64>,
    whitespace: bool,
    indention: bool,
}

impl Emitter {
    /// An emitter at the start of a document.
    pub(super) fn new(dialect: Dialect) -> Self {
        let width = match dialect {
            Dialect::Compact => 80,
            Dialect::Pretty => usize::MAX,
        };
        Self {
            out: Vec::new(),
            dialect,
            width,
            column: 0,
            indent: -1,
            indents: Vec::new(),
            whitespace: true,
            indention: true,
        }
    }

    /// Ends the document.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.indent = -1;
        self.write_indent();
        self.out
    }

    /// Opens a block mapping.
    pub(super) fn start_mapping(&mut self) {
        self.increase_indent(false, false);
    }

    /// Opens a block sequence.
    pub(super) fn start_sequence(&mut self, place: Place) {
        let indentless = self.dialect == Dialect::Compact && place.mapping && !self.indention;
        self.increase_indent(false, indentless);
    }

    /// Closes a block collection.
    pub(super) fn end(&mut self) {
        self.indent = self.indents.pop().unwrap_or(-1);
    }

    /// `- `
    pub(super) fn item(&mut self) {
        self.write_indent();
        self.indicator(b"-", true, false, true);
    }

    /// A key, in the simple form if possible.
    pub(super) fn key(&mut self, key: &str, style: Style) {
        self.write_indent();
        let simple = !has_break(key.as_bytes()) && key.len() <= 128;
        if simple {
            self.scalar(
                key,
                style,
                Place {
                    mapping: true,
                    simple_key: true,
                },
            );
            self.indicator(b":", false, false, false);
        } else {
            self.indicator(b"?", true, false, true);
            self.scalar(
                key,
                style,
                Place {
                    mapping: true,
                    simple_key: false,
                },
            );
            self.write_indent();
            self.indicator(b":", true, false, true);
        }
    }

    /// `{}` or `[]`.
    pub(super) fn empty(&mut self, open: &[u8], close: &[u8]) {
        self.indicator(open, true, true, false);
        self.indicator(close, false, false, false);
    }

    /// A scalar that is always plain: a number, a boolean, null.
    pub(super) fn plain(&mut self, text: &str) {
        self.space_before();
        self.out.extend_from_slice(text.as_bytes());
        self.column += text.len();
        self.whitespace = false;
        self.indention = false;
    }

    pub(super) fn scalar(&mut self, text: &str, style: Style, place: Place) {
        let style = self.select_style(text, style, place);
        self.increase_indent(true, false);
        let breaks = !place.simple_key;
        match style {
            Style::Plain => self.write_plain(text.as_bytes(), breaks),
            Style::SingleQuoted => self.write_single_quoted(text.as_bytes(), breaks),
            Style::DoubleQuoted => self.write_double_quoted(text, breaks),
            Style::Literal => self.write_literal(text.as_bytes()),
        }
        self.end();
    }

    /// Writes a tag before a scalar.
    pub(super) fn tag(&mut self, tag: &str) {
        self.space_before();
        self.out.extend_from_slice(tag.as_bytes());
        self.column += tag.len();
        self.whitespace = false;
        self.indention = false;
    }

    fn select_style(&self, text: &str, style: Style, place: Place) -> Style {
        let analysis = analyze(text.as_bytes(), self.dialect);
        let mut style = style;
        if place.simple_key && analysis.multiline {
            style = Style::DoubleQuoted;
        }
        if style == Style::Plain
            && (!analysis.plain_allowed || (text.is_empty() && place.simple_key))
        {
            style = Style::SingleQuoted;
        }
        if style == Style::SingleQuoted && !analysis.single_quoted_allowed {
            style = Style::DoubleQuoted;
        }
        if style == Style::Literal && (!analysis.block_allowed || place.simple_key) {
            style = Style::DoubleQuoted;
        }
        style
    }

    fn increase_indent(&mut self, flow: bool, indentless: bool) {
        self.indents.push(self.indent);
        if self.indent < 0 {
            self.indent = if flow { 2 } else { 0 };
        } else if !indentless {
            self.indent += 2;
        }
    }

    fn write_indent(&mut self) {
        let indent = self.indent.max(0) as usize;
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.line_break();
        }
        while self.column < indent {
            self.put(b' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    fn indicator(
        &mut self,
        text: &[u8],
        need_whitespace: bool,
        is_whitespace: bool,
        is_indention: bool,
    ) {
        if need_whitespace {
            self.space_before();
        }
        self.out.extend_from_slice(text);
        self.column += text.len();
        self.whitespace = is_whitespace;
        self.indention = self.indention && is_indention;
    }

    fn space_before(&mut self) {
        if !self.whitespace {
            self.put(b' ');
        }
    }

    fn put(&mut self, byte: u8) {
        self.out.push(byte);
        self.column += 1;
    }

    fn line_break(&mut self) {
        self.out.push(b'\n');
        self.column = 0;
    }

    /// Copies a character, returns its width.
    fn copy(&mut self, value: &[u8], index: usize) -> usize {
        let width = character_width(value[index]).min(value.len() - index);
        self.out.extend_from_slice(&value[index..index + width]);
        self.column += 1;
        width
    }

    /// Copies a line break as it is, returns its width.
    fn copy_break(&mut self, value: &[u8], index: usize) -> usize {
        if value[index] == b'\n' {
            self.line_break();
            return 1;
        }
        let width = self.copy(value, index);
        self.column = 0;
        width
    }

    fn write_plain(&mut self, value: &[u8], allow_breaks: bool) {
        self.space_before();
        self.write_flow(value, allow_breaks, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn write_single_quoted(&mut self, value: &[u8], allow_breaks: bool) {
        self.indicator(b"'", true, false, false);
        self.write_flow(value, allow_breaks, true);
        self.indicator(b"'", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    /// The text of plain and single quoted scalars, folded past the width.
    fn write_flow(&mut self, value: &[u8], allow_breaks: bool, quoted: bool) {
        let (mut spaces, mut breaks) = (false, false);
        let mut index = 0;
        while index < value.len() {
            if value[index] == b' ' {
                let inner = !quoted || (index > 0 && index < value.len() - 1);
                let before_space = value.get(index + 1) == Some(&b' ');
                if allow_breaks && !spaces && self.column > self.width && inner && !before_space {
                    self.write_indent();
                    index += 1;
                } else {
                    index += self.copy(value, index);
                }
                spaces = true;
            } else if break_width(&value[index..]) > 0 {
                if !breaks && value[index] == b'\n' {
                    self.line_break();
                }
                index += self.copy_break(value, index);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                if quoted && value[index] == b'\'' {
                    self.put(b'\'');
                }
                index += self.copy(value, index);
                self.indention = false;
                spaces = false;
                breaks = false;
            }
        }
    }

    fn write_double_quoted(&mut self, text: &str, allow_breaks: bool) {
        let value = text.as_bytes();
        // libyaml checks at every character whether the value starts with a byte order mark.
        let has_mark = text.starts_with('\u{feff}');
        self.indicator(b"\"", true, false, false);
        let mut spaces = false;
        for (index, character) in text.char_indices() {
            let rest = &value[index..];
            let escaped = !is_printable(rest) || has_mark || break_width(rest) > 0;
            if escaped || matches!(character, '"' | '\\') {
                self.write_escaped(character);
                spaces = false;
            } else if character == ' ' {
                let inner = index > 0 && index < value.len() - 1;
                if allow_breaks && !spaces && self.column > self.width && inner {
                    self.write_indent();
                    if value.get(index + 1) == Some(&b' ') {
                        self.put(b'\\');
                    }
                } else {
                    self.put(b' ');
                }
                spaces = true;
            } else {
                self.copy(value, index);
                spaces = false;
            }
        }
        self.indicator(b"\"", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn write_escaped(&mut self, character: char) {
        let short = match character {
            '\0' => '0',
            '\x07' => 'a',
            '\x08' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\x0B' => 'v',
            '\x0C' => 'f',
            '\r' => 'r',
            '\x1B' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{A0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let code = character as u32;
                let text = match code {
                    0..=0xFF => format!("\\x{code:02X}"),
                    0x100..=0xFFFF => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                };
                self.out.extend_from_slice(text.as_bytes());
                self.column += text.len();
                return;
            }
        };
        self.put(b'\\');
        self.put(short as u8);
    }

    fn write_literal(&mut self, value: &[u8]) {
        self.indicator(b"|", true, false, false);
        if value[0] == b' ' || break_width(value) > 0 {
            self.indicator(b"2", false, false, false);
        }
        self.write_chomping(value);
        self.line_break();
        self.indention = true;
        self.whitespace = true;
        let mut breaks = true;
        let mut index = 0;
        while index < value.len() {
            if break_width(&value[index..]) > 0 {
                index += self.copy_break(value, index);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                index += self.copy(value, index);
                self.indention = false;
                breaks = false;
            }
        }
    }

    fn write_chomping(&mut self, value: &[u8]) {
        let last = character_start(value, value.len());
        if break_width(&value[last..]) == 0 {
            self.indicator(b"-", false, false, false);
        } else if last == 0 || break_width(&value[character_start(value, last)..last]) > 0 {
            self.indicator(b"+", false, false, false);
        }
    }
}

fn has_break(value: &[u8]) -> bool {
    (0..value.len()).any(|index| break_width(&value[index..]) > 0)
}

/// The start of the character before `end`.
fn character_start(value: &[u8], end: usize) -> usize {
    let mut start = end - 1;
    while start > 0 && value[start] & 0xC0 == 0x80 {
        start -= 1;
    }
    start
}
