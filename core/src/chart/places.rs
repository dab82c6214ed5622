//! How many charts of `EXTRA_CHARTS` a run has in memory at once. RunWhen's own chart never waits for them.

use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use crate::config::ChartOrigin;
use crate::problem::Problem;
use crate::wire::Limit;

/// With RunWhen's chart, three hostile charts fit into the memory of the files in `deploy/`.
const AT_ONCE: usize = 2;

/// For a chart, from the request for its archive to the end of the render.
static CHARTS: Semaphore = Semaphore::const_new(AT_ONCE);

/// For a computation, such as reading an index, which comes before the archive.
static COMPUTATIONS: Semaphore = Semaphore::const_new(AT_ONCE);

/// The place of a chart among those in memory, with the charts that it depends on.
#[derive(Default)]
pub(super) struct Place(OnceCell<Option<SemaphorePermit<'static>>>);

impl Place {
    /// Waits until the chart may be in memory.
    ///
    /// # Errors
    /// If the limit is reached first.
    pub(super) async fn take(&self, origin: &ChartOrigin, limit: &Limit) -> Result<(), Problem> {
        let take = || async {
            match origin {
                ChartOrigin::RunWhenLocal => Ok(None),
                ChartOrigin::Extra { .. } => {
                    let taken = limit.guard(async { Ok(CHARTS.acquire().await.ok()) });
                    taken.await.map_err(|ended| Problem {
                        what: format!("waiting for other charts: {}", ended.what),
                        ..ended
                    })
                }
            }
        };
        self.0.get_or_try_init(take).await.map(|_| ())
    }
}

/// The places of the computations on a chart; `None` if it needs none.
pub(super) fn of_computations(origin: &ChartOrigin) -> Option<&'static Semaphore> {
    match origin {
        ChartOrigin::RunWhenLocal => None,
        ChartOrigin::Extra { .. } => Some(&COMPUTATIONS),
    }
}
