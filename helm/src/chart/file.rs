//! The type of a chart's files.

use std::sync::Arc;

/// A file of a chart; its name is the path inside the chart.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) data: Arc<[u8]>,
}
