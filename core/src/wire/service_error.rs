//! The error codes that services put in their bodies.

use serde_json::Value;

use crate::text::strip_control;

/// `CODE: message` of an error body, in one of three shapes. None for any other body.
///
/// - distribution specification: `{"errors":[{"code","message"}]}`
/// - Azure Resource Manager: `{"error":{"code","message","details":[…],"innererror":{…}}}`, each detail has the same shape
/// - Entra (OAuth 2, RFC 6749, section 5.2): `{"error","error_description"}`
pub(crate) fn service_error(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    if let Some(first) = body.pointer("/errors/0") {
        one_text(text(&first["code"]), text(&first["message"]))
    } else if body["error"].is_object() {
        let mut texts = Vec::new();
        with_details(&body["error"], DEEPEST, &mut texts);
        (!texts.is_empty()).then(|| texts.join("; "))
    } else {
        one_text(text(&body["error"]), text(&body["error_description"]))
    }
}

/// Levels of nested errors that are read.
const DEEPEST: usize = 5;
/// Nested errors that are shown.
const MOST: usize = 10;

/// Collects an error of Azure Resource Manager and the errors nested in it. The cause is usually the innermost.
fn with_details(error: &Value, levels: usize, texts: &mut Vec<String>) {
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let own = one_text(text(&error["code"]), text(&error["message"]));
    // A parent often repeats the text of its only child.
    if let Some(own) = own.filter(|own| !texts.iter().any(|known| known.contains(own))) {
        texts.push(own);
    }
    let details = error["details"].as_array().into_iter().flatten();
    for nested in details.chain([&error["innererror"]]) {
        if levels > 0 && texts.len() < MOST {
            with_details(nested, levels - 1, texts);
        }
    }
}

fn one_text(code: Option<String>, message: Option<String>) -> Option<String> {
    let is_filled = |text: &String| !text.is_empty();
    match (code.filter(is_filled), message.filter(is_filled)) {
        (Some(code), Some(message)) => Some(strip_control(&format!("{code}: {message}"))),
        (Some(one), None) | (None, Some(one)) => Some(strip_control(&one)),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::service_error;

    #[test]
    fn only_the_three_shapes_are_read() {
        for (body, text) in [
            (
                r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no"}]}"#,
                Some("MANIFEST_UNKNOWN: no"),
            ),
            (
                r#"{"error":{"code":"AuthorizationFailed","message":"no"}}"#,
                Some("AuthorizationFailed: no"),
            ),
            (
                r#"{"error":{"code":"Failed","message":"it failed","details":[{"code":"A","message":"a",
                    "details":[{"code":"B","message":"b"}]},{"code":"A","message":"a"}],"innererror":{"code":"C"}}}"#,
                Some("Failed: it failed; A: a; B: b; C"),
            ),
            (
                r#"{"error":{"code":"","message":"","details":[{"message":"only here"}]}}"#,
                Some("only here"),
            ),
            (
                r#"{"error":"invalid_client","error_description":"AADSTS7000215: no"}"#,
                Some("invalid_client: AADSTS7000215: no"),
            ),
            (r#"{"error":"invalid_client"}"#, Some("invalid_client")),
            ("<html>", None),
            ("[]", None),
            (r#"{"errors":[]}"#, None),
        ] {
            assert_eq!(service_error(body.as_bytes()).as_deref(), text, "{body}");
        }
    }
}
