//! The error codes that services put in their bodies.

use serde_json::Value;

use crate::problem::printable;

/// `CODE: message` of an error body, in the three shapes that are met; none when it is something else.
///
/// - distribution specification: `{"errors":[{"code","message"}]}`
/// - Azure Resource Manager: `{"error":{"code","message"}}`
/// - Entra (OAuth 2, RFC 6749, section 5.2): `{"error","error_description"}`
pub(crate) fn service_error(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let (code, message) = if let Some(first) = body.pointer("/errors/0") {
        (text(&first["code"]), text(&first["message"]))
    } else if body["error"].is_object() {
        (
            text(&body["error"]["code"]),
            text(&body["error"]["message"]),
        )
    } else {
        (text(&body["error"]), text(&body["error_description"]))
    };
    match (code, message) {
        (Some(code), Some(message)) if !message.is_empty() => {
            Some(printable(&format!("{code}: {message}")))
        }
        (Some(one), _) | (None, Some(one)) => Some(printable(&one)),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::service_error;

    #[test]
    fn the_three_shapes_and_nothing_else() {
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
