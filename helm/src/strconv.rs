//! Numbers in texts, as Go's `strconv` reads them.

/// `ParseInt` with base 0: the prefix gives the base, and `_` is allowed between digits.
pub(crate) fn parse_int(text: &str) -> Option<i64> {
    let (sign, digits) = split_sign(text);
    let lower = digits.to_ascii_lowercase();
    let (radix, after_prefix) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        _ if lower.len() > 1 && lower.starts_with('0') => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    let plain = after_prefix.replace('_', "");
    // A second sign is not a digit.
    let is_plain = plain.starts_with(|first: char| first.is_ascii_alphanumeric());
    if !is_plain || !underscores_separate_digits(&lower) {
        return None;
    }
    i64::from_str_radix(&format!("{sign}{plain}"), radix).ok()
}

/// `ParseInt` with base 10, ignoring its error: 0 for a text that is not a number, and the nearest number if it is too
/// large.
pub(crate) fn parse_decimal_or_nearest(text: &str) -> i64 {
    let (sign, digits) = split_sign(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    let nearest = if sign == "-" { i64::MIN } else { i64::MAX };
    text.parse().unwrap_or(nearest)
}

/// `ParseFloat`; a number that is too large is an error.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let (sign, body) = split_sign(text);
    let lower = body.to_ascii_lowercase();
    let number = match lower.as_str() {
        "inf" | "infinity" => f64::INFINITY,
        "nan" if sign.is_empty() => f64::NAN,
        _ if !underscores_separate_digits(&lower) => return None,
        _ => {
            let plain = lower.replace('_', "");
            let number = match plain.strip_prefix("0x") {
                Some(digits) => hexadecimal_float(digits)?,
                // Rust accepts more names of numbers than Go.
                None if plain.starts_with(|first: char| first.is_ascii_digit() || first == '.') => {
                    plain.parse().ok()?
                }
                None => return None,
            };
            if !number.is_finite() {
                return None;
            }
            number
        }
    };
    Some(if sign == "-" { -number } else { number })
}

fn split_sign(text: &str) -> (&str, &str) {
    let length = usize::from(text.starts_with(['+', '-']));
    text.split_at(length)
}

/// Go's `underscoreOK`, for a text in lower case without a sign. The prefix of a base counts as a digit.
fn underscores_separate_digits(lower: &str) -> bool {
    let has_prefix = ["0x", "0o", "0b"]
        .iter()
        .any(|prefix| lower.starts_with(prefix));
    let is_digit = |byte: u8| {
        byte.is_ascii_digit() || (lower.starts_with("0x") && (b'a'..=b'f').contains(&byte))
    };
    let mut before = if has_prefix { b'0' } else { b'.' };
    for byte in lower.bytes().skip(if has_prefix { 2 } else { 0 }) {
        let is_good = match byte {
            b'_' => is_digit(before),
            byte => before != b'_' || is_digit(byte),
        };
        if !is_good {
            return false;
        }
        before = byte;
    }
    before != b'_'
}

/// `1.8p4`, of which the digits are hexadecimal and the exponent is a power of two.
fn hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = parse_exponent(exponent)? - 4 * i64::try_from(fraction.len()).ok()?;
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    // The leading bits, and whether there are others: enough for the nearest float.
    let (mut bits, mut dropped) = (0u64, 0);
    for digit in whole.chars().chain(fraction.chars()) {
        let digit = u64::from(digit.to_digit(16)?);
        if bits >> 60 == 0 {
            bits = bits << 4 | digit;
        } else {
            bits |= u64::from(digit != 0);
            dropped += 4;
        }
    }
    let exponent = i32::try_from((exponent + dropped).clamp(-3_000, 3_000)).ok()?;
    // In steps, because a power of two for a large exponent is not a float.
    let (step, mut number) = (exponent.clamp(-900, 900), bits as f64);
    for step in [step, (exponent - step).clamp(-900, 900)] {
        number *= 2f64.powi(step);
    }
    Some(number)
}

fn parse_exponent(text: &str) -> Option<i64> {
    let (sign, digits) = split_sign(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let exponent = digits.parse().unwrap_or(1_000_000);
    Some(if sign == "-" { -exponent } else { exponent })
}
