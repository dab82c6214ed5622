//! The task: syncs the images that are missing or outdated, and reports.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use acr_sync_core::config::Program;

fn main() -> ExitCode {
    acr_sync_cli::execute(Program::Taskset)
}
