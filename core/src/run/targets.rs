//! What a run does at each registry of the destination: plan, apply; and the report of all.

use std::time::Duration;

use super::{Event, OnEvent, Outcome, Plan, Run, TargetId};
use crate::apply::{IMPORT, Supply, apply};
use crate::check::{Check, Listed};
use crate::clients::Clients;
use crate::plan::plan;
use crate::report::Report;
use crate::wire::Limit;

impl Run<'_> {
    /// Discovers and observes the images, decides for each target, and continues with `then` at each. Also returns where the
    /// images come from.
    pub(super) async fn each<T>(
        &self,
        clients: &Clients,
        limit: &Limit,
        on_event: OnEvent<'_>,
        then: impl AsyncFn(TargetId, Plan) -> T,
    ) -> (Vec<T>, Listed) {
        let check = Check {
            config: self.config,
            wire: &clients.wire.limited(limit.clone()),
            destinations: &clients.destinations,
            started: self.started,
            on_event,
        };
        let then = &then;
        let ended = check.run(|target, checked| async move {
            let plan = plan(checked.observed, checked.undiscovered);
            (then(target, plan).await, checked.listed)
        });
        let (results, listed): (Vec<_>, Vec<_>) = ended.await.into_iter().unzip();
        // It is the same for all targets.
        (results, listed.into_iter().next().unwrap_or_default())
    }

    /// Imports the images of a target's plan.
    pub(crate) async fn import(
        &self,
        clients: &Clients,
        target: TargetId,
        plan: Plan,
        supply: Supply,
    ) -> Imported {
        let check_duration = clients.elapsed();
        (self.on_event)(Event::Importing(target, &plan));
        let on_progress =
            |action: &_, progress| (self.on_event)(Event::Copying(target, action, progress));
        let longest = match &supply {
            Supply::Registries(_) => IMPORT,
            Supply::Bundle(_) => self.config.timeout,
        };
        let importer = clients.importer(self.config, target, &plan, supply, &on_progress);
        let on_outcome =
            |action: &_, outcome: &_| (self.on_event)(Event::Imported(target, action, outcome));
        let elapsed = || clients.elapsed();
        let outcomes = apply(
            &plan,
            &*importer,
            &self.limit,
            longest,
            &elapsed,
            &on_outcome,
        )
        .await;
        drop(importer);
        Imported {
            plan,
            outcomes,
            check_duration,
        }
    }

    /// The report of a run that has imported.
    pub(crate) async fn report(
        &self,
        clients: &Clients,
        imported: &[Imported],
        listed: Listed,
    ) -> Report {
        let began = |one: &&Imported| !one.outcomes.is_empty();
        let begun = imported.iter().filter(began).map(|one| one.check_duration);
        let ended = imported.iter().map(|one| one.check_duration).max();
        let check_duration = begun.min().or(ended).unwrap_or_default();
        let info = clients.run_info(self.config, self.started, listed, check_duration);
        let info = info.await;
        let done = imported
            .iter()
            .map(|one| (&one.plan, Some(&one.outcomes[..])));
        Report::new(&done.collect::<Vec<_>>(), info)
    }
}

/// What a target has after the imports.
pub(crate) struct Imported {
    plan: Plan,
    outcomes: Vec<Outcome>,
    /// The time from the start of the run to the first import.
    check_duration: Duration,
}
