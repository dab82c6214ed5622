//! One run on one page: discover and observe (`check`), plan, apply, report; `targets` has the steps of one registry.

mod explanation;
mod targets;

use chrono::{DateTime, Utc};

use crate::clients::Clients;
use crate::config::{Config, SyncMethod};
use crate::observe::CHECK_TIMEOUT;
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
        let supply = clients.registries(self.config);
        let imported = self.each(&clients, &limit, &on_event, async |target, plan| {
            let supply = supply.clone();
            self.import(&clients, target, plan, supply).await
        });
        let (imported, listed) = imported.await;
        Ok(self.report(&clients, &imported, listed).await)
    }
}
