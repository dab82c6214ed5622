//! Applies a plan: all imports run concurrently, and each has one outcome.
//!
//! A failed import does not stop the others. A check does not call this module.

mod arm;
mod auto;
mod copy;
mod logged;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;

use crate::name::DestinationTag;
use crate::plan::{Action, Plan};
use crate::problem::Problem;
use crate::wire::Limit;
pub use arm::ArmImporter;
pub use auto::AutoImporter;
pub(crate) use copy::{Attached, AttachedBy, Graph, Part, attached, read_graph};
pub use copy::{Copied, CopyImporter, CopyProgress, OnProgress, Referrers, Supply};

/// Longest time for the import of one image, from its request to its verification. A bundle is a file, which does not stall.
pub(crate) const IMPORT: Duration = Duration::from_secs(900);

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
    /// The targets of the action. No other action of the plan has them.
    pub targets: Vec<DestinationTag>,
    pub attempt: Attempt,
    /// The time from the start of the run to the start of the import.
    pub begun: Duration,
    pub duration: Duration,
}

/// The way that an image took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Azure imported it.
    Import,
    /// This program copied it.
    Copy(Copied),
}

/// The end of the last attempt to bring an image to the destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub ending: Ending,
    pub method: Method,
    /// Why the image was copied instead of imported.
    pub fallback: Option<Problem>,
    /// The artifacts that refer to the image.
    pub referrers: Referrers,
}

/// A way of an image into the destination.
#[async_trait]
pub trait Importer: Send + Sync {
    /// Imports one image, and verifies the digest of every target and the presence of the platform's manifest.
    async fn import(&self, action: &Action, limit: &Limit) -> Attempt;
}

/// Brings what refers to an image after the image itself, whatever way the image took.
pub struct WithReferrers<'a> {
    pub importer: Box<dyn Importer + 'a>,
    pub copy: Arc<CopyImporter<'a>>,
}

#[async_trait]
impl Importer for WithReferrers<'_> {
    async fn import(&self, action: &Action, limit: &Limit) -> Attempt {
        let attempt = self.importer.import(action, limit).await;
        if attempt.ending != Ending::Imported {
            return attempt;
        }
        let work = async { Ok(self.copy.bring_referrers(action).await) };
        let referrers = limit.guard(work).await.unwrap_or_else(|problem| Referrers {
            copied: 0,
            problems: vec![problem],
        });
        Attempt {
            referrers,
            ..attempt
        }
    }
}

/// Applies a plan, and calls `done` for each outcome when its import ends. An import may take `longest`; `elapsed` is the time since the run began.
pub async fn apply(
    plan: &Plan,
    importer: &dyn Importer,
    limit: &Limit,
    longest: Duration,
    elapsed: &(dyn Fn() -> Duration + Sync),
    done: &(dyn Fn(&Action, &Outcome) + Sync),
) -> Vec<Outcome> {
    let imports = plan.actions().map(|action| async move {
        let begun = elapsed();
        let attempt = importer.import(action, &limit.for_image(longest)).await;
        let outcome = Outcome {
            targets: action.targets.clone(),
            attempt,
            begun,
            duration: elapsed().saturating_sub(begun),
        };
        done(action, &outcome);
        outcome
    });
    join_all(imports).await
}
