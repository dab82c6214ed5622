//! When a run has to end: its deadline, and the signal that stops it early.
//!
//! Every request goes through [`Limit::guard`]. At the end of the time each image gets a problem of its own, and the
//! results so far are reported.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::problem::{Cause, Problem, Side};

#[derive(Clone, Copy, Debug)]
enum Scope {
    Run,
    Image,
    Examination,
}

/// The deadline and the stop signal of a run, shared by all of its tasks.
#[derive(Clone, Debug)]
pub struct Limit {
    deadline: Instant,
    timeout: Duration,
    scope: Scope,
    interrupted: watch::Receiver<bool>,
}

impl Limit {
    /// A run that may take `timeout` from now and ends early when `interrupted` becomes true.
    pub fn new(timeout: Duration, interrupted: watch::Receiver<bool>) -> Self {
        Self {
            deadline: Instant::now() + timeout,
            timeout,
            scope: Scope::Run,
            interrupted,
        }
    }

    /// The limit for one image: `timeout` from now, unless the run ends earlier.
    #[must_use]
    pub fn for_image(&self, timeout: Duration) -> Self {
        let deadline = Instant::now() + timeout;
        if deadline >= self.deadline {
            return self.clone();
        }
        Self {
            deadline,
            timeout,
            scope: Scope::Image,
            ..self.clone()
        }
    }

    /// The limit for a part of `doctor`: `timeout` from now, whatever the run's deadline is, because a deadline that is too
    /// short is one of the things that it reports.
    #[must_use]
    pub fn for_examination(&self, timeout: Duration) -> Self {
        Self {
            deadline: Instant::now() + timeout,
            timeout,
            scope: Scope::Examination,
            interrupted: self.interrupted.clone(),
        }
    }

    /// The time until the deadline.
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// True if the deadline has passed.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Runs `work` until it is done, the deadline is reached or the run is stopped.
    ///
    /// # Errors
    /// `work`'s own, or a problem of cause [`Cause::Deadline`] or [`Cause::Interrupted`].
    pub async fn guard<T>(
        &self,
        work: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        let mut interrupted = self.interrupted.clone();
        let stopped = async {
            if interrupted.wait_for(|stop| *stop).await.is_err() {
                // The sender is gone, so this run cannot be stopped any more.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            () = stopped => Err(Problem::new(Side::Local, Cause::Interrupted, "stopped by a signal before this was done")),
            () = tokio::time::sleep_until(self.deadline) => Err(self.over()),
            result = work => result,
        }
    }

    fn over(&self) -> Problem {
        let seconds = self.timeout.as_secs();
        let (what, advice) = match self.scope {
            Scope::Run => (
                "the run",
                "raise TIMEOUT_SECONDS, or see in the request ledger which host was slow",
            ),
            Scope::Image => (
                "one image",
                "run again later; the request ledger shows which host was slow",
            ),
            Scope::Examination => (
                "this examination",
                "check the network path to this host (firewall, HTTPS_PROXY, NO_PROXY), and run again",
            ),
        };
        let what = format!("the deadline of {what}, {seconds} s, came before this was done");
        Problem::new(Side::Local, Cause::Deadline, what).advise(advice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn deadline_or_signal_ends_the_work() {
        let (stop, interrupted) = watch::channel(false);
        let limit = Limit::new(Duration::from_millis(20), interrupted);
        let forever = || std::future::pending::<Result<(), Problem>>();
        assert_eq!(limit.guard(async { Ok(1) }).await, Ok(1));
        let problem = limit.guard(forever()).await.unwrap_err();
        assert_eq!(problem.cause, Cause::Deadline);
        // A part of `doctor` does not depend on the deadline of the run.
        let examination = limit.for_examination(Duration::from_secs(60));
        assert_eq!(examination.guard(async { Ok(1) }).await, Ok(1));
        assert!(!examination.is_over() && limit.is_over());
        stop.send(true).unwrap();
        assert_eq!(
            examination.guard(forever()).await.unwrap_err().cause,
            Cause::Interrupted
        );
        assert_eq!(
            limit.guard(forever()).await.unwrap_err().cause,
            Cause::Interrupted
        );
    }
}
