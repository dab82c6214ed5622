//! The events of a run, for the display of its progress.

use crate::apply::{CopyProgress, Outcome};
use crate::observe::Observed;
use crate::plan::{Action, Plan};

/// An event of a run.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The check of this many images begins, in addition to those that are being checked.
    Checking(usize),
    /// An image was checked.
    Checked(&'a Observed),
    /// All images were checked.
    Planned(&'a Plan),
    /// The import of this many images begins.
    Importing(usize),
    /// A copy continues.
    Copying(&'a Action, CopyProgress),
    /// An import or a copy ended.
    Imported(&'a Action, &'a Outcome),
}

/// Receives the events of a run.
pub type OnEvent<'a> = &'a (dyn Fn(Event<'_>) + Sync);
