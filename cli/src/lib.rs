//! What both executables share: command line, log, signals, files, and the way a run ends.
//!
//! `core` decides; the executables print, write files and exit, and this is how.

#![forbid(unsafe_code)]

mod arguments;
mod files;
mod log;
mod session;
mod signal;

use std::io::Write as _;
use std::process::ExitCode;

use acr_sync_core::config::Program;
use acr_sync_core::report::Status;
use acr_sync_core::wire::SetupError;
use anyhow::Context as _;

pub use session::Session;

/// Reads the configuration, runs `body` and turns what it says into an exit code.
pub fn execute(
    program: Program,
    body: impl AsyncFnOnce(&Session) -> anyhow::Result<Status>,
) -> ExitCode {
    let config = match arguments::read(program) {
        Ok(config) => config,
        Err(ending) => return ending,
    };
    let progress = log::start(&config);
    if let Err(error) = files::check_descriptors() {
        return end(&error);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return end(
                &anyhow::Error::new(error).context("the async runtime could not be started")
            );
        }
    };
    let interrupted = signal::interrupted();
    let ended = runtime.block_on(signal::logged(interrupted.clone(), async {
        let session = Session::new(config, progress, interrupted);
        session.prepare_folders()?;
        body(&session).await
    }));
    // Neither a name lookup that hangs nor a computation that was abandoned may delay the end of the run.
    runtime.shutdown_background();
    match ended {
        Ok(status) => status.code().into(),
        Err(error) => end(&error),
    }
}

/// Writes a result to stdout. Whoever has closed it does not want it: that is no failure.
///
/// # Errors
/// When it cannot be written for another reason.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("stdout could not be written to")
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn end(error: &anyhow::Error) -> ExitCode {
    tracing::error!("{error:#}");
    let is_setting = error.is::<SetupError>() || error.is::<files::NotWritable>();
    let status = if is_setting {
        Status::Configuration
    } else {
        Status::Internal
    };
    status.code().into()
}
