//! Semantic versions, and the choice among versions of a chart as Helm makes it.

mod constraint;
mod version;

use std::cmp::Ordering;

pub(crate) use constraint::Constraint;
pub(crate) use version::{Version, has_leading_zero, split_part};

/// The highest of these versions that meets the constraint; without a constraint, the highest release.
///
/// Skips texts that are not semantic versions. A pre-release counts only if the constraint contains one.
///
/// ```
/// let versions = ["0.9.0", "0.10.0", "1.0.0-rc1", "main"];
/// assert_eq!(helm_render::newest_version(versions, None), Some("0.10.0"));
/// assert_eq!(helm_render::newest_version(versions, Some("<0.10")), Some("0.9.0"));
/// assert_eq!(helm_render::newest_version(versions, Some("1.0.0-rc1")), Some("1.0.0-rc1"));
/// assert_eq!(helm_render::newest_version(versions, Some(">=2")), None);
/// ```
pub fn newest_version<'a>(
    versions: impl IntoIterator<Item = &'a str>,
    constraint: Option<&str>,
) -> Option<&'a str> {
    let constraint = Constraint::parse(constraint.unwrap_or("*"))?;
    let parsed = versions
        .into_iter()
        .filter_map(|text| Some((Version::parse(text)?, text)));
    parsed
        .filter(|(version, _)| constraint.check(version))
        .max_by(|(left, _), (right, _)| left.compare(right))
        .map(|(_, text)| text)
}

/// The versions that meet the constraint, the highest first, and equal ones in their order here; `None` if the constraint is not
/// valid.
///
/// Skips texts that are not semantic versions. A pre-release counts only if the constraint contains one.
///
/// ```
/// let versions = ["1.2.0", "main", "v1.10", "2.0.0", "1.3.0-rc1"];
/// assert_eq!(
///     helm_render::versions_within(versions, ">=1, <2"),
///     Some(vec!["v1.10", "1.2.0"])
/// );
/// assert_eq!(helm_render::versions_within(versions, "the newest"), None);
/// ```
pub fn versions_within<'a>(
    versions: impl IntoIterator<Item = &'a str>,
    constraint: &str,
) -> Option<Vec<&'a str>> {
    let constraint = Constraint::parse(constraint)?;
    let parsed = versions
        .into_iter()
        .filter_map(|text| Some((Version::parse(text)?, text)));
    let mut within: Vec<_> = parsed
        .filter(|(version, _)| constraint.check(version))
        .collect();
    within.sort_by(|(left, _), (right, _)| right.compare(left));
    Some(within.into_iter().map(|(_, text)| text).collect())
}

/// The order of two semantic versions; `None` if one of the texts is not a semantic version.
///
/// ```
/// use std::cmp::Ordering;
/// assert_eq!(helm_render::compare_versions("v1.10.0", "1.9.0"), Some(Ordering::Greater));
/// assert_eq!(helm_render::compare_versions("1.0.0-rc1", "1.0.0"), Some(Ordering::Less));
/// assert_eq!(helm_render::compare_versions("main", "1.0.0"), None);
/// ```
pub fn compare_versions(left: &str, right: &str) -> Option<Ordering> {
    Some(Version::parse(left)?.compare(&Version::parse(right)?))
}

/// True if a text is a version or a range of versions.
///
/// ```
/// assert!(helm_render::is_version_constraint(">=0.6, <1"));
/// assert!(!helm_render::is_version_constraint("the newest"));
/// ```
pub fn is_version_constraint(text: &str) -> bool {
    Constraint::parse(text).is_some()
}
