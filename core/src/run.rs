//! A run from configuration to report: discover, observe, plan, apply, report.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::apply::{ArmImporter, apply};
use crate::chart;
use crate::config::Config;
use crate::destination::Destination;
use crate::discover::{self, Undiscovered};
use crate::observe::{CHECK_TIMEOUT, Observed, Observer};
use crate::plan::{Plan, plan};
use crate::registry::Sources;
use crate::report::{Report, RunInfo};
use crate::wire::{Limit, SetupError, Wire};

pub use crate::apply::{Ending, Outcome};
pub use crate::plan::{Action, Entry, Step, Verdict};

/// An event of a run, for its progress display and log.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The check of this many more images begins.
    Checking(usize),
    /// The check of one image has ended.
    Checked(&'a Observed),
    /// All images are checked.
    Planned(&'a Plan),
    /// The import of this many images begins.
    Importing(usize),
    /// One import has ended.
    Imported(&'a Action, &'a Outcome),
}

/// One run of the pipeline.
pub struct Run<'a> {
    pub config: &'a Config,
    /// The deadline, and the signal that stops the run.
    pub limit: Limit,
    pub started: DateTime<Utc>,
    pub on_event: &'a (dyn Fn(Event<'_>) + Sync),
}

impl Run<'_> {
    /// Checks every image, and changes nothing.
    ///
    /// # Errors
    /// If no connection can be set up. Every other failure is in the report.
    pub async fn check(&self) -> Result<Report, SetupError> {
        let reach = self.reach()?;
        let checked = self
            .check_images(&reach, self.limit.clone(), self.on_event)
            .await;
        Ok(self.report(&reach, &checked, None).await)
    }

    /// Checks every image, and imports those that are missing or outdated.
    ///
    /// # Errors
    /// If no connection can be set up. Every other failure is in the report.
    pub async fn sync(&self) -> Result<Report, SetupError> {
        let reach = self.reach()?;
        // An import needs Resource Manager, so it is queried as soon as the first image needs a sync.
        let on_event = |event: Event<'_>| {
            if matches!(event, Event::Checked(observed) if observed.needs_sync()) {
                let destination = Arc::clone(&reach.destination);
                tokio::spawn(async move { destination.prepare_import().await });
            }
            (self.on_event)(event);
        };
        // A source that stalls must not use up the time that the imports of the other images need.
        let check_timeout = CHECK_TIMEOUT.min(self.config.timeout / 2);
        let checked = self
            .check_images(&reach, self.limit.for_image(check_timeout), &on_event)
            .await;
        (self.on_event)(Event::Importing(checked.plan.actions().count()));
        let destination = Arc::clone(&reach.destination);
        let importer = ArmImporter::new(
            destination,
            self.config.docker.clone(),
            self.config.architecture.clone(),
        );
        let done =
            |action: &Action, outcome: &Outcome| (self.on_event)(Event::Imported(action, outcome));
        let outcomes = apply(&checked.plan, &importer, &self.limit, &done).await;
        Ok(self.report(&reach, &checked, Some(&outcomes)).await)
    }

    fn reach(&self) -> Result<Reach, SetupError> {
        let clock = Instant::now();
        let config = self.config;
        let wire = Wire::new(&config.network, config.secrets(), self.limit.clone())?;
        let destination = Arc::new(Destination::new(config, &wire));
        Ok(Reach {
            wire,
            destination,
            clock,
        })
    }

    async fn check_images(
        &self,
        reach: &Reach,
        limit: Limit,
        on_event: &(dyn Fn(Event<'_>) + Sync),
    ) -> Checked {
        let limited = reach.wire.limited(limit);
        let check = Check {
            config: self.config,
            wire: &limited,
            sources: &Sources::new(&limited, self.config.docker.clone()),
            destination: &reach.destination,
            started: self.started,
            on_event,
        };
        let (observed, undiscovered, chart) = check.run().await;
        let plan = plan(observed, undiscovered);
        on_event(Event::Planned(&plan));
        Checked {
            plan,
            chart,
            check_duration: reach.clock.elapsed(),
        }
    }

    async fn report(
        &self,
        reach: &Reach,
        checked: &Checked,
        outcomes: Option<&[Outcome]>,
    ) -> Report {
        let client = reach.destination.client().await.ok();
        let facts = RunInfo {
            login_server: client.map(|client| client.registry().clone()),
            chart: checked.chart.clone(),
            started: self.started,
            duration: reach.clock.elapsed(),
            check_duration: checked.check_duration,
            hosts: reach.wire.ledger().snapshot(),
        };
        Report::new(self.config, &checked.plan, outcomes, facts)
    }
}

struct Reach {
    wire: Wire,
    destination: Arc<Destination>,
    clock: Instant,
}

struct Checked {
    plan: Plan,
    chart: Option<String>,
    check_duration: Duration,
}

/// Discovers and observes both categories concurrently, and requests the registry's tokens early.
struct Check<'a> {
    config: &'a Config,
    wire: &'a Wire,
    sources: &'a Sources,
    destination: &'a Destination,
    started: DateTime<Utc>,
    on_event: &'a (dyn Fn(Event<'_>) + Sync),
}

impl Check<'_> {
    async fn run(&self) -> (Vec<Observed>, Vec<Undiscovered>, Option<String>) {
        let codecollections = discover::codecollections(self.config);
        let mut likely: BTreeSet<_> = codecollections
            .iter()
            .map(|desired| desired.destination.clone())
            .collect();
        if discover::wants_runwhen_local(self.config) {
            likely.extend(discover::likely_destinations(self.config));
        }
        let ((), mut observed, (more, undiscovered, chart)) = tokio::join!(
            self.destination.prepare(&likely),
            self.observe(codecollections),
            self.runwhen_local(),
        );
        observed.extend(more);
        (observed, undiscovered, chart)
    }

    async fn runwhen_local(&self) -> (Vec<Observed>, Vec<Undiscovered>, Option<String>) {
        if !discover::wants_runwhen_local(self.config) {
            return (Vec::new(), Vec::new(), None);
        }
        match chart::render(self.config, self.wire, self.sources).await {
            Ok(rendered) => {
                let (desired, undiscovered) =
                    discover::runwhen_local(self.config, &rendered.images, self.started);
                (
                    self.observe(desired).await,
                    undiscovered,
                    Some(rendered.title),
                )
            }
            Err(problem) => {
                let chart = discover::undiscovered_chart(self.config, problem);
                (Vec::new(), vec![chart], None)
            }
        }
    }

    async fn observe(&self, desired: Vec<discover::Desired>) -> Vec<Observed> {
        (self.on_event)(Event::Checking(desired.len()));
        let observer = Observer {
            config: self.config,
            sources: self.sources,
            destination: self.destination,
            started: self.started,
        };
        observer
            .observe(desired, &|observed| {
                (self.on_event)(Event::Checked(observed))
            })
            .await
    }
}
