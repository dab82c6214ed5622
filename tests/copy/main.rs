//! `taskset` as it copies images from registry to registry.

mod bundle;
mod content;
mod fallback;
mod interruptions;
mod loads;
mod properties;
mod registries;
#[path = "../support/mod.rs"]
mod support;

use sandbox::{Sandbox, Scenario};
use support::Run;

const TASKSET: &str = env!("CARGO_BIN_EXE_taskset");

/// A run that copies.
fn copy(world: &Sandbox) -> Run<'_> {
    support::run(TASKSET, world).set("SYNC_METHOD", "copy")
}

fn start(scenario: Scenario) -> Sandbox {
    Sandbox::start(scenario).expect("a sandbox")
}
