//! Texts of a chart without the values that the user gives: `fail`, `required` and a schema may repeat them, and so may a text
//! in the place of an image.

use std::collections::BTreeSet;

use secrecy::SecretString;
use serde_json::Value as Tree;

use super::ChartRequest;
use crate::text::CUT;
use crate::wire::Secrets;

/// From this length on, in bytes, a text is hidden wherever it occurs, also encoded.
const ANYWHERE: usize = 8;
/// From this length on, a text is hidden where it is a whole word. A shorter one occurs in other words, and is not a secret.
const AS_WORD: usize = 4;
/// With more texts the reason is not shown, because the search would take long.
const MOST_TEXTS: usize = 5_000;
/// A message is searched up to here, in characters, and shown up to fewer.
const LONGEST_MESSAGE: usize = 2_000;

impl ChartRequest {
    /// The message of an error. The place in the chart, at its beginning, stays as it is.
    pub(crate) fn message(&self, error: &helm::Error) -> String {
        let message = error.to_string();
        let place = match error {
            helm::Error::Template { place, .. } | helm::Error::Parse(place, _) => place.to_string(),
            _ => String::new(),
        };
        let reason = message.strip_prefix(&place).unwrap_or(&message);
        let too_many = ": the reason is not shown, because it may contain one of the many values";
        format!("{place}{}", without_values(reason, &self.values, too_many))
    }

    /// The text with `***` in the place of each value.
    pub(crate) fn without_values(&self, text: &str) -> String {
        let too_many = "a text that may contain one of the many values";
        without_values(text, &self.values, too_many)
    }
}

/// The text, or `too_many` if there are too many values.
fn without_values(text: &str, values: &helm::Values, too_many: &str) -> String {
    let mut texts = BTreeSet::new();
    collect(values.tree(), &mut texts);
    if texts.len() > MOST_TEXTS {
        return too_many.to_owned();
    }
    let text = match text.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}{CUT}", &text[..end]),
        None => text.to_owned(),
    };
    let (long, short): (Vec<_>, Vec<_>) =
        texts.into_iter().partition(|text| text.len() >= ANYWHERE);
    let secrets = Secrets::default();
    for text in long {
        secrets.learn(&SecretString::from(text));
    }
    short
        .iter()
        .fold(secrets.scrub(&text), |text, word| without_word(&text, word))
}

fn collect(tree: &Tree, texts: &mut BTreeSet<String>) {
    match tree {
        Tree::String(text) => collect_text(text, texts),
        Tree::Number(number) => collect_number(number, texts),
        Tree::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Tree::Object(entries) => entries.values().for_each(|value| collect(value, texts)),
        Tree::Null | Tree::Bool(_) => {}
    }
}

/// The text, its lines, and the words that YAML or a template makes of it: `*word` is an alias, `{{word}}` a function.
fn collect_text(text: &str, texts: &mut BTreeSet<String>) {
    let is_mark = |c: char| c.is_whitespace() || "{}[]()<>*&!|,:;'\"`@%#?$".contains(c);
    let is_prose = text.trim().contains(char::is_whitespace);
    let shortest_word = if is_prose { ANYWHERE } else { AS_WORD };
    let words = text.split(is_mark);
    let words = words.filter(|word| word.len() >= shortest_word);
    let whole = std::iter::once(text).chain(text.lines()).map(str::trim);
    let whole = whole.filter(|line| line.len() >= AS_WORD);
    texts.extend(whole.chain(words).map(ToOwned::to_owned));
}

/// A long number as it is given, and as templates print it: `1.2345678e+07`.
fn collect_number(number: &serde_json::Number, texts: &mut BTreeSet<String>) {
    let value = number.as_f64().unwrap_or_default();
    let digits = format!("{value:.0}");
    if digits.len() < ANYWHERE {
        return;
    }
    if let Some((mantissa, exponent)) = format!("{value:e}").split_once('e') {
        texts.insert(format!("{mantissa}e+{exponent:0>2}"));
    }
    texts.extend([number.to_string(), digits]);
}

/// The text without this word.
fn without_word(text: &str, word: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (start, _) in text.match_indices(word) {
        let end = start + word.len();
        let is_part = text[..start].ends_with(char::is_alphanumeric)
            || text[end..].starts_with(char::is_alphanumeric);
        if !is_part {
            out.push_str(&text[done..start]);
            out.push_str("***");
            done = end;
        }
    }
    out.push_str(&text[done..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message of a template that fails with this text.
    fn shown(values: Tree, problem: &str) -> String {
        let mut given = helm::Values::new();
        given.merge_tree(values);
        without_values(problem, &given, "the reason is not shown")
    }

    #[test]
    fn values_are_hidden_in_every_form_and_words_that_contain_a_short_one_stay() {
        let values = serde_json::json!({
            "a": "correct horse", "b": ["hunter2"], "c": {"d": "*alias-5f3a"}, "pin": 12_345_678.0,
            "text": "first: swordfish-1\nsecond: line of words\n", "e": "prod", "f": "a\"quoted\"b",
        });
        for (problem, expected) in [
            ("x correct horse y", "x *** y"),
            ("x Y29ycmVjdCBob3JzZQ y", "x ***Q y"),
            ("x correct%20horse y", "x *** y"),
            ("password hunter2 is short", "password *** is short"),
            ("unknown anchor 'alias-5f3a'", "unknown anchor '***'"),
            ("got 1.2345678e+07, or 12345678", "got ***, or ***"),
            ("swordfish-1", "***"),
            ("got second: line of words!", "got ***!"),
            (
                "not in production, only in prod",
                "not in production, only in ***",
            ),
            (r#"got "a\"quoted\"b""#, r#"got "***""#),
        ] {
            assert_eq!(shown(values.clone(), problem), expected, "{problem}");
        }
    }

    #[test]
    fn reason_is_not_shown_with_too_many_values() {
        let many: Vec<_> = (0..=MOST_TEXTS)
            .map(|number| format!("text-{number}"))
            .collect();
        let text = shown(serde_json::json!({"many": many}), "text-7");
        assert!(
            text.contains("is not shown") && !text.contains("text-7"),
            "{text}"
        );
    }
}
