//! `sli` as a user sees it: its number, its artifacts, which tags it chooses, and what it reports when a service, the
//! network or this machine fails.

mod age;
mod catalog;
mod catalog_failures;
mod exclusions;
mod extra_images;
mod failures;
mod fleet;
mod issues;
mod jq;
mod machine;
mod outputs;
mod registry_responses;
mod selection;
#[path = "../support/mod.rs"]
mod support;

const SLI: &str = env!("CARGO_BIN_EXE_sli");
