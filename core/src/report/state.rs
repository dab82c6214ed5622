//! The result of a run for one image in one word: what the summary counts and the pages filter by.

use super::row::{ActionResult, Row};
use crate::plan::Verdict;

/// The state of an image when the run ends, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Failed,
    Unknown,
    Uncertain,
    Waiting,
    NotPublished,
    Imported,
    UpToDate,
}

impl State {
    pub const ALL: [Self; 7] = [
        Self::Failed,
        Self::Unknown,
        Self::Uncertain,
        Self::Waiting,
        Self::NotPublished,
        Self::Imported,
        Self::UpToDate,
    ];

    pub fn of(row: &Row) -> Self {
        match (&row.verdict, &row.done) {
            (Verdict::Unknown(_), _) => Self::Unknown,
            (_, ActionResult::Failed { .. }) => Self::Failed,
            (_, ActionResult::Uncertain { .. }) => Self::Uncertain,
            (_, ActionResult::Imported(_)) => Self::Imported,
            (_, ActionResult::NotRequested)
            | (Verdict::Missing | Verdict::Outdated | Verdict::Drifted, ActionResult::Nothing) => {
                Self::Waiting
            }
            (Verdict::UpToDate, ActionResult::Nothing) => Self::UpToDate,
            (Verdict::NotPublished(_), ActionResult::Nothing) => Self::NotPublished,
        }
    }

    /// The name in the page: a class, and the value of its filter.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Uncertain => "uncertain",
            Self::Waiting => "waiting",
            Self::NotPublished => "not-published",
            Self::Imported => "imported",
            Self::UpToDate => "up-to-date",
        }
    }

    /// The name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Failed => "Import failed",
            Self::Unknown => "Unknown",
            Self::Uncertain => "Not confirmed",
            Self::Waiting => "Needs a sync",
            Self::NotPublished => "Not published",
            Self::Imported => "Imported",
            Self::UpToDate => "Up to date",
        }
    }

    /// The words after a number of images.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Failed => "could not be imported",
            Self::Unknown => "could not be checked",
            Self::Uncertain => "imported, but not confirmed yet",
            Self::Waiting => "to be synced",
            Self::NotPublished => "not published",
            Self::Imported => "imported and verified",
            Self::UpToDate => "up to date",
        }
    }
}
