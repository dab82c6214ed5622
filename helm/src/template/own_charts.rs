//! Compares the constructs in the templates of the sandbox's charts with those of the published charts.

use std::collections::BTreeSet;
use std::path::Path;

use super::lexer::{TokenKind, tokenize};

// What `constructs` finds in the published charts (`runwhen-local` 0.6.7 with `opentelemetry-collector` 0.158.1).
const FUNCTIONS: &str = "and append concat contains deepCopy default dict divf empty eq fail float64 floor fromYaml \
    fromYamlArray get gt has hasKey hasSuffix include indent index int int64 join keys kindIs list lower merge \
    mergeOverwrite mulf mustMerge mustMergeOverwrite mustWithout nindent not or prepend print printf println quote \
    replace required semverCompare set sha256sum sortAlpha split ternary toString toYaml tpl trimSuffix trunc uniq unset";
const SYNTAX: &str = "$ $variable (pipeline).Field . , | := = `text` line-break 0.8 0x1p20 1e6 define else end false \
    if range template true with";
const OBJECTS: &str = ".Capabilities.APIVersions.Has .Capabilities.KubeVersion.GitVersion \
    .Capabilities.KubeVersion.Version .Chart.AppVersion .Chart.Name .Chart.Version .Release.Name .Release.Namespace \
    .Release.Service .Template.BasePath .Values";

/// The constructs in a template, with the names above.
fn constructs(template: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    // The fields that end here, if they are fields of `.` or `$`.
    let mut fields = Some(String::new());
    let mut previous = TokenKind::Text;
    for token in tokenize(template).unwrap() {
        if token.kind == TokenKind::Field {
            if previous == TokenKind::RightParenthesis {
                found.insert("(pipeline).Field".to_owned());
            }
            if let Some(fields) = &mut fields {
                fields.push_str(token.text);
                found.insert(fields.clone());
            }
        } else {
            let is_variable = token.kind == TokenKind::Variable && token.text != "$";
            let starts_fields = !is_variable && token.kind != TokenKind::RightParenthesis;
            fields = starts_fields.then(String::new);
            found.insert(match token.kind {
                TokenKind::Text | TokenKind::QuotedString => "text".to_owned(),
                TokenKind::Space if token.text.contains('\n') => "line-break".to_owned(),
                TokenKind::RawString => "`text`".to_owned(),
                _ if is_variable => "$variable".to_owned(),
                _ => token.text.to_owned(),
            });
        }
        previous = token.kind;
    }
    found
}

/// The constructs in the templates of a chart.
fn constructs_of(chart: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../sandbox/charts")
        .join(chart)
        .join("templates");
    let files = std::fs::read_dir(folder).unwrap();
    files
        .flat_map(|file| constructs(&std::fs::read_to_string(file.unwrap().path()).unwrap()))
        .collect()
}

#[test]
fn charts_of_the_sandbox_use_every_construct_of_the_published_charts() {
    let mut used = constructs_of("runwhen-local");
    used.extend(constructs_of("opentelemetry-collector"));
    let wanted = [FUNCTIONS, SYNTAX, OBJECTS].map(str::split_whitespace);
    let missing: Vec<&str> = wanted
        .into_iter()
        .flatten()
        .filter(|construct| !used.contains(*construct))
        .collect();
    assert!(missing.is_empty(), "not used: {missing:?}");
}

#[test]
fn constructs_in_texts_comments_and_other_maps_do_not_count() {
    let template = r#"keys {{/* uniq */}}{{ tpl "{{ join }}" $x.Values }}{{ (index .a 0).Chart }}"#;
    let found = constructs(template);
    for used in ["tpl", "index", "$variable", "(pipeline).Field", ".a"] {
        assert!(found.contains(used), "{used} is not in {found:?}");
    }
    for text in ["keys", "uniq", "join", ".Values", ".Chart"] {
        assert!(!found.contains(text), "{text} is in {found:?}");
    }
}
