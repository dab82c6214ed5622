//! The task: syncs what is behind, and reports.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use acr_sync_core::config::Program;
use acr_sync_core::report::markdown;

fn main() -> ExitCode {
    acr_sync_cli::execute(Program::Taskset, async |session| {
        session.show_progress();
        let report = session.run().await?;
        // What was done is told even where a file cannot be written, or nobody reads stdout.
        let files = session
            .write_artifacts(&report)
            .and(session.write_reports(&report));
        acr_sync_cli::print(&markdown(&report)?)?;
        files?;
        Ok(report.status())
    })
}
