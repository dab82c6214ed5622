use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::*;

/// Has every kind of character that some encoding treats specially.
const SECRET: &str = "p~W+d/\"8?\\é ü=&%41-9";

fn scrubbed(secret: &str, text: &str) -> String {
    let secrets = Secrets::default();
    secrets.learn(&secret.into());
    secrets.scrub(text)
}

#[track_caller]
fn is_hidden(secret: &str, form: &str) {
    let text = scrubbed(secret, &format!("before {form} after"));
    assert_eq!(text, "before *** after", "{form}");
}

fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[test]
fn exact_and_percent_encoded_secrets_are_hidden() {
    let upper = percent_encoded(SECRET);
    let every_byte: String = SECRET.bytes().map(|byte| format!("%{byte:02x}")).collect();
    is_hidden(SECRET, SECRET);
    is_hidden(SECRET, &upper);
    let lower = SECRET.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02x}"),
    });
    is_hidden(SECRET, &lower.collect::<String>());
    is_hidden(SECRET, &every_byte);
    is_hidden(SECRET, &percent_encoded(&upper));
    is_hidden(
        SECRET,
        &form_urlencoded::byte_serialize(SECRET.as_bytes()).collect::<String>(),
    );
}

#[test]
fn json_escaped_secrets_are_hidden() {
    let escaped = serde_json::to_string(SECRET).unwrap();
    let escaped = escaped.trim_matches('"');
    is_hidden(SECRET, escaped);
    is_hidden(SECRET, &escaped.replace('/', "\\/"));
    let units: String = SECRET
        .encode_utf16()
        .map(|unit| format!("\\u{unit:04X}"))
        .collect();
    is_hidden(SECRET, &units);
    let twice = serde_json::to_string(&escaped).unwrap();
    is_hidden(SECRET, twice.trim_matches('"'));
    let debug = format!("{SECRET:?}");
    is_hidden(SECRET, debug.trim_matches('"'));
    is_hidden("a\u{1F511}key", "a\\ud83d\\udd11key");
    is_hidden("a\u{1F511}key", "a\\u{1f511}key");
}

#[test]
fn secrets_that_a_line_break_or_an_invisible_character_breaks_are_hidden() {
    for mark in [
        "\n",
        "\r\n",
        "\t",
        " ",
        "\u{200b}",
        "\u{feff}",
        "\u{ad}",
        "\u{fe0f}",
        "\u{34f}",
        "\u{2028}",
        "\u{202e}",
        "\u{1b}",
        "\u{e0041}",
        "\u{3164}",
        "\\n",
        "\\u200b",
        "%0A",
        "%0d%0a",
        "%E2%80%8B",
    ] {
        is_hidden("hush-hush-word", &format!("hush-{mark}hush-{mark}word"));
        is_hidden("hush-hush-word", &format!("hush-hush-wor{mark}d"));
    }
    // The private key of a certificate has line breaks of its own.
    is_hidden("-----BEGIN\nabcd\nefgh\n", "-----BEGIN abcd efgh");
    is_hidden("-----BEGIN\nabcd\nefgh\n", "-----BEGIN\\nabcd\\nefgh");
}

#[test]
fn base64_of_a_secret_is_hidden_at_every_alignment() {
    for before in ["", "u", "us", "user:", "user:x"] {
        for after in ["", "!", "!!", " and more"] {
            let whole = format!("{before}{SECRET}{after}");
            for text in [
                STANDARD_NO_PAD.encode(&whole),
                URL_SAFE_NO_PAD.encode(&whole),
                percent_encoded(&STANDARD_NO_PAD.encode(&whole)),
                STANDARD_NO_PAD.encode(&whole).replace('/', "\\/"),
                broken(&STANDARD_NO_PAD.encode(&whole)),
            ] {
                let shown = scrubbed(SECRET, &format!("Basic {text}"));
                assert!(shown.contains("***"), "{shown}");
                // At most a byte of the secret is left on either side, and only in part.
                let left = shown.replace("Basic ", "").replace("***", "").len();
                let given = (before.len() + after.len()) * 4 / 3;
                assert!(left <= 3 * (given + 6), "{shown}");
            }
        }
    }
}

/// The text in lines of eight characters.
fn broken(text: &str) -> String {
    let lines: Vec<_> = text.as_bytes().chunks(8).collect();
    lines
        .iter()
        .map(|line| String::from_utf8_lossy(line))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_secret_inside_another_leaves_no_pieces() {
    let secrets = Secrets::default();
    secrets.learn(&"hush".into());
    secrets.learn(&"hush-hush".into());
    secrets.learn(&"hush-word".into());
    assert_eq!(secrets.scrub("x hush-hush-word y hush"), "x *** y ***");
}

#[test]
fn secret_that_was_cut_with_its_text_is_hidden() {
    for left in ["hush", "hush-hush", "hush-hush-wor"] {
        assert_eq!(
            scrubbed("hush-hush-word", &format!("x {left}… y")),
            "x ***… y"
        );
    }
    assert_eq!(scrubbed("hush-hush-word", "…hus… hush"), "…hus… hush");
    let text = crate::text::for_message(&format!("{} hush-hush-word", "x".repeat(394)));
    assert!(!scrubbed("hush-hush-word", &text).contains("hush"));
}

#[test]
fn short_secrets_and_other_texts_stay() {
    let secrets = Secrets::default();
    secrets.learn(&"a".into());
    secrets.learn(&" \n".into());
    let text = "a 100 % sure\\path %zz \\u12 \\u{zz} \\ud800 \u{200b}é";
    assert_eq!(secrets.scrub(text), text);
    secrets.learn(&"hush-hush".into());
    assert_eq!(secrets.scrub(text), text);
    assert_eq!(secrets.scrub("hush-hus"), "hush-hus");
}

proptest::proptest! {
    #[test]
    fn no_text_panics_and_no_secret_is_left(before in ".*", secret in "[!-~]{8,40}", after in ".*") {
        let shown = scrubbed(&secret, &format!("{before}{secret}{after}"));
        proptest::prop_assert!(shown.contains("***"));
        proptest::prop_assert!(!shown.contains(&secret));
    }
}
