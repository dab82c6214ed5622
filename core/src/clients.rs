//! The connections of a run, and the time since they were set up.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::config::Config;
use crate::destination::Destination;
use crate::event::Event;
use crate::report::{RunInfo, folder};
use crate::wire::{Limit, SetupError, Wire};

/// The clients that a run shares.
pub struct Clients {
    pub wire: Wire,
    pub destination: Arc<Destination>,
    clock: Instant,
}

impl Clients {
    /// Sets up the clients. No request is sent yet.
    ///
    /// # Errors
    /// If the settings of the network cannot be used.
    pub fn new(config: &Config, limit: &Limit) -> Result<Self, SetupError> {
        let clock = Instant::now();
        let wire = Wire::new(&config.network, config.secrets(), limit.clone())?;
        let destination = Arc::new(Destination::new(config, &wire));
        Ok(Self {
            wire,
            destination,
            clock,
        })
    }

    /// The time since the run began.
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Queries Resource Manager as soon as one image needs a sync, while the other images are checked: imports need it.
    pub fn prepare_import(&self, event: Event<'_>) {
        if matches!(event, Event::Checked(observed) if observed.needs_sync()) {
            let destination = Arc::clone(&self.destination);
            tokio::spawn(async move { destination.prepare_import().await });
        }
    }

    /// The facts of a run that ends now. `check_duration` is the part before the first import.
    pub async fn run_info(
        &self,
        config: &Config,
        started: DateTime<Utc>,
        chart: Option<String>,
        check_duration: Duration,
    ) -> RunInfo {
        let name = &config.target.registry;
        let registry = match self.destination.client().await {
            Ok(client) => client.registry().to_string(),
            Err(_) => name.as_str().to_owned(),
        };
        RunInfo {
            program: config.program.name(),
            folder: folder(&config.images),
            command: config.command.clone(),
            registry,
            resource_name: name.resource_name().to_owned(),
            chart,
            started,
            duration: self.elapsed(),
            check_duration,
            settings: config.settings(),
            hosts: self.wire.ledger().snapshot(),
        }
    }
}
