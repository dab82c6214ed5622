//! Properties that hold for any input: the parser, the YAML reader and writer, and the merge of values.
//!
//! `tests/corpus/` contains seeds written by hand, `proptest-regressions/` the failures that proptest found.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Map, Value as Tree, json};

use crate::template::{parse, position};
use crate::value::{Text, Value, deep_equal, from_tree, to_tree};
use crate::values::Values;
use crate::yaml;

const LIMIT: usize = 1 << 20;

/// The files of a folder of the corpus.
fn corpus(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(folder);
    let files = std::fs::read_dir(folder).unwrap();
    files
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect()
}

/// Pieces of templates, valid and invalid.
fn template() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{{"),
        Just("}}"),
        Just("{{-"),
        Just("-}}"),
        Just(" "),
        Just("\n"),
        Just("if "),
        Just("else "),
        Just("end"),
        Just("range "),
        Just("with "),
        Just("define "),
        Just("\"a\""),
        Just("`b`"),
        Just("'c'"),
        Just("$"),
        Just("$x"),
        Just(":="),
        Just("="),
        Just(","),
        Just("|"),
        Just("("),
        Just(")"),
        Just("."),
        Just(".a.b"),
        Just("1"),
        Just("0x1"),
        Just("1e3"),
        Just("nil"),
        Just("true"),
        Just("len "),
        Just("/*"),
        Just("*/"),
        Just("é"),
        Just("break"),
        Just("template "),
        Just("block "),
        Just("\\"),
        Just("\""),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Any tree that YAML can express.
fn tree() -> impl Strategy<Value = Tree> {
    let text = prop_oneof![
        "[ -~\n\té日😀\u{2028}\u{feff}]{0,30}",
        "[a-z ]{80,200}",
        "(yes|no|on|y|n|~|null|true|0x1f|007|1e3|1_0|-|- a|\\?|: |a: b|#x|a #b|'q'|\\.inf|2001-01-01|12:30|<<|=|\\{|\\[|&a|\\*a|!t|\\||>|%|@|`)",
    ];
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::from),
        any::<i32>().prop_map(|number| Tree::from(f64::from(number))),
        any::<f64>().prop_filter_map("finite", |number| number
            .is_finite()
            .then(|| Tree::from(number))),
        text.prop_map(Tree::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Tree::from),
            proptest::collection::vec((key(), inner), 0..6)
                .prop_map(|entries| Tree::Object(entries.into_iter().collect())),
        ]
    })
}

/// Helm writes the key `<<` as it is, and reads it as YAML's merge key.
fn key() -> impl Strategy<Value = String> {
    "[ -~é\n]{0,12}".prop_filter("the merge key", |key| key != "<<")
}

/// `-0` loses its sign in YAML.
fn without_negative_zero(value: &Value) -> Value {
    match value {
        Value::Float(number) if *number == 0.0 => Value::Float(0.0),
        Value::List(list) => Value::list(list.items.iter().map(without_negative_zero).collect()),
        Value::Map(map) => {
            let entries: BTreeMap<Text, Value> = map
                .entries
                .borrow()
                .iter()
                .map(|(key, value)| (key.clone(), without_negative_zero(value)))
                .collect();
            Value::map(entries)
        }
        other => other.clone(),
    }
}

#[test]
fn the_corpus_is_parsed_without_a_panic() {
    for text in corpus("templates").into_iter().chain(corpus("yaml")) {
        for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            let _ = parse("t", &text[..end]);
            let _ = yaml::read(&text[..end]);
            let _ = yaml::read_documents(&text[..end]);
        }
    }
}

proptest! {
    #[test]
    fn parsing_ends_with_a_tree_or_a_place(text in template()) {
        if let Err(error) = parse("t", &text) {
            prop_assert!(error.offset <= text.len());
            let (line, column) = position(&text, error.offset);
            prop_assert!(line >= 1 && column >= 1);
        }
    }

    #[test]
    fn parsing_takes_any_text(text in any::<String>()) {
        let _ = parse("t", &text);
        let _ = yaml::read(&text);
    }

    #[test]
    fn text_without_actions_is_itself(text in "[^{]{0,100}") {
        let parsed = parse("t", &text).unwrap();
        prop_assert_eq!(parsed.len(), 1);
    }

    #[test]
    fn yaml_reads_what_it_writes(tree in tree()) {
        let value = from_tree(&tree);
        let bytes = yaml::write(&value, LIMIT);
        prop_assume!(bytes.is_ok());
        let text = String::from_utf8(bytes.unwrap()).unwrap();
        let back = yaml::read(&text);
        prop_assert!(back.is_ok(), "{:?}\n{}", back, text);
        prop_assert!(deep_equal(&without_negative_zero(&value), &without_negative_zero(&back.unwrap()), &mut 1_000_000), "{}", text);
    }

    #[test]
    fn pretty_yaml_reads_as_the_same(tree in tree()) {
        let value = from_tree(&tree);
        let bytes = yaml::write_pretty(&value, LIMIT);
        prop_assume!(bytes.is_ok());
        let text = String::from_utf8(bytes.unwrap()).unwrap();
        // The newer writer writes tabs into blocks, where the older reader refuses them.
        prop_assume!(!text.contains('\t'));
        let back = yaml::read(&text).unwrap();
        prop_assert!(deep_equal(&without_negative_zero(&value), &without_negative_zero(&back), &mut 1_000_000), "{}", text);
    }

    #[test]
    fn merging_keeps_what_only_one_side_has(left in tree(), right in tree()) {
        let mut values = Values::from_tree(left.clone());
        values.merge_tree(right.clone());
        let (empty, merged) = (Map::new(), values.tree().as_object().unwrap());
        let (left, right) = (left.as_object().unwrap_or(&empty), right.as_object().unwrap_or(&empty));
        for (key, value) in left {
            if !right.contains_key(key) {
                prop_assert_eq!(&merged[key], value);
            }
        }
        for (key, value) in right {
            if !value.is_object() || !left.get(key).is_some_and(Tree::is_object) {
                prop_assert_eq!(&merged[key], value);
            }
        }
        prop_assert_eq!(merged.len(), left.keys().chain(right.keys()).collect::<std::collections::BTreeSet<_>>().len());
    }

    #[test]
    fn merging_twice_changes_nothing(left in tree(), right in tree()) {
        let mut once = Values::from_tree(left);
        once.merge_tree(right.clone());
        let mut twice = once.clone();
        twice.merge_tree(right);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn setting_takes_any_text(text in "[a-c.=,\\[\\]{}0-9\\\\]{0,30}") {
        let _ = Values::new().set(&text);
        let _ = Values::new().set_string(&text);
    }

    #[test]
    fn trees_survive_as_values(tree in tree()) {
        prop_assert_eq!(to_tree(&from_tree(&tree)), tree);
    }
}

#[test]
fn setting_over_a_merge_wins() {
    let mut values = Values::from_tree(json!({"a": {"b": 1, "c": 2}}));
    values.merge_tree(json!({"a": {"b": {"d": 3}}}));
    values.set("a.b.d=4,a.e={x}").unwrap();
    assert_eq!(
        *values.tree(),
        json!({"a": {"b": {"d": 4}, "c": 2, "e": ["x"]}})
    );
}

/// Pieces of patterns; random combinations are often invalid.
fn pattern() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        "k",
        "α",
        r"\d",
        r"\W",
        r"\b",
        r"\B",
        ".",
        "^",
        "$",
        "[",
        "[^",
        "]",
        "-",
        "(",
        ")",
        "(?:",
        "(?i)",
        "(?-i)",
        "(?sm:",
        "(?U)",
        "|",
        "*",
        "+",
        "?",
        "{2}",
        "{1,3}",
        "{",
        "}",
        r"\Q",
        r"\E",
        r"\pL",
        r"\PN",
        r"\p{^Greek}",
        "[:alpha:]",
        "[:^digit:]",
        "&&",
        "~",
        "--",
        r"\-",
        r"\x41",
        r"\x{d800}",
        r"\101",
        r"\<",
        r"\_",
        "(?P<n>",
        "(?<1>",
        "#",
        " ",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..12)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    /// A pattern that Go accepts is translated to one that `regex` accepts.
    #[test]
    fn patterns_are_refused_or_compile(pattern in pattern()) {
        let compiled = crate::patterns::Pattern::compile(pattern.as_bytes());
        prop_assert!(
            !matches!(compiled, Err(crate::patterns::PatternError::Unsupported(_))),
            "{compiled:?}"
        );
    }
}
