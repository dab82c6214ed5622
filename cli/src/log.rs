//! The log: lines on stderr that do not tear the progress display.

use std::io::{self, Write};

use acr_sync_core::config::Config;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Begins to log, and gives the progress display that goes with it: hidden until it is used, and always
/// where stderr is no terminal.
pub(crate) fn start(config: &Config) -> ProgressBar {
    let progress = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    progress.set_style(
        ProgressStyle::with_template("{spinner} {msg} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    let level: LevelFilter = config.log_level.parse().unwrap_or(LevelFilter::INFO);
    // Libraries are not heard: some log whole requests.
    let ours = ["acr_sync_core", "acr_sync_cli", "sli", "taskset"].map(|target| (target, level));
    let writer = progress.clone();
    let layer = tracing_subscriber::fmt::layer()
        .with_target(false)
        .with_ansi(false)
        .with_timer(tracing_subscriber::fmt::time::uptime())
        .with_writer(move || LogWriter(writer.clone()));
    let filter = Targets::new()
        .with_targets(ours)
        .with_default(LevelFilter::OFF);
    // A second subscriber in one process would be refused, and the first goes on.
    let _ = tracing_subscriber::registry()
        .with(layer)
        .with(filter)
        .try_init();
    progress
}

struct LogWriter(ProgressBar);

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
