//! The result of an export as text and as JSON. Pure.

use std::path::Path;

use serde_json::json;

use super::{Export, Exported, NotExported, Written};
use crate::text::strip_control;

/// The images, those that are not in the bundle, and where the file is.
pub fn text(export: &Export, path: &Path) -> String {
    let Export {
        images,
        missing,
        notes,
        unlisted,
        file,
    } = export;
    let images = images.iter().map(|image| {
        let Exported {
            source,
            digest: _,
            destinations,
        } = image;
        format!("{source} -> {}", destinations.join(", "))
    });
    let missing = missing.iter().map(|one| {
        let NotExported {
            name,
            source: _,
            category: _,
            destination: _,
            problem,
            status: _,
        } = one;
        format!("not in the bundle: {name}: {problem}")
    });
    let notes = notes.iter().chain(unlisted);
    let notes = notes.map(|note| format!("note: {note}"));
    let closing = export.closing(&path.display().to_string());
    let lines = images.chain(missing).chain(notes).chain([closing]);
    let facts = file.iter().flat_map(|file| {
        let Written {
            bytes: _,
            sha256,
            index,
            bytes_left_out,
        } = file;
        let left_out = (*bytes_left_out > 0)
            .then(|| format!("left out: {bytes_left_out} bytes, which earlier bundles have"));
        let facts = [format!("sha256: {sha256}"), format!("index: {index}")];
        facts.into_iter().chain(left_out)
    });
    let lines = lines.chain(facts).map(|line| strip_control(&line) + "\n");
    lines.collect()
}

impl Export {
    /// The line about the file.
    pub fn closing(&self, path: &str) -> String {
        let images = match self.images.len() {
            0 => "no image".to_owned(),
            1 => "1 image".to_owned(),
            count => format!("{count} images"),
        };
        match &self.file {
            Some(file) => format!("{path} has {images}, {} bytes", file.bytes),
            None => format!("{path} was not written"),
        }
    }

    /// The result for programs.
    pub fn json(&self, path: &Path) -> String {
        let Self {
            images,
            missing,
            notes,
            unlisted,
            file,
        } = self;
        let missing = missing.iter();
        let missing = missing.map(|one| json!({"image": one.name, "problem": one.problem}));
        let value = json!({
            "bundle": file.as_ref().map(|_| path.display().to_string()),
            "file": file,
            "images": images,
            "missing": missing.collect::<Vec<_>>(),
            "notes": notes.iter().chain(unlisted).collect::<Vec<_>>(),
            "status": self.status().name(),
            "exit_code": self.status().code(),
        });
        format!("{value:#}\n")
    }
}
