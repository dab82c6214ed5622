//! The state of one host during a run: how many requests it gets at the same time, and until when it wants none.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::request::{Response, Traffic};
use super::retry;
use super::{Failure, Wire, retry_after};
use crate::problem::Cause;

/// Requests of a check to one host at the same time.
pub(super) const OF_CHECK: usize = 8;
/// Connections to all destinations of a run at the same time, for each kind of [`Traffic`]: a process may often open no more than
/// 1,024 files.
const OF_DESTINATIONS: usize = 256;
/// Requests of a copy with which a host is tried at first.
const COPY_START: usize = 4;

pub(super) struct Host {
    /// The most requests of a check at the same time.
    pub(super) at_once: usize,
    check: Arc<Places>,
    downloads: Arc<Places>,
    uploads: Arc<Places>,
    paused_until: Mutex<Option<Instant>>,
}

/// The connections that each of so many destinations gets.
pub fn connections_of_each(destinations: usize) -> usize {
    (OF_DESTINATIONS / destinations.max(1)).clamp(1, OF_CHECK)
}

impl Wire {
    /// Limits the connections to a host that is one of so many destinations. The host must not have been used yet.
    pub(crate) fn is_one_of(&self, host: &str, destinations: usize) {
        let at_once = connections_of_each(destinations);
        let most = (OF_DESTINATIONS / destinations.max(1)).max(1);
        let copies = self.inner.copies.min(most);
        let mut hosts = lock(&self.inner.hosts);
        hosts
            .entry(host.to_owned())
            .or_insert_with(|| Arc::new(Host::with(at_once, copies)));
    }
}

impl Host {
    /// `copies` is the most requests of each kind of [`Traffic`] of a copy.
    pub(super) fn new(copies: usize) -> Self {
        Self::with(OF_CHECK, copies)
    }

    fn with(at_once: usize, copies: usize) -> Self {
        let copying = || Arc::new(Places::new(COPY_START.min(copies), copies));
        Self {
            at_once,
            check: Arc::new(Places::new(at_once, at_once)),
            downloads: copying(),
            uploads: copying(),
            paused_until: Mutex::new(None),
        }
    }

    /// Waits until one more request may be sent.
    pub(super) async fn place(&self, traffic: Traffic) -> Place {
        let places = match traffic {
            Traffic::Check => &self.check,
            Traffic::Download => &self.downloads,
            Traffic::Upload => &self.uploads,
        };
        let permit = Arc::clone(&places.free).acquire_owned().await.ok();
        // The pause may have begun while this request waited for its place.
        self.wait_for_turn().await;
        Place {
            places: Arc::clone(places),
            permit,
            taken: Instant::now(),
        }
    }

    /// After a 429, all requests to the host wait for the time that it named.
    async fn wait_for_turn(&self) {
        loop {
            let until = *lock(&self.paused_until);
            match until {
                Some(until) if until > Instant::now() => tokio::time::sleep_until(until).await,
                Some(_) | None => return,
            }
        }
    }

    /// A response with a status that may be different a moment later.
    pub(super) fn refused(&self, response: &Response) -> Failure {
        let wait = response
            .header(RETRY_AFTER.as_str())
            .and_then(|value| retry_after(value, response.date()));
        let throttled = response.status == StatusCode::TOO_MANY_REQUESTS;
        if let (true, Some(wait)) = (throttled, wait.filter(|wait| *wait <= retry::LONGEST_WAIT)) {
            *lock(&self.paused_until) = Some(Instant::now() + wait);
        }
        let cause = if throttled {
            Cause::Throttled
        } else {
            Cause::Unavailable
        };
        let mut problem = response.refusal(cause);
        if let Some(wait) = wait {
            problem.what = format!("{}, retry after {} s", problem.what, wait.as_secs());
        }
        let advice = if throttled {
            "too many requests: try again later"
        } else {
            "the service has a failure: try again later"
        };
        Failure {
            problem: problem.advise(advice),
            transient: true,
            received: !matches!(
                response.status,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
            ),
            wait,
        }
    }
}

/// How many requests of one kind a host gets at the same time: one more after each success until its first 429, half as
/// many after a 429, and one more after each round of successes from then on.
struct Places {
    free: Arc<Semaphore>,
    size: Mutex<Size>,
}

struct Size {
    now: usize,
    cap: usize,
    /// Places to remove as soon as requests end.
    surplus: usize,
    successes: usize,
    /// When the size was halved last.
    halved: Option<Instant>,
}

impl Places {
    fn new(now: usize, cap: usize) -> Self {
        let size = Size {
            now,
            cap,
            surplus: 0,
            successes: 0,
            halved: None,
        };
        Self {
            free: Arc::new(Semaphore::new(now)),
            size: Mutex::new(size),
        }
    }

    fn succeeded(&self) {
        let mut size = lock(&self.size);
        size.successes += 1;
        let is_due = size.halved.is_none() || size.successes >= size.now;
        if size.now < size.cap && is_due {
            size.successes = 0;
            size.now += 1;
            match size.surplus {
                0 => self.free.add_permits(1),
                _ => size.surplus -= 1,
            }
        }
    }

    /// `taken`: when the refused request got its place. Requests that were sent together are one reason to send fewer.
    fn throttled(&self, taken: Instant) {
        let mut size = lock(&self.size);
        if size.halved.is_some_and(|halved| taken <= halved) {
            return;
        }
        let removed = size.now - (size.now / 2).max(1);
        size.halved = Some(Instant::now());
        size.successes = 0;
        size.now -= removed;
        size.surplus += removed - self.free.forget_permits(removed);
    }
}

/// The right to send one request, until it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    permit: Option<OwnedSemaphorePermit>,
    taken: Instant,
}

impl Place {
    /// Adapts the number of places to the response.
    pub(super) fn answered(&self, status: StatusCode) {
        if status == StatusCode::TOO_MANY_REQUESTS {
            self.places.throttled(self.taken);
        } else if !status.is_server_error() {
            self.places.succeeded();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut size = lock(&self.places.size);
        if let (1.., Some(permit)) = (size.surplus, self.permit.take()) {
            size.surplus -= 1;
            permit.forget();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn take(places: &Arc<Places>, count: usize) -> Vec<Place> {
        let take = |_| Place {
            places: Arc::clone(places),
            permit: Arc::clone(&places.free).try_acquire_owned().ok(),
            taken: Instant::now(),
        };
        (0..count).map(take).collect()
    }

    #[test]
    fn places_grow_to_the_cap_and_are_halved_once_by_refusals_of_one_moment() {
        let places = Arc::new(Places::new(4, 16));
        (0..20).for_each(|_| places.succeeded());
        assert_eq!(places.free.available_permits(), 16);
        let held = take(&places, 16);
        let later = Instant::now() + Duration::from_secs(1);
        held.iter()
            .for_each(|place| place.answered(StatusCode::TOO_MANY_REQUESTS));
        drop(held);
        assert_eq!(places.free.available_permits(), 8);
        (0..8).for_each(|_| places.succeeded());
        assert_eq!(places.free.available_permits(), 9);
        places.throttled(later);
        assert_eq!(places.free.available_permits(), 4);
    }

    #[test]
    fn destinations_share_their_connections() {
        let shares = [1, 32, 33, 64, 100, 256, 1_000].map(connections_of_each);
        assert_eq!(shares, [8, 8, 7, 4, 2, 1, 1]);
    }

    #[test]
    fn one_place_is_always_left() {
        let places = Arc::new(Places::new(1, 1));
        for second in 1..4 {
            places.succeeded();
            places.throttled(Instant::now() + Duration::from_secs(second));
            assert_eq!(places.free.available_permits(), 1);
        }
    }
}
