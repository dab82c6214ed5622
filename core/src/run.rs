//! A run from configuration to report: discover, observe, plan, apply, report.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::apply::{Outcome, apply};
use crate::azure::{ArmImporter, Destination};
use crate::chart;
use crate::config::Config;
use crate::discover::{self, Category, Undiscovered};
use crate::observe::{Observed, Observer};
use crate::plan::{Action, plan};
use crate::registry::Sources;
use crate::report::{Facts, Report};
use crate::wire::{Limit, SetupError, Wire};

/// What happens while a run waits, for whoever shows it.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// So many more images are looked at.
    Checking(usize),
    /// One of them was.
    Checked(&'a Observed),
    /// So many images are imported.
    Importing(usize),
    /// One of them was, or was not.
    Imported(&'a Action, &'a Outcome),
}

/// Runs: looks at every image and, when the configuration says so, imports what is behind.
///
/// # Errors
/// When no connection can be set up at all. Everything else is in the report.
pub async fn run(
    config: &Config,
    limit: Limit,
    started: DateTime<Utc>,
    on_event: &(dyn Fn(Event<'_>) + Sync),
) -> Result<Report, SetupError> {
    let clock = Instant::now();
    let wire = Wire::new(&config.network, config.secrets(), limit.clone())?;
    let sources = Sources::new(&wire, config.docker.clone());
    let destination = Arc::new(Destination::new(config, &wire));

    let looking = Looking {
        config,
        wire: &wire,
        sources: &sources,
        destination: &destination,
        started,
        on_event,
    };
    let (observed, undiscovered, chart) = looking.look().await;
    let plan = plan(observed, undiscovered);
    let login_server = destination
        .client()
        .await
        .ok()
        .map(|client| client.registry().clone());

    let outcomes = if config.sync_images {
        on_event(Event::Importing(plan.actions().count()));
        let importer = ArmImporter::new(destination, config.docker.clone());
        apply(&plan, &importer, &limit, &|action, outcome| {
            on_event(Event::Imported(action, outcome))
        })
        .await
    } else {
        Vec::new()
    };
    let facts = Facts {
        login_server,
        chart,
        started,
        duration: clock.elapsed(),
        hosts: wire.ledger().snapshot(),
    };
    Ok(Report::new(config, &plan, &outcomes, facts))
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
