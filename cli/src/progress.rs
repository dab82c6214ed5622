//! The progress of a run: a line on a terminal, one more for each image that is copied, and the log of its events.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use acr_sync_core::config::Target;
use acr_sync_core::run::{
    Action, CopyProgress, Entry, Event, Method, Outcome, Plan, Step, TargetId,
};
use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::log::ImageLine;

/// Hidden until it is shown, and always if stderr is not a terminal.
pub(crate) struct Progress {
    display: MultiProgress,
    bar: ProgressBar,
    state: Mutex<State>,
    /// The names of the registries if there are several.
    registries: Vec<String>,
}

/// An image at a registry.
type Key = (TargetId, String);

#[derive(Default)]
struct State {
    /// The lists of images that are not known yet.
    lists: usize,
    /// The images of the lists that are known.
    images: usize,
    /// The images that are or were imported.
    imports: usize,
    /// The lines of the images that are being imported.
    lines: BTreeMap<Key, ImageLine>,
    // The images that are or were copied.
    bars: BTreeMap<Key, ProgressBar>,
    read: BTreeMap<Key, u64>,
    begun: Option<Instant>,
}

impl Progress {
    pub(crate) fn new(targets: &[Target]) -> Self {
        let names = targets.iter();
        let names = names.map(|target| target.registry.as_str().to_owned());
        let display = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        let bar = display.add(ProgressBar::no_length());
        bar.set_style(style("{spinner} {msg} {elapsed}"));
        Self {
            display,
            bar,
            state: Mutex::default(),
            registries: match targets.len() {
                0 | 1 => Vec::new(),
                _ => names.collect(),
            },
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
            Event::Listing(count) => self.change(|state| state.lists = count),
            Event::Listed(count) => self.listed(count),
            Event::Checked(_, _) => {
                self.bar.inc(1);
                self.write("checking");
            }
            Event::Planned(target, plan) => {
                plan.entries
                    .iter()
                    .for_each(|entry| self.checked(target, entry).log());
                self.log_undiscovered(target, plan);
            }
            Event::Importing(target, plan) => self.importing(target, plan),
            Event::Copying(target, action, progress) => self.copying(target, action, progress),
            Event::Exporting { written, total } => {
                let (written, total) = (HumanBytes(written), HumanBytes(total));
                self.bar
                    .set_message(format!("writing the bundle: {written} of {total}"));
            }
            Event::Imported(target, action, outcome) => {
                let line = self.end_copy(target, action, outcome);
                self.bar.inc(1);
                self.write("importing");
                if let Some(line) = line {
                    line.imported(outcome).log();
                }
            }
        }
    }

    /// The number of images is shown when all lists are known, so that it does not grow.
    fn listed(&self, count: usize) {
        let total = self.change(|state| {
            state.lists = state.lists.saturating_sub(1);
            state.images += count;
            (state.lists == 0).then_some(state.images)
        });
        if let Some(total) = total {
            tracing::info!("checking {}", images(total));
            self.bar.set_length(total as u64);
        }
        self.write("checking");
    }

    /// An image that is imported has its line when the import ends.
    fn importing(&self, target: TargetId, plan: &Plan) {
        let mut count = 0;
        for entry in &plan.entries {
            let line = self.checked(target, entry);
            match &entry.step {
                Step::Import(action) => {
                    count += 1;
                    let key = (target, action.short_name());
                    self.change(|state| state.lines.insert(key, line));
                }
                Step::Nothing | Step::Blocked(_) => line.log(),
            }
        }
        self.log_undiscovered(target, plan);
        if count > 0 {
            let place = self.registry(target);
            let place = place.map_or_else(String::new, |name| format!(" into {name}"));
            tracing::info!("importing {}{place}", images(count));
            // Imports of the first registry may begin while others are checked, so that the numbers are added.
            let total = self.change(|state| {
                state.imports += count;
                state.imports
            });
            if total == count {
                self.bar.set_position(0);
            }
            self.bar.set_length(total as u64);
            self.write("importing");
        }
    }

    /// The line of all images, with the bytes and the rate of state.
    fn write(&self, activity: &str) {
        let done = self.bar.position();
        let of = self.bar.length().map(|count| format!(" of {count}"));
        let of = of.unwrap_or_default();
        let bytes = self.change(|state| state.total());
        self.bar
            .set_message(format!("{activity} images: {done}{of} done{bytes}"));
    }

    /// The line of one image.
    fn copying(&self, target: TargetId, action: &Action, progress: CopyProgress) {
        let name = match self.registry(target) {
            Some(registry) => format!("{} in {registry}", action.short_name()),
            None => action.short_name(),
        };
        let key = (target, action.short_name());
        self.change(|state| {
            state.begun.get_or_insert_with(Instant::now);
            state.read.insert(key.clone(), progress.read);
            let bar = state.bars.entry(key).or_insert_with(|| {
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
        self.write("importing");
    }

    /// Removes the line of one image. Returns its line for the log.
    fn end_copy(&self, target: TargetId, action: &Action, outcome: &Outcome) -> Option<ImageLine> {
        let key = (target, action.short_name());
        self.change(|state| {
            if let Method::Copy(copied) = outcome.attempt.method {
                state.begun.get_or_insert_with(Instant::now);
                state.read.insert(key.clone(), copied.bytes_sent);
            }
            if let Some(bar) = state.bars.remove(&key) {
                bar.finish_and_clear();
                self.display.remove(&bar);
            }
            state.lines.remove(&key)
        })
    }

    /// The name of a registry if there are several.
    fn registry(&self, TargetId(position): TargetId) -> Option<&str> {
        self.registries.get(position).map(String::as_str)
    }

    fn checked(&self, target: TargetId, entry: &Entry) -> ImageLine {
        ImageLine::checked(entry).in_registry(self.registry(target))
    }

    fn log_undiscovered(&self, target: TargetId, plan: &Plan) {
        // It is the same for all registries.
        if target != TargetId::default() {
            return;
        }
        for one in &plan.undiscovered {
            ImageLine::undiscovered(&one.what, &one.problem).log();
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// `, 12.3 MiB copied (4.5 MiB/s)`; empty without state.
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

fn images(count: usize) -> String {
    match count {
        1 => "1 image".to_owned(),
        _ => format!("{count} images"),
    }
}
