//! Waits for the state of a run that a test needs.

use std::thread::sleep;
use std::time::{Duration, Instant};

use sandbox::{RecordedRequest, Sandbox};

/// Much longer than a run needs on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);
/// How long a service has no request before the run is taken to wait for something else.
const QUIET: Duration = Duration::from_secs(1);

#[track_caller]
pub fn wait_until(state: &str, reached: impl Fn() -> bool) {
    let started = Instant::now();
    while !reached() {
        assert!(started.elapsed() < LIMIT, "not reached: {state}");
        sleep(Duration::from_millis(20));
    }
}

/// Waits until a host has answered this many of the requests that `counts` accepts, and then gets no other request.
#[track_caller]
pub fn wait_until_answered(
    world: &Sandbox,
    host: &str,
    number: usize,
    counts: impl Fn(&RecordedRequest) -> bool,
) {
    let answered = || {
        let requests = world.requests();
        let own: Vec<_> = requests.iter().filter(|one| one.host == host).collect();
        let wanted = own
            .iter()
            .filter(|one| one.status.is_some() && counts(one))
            .count();
        let last = own.iter().map(|one| one.at).max().unwrap_or_default();
        wanted >= number && world.now().saturating_sub(last) >= QUIET
    };
    wait_until(
        &format!("{number} responses of {host}, and no more requests"),
        answered,
    );
}
