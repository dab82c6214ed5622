//! `acr-sync export` and `acr-sync import`.

use acr_sync_core::bundle::text;
use acr_sync_core::report::Status;
use clap::Command;

use super::Format;
use super::check::finish;
use crate::bundle::{self, Transfer};
use crate::commands::Session;
use crate::{outputs, settings};

pub(super) fn export_command(command: Command) -> Command {
    let command = bundle::with_export_options(command);
    settings::without_in_short_help(command, &bundle::NOT_FOR_EXPORT)
}

pub(super) fn import_command(command: Command) -> Command {
    let command = bundle::with_import_options(command).arg(bundle::dry_run());
    settings::without_in_short_help(command, &bundle::NOT_FOR_IMPORT)
}

/// Exports images to a bundle, or imports those in it.
pub(super) async fn run(
    session: &Session,
    transfer: Transfer,
    format: Format,
) -> anyhow::Result<Status> {
    match transfer {
        Transfer::Export(files) => {
            let path = files.bundle.clone();
            let export = bundle::export(session, files).await?;
            outputs::print(&match format {
                Format::Text | Format::Markdown => text(&export, &path),
                Format::Json => export.json(&path),
            })?;
            Ok(export.status())
        }
        Transfer::Import(file) => {
            let report = bundle::import(session, &file).await?;
            finish(session, &report, format)
        }
    }
}
