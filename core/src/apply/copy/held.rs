//! How many bytes of manifests the copies of a run hold at once. An image waits until there is room.

use tokio::sync::{Semaphore, SemaphorePermit};

use super::graph::{self, Graph, MOST_BYTES};
use crate::name::Digest;
use crate::problem::Problem;
use crate::registry::Content;

/// The most bytes of manifests that are held at once: of one very large image, or of about 128 ordinary ones.
const MOST_HELD: usize = MOST_BYTES;
/// The room for an image of which nothing is known yet.
const ORDINARY: usize = 256 << 10;
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

    /// Waits for the room of an ordinary image, and then announces it with `begin`.
    pub(super) async fn begin<T>(&self, begin: impl Fn() -> T) -> (Room<'_>, T) {
        let room = self.room(ORDINARY).await;
        (room, begin())
    }

    /// Reads the manifests of an image that has begun. If they need more room, it begins again with the room of the largest.
    ///
    /// # Errors
    /// If one of them cannot be read, or the image is too large to be one.
    pub(super) async fn read<'a, T>(
        &'a self,
        (content, root): (&Content, &Digest),
        begun: (Room<'a>, T),
        begin: impl Fn() -> T,
    ) -> Result<(Graph, Room<'a>, T), Problem> {
        if let Some(graph) = graph::read_within(content, root, ORDINARY).await? {
            let (room, announced) = begun;
            return Ok((graph, room, announced));
        }
        drop(begun);
        let room = self.room(MOST_BYTES).await;
        let announced = begin();
        let graph = graph::read(content, root).await?;
        Ok((graph, room, announced))
    }

    /// Waits for room for so many bytes. An image that waits has no other room, so that no two images wait for each other.
    async fn room(&self, bytes: usize) -> Room<'_> {
        let units = bytes.min(MOST_HELD) / UNIT;
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        // It is never closed.
        let permit = self.0.acquire_many(units).await.ok();
        Room { _permit: permit }
    }
}
