//! Keeping what was measured in `docs/performance.md`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

/// Whether the documents are to be written.
pub fn is_wanted() -> bool {
    std::env::var("UPDATE_DOCS").is_ok_and(|value| value == "1")
}

/// A file of the documentation.
pub fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "docs", name]
        .iter()
        .collect()
}

/// Puts a section's text between its two marks.
pub fn keep(section: &str, text: &str) -> Result<()> {
    if !is_wanted() {
        return Ok(());
    }
    let path = path("performance.md");
    let page = std::fs::read_to_string(&path)?;
    let (begin, end) = (
        format!("<!-- {section} -->\n"),
        format!("<!-- /{section} -->"),
    );
    let (before, rest) = page
        .split_once(&begin)
        .with_context(|| format!("no mark {begin}"))?;
    let (_, after) = rest
        .split_once(&end)
        .with_context(|| format!("no mark {end}"))?;
    let text = text.trim_end();
    std::fs::write(&path, format!("{before}{begin}\n{text}\n\n{end}{after}"))?;
    Ok(())
}
