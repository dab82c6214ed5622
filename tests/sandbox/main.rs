//! The sandbox itself: its services respond as the real ones, its faults are real, and its demo works.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod catalog;
mod client;
mod demo;
mod faults;
mod imports;
mod plain_registry;
mod serve;
mod services;
mod uploads;
