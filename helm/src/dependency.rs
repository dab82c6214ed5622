//! The charts that a chart depends on.

use serde_json::Value as Tree;

/// A chart that another one depends on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dependency {
    /// The chart's name.
    pub name: String,
    /// The versions that will do, or the exact one in `Chart.lock`.
    pub version: String,
    /// Where to get it.
    pub repository: String,
    /// Paths of values that enable it, separated by commas; the first one found decides.
    pub condition: String,
    /// Tags that enable it together with others.
    pub tags: Vec<String>,
    /// The name it has inside its parent.
    pub alias: String,
    /// The values its parent takes over.
    pub import_values: Vec<Tree>,
}
