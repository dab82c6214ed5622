//! Waiting for work of another image, for as long as it makes progress. An image whose source stalls must not stop the others.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard as StdGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{MutexGuard, SetOnce};
use tokio::time::Instant;

/// Time without progress after which nobody waits any more.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time between two looks at the progress.
const LOOK: Duration = Duration::from_secs(1);

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
            let looked = tokio::time::timeout(LOOK, &mut work).await;
            if let Ok(result) = looked {
                return Some(result);
            }
            if self.unchanged(of_run) >= PATIENCE {
                return None;
            }
        }
    }

    /// Since when the progress has been the same.
    fn unchanged(&self, of_run: &AtomicU64) -> Duration {
        let amount = match self.is_open.load(Ordering::Relaxed) {
            true => self.read.load(Ordering::Relaxed),
            false => of_run.load(Ordering::Relaxed),
        };
        let mut seen = self.seen();
        match &*seen {
            Some(seen) if seen.amount == amount => seen.since.elapsed(),
            Some(_) | None => {
                let since = Instant::now();
                *seen = Some(Seen { amount, since });
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

    #[tokio::test(start_paused = true)]
    async fn blob_is_waited_for_while_it_or_the_queue_before_it_moves() {
        let (progress, of_run) = (Progress::default(), AtomicU64::new(0));
        let never = std::future::pending::<()>;
        let started = Instant::now();
        let moves = async {
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_secs(3)).await;
                of_run.fetch_add(1, Ordering::Relaxed);
            }
            progress.is_open.store(true, Ordering::Relaxed);
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_secs(3)).await;
                progress.read.fetch_add(1, Ordering::Relaxed);
            }
            // What other blobs do is no longer a reason to wait.
            loop {
                tokio::time::sleep(Duration::from_secs(3)).await;
                of_run.fetch_add(1, Ordering::Relaxed);
            }
        };
        let waited = tokio::select! {
            waited = progress.wait(&of_run, never()) => waited,
            () = moves => None,
        };
        assert_eq!(waited, None);
        let seconds = started.elapsed().as_secs();
        assert!((120..=132).contains(&seconds), "{seconds} s");
        // The next one finds the blob as it is.
        let again = Instant::now();
        assert_eq!(progress.wait(&of_run, never()).await, None);
        assert!(again.elapsed() <= LOOK);
        assert_eq!(progress.wait(&of_run, async { 1 }).await, Some(1));
    }
}
