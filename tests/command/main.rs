//! `acr-sync`, the command for people.

mod bundle;
mod check;
mod doctor;
mod documents;
mod explain;
mod extra_charts;
mod extra_images;
mod fleet;
mod plan;
mod reference;
#[path = "../support/mod.rs"]
mod support;
mod version;

use sandbox::{Sandbox, Scenario};

use support::Run;

const ACR_SYNC: &str = env!("CARGO_BIN_EXE_acr-sync");

fn world() -> Sandbox {
    Sandbox::start(Scenario::default()).expect("a sandbox")
}

fn world_of(scenario: &str) -> Sandbox {
    Sandbox::start(Scenario::named(scenario).expect("a scenario")).expect("a sandbox")
}

/// A subcommand with the sandbox's environment, without a folder for files.
fn acr_sync<'a>(world: &'a Sandbox, arguments: &[&str]) -> Run<'a> {
    support::run(ACR_SYNC, world)
        .unset(&["OUTPUT_DIR"])
        .arguments(arguments)
}
