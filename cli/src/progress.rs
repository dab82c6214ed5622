//! The progress of a run: a line on a terminal, one more for each image that is copied, and the log of its events.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use acr_sync_core::run::{
    Action, CopyProgress, Ending, Entry, Event, Method, Outcome, Step, Verdict,
};
use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Hidden until it is shown, and always if stderr is not a terminal.
pub(crate) struct Progress {
    display: MultiProgress,
    bar: ProgressBar,
    copies: Mutex<Copies>,
}

/// The images that are or were copied.
#[derive(Default)]
struct Copies {
    bars: BTreeMap<String, ProgressBar>,
    read: BTreeMap<String, u64>,
    begun: Option<Instant>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let display = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        let bar = display.add(ProgressBar::no_length());
        bar.set_style(style("{spinner} {msg} {elapsed}"));
        Self {
            display,
            bar,
            copies: Mutex::default(),
        }
    }

    /// The display that a writer to stderr must suspend.
    pub(crate) fn display(&self) -> &MultiProgress {
        &self.display
    }

    pub(crate) fn show(&self) {
        self.display.set_draw_target(ProgressDrawTarget::stderr());
        self.bar.set_message("starting");
        self.bar.enable_steady_tick(Duration::from_millis(120));
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
        // A bar of an image that was interrupted.
        let _ = self.display.clear();
    }

    /// Logs an event and updates the display.
    pub(crate) fn update(&self, event: Event<'_>) {
        match event {
            Event::Checking(0) | Event::Importing(0) => {}
            Event::Checking(count) => {
                tracing::info!("checking {count} images");
                // The chart's images are added to those that are being checked.
                let known = self.bar.length().unwrap_or_default();
                self.write("checking", known + count as u64);
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
                self.write("importing", count as u64);
            }
            Event::Checked(_) => self.advance("checking"),
            Event::Copying(action, progress) => self.copying(action, progress),
            Event::Imported(action, outcome) => {
                self.end_copy(action, outcome);
                self.advance("importing");
                log_import(action, outcome);
            }
        }
    }

    fn advance(&self, activity: &str) {
        self.bar.inc(1);
        self.write(activity, self.bar.length().unwrap_or_default());
    }

    /// The line of all images, with the bytes and the rate of copies.
    fn write(&self, activity: &str, count: u64) {
        self.bar.set_length(count);
        let done = self.bar.position();
        let bytes = self.change(|copies| copies.total());
        self.bar
            .set_message(format!("{activity} images: {done} of {count} done{bytes}"));
    }

    /// The line of one image.
    fn copying(&self, action: &Action, progress: CopyProgress) {
        let name = action.short_name();
        self.change(|copies| {
            copies.begun.get_or_insert_with(Instant::now);
            copies.read.insert(name.clone(), progress.read);
            let bar = copies.bars.entry(name.clone()).or_insert_with(|| {
                let bar = self.display.add(ProgressBar::new(0));
                bar.set_style(style(
                    "  {msg:40!} {bar:20} {bytes}/{total_bytes} {bytes_per_sec}",
                ));
                bar.set_message(name);
                bar
            });
            bar.set_length(progress.total);
            bar.set_position(progress.done);
        });
        self.write("importing", self.bar.length().unwrap_or_default());
    }

    fn end_copy(&self, action: &Action, outcome: &Outcome) {
        let name = action.short_name();
        self.change(|copies| {
            if let Method::Copy(copied) = outcome.attempt.method {
                copies.begun.get_or_insert_with(Instant::now);
                copies.read.insert(name.clone(), copied.bytes_sent);
            }
            if let Some(bar) = copies.bars.remove(&name) {
                bar.finish_and_clear();
                self.display.remove(&bar);
            }
        });
    }

    fn change<T>(&self, change: impl FnOnce(&mut Copies) -> T) -> T {
        change(&mut self.copies.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Copies {
    /// `, 12.3 MiB copied (4.5 MiB/s)`; empty without copies.
    fn total(&self) -> String {
        let Some(begun) = self.begun else {
            return String::new();
        };
        let bytes: u64 = self.read.values().sum();
        let milliseconds = u64::try_from(begun.elapsed().as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        let rate = bytes.saturating_mul(1_000) / milliseconds;
        format!(", {} copied ({}/s)", HumanBytes(bytes), HumanBytes(rate))
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
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
