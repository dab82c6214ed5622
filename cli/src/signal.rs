//! Ctrl-C and SIGTERM end a run in order; a second one ends it at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Becomes true when the run is to stop.
pub(crate) fn interrupted() -> watch::Receiver<bool> {
    let (stop, interrupted) = watch::channel(false);
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        ) else {
            tracing::warn!("signals cannot be received: Ctrl-C ends the run without a report");
            return;
        };
        let mut count = 0;
        loop {
            let received = tokio::select! {
                received = interrupt.recv() => received,
                received = terminate.recv() => received,
            };
            if received.is_none() {
                return;
            }
            count += 1;
            if count > 1 {
                end_at_once();
            }
            tracing::warn!("stopping: what was done so far is reported");
            // Nobody listens any more when the run is over already.
            let _ = stop.send(true);
        }
    });
    interrupted
}

#[expect(clippy::exit, reason = "the user asked twice")]
fn end_at_once() {
    // 128 + SIGINT, as a shell would report it.
    std::process::exit(130);
}
