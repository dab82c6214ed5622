//! `export` and `import`, the subcommands of `taskset` and `acr-sync` for images that cross an air gap in a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use acr_sync_core::bundle::{Export, Layout};
use acr_sync_core::planned::PlanFile;
use acr_sync_core::report::Report;
use acr_sync_core::run::Run;
use anyhow::Context as _;
use clap::parser::ValuesRef;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::commands::Session;
use crate::{files, log, plan_file};

/// What to do with which files.
pub(crate) enum Transfer {
    Export(ExportFiles),
    Import(ImportFile),
}

pub(crate) struct ImportFile {
    bundle: PathBuf,
    /// True if the bundle is only compared.
    is_dry_run: bool,
}

pub(crate) struct ExportFiles {
    /// The files that are read, which must not be replaced.
    sources: Vec<PathBuf>,
    plan: anyhow::Result<Box<PlanFile>>,
    /// Earlier bundles, whose blobs are left out.
    bases: Vec<PathBuf>,
    pub(crate) bundle: PathBuf,
}

impl ExportFiles {
    /// The plan, if it can be read.
    pub(crate) fn plan(&self) -> Option<&PlanFile> {
        self.plan.as_deref().ok()
    }
}

pub(crate) const EXPORT: &str = "export";
pub(crate) const IMPORT: &str = "import";
pub(crate) const ABOUT_EXPORT: &str = "Write what a plan imports into a file, for an air gap.";
pub(crate) const ABOUT_IMPORT: &str = "Import a file that export wrote, without the internet.";

/// Settings that an export does not use, which the short help leaves out.
pub(crate) const NOT_FOR_EXPORT: [&str; 6] = [
    "REGISTRY_NAME",
    "SYNC_IMAGES",
    "SYNC_METHOD",
    "IMAGES",
    "EXCLUDE_IMAGES",
    "OUTPUT_DIR",
];
/// The same for an import.
pub(crate) const NOT_FOR_IMPORT: [&str; 3] = ["SYNC_METHOD", "IMAGES", "EXCLUDE_IMAGES"];

impl Transfer {
    /// `None` for another subcommand.
    pub(crate) fn of(name: &str, options: &ArgMatches) -> Option<Self> {
        let paths = |name| {
            let paths: Option<ValuesRef<'_, PathBuf>> = options.get_many(name);
            paths.into_iter().flatten().cloned().collect::<Vec<_>>()
        };
        let bundle = || paths("bundle").pop().unwrap_or_default();
        match name {
            EXPORT => Some(Self::Export(ExportFiles {
                sources: ["plan", "base"].into_iter().flat_map(paths).collect(),
                plan: plan_file::read(options, "plan", "exported"),
                bases: paths("base"),
                bundle: bundle(),
            })),
            IMPORT => Some(Self::Import(ImportFile {
                bundle: bundle(),
                is_dry_run: is_dry_run(options),
            })),
            _ => None,
        }
    }
}

pub(crate) fn with_export_options(command: Command) -> Command {
    let plan = file("plan")
        .long("plan")
        .value_name("FILE")
        .help("The plan that `acr-sync plan -o` wrote.");
    let base = file("base")
        .long("base")
        .value_name("FILE")
        .required(false)
        .action(ArgAction::Append)
        .help("An earlier bundle, to be left out.")
        .long_help("An earlier bundle, which is imported before this one: its blobs are left out. May be given several times");
    command.args([plan, base, bundle("The file to write.")])
}

const DRY_RUN: &str = "dry-run";

/// The flag of `acr-sync`, which does not read `SYNC_IMAGES`.
pub(crate) fn dry_run() -> Arg {
    Arg::new(DRY_RUN)
        .long(DRY_RUN)
        .action(ArgAction::SetTrue)
        .help("Only compare; change nothing.")
}

fn is_dry_run(options: &ArgMatches) -> bool {
    let flag: Result<Option<&bool>, _> = options.try_get_one(DRY_RUN);
    flag.ok().flatten() == Some(&true)
}

pub(crate) fn with_import_options(command: Command) -> Command {
    command.arg(bundle("The file that `export` wrote."))
}

fn bundle(help: &'static str) -> Arg {
    file("bundle").value_name("BUNDLE").help(help)
}

fn file(name: &'static str) -> Arg {
    let parser = value_parser!(PathBuf);
    Arg::new(name).required(true).value_parser(parser)
}

/// Writes the bundle. Nothing else is written, and the destination is not contacted.
pub(crate) async fn export(session: &Session, files: ExportFiles) -> anyhow::Result<Export> {
    let ExportFiles {
        sources,
        plan,
        bases,
        bundle,
    } = files;
    let plan = plan?;
    let bases = bases.iter().map(|path| open(path, "used as the base"));
    let bases = bases.collect::<anyhow::Result<Vec<_>>>()?;
    let pending = files::Pending::new("the argument BUNDLE", &bundle, &sources)?;
    session.progress.show();
    let run = Run {
        config: &session.config,
        limit: session.limit.clone(),
        started: chrono::Utc::now(),
        on_event: &|event| session.progress.update(event),
    };
    let export = run.export(&plan, &bases, pending.file()).await;
    session.progress.finish();
    let export = export?;
    if export.file.is_some() {
        pending.keep()?;
    }
    log::exported(&export, &bundle);
    Ok(export)
}

/// Imports a bundle, or only compares it with the destination.
pub(crate) async fn import(session: &Session, file: &ImportFile) -> anyhow::Result<Report> {
    let bundle = open(&file.bundle, "imported")?;
    session.progress.show();
    let report = session
        .run(
            async |run| match session.config.sync_images && !file.is_dry_run {
                true => run.import_bundle(&bundle).await,
                false => run.check_bundle(&bundle).await,
            },
        )
        .await?;
    log::issues(&report.issues);
    Ok(report)
}

fn open(path: &Path, use_of_it: &str) -> anyhow::Result<Arc<Layout>> {
    let layout = Layout::open(path);
    let layout = layout.with_context(|| format!("{} cannot be {use_of_it}", path.display()))?;
    Ok(Arc::new(layout))
}
