//! The log on stderr. Its lines do not tear the progress display.

use std::io::{self, Write};

use acr_sync_core::config::TargetLogin;
use acr_sync_core::report::Issue;
use indicatif::MultiProgress;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging at this level. Each line suspends the progress display.
pub(crate) fn start(level: &str, progress: &MultiProgress) {
    let level: LevelFilter = level.parse().unwrap_or(LevelFilter::INFO);
    // Libraries are left out: some of them log whole requests.
    let ours = ["acr_sync_core", "acr_sync_cli"].map(|target| (target, level));
    let writer = progress.clone();
    let layer = tracing_subscriber::fmt::layer()
        .with_target(false)
        .with_ansi(false)
        .with_timer(tracing_subscriber::fmt::time::uptime())
        .with_writer(move || LogWriter(writer.clone()));
    let filter = Targets::new()
        .with_targets(ours)
        .with_default(LevelFilter::OFF);
    // Fails only if the process has a subscriber already, which then stays in use.
    let _ = tracing_subscriber::registry()
        .with(layer)
        .with(filter)
        .try_init();
}

/// Logs which credentials are used, and which settings contain none.
pub(crate) fn login(login: &TargetLogin) {
    tracing::info!("credentials: {}", login.origin());
    for reason in login.azure().iter().flat_map(|login| &login.passed_over) {
        tracing::info!("credentials passed over: {reason}");
    }
}

/// Logs the title of each issue and what to do. The lines about the images contain the reason.
pub(crate) fn issues(issues: &[Issue]) {
    for issue in issues {
        let steps = issue.next_steps.replace('\n', ". ");
        let text = format!("{}. {steps}", issue.title);
        match issue.severity {
            4.. => tracing::info!("{text}"),
            0..=3 => tracing::warn!("{text}"),
        }
    }
}

struct LogWriter(MultiProgress);

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
