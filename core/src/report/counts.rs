//! The numbers of images, and the number that is the metric.

use super::Report;
use super::row::{ActionResult, Row};
use crate::discover::Category;
use crate::plan::Verdict;

/// The numbers of images, of one category or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    pub total: usize,
    pub up_to_date: usize,
    /// Missing, outdated or drifted when they were checked.
    pub outdated: usize,
    /// Imported and verified by this run.
    pub imported: usize,
    /// Not imported although an import was requested.
    pub failed: usize,
    /// Azure reports success, but the destination does not confirm it.
    pub uncertain: usize,
    pub not_published: usize,
    pub unknown: usize,
    /// Failed imports whose outcome is unknown; the image may have arrived.
    #[serde(skip)]
    pub in_doubt: usize,
}

impl Counts {
    /// The number of images that need a sync when the run ends.
    pub fn remaining(&self) -> usize {
        self.outdated - self.imported
    }

    /// The same; `None` if an image could not be checked, or the outcome of an import is unknown.
    pub fn number(&self) -> Option<usize> {
        (self.unknown + self.uncertain + self.in_doubt == 0).then(|| self.remaining())
    }

    pub(super) fn add(&mut self, row: &Row) {
        self.total += 1;
        match &row.verdict {
            Verdict::UpToDate => self.up_to_date += 1,
            Verdict::Missing | Verdict::Outdated | Verdict::Drifted => self.outdated += 1,
            Verdict::NotPublished(_) => self.not_published += 1,
            Verdict::Unknown(_) => self.unknown += 1,
        }
        match &row.done {
            ActionResult::Imported(_) => self.imported += 1,
            ActionResult::Failed { problem, .. } => {
                self.failed += 1;
                self.in_doubt += usize::from(problem.may_have_acted);
            }
            ActionResult::Uncertain { .. } => self.uncertain += 1,
            ActionResult::Nothing | ActionResult::NotRequested => {}
        }
    }
}

impl Report {
    pub fn counts_of(&self, category: Category) -> Counts {
        self.count(|row| row.category == category)
    }

    pub fn counts(&self) -> Counts {
        self.count(|_| true)
    }

    fn count(&self, of: impl Fn(&Row) -> bool) -> Counts {
        let mut counts = Counts::default();
        self.rows
            .iter()
            .filter(|row| of(row))
            .for_each(|row| counts.add(row));
        counts
    }

    /// The number of images that need a sync when the run ends; `None` if something is unknown.
    pub fn metric(&self) -> Option<usize> {
        let known = self.counts().number();
        known.filter(|_| !self.lacks_a_category() && !self.excludes_everything())
    }

    /// The same for one category.
    pub fn metric_of(&self, category: Category) -> Option<usize> {
        let known = self.counts_of(category).number();
        known.filter(|_| !self.nothing_is_published(category))
    }

    /// True if the source has none of the images of a category, so that a setting must be wrong: the branch, or the chart.
    pub(super) fn nothing_is_published(&self, category: Category) -> bool {
        let counts = self.counts_of(category);
        counts.total > 0 && counts.not_published == counts.total
    }

    pub(super) fn lacks_a_category(&self) -> bool {
        let mut categories = Category::ALL.into_iter();
        categories.any(|category| self.nothing_is_published(category))
    }
}
