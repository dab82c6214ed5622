//! The lines of an issue's details about its images.

use super::cause::without_names;
use super::registries::are_several;
use super::row::NOWHERE;
use super::short::{common_folder, in_folder};
use super::{Report, Row};
use crate::plan::Verdict;
use crate::text::capitalized;

/// The most registries that a line names.
const MOST_NAMES: usize = 5;

/// A line of the details.
pub(super) struct Line {
    pub text: String,
    pub says_more_than_table: bool,
}

impl Line {
    pub fn new(text: String) -> Self {
        Self {
            text,
            says_more_than_table: true,
        }
    }
}

/// One line per image, after a line with the folders that they have in common. The reason is left out where it is
/// that of the first image, which is `actual`.
pub(super) fn image_lines(report: &Report, rows: &[&Row], actual: &str) -> Vec<Line> {
    let known = rows.iter().filter(|row| row.destination != NOWHERE);
    let source = common_folder(known.clone().map(|row| row.source.as_str()));
    let destination = common_folder(known.map(|row| row.destination.as_str()));
    let from = source.map_or_else(String::new, |folder| format!("from {folder} "));
    let groups = groups(rows);
    let several = are_several(rows).then(|| report.registries_of(rows));
    let place = several.clone().or(destination.map(ToOwned::to_owned));
    let mut lines: Vec<_> = place
        .map(|folder| capitalized(&format!("{from}to {folder}:")))
        .map(Line::new)
        .into_iter()
        .collect();
    let heading = lines.len();
    let first = rows.first().map(|row| without_names(row, actual));
    let is_same = |row: &Row| Some(without_names(row, &row.why())) == first;
    lines.extend(groups.iter().map(|group| {
        let row = group[0];
        let name = in_folder(&row.source, source);
        let last = |text: &str| in_folder(text, common_folder([text].into_iter())).to_owned();
        let target = match &*row.destination {
            NOWHERE => String::new(),
            place if last(place) == last(&row.source) => String::new(),
            place => format!(" as {}", in_folder(place, destination)),
        };
        // With several registries, the issue about overwritten tags and the table have the digests.
        let previous = row.previous.iter().filter(|_| several.is_none());
        let previous: String = previous
            .map(|(tag, digest)| format!(", {tag} had {digest}"))
            .collect();
        let at = several.as_ref().map(|_| at(report, group));
        let at = at.unwrap_or_default();
        let mut text = format!("- {name}{target} ({}{at}{previous})", row.verdict.name());
        let why = (!is_same(row)).then(|| row.why());
        let says_more_than_table = why.is_some() || !previous.is_empty();
        if let Some(why) = why {
            text = format!("{text}: {why}");
        }
        if matches!(row.verdict, Verdict::NotPublished(_)) && !row.wanted_by.is_empty() {
            text = format!("{text}; used by {}", row.wanted_by.join(", "));
        }
        Line {
            text,
            says_more_than_table,
        }
    }));
    let is_more = |line: &Line| line.says_more_than_table;
    // The heading alone says nothing.
    if !lines[heading..].iter().any(is_more)
        && let Some(line) = lines[..heading].first_mut()
    {
        line.says_more_than_table = false;
    }
    lines
}

/// The rows of each image with the same verdict, of which several registries may have one each.
fn groups<'a>(rows: &[&'a Row]) -> Vec<Vec<&'a Row>> {
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    for row in rows.iter().copied() {
        let is_same = |group: &&mut Vec<&Row>| {
            group[0].source == row.source
                && group[0].verdict.name() == row.verdict.name()
                && group[0].why() == row.why()
                && group.iter().all(|other| other.target != row.target)
        };
        match groups.iter_mut().find(is_same) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups
}

/// ` in first.azurecr.io, second.azurecr.io`.
fn at(report: &Report, rows: &[&Row]) -> String {
    let servers: Vec<_> = rows
        .iter()
        .take(MOST_NAMES)
        .map(|row| report.server_of(row))
        .collect();
    let more = match rows.len() - servers.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(" in {}{more}", servers.join(", "))
}
