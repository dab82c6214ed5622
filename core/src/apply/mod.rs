//! Doing what the plan says: all imports at once, one outcome for each.
//!
//! One failure never stops the others. A dry run is not calling this.

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
    /// Azure reports success, and the destination does not show the image yet.
    Uncertain(Problem),
    /// Not imported, or not known to be.
    Failed(Problem),
}

/// What became of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The position of its entry in the plan.
    pub entry: usize,
    /// How it ended.
    pub ending: Ending,
    /// How long it took.
    pub duration: Duration,
}

/// Applies a plan. `done` hears of every outcome as it comes.
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
