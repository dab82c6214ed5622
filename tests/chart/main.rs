//! The images of the `runwhen-local` chart: which images the chart names, their verdicts, and what `sli` reports if the
//! chart cannot be read. The same for other charts.

mod extra;
mod failures;
mod images;
mod logins;
#[path = "../support/mod.rs"]
mod support;
mod verdicts;

const SLI: &str = env!("CARGO_BIN_EXE_sli");
