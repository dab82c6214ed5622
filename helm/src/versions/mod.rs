//! Semantic versions, and the choice among versions of a chart as Helm makes it.

mod constraint;
mod version;

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

/// True if a text is a version or a range of versions.
///
/// ```
/// assert!(helm_render::is_version_constraint(">=0.6, <1"));
/// assert!(!helm_render::is_version_constraint("the newest"));
/// ```
pub fn is_version_constraint(text: &str) -> bool {
    Constraint::parse(text).is_some()
}
