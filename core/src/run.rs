//! A run from configuration to report: discover, observe, plan, apply, report.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::apply::{Outcome, apply};
use crate::azure::{ArmImporter, Destination};
use crate::config::Config;
use crate::observe::{Observed, discover, observe};
use crate::plan::{Action, plan};
use crate::report::{Facts, Report};
use crate::wire::{Limit, SetupError, Wire};

/// What happens while a run waits, for whoever shows it.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// So many images are looked at.
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
    let destination = Arc::new(Destination::new(config, &wire));

    let desired = discover(config);
    on_event(Event::Checking(desired.len()));
    let observed = observe(config, &wire, &destination, desired, &|observed| {
        on_event(Event::Checked(observed))
    })
    .await;
    let plan = plan(observed);
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
        started,
        duration: clock.elapsed(),
        hosts: wire.ledger().snapshot(),
    };
    Ok(Report::new(config, &plan, &outcomes, facts))
}
