//! Waiting for work of another image, for as long as it makes progress. An image whose source stalls must not stop the others.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard as StdGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{MutexGuard, SetOnce};
use tokio::time::Instant;

/// Time without progress after which the others do not wait any longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time between two checks of the progress.
const CHECK: Duration = Duration::from_secs(1);

/// A value that one task finds while the others wait.
pub(super) struct Once<T> {
    value: SetOnce<T>,
    turn: tokio::sync::Mutex<()>,
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self {
            value: SetOnce::new(),
            turn: tokio::sync::Mutex::default(),
        }
    }
}

impl<T> Once<T> {
    pub(super) fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// Has no effect if there is a value.
    pub(super) fn set(&self, value: T) {
        let _ = self.value.set(value);
    }

    /// Ends when there is a value.
    pub(super) async fn wait(&self) -> &T {
        self.value.wait().await
    }

    /// Waits for the value, or for the right to find it.
    pub(super) async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        tokio::select! {
            biased;
            _ = self.value.wait() => None,
            turn = self.turn.lock() => Some(turn),
        }
    }
}

/// The progress of one blob.
#[derive(Default)]
pub(super) struct Progress {
    /// The bytes that were read at a source.
    pub read: Arc<AtomicU64>,
    /// True while a source sends it. Before, it may wait for requests of other blobs.
    pub is_open: AtomicBool,
    seen: Mutex<Option<Seen>>,
}

struct Seen {
    amount: u64,
    since: Instant,
}

impl Progress {
    /// The result of `work`, which waits for this blob. `None` if the blob makes no progress.
    ///
    /// `of_run` is a number that grows while any blob of the run makes progress.
    pub(super) async fn wait<T>(
        &self,
        of_run: &AtomicU64,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            let ended = tokio::time::timeout(CHECK, &mut work).await;
            if let Ok(result) = ended {
                return Some(result);
            }
            if self.unchanged(of_run, Instant::now()) >= PATIENCE {
                return None;
            }
        }
    }

    /// For how long the progress has been the same.
    fn unchanged(&self, of_run: &AtomicU64, now: Instant) -> Duration {
        let amount = match self.is_open.load(Ordering::Relaxed) {
            true => self.read.load(Ordering::Relaxed),
            false => of_run.load(Ordering::Relaxed),
        };
        let mut seen = self.seen();
        match &*seen {
            Some(seen) if seen.amount == amount => now.duration_since(seen.since),
            Some(_) | None => {
                *seen = Some(Seen { amount, since: now });
                Duration::ZERO
            }
        }
    }

    fn seen(&self) -> StdGuard<'_, Option<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blob_makes_progress_while_it_or_the_queue_before_it_moves() {
        let (progress, of_run) = (Progress::default(), AtomicU64::new(0));
        let start = Instant::now();
        let unchanged = |second| {
            let now = start + Duration::from_secs(second);
            progress.unchanged(&of_run, now).as_secs()
        };
        assert_eq!((unchanged(0), unchanged(9)), (0, 9));
        of_run.fetch_add(1, Ordering::Relaxed);
        assert_eq!((unchanged(9), unchanged(12)), (0, 3));
        progress.is_open.store(true, Ordering::Relaxed);
        progress.read.fetch_add(5, Ordering::Relaxed);
        assert_eq!(unchanged(20), 0);
        // What other blobs do is no longer a reason to wait.
        of_run.fetch_add(1, Ordering::Relaxed);
        assert_eq!(unchanged(30), 10);
        progress.read.fetch_add(1, Ordering::Relaxed);
        assert_eq!(unchanged(31), 0);
    }

    #[tokio::test]
    async fn value_ends_the_wait_for_the_turn() {
        let once = Once::default();
        let turn = once.turn().await;
        assert!(turn.is_some());
        let waiting = once.turn();
        let mut waiting = std::pin::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        once.set(1);
        assert!(waiting.await.is_none());
        assert_eq!(once.get(), Some(&1));
    }
}
