//! The order in which images bring a blob that several of them need.
//!
//! The first image by its targets brings it, and the others wait. If a run is killed and repeated, the same image is first
//! again, so it finds the blob in its repository, and nothing is sent twice.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, watch};

use crate::name::{DestinationTag, Digest};

/// Longest time that an image waits for the manifests of the others.
const PATIENCE: Duration = Duration::from_secs(5);

type Turn = Arc<tokio::sync::Mutex<()>>;
/// The blobs that an image brings. Another image may bring one of them as soon as it is removed.
pub(super) type Turns = HashMap<Digest, OwnedMutexGuard<()>>;

/// The images whose copies have begun.
pub(super) struct Order {
    reading: watch::Sender<usize>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    turns: HashMap<Digest, Turn>,
    /// The blobs of images that were read and have no turns yet.
    waiting: BTreeMap<Vec<DestinationTag>, BTreeSet<Digest>>,
    ready: BTreeMap<Vec<DestinationTag>, Turns>,
}

/// An image whose manifests are being read.
pub(super) struct Reading<'a>(&'a Order);

impl Order {
    pub(super) fn new() -> Self {
        Self {
            reading: watch::Sender::new(0),
            state: Mutex::default(),
        }
    }

    /// Announces an image. The others wait until its [`Reading`] is dropped.
    pub(super) fn begin(&self) -> Reading<'_> {
        self.reading.send_modify(|count| *count += 1);
        Reading(self)
    }

    /// Waits for the images that are being read, and returns the blobs that this image brings.
    pub(super) async fn turns(
        &self,
        reading: Reading<'_>,
        targets: &[DestinationTag],
        blobs: BTreeSet<Digest>,
    ) -> Turns {
        let mut others = self.reading.subscribe();
        self.change(|state| state.waiting.insert(targets.to_vec(), blobs));
        drop(reading);
        let all_read = others.wait_for(|count| *count == 0);
        // An image that stalls must not stop the others.
        let _ = tokio::time::timeout(PATIENCE, all_read).await;
        self.change(|state| {
            state.assign();
            state.ready.remove(targets).unwrap_or_default()
        })
    }

    /// Waits while another image brings the blob.
    pub(super) async fn wait_for(&self, digest: &Digest) {
        let turn = self.change(|state| state.turns.get(digest).cloned());
        if let Some(turn) = turn {
            drop(turn.lock().await);
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn assign(&mut self) {
        for (targets, blobs) in std::mem::take(&mut self.waiting) {
            let turns = blobs.into_iter().filter_map(|digest| {
                let turn = self.turns.entry(digest.clone()).or_default();
                let mine = Arc::clone(turn).try_lock_owned().ok()?;
                Some((digest, mine))
            });
            let turns = turns.collect();
            self.ready.insert(targets, turns);
        }
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.reading.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(name: &str) -> Vec<DestinationTag> {
        vec![format!("{name}:1").parse().unwrap()]
    }

    #[tokio::test]
    async fn first_image_by_its_targets_brings_a_shared_blob() {
        let order = Order::new();
        let digest = Digest::sha256(b"shared");
        let shared = || BTreeSet::from([digest.clone()]);
        let (b, a) = (targets("b"), targets("a"));
        let (later, earlier) = (order.begin(), order.begin());
        let (later, earlier) = tokio::join!(
            order.turns(later, &b, shared()),
            order.turns(earlier, &a, shared()),
        );
        assert_eq!((earlier.len(), later.len()), (1, 0));
        let wait = order.wait_for(&digest);
        let mut wait = std::pin::pin!(wait);
        assert!(futures_util::poll!(&mut wait).is_pending());
        drop(earlier);
        wait.await;
        // A later image may bring it again, because the first one may have failed.
        let late = order.turns(order.begin(), &targets("c"), shared()).await;
        assert_eq!(late.len(), 1);
    }
}
