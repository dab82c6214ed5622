//! The parts that both executables share: command line, log, signals, files and exit codes.
//!
//! `core` decides. Only this crate prints, writes files and exits.

#![forbid(unsafe_code)]

mod arguments;
mod commands;
mod docker_login;
mod files;
mod log;
mod outputs;
mod progress;
mod signal;

use std::process::ExitCode;

use acr_sync_core::config::{Config, Program};
use acr_sync_core::report::Status;
use acr_sync_core::wire::{Limit, SetupError};
use anyhow::Context as _;

use commands::Session;
use progress::Progress;

/// Runs an executable from its command line to its exit code.
pub fn execute(program: Program) -> ExitCode {
    let config = match arguments::read(program) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let progress = Progress::new();
    log::start(&config.log_level, progress.display());
    let status = run(config, progress).unwrap_or_else(|error| {
        tracing::error!("{error:#}");
        if error.is::<SetupError>() || error.is::<files::NotWritable>() {
            Status::Configuration
        } else {
            Status::Internal
        }
    });
    status.code().into()
}

fn run(config: Config, progress: Progress) -> anyhow::Result<Status> {
    files::check_descriptors()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the async runtime could not be started")?;
    let interrupted = signal::interrupted();
    let status = runtime.block_on(signal::logged(interrupted.clone(), async {
        let session = Session {
            limit: Limit::new(config.timeout, interrupted),
            config,
            progress,
        };
        outputs::prepare_folders(&session.config)?;
        match session.config.program {
            Program::Sli => commands::sli(&session).await,
            Program::Taskset => commands::taskset(&session).await,
        }
    }));
    // The end of the run does not wait for a name lookup that hangs or for an abandoned computation.
    runtime.shutdown_background();
    status
}
