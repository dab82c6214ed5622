//! SIGINT (Ctrl-C), SIGTERM and SIGHUP end a run in order: what is known by then is written and reported.
//!
//! A second SIGINT or SIGTERM ends the process at once. A second SIGHUP does not: when a terminal closes, the
//! kernel and the shell each send one. A SIGHUP that is ignored when the process starts stays ignored, which
//! is what `nohup` relies on.

use std::io;
use std::pin::pin;
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Describes the exit codes after a signal, for `--help`. README has the same words.
pub(crate) const HELP: &str = "\
SIGINT (Ctrl-C), SIGTERM and SIGHUP end a run in order: what is known by then is written and reported, and
decides the exit code: 3 when images were left unchecked, 4 when images were left that should have been
imported. A second SIGINT or SIGTERM ends the process at once, without a report, with 130 or 143. The same
codes, and 129 for SIGHUP, are what a shell reports when the signal comes before the run has begun.
";

/// Returns a value that becomes true when the run must stop.
pub(crate) fn interrupted() -> watch::Receiver<bool> {
    let (stop, interrupted) = watch::channel(false);
    if let Err(error) = listen(stop) {
        tracing::warn!(
            "signals cannot be received ({error}): Ctrl-C ends the run without a report"
        );
    }
    interrupted
}

/// Runs `work`, and logs when the run must stop.
///
/// The thread that receives signals does not log itself: a full pipe on stderr would block it.
pub(crate) async fn logged<T>(
    mut interrupted: watch::Receiver<bool>,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    // The work may see the signal first, and be done before the wait is polled again.
    let done = tokio::select! {
        biased;
        _ = interrupted.wait_for(|stop| *stop) => None,
        done = &mut work => Some(done),
    };
    if *interrupted.borrow() {
        tracing::warn!("stopping: what was done so far is reported");
    }
    match done {
        Some(done) => done,
        None => work.await,
    }
}

/// Receives signals on a thread of its own, so that a second one ends the process even while the main thread
/// waits for a full pipe or a slow disk.
fn listen(stop: watch::Sender<bool>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let signals = {
        let _entered = runtime.enter();
        Signals::new()?
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || end_on_signals(&runtime, signals, &stop))?;
    Ok(())
}

fn end_on_signals(runtime: &Runtime, mut signals: Signals, stop: &watch::Sender<bool>) {
    runtime.block_on(async {
        loop {
            let Some(received) = signals.next().await else {
                // Keeps the sender: a closed channel would look like a stop.
                return std::future::pending().await;
            };
            if stop.send_replace(true) && received != SignalKind::hangup() {
                end_at_once(received);
            }
        }
    });
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let hangup = if ignores_hangup(&status) {
            None
        } else {
            Some(signal(SignalKind::hangup())?)
        };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup,
        })
    }

    /// None if no signal can arrive any more.
    async fn next(&mut self) -> Option<SignalKind> {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            received = self.interrupt.recv() => received.map(|()| SignalKind::interrupt()),
            received = self.terminate.recv() => received.map(|()| SignalKind::terminate()),
            received = hangup => received.map(|()| SignalKind::hangup()),
        }
    }
}

/// Reads the mask of ignored signals from `/proc/self/status`; SIGHUP is its lowest bit.
fn ignores_hangup(status: &str) -> bool {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}

#[expect(clippy::exit, reason = "a second signal must end the process at once")]
fn end_at_once(signal: SignalKind) {
    // The exit code that a shell reports for a process that was ended by the signal.
    std::process::exit(128 + signal.as_raw_value());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stop_is_logged_even_if_the_work_ends_at_once() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(std::sync::Mutex::new(log.reopen().unwrap()))
            .finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let (stop, interrupted) = watch::channel(false);
        let work = async { stop.send_replace(true) };
        logged(interrupted, work).await;
        let log = std::fs::read_to_string(log.path()).unwrap();
        assert!(log.contains("stopping"), "{log:?}");
    }

    #[test]
    fn ignored_hangup_is_read_from_the_mask() {
        for (status, ignored) in [
            ("Name:\tsli\nSigIgn:\t0000000000000001\n", true),
            ("SigIgn:\t0000000000001001\n", true),
            (
                "SigIgn:\t0000000000001000\nSigCgt:\t0000000000000001\n",
                false,
            ),
            ("SigIgn:\t?\n", false),
            ("", false),
        ] {
            assert_eq!(ignores_hangup(status), ignored, "{status}");
        }
    }
}
