//! The peak of a run's memory.

use std::thread;
use std::time::{Duration, Instant};

use super::{Ended, Run};

/// Runs to the end, and returns the largest resident memory in MiB too.
///
/// The kernel records the peak, so the polling interval matters only at the end of the process.
pub fn end_with_peak(run: Run<'_>) -> (Ended, u64) {
    let started = Instant::now();
    let child = run.spawn();
    let path = format!("/proc/{}/status", child.id());
    let watcher = thread::spawn(move || {
        let mut peak = 0;
        while let Some(now) = std::fs::read_to_string(&path)
            .ok()
            .and_then(|text| peak_of(&text))
        {
            peak = now;
            thread::sleep(Duration::from_millis(1));
        }
        peak
    });
    let ended = run.wait(child, started);
    let peak = watcher.join().expect("the watcher ends");
    assert!(peak > 0, "the run ended before its memory was read");
    (ended, peak / 1024)
}

/// `VmHWM` in KiB; `None` if the process has ended.
fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
