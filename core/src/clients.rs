//! The connections of a run, and the time since they were set up.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Config;
use crate::destination::Destination;
use crate::event::Event;
use crate::report::RunInfo;
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

    /// The facts of a run that ends now.
    pub async fn complete(&self, info: RunInfo) -> RunInfo {
        let client = self.destination.client().await.ok();
        RunInfo {
            login_server: client.map(|client| client.registry().clone()),
            duration: self.elapsed(),
            hosts: self.wire.ledger().snapshot(),
            ..info
        }
    }
}
