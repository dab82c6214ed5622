//! The order of versions as GNU `sort -V` has it, for tags that need not be semantic versions.
//!
//! Source: `filevercmp.c` of gnulib. A `v` before a digit does not count: repositories change that habit, and in `sort -V` every
//! `v1` is above `2`.

use std::cmp::Ordering;

/// Compares two tags as versions. Different tags are never equal.
pub(crate) fn compare_versions(left: &str, right: &str) -> Ordering {
    let (one, other) = (number_of(left).as_bytes(), number_of(right).as_bytes());
    compare(&one[..suffix_start(one)], &other[..suffix_start(other)])
        .then_with(|| compare(one, other))
        // `1.01` and `1.1`, or `v1` and `1`.
        .then_with(|| left.cmp(right))
}

/// The text without a `v` before a digit.
pub(crate) fn number_of(text: &str) -> &str {
    match text.strip_prefix('v') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => rest,
        Some(_) | None => text,
    }
}

/// The start of a suffix like that of a file's name: `(\.[A-Za-z~][A-Za-z0-9~]*)*$`.
fn suffix_start(text: &[u8]) -> usize {
    let starts = |at: usize| {
        text.get(at) == Some(&b'.')
            && text
                .get(at + 1)
                .is_some_and(|next| next.is_ascii_alphabetic() || *next == b'~')
    };
    let mut at = 0;
    let mut start = 0;
    while at < text.len() {
        at += 1;
        start = at;
        while starts(at) {
            at += 2;
            let is_inside = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'~';
            while text.get(at).is_some_and(is_inside) {
                at += 1;
            }
        }
    }
    start
}

fn compare(left: &[u8], right: &[u8]) -> Ordering {
    let (mut left, mut right) = (left, right);
    while !left.is_empty() || !right.is_empty() {
        let is_text = |rest: &[u8]| rest.first().is_some_and(|first| !first.is_ascii_digit());
        while is_text(left) || is_text(right) {
            match rank(left.first()).cmp(&rank(right.first())) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
            left = left.get(1..).unwrap_or_default();
            right = right.get(1..).unwrap_or_default();
        }
        let (one, other) = (number(&mut left), number(&mut right));
        // Without leading zeros, the longer number is the greater one.
        match one.len().cmp(&other.len()).then_with(|| one.cmp(other)) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
    }
    Ordering::Equal
}

/// The number at the beginning, without leading zeros, which is removed from the text.
fn number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let is_digit = |byte: &&u8| byte.is_ascii_digit();
    let whole: &'a [u8] = text;
    let length = whole.iter().take_while(is_digit).count();
    let zeros = whole.iter().take_while(|byte| **byte == b'0').count();
    *text = &whole[length..];
    &whole[zeros.min(length)..length]
}

/// A tilde, the end, a digit, letters, and then all others.
fn rank(byte: Option<&u8>) -> i32 {
    match byte {
        None => -1,
        Some(b'~') => -2,
        Some(byte) if byte.is_ascii_digit() => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::*;

    /// What `sort -V` makes of these lines; `None` on a machine without GNU's.
    fn sorted_by_gnu(texts: &[String]) -> Option<Vec<String>> {
        let mut sort = Command::new("sort")
            .arg("-V")
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut input = sort.stdin.take()?;
        input.write_all(texts.join("\n").as_bytes()).ok()?;
        input.write_all(b"\n").ok()?;
        drop(input);
        let output = sort.wait_with_output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output
            .status
            .success()
            .then(|| text.lines().map(str::to_owned).collect())
    }

    #[test]
    fn versions_are_in_the_order_of_sort_v() {
        // As `LC_ALL=C sort -V` prints them, except for the `v`.
        let sorted = [
            "0.9",
            "1",
            "1.0",
            "1.0.0",
            "1.0.0-alpine",
            "1.0.0-rc1",
            "1.0.0-rc10",
            "1.0.1",
            "v1.1",
            "1.2",
            "1.09",
            "1.10",
            "1.10.2",
            "v2",
            "2.0",
            "2024-01-02",
            "2024.1",
            "20240101",
            "alpine",
            "latest",
        ];
        for (position, one) in sorted.iter().enumerate() {
            for other in &sorted[position + 1..] {
                assert_eq!(
                    compare_versions(one, other),
                    Ordering::Less,
                    "{one} {other}"
                );
                assert_eq!(
                    compare_versions(other, one),
                    Ordering::Greater,
                    "{other} {one}"
                );
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn order_is_that_of_gnu_sort(texts in proptest::collection::vec("[0-9a-c][0-9a-c._-]{0,8}", 2..12)) {
            if let Some(expected) = sorted_by_gnu(&texts) {
                let mut sorted = texts;
                sorted.sort_by(|a, b| compare_versions(a, b));
                prop_assert_eq!(sorted, expected);
            }
        }

        #[test]
        fn order_is_total(a in "v?[0-9a.~_-]{0,6}", b in "v?[0-9a.~_-]{0,6}", c in "v?[0-9a.~_-]{0,6}") {
            let order = |x: &str, y: &str| compare_versions(x, y);
            prop_assert_eq!(order(&a, &b), order(&b, &a).reverse());
            prop_assert_eq!(order(&a, &b) == Ordering::Equal, a == b);
            if order(&a, &b).is_le() && order(&b, &c).is_le() {
                prop_assert!(order(&a, &c).is_le());
            }
        }

        #[test]
        fn versions_of_numbers_are_in_the_order_of_their_numbers(a in any::<[u16; 3]>(), b in any::<[u16; 3]>(), v in any::<bool>()) {
            let text = |[x, y, z]: [u16; 3], v: bool| format!("{}{x}.{y}.{z}", if v { "v" } else { "" });
            if a != b {
                prop_assert_eq!(compare_versions(&text(a, v), &text(b, !v)), a.cmp(&b));
            }
        }
    }
}
