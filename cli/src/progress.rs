//! The progress of a run: one line on a terminal, and the log of its events.

use std::time::Duration;

use acr_sync_core::run::Event;
use acr_sync_core::run::{Action, Ending, Outcome};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Hidden until it is shown, and always if stderr is not a terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(
            ProgressStyle::with_template("{spinner} {msg} {elapsed}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        Self { bar }
    }

    /// The display that a writer to stderr must suspend.
    pub(crate) fn bar(&self) -> &ProgressBar {
        &self.bar
    }

    pub(crate) fn show(&self) {
        self.bar.set_message("starting");
        self.bar.enable_steady_tick(Duration::from_millis(120));
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Logs an event and updates the display.
    pub(crate) fn update(&self, event: Event<'_>) {
        match event {
            Event::Checking(0) | Event::Importing(0) => {}
            Event::Checking(count) => {
                tracing::info!("checking {count} images");
                // The chart's images are added to those that are being checked.
                let known = self.bar.length().unwrap_or_default();
                self.display("checking", known + count as u64);
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
                self.bar.set_position(0);
                self.display("importing", count as u64);
            }
            Event::Checked(_) => self.advance("checking"),
            Event::Imported(action, outcome) => {
                self.advance("importing");
                log_import(action, outcome);
            }
        }
    }

    fn advance(&self, activity: &str) {
        self.bar.inc(1);
        self.display(activity, self.bar.length().unwrap_or_default());
    }

    fn display(&self, activity: &str, count: u64) {
        self.bar.set_length(count);
        let done = self.bar.position();
        self.bar
            .set_message(format!("{activity} images: {done} of {count} done"));
    }
}

fn log_import(action: &Action, outcome: &Outcome) {
    let source = &action.source;
    let seconds = outcome.duration.as_secs_f64();
    match &outcome.ending {
        Ending::Imported => tracing::info!("imported and verified in {seconds:.1} s: {source}"),
        Ending::Uncertain(problem) => tracing::warn!("not confirmed: {source}: {problem}"),
        Ending::Failed(problem) => tracing::warn!("not imported: {source}: {problem}"),
    }
}
