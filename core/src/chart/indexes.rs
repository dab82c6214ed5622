//! The indexes of chart repositories, each read once in a run.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::OnceCell;
use url::Url;

use crate::config::{ChartRequest, ChartSource};
use crate::problem::Problem;
use crate::wire::Response;

/// The indexes that several charts need. Others are not kept, because an index may be large.
#[derive(Default)]
pub struct Indexes(BTreeMap<Url, OnceCell<Result<Response, Problem>>>);

impl Indexes {
    /// None is read yet.
    pub fn of<'a>(charts: impl Iterator<Item = &'a ChartRequest>) -> Self {
        let mut seen = BTreeSet::new();
        let mut shared = BTreeMap::new();
        for chart in charts {
            match &chart.source {
                ChartSource::Repository(url) if !seen.insert(url) => {
                    shared.insert(url.clone(), OnceCell::new());
                }
                ChartSource::Repository(_) | ChartSource::Oci(_) | ChartSource::Path(_) => {}
            }
        }
        Self(shared)
    }

    /// The response of a repository, from `request` unless it is known.
    pub(super) async fn response<F: Future<Output = Result<Response, Problem>>>(
        &self,
        repository: &Url,
        request: impl FnOnce() -> F,
    ) -> Result<Response, Problem> {
        match self.0.get(repository) {
            Some(known) => known.get_or_init(request).await.clone(),
            None => request().await,
        }
    }
}
