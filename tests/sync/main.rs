//! `taskset` as a user sees it: what it imports, verifies and reports, also if Azure refuses, fails, hangs or is wrong.

mod catalog;
mod codecollections;
mod concurrent;
mod endings;
mod extra_images;
mod failures;
mod fleet;
mod import_failures;
mod imports;
mod log;
mod outcomes;
mod purged_children;
#[path = "../support/mod.rs"]
mod support;

const TASKSET: &str = env!("CARGO_BIN_EXE_taskset");
