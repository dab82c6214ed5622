//! How much memory a run takes at most.

use std::thread;
use std::time::{Duration, Instant};

use super::{Ended, Run};

/// Runs to the end; with it the most memory that was resident, in MiB.
///
/// The kernel keeps the peak itself, so that looking often enough only matters for the last moment.
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
    assert!(peak > 0, "the run ended before it was seen");
    (ended, peak / 1024)
}

/// `VmHWM` in KiB; none when the process has ended.
fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
