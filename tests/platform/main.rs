//! Tests that need programs which a machine may not have: RunWhen's platform in Python, a terminal, the published chart.
//!
//! They run under `libtest-mimic`, which reports a test whose tool is absent as ignored (`support/needs.rs`).

mod docker_registry;
#[path = "../support/needs.rs"]
mod needs;
mod python;
#[path = "../support/mod.rs"]
mod support;
mod tools;

use std::process::ExitCode;

use libtest_mimic::Arguments;

const TASKSET: &str = env!("CARGO_BIN_EXE_taskset");

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = python::trials(&arguments);
    trials.extend(tools::trials());
    trials.extend(docker_registry::trials());
    libtest_mimic::run(&arguments, trials).exit_code()
}
