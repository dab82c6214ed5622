//! The command for people: check, sync, and what helps to decide and to find out why.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    acr_sync_cli::acr_sync()
}
