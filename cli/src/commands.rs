//! The commands of the executables: the order in which a run's results are printed, written and pushed.

use acr_sync_core::config::Config;
use acr_sync_core::metric::{self, Push};
use acr_sync_core::report::{Report, Status, markdown};
use acr_sync_core::run::Run;
use acr_sync_core::wire::Limit;

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
    let report = session.run().await?;
    // The number is printed even if a file cannot be written.
    let files = outputs::write_artifacts(&session.config, &report);
    if let Some(number) = report.metric() {
        outputs::print(&format!("{number}\n"))?;
    }
    let status = session.push_metric(&report).await;
    files?;
    status
}

/// The task: syncs the images that are missing or outdated, and reports.
pub(crate) async fn taskset(session: &Session) -> anyhow::Result<Status> {
    session.progress.show();
    let report = session.run().await?;
    // The report is printed even if a file cannot be written, and written even if stdout is closed.
    let files = outputs::write_artifacts(&session.config, &report)
        .and(outputs::write_reports(&session.config, &report));
    outputs::print(&markdown(&report)?)?;
    files?;
    Ok(report.status())
}

impl Session {
    /// Checks all images, and imports if that is configured. Events go to the log.
    async fn run(&self) -> anyhow::Result<Report> {
        log::login(&self.config.login);
        let run = Run {
            config: &self.config,
            limit: self.limit.clone(),
            started: chrono::Utc::now(),
            on_event: &|event| self.progress.update(event),
        };
        let report = if self.config.sync_images {
            run.sync().await
        } else {
            run.check().await
        };
        self.progress.finish();
        let report = report?;
        log::issues(&report.issues);
        Ok(report)
    }

    /// Pushes the number if that is configured, and returns the status of the run.
    async fn push_metric(&self, report: &Report) -> anyhow::Result<Status> {
        match metric::push(&self.config, report, &self.limit).await? {
            Push::Disabled => {}
            Push::NoNumber => tracing::warn!("nothing is pushed: the check is incomplete"),
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
