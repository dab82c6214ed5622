//! Imports an image, and copies it if the import is refused or fails for a reason that a copy gets around.
//!
//! The first import shows whether Azure lets this identity import at all; the others wait for that response.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::logged::Logged;
use super::{ArmImporter, Attempt, CopyImporter, Ending, Importer};
use crate::plan::Action;
use crate::problem::{Cause, Problem, Side};
use crate::wire::Limit;

/// Longest wait for the response to the first import.
const FIRST_RESPONSE: Duration = Duration::from_secs(5);
/// Longest time of an import, which may hang; at most half of the time that is left, so that a copy has the other half.
const LONGEST_IMPORT: Duration = Duration::from_secs(300);

/// Imports, or copies where an import does not work.
pub struct AutoImporter<'a> {
    import: ArmImporter,
    copy: Arc<CopyImporter<'a>>,
    has_begun: AtomicBool,
    answered: watch::Sender<bool>,
    /// The refusal that holds for all images of the run.
    refusal: Mutex<Option<Problem>>,
    logged: Logged,
}

impl<'a> AutoImporter<'a> {
    pub fn new(import: ArmImporter, copy: Arc<CopyImporter<'a>>) -> Self {
        Self {
            import,
            copy,
            has_begun: AtomicBool::new(false),
            answered: watch::Sender::new(false),
            refusal: Mutex::default(),
            logged: Logged::default(),
        }
    }

    fn refusal(&self) -> Option<Problem> {
        let refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        refusal.clone()
    }

    /// Notes the response to the request for an import.
    fn note(&self, refusal: Option<&Problem>) {
        if let Some(problem) = refusal
            && copy_helps(problem) == Help::EveryImage
        {
            let mut kept = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
            kept.get_or_insert_with(|| problem.clone());
        }
        self.answered.send_replace(true);
    }

    async fn copy_because(&self, action: &Action, limit: &Limit, problem: Problem) -> Attempt {
        let name = action.short_name();
        tracing::info!(
            "{name}: copying instead of importing: {}",
            self.logged.text(&problem)
        );
        Attempt {
            fallback: Some(problem),
            ..self.copy.import(action, limit).await
        }
    }
}

#[async_trait]
impl Importer for AutoImporter<'_> {
    async fn import(&self, action: &Action, limit: &Limit) -> Attempt {
        if self.has_begun.swap(true, Ordering::Relaxed) {
            let mut answered = self.answered.subscribe();
            let answer = answered.wait_for(|is_answered| *is_answered);
            let _ = tokio::time::timeout(FIRST_RESPONSE, answer).await;
        }
        if let Some(problem) = self.refusal() {
            return self.copy_because(action, limit, problem).await;
        }
        let time = LONGEST_IMPORT.min(limit.left() / 2);
        let note = |refusal: Option<&Problem>| self.note(refusal);
        let attempt = self
            .import
            .import_noting(action, &limit.for_image(time), &note)
            .await;
        self.answered.send_replace(true);
        match &attempt.ending {
            Ending::Failed(problem) if copy_helps(problem) != Help::No => {
                self.copy_because(action, limit, problem.clone()).await
            }
            Ending::Failed(_) | Ending::Imported | Ending::Uncertain(_) => attempt,
        }
    }
}

/// Whether a copy gets around the failure of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Help {
    No,
    /// For this image; the import of another may succeed.
    ThisImage,
    /// For every image of the run.
    EveryImage,
}

/// The side and the cause are those of `azure/refusal.rs`.
fn copy_helps(problem: &Problem) -> Help {
    match (problem.side, problem.cause) {
        // The role to import is missing, or the identity does not see the registry's resource.
        (
            Side::ResourceManager | Side::Entra,
            Cause::AccessDenied | Cause::NotFound | Cause::Configuration,
        ) => Help::EveryImage,
        // Another import of the same target is running.
        (Side::ResourceManager, Cause::Rejected) if problem.may_have_acted => Help::No,
        // Azure failed, or cannot be reached, or the import hangs.
        (
            Side::ResourceManager | Side::Entra,
            Cause::Rejected
            | Cause::Unreachable
            | Cause::Throttled
            | Cause::Unavailable
            | Cause::TimedOut
            | Cause::Invalid,
        )
        | (Side::Local, Cause::Deadline) => Help::ThisImage,
        // Azure could not pull from the source, and this program just did.
        (
            Side::Source,
            Cause::AccessDenied
            | Cause::Rejected
            | Cause::Unreachable
            | Cause::Throttled
            | Cause::Unavailable
            | Cause::TimedOut,
        ) => Help::ThisImage,
        // The image is gone, or the destination takes it in no way: a locked tag, a firewall, full storage.
        (Side::Source, Cause::NotFound | Cause::Invalid | Cause::Configuration)
        | (
            Side::Destination
            | Side::Catalog
            | Side::ChartRepository
            | Side::Bundle
            | Side::Collector,
            _,
        )
        | (_, Cause::Deadline | Cause::Interrupted | Cause::Moved)
        | (Side::Local, _) => Help::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_is_tried_only_where_it_gets_around_the_failure() {
        use Help::{EveryImage, No, ThisImage};
        for (side, cause, help) in [
            (Side::ResourceManager, Cause::AccessDenied, EveryImage),
            (Side::Entra, Cause::AccessDenied, EveryImage),
            (Side::ResourceManager, Cause::Rejected, ThisImage),
            (Side::ResourceManager, Cause::TimedOut, ThisImage),
            (Side::Local, Cause::Deadline, ThisImage),
            (Side::Local, Cause::Interrupted, No),
            (Side::Source, Cause::AccessDenied, ThisImage),
            (Side::Source, Cause::Throttled, ThisImage),
            (Side::Source, Cause::NotFound, No),
            (Side::Destination, Cause::AccessDenied, No),
            (Side::Destination, Cause::Rejected, No),
        ] {
            let problem = Problem::new(side, cause, "");
            assert_eq!(copy_helps(&problem), help, "{side:?} {cause:?}");
        }
        let busy = Problem::new(Side::ResourceManager, Cause::Rejected, "").acted();
        assert_eq!(copy_helps(&busy), No);
    }
}
