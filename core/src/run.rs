//! One run on one page: discover and observe (`check`), plan, apply, report.

mod explanation;

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::apply::{Supply, apply};
use crate::check::{Check, Listed};
use crate::clients::Clients;
use crate::config::{Config, SyncMethod};
use crate::observe::CHECK_TIMEOUT;
use crate::plan::plan;
use crate::report::Report;
use crate::wire::{Limit, SetupError};

pub use crate::apply::{Attempt, Copied, CopyProgress, Ending, Method, Outcome};
pub use crate::config::TargetId;
pub use crate::event::{Event, OnEvent};
pub use crate::plan::{Action, Entry, Plan, Step, Verdict};

/// A run, before it starts.
pub struct Run<'a> {
    /// The settings.
    pub config: &'a Config,
    /// The deadline of the run, and the signal that ends it early.
    pub limit: Limit,
    /// The start of the run. Dates of images after it are not plausible.
    pub started: DateTime<Utc>,
    /// Receives the events of the run.
    pub on_event: OnEvent<'a>,
}

impl Run<'_> {
    /// Checks every image at every target, and changes nothing. The plans are what a sync would do now, in the order of the targets.
    ///
    /// # Errors
    /// If no connection can be set up at all. Every other failure is in the report.
    pub async fn check(&self) -> Result<(Vec<Plan>, Report), SetupError> {
        let clients = Clients::new(self.config, &self.limit)?;
        let checked = self.each(
            &clients,
            &self.limit,
            self.on_event,
            async |target, plan| {
                (self.on_event)(Event::Planned(target, &plan));
                plan
            },
        );
        let (plans, listed) = checked.await;
        let info = clients.run_info(self.config, self.started, listed, clients.elapsed());
        let info = info.await;
        let planned = plans.iter().map(|plan| (plan, None));
        let report = Report::new(&planned.collect::<Vec<_>>(), info);
        Ok((plans, report))
    }

    /// Checks every image, and imports those that need it. The imports of a target begin when its own check has ended.
    ///
    /// # Errors
    /// If no connection can be set up at all. Every other failure is in the report.
    pub async fn sync(&self) -> Result<Report, SetupError> {
        let clients = Clients::new(self.config, &self.limit)?;
        // A source that stalls must not take the time that the imports of the other images need.
        let timeout = CHECK_TIMEOUT.min(self.config.timeout / 2);
        let on_event = |event: Event<'_>| {
            if self.config.sync_method != SyncMethod::Copy {
                clients.prepare_import(event);
            }
            (self.on_event)(event);
        };
        let limit = self.limit.for_image(timeout);
        let imported = self.each(&clients, &limit, &on_event, async |target, plan| {
            let supply = clients.registries(self.config);
            self.import(&clients, target, plan, supply).await
        });
        let (imported, listed) = imported.await;
        Ok(self.report(&clients, &imported, listed).await)
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
        let importer = clients.importer(self.config, target, &plan, supply, &on_progress);
        let on_outcome =
            |action: &_, outcome: &_| (self.on_event)(Event::Imported(target, action, outcome));
        let elapsed = || clients.elapsed();
        let outcomes = apply(&plan, &*importer, &self.limit, &elapsed, &on_outcome).await;
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

    /// Discovers and observes the images, decides for each target, and continues with `then` at each. Also returns where the
    /// images come from.
    async fn each<T>(
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
}

/// What a target has after the imports.
pub(crate) struct Imported {
    plan: Plan,
    outcomes: Vec<Outcome>,
    /// The time from the start of the run to the first import.
    check_duration: Duration,
}
