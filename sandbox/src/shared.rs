//! The state that all connections of a sandbox share.

use crate::certificate_authority::CertificateAuthority;
use crate::fault_table::FaultTable;
use crate::journal::Journal;
use crate::mirror;
use crate::scenario::{self, Publisher, Scenario};
use crate::world::World;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Debug)]
pub struct Shared {
    world: Mutex<World>,
    faults: Mutex<FaultTable>,
    scenario: Mutex<Scenario>,
    ca_file: PathBuf,
    round_trip: AtomicU64,
    pub journal: Journal,
    pub authority: CertificateAuthority,
    /// The address at which the proxy listens.
    pub address: SocketAddr,
}

impl Shared {
    /// Builds the state of a scenario for a proxy at this address.
    #[must_use]
    pub fn new(
        scenario: Scenario,
        authority: CertificateAuthority,
        ca_file: PathBuf,
        address: SocketAddr,
    ) -> Self {
        Self {
            world: Mutex::new(scenario.build()),
            scenario: Mutex::new(scenario),
            ca_file,
            faults: Mutex::default(),
            round_trip: AtomicU64::new(0),
            journal: Journal::new(),
            authority,
            address,
        }
    }

    /// Locks the state of the services.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the scenario with which the state started.
    pub fn scenario(&self) -> Scenario {
        self.scenario
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Replaces the state of the services by that of a scenario. Faults, latency and log do not change.
    pub fn set_scenario(&self, scenario: Scenario) {
        let world = scenario.build();
        *self.scenario.lock().unwrap_or_else(PoisonError::into_inner) = scenario;
        *self.world() = world;
    }

    /// Returns the path of the root certificate.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// Returns the environment variables for a client.
    pub fn environment(&self) -> Vec<(String, String)> {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut variables = vec![
            pair("HTTPS_PROXY", &format!("http://{}", self.address)),
            pair("SSL_CERT_FILE", &self.ca_file.display().to_string()),
            pair("REGISTRY_NAME", &self.scenario().registry_names()),
            pair("AZURE_TENANT_ID", scenario::TENANT_ID),
            pair("AZURE_CLIENT_ID", scenario::CLIENT_ID),
            pair("AZURE_CLIENT_SECRET", scenario::CLIENT_SECRET),
            pair("AZURE_SUBSCRIPTION_ID", scenario::SUBSCRIPTION_ID),
        ];
        match self.scenario().code_collections {
            Publisher::Google => {}
            Publisher::Catalog => variables.push(pair("CODECOLLECTION_SOURCE", "catalog")),
            Publisher::Mirror => {
                let of_mirror = mirror::variables();
                variables.extend(of_mirror.map(|(name, value)| pair(name, &value)));
            }
        }
        variables
    }

    /// Locks the faults.
    pub fn faults(&self) -> MutexGuard<'_, FaultTable> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the round trip time of new connections.
    pub fn round_trip(&self) -> Duration {
        Duration::from_micros(self.round_trip.load(Ordering::SeqCst))
    }

    /// Sets the round trip time of new connections.
    pub fn set_round_trip(&self, round_trip: Duration) {
        self.round_trip.store(
            u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX),
            Ordering::SeqCst,
        );
    }
}
