//! The events of a run, for the display of its progress.

use crate::apply::{CopyProgress, Outcome};
use crate::config::TargetId;
use crate::observe::Observed;
use crate::plan::{Action, Plan};

/// An event of a run.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// This many lists of images are read. Each ends with [`Event::Listed`].
    Listing(usize),
    /// A list has this many images, at all targets together, or none if it could not be read. Their check begins.
    Listed(usize),
    /// An image was checked at one target.
    Checked(TargetId, &'a Observed),
    /// All images were checked at one target, and the run imports none of them.
    Planned(TargetId, &'a Plan),
    /// All images were checked at one target, and the imports of the plan begin. Other targets may still be checked.
    Importing(TargetId, &'a Plan),
    /// A copy continues.
    Copying(TargetId, &'a Action, CopyProgress),
    /// An export has written this many of the bytes of all blobs.
    Exporting { written: u64, total: u64 },
    /// An import or a copy ended.
    Imported(TargetId, &'a Action, &'a Outcome),
}

/// Receives the events of a run.
pub type OnEvent<'a> = &'a (dyn Fn(Event<'_>) + Sync);
