//! The types of plain scalars: YAML 1.1 as go-yaml 2 reads it.

/// A scalar with its type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    /// Text.
    Text,
    /// A timestamp: kept as text, but quoted when written.
    Timestamp,
}

/// Resolves an unquoted scalar without a tag.
pub(super) fn resolve(text: &str) -> Resolved {
    let Some(first) = text.bytes().next() else {
        return Resolved::Null;
    };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => {
            resolve_word(text)
        }
        b'.' => match resolve_word(text) {
            Resolved::Text => parse_go_float(text).map_or(Resolved::Text, Resolved::Float),
            word => word,
        },
        b'+' | b'-' | b'0'..=b'9' => match resolve_word(text) {
            Resolved::Text => resolve_number(text),
            word => word,
        },
        _ => Resolved::Text,
    }
}

fn resolve_word(text: &str) -> Resolved {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Resolved::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Resolved::Bool(false)
        }
        "" | "~" | "null" | "Null" | "NULL" => Resolved::Null,
        ".nan" | ".NaN" | ".NAN" => Resolved::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Resolved::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Resolved::Float(f64::NEG_INFINITY),
        _ => Resolved::Text,
    }
}

fn resolve_number(text: &str) -> Resolved {
    if is_timestamp(text) {
        return Resolved::Timestamp;
    }
    let plain = text.replace('_', "");
    if let Some(number) = parse_go_integer(&plain) {
        return number;
    }
    // Integers beyond 64 bits are floats if they are decimal, and text in another base.
    match plain.parse::<f64>() {
        Ok(number) if is_float(&plain) && number.is_finite() => Resolved::Float(number),
        Ok(_) | Err(_) => Resolved::Text,
    }
}

/// `strconv.ParseInt(text, 0, 64)`, then `ParseUint`.
fn parse_go_integer(text: &str) -> Option<Resolved> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = split_radix(digits);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let number = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        return 0i64.checked_sub_unsigned(number).map(Resolved::Int);
    }
    match i64::try_from(number) {
        Ok(number) => Some(Resolved::Int(number)),
        // `ParseUint` takes no sign.
        Err(_) if text.starts_with('+') => None,
        Err(_) => Some(Resolved::Uint(number)),
    }
}

fn split_radix(digits: &str) -> (u32, &str) {
    let lower = digits.get(..2).map(str::to_ascii_lowercase);
    match lower.as_deref() {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        Some(prefix) if prefix.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    }
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_is_good = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && all_digits(fraction),
        Some((whole, fraction)) => all_digits(whole) && all_digits(fraction),
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    let exponent_is_good = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    mantissa_is_good && exponent_is_good
}

/// `strconv.ParseFloat` for a text that starts with a point.
fn parse_go_float(text: &str) -> Option<f64> {
    if is_float(text) {
        text.parse().ok()
    } else {
        None
    }
}

/// True if go-yaml reads a timestamp: `2001-1-2`, optionally with a time after `T`, `t` or a space.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 5 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return false;
    }
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some((&text[at..at + 1], &text[at + 1..]))),
        None => (text, None),
    };
    let mut parts = date[5..].split('-');
    let in_range = |part: Option<&str>, limit: u8| {
        part.is_some_and(|part| {
            (1..=2).contains(&part.len())
                && part
                    .parse::<u8>()
                    .is_ok_and(|number| (1..=limit).contains(&number))
        })
    };
    if !in_range(parts.next(), 12) || !in_range(parts.next(), 31) || parts.next().is_some() {
        return false;
    }
    match time {
        None => true,
        Some((" ", time)) => is_time(time, false),
        Some((_, time)) => is_time(time, true),
    }
}

fn is_time(time: &str, zone: bool) -> bool {
    let (clock, zone_is_good) = if zone {
        match time.find(['Z', '+', '-']) {
            Some(at) => (&time[..at], is_zone(&time[at..])),
            None => (time, false),
        }
    } else {
        (time, true)
    };
    let mut parts = clock.split(':');
    let in_range = |part: Option<&str>, limit: u8| {
        part.is_some_and(|part| {
            (1..=2).contains(&part.len()) && part.parse::<u8>().is_ok_and(|number| number <= limit)
        })
    };
    let (hour, minute) = (in_range(parts.next(), 23), in_range(parts.next(), 59));
    let second = parts.next().unwrap_or_default();
    let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
    hour && minute
        && in_range(Some(second), 59)
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && parts.next().is_none()
        && zone_is_good
}

fn is_zone(zone: &str) -> bool {
    zone == "Z"
        || (zone.len() == 6
            && zone.as_bytes()[3] == b':'
            && zone[1..3].parse::<u8>().is_ok()
            && zone[4..].parse::<u8>().is_ok())
}

/// YAML 1.1 base 60 floats are not read, but quoted when written.
pub(super) fn is_base_60(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let Some((first, rest)) = digits.split_once(':') else {
        return false;
    };
    if !first.as_bytes().first().is_some_and(u8::is_ascii_digit)
        || !first
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_')
    {
        return false;
    }
    let (rest, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let sexagesimal = |part: &str| match part.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [tens, digit] => (b'0'..=b'5').contains(tens) && digit.is_ascii_digit(),
        _ => false,
    };
    rest.split(':').all(sexagesimal)
        && fraction
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_')
}
