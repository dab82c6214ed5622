//! One run of an executable: its configuration, its folders, its end.

use std::time::{Duration, SystemTime};

use acr_sync_core::config::Config;
use acr_sync_core::metric::{self, Push};
use acr_sync_core::report::{FOLDER, Place, Report, Status, artifacts, html, markdown};
use acr_sync_core::run::{Ending, Event, Run};
use acr_sync_core::wire::Limit;
use indicatif::ProgressBar;
use tokio::sync::watch;

use crate::files;

/// One run of an executable.
pub struct Session {
    config: Config,
    limit: Limit,
    progress: ProgressBar,
}

impl Session {
    pub(crate) fn new(
        config: Config,
        progress: ProgressBar,
        interrupted: watch::Receiver<bool>,
    ) -> Self {
        let limit = Limit::new(config.timeout, interrupted);
        Self {
            config,
            limit,
            progress,
        }
    }

    /// Checks that results can be written, and removes what earlier runs that were killed left half written.
    pub(crate) fn prepare_folders(&self) -> Result<(), files::NotWritable> {
        let Config {
            output_dir,
            temp_dir,
            ..
        } = &self.config;
        let artifacts = output_dir.join(FOLDER);
        files::check_writable("OUTPUT_DIR", &artifacts)?;
        files::check_writable("CODEBUNDLE_TEMP_DIR", temp_dir)?;
        for folder in [output_dir, &artifacts, temp_dir] {
            files::remove_leftovers(folder, SystemTime::now());
        }
        Ok(())
    }

    /// Shows on a terminal what the run waits for.
    pub fn show_progress(&self) {
        self.progress.set_message("starting");
        self.progress.enable_steady_tick(Duration::from_millis(120));
    }

    /// Looks, plans and, when that is configured, imports; what happens goes to the log.
    ///
    /// # Errors
    /// When no connection can be set up.
    pub async fn run(&self) -> anyhow::Result<Report> {
        let login = &self.config.login;
        tracing::info!("credentials: {}", login.origin);
        login
            .passed_over
            .iter()
            .for_each(|reason| tracing::info!("credentials passed over: {reason}"));
        let started = chrono::Utc::now();
        let run = Run {
            config: &self.config,
            limit: self.limit.clone(),
            started,
            on_event: &|event| self.tell(event),
        };
        let report = if self.config.sync_images {
            run.sync().await
        } else {
            run.check().await
        };
        self.progress.finish_and_clear();
        let report = report?;
        for issue in &report.issues {
            let advice = issue.next_steps.replace('\n', "; ");
            let text = format!("{}: {}; {advice}", issue.title, issue.actual);
            match issue.severity {
                4.. => tracing::info!("{text}"),
                0..=3 => tracing::warn!("{text}"),
            }
        }
        Ok(report)
    }

    /// Writes the JSON artifacts.
    ///
    /// # Errors
    /// When one of them cannot be written whole.
    pub fn write_artifacts(&self, report: &Report) -> anyhow::Result<()> {
        // One that cannot be written must not keep the others from it.
        let mut written = Ok(());
        for artifact in artifacts(report) {
            let folder = match artifact.place {
                Place::Output => &self.config.output_dir,
                Place::Temp => &self.config.temp_dir,
            };
            written = written.and(files::write(
                &folder.join(&artifact.path),
                &artifact.content,
            ));
        }
        written
    }

    /// Writes `report.md` and `report.html`.
    ///
    /// # Errors
    /// When one of them cannot be rendered or written whole.
    pub fn write_reports(&self, report: &Report) -> anyhow::Result<()> {
        files::write(
            &self.config.output_dir.join("report.md"),
            &markdown(report)?,
        )?;
        files::write(&self.config.output_dir.join("report.html"), &html(report)?)
    }

    /// Pushes the number where that is configured, and says how the run ends.
    ///
    /// # Errors
    /// When no connection can be set up.
    pub async fn push_metric(&self, report: &Report) -> anyhow::Result<Status> {
        match metric::push(&self.config, report, &self.limit).await? {
            Push::NotAsked => {}
            Push::NoNumber => tracing::warn!("nothing is pushed: the check is incomplete"),
            Push::Taken => tracing::info!("the metric is pushed"),
            Push::Failed(problem) => {
                tracing::error!("the metric could not be pushed: {problem}");
                if report.status() == Status::Complete {
                    return Ok(Status::NotPushed);
                }
            }
        }
        Ok(report.status())
    }

    fn tell(&self, event: Event<'_>) {
        match event {
            Event::Checking(0) | Event::Importing(0) => {}
            Event::Checking(count) => {
                tracing::info!("checking {count} images");
                // The chart's images join those that are looked at already.
                let known = self.progress.length().unwrap_or_default();
                self.show("checking", known + count as u64);
            }
            Event::Planned(plan) => {
                for entry in &plan.entries {
                    tracing::info!(
                        "{}: {}: {}",
                        entry.observed.desired.source,
                        entry.verdict.name(),
                        entry.reason
                    );
                }
            }
            Event::Importing(count) => {
                tracing::info!("importing {count} images");
                self.progress.set_position(0);
                self.show("importing", count as u64);
            }
            Event::Checked(_) => self.step("checking"),
            Event::Imported(action, outcome) => {
                self.step("importing");
                self.tell_import(
                    &action.source.to_string(),
                    &outcome.ending,
                    outcome.duration,
                );
            }
        }
    }

    fn tell_import(&self, source: &str, ending: &Ending, duration: Duration) {
        let seconds = duration.as_secs_f64();
        match ending {
            Ending::Imported => tracing::info!("imported and verified in {seconds:.1} s: {source}"),
            Ending::Uncertain(problem) => tracing::warn!("not confirmed: {source}: {problem}"),
            Ending::Failed(problem) => tracing::warn!("not imported: {source}: {problem}"),
        }
    }

    fn step(&self, what: &str) {
        self.progress.inc(1);
        self.show(what, self.progress.length().unwrap_or_default());
    }

    fn show(&self, what: &str, count: u64) {
        self.progress.set_length(count);
        let done = self.progress.position();
        self.progress
            .set_message(format!("{what} images: {done} of {count} done"));
    }
}
