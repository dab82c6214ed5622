//! Renders Helm charts without Helm: chart and values in, rendered files out.
//!
//! A chart is loaded from a folder or an archive ([`Chart`]), values are merged as Helm merges them ([`Values`]), and
//! [`render`] returns what Helm's engine returns: the text of every template by its path. [`Rendered::manifest`] is the
//! output of `helm template`; [`Rendered::images`] are the container images in it, with the resources that use them.
//! [`values_of_charts`] returns the values that the templates of each chart see.
//!
//! This crate opens no connection, does not read the environment or the clock, and calls no other program. `lookup`
//! finds nothing, `getHostByName` resolves nothing, and "random" values are the same for the same chart and release. A
//! chart is untrusted: [`Limits`] limit the time and memory that it can use.

#![forbid(unsafe_code)]

mod capabilities;
mod chart;
mod chart_values;
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
pub use chart_values::{ChartValues, values_of_charts};
pub use dependency::Dependency;
pub use error::Error;
pub use failure::TemplatePlace;
pub use images::{FoundImages, ImagePattern, ImageUse, UsedBy, limited_regex};
pub use limits::Limits;
pub use render::{Release, Rendered, render, render_within};
pub use values::{Values, read_yaml};
pub use versions::{compare_versions, is_version_constraint, newest_version, versions_within};
