//! Directives, anchors and tags.

use super::YamlError;
use super::scanner::{Mark, Scanner, TokenKind};

impl Scanner<'_> {
    /// `%YAML` and `%TAG`.
    pub(super) fn scan_directive(&mut self) -> Result<TokenKind, YamlError> {
        let start = self.mark;
        self.skip();
        let name = self.scan_word();
        if name.is_empty() {
            return self.error(start, "could not find expected directive name");
        }
        if !self.is_blank_or_end(0) {
            return self.error(start, "found unexpected non-alphabetical character");
        }
        self.skip_blanks();
        let kind = match name.as_str() {
            "YAML" => {
                while matches!(self.at(0), b'0'..=b'9' | b'.') {
                    self.skip();
                }
                TokenKind::VersionDirective
            }
            "TAG" => {
                let handle = self.scan_tag_handle(true, start)?;
                if !self.is_blank(0) {
                    return self.error(start, "did not find expected whitespace");
                }
                self.skip_blanks();
                TokenKind::TagDirective(handle, self.scan_tag_uri("", start)?)
            }
            _ => return self.error(start, "found unknown directive name"),
        };
        self.skip_blanks();
        self.skip_comment();
        if !self.is_end(0) && !self.is_break(0) {
            return self.error(start, "did not find expected comment or line break");
        }
        if self.is_break(0) {
            self.skip_line();
        }
        Ok(kind)
    }

    /// `*name` and `&name`.
    pub(super) fn scan_anchor(&mut self, alias: bool) -> Result<TokenKind, YamlError> {
        let start = self.mark;
        self.skip();
        let name = self.scan_word();
        let terminated = self.is_blank_or_end(0)
            || matches!(
                self.at(0),
                b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`'
            );
        if name.is_empty() || !terminated {
            return self.error(
                start,
                "did not find expected alphabetic or numeric character",
            );
        }
        Ok(if alias {
            TokenKind::Alias(name)
        } else {
            TokenKind::Anchor(name)
        })
    }

    /// `!tag`, `!!tag`, `!handle!tag` and `!<tag>`.
    pub(super) fn scan_tag(&mut self) -> Result<TokenKind, YamlError> {
        let start = self.mark;
        let (handle, suffix) = if self.at(1) == b'<' {
            self.skip();
            self.skip();
            let suffix = self.scan_tag_uri("", start)?;
            if self.at(0) != b'>' {
                return self.error(start, "did not find the expected '>'");
            }
            self.skip();
            (String::new(), suffix)
        } else {
            let handle = self.scan_tag_handle(false, start)?;
            if handle.len() >= 2 && handle.ends_with('!') {
                let suffix = self.scan_tag_uri("", start)?;
                (handle, suffix)
            } else {
                let suffix = self.scan_tag_uri(&handle, start)?;
                if suffix.is_empty() {
                    (String::new(), "!".into())
                } else {
                    ("!".into(), suffix)
                }
            }
        };
        if !self.is_blank_or_end(0) {
            return self.error(start, "did not find expected whitespace or line break");
        }
        Ok(TokenKind::Tag(handle, suffix))
    }

    fn scan_word(&mut self) -> String {
        let start = self.mark.index;
        while self.at(0).is_ascii_alphanumeric() || matches!(self.at(0), b'_' | b'-') {
            self.skip();
        }
        String::from_utf8_lossy(&self.text[start..self.mark.index]).into_owned()
    }

    pub(super) fn skip_blanks(&mut self) {
        while self.is_blank(0) {
            self.skip();
        }
    }

    pub(super) fn skip_comment(&mut self) {
        if self.at(0) == b'#' {
            while !self.is_end(0) && !self.is_break(0) {
                self.skip();
            }
        }
    }

    fn scan_tag_handle(&mut self, directive: bool, start: Mark) -> Result<String, YamlError> {
        if self.at(0) != b'!' {
            return self.error(start, "did not find expected '!'");
        }
        self.skip();
        let mut handle = format!("!{}", self.scan_word());
        if self.at(0) == b'!' {
            self.skip();
            handle.push('!');
        } else if directive && handle != "!" {
            return self.error(start, "did not find expected '!'");
        }
        Ok(handle)
    }

    fn scan_tag_uri(&mut self, head: &str, start: Mark) -> Result<String, YamlError> {
        let mut uri = head.get(1..).unwrap_or_default().as_bytes().to_vec();
        let mut found = !head.is_empty();
        loop {
            match self.at(0) {
                b'%' => {
                    let octet = [self.at(1), self.at(2)];
                    let octet = std::str::from_utf8(&octet)
                        .ok()
                        .and_then(|hex| u8::from_str_radix(hex, 16).ok());
                    let Some(octet) = octet else {
                        return self.error(start, "did not find URI escaped octet");
                    };
                    uri.push(octet);
                    for _ in 0..3 {
                        self.skip();
                    }
                }
                byte if byte.is_ascii_alphanumeric()
                    || b"_-;/?:@&=+$,.!~*'()[]".contains(&byte) =>
                {
                    self.read(&mut uri)
                }
                _ => break,
            }
            found = true;
        }
        if !found {
            return self.error(start, "did not find expected tag URI");
        }
        String::from_utf8(uri)
            .or_else(|_| self.error(start, "found an incorrect leading UTF-8 octet"))
    }
}
