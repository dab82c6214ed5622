//! What the report says about `EXCLUDE_IMAGES`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Report;
use super::issue::{Draft, Issue};
use crate::discover::{Category, Excluded, Exclusions};
use crate::name::nearest;

impl Report {
    /// True if `EXCLUDE_IMAGES` leaves nothing to check, which must not look like a number of 0.
    pub(super) fn excludes_everything(&self) -> bool {
        self.rows.is_empty() && !self.exclusions.excluded.is_empty()
    }
}

/// The line of the report; `None` without `EXCLUDE_IMAGES`.
pub(super) fn line(report: &Report) -> Option<String> {
    let Exclusions {
        excluded,
        unmatched,
        unseen,
    } = &report.exclusions;
    let names: Vec<_> = excluded.iter().map(name).collect();
    let parts = [
        ("Excluded by EXCLUDE_IMAGES", names.join(", ")),
        (
            "Not the name of an image in EXCLUDE_IMAGES",
            unmatched.join(", "),
        ),
        (
            "Not the name of a listed image in EXCLUDE_IMAGES",
            unseen.join(", "),
        ),
    ];
    let parts = parts.iter().filter(|(_, names)| !names.is_empty());
    let parts: Vec<_> = parts
        .map(|(what, names)| format!("{what}: {names}."))
        .collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn name(excluded: &Excluded) -> &str {
    excluded.destination.last_segment()
}

/// The field of the artifact.
pub(super) fn artifact(report: &Report) -> Value {
    let of_registry = |server: &str| {
        let images = report.exclusions.excluded.iter().map(|one| {
            let Excluded {
                category,
                source,
                destination,
                by,
            } = one;
            let destination = format!("{server}/{destination}");
            json!({"category": category, "source": source, "destination": destination, "by": by})
        });
        images.collect::<Vec<_>>()
    };
    let registries = report.registries.iter();
    let images = registries.flat_map(|registry| of_registry(&registry.server));
    images.collect()
}

pub(super) fn issues(report: &Report) -> Vec<Issue> {
    let mut issues = Vec::new();
    let unmatched = &report.exclusions.unmatched;
    let categories: Vec<_> = Category::ALL
        .into_iter()
        .filter(|category| {
            let is_excluded = |one: &Excluded| one.category == *category;
            report.counts_of(*category).total > 0
                || report.exclusions.excluded.iter().any(is_excluded)
        })
        .collect();
    let draft = |severity, title, actual: String, steps: &str| Draft {
        severity,
        categories: categories.clone(),
        title,
        concerned: report.concerned(&[]),
        causes: vec![actual.clone()],
        actual,
        steps: steps.to_owned(),
        lines: Vec::new(),
    };
    if report.excludes_everything() {
        let title = format!(
            "EXCLUDE_IMAGES leaves no image to check for {}",
            report.place()
        );
        let actual = line(report).unwrap_or_default();
        let steps = "remove names from EXCLUDE_IMAGES, or leave out a whole category with IMAGES";
        issues.push(draft(2, title, actual, steps).finish(report));
    }
    if !unmatched.is_empty() {
        let title = format!(
            "EXCLUDE_IMAGES has names that match no image for {}",
            report.place()
        );
        let names = unmatched.iter().map(|name| with_suggestion(report, name));
        let names: Vec<_> = names.collect();
        let actual = format!("no image has the name {}", names.join(", "));
        let steps =
            "correct the names in EXCLUDE_IMAGES, or remove them; the report lists the images";
        // Not only informational: an image that should be left out is synced.
        issues.push(draft(3, title, actual, steps).finish(report));
    }
    issues
}

/// `runer (did you mean runner?)`.
fn with_suggestion(report: &Report, unmatched: &str) -> String {
    let wanted = last_segment(unmatched.trim_matches('*'));
    let of_rows = report.rows.iter().flat_map(|row| {
        let names = [&row.source, &row.destination].map(|name| last_segment(name).to_owned());
        names.into_iter().chain(row.slug.clone())
    });
    let excluded = report.exclusions.excluded.iter();
    let known: BTreeSet<String> = of_rows
        .chain(excluded.map(|one| name(one).to_owned()))
        .collect();
    let known = known.into_iter().map(|name| (name.clone(), vec![name]));
    match nearest(known, wanted) {
        suggestions if suggestions.is_empty() => unmatched.to_owned(),
        suggestions => format!("{unmatched} (did you mean {}?)", suggestions.join(" or ")),
    }
}

/// The last segment of a name, without tag and digest.
fn last_segment(name: &str) -> &str {
    let last = name.rsplit('/').next().unwrap_or_default();
    last.split([':', '@']).next().unwrap_or_default()
}
