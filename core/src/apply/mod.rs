//! Applies a plan: all imports run concurrently, and each has one outcome.
//!
//! A failed import does not stop the others. A check does not call this module.

mod arm;

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::plan::{Action, Plan};
use crate::problem::Problem;
use crate::wire::Limit;
pub use arm::ArmImporter;

/// Longest time for the import of one image, from its request to its verification.
const IMPORT: Duration = Duration::from_secs(900);

/// How an import ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every target has the wanted digest.
    Imported,
    /// Azure reports success, but the destination does not show the image yet.
    Uncertain(Problem),
    /// Not imported, or not known to be imported.
    Failed(Problem),
}

/// The outcome of one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The position of its entry in the plan.
    pub entry: usize,
    pub ending: Ending,
    pub duration: Duration,
}

/// Applies a plan, and calls `done` for each outcome when its import ends.
pub async fn apply(
    plan: &Plan,
    importer: &ArmImporter,
    limit: &Limit,
    done: &(dyn Fn(&Action, &Outcome) + Sync),
) -> Vec<Outcome> {
    let imports = plan.actions().map(|(entry, action)| async move {
        let started = Instant::now();
        let ending = importer.import(action, &limit.for_image(IMPORT)).await;
        let outcome = Outcome {
            entry,
            ending,
            duration: started.elapsed(),
        };
        done(action, &outcome);
        outcome
    });
    join_all(imports).await
}
