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

/// What happens while a run waits, for whoever shows it.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// So many more images are looked at.
    Checking(usize),
    /// One of them was.
    Checked(&'a Observed),
    /// All were; this is what is to be done.
    Planned(&'a Plan),
    /// So many images are imported.
    Importing(usize),
    /// One of them was, or was not.
    Imported(&'a Action, &'a Outcome),
}

/// A run: its settings, its end, and who hears what happens.
pub struct Run<'a> {
    /// The settings.
    pub config: &'a Config,
    /// Its end.
    pub limit: Limit,
    /// When it began.
    pub started: DateTime<Utc>,
    /// Hears what happens.
    pub on_event: &'a (dyn Fn(Event<'_>) + Sync),
}

impl Run<'_> {
    /// Looks at every image, and changes nothing.
    ///
    /// # Errors
    /// When no connection can be set up at all. Everything else is in the report.
    pub async fn check(&self) -> Result<Report, SetupError> {
        let reach = self.reach()?;
        let looked = self.look(&reach, self.limit.clone(), self.on_event).await;
        Ok(self.report(&reach, &looked, None).await)
    }

    /// Looks at every image, and imports what is behind.
    ///
    /// # Errors
    /// When no connection can be set up at all. Everything else is in the report.
    pub async fn sync(&self) -> Result<Report, SetupError> {
        let reach = self.reach()?;
        // The first image that is behind needs Resource Manager: it is asked while the others are looked at.
        let on_event = |event: Event<'_>| {
            if matches!(event, Event::Checked(observed) if observed.is_behind()) {
                let destination = Arc::clone(&reach.destination);
                tokio::spawn(async move { destination.prepare_import().await });
            }
            (self.on_event)(event);
        };
        // One source that stalls must not take the time that the other images' imports need.
        let patience = CHECK_TIMEOUT.min(self.config.timeout / 2);
        let looked = self
            .look(&reach, self.limit.for_image(patience), &on_event)
            .await;
        (self.on_event)(Event::Importing(looked.plan.actions().count()));
        let destination = Arc::clone(&reach.destination);
        let importer = ArmImporter::new(
            destination,
            self.config.docker.clone(),
            self.config.architecture.clone(),
        );
        let done =
            |action: &Action, outcome: &Outcome| (self.on_event)(Event::Imported(action, outcome));
        let outcomes = apply(&looked.plan, &importer, &self.limit, &done).await;
        Ok(self.report(&reach, &looked, Some(&outcomes)).await)
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

    async fn look(
        &self,
        reach: &Reach,
        limit: Limit,
        on_event: &(dyn Fn(Event<'_>) + Sync),
    ) -> Looked {
        let patient = reach.wire.limited(limit);
        let looking = Looking {
            config: self.config,
            wire: &patient,
            sources: &Sources::new(&patient, self.config.docker.clone()),
            destination: &reach.destination,
            started: self.started,
            on_event,
        };
        let (observed, undiscovered, chart) = looking.look().await;
        let plan = plan(observed, undiscovered);
        on_event(Event::Planned(&plan));
        Looked {
            plan,
            chart,
            looked_in: reach.clock.elapsed(),
        }
    }

    async fn report(&self, reach: &Reach, looked: &Looked, outcomes: Option<&[Outcome]>) -> Report {
        let client = reach.destination.client().await.ok();
        let facts = RunInfo {
            login_server: client.map(|client| client.registry().clone()),
            chart: looked.chart.clone(),
            started: self.started,
            duration: reach.clock.elapsed(),
            looked_in: looked.looked_in,
            hosts: reach.wire.ledger().snapshot(),
        };
        Report::new(self.config, &looked.plan, outcomes, facts)
    }
}

/// The way out, and since when.
struct Reach {
    wire: Wire,
    destination: Arc<Destination>,
    clock: Instant,
}

/// What looking came to.
struct Looked {
    plan: Plan,
    chart: Option<String>,
    looked_in: Duration,
}

/// Discovery and observation: both categories side by side, and the registry's token under way meanwhile.
struct Looking<'a> {
    config: &'a Config,
    wire: &'a Wire,
    sources: &'a Sources,
    destination: &'a Destination,
    started: DateTime<Utc>,
    on_event: &'a (dyn Fn(Event<'_>) + Sync),
}

impl Looking<'_> {
    async fn look(&self) -> (Vec<Observed>, Vec<Undiscovered>, Option<String>) {
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
