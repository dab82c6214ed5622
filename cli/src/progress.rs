//! The progress of a run: one line on a terminal, and the log of its events.

use std::time::Duration;

use acr_sync_core::run::{Action, Ending, Entry, Event, Method, Outcome, Step, Verdict};
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
                plan.entries.iter().for_each(log_entry);
                for undiscovered in &plan.undiscovered {
                    let reason = undiscovered.problem.fact();
                    tracing::warn!("{}: Unknown: {reason}", undiscovered.what);
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

/// Logs everything known about an image in one line. The issues that follow do not repeat it.
fn log_entry(entry: &Entry) {
    let mut line = format!(
        "{}: {}: {}",
        entry.observed.short_name(),
        entry.verdict.name(),
        entry.reason()
    );
    if let Step::Blocked(problem) = &entry.step {
        line.push_str(&format!("; {}", problem.fact()));
    }
    if let Some(note) = &entry.note {
        line.push_str(&format!("; {note}"));
    }
    match (&entry.verdict, &entry.step) {
        (Verdict::Unknown(_) | Verdict::NotPublished(_), _) | (_, Step::Blocked(_)) => {
            tracing::warn!("{line}");
        }
        (
            Verdict::UpToDate | Verdict::Missing | Verdict::Outdated | Verdict::Drifted,
            Step::Nothing | Step::Import(_),
        ) => tracing::info!("{line}"),
    }
}

fn log_import(action: &Action, outcome: &Outcome) {
    let name = action.short_name();
    let seconds = outcome.duration.as_secs_f64();
    let (noun, done) = match outcome.attempt.method {
        Method::Import => ("import", "imported"),
        Method::Copy(_) => ("copy", "copied"),
    };
    match &outcome.attempt.ending {
        Ending::Imported => tracing::info!("{name}: {done} and verified in {seconds:.1} s"),
        Ending::Uncertain(problem) => {
            tracing::warn!("{name}: {noun} not confirmed: {}", problem.fact());
        }
        Ending::Failed(problem) => tracing::warn!("{name}: {noun} failed: {}", problem.fact()),
    }
}
