//! The commands of `sli` and `taskset`: the order in which a run's results are printed, written and pushed.

use std::path::PathBuf;

use acr_sync_core::config::Config;
use acr_sync_core::metric::{self, Push};
use acr_sync_core::planned::PlanFile;
use acr_sync_core::report::{Report, Status, markdown};
use acr_sync_core::run::{Plan, Run};
use acr_sync_core::wire::Limit;

use crate::bundle::{self, Transfer};
use crate::log;
use crate::outputs;
use crate::progress::Progress;

/// The parts of a process that its command uses.
pub(crate) struct Session {
    pub(crate) config: Config,
    pub(crate) limit: Limit,
    pub(crate) progress: Progress,
}

/// The indicator: prints how many images need a sync, or nothing if that is not known.
pub(crate) async fn sli(session: &Session) -> anyhow::Result<Status> {
    let report = session.check_or_sync().await?;
    // The number is printed even if a file cannot be written.
    let files = outputs::write_artifacts(&session.config, &report);
    session.close(&report, &files, "sli.json");
    let number = report.metric();
    let printed = number.map_or(Ok(()), |number| outputs::print(&format!("{number}\n")));
    let status = match &printed {
        Ok(()) => session.push_metric(&report).await,
        Err(_) => Ok(report.status()),
    };
    session.finish(&report, printed.and(files).and(status))
}

/// The task: syncs the images that are missing or outdated, and reports.
pub(crate) async fn taskset(session: &Session) -> anyhow::Result<Status> {
    session.progress.show();
    let report = session.check_or_sync().await?;
    session.finish_task(&report)
}

/// The task with a bundle: exports images to it, or imports those in it.
pub(crate) async fn taskset_with(session: &Session, transfer: Transfer) -> anyhow::Result<Status> {
    match transfer {
        Transfer::Export(files) => {
            let path = files.bundle.clone();
            let export = bundle::export(session, files).await?;
            outputs::print(&acr_sync_core::bundle::text(&export, &path))?;
            Ok(export.status())
        }
        Transfer::Import(file) => {
            let report = bundle::import(session, &file).await?;
            session.finish_task(&report)
        }
    }
}

impl Session {
    /// Writes and prints the report of the task. It is printed even if a file cannot be written, and written even if stdout is
    /// closed.
    fn finish_task(&self, report: &Report) -> anyhow::Result<Status> {
        let files = self.write(report);
        let printed = outputs::print(&markdown(report)?);
        let status = report.status();
        self.finish(report, printed.and(files).map(|()| status))
    }

    /// Checks all images, and imports if that is configured.
    async fn check_or_sync(&self) -> anyhow::Result<Report> {
        if self.config.sync_images {
            self.sync().await
        } else {
            Ok(self.check().await?.1)
        }
    }

    /// Checks all images, and returns a plan for each registry. Events go to the log.
    pub(crate) async fn check(&self) -> anyhow::Result<(Vec<Plan>, Report)> {
        let checked = self.run(async |run| run.check().await).await?;
        log::issues(&checked.1.issues);
        Ok(checked)
    }

    /// Imports the images that are missing or outdated. Events go to the log.
    pub(crate) async fn sync(&self) -> anyhow::Result<Report> {
        let report = self.run(async |run| run.sync().await).await?;
        log::issues(&report.issues);
        Ok(report)
    }

    /// Imports what a plan says. Events go to the log.
    pub(crate) async fn apply(&self, file: &PlanFile) -> anyhow::Result<Report> {
        let report = self.run(async |run| run.apply(file).await).await?;
        log::issues(&report.issues);
        Ok(report)
    }

    pub(crate) async fn run<T, E>(
        &self,
        work: impl AsyncFnOnce(&Run<'_>) -> Result<T, E>,
    ) -> anyhow::Result<T>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        outputs::prepare_folders(&self.config)?;
        log::logins(&self.config.targets);
        let run = Run {
            config: &self.config,
            limit: self.limit.clone(),
            started: chrono::Utc::now(),
            on_event: &|event| self.progress.update(event),
        };
        let result = work(&run).await;
        self.progress.finish();
        Ok(result?)
    }

    /// Writes the metrics, which contain the exit code, as the last file.
    pub(crate) fn finish(
        &self,
        report: &Report,
        end: anyhow::Result<Status>,
    ) -> anyhow::Result<Status> {
        let status = *end.as_ref().unwrap_or(&Status::Internal);
        let written = outputs::write_metrics(&self.config, report, status);
        end.and_then(|status| written.map(|()| status))
    }

    /// Writes the artifacts and reports, and logs the last line about them.
    pub(crate) fn write(&self, report: &Report) -> anyhow::Result<()> {
        let written = outputs::write_artifacts(&self.config, report)
            .and(outputs::write_reports(&self.config, report));
        self.close(report, &written, outputs::MARKDOWN);
        written
    }

    /// Logs the last line about the results, before they are printed: stdout of a pod ends with them.
    fn close(&self, report: &Report, written: &anyhow::Result<()>, file: &str) {
        let path = self.path_of(report, file).filter(|_| written.is_ok());
        log::closing(report, path.as_deref());
    }

    /// The path of one of the run's own files; `None` if files are not written.
    pub(crate) fn path_of(&self, report: &Report, file: &str) -> Option<PathBuf> {
        let folder = self.config.output_dir.as_ref()?;
        Some(folder.join(&report.folder).join(file))
    }

    /// Pushes the number if that is configured, and returns the status of the run.
    async fn push_metric(&self, report: &Report) -> anyhow::Result<Status> {
        match metric::push(&self.config, report, &self.limit).await? {
            Push::Disabled => {}
            Push::NoNumber => tracing::warn!("nothing is pushed: the check is incomplete"),
            Push::WithoutTotal(known) => tracing::warn!(
                "the total is not pushed: the check is incomplete; the numbers of {known} registries are"
            ),
            Push::Accepted => tracing::info!("the metric is pushed"),
            Push::Failed(problem) => {
                tracing::error!("the metric could not be pushed: {problem}");
                if report.status() == Status::Complete {
                    return Ok(Status::NotPushed);
                }
            }
        }
        Ok(report.status())
    }
}
