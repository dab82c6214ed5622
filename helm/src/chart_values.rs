//! The values that the templates of each chart see.

use serde_json::{Map, Value as Tree};

use crate::chart::{Chart, Enabled, enable};
use crate::error::Error;
use crate::values::Values;
use crate::values::coalesce::coalesce_values;

/// The values of a chart, or of an enabled chart inside it.
#[derive(Clone, Debug, PartialEq)]
pub struct ChartValues {
    /// The path of the chart from the root chart on, as in [`UsedBy::chart`](crate::UsedBy::chart).
    pub chart: String,
    /// The keys that lead to its values in those of the root chart; empty for the root chart.
    pub keys: Vec<String>,
    /// The version of the application that it installs.
    pub app_version: String,
    /// The values that its templates see, with those of the charts inside it.
    pub values: Map<String, Tree>,
    /// The content of its own `values.yaml`, without values that it imports from the charts inside it.
    pub own: Map<String, Tree>,
}

/// The values of a chart and of every enabled chart inside it, the root chart first.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # std::fs::write(folder.path().join("Chart.yaml"), "apiVersion: v2\nname: demo\nversion: 0.1.0\n")?;
/// # std::fs::write(folder.path().join("values.yaml"), "image: {repository: nginx, tag: '1.0'}\n")?;
/// let chart = helm_render::Chart::load(folder.path())?;
/// let mut values = helm_render::Values::new();
/// values.set("image.tag=1.1")?;
/// let all = helm_render::values_of_charts(&chart, &values)?;
/// assert_eq!(all[0].values["image"]["tag"], "1.1");
/// assert_eq!(all[0].own["image"]["tag"], "1.0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// If values cannot be merged: a text where a chart has a map.
pub fn values_of_charts(chart: &Chart, values: &Values) -> Result<Vec<ChartValues>, Error> {
    let values = values.entries();
    let enabled = enable(chart, &values).map_err(Error::Values)?;
    let values = coalesce_values(&enabled, &values).map_err(Error::Values)?;
    let mut found = Vec::new();
    collect(&enabled, values, enabled.name.clone(), &[], &mut found);
    Ok(found)
}

fn collect(
    chart: &Enabled<'_>,
    values: Map<String, Tree>,
    path: String,
    keys: &[String],
    found: &mut Vec<ChartValues>,
) {
    let position = found.len();
    found.push(ChartValues {
        chart: path.clone(),
        keys: keys.to_vec(),
        app_version: chart.chart.metadata().app_version.clone(),
        values: Map::new(),
        own: chart.chart.values.clone(),
    });
    for child in &chart.children {
        let inner = match values.get(&child.name) {
            Some(Tree::Object(inner)) => inner.clone(),
            _ => Map::new(),
        };
        let keys = [keys, std::slice::from_ref(&child.name)].concat();
        let child_path = format!("{path}/charts/{}", child.name);
        collect(child, inner, child_path, &keys, found);
    }
    found[position].values = values;
}
