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

const TASKSET: &str = env!("CARGO_BIN_EXE_taskset");

fn main() -> ExitCode {
    let arguments = needs::arguments();
    let mut trials = tools::trials();
    trials.extend(docker_registry::trials());
    // Last, because the first of them runs them all while the others wait.
    trials.extend(python::trials(&arguments));
    libtest_mimic::run(&arguments, trials).exit_code()
}
