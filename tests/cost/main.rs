//! What runs of `sli` cost: the requests of one run, and what many runs at once or in sequence leave.

mod ahead;
mod many_runs;
mod requests;
#[path = "../support/mod.rs"]
mod support;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

const SLI: &str = env!("CARGO_BIN_EXE_sli");

static MACHINE: RwLock<()> = RwLock::new(());

/// For a test that measures round trips: no test that occupies the machine runs meanwhile.
fn shared_machine() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

/// For a test that occupies the machine.
fn whole_machine() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}
