//! Hides the parts of a value that a message must not contain.

/// Returns the value; of a URL only scheme, host and path.
///
/// The value may be an invalid URL: a password may contain any character, and a part that looks like a path or a query
/// may belong to the password. In such a case, too much is hidden rather than too little.
pub(crate) fn shown(value: &str) -> String {
    let (scheme, rest) = match value.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None if looks_like_url(value) => (String::new(), value),
        None => return value.to_owned(),
    };
    let place_end = rest.find(['?', '#']).unwrap_or(rest.len());
    let place = match rest.rfind('@') {
        None => rest[..place_end].to_owned(),
        Some(at) if at < place_end => format!("…{}", &rest[at..place_end]),
        Some(_) => return format!("{scheme}…"),
    };
    let left_out = if place_end < rest.len() { "?…" } else { "" };
    format!("{scheme}{place}{left_out}")
}

/// True for `user:password@host` and `host?token=…` without a scheme. A pinned image has its `@` before its colon.
fn looks_like_url(value: &str) -> bool {
    let has_after =
        |first, second| matches!(value.split_once(first), Some((_, rest)) if rest.contains(second));
    has_after(':', '@') || has_after('?', '=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_keeps_scheme_host_and_path_only() {
        for (value, text) in [
            ("https://charts.example/x", "https://charts.example/x"),
            ("oci://user:pw@host/x", "oci://…@host/x"),
            ("https://token@host:8443/x", "https://…@host:8443/x"),
            ("https://host/x?token=hush", "https://host/x?…"),
            ("https://host/x#hush", "https://host/x?…"),
            ("https://user:p/w?d@host/x", "https://…"),
            ("https://host/x?to=a@b", "https://…"),
            ("https://user:p@w@host/x?y", "https://…@host/x?…"),
            ("user:pw@host/x", "…@host/x"),
            ("user:pw@host/x?token=hush", "…@host/x?…"),
            ("host/x?token=hush", "host/x?…"),
            ("a@sha256:123", "a@sha256:123"),
            ("./folder/chart.tgz", "./folder/chart.tgz"),
            ("feature/x?", "feature/x?"),
        ] {
            assert_eq!(shown(value), text, "{value}");
        }
    }
}
