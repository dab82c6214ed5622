//! The files of a chart.

use std::sync::Arc;

/// A file of a chart, by its path inside it.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) data: Arc<[u8]>,
}
