//! HTTP requests and responses as values: what the services of the sandbox take and give.
//!
//! Services are plain functions from a [`Request`] to a [`Response`]; reading and writing them on a connection is in
//! `http1.rs`, and damaging them on the way in `delivery.rs`.

use bytes::Bytes;
use serde_json::Value;

/// One HTTP request, completely read.
#[derive(Debug, Clone)]
pub struct Request {
    /// Upper-case method.
    pub method: String,
    /// The path as it came, still percent-encoded.
    pub path: String,
    /// The query as it came, without the question mark; empty when there was none.
    pub query: String,
    /// The headers in their order, names as they came.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
}

impl Request {
    /// The first header of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The first query parameter of this name, decoded.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        first(self.query.as_bytes(), name)
    }

    /// The first field of this name in a form body, decoded.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<String> {
        first(&self.body, name)
    }

    /// Every value of a field in the form body and of a parameter in the query, in this order.
    #[must_use]
    pub fn every(&self, name: &str) -> Vec<String> {
        let body = form_urlencoded::parse(&self.body);
        let query = form_urlencoded::parse(self.query.as_bytes());
        body.chain(query)
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .collect()
    }

    /// The path's segments, percent-decoded, without the empty one before the first slash.
    #[must_use]
    pub fn segments(&self) -> Vec<String> {
        self.path
            .trim_start_matches('/')
            .split('/')
            .map(percent_decode)
            .collect()
    }

    /// User and password of an `Authorization: Basic` header.
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

    /// The token of an `Authorization: Bearer` header.
    #[must_use]
    pub fn bearer_token(&self) -> Option<&str> {
        scheme(self.header("authorization")?, "bearer").map(str::trim)
    }
}

/// One HTTP response; `Content-Length` and `Date` are added when it is written.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers, in the order in which they are written.
    pub headers: Vec<(String, String)>,
    /// The whole body; not sent in answer to HEAD, but its length is.
    pub body: Bytes,
}

impl Response {
    /// A response without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// A response with a body of this media type.
    #[must_use]
    pub fn new(status: u16, media_type: &str, body: impl Into<Bytes>) -> Self {
        Self::empty(status)
            .with("Content-Type", media_type)
            .with_body(body)
    }

    /// A JSON response.
    #[must_use]
    pub fn json(status: u16, value: &Value) -> Self {
        Self::new(status, "application/json; charset=utf-8", value.to_string())
    }

    /// A distribution-API error: `{"errors":[{"code","message","detail"}]}` (OCI distribution specification, error codes).
    #[must_use]
    pub fn registry_error(status: u16, code: &str, message: &str, detail: Value) -> Self {
        let mut error = serde_json::json!({"code": code, "message": message});
        if !detail.is_null() {
            error["detail"] = detail;
        }
        Self::json(status, &serde_json::json!({"errors": [error]}))
    }

    /// The same response with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The same response with this body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The first header of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Takes every header of this name away.
    pub fn remove_header(&mut self, name: &str) {
        self.headers
            .retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    }
}

/// Percent-decodes a path segment; what is not an escape stays as it is (a plus sign too).
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
    fn escapes_in_paths_are_decoded_and_everything_else_is_left_alone() {
        assert_eq!(percent_decode("runwhen%2Fimage"), "runwhen/image");
        assert_eq!(percent_decode("a+b%zz%"), "a+b%zz%");
    }

    #[test]
    fn a_parameter_may_be_given_several_times() {
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
