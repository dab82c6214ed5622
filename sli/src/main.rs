//! The indicator: prints how many images need a sync, or nothing if that is not known.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use acr_sync_core::config::Program;

fn main() -> ExitCode {
    acr_sync_cli::execute(Program::Sli)
}
