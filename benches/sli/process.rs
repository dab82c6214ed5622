//! Runs the executable.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, ensure};
use sandbox::Sandbox;
use serde_json::Value;
use tempfile::TempDir;

use super::measure::MEASURE;

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

pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
