//! Go's literals: strings, characters and numbers.

use super::ast::NumberLiteral;
use crate::strconv;

/// `strconv.Unquote` of a quoted or raw string token.
pub(super) fn unquote(token: &str) -> Option<Vec<u8>> {
    if let Some(raw) = token.strip_prefix('`') {
        // Carriage returns are not part of a raw string.
        return Some(raw.strip_suffix('`')?.replace('\r', "").into_bytes());
    }
    let mut rest = token.strip_prefix('"')?.strip_suffix('"')?;
    if !rest.contains('\\') {
        return Some(rest.as_bytes().to_vec());
    }
    let mut out = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let (bytes, length) = unescape(rest, '"')?;
        out.extend_from_slice(&bytes);
        rest = &rest[length..];
    }
    Some(out)
}

/// One character of a literal: its bytes, and its length in the source.
fn unescape(rest: &str, quote: char) -> Option<(Vec<u8>, usize)> {
    let first = rest.chars().next()?;
    if first != '\\' {
        return Some((first.to_string().into_bytes(), first.len_utf8()));
    }
    let escape = rest[1..].chars().next()?;
    let simple = |byte: u8| Some((vec![byte], 2));
    let code = |start: usize, digits: usize| {
        let text = rest.get(start..start + digits)?;
        let number = u32::from_str_radix(text, 16).ok()?;
        Some((
            char::from_u32(number)?.to_string().into_bytes(),
            start + digits,
        ))
    };
    match escape {
        'a' => simple(7),
        'b' => simple(8),
        'f' => simple(12),
        'n' => simple(b'\n'),
        'r' => simple(b'\r'),
        't' => simple(b'\t'),
        'v' => simple(11),
        '\\' => simple(b'\\'),
        'x' => Some((vec![u8::from_str_radix(rest.get(2..4)?, 16).ok()?], 4)),
        'u' => code(2, 4),
        'U' => code(2, 8),
        '0'..='7' => Some((vec![u8::from_str_radix(rest.get(1..4)?, 8).ok()?], 4)),
        _ if escape == quote => simple(quote as u8),
        _ => None,
    }
}

/// A character constant's code point.
pub(super) fn character(token: &str) -> Option<NumberLiteral> {
    let inside = token.strip_prefix('\'')?.strip_suffix('\'')?;
    let (bytes, length) = unescape(inside, '\'')?;
    if length != inside.len() {
        return None;
    }
    let code = match std::str::from_utf8(&bytes) {
        Ok(text) => i64::from(text.chars().next()? as u32),
        Err(_) => i64::from(*bytes.first()?),
    };
    Some(NumberLiteral {
        int: Some(code),
        float: Some(code as f64),
        spelled_float: false,
    })
}

/// A number in Go's syntax.
pub(super) fn number(token: &str) -> Option<NumberLiteral> {
    let is_hexadecimal = token
        .trim_start_matches(['+', '-'])
        .to_ascii_lowercase()
        .starts_with("0x");
    let has_binary_exponent = token.contains(['p', 'P']);
    let spelled_float = if is_hexadecimal {
        has_binary_exponent
    } else {
        token.contains(['.', 'e', 'E', 'p', 'P'])
    };
    if let Some(int) = strconv::parse_int(token) {
        return Some(NumberLiteral {
            int: Some(int),
            float: Some(int as f64),
            spelled_float,
        });
    }
    let float = strconv::parse_float(token)?;
    // Without a point or an exponent it must be an integer: at most a `uint64`, and `08` is not valid.
    let is_integer = float.abs() < 1.9e19 && !token.trim_start_matches(['+', '-']).starts_with('0');
    if !float.is_finite() || !(spelled_float || is_integer) {
        return None;
    }
    // A float without a fraction can be used as an integer.
    let int = (float.fract() == 0.0 && float.abs() < 9.2e18).then_some(float as i64);
    Some(NumberLiteral {
        int,
        float: Some(float),
        spelled_float,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_parse_as_in_go() {
        assert_eq!(
            unquote(r#""a\n\u00e9\x41\101""#),
            Some("a\néAA".as_bytes().to_vec())
        );
        assert_eq!(unquote("`a\\n`"), Some(b"a\\n".to_vec()));
        assert_eq!(number("0x1F").and_then(|number| number.int), Some(31));
        assert_eq!(number("0x1p4").and_then(|number| number.float), Some(16.0));
        assert_eq!(number("1_000").and_then(|number| number.int), Some(1000));
        assert_eq!(number("017").and_then(|number| number.int), Some(15));
        assert!(
            number("1e3").is_some_and(|number| number.spelled_float && number.int == Some(1000))
        );
        assert_eq!(character("'a'").and_then(|number| number.int), Some(97));
    }
}
