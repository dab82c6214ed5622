//! URLs as messages may show them.

use url::Url;

use crate::text::PUBLIC_PARAMETERS;

/// The URL without user, password, fragment and the values of unknown query parameters.
pub fn redacted(url: &Url) -> String {
    let mut out = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
    if let Some(port) = url.port() {
        out.push_str(&format!(":{port}"));
    }
    out.push_str(url.path());
    for (position, (key, value)) in url.query_pairs().enumerate() {
        out.push(if position == 0 { '?' } else { '&' });
        out.push_str(&key);
        out.push('=');
        out.push_str(if PUBLIC_PARAMETERS.contains(&key.as_ref()) {
            &value
        } else {
            "…"
        });
    }
    crate::text::for_message(&out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_parameters_keep_their_value() {
        let url =
            Url::parse("https://me:pw@management.azure.com/a/b?api-version=2023-07-01&s=SIG&t=1#f")
                .unwrap();
        assert_eq!(
            redacted(&url),
            "https://management.azure.com/a/b?api-version=2023-07-01&s=…&t=…"
        );
    }
}
