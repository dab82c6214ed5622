//! Reads the plan that `acr-sync plan -o` wrote.

use std::path::Path;

use acr_sync_core::file::read_text;
use acr_sync_core::planned::{PlanFile, PlanFileError};
use anyhow::Context as _;

/// The plan in a file. `use_of_it` completes the sentence "FILE cannot be …".
pub(crate) fn read(path: &Path, use_of_it: &str) -> anyhow::Result<PlanFile> {
    let text = read_text(path).map_err(|error| PlanFileError::Unreadable(error.to_string()));
    let file = text.and_then(|text| PlanFile::parse(&text));
    file.with_context(|| format!("{} cannot be {use_of_it}", path.display()))
}
