//! The causes of an issue: which problems of several images and registries are one, and their reasons, each once.

use std::collections::{BTreeMap, BTreeSet};

use super::Row;
use super::registries::distinct;
use crate::config::TargetId;
use crate::name::Tag;
use crate::problem::Problem;

/// The registries that a cause concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The same problem occurs at several, as that of a source or of the login does.
    Several,
    One(TargetId),
}

/// The registries in which each problem occurs, by its text.
pub(super) struct Scopes(BTreeMap<String, BTreeSet<TargetId>>);

impl Scopes {
    pub fn new(rows: &[&Row], problem_of: impl Fn(&Row) -> Option<Problem>) -> Self {
        let mut scopes: BTreeMap<String, BTreeSet<TargetId>> = BTreeMap::new();
        for row in rows {
            if let Some(problem) = problem_of(row) {
                scopes.entry(problem.fact()).or_default().insert(row.target);
            }
        }
        Self(scopes)
    }

    pub fn of(&self, row: &Row, problem: &Problem) -> Scope {
        let targets = self.0.get(&problem.fact());
        match targets.is_some_and(|targets| targets.len() > 1) {
            true => Scope::Several,
            false => Scope::One(row.target),
        }
    }
}

/// The reason of the first image. Says so if it is the same for others.
pub(super) fn reason_of(rows: &[&Row], reason: &str) -> String {
    let Some((first, others)) = rows.split_first() else {
        return reason.to_owned();
    };
    let pattern = without_names(first, reason);
    let is_same = |row: &&&Row| without_names(row, &row.why()) == pattern;
    let same = others.iter().filter(is_same).copied();
    let same: Vec<_> = std::iter::once(*first).chain(same).collect();
    with_count(reason, distinct(&same).len() - 1)
}

fn with_count(reason: &str, more: usize) -> String {
    match more {
        0 => reason.to_owned(),
        1 => format!("{reason}; the same for 1 more image"),
        more => format!("{reason}; the same for {more} more images"),
    }
}

/// Every different reason of these images, each once.
pub(super) fn causes(rows: &[&Row], why: impl Fn(&Row) -> String) -> Vec<String> {
    let mut causes = Vec::new();
    let mut rest = rows.to_vec();
    while let Some(first) = rest.first().copied() {
        let reason = why(first);
        let pattern = without_names(first, &reason);
        let is_same = |row: &&Row| without_names(row, &why(row)) == pattern;
        let (same, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(is_same);
        rest = others;
        let cause = with_count(&reason, distinct(&same).len() - 1);
        causes.push(match causes.is_empty() {
            true => cause,
            false => format!("{}: {cause}", first.short_name()),
        });
    }
    causes
}

/// A reason without the name and the tag of its image, to compare it with the reason of another image.
pub(super) fn without_names(row: &Row, reason: &str) -> String {
    let name = row.source.rsplit('/').next().unwrap_or_default();
    let name = name.split([':', '@']).next().unwrap_or_default();
    let mut text = reason.to_owned();
    let tag = row.tag.as_ref().map(Tag::as_str);
    for part in [Some(name), tag].into_iter().flatten() {
        if !part.is_empty() {
            text = text.replace(part, "…");
        }
    }
    text
}
