//! The task: syncs the images that are missing or outdated, and reports.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    acr_sync_cli::taskset()
}
