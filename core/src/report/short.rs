//! Short names: the folder that several names have in common is said once.

/// The folder of all these names, without a slash at its end; `None` if they have none in common.
pub(super) fn common_folder<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let folder = |name: &'a str| name.rsplit_once('/').map(|(folder, _)| folder);
    let mut common: Option<&str> = None;
    for name in names {
        let mut candidate = folder(name)?;
        if let Some(other) = common {
            while candidate != other && !other.starts_with(&format!("{candidate}/")) {
                candidate = folder(candidate)?;
            }
        }
        common = Some(candidate);
    }
    common
}

/// The rest of a name in a folder; the whole name if there is no folder.
pub(super) fn in_folder<'a>(name: &'a str, folder: Option<&str>) -> &'a str {
    let rest = folder.and_then(|folder| name.strip_prefix(folder)?.strip_prefix('/'));
    rest.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_share_whole_segments_only() {
        let common = |names: &[&'static str]| common_folder(names.iter().copied());
        assert_eq!(common(&["a.io/b/c:1", "a.io/b/d:2"]), Some("a.io/b"));
        assert_eq!(common(&["a.io/b/c/x", "a.io/b/d"]), Some("a.io/b"));
        assert_eq!(common(&["a.io/b/d", "a.io/b/c/x"]), Some("a.io/b"));
        assert_eq!(common(&["a.io/bc/d", "a.io/b/d"]), Some("a.io"));
        assert_eq!(common(&["a.io/b", "c.io/b"]), None);
        assert_eq!(common(&["a.io/b/c"]), Some("a.io/b"));
        assert_eq!(common(&["latest", "a.io/b"]), None);
        assert_eq!(common(&[]), None);
        assert_eq!(in_folder("a.io/b/c:1", Some("a.io/b")), "c:1");
        assert_eq!(in_folder("a.io/b/c:1", None), "a.io/b/c:1");
    }
}
