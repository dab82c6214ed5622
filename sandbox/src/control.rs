//! The control interface on the proxy's own address.

use crate::message::{Request, Response};
use crate::proxy::Shared;

/// Where its paths begin.
pub const PREFIX: &str = "/sandbox/";

/// Answers a request to the control interface.
pub fn answer(_shared: &Shared, _request: &Request) -> Response {
    Response::empty(404)
}
