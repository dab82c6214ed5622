//! The pipeline of azure-rw-acr-sync: what should stand in an Azure Container Registry, what does, and how
//! to get there.
//!
//! ```text
//! environment ─ config ─▶ Config                             pure, given two functions
//!  discover   Config          ─▶ Vec<Desired>    what should stand in the ACR
//!  observe    Vec<Desired>    ─▶ Vec<Observed>   what is published, what the ACR has
//!  plan       Vec<Observed>   ─▶ Plan            one verdict per image: pure
//!  apply      &Plan           ─▶ Vec<Outcome>    one outcome per import
//!  report     Plan + Outcomes ─▶ metric | JSON | Markdown | HTML | issues: pure
//! ```
//!
//! [`Run`](run::Run) is all of it in order. Nothing here prints, writes a file or ends the process: that
//! is the executables' part.

#![forbid(unsafe_code)]

mod apply;
mod azure;
pub mod chart;
mod check;
mod clients;
mod cloud;
pub mod config;
mod destination;
mod discover;
mod event;
pub mod file;
pub mod metric;
mod name;
mod observe;
mod plan;
mod platform;
pub mod problem;
#[cfg(test)]
mod property_tests;
mod registry;
pub mod report;
pub mod run;
mod text;
pub mod wire;
