//! What a run shares: its connections, the importer, and the time since they were set up.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::apply::{ArmImporter, AutoImporter, CopyImporter, Importer, OnProgress, WithReferrers};
use crate::check::Listed;
use crate::config::{Config, SyncMethod};
use crate::destination::Destination;
use crate::event::Event;
use crate::plan::Plan;
use crate::registry::Sources;
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

    /// The way of images to the destination that the settings select.
    pub fn importer<'a>(
        &self,
        config: &Config,
        plan: &Plan,
        on_progress: OnProgress<'a>,
    ) -> Box<dyn Importer + 'a> {
        let logins = || config.source_logins.clone();
        let sources = Sources::new(&self.wire, logins());
        let destination = Arc::clone(&self.destination);
        let copy = CopyImporter::new(destination, sources, plan, on_progress);
        let copy = Arc::new(copy);
        let platform = config.architecture.clone();
        let import = |acr| ArmImporter::new(Arc::clone(acr), logins(), platform);
        let importer: Box<dyn Importer + 'a> = match (&*self.destination, config.sync_method) {
            (Destination::Acr(acr), SyncMethod::Import) => Box::new(import(acr)),
            (Destination::Acr(acr), SyncMethod::Auto) => {
                Box::new(AutoImporter::new(import(acr), Arc::clone(&copy)))
            }
            (Destination::Acr(_), SyncMethod::Copy) | (Destination::Plain(_), _) => {
                Box::new(Arc::clone(&copy))
            }
        };
        match config.copy_referrers {
            true => Box::new(WithReferrers { importer, copy }),
            false => importer,
        }
    }

    /// The registry's login server; `REGISTRY_NAME` if that is not known.
    pub async fn login_server(&self, config: &Config) -> String {
        match self.destination.client().await {
            Ok(client) => client.registry().to_string(),
            Err(_) => config.target.registry.as_str().to_owned(),
        }
    }

    /// The facts of a run that ends now. `check_duration` is the part before the first import.
    pub async fn run_info(
        &self,
        config: &Config,
        started: DateTime<Utc>,
        listed: Listed,
        check_duration: Duration,
    ) -> RunInfo {
        let name = &config.target.registry;
        let registry = self.login_server(config).await;
        let id = self.destination.known_resource_id();
        let Listed {
            chart,
            extra_charts,
            exclusions,
        } = listed;
        RunInfo {
            program: config.program.name(),
            folder: folder(&config.images),
            command: config.command.clone(),
            registry,
            resource_name: name.resource_name().to_owned(),
            registry_page: id.and_then(|id| config.cloud.portal_page(id)),
            chart,
            extra_charts,
            exclusions,
            started,
            duration: self.elapsed(),
            check_duration,
            fail_on_outdated: config.fail_on_outdated,
            settings: config.settings(),
            hosts: self.wire.ledger().snapshot(),
        }
    }
}
