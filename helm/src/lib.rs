//! Renders Helm charts without Helm: chart and values in, rendered files out.
//!
//! A chart is loaded from a folder or an archive ([`Chart`]), values are merged as Helm merges them ([`Values`]), and
//! [`render`] gives what Helm's own engine returns: the text of every template by its path. [`Rendered::manifest`] is
//! what `helm template` prints, [`Rendered::images`] the container images in it and what wants them.
//!
//! Nothing here opens a connection, reads the environment or the clock, or calls another program. `lookup` finds
//! nothing, `getHostByName` resolves nothing, and "random" values are the same ones for the same chart and release. A
//! chart may come from anywhere: [`Limits`] cap what it can cost.

#![forbid(unsafe_code)]

mod capabilities;
mod chart;
mod dependency;
mod error;
mod exec;
mod failure;
mod functions;
mod images;
mod json;
mod limits;
mod manifest;
mod patterns;
#[cfg(test)]
mod property_tests;
mod render;
mod schema;
mod state;
mod strconv;
mod template;
mod time;
mod value;
mod values;
mod versions;
mod yaml;

pub use capabilities::Capabilities;
pub use chart::{Chart, Metadata};
pub use dependency::Dependency;
pub use error::Error;
pub use failure::TemplatePlace;
pub use images::{ImageUse, Wanted};
pub use limits::Limits;
pub use render::{Release, Rendered, render, render_within};
pub use values::Values;
pub use versions::{is_version_constraint, newest_version};
