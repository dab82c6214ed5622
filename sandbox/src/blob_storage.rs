//! The storage hosts to which registries redirect for blobs: Azure Storage and content delivery networks.
//!
//! URLs are signed, and clients must not send the registry's token. A request with `Authorization` gets Azure Storage's
//! refusal, and the sandbox records a violation.

use crate::content::Digest;
use crate::message::{Request, Response};
use crate::token;
use crate::world::World;
use bytes::Bytes;

/// The path prefix of Google's redirect targets, which are on the registry's own host.
pub const SAME_HOST_PREFIX: &str = "/artifacts-downloads/";

/// The lifetime of a signed URL in seconds.
const LIFETIME: i64 = 1200;

/// Returns the signed URL of a blob on a storage host.
#[must_use]
pub fn signed_address(storage: &str, registry: &str, digest: &Digest, now: i64) -> String {
    let (hex, end) = (digest.hex(), now + LIFETIME);
    let container = Digest::of(registry.as_bytes());
    let container = &container.hex()[..32];
    let path = format!(
        "/{container}-000000/docker/registry/v2/blobs/sha256/{}/{hex}/data",
        &hex[..2]
    );
    let signature = token::signature(&format!("{storage}{path}{end}"));
    format!("https://{storage}{path}?se={end}&sig={signature}&sp=r&spr=https&sr=b&sv=2018-03-28")
}

/// Returns Google's signed URL of a blob on the registry's own host.
#[must_use]
pub fn same_host_address(host: &str, repository: &str, digest: &Digest) -> String {
    let signature = token::signature(&format!("{host}{digest}"));
    let mut parts = repository.splitn(3, '/');
    let (project, name) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    format!(
        "https://{host}{SAME_HOST_PREFIX}namespaces/{project}/repositories/{name}/downloads/{}?sig={signature}",
        digest.hex()
    )
}

/// Answers a request to a storage host, or to Google's downloads.
pub fn answer(world: &mut World, host: &str, ranges: bool, request: &Request) -> Response {
    let same_host = request.path.starts_with(SAME_HOST_PREFIX);
    if !same_host && request.header("authorization").is_some() {
        world.violations.push(format!(
            "Authorization was sent to the storage host {host}: {}",
            request.path
        ));
        return storage_error(
            400,
            "InvalidAuthenticationInfo",
            "Authentication information is not given in the correct format. Check the value of Authorization header.",
        );
    }
    let Some(digest) = digest_of(&request.path) else {
        return storage_error(404, "BlobNotFound", "The specified blob does not exist.");
    };
    let end: i64 = request
        .parameter("se")
        .and_then(|end| end.parse().ok())
        .unwrap_or_default();
    let signed = if same_host {
        format!("{host}{digest}")
    } else {
        format!("{host}{}{end}", request.path)
    };
    let is_signature_valid = request
        .parameter("sig")
        .is_some_and(|signature| signature == token::signature(&signed));
    if !is_signature_valid || (!same_host && end < world.now()) {
        return storage_error(
            403,
            "AuthenticationFailed",
            "Server failed to authenticate the request. Make sure the value of Authorization header is formed \
             correctly including the signature.",
        );
    }
    match world.store.get(&digest) {
        Some(bytes) => content(bytes, ranges, request),
        None => storage_error(404, "BlobNotFound", "The specified blob does not exist."),
    }
}

/// Returns a blob, or the part in the request's `Range` header (RFC 9110, section 14).
#[must_use]
pub fn content(bytes: Bytes, ranges: bool, request: &Request) -> Response {
    let length = bytes.len();
    let media_type = "application/octet-stream";
    if !ranges {
        return Response::new(200, media_type, bytes);
    }
    match request
        .header("range")
        .map(|range| parse_range(range, length))
    {
        None | Some(Range::Whole) => {
            Response::new(200, media_type, bytes).with("Accept-Ranges", "bytes")
        }
        Some(Range::Part(first, end)) => Response::new(206, media_type, bytes.slice(first..end))
            .with("Accept-Ranges", "bytes")
            .with(
                "Content-Range",
                format!("bytes {first}-{}/{length}", end - 1),
            ),
        Some(Range::Beyond) => {
            Response::empty(416).with("Content-Range", format!("bytes */{length}"))
        }
    }
}

/// A parsed `Range` header.
#[derive(Debug, PartialEq, Eq)]
enum Range {
    /// Not a supported range: the response contains the whole blob.
    Whole,
    /// From the first position to the position before the second.
    Part(usize, usize),
    /// After the end of the blob.
    Beyond,
}

fn parse_range(range: &str, length: usize) -> Range {
    let Some((first, last)) = range
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return Range::Whole;
    };
    match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), _) if first >= length => Range::Beyond,
        (Ok(first), Ok(last)) if last >= first => Range::Part(first, (last + 1).min(length)),
        (Ok(first), Err(_)) if last.is_empty() => Range::Part(first, length),
        (Err(_), Ok(suffix)) if first.is_empty() && suffix > 0 => {
            Range::Part(length.saturating_sub(suffix), length)
        }
        _ => Range::Whole,
    }
}

fn digest_of(path: &str) -> Option<Digest> {
    let hex = path.trim_end_matches("/data").rsplit('/').next()?;
    Digest::parse(&format!("sha256:{hex}"))
}

fn storage_error(status: u16, code: &str, message: &str) -> Response {
    let body = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    Response::new(status, "application/xml", body).with("x-ms-error-code", code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_headers_are_parsed_as_in_rfc_9110() {
        assert_eq!(parse_range("bytes=2-4", 10), Range::Part(2, 5));
        assert_eq!(parse_range("bytes=2-", 10), Range::Part(2, 10));
        assert_eq!(parse_range("bytes=-3", 10), Range::Part(7, 10));
        assert_eq!(parse_range("bytes=8-99", 10), Range::Part(8, 10));
        assert_eq!(parse_range("bytes=10-", 10), Range::Beyond);
        assert_eq!(parse_range("pages=1-2", 10), Range::Whole);
    }
}
