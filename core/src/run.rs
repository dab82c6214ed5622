//! A run from configuration to report: discover, observe, plan, apply, report.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::apply::{Outcome, apply};
use crate::azure::{ArmImporter, Destination};
use crate::chart;
use crate::config::Config;
use crate::discover::{self, Category, Undiscovered};
use crate::observe::{Observed, Observer};
use crate::plan::{Action, Plan, plan};
use crate::registry::Sources;
use crate::report::{Facts, Report};
use crate::wire::{Limit, SetupError, Wire};

/// Longest time for looking at one image, from its source to the destination; at most half of the run's.
pub(crate) const LOOK: Duration = Duration::from_secs(120);

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
        let looked = self.look(self.limit.clone()).await?;
        Ok(self.report(&looked, None).await)
    }

    /// Looks at every image, and imports what is behind.
    ///
    /// # Errors
    /// When no connection can be set up at all. Everything else is in the report.
    pub async fn sync(&self) -> Result<Report, SetupError> {
        // One source that stalls must not take the time that the other images' imports need.
        let patience = LOOK.min(self.config.timeout / 2);
        let looked = self.look(self.limit.for_image(patience)).await?;
        let Looked {
            plan, destination, ..
        } = &looked;
        (self.on_event)(Event::Importing(plan.actions().count()));
        let importer = ArmImporter::new(Arc::clone(destination), self.config.docker.clone());
        let done =
            |action: &Action, outcome: &Outcome| (self.on_event)(Event::Imported(action, outcome));
        let outcomes = apply(plan, &importer, &self.limit, &done).await;
        Ok(self.report(&looked, Some(&outcomes)).await)
    }

    async fn look(&self, limit: Limit) -> Result<Looked, SetupError> {
        let clock = Instant::now();
        let config = self.config;
        let wire = Wire::new(&config.network, config.secrets(), self.limit.clone())?;
        let patient = wire.limited(limit);
        let sources = Sources::new(&patient, config.docker.clone());
        let destination = Arc::new(Destination::new(config, &wire));
        let looking = Looking {
            config,
            wire: &patient,
            sources: &sources,
            destination: &destination,
            started: self.started,
            on_event: self.on_event,
        };
        let (observed, undiscovered, chart) = looking.look().await;
        let plan = plan(observed, undiscovered);
        (self.on_event)(Event::Planned(&plan));
        let looked_in = clock.elapsed();
        Ok(Looked {
            plan,
            chart,
            destination,
            wire,
            clock,
            looked_in,
        })
    }

    async fn report(&self, looked: &Looked, outcomes: Option<&[Outcome]>) -> Report {
        let Looked {
            plan,
            chart,
            destination,
            wire,
            clock,
            looked_in,
        } = looked;
        let facts = Facts {
            login_server: destination
                .client()
                .await
                .ok()
                .map(|client| client.registry().clone()),
            chart: chart.clone(),
            started: self.started,
            duration: clock.elapsed(),
            looked_in: *looked_in,
            hosts: wire.ledger().snapshot(),
        };
        Report::new(self.config, plan, outcomes, facts)
    }
}

/// What looking came to, and what goes on from there.
struct Looked {
    plan: Plan,
    chart: Option<String>,
    destination: Arc<Destination>,
    wire: Wire,
    clock: Instant,
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
                    discover::runwhen_local(self.config, &rendered.images);
                (
                    self.observe(desired).await,
                    undiscovered,
                    Some(rendered.title),
                )
            }
            Err(problem) => {
                let what = format!(
                    "chart {} of {}",
                    self.config.chart.name, self.config.chart.source
                );
                let category = Category::RunWhenLocal;
                (
                    Vec::new(),
                    vec![Undiscovered {
                        category,
                        what,
                        problem,
                    }],
                    None,
                )
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
