//! How Go writes numbers: `%v`, `%e`, `%f`, `%g` and JSON.

/// Shortest digits turn to the exponent form from `10^6` on.
const EXPONENT_FROM: i32 = 6;

/// `strconv.FormatFloat(number, 'g', -1, 64)`: what `%v` prints.
pub(crate) fn format_general(number: f64) -> String {
    if let Some(special) = format_special(number) {
        return special;
    }
    let (negative, digits, exponent) = shortest_digits(number);
    let body = if !(-4..EXPONENT_FROM).contains(&exponent) {
        exponent_form(&digits, exponent)
    } else {
        plain_form(&digits, exponent)
    };
    if negative { format!("-{body}") } else { body }
}

/// `encoding/json`'s form of a float; an error there is `None` here.
pub(crate) fn format_json_number(number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    let absolute = number.abs();
    if absolute != 0.0 && !(1e-6..1e21).contains(&absolute) {
        let (negative, digits, exponent) = shortest_digits(number);
        let mut body = exponent_form(&digits, exponent);
        // e-09 becomes e-9.
        if let Some(at) = body.find("e-0") {
            body.remove(at + 2);
        }
        return Some(if negative { format!("-{body}") } else { body });
    }
    let (negative, digits, exponent) = shortest_digits(number);
    let body = plain_form(&digits, exponent);
    Some(if negative { format!("-{body}") } else { body })
}

/// `strconv.FormatFloat` with a precision, for the verbs of `printf`.
pub(crate) fn format_with_verb(number: f64, verb: char, precision: Option<usize>) -> String {
    if let Some(special) = format_special(number) {
        return special;
    }
    let (negative, body) = (number.is_sign_negative(), number.abs());
    let text = match verb {
        'e' | 'E' => {
            let (digits, zeros) = digits_and_zeros(precision.unwrap_or(6));
            let text = format!("{body:.digits$e}");
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let exponent: i32 = exponent.parse().unwrap_or(0);
            format!(
                "{mantissa}{zeros}e{}{:02}",
                if exponent < 0 { '-' } else { '+' },
                exponent.abs()
            )
        }
        'g' | 'G' => match precision {
            None => format_general(body),
            Some(precision) => general_with_precision(body, precision.max(1)),
        },
        _ => {
            let (digits, zeros) = digits_and_zeros(precision.unwrap_or(6));
            format!("{body:.digits$}{zeros}")
        }
    };
    let text = if verb.is_uppercase() {
        text.to_uppercase()
    } else {
        text
    };
    if negative { format!("-{text}") } else { text }
}

/// The digits after the point that a float can have, and the zeros after them: Rust's formatter
/// takes no precision above 65,535, and panics.
fn digits_and_zeros(precision: usize) -> (usize, String) {
    let digits = precision.min(MOST_DIGITS);
    (digits, "0".repeat(precision - digits))
}

/// More digits than any float has.
const MOST_DIGITS: usize = 1100;

fn general_with_precision(number: f64, precision: usize) -> String {
    let text = format!("{number:.*e}", (precision - 1).min(MOST_DIGITS));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let trimmed = digits.trim_end_matches('0');
    let digits = if trimmed.is_empty() { "0" } else { trimmed };
    if exponent < -4 || exponent >= precision as i32 {
        exponent_form(digits, exponent)
    } else {
        plain_form(digits, exponent)
    }
}

fn format_special(number: f64) -> Option<String> {
    if number.is_nan() {
        Some("NaN".into())
    } else if number.is_infinite() {
        Some(if number > 0.0 {
            "+Inf".into()
        } else {
            "-Inf".into()
        })
    } else {
        None
    }
}

/// The shortest digits that read back as the number, and the exponent of the first one.
fn shortest_digits(number: f64) -> (bool, String, i32) {
    let text = format!("{:e}", number.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = mantissa.chars().filter(char::is_ascii_digit).collect();
    (
        number.is_sign_negative(),
        digits,
        exponent.parse().unwrap_or(0),
    )
}

fn exponent_form(digits: &str, exponent: i32) -> String {
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    format!(
        "{first}{point}{rest}e{}{:02}",
        if exponent < 0 { '-' } else { '+' },
        exponent.abs()
    )
}

fn plain_form(digits: &str, exponent: i32) -> String {
    if exponent < 0 {
        return format!("0.{}{digits}", "0".repeat((-exponent - 1) as usize));
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        format!("{digits}{}", "0".repeat(whole - digits.len()))
    } else {
        format!("{}.{}", &digits[..whole], &digits[whole..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_go_prints_them() {
        for (number, general, json) in [
            (0.0, "0", "0"),
            (1e6, "1e+06", "1000000"),
            (123_456_789.0, "1.23456789e+08", "123456789"),
            (100_000.0, "100000", "100000"),
            (1e-7, "1e-07", "1e-7"),
            (1e-6, "1e-06", "0.000001"),
            (1e20, "1e+20", "100000000000000000000"),
            (1e21, "1e+21", "1e+21"),
            (-0.5, "-0.5", "-0.5"),
            (0.0001, "0.0001", "0.0001"),
        ] {
            assert_eq!(format_general(number), general);
            assert_eq!(format_json_number(number).as_deref(), Some(json));
        }
    }
}
