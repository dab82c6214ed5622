//! Reads the resource usage of another process from the kernel.

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::json;
use wait4::Wait4 as _;

/// First argument of a process that runs and measures another one.
pub const MEASURE: &str = "--measure";

/// Runs a command and prints its resource usage as JSON.
#[expect(clippy::print_stdout, reason = "the parent process reads stdout")]
pub fn measure(command: &[OsString]) -> Result<()> {
    let (executable, arguments) = command
        .split_first()
        .context("a command to measure is missing")?;
    let started = Instant::now();
    let mut child = Command::new(executable)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take();
    let used = child.wait4()?;
    let wall = started.elapsed();
    let stdout = stdout.map(std::io::read_to_string).transpose()?;
    let cpu = used.rusage.utime + used.rusage.stime;
    println!(
        "{}",
        json!({
            "code": used.status.code(), "stdout": stdout, "wall": wall.as_micros() as u64,
            "cpu": cpu.as_micros() as u64, "peak": used.rusage.maxrss,
        })
    );
    Ok(())
}

pub fn median<T: Copy + PartialOrd>(mut values: Vec<T>) -> Option<T> {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values.get(values.len() / 2).copied()
}

pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
