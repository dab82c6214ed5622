//! The `Link` header (RFC 8288): the next page of a list.

use url::Url;

use crate::problem::Problem;
use crate::wire::{Response, same_origin};

/// The next page, which must be on the same registry.
///
/// # Errors
/// If it is on another host.
pub(super) fn next_page(response: &Response) -> Result<Option<Url>, Problem> {
    // A header may come several times, which means the same as one with commas.
    let links = response.headers.get_all("link").iter();
    let mut texts = links.filter_map(|value| value.to_str().ok());
    let Some(target) = texts.find_map(next_link) else {
        return Ok(None);
    };
    let url = response
        .url
        .join(target)
        .map_err(|error| response.invalid(format!("the Link is not a URL: {error}")))?;
    if same_origin(&url, &response.url) {
        Ok(Some(url))
    } else {
        Err(response.invalid("the Link to the next page leaves the registry"))
    }
}

/// The target of the link whose relation is `next`.
pub(super) fn next_link(header: &str) -> Option<&str> {
    let mut rest = header;
    loop {
        let link = rest.trim_start_matches([' ', '\t', ',']);
        let (target, behind) = link.strip_prefix('<')?.split_once('>')?;
        let (parameters, following) = split_unquoted(behind, b',');
        if is_next(parameters) {
            return Some(target);
        }
        rest = following;
    }
}

/// True if these parameters contain `rel=next`. Of several `rel` only the first is read (section 3.3).
fn is_next(parameters: &str) -> bool {
    let mut rest = parameters;
    while !rest.is_empty() {
        let (parameter, following) = split_unquoted(rest, b';');
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if name.trim().eq_ignore_ascii_case("rel") {
            let relations = value.trim().trim_matches('"').split_ascii_whitespace();
            return { relations }.any(|relation| relation.eq_ignore_ascii_case("next"));
        }
        rest = following;
    }
    false
}

/// Splits at the first separator outside of quotes.
fn split_unquoted(text: &str, separator: u8) -> (&str, &str) {
    let (mut quoted, mut escaped) = (false, false);
    for (position, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if byte == separator && !quoted => {
                return (&text[..position], &text[position + 1..]);
            }
            _ => {}
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::next_link;

    #[test]
    fn next_link_of_real_registries_is_found() {
        for (header, target) in [
            (
                "</v2/r/tags/list?last=b&n=2>; rel=\"next\"",
                "/v2/r/tags/list?last=b&n=2",
            ),
            ("</a>; rel=prev,</b>; rel=next", "/b"),
            ("</a>; rel=prev, </b>; rel=next", "/b"),
            (
                "</a>; title=\"x, <y>; rel=next\", </b>;REL=\"last NEXT\"",
                "/b",
            ),
            ("</a,b>;rel=next", "/a,b"),
        ] {
            assert_eq!(next_link(header), Some(target), "{header}");
        }
        for none in [
            "",
            "</a>",
            "<",
            "</a>; rel=\"last\"",
            "garbage",
            "garbage </a>; rel=next",
            "</a>; rel=\"last\"; rel=\"next\"",
            "</a>; title=\"; rel=next",
        ] {
            assert_eq!(next_link(none), None, "{none}");
        }
    }
}
