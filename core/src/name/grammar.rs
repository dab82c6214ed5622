//! The grammar of names, without patterns: to compile them would take a tenth of the time of a run.

/// `LABEL(.LABEL)*(:PORT)?`.
pub(super) fn is_host(text: &str) -> bool {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let is_label = |label: &str| {
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        label.bytes().all(is_inner)
            && !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_port = |port: &str| {
        (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit())
    };
    host.split('.').all(is_label) && port.is_none_or(is_port)
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
pub(super) fn is_path_component(text: &str) -> bool {
    let is_alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_separator =
        |text: &str| matches!(text, "." | "_" | "__") || text.bytes().all(|byte| byte == b'-');
    let has_ends = text.starts_with(is_alphanumeric) && text.ends_with(is_alphanumeric);
    has_ends && text.split(is_alphanumeric).all(is_separator)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::pattern;

    proptest::proptest! {
        #[test]
        fn names_are_those_of_the_patterns_of_the_specification(host in "[a-z0-9.:_-]{0,12}", path in "[a-z0-9._/A-]{0,12}") {
            let label = "[a-z0-9]([a-z0-9-]*[a-z0-9])?";
            let hosts = pattern(&format!(r"^{label}(\.{label})*(:[0-9]{{1,5}})?$"));
            proptest::prop_assert_eq!(is_host(&host), hosts.is_match(&host), "{}", host);
            let component = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*";
            let paths = pattern(&format!("^{component}(/{component})*$"));
            proptest::prop_assert_eq!(path.split('/').all(is_path_component), paths.is_match(&path), "{}", path);
        }
    }
}
