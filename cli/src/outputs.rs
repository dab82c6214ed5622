//! The results of a run: the folders that must exist before it, the files, and stdout.

use std::io::{self, Write as _};
use std::time::SystemTime;

use acr_sync_core::config::Config;
use acr_sync_core::report::{
    FOLDER, Place, Report, Status, artifacts, folder, html, junit, markdown, metrics,
};
use anyhow::Context as _;

use crate::files;

/// The report as text.
pub(crate) const MARKDOWN: &str = "sync-report.md";
/// The report for a browser.
pub(crate) const HTML: &str = "sync-report.html";

/// Checks that results can be written, and removes the temporary files of earlier runs that were killed.
pub(crate) fn prepare_folders(config: &Config) -> Result<(), files::NotWritable> {
    let now = SystemTime::now();
    if let (Some(output_dir), Some(temp_dir)) = (&config.output_dir, &config.temp_dir) {
        let own = output_dir.join(folder(&config.images));
        let artifacts = output_dir.join(FOLDER);
        files::check_writable("OUTPUT_DIR", &artifacts)?;
        files::check_writable("OUTPUT_DIR", &own)?;
        files::check_writable("CODEBUNDLE_TEMP_DIR", temp_dir)?;
        for folder in [output_dir, &artifacts, &own, temp_dir] {
            files::remove_leftovers(folder, now);
        }
    }
    if let Some(file) = &config.metrics_file {
        files::check_replaceable("METRICS_FILE", file)?;
    }
    Ok(())
}

/// Writes the JSON artifacts if there is a folder for them. If one of them cannot be written, the others still are.
pub(crate) fn write_artifacts(config: &Config, report: &Report) -> anyhow::Result<()> {
    let mut written = Ok(());
    for artifact in artifacts(report) {
        let folder = match artifact.place {
            Place::Output => &config.output_dir,
            Place::Temp => &config.temp_dir,
        };
        if let Some(folder) = folder {
            let path = folder.join(&artifact.path);
            written = written.and(files::write(&path, &artifact.content));
        }
    }
    written
}

/// Writes the reports for people and pipelines. Robot Framework itself writes a `report.html`.
pub(crate) fn write_reports(config: &Config, report: &Report) -> anyhow::Result<()> {
    let Some(folder) = &config.output_dir else {
        return Ok(());
    };
    let folder = folder.join(&report.folder);
    let files = [
        (MARKDOWN, markdown(report)?),
        (HTML, html(report)?),
        ("report.junit.xml", junit(report)?),
    ];
    let mut written = Ok(());
    for (name, content) in files {
        written = written.and(files::write(&folder.join(name), &content));
    }
    written
}

/// Writes the metrics of a run that ends with this status.
pub(crate) fn write_metrics(
    config: &Config,
    report: &Report,
    status: Status,
) -> anyhow::Result<()> {
    let file = config.metrics_file.as_ref();
    file.map_or(Ok(()), |file| files::write(file, &metrics(report, status)))
}

/// Writes a result to stdout. A closed pipe is not an error.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("stdout could not be written to")
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
