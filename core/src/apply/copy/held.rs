//! How many bytes of manifests the copies of a run hold at once. An image waits until there is room.

use tokio::sync::{Semaphore, SemaphorePermit};

use super::graph::MOST_BYTES;

/// The most bytes of manifests that are held at once: of one very large image, or of about 128 ordinary ones.
const MOST_HELD: usize = MOST_BYTES;
/// The room for an image of which nothing is known yet.
pub(super) const ORDINARY: usize = 256 << 10;
/// The bytes of one permit.
const UNIT: usize = 1 << 10;

pub(super) struct Held(Semaphore);

/// Room for the manifests of an image, until it is dropped.
pub(super) struct Room<'a> {
    _permit: Option<SemaphorePermit<'a>>,
}

impl Held {
    pub(super) fn new() -> Self {
        Self(Semaphore::new(MOST_HELD / UNIT))
    }

    /// Waits for room for so many bytes. An image that waits has no other room, so that no two images wait for each other.
    pub(super) async fn room(&self, bytes: usize) -> Room<'_> {
        let units = bytes.min(MOST_HELD) / UNIT;
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        // It is never closed.
        let permit = self.0.acquire_many(units).await.ok();
        Room { _permit: permit }
    }
}
