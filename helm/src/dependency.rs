//! The type of a chart's dependencies.

use serde_json::Value as Tree;

/// A chart that another chart depends on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dependency {
    /// The chart's name.
    pub name: String,
    /// A constraint on the version, or the exact version in `Chart.lock`.
    pub version: String,
    /// The URL of its repository.
    pub repository: String,
    /// Paths of values that enable it, separated by commas; the first one found decides.
    pub condition: String,
    /// Tags that enable several dependencies at once.
    pub tags: Vec<String>,
    /// Its name inside its parent.
    pub alias: String,
    /// The values that its parent imports.
    pub import_values: Vec<Tree>,
}
