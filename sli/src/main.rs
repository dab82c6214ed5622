//! The indicator: prints how many images need a sync, or nothing when that is not known.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use acr_sync_core::config::Program;

fn main() -> ExitCode {
    acr_sync_cli::execute(Program::Sli, async |session| {
        let report = session.run().await?;
        // The number is told even where a file cannot be written.
        let files = session.write_artifacts(&report);
        if let Some(number) = report.metric() {
            acr_sync_cli::print(&format!("{number}\n"))?;
        }
        let status = session.push_metric(&report).await;
        files?;
        status
    })
}
