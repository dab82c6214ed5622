//! The promises of SECURITY.md: hostile services, secrets, credentials, and the limits of what a response may cost.

mod bounds;
mod credentials;
mod document;
mod imports;
mod registries;
mod secrets;
#[path = "../support/mod.rs"]
mod support;

use std::sync::LazyLock;

const SLI: &str = env!("CARGO_BIN_EXE_sli");
static TASKSET: LazyLock<String> = LazyLock::new(|| support::executables::next_to(SLI, "taskset"));
