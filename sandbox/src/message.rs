//! HTTP requests and responses as values.
//!
//! Services are functions from a [`Request`] to a [`Response`]. Requests are read in `http1.rs`, responses are sent in
//! `delivery.rs`.

use bytes::Bytes;
use serde_json::Value;

/// An HTTP request with its body.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method in upper case.
    pub method: String,
    /// The path, still percent-encoded.
    pub path: String,
    /// The query without the question mark, still encoded; empty for a request without a query.
    pub query: String,
    /// The headers in their order, with unchanged names.
    pub headers: Vec<(String, String)>,
    /// The complete body.
    pub body: Bytes,
}

impl Request {
    /// Returns the first header with this name; ignores case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Returns the first query parameter with this name, decoded.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        first(self.query.as_bytes(), name)
    }

    /// Returns the first form field with this name in the body, decoded.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<String> {
        first(&self.body, name)
    }

    /// Returns all values with this name, first those in the form body, then those in the query.
    #[must_use]
    pub fn every(&self, name: &str) -> Vec<String> {
        let body = form_urlencoded::parse(&self.body);
        let query = form_urlencoded::parse(self.query.as_bytes());
        body.chain(query)
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .collect()
    }

    /// Returns the segments of the path, percent-decoded, without the empty one before the first slash.
    #[must_use]
    pub fn segments(&self) -> Vec<String> {
        self.path
            .trim_start_matches('/')
            .split('/')
            .map(percent_decode)
            .collect()
    }

    /// Returns user and password of an `Authorization: Basic` header.
    #[must_use]
    pub fn basic_credentials(&self) -> Option<(String, String)> {
        use base64::Engine;
        let encoded = scheme(self.header("authorization")?, "basic")?;
        let decoded = base64::engine::general_purpose::STANDARD
            .decode(encoded.trim())
            .ok()?;
        let text = String::from_utf8(decoded).ok()?;
        let (user, password) = text.split_once(':')?;
        Some((user.to_owned(), password.to_owned()))
    }

    /// Returns the token of an `Authorization: Bearer` header.
    #[must_use]
    pub fn bearer_token(&self) -> Option<&str> {
        scheme(self.header("authorization")?, "bearer").map(str::trim)
    }
}

/// An HTTP response. `Content-Length` and `Date` are added when it is sent.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers in the order in which they are sent.
    pub headers: Vec<(String, String)>,
    /// The complete body. The response to HEAD has only its length.
    pub body: Bytes,
}

impl Response {
    /// Returns a response without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// Returns a response with a body of this media type.
    #[must_use]
    pub fn new(status: u16, media_type: &str, body: impl Into<Bytes>) -> Self {
        Self::empty(status)
            .with("Content-Type", media_type)
            .with_body(body)
    }

    /// Returns a JSON response.
    #[must_use]
    pub fn json(status: u16, value: &Value) -> Self {
        Self::new(status, "application/json; charset=utf-8", value.to_string())
    }

    /// Returns an error of the distribution API: `{"errors":[{"code","message","detail"}]}` (OCI distribution specification, error codes).
    #[must_use]
    pub fn registry_error(status: u16, code: &str, message: &str, detail: Value) -> Self {
        let mut error = serde_json::json!({"code": code, "message": message});
        if !detail.is_null() {
            error["detail"] = detail;
        }
        Self::json(status, &serde_json::json!({"errors": [error]}))
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Replaces the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Returns the first header with this name; ignores case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Removes all headers with this name.
    pub fn remove_header(&mut self, name: &str) {
        self.headers
            .retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    }
}

/// Percent-decodes a path segment. Invalid escapes and plus signs do not change.
#[must_use]
pub fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten();
        match escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

fn first(form: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(form)
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

fn scheme<'a>(authorization: &'a str, name: &str) -> Option<&'a str> {
    let (scheme, rest) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case(name).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_escapes_are_decoded_and_other_text_is_unchanged() {
        assert_eq!(percent_decode("runwhen%2Fimage"), "runwhen/image");
        assert_eq!(percent_decode("a+b%zz%"), "a+b%zz%");
    }

    #[test]
    fn every_returns_repeated_values() {
        let request = Request {
            method: "POST".into(),
            path: "/oauth2/token".into(),
            query: "scope=three".into(),
            headers: Vec::new(),
            body: Bytes::from_static(b"scope=one&service=x&scope=two"),
        };
        assert_eq!(request.every("scope"), ["one", "two", "three"]);
    }
}
