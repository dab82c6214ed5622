//! Computations that may take long or never end, such as rendering a chart from the network.

use tokio::sync::Semaphore;

use crate::problem::{Cause, Problem, Side};
use crate::text::for_message;
use crate::wire::Limit;

/// Runs `work` on a thread of its own until it ends, the deadline passes or the run is stopped. It first waits for one of
/// `places`, because it may take the time of a processor and the memory of a chart.
///
/// A computation cannot be cancelled from outside. One that does not end in time is abandoned: its thread
/// runs until the process exits, and nothing waits for it. `what` names the computation in messages, and `too_long` is the
/// advice if the deadline passes.
///
/// # Errors
/// If the limit is reached first, or `work` panics.
pub(super) async fn compute<T: Send + 'static>(
    limit: &Limit,
    places: Option<&'static Semaphore>,
    what: String,
    too_long: &(dyn Fn() -> String + Sync),
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let computation = async {
        let place = match places {
            Some(places) => places.acquire().await.ok(),
            None => None,
        };
        let work = move || {
            let result = work();
            drop(place);
            result
        };
        Ok(tokio::task::spawn_blocking(work).await)
    };
    match limit.guard(computation).await {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(panic)) => {
            let what = for_message(&format!("{what}: {panic}"));
            Err(Problem::new(Side::ChartRepository, Cause::Invalid, what))
        }
        Err(mut ended) => {
            ended.what = for_message(&format!("{what}: {}", ended.what));
            if ended.cause == Cause::Deadline {
                ended = ended.advise(too_long());
            }
            Err(ended)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use tokio::sync::watch;

    use super::*;

    fn advice() -> String {
        "pin another version with CHART_VERSION".to_owned()
    }

    /// Runs a computation that ends only when the test has ended.
    fn endless(timeout: Duration, signal_after: Option<Duration>) -> (Problem, Duration) {
        let started = Instant::now();
        let (keep, never) = mpsc::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let problem = runtime.block_on(async {
            let (stop, interrupted) = watch::channel(false);
            let limit = Limit::new(timeout, interrupted);
            tokio::spawn(async move {
                match signal_after {
                    Some(delay) => tokio::time::sleep(delay).await,
                    None => std::future::pending().await,
                }
                stop.send(true).unwrap();
            });
            compute(
                &limit,
                None,
                "rendering chart x".to_owned(),
                &advice,
                move || never.recv(),
            )
            .await
            .unwrap_err()
        });
        runtime.shutdown_background();
        let took = started.elapsed();
        drop(keep);
        (problem, took)
    }

    #[test]
    fn endless_computation_ends_with_the_deadline_and_says_what_to_check() {
        let (problem, took) = endless(Duration::from_millis(200), None);
        assert_eq!(problem.cause, Cause::Deadline);
        assert!(
            problem.what.starts_with("rendering chart x: the deadline"),
            "{problem}"
        );
        assert!(problem.advice.unwrap().contains("CHART_VERSION"));
        assert!(took < Duration::from_secs(5), "{took:?}");
    }

    #[test]
    fn endless_computation_ends_with_the_first_signal() {
        let (problem, took) = endless(Duration::from_secs(60), Some(Duration::from_millis(200)));
        assert_eq!(problem.cause, Cause::Interrupted);
        assert!(took < Duration::from_secs(5), "{took:?}");
    }

    #[tokio::test]
    async fn result_of_a_computation_is_returned_and_a_panic_is_a_problem() {
        let (_stop, interrupted) = watch::channel(false);
        let limit = Limit::new(Duration::from_secs(60), interrupted);
        assert_eq!(
            compute(&limit, None, "x".to_owned(), &advice, || 1).await,
            Ok(1)
        );
        let panicked = compute(
            &limit,
            None,
            "rendering chart x".to_owned(),
            &advice,
            || -> u8 { panic!("deep") },
        )
        .await;
        assert!(panicked.unwrap_err().what.contains("rendering chart x"));
    }
}
