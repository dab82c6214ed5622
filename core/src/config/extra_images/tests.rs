use super::*;

fn inline(text: &str) -> Result<Vec<ExtraImage>, Vec<String>> {
    parse(&GivenText {
        text: text.to_owned(),
        file: None,
    })
}

/// `source as destination: rule`
fn shown(text: &str) -> Vec<String> {
    let images = inline(text).unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"));
    let show = |image: &ExtraImage| {
        let rule = match &image.wanted {
            ExtraWanted::Exact { tag, digest } => {
                let tag = tag.as_ref().map(|tag| format!(":{tag}"));
                let digest = digest.as_ref().map(|digest| format!("@{}", digest.short()));
                format!("{}{}", tag.unwrap_or_default(), digest.unwrap_or_default())
            }
            ExtraWanted::Rule(TagRule::Highest(highest)) => {
                let minimum = highest.minimum.map(|minimum| format!(" of {minimum}"));
                format!("highest {highest}{}", minimum.unwrap_or_default())
            }
            ExtraWanted::Rule(rule) => rule.to_string(),
        };
        format!("{} as {}: {rule}", image.source, image.destination)
    };
    images.iter().map(show).collect()
}

#[test]
fn references_are_separated_by_commas_and_white_space() {
    let digest = Digest::sha256(b"");
    assert_eq!(
        shown(&format!(
            "ghcr.io/a/b:1.2, quay.io/c/d@{digest}\n nginx:1.27,\tlocalhost:5000/x:1@{digest}"
        )),
        [
            "ghcr.io/a/b as b: :1.2".to_owned(),
            format!("quay.io/c/d as d: @{}", digest.short()),
            "docker.io/library/nginx as nginx: :1.27".to_owned(),
            format!("localhost:5000/x as x: :1@{}", digest.short()),
        ]
    );
}

#[test]
fn every_rule_is_read_from_yaml_and_json() {
    let yaml = "\
# the images of the team
- source: ghcr.io/a/b
  destination: mirror/name
  tag: 1.10
- {source: a/c, follow: main-latest}
- source: quay.io/x/y
  semver: '>=1.2, <2'
  minimum: 3
- source: quay.io/x/y
  destination: /z/
  newest: true
- source: quay.io/x/w
  matching: ^v[0-9.]+$
  semver: ~1
- ghcr.io/a/d:7
";
    assert_eq!(
        shown(yaml),
        [
            "ghcr.io/a/b as mirror/name: :1.10",
            "docker.io/a/c as c: tag with the content of main-latest",
            "quay.io/x/y as y: highest version within >=1.2, <2 of 3",
            "quay.io/x/y as z: highest version",
            "quay.io/x/w as w: highest version within ~1 that matches ^v[0-9.]+$",
            "ghcr.io/a/d as d: :7",
        ]
    );
    // As an environment passes it, and the same in JSON.
    assert_eq!(shown("\n  - source: a/b\n    tag: x\n").len(), 1);
    assert_eq!(shown(r#"[{"source": "a/b", "tag": "1.0"}]"#).len(), 1);
}

#[test]
fn mistake_names_the_entry_and_its_key() {
    let one = |entry: &str| format!("- a/b:1\n- {{source: c/d, {entry}}}");
    for (text, part) in [
        (
            one("sorce: 1, tag: 1"),
            "unknown key \"sorce\"; perhaps \"source\"",
        ),
        (one("tag: 1, newest: true"), "two rules"),
        (one("follow: latest, semver: 1"), "two rules"),
        (one("newest: true, matching: x"), "two rules"),
        (one("newest: false"), "no rule"),
        (one("newest: maybe"), "newest: it must be true or false"),
        (one("semver: new"), "semver \"new\": it must be a range"),
        (one("matching: '('"), "matching \"(\": it must be a regular"),
        (one("tag: a b"), "tag \"a b\""),
        (one("digest: sha256:1"), "digest \"sha256:1\""),
        (one("follow: x, minimum: 2"), "minimum needs"),
        (one("newest: true, minimum: 0"), "minimum \"0\""),
        (one("tag: 1, destination: A"), "destination \"A\""),
        (one("tag: 1, destination: x:1"), "without registry, tag"),
        (one("tag: 1, destination: b"), "as entry 1"),
        ("- a/b:1\n- c/d".to_owned(), "no rule for its tag"),
        ("- a/b:1\n- {tag: 1}".to_owned(), "no source"),
        (
            "a/b:1 c/d:1:2".to_owned(),
            "\"c/d:1:2\" is not the name of an image",
        ),
        (
            "a/b:1 x/b:1".to_owned(),
            "same destination b and tag as entry 1",
        ),
        (
            "- a/b:1\n- {source: a/b:1, tag: 2}".to_owned(),
            "its source has a tag",
        ),
    ] {
        let mistakes = inline(&text).unwrap_err();
        let found = mistakes
            .iter()
            .any(|mistake| mistake.starts_with("entry 2: ") && mistake.contains(part));
        assert!(found, "{text}: {mistakes:?}");
    }
    let rule = "source: a/b, semver: 1";
    let twice = format!("- {{{rule}}}\n- {{{rule}}}");
    assert!(inline(&twice).unwrap_err()[0].contains("as entry 1"));
    for text in ["[]", "- a/b:1\n- - x", "images: []", "{}", "# nothing"] {
        assert!(inline(text).is_err(), "{text}");
    }
}

#[test]
fn secret_in_an_address_is_not_shown() {
    for text in [
        "https://me:hush@ghcr.io/a/b:1",
        "- source: https://me:hush@x/a",
    ] {
        let mistakes = inline(text).unwrap_err().concat();
        assert!(!mistakes.contains("hush"), "{mistakes}");
    }
}

#[test]
fn number_of_entries_is_limited() {
    let many = |count: usize| {
        let all = (0..count).map(|number| format!("ghcr.io/a/b{number}:1"));
        all.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(inline(&many(1_000)).unwrap().len(), 1_000);
    assert!(inline(&many(1_001)).unwrap_err()[0].contains("1000 entries"));
}
