//! The pipeline of azure-rw-acr-sync: which images a registry should contain, which it contains, and the
//! sync of the others.
//!
//! ```text
//! environment ─ config ─▶ Config                             pure, given two functions
//!  discover   Config          ─▶ Vec<Desired>    images that the destination should contain
//!  observe    Vec<Desired>    ─▶ Vec<Observed>   state of each image at its source and its destination
//!  plan       Vec<Observed>   ─▶ Plan            one verdict per image: pure
//!  apply      &Plan           ─▶ Vec<Outcome>    one outcome per import
//!  report     Plan + Outcomes ─▶ metric | JSON | Markdown | HTML | issues: pure
//! ```
//!
//! [`Run`](run::Run) calls these in order. Nothing here prints, writes a file or ends the process; the
//! executables do.

#![forbid(unsafe_code)]
#![expect(
    missing_docs,
    reason = "a crate for the executables of this workspace: a comment must say more than the name"
)]

mod apply;
mod azure;
mod background;
pub mod bundle;
mod catalog;
mod category;
pub mod chart;
mod check;
mod clients;
mod cloud;
pub mod config;
mod destination;
mod discover;
pub mod doctor;
mod event;
pub mod explain;
pub mod file;
pub mod layout;
pub mod metric;
mod name;
mod observe;
mod plan;
pub mod planned;
mod platform;
pub mod problem;
#[cfg(test)]
mod property_tests;
mod registry;
pub mod report;
pub mod run;
mod text;
pub mod wire;

pub use text::capitalized;
