//! The forms in which the output of a run may contain a secret, independent of the code of the program.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// A secret in each form in which a service could repeat it.
pub fn forms_of(secret: &str) -> Vec<String> {
    let escaped = |keep_case: bool| -> String {
        let byte = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ if keep_case => format!("%{byte:02X}"),
            _ => format!("%{byte:02x}"),
        };
        secret.bytes().map(byte).collect()
    };
    let json = serde_json::to_string(secret).expect("JSON");
    let middle = secret.char_indices().nth(secret.chars().count() / 2);
    let (first, second) = secret.split_at(middle.map_or(0, |(at, _)| at));
    let mut forms = vec![
        secret.to_owned(),
        escaped(true),
        escaped(false),
        secret.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        json[1..json.len() - 1].to_owned(),
        json[1..json.len() - 1].replace('/', "\\/"),
        format!("{first}\r\n{second}"),
        format!("{first}\u{200b}{second}"),
        format!("{first}\u{ad}{second}"),
    ];
    for before in ["", "u", "us"] {
        forms.push(STANDARD.encode(format!("{before}{secret}")));
        forms.push(URL_SAFE.encode(format!("{before}{secret}")));
    }
    forms
}

/// The part of each form that reveals the secret, to search for in a text without white space.
pub fn traces_of(secret: &str) -> Vec<String> {
    let mut traces: Vec<_> = forms_of(secret)[..6]
        .iter()
        .map(|form| squeezed(form))
        .collect();
    for (before, first) in [("", 0), ("u", 2), ("us", 3)] {
        let bytes = format!("{before}{secret}");
        let last = bytes.len() * 8 / 6;
        traces.push(STANDARD.encode(&bytes)[first..last].to_owned());
        traces.push(URL_SAFE.encode(&bytes)[first..last].to_owned());
    }
    traces.retain(|trace| trace.len() > 5);
    traces.sort();
    traces.dedup();
    traces
}

/// The visible ASCII characters of a text.
pub fn squeezed(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).collect()
}
