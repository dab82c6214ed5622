//! The log on stderr. Its lines do not tear the progress display.

mod format;
mod results;

use std::io::{self, IsTerminal as _, Write};

use acr_sync_core::config::{Color, Config, LogFormat, Program, Target};
use indicatif::MultiProgress;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use format::{Levels, Lines};
pub(crate) use results::{ImageLine, closing, exported, issues};

/// The settings of the log.
pub(crate) struct Settings<'a> {
    pub(crate) program: Program,
    pub(crate) level: &'a str,
    pub(crate) format: LogFormat,
    pub(crate) color: Color,
}

impl<'a> Settings<'a> {
    pub(crate) fn of(config: &'a Config) -> Self {
        Self {
            program: config.program,
            level: &config.log_level,
            format: config.log_format,
            color: config.color,
        }
    }
}

/// Starts logging. Each line suspends the progress display.
pub(crate) fn start(settings: &Settings<'_>, progress: &MultiProgress) {
    let Settings {
        program,
        level,
        format,
        color,
    } = settings;
    let level: LevelFilter = level.parse().unwrap_or(LevelFilter::INFO);
    // Libraries are left out: some of them log whole requests.
    let ours = ["acr_sync_core", "acr_sync_cli"].map(|target| (target, level));
    let of_results = match program {
        Program::AcrSync if level < LevelFilter::INFO => LevelFilter::OFF,
        Program::AcrSync | Program::Sli | Program::Taskset => level,
    };
    let writer = progress.clone();
    let layer = tracing_subscriber::fmt::layer()
        .event_format(Lines {
            format: *format,
            levels: levels(*format, *color),
        })
        .with_writer(move || LogWriter(writer.clone()));
    let filter = Targets::new()
        .with_targets(ours)
        .with_target(results::TARGET, of_results)
        .with_default(LevelFilter::OFF);
    // Fails only if the process has a subscriber already, which then stays in use.
    let _ = tracing_subscriber::registry()
        .with(layer)
        .with(filter)
        .try_init();
}

/// Colours are for a person who reads the log on a terminal.
fn levels(format: LogFormat, color: Color) -> Levels {
    match (format, color, io::stderr().is_terminal()) {
        (LogFormat::Text, Color::Allowed, true) => Levels::Colored,
        (LogFormat::Text, _, _) | (LogFormat::Json, _, _) => Levels::Plain,
    }
}

/// Logs which credentials are used, and which settings contain none.
pub(crate) fn logins(targets: &[Target]) {
    let mut origins: Vec<&str> = Vec::new();
    for Target { registry: _, login } in targets {
        // Several registries mostly have the same login.
        if origins.contains(&login.origin()) {
            continue;
        }
        origins.push(login.origin());
        tracing::info!("credentials: {}", login.origin());
        for reason in login.azure().iter().flat_map(|login| &login.passed_over) {
            tracing::info!("credentials passed over: {reason}");
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
