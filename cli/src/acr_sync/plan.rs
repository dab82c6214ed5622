//! `acr-sync plan` and `acr-sync apply`.

use std::path::{Path, PathBuf};

use acr_sync_core::planned::{self, PlanFile};
use acr_sync_core::report::{Status, markdown, text};
use clap::{Arg, ArgMatches, Command, value_parser};

use super::Format;
use super::check::finish;
use crate::commands::Session;
use crate::{files, outputs, settings};

/// The options of `plan`.
pub(super) fn with_plan_options(command: Command) -> Command {
    let file = Arg::new("plan-file")
        .short('o')
        .long("plan-file")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("Write the plan to this file.");
    command.arg(file)
}

/// The options of `apply`.
pub(super) fn with_apply_options(command: Command) -> Command {
    let file = Arg::new("plan-file")
        .value_name("FILE")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help("The plan that `plan -o` wrote.");
    settings::without_in_short_help(command.arg(file), &["IMAGES", "EXCLUDE_IMAGES"])
}

/// The file of `-o`.
pub(super) fn file(options: &ArgMatches) -> Option<PathBuf> {
    options.get_one("plan-file").cloned()
}

/// Writes what an apply would do, and changes nothing.
pub(super) async fn plan(
    session: &Session,
    format: Format,
    path: Option<&Path>,
) -> anyhow::Result<Status> {
    session.progress.show();
    let (plans, report) = session.check().await?;
    // `config` refuses several registries.
    let plan = plans.into_iter().next().unwrap_or_default();
    let file = planned::file(&session.config, &plan, &report);
    let results = session.write(&report);
    // As in other programs, `-` is stdout.
    let (path, format) = match path.filter(|path| *path == Path::new("-")) {
        Some(_) => (None, Format::Json),
        None => (path, format),
    };
    let written = path.map_or(Ok(()), |path| files::write(path, &file.text()));
    let printed = outputs::print(&match format {
        Format::Text => format!("{}{}", text(&report), next(path, &file)),
        Format::Json => file.text(),
        Format::Markdown => markdown(&report)?,
    });
    let end = printed.and(written).and(results);
    session.finish(&report, end.map(|()| report.status()))
}

/// The line that says where the plan is, and how to apply it.
fn next(path: Option<&Path>, file: &PlanFile) -> String {
    match path {
        Some(path) if file.registry.is_none() => {
            let path = path.display();
            format!(
                "\nThe plan in {path} cannot be applied, because the registry could not be read.\n"
            )
        }
        Some(path) => {
            let path = path.display();
            format!("\nThe plan is in {path}. Apply it with: acr-sync apply {path}\n")
        }
        None => "\nWrite the plan with -o FILE, to apply it later.\n".to_owned(),
    }
}

/// Imports what a plan says, where nothing has moved since.
pub(super) async fn apply(
    session: &Session,
    format: Format,
    plan: anyhow::Result<Box<PlanFile>>,
) -> anyhow::Result<Status> {
    let plan = plan?;
    session.progress.show();
    let report = session.apply(&plan).await?;
    finish(session, &report, format)
}
