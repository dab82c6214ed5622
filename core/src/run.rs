//! One run on one page: discover and observe (`check`), plan, apply, report.

mod explanation;

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
    /// Checks every image, and changes nothing. The plan is what a sync would do now.
    ///
    /// # Errors
    /// If no connection can be set up at all. Every other failure is in the report.
    pub async fn check(&self) -> Result<(Plan, Report), SetupError> {
        let clients = Clients::new(self.config, &self.limit)?;
        let (plan, listed) = self.plan(&clients, &self.limit, self.on_event).await;
        (self.on_event)(Event::Planned(&plan));
        let info = clients.run_info(self.config, self.started, listed, clients.elapsed());
        let report = Report::new(&plan, None, info.await);
        Ok((plan, report))
    }

    /// Checks every image, and imports those that need it.
    ///
    /// # Errors
    /// If no connection can be set up at all. Every other failure is in the report.
    pub async fn sync(&self) -> Result<Report, SetupError> {
        let clients = Clients::new(self.config, &self.limit)?;
        // A source that stalls must not take the time that the imports of the other images need.
        let timeout = CHECK_TIMEOUT.min(self.config.timeout / 2);
        let (plan, listed) = self
            .plan(&clients, &self.limit.for_image(timeout), &|event| {
                if self.config.sync_method != SyncMethod::Copy {
                    clients.prepare_import(event);
                }
                (self.on_event)(event);
            })
            .await;
        let supply = clients.registries(self.config);
        Ok(self.import(&clients, &plan, supply, listed).await)
    }

    /// Imports the images of a plan, and reports.
    pub(crate) async fn import(
        &self,
        clients: &Clients,
        plan: &Plan,
        supply: Supply,
        listed: Listed,
    ) -> Report {
        let check_duration = clients.elapsed();
        (self.on_event)(Event::Importing(plan));
        let on_progress = |action: &_, progress| (self.on_event)(Event::Copying(action, progress));
        let importer = clients.importer(self.config, plan, supply, &on_progress);
        let on_outcome =
            |action: &_, outcome: &_| (self.on_event)(Event::Imported(action, outcome));
        let elapsed = || clients.elapsed();
        let outcomes = apply(plan, &*importer, &self.limit, &elapsed, &on_outcome).await;
        let info = clients.run_info(self.config, self.started, listed, check_duration);
        Report::new(plan, Some(&outcomes), info.await)
    }

    /// Discovers and observes the images, and decides. Also returns where the images come from.
    async fn plan(
        &self,
        clients: &Clients,
        limit: &Limit,
        on_event: OnEvent<'_>,
    ) -> (Plan, Listed) {
        let check = Check {
            config: self.config,
            wire: &clients.wire.limited(limit.clone()),
            destination: &clients.destination,
            started: self.started,
            on_event,
        };
        let checked = check.run().await;
        let plan = plan(checked.observed, checked.undiscovered);
        (plan, checked.listed)
    }
}
