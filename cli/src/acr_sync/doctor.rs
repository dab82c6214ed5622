//! `acr-sync doctor`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use acr_sync_core::config::{Config, Program};
use acr_sync_core::doctor::{self, Doctor, Finding, gravest};
use acr_sync_core::report::Status;
use clap::ArgMatches;

use super::Format;
use crate::commands::Session;
use crate::{files, outputs, settings};

/// Reads the settings. Mistakes are findings too, and are printed like the others.
pub(super) fn config(options: &ArgMatches) -> Result<Config, ExitCode> {
    settings::read(Program::AcrSync, options, Some("doctor")).map_err(|mistakes| {
        let findings = doctor::mistakes(&mistakes);
        let status = match print(&findings, Format::of(options)) {
            Ok(()) => gravest(&findings),
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "error: {error:#}");
                Status::Internal
            }
        };
        status.code().into()
    })
}

/// Examines everything and prints the findings. Changes nothing.
pub(super) async fn doctor(session: &Session, format: Format) -> anyhow::Result<Status> {
    let doctor = Doctor {
        config: &session.config,
        limit: &session.limit,
        started: chrono::Utc::now(),
        folders: folders(&session.config),
    };
    let findings = doctor.examine().await;
    print(&findings, format)?;
    Ok(gravest(&findings))
}

fn print(findings: &[Finding], format: Format) -> anyhow::Result<()> {
    outputs::print(&match format {
        Format::Text => doctor::text(findings),
        Format::Json => doctor::json(findings),
        Format::Markdown => doctor::markdown(findings),
    })
}

/// The folders for results, each once.
fn folders(config: &Config) -> Vec<Finding> {
    let given = [
        ("OUTPUT_DIR", &config.output_dir),
        ("CODEBUNDLE_TEMP_DIR", &config.temp_dir),
    ];
    let mut findings = Vec::new();
    let mut known: Vec<&PathBuf> = Vec::new();
    for (variable, folder) in given {
        if let Some(folder) = folder.as_ref().filter(|folder| !known.contains(folder)) {
            known.push(folder);
            findings.push(match files::could_write(folder) {
                Ok(()) => Finding::ok("folder", format!("{variable}={folder:?} can be written to")),
                Err(error) => {
                    let detail = format!("{variable}={folder:?} cannot be written to: {error}");
                    let wrong = Finding::wrong("folder", Status::Configuration, detail);
                    wrong.fix(format!("set {variable} to a folder that can be written to"))
                }
            });
        }
    }
    if findings.is_empty() {
        let detail = "OUTPUT_DIR is not set, so acr-sync writes no files";
        findings.push(Finding::ok("folder", detail));
    }
    findings
}
