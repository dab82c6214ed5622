//! What a run shares: its connections, the importer, and the time since they were set up.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::apply::{
    ArmImporter, AutoImporter, CopyImporter, Importer, OnProgress, Supply, WithReferrers,
};
use crate::check::Listed;
use crate::config::{Config, SyncMethod, Target, TargetId};
use crate::destination::Destination;
use crate::event::Event;
use crate::plan::Plan;
use crate::registry::Sources;
use crate::report::{RegistryInfo, RunInfo, folder};
use crate::wire::{Limit, SetupError, Wire};

/// The clients that a run shares.
pub struct Clients {
    pub wire: Wire,
    /// In the order of the targets.
    pub destinations: Vec<Arc<Destination>>,
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
        let destinations = Destination::all(config, &wire);
        Ok(Self {
            wire,
            destinations,
            clock,
        })
    }

    /// The time since the run began.
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Queries Resource Manager as soon as one image needs a sync, while the other images are checked: imports need it.
    pub fn prepare_import(&self, event: Event<'_>) {
        if let Event::Checked(TargetId(position), observed) = event
            && observed.needs_sync()
            && let Some(destination) = self.destinations.get(position).map(Arc::clone)
        {
            tokio::spawn(async move { destination.prepare_import().await });
        }
    }

    /// The registries that images come from.
    pub fn registries(&self, config: &Config) -> Supply {
        let sources = Sources::new(&self.wire, config.source_logins.clone());
        Supply::Registries(Arc::new(sources))
    }

    /// The way of images to the destination that the settings select.
    pub fn importer<'a>(
        &self,
        config: &Config,
        TargetId(position): TargetId,
        plan: &Plan,
        supply: Supply,
        on_progress: OnProgress<'a>,
    ) -> Box<dyn Importer + 'a> {
        let destination = &self.destinations[position];
        let logins = || config.source_logins.clone();
        let method = match &supply {
            Supply::Registries(_) => config.sync_method,
            // Azure cannot import from a file.
            Supply::Bundle(_) => SyncMethod::Copy,
        };
        let copy = CopyImporter::new(Arc::clone(destination), supply, plan, on_progress);
        let copy = Arc::new(copy);
        let platform = config.architecture.clone();
        let import = |acr| ArmImporter::new(Arc::clone(acr), logins(), platform);
        let importer: Box<dyn Importer + 'a> = match (&**destination, method) {
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

    /// The targets of a run, in the order of `REGISTRY_NAME`, with their destinations.
    pub fn targets<'a>(
        &'a self,
        config: &'a Config,
    ) -> impl Iterator<Item = (TargetId, &'a Target, &'a Arc<Destination>)> {
        let targets = config.targets.iter().zip(&self.destinations);
        let targets = targets.enumerate();
        targets.map(|(position, (target, destination))| (TargetId(position), target, destination))
    }

    /// The facts of a run that ends now. `check_duration` is the part before the first import.
    pub async fn run_info(
        &self,
        config: &Config,
        started: DateTime<Utc>,
        listed: Listed,
        check_duration: Duration,
    ) -> RunInfo {
        let mut registries = Vec::new();
        for (id_of_target, target, destination) in self.targets(config) {
            let Target { registry, login: _ } = target;
            let id = destination.known_resource_id();
            registries.push(RegistryInfo {
                target: id_of_target,
                name: registry.as_str().to_owned(),
                server: login_server(target, destination).await,
                resource_name: registry.resource_name().to_owned(),
                page: id.and_then(|id| config.cloud.portal_page(id)),
            });
        }
        let Listed {
            chart,
            extra_charts,
            exclusions,
        } = listed;
        RunInfo {
            program: config.program.name(),
            folder: folder(&config.images),
            command: config.command.clone(),
            registries,
            chart,
            extra_charts,
            exclusions,
            started,
            duration: self.elapsed(),
            check_duration,
            fail_on_outdated: config.fail_on_outdated,
            is_of_bundle: config.is_import,
            settings: config.settings(),
            hosts: self.wire.ledger().snapshot(),
        }
    }
}

/// The registry's login server; its part of `REGISTRY_NAME` if that is not known.
pub async fn login_server(target: &Target, destination: &Destination) -> String {
    match destination.client().await {
        Ok(client) => client.registry().to_string(),
        Err(_) => target.registry.as_str().to_owned(),
    }
}
