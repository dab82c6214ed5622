//! The artifacts of images that a target has already: an import that ended early may have brought the image without them.

use std::sync::Arc;

use futures_util::future::join_all;

use crate::apply::{CopyImporter, Referrers, Supply};
use crate::clients::Clients;
use crate::config::TargetId;
use crate::layout::Layout;
use crate::plan::{Action, Entry, Plan, Step, Verdict};
use crate::run::Run;

impl Run<'_> {
    /// Brings the artifacts that a target lacks of images that are up to date. A note says why others were not brought.
    pub(super) async fn with_artifacts(
        &self,
        clients: &Clients,
        TargetId(position): TargetId,
        mut plan: Plan,
        bundle: &Arc<Layout>,
    ) -> Plan {
        if !self.config.copy_referrers || bundle.index().referrers.is_empty() {
            return plan;
        }
        let destination = Arc::clone(&clients.destinations[position]);
        let supply = Supply::Bundle(Arc::clone(bundle));
        let copy = CopyImporter::new(destination, supply, &plan, &|_, _| {});
        let brought = plan.entries.iter().map(|entry| async {
            let action = up_to_date(entry)?;
            let work = async { Ok(copy.bring_missing_referrers(&action).await) };
            match self.limit.guard(work).await {
                Ok(Referrers { problems, .. }) => problems.into_iter().next(),
                Err(problem) => Some(problem),
            }
        });
        let problems = join_all(brought).await;
        drop(copy);
        for (entry, problem) in plan.entries.iter_mut().zip(problems) {
            if let Some(problem) = problem {
                let fact = problem.fact();
                entry.note = Some(format!("an artifact was not copied: {fact}"));
            }
        }
        plan
    }
}

/// The action that would import an image which is up to date.
fn up_to_date(entry: &Entry) -> Option<Action> {
    if (&entry.verdict, &entry.step) != (&Verdict::UpToDate, &Step::Nothing) {
        return None;
    }
    let published = entry.observed.source.published()?;
    Some(Action::new(&entry.observed.desired, published, Vec::new()))
}
