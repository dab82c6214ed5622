//! Runs the executable and reads its resource usage from the kernel.

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sandbox::Sandbox;
use serde_json::{Value, json};
use tempfile::TempDir;
use wait4::Wait4 as _;

/// First argument of a process that runs and measures another one.
pub const MEASURE: &str = "--measure";
/// Path of the measured executable.
pub const SLI: &str = env!("CARGO_BIN_EXE_sli");
/// The registry's login server. A short name would need a lookup in Azure Resource Manager.
pub const ACR: &str = "myacr.azurecr.io";

/// Resource usage and results of a run.
pub struct Cost {
    /// Time from start to end.
    pub wall: Duration,
    /// CPU time in user and kernel mode.
    pub cpu: Duration,
    /// Peak memory in bytes.
    pub peak: u64,
    /// The number on stdout; `None` if an image is unknown.
    pub number: Option<u64>,
    /// The content of `sli.json`.
    pub report: Value,
}

/// Returns a command whose environment has only the sandbox's variables.
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

/// Runs `sli`. Fails unless `sli` prints a number or exits with 3 (an image is unknown).
pub fn run(world: &Sandbox, settings: &[(&str, &str)]) -> Result<Cost> {
    let folder = tempfile::tempdir()?;
    let this = std::env::current_exe()?;
    // A small process starts `sli`, because the peak memory of a child includes that of the process that forks it, and
    // the sandbox is large.
    let output = command(&this.display().to_string(), world, &folder)
        .envs(settings.iter().copied())
        .args([MEASURE, SLI])
        .output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{stderr}");
    let measured: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(
        measured["code"] == 0 || measured["code"] == 3,
        "sli exited with {}: {stderr}",
        measured["code"]
    );
    ensure!(world.violations().is_empty(), "{:?}", world.violations());
    let microseconds =
        |name: &str| Duration::from_micros(measured[name].as_u64().unwrap_or_default());
    let artifacts = folder.path().join("azure-rw-acr-sync");
    let of_category = artifacts.join("codecollection/sli.json");
    let report = match of_category.is_file() {
        true => std::fs::read(of_category)?,
        false => std::fs::read(artifacts.join("sli.json"))?,
    };
    Ok(Cost {
        wall: microseconds("wall"),
        cpu: microseconds("cpu"),
        peak: measured["peak"].as_u64().unwrap_or_default(),
        number: measured["stdout"]
            .as_str()
            .and_then(|stdout| stdout.trim().parse().ok()),
        report: serde_json::from_slice(&report)?,
    })
}

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

pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
