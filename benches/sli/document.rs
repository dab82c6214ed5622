//! Writes the measurements to `docs/performance.md`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

/// True if `UPDATE_DOCS=1`.
pub fn is_update_requested() -> bool {
    std::env::var("UPDATE_DOCS").is_ok_and(|value| value == "1")
}

/// The path of a file in `docs/`.
pub fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "docs", name]
        .iter()
        .collect()
}

/// Replaces the text between the two markers of a section.
pub fn update(section: &str, text: &str) -> Result<()> {
    if !is_update_requested() {
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
        .with_context(|| format!("docs/performance.md does not contain {begin}"))?;
    let (_, after) = rest
        .split_once(&end)
        .with_context(|| format!("docs/performance.md does not contain {end}"))?;
    let text = text.trim_end();
    std::fs::write(&path, format!("{before}{begin}\n{text}\n\n{end}{after}"))?;
    Ok(())
}
