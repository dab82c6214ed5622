//! The parts that the executables share: command line, log, signals, files and exit codes.
//!
//! `core` decides. Only this crate prints, writes files and exits.

#![forbid(unsafe_code)]

mod acr_sync;
mod arguments;
mod bundle;
mod commands;
mod docker_login;
mod files;
mod log;
mod outputs;
mod plan_file;
mod progress;
mod settings;
mod signal;
mod version;

use std::process::ExitCode;

use acr_sync_core::bundle::{ExportError, ImportError, LayoutError};
use acr_sync_core::config::Config;
use acr_sync_core::planned::{ApplyError, PlanFileError};
use acr_sync_core::report::Status;
use acr_sync_core::wire::{Limit, SetupError};
use anyhow::Context as _;

use commands::Session;
use progress::Progress;

/// Runs `sli` from its command line to its exit code.
pub fn sli() -> ExitCode {
    match arguments::sli() {
        Ok(config) => execute(config, commands::sli),
        Err(code) => code,
    }
}

/// Runs `taskset` from its command line to its exit code.
pub fn taskset() -> ExitCode {
    match arguments::taskset() {
        Ok((config, None)) => execute(config, commands::taskset),
        Ok((config, Some(transfer))) => execute(config, async |session| {
            commands::taskset_with(session, transfer).await
        }),
        Err(code) => code,
    }
}

/// Runs `acr-sync` from its command line to its exit code.
pub fn acr_sync() -> ExitCode {
    match acr_sync::read() {
        Ok((config, command)) => execute(config, async |session| command.run(session).await),
        Err(code) => code,
    }
}

fn execute(
    config: Config,
    command: impl AsyncFnOnce(&Session) -> anyhow::Result<Status>,
) -> ExitCode {
    let progress = Progress::new(&config.targets);
    log::start(&log::Settings::of(&config), progress.display());
    for mistyped in &config.mistyped {
        tracing::warn!("{mistyped}");
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let status = run(config, progress, command).unwrap_or_else(|error| {
        tracing::error!("{error:#}");
        if is_mistake(&error) {
            Status::Configuration
        } else {
            Status::Internal
        }
    });
    status.code().into()
}

/// True if the user can correct the error in the settings or files that they gave.
fn is_mistake(error: &anyhow::Error) -> bool {
    error.is::<SetupError>()
        || error.is::<files::NotWritable>()
        || error.is::<PlanFileError>()
        || error.is::<ApplyError>()
        || error.is::<LayoutError>()
        || error.is::<ImportError>()
        || match error.downcast_ref() {
            Some(
                ExportError::Plan(_)
                | ExportError::Base(_)
                | ExportError::OtherPath { .. }
                | ExportError::TooLarge
                | ExportError::TooMuchLeftOut,
            ) => true,
            Some(ExportError::Write(_)) | None => false,
        }
}

fn run(
    config: Config,
    progress: Progress,
    command: impl AsyncFnOnce(&Session) -> anyhow::Result<Status>,
) -> anyhow::Result<Status> {
    files::check_descriptors(config.targets.len())?;
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
        command(&session).await
    }));
    // The end of the run does not wait for a name lookup that hangs or for an abandoned computation.
    runtime.shutdown_background();
    status
}
