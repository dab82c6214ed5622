//! Doing what the plan says: all imports at once, one outcome for each.
//!
//! One failure never stops the others. A dry run is not calling this.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::azure::ArmImporter;
use crate::plan::{Action, Plan};
use crate::problem::{Cause, Problem};
use crate::wire::Limit;

/// Longest time for the import of one image, from its request to its verification.
const IMPORT: Duration = Duration::from_secs(900);

/// What became of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The position of its entry in the plan.
    pub entry: usize,
    /// Whether the destination has the image now.
    pub result: Result<(), Problem>,
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
        let result = limit.for_image(IMPORT).guard(importer.import(action)).await;
        let result = result.map_err(|problem| match problem.cause {
            Cause::Deadline | Cause::Interrupted => problem.acted().advise(
                "the import may still end well in Azure: run again in a few minutes; what has arrived by then is not imported again",
            ),
            _ => problem,
        });
        let outcome = Outcome {
            entry,
            result,
            duration: started.elapsed(),
        };
        done(action, &outcome);
        outcome
    });
    join_all(imports).await
}
