//! Text from other machines, made safe to show.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::name::pattern;

/// Text from another machine, made harmless for a terminal: control characters (terminal escapes among
/// them) and the invisible marks that change the direction of text become spaces, runs of space one.
pub fn strip_control(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || is_unprintable(c));
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Query parameters whose values are not secret. All other values are hidden: Azure signs the addresses of
/// operations and blobs in the query, and other clouds do the same.
pub(crate) const PUBLIC_PARAMETERS: [&str; 9] = [
    "api-version",
    "include_inactive",
    "last",
    "n",
    "orderby",
    "pointer",
    "ref",
    "service",
    "visibility",
];

/// The text without the values of query parameters and without the user info of URLs.
///
/// Services quote addresses that they could not read, and a signed address (`?sig=…`, `X-Amz-Signature`) gives
/// access. Parts of a signature are also found without the rest of their URL.
fn without_signatures(text: &str) -> String {
    static PARAMETER: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r#"(?i)([?&;]|\\u0026|%3f|%26)([a-z][a-z0-9._-]*)(=|%3d|\\u003d)([^\s&"'<>‹\\]+)"#)
    });
    static SIGNATURE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r#"(?i)\b(sig|se|sp|sv|sr|st|spr|sks|skt|ske|skv|skoid|sktid|signature|sharedaccesssignature|accountkey|awsaccesskeyid|x-(?:amz|goog|oss|ms)-[a-z-]+)(=|%3d|\\u003d)([^\s&"'<>‹\\]+)"#,
        )
    });
    static USER_INFO: LazyLock<Regex> = LazyLock::new(|| pattern(r"://[^/\s@?#]+@"));
    // To compile the patterns takes longer than the rest of a run's texts together, and most texts need none.
    if !may_have_value(text) {
        return match text.contains("://") {
            true => USER_INFO.replace_all(text, "://…@").into_owned(),
            false => text.to_owned(),
        };
    }
    // A value that is hidden already, with the punctuation after it.
    let is_hidden = |value: &str| {
        let rest = value.strip_prefix(CUT);
        rest.is_some_and(|rest| rest.chars().all(|c| ":;,.)".contains(c)))
    };
    let text = PARAMETER.replace_all(text, |found: &Captures<'_>| {
        match PUBLIC_PARAMETERS.contains(&&found[2]) || is_hidden(&found[4]) {
            true => found[0].to_owned(),
            false => format!("{}{}{}…", &found[1], &found[2], &found[3]),
        }
    });
    let text = SIGNATURE.replace_all(&text, |found: &Captures<'_>| match is_hidden(&found[3]) {
        true => found[0].to_owned(),
        false => format!("{}{}…", &found[1], &found[2]),
    });
    USER_INFO.replace_all(&text, "://…@").into_owned()
}

/// False if the text has none of the equals signs that the patterns of parameters and signatures require.
fn may_have_value(text: &str) -> bool {
    let is_escape = |escape: &str| {
        let windows = text.as_bytes().windows(escape.len());
        { windows }.any(|window| window.eq_ignore_ascii_case(escape.as_bytes()))
    };
    text.contains('=') || is_escape("%3d") || is_escape("\\u003d")
}

/// [`strip_control`], without signatures, and without the start of an HTML tag or a Markdown link: issues are
/// shown by programs that may render either. A comparison such as `<1` stays.
pub fn neutralize_markup(text: &str) -> String {
    let text = without_signatures(&strip_control(text));
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match (c, characters.peek()) {
            ('<', Some(next)) if next.is_ascii_alphabetic() || "/!?".contains(*next) => {
                out.push('‹')
            }
            (']', Some('(')) => out.push_str("] "),
            _ => out.push(c),
        }
    }
    out
}

/// The end of a text that was shortened.
pub(crate) const CUT: &str = "…";

/// [`neutralize_markup`] text of at most 400 characters.
pub fn for_message(text: &str) -> String {
    shortened(text, 400)
}

/// The text as the beginning of a sentence: with a capital letter, unless it begins with a name.
pub fn capitalized(text: &str) -> String {
    let word = text
        .split(' ')
        .next()
        .unwrap_or_default()
        .trim_end_matches([':', '.']);
    let is_name = word.contains(['/', '.', '-', ':', '_']);
    let mut characters = text.chars();
    match characters.next() {
        Some(first) if first.is_lowercase() && !is_name => {
            first.to_uppercase().chain(characters).collect()
        }
        Some(_) | None => text.to_owned(),
    }
}

/// [`neutralize_markup`] text of at most so many characters.
pub(crate) fn shortened(text: &str, longest: usize) -> String {
    let text = neutralize_markup(text);
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}{CUT}", &text[..end]),
        None => text,
    }
}

/// A value of a setting as a refusal may show it: a URL keeps its scheme, host and path only.
///
/// The value was refused, so it need not be a valid URL: a password may hold any character, and what looks like a
/// path or a query may still be a part of it. If this is ambiguous, more is hidden rather than less.
pub(crate) fn refused_value(value: &str) -> String {
    let (scheme, rest) = match value.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None if looks_like_url(value) => (String::new(), value),
        None => return value.to_owned(),
    };
    let place_end = rest.find(['?', '#']).unwrap_or(rest.len());
    let place = match rest.rfind('@') {
        None => rest[..place_end].to_owned(),
        Some(at) if at < place_end => format!("…{}", &rest[at..place_end]),
        Some(_) => return format!("{scheme}…"),
    };
    let left_out = if place_end < rest.len() { "?…" } else { "" };
    format!("{scheme}{place}{left_out}")
}

/// `user:password@host` or `host?token=…` without a scheme. A pinned image has its at sign before its colon.
fn looks_like_url(value: &str) -> bool {
    let has_after =
        |first, second| matches!(value.split_once(first), Some((_, rest)) if rest.contains(second));
    has_after(':', '@') || has_after('?', '=')
}

/// Control characters, and the characters that Unicode wants to be invisible (`Default_Ignorable_Code_Point`).
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
                | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentence_begins_with_a_capital_letter_or_a_name() {
        for (text, sentence) in [
            ("source registry: é", "Source registry: é"),
            ("églises", "Églises"),
            ("", ""),
            ("app:1.0: no", "app:1.0: no"),
            ("warning: no", "Warning: no"),
            ("rw-cli cannot", "rw-cli cannot"),
        ] {
            assert_eq!(capitalized(text), sentence);
        }
    }

    #[test]
    fn control_characters_are_removed_and_long_text_is_cut() {
        assert_eq!(for_message("a\u{1b}[31m\r\n  b\u{202e}c"), "a [31m b c");
        assert_eq!(for_message(&"x".repeat(1000)).chars().count(), 401);
        assert_eq!(
            neutralize_markup("a\u{ad}b\u{e0041}c\u{9b}31m"),
            "a b c 31m"
        );
    }

    #[test]
    fn html_and_links_are_neutralized() {
        assert_eq!(
            neutralize_markup("<img src=x> </p> <!-- <1 a<b [x](javascript:y) ![](z)"),
            "‹img src=x> ‹/p> ‹!-- <1 a‹b [x] (javascript:y) ![] (z)"
        );
    }

    #[test]
    fn values_of_signed_urls_are_hidden_once() {
        for (text, shown) in [
            (
                "GET https://x.blob.core.windows.net/a?sv=2021-08-06&se=2026-01-01T00%3A00%3A00Z&sp=r&sig=aB%2Bc%3D failed",
                "GET https://x.blob.core.windows.net/a?sv=…&se=…&sp=…&sig=… failed",
            ),
            (
                "blob /a?X-Amz-Signature=abc&X-Amz-Credential=AKIA/x, try later",
                "blob /a?X-Amz-Signature=…&X-Amz-Credential=… try later",
            ),
            (
                r#"{"url":"/a?se=1\u0026sig\u003dabc"}"#,
                r#"{"url":"/a?se=…\u0026sig\u003d…"}"#,
            ),
            (
                "https%3A%2F%2Fx%2Fa%3Fsig%3Dabc",
                "https%3A%2F%2Fx%2Fa%3Fsig%3D…",
            ),
            ("a?sv=1&amp;sig=abc", "a?sv=…&amp;sig=…"),
            ("cut: sp=rl sig=abc", "cut: sp=… sig=…"),
            (
                "it failed (GET https://x/a?t=…: 400 Bad Request), (GET https://x/a?sig=…)",
                "it failed (GET https://x/a?t=…: 400 Bad Request), (GET https://x/a?sig=…)",
            ),
            ("a?t=…abc) sig=…:abc", "a?t=… sig=…"),
            ("https://user:pw@host/a", "https://…@host/a"),
            (
                "/registries?api-version=2023-07-01&n=5",
                "/registries?api-version=2023-07-01&n=5",
            ),
            ("x@sha256:12 is a<1, USE=1", "x@sha256:12 is a<1, USE=1"),
        ] {
            assert_eq!(neutralize_markup(text), shown);
        }
    }

    #[test]
    fn url_keeps_scheme_host_and_path_only() {
        for (value, text) in [
            ("https://charts.example/x", "https://charts.example/x"),
            ("oci://user:pw@host/x", "oci://…@host/x"),
            ("https://token@host:8443/x", "https://…@host:8443/x"),
            ("https://host/x?token=hush", "https://host/x?…"),
            ("https://host/x#hush", "https://host/x?…"),
            ("https://user:p/w?d@host/x", "https://…"),
            ("https://host/x?to=a@b", "https://…"),
            ("https://user:p@w@host/x?y", "https://…@host/x?…"),
            ("user:pw@host/x", "…@host/x"),
            ("user:pw@host/x?token=hush", "…@host/x?…"),
            ("host/x?token=hush", "host/x?…"),
            ("a@sha256:123", "a@sha256:123"),
            ("./folder/chart.tgz", "./folder/chart.tgz"),
            ("feature/x?", "feature/x?"),
        ] {
            assert_eq!(refused_value(value), text, "{value}");
        }
    }
}
