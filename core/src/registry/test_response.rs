//! A response for the unit tests of this module.

use bytes::Bytes;
use reqwest::StatusCode;
use url::Url;

use crate::problem::Side;
use crate::wire::Response;

/// A registry's response with this body.
pub(super) fn response(body: &str) -> Response {
    Response {
        side: Side::Source,
        method: reqwest::Method::GET,
        url: Url::parse("https://registry.example/v2/r/tags/list").unwrap(),
        status: StatusCode::OK,
        headers: reqwest::header::HeaderMap::new(),
        body: Bytes::from(body.to_owned()),
        secrets: crate::wire::Secrets::default(),
    }
}
