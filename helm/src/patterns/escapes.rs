//! The flags of a pattern, and escape sequences for one character.

use super::PatternError;

#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) fold_case: bool,
    pub(super) multi_line: bool,
    pub(super) dot_matches_newline: bool,
    pub(super) swap_greed: bool,
}

/// The character of the escape sequence at the start, and the text after it.
pub(super) fn escaped_at(text: &str) -> Result<(u32, &str), PatternError> {
    let mut characters = text[1..].chars();
    let Some(first) = characters.next() else {
        return Err(PatternError::refused(
            "trailing backslash at end of expression",
            "",
        ));
    };
    let rest = characters.as_str();
    let is_octal = |rest: &str| rest.starts_with(|next: char| next.is_digit(8));
    let code = match first {
        'a' => 0x07,
        'f' => 0x0C,
        'n' => 0x0A,
        'r' => 0x0D,
        't' => 0x09,
        'v' => 0x0B,
        // A single digit would be a reference to a group.
        '1'..='7' if !is_octal(rest) => return Err(unknown_escape(text, rest)),
        '0'..='7' => {
            let more = rest.chars().take(2).take_while(|next| next.is_digit(8));
            let digits = &text[1..2 + more.count()];
            let code = u32::from_str_radix(digits, 8).unwrap_or_default();
            return Ok((code, &text[1 + digits.len()..]));
        }
        'x' => return hexadecimal_at(text, rest),
        _ if first.is_ascii() && !first.is_ascii_alphanumeric() => u32::from(first),
        _ => return Err(unknown_escape(text, rest)),
    };
    Ok((code, rest))
}

/// `\x41` and `\x{10FFFF}`; `digits` is the text after the `x`.
fn hexadecimal_at<'a>(text: &'a str, digits: &'a str) -> Result<(u32, &'a str), PatternError> {
    let mut characters = digits.chars();
    let Some(braced) = digits.strip_prefix('{') else {
        let mut digit = || characters.next().and_then(|next| next.to_digit(16));
        let (high, low) = (digit(), digit());
        let rest = characters.as_str();
        return match (high, low) {
            (Some(high), Some(low)) => Ok((high * 16 + low, rest)),
            _ => Err(unknown_escape(text, rest)),
        };
    };
    characters = braced.chars();
    let mut code = 0;
    loop {
        let rest = characters.as_str();
        match characters.next() {
            Some('}') if rest.len() < braced.len() => return Ok((code, characters.as_str())),
            next => {
                let digit = next.and_then(|next| next.to_digit(16));
                match digit.map(|digit| code * 16 + digit) {
                    Some(larger) if larger <= u32::from(char::MAX) => code = larger,
                    _ => return Err(unknown_escape(text, characters.as_str())),
                }
            }
        }
    }
}

fn unknown_escape(text: &str, rest: &str) -> PatternError {
    PatternError::refused("invalid escape sequence", &text[..text.len() - rest.len()])
}
