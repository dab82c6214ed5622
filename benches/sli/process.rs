//! Running the executable, and what the kernel says it used.

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sandbox::Sandbox;
use serde_json::{Value, json};
use tempfile::TempDir;
use wait4::Wait4 as _;

/// The first argument of a process that runs another one and measures it.
pub const MEASURE: &str = "--measure";
/// The executable that is measured.
pub const SLI: &str = env!("CARGO_BIN_EXE_sli");
/// The registry by its login server: what is left to look up is what every run must.
pub const ACR: &str = "myacr.azurecr.io";

/// What a run used, and what it said.
pub struct Cost {
    /// From its start to its end.
    pub wall: Duration,
    /// Of the processor, in user and kernel mode.
    pub cpu: Duration,
    /// The most memory it held at once, in bytes.
    pub peak: u64,
    /// The number on stdout; none when something is unknown.
    pub number: Option<u64>,
    /// Its `sli.json`.
    pub report: Value,
}

/// A command with the sandbox's environment and nothing else.
pub fn command(executable: &str, world: &Sandbox, folder: &TempDir) -> Command {
    let mut command = Command::new(executable);
    command
        .env_clear()
        .envs(world.environment())
        .env("REGISTRY_NAME", ACR)
        .env("OUTPUT_DIR", folder.path())
        .stdin(Stdio::null());
    command
}

/// Runs `sli` to its end: to its number, or to its saying that something is unknown.
pub fn run(world: &Sandbox, settings: &[(&str, &str)]) -> Result<Cost> {
    let folder = tempfile::tempdir()?;
    let this = std::env::current_exe()?;
    // Through a process of its own: a child's peak counts that of the process which it is forked from, and the
    // sandbox is large.
    let output = command(&this.display().to_string(), world, &folder)
        .envs(settings.iter().copied())
        .args([MEASURE, SLI])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    let measured: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(
        measured["code"] == 0 || measured["code"] == 3,
        "sli ended with {}: {said}",
        measured["code"]
    );
    ensure!(world.violations().is_empty(), "{:?}", world.violations());
    let microseconds =
        |name: &str| Duration::from_micros(measured[name].as_u64().unwrap_or_default());
    let report = std::fs::read(folder.path().join("azure-rw-acr-sync/sli.json"))?;
    Ok(Cost {
        wall: microseconds("wall"),
        cpu: microseconds("cpu"),
        peak: measured["peak"].as_u64().unwrap_or_default(),
        number: measured["said"]
            .as_str()
            .and_then(|said| said.trim().parse().ok()),
        report: serde_json::from_slice(&report)?,
    })
}

/// Runs a command line and prints what it used as JSON.
#[expect(clippy::print_stdout, reason = "the other process reads it there")]
pub fn measure(command: &[OsString]) -> Result<()> {
    let (executable, arguments) = command.split_first().context("nothing to measure")?;
    let started = Instant::now();
    let mut child = Command::new(executable)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take();
    let used = child.wait4()?;
    let wall = started.elapsed();
    let said = stdout.map(std::io::read_to_string).transpose()?;
    let cpu = used.rusage.utime + used.rusage.stime;
    println!(
        "{}",
        json!({
            "code": used.status.code(), "said": said, "wall": wall.as_micros() as u64,
            "cpu": cpu.as_micros() as u64, "peak": used.rusage.maxrss,
        })
    );
    Ok(())
}

/// The middle one.
pub fn median<T: Copy + PartialOrd>(mut values: Vec<T>) -> Option<T> {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values.get(values.len() / 2).copied()
}

/// Bytes as megabytes.
pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// A duration in milliseconds.
pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
