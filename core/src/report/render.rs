//! Fills a template. What differs between the formats is the escaping, and the page that they fill in.

use handlebars::{Handlebars, HelperDef};
use serde::Serialize;

/// A template does not fit its data, which is a fault of this program.
#[derive(Debug, thiserror::Error)]
#[error("the report could not be rendered: {0}")]
pub struct RenderError(#[from] Box<dyn std::error::Error + Send + Sync>);

pub(super) fn render(
    template: &str,
    escape: fn(&str) -> String,
    page: &impl Serialize,
) -> Result<String, RenderError> {
    render_with(template, escape, page, [])
}

/// The same with named helpers.
pub(super) fn render_with<const COUNT: usize>(
    template: &str,
    escape: fn(&str) -> String,
    page: &impl Serialize,
    helpers: [(&str, Box<dyn HelperDef + Send + Sync>); COUNT],
) -> Result<String, RenderError> {
    let mut handlebars = Handlebars::new();
    handlebars.set_strict_mode(true);
    handlebars.register_escape_fn(escape);
    for (name, helper) in helpers {
        handlebars.register_helper(name, helper);
    }
    handlebars
        .render_template(template, page)
        .map_err(|error| RenderError(Box::new(error)))
}
