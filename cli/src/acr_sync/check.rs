//! `acr-sync check` and `acr-sync sync`.

use acr_sync_core::report::{Report, Status, json, markdown, text};

use super::Format;
use crate::commands::Session;
use crate::outputs;

/// Checks all images and changes nothing.
pub(super) async fn check(session: &Session, format: Format) -> anyhow::Result<Status> {
    session.progress.show();
    let (_, report) = session.check().await?;
    finish(session, &report, format)
}

/// Imports the images that are missing or outdated.
pub(super) async fn sync(session: &Session, format: Format) -> anyhow::Result<Status> {
    session.progress.show();
    let report = session.sync().await?;
    finish(session, &report, format)
}

/// The line that names the report, if it is written.
fn place(session: &Session, report: &Report) -> String {
    let path = session.path_of(report, outputs::HTML);
    path.map_or_else(String::new, |path| {
        format!("\nReport: {}\n", path.display())
    })
}

/// Writes the files and prints the result. The result is printed even if a file cannot be written.
pub(super) fn finish(session: &Session, report: &Report, format: Format) -> anyhow::Result<Status> {
    let files = session.write(report);
    let printed = outputs::print(&match format {
        Format::Text => format!("{}{}", text(report), place(session, report)),
        Format::Json => json(report),
        Format::Markdown => markdown(report)?,
    });
    session.finish(report, printed.and(files).map(|()| report.status()))
}
