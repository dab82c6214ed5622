//! The indicator: prints how many images need a sync, or nothing if that is not known.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    acr_sync_cli::sli()
}
