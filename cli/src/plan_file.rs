//! Reads the plan that `acr-sync plan -o` wrote.

use std::path::PathBuf;

use acr_sync_core::file::read_text;
use acr_sync_core::planned::{PlanFile, PlanFileError};
use anyhow::Context as _;
use clap::ArgMatches;

/// The plan in the file that an argument names. `use_of_it` completes the sentence "FILE cannot be …".
///
/// It is read before the settings, because its sources decide which logins are read.
pub(crate) fn read(
    options: &ArgMatches,
    argument: &str,
    use_of_it: &str,
) -> anyhow::Result<Box<PlanFile>> {
    let path: Option<&PathBuf> = options.get_one(argument);
    let path = path.context("the argument is required")?;
    let text = read_text(path).map_err(|error| PlanFileError::Unreadable(error.to_string()));
    let file = text.and_then(|text| PlanFile::parse(&text));
    file.map(Box::new)
        .with_context(|| format!("{} cannot be {use_of_it}", path.display()))
}
