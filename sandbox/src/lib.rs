//! Simulates Entra, ARM, ACR and the public registries on loopback, through one forward proxy.
//!
//! A program that uses `HTTPS_PROXY` and `SSL_CERT_FILE` runs against it without changes: the proxy accepts CONNECT for known
//! hosts, presents certificates of its own authority, and answers for the services inside real TLS. It listens only on
//! 127.0.0.1 and never opens a connection.
//!
//! ```
//! use sandbox::{Fault, ReplacedResponse, Sandbox, Scenario};
//!
//! let sandbox = Sandbox::start(Scenario::default())?;
//! sandbox.inject(Fault::on("us-west1-docker.pkg.dev").path_contains("tags/list").times(3), ReplacedResponse::ResetBeforeHeaders);
//! let environment = sandbox.environment(); // for the program under test
//! assert!(environment.iter().any(|(name, _)| name == "HTTPS_PROXY"));
//! assert!(sandbox.requests().is_empty());
//! # Ok::<(), sandbox::StartError>(())
//! ```
//!
//! The modules simulate the services by specifications and recorded responses, which their documentation names. Not
//! simulated: HTTP/2, and services that this project does not use. Nothing is random.

#![forbid(unsafe_code)]

mod acr;
mod acr_metadata;
mod arm;
mod arm_error;
pub mod artifact;
pub mod azure;
mod blob_storage;
pub mod catalog;
mod certificate_authority;
mod change;
mod code_collections;
pub mod content;
mod control;
pub mod copy_load;
mod delayed_stream;
mod delivery;
mod distribution;
mod entra;
pub mod extra_chart;
pub mod extra_images;
mod fault;
mod fault_table;
mod faulty_response;
mod http1;
pub mod image;
mod import;
mod import_failure;
mod initial_state;
mod internet;
mod journal;
mod managed_identity;
mod manifest_upload;
mod message;
pub mod mirror;
mod oci_login;
pub mod oci_registry;
mod proxy;
mod received;
mod referrers;
pub mod registry;
mod registry_error;
mod registry_path;
pub mod runwhen_local;
pub mod scenario;
mod shared;
mod tag_list;
mod token;
mod token_service;
mod traffic;
mod upload;
mod upload_body;
mod world;
mod writing;

pub use azure::{ImportFailure, ImportResult, ImportRule, Permission};
pub use change::{Change, ChangeError};
pub use fault::{
    ConnectionFault, DamagedResponse, Fault, FaultKind, RedirectTarget, ReplacedResponse,
    RetryAfter,
};
pub use fault_table::ArmedFault;
pub use journal::{ConnectionState, RecordedConnection, RecordedRequest};
pub use oci_registry::{Account, Login, OciSettings};
pub use registry::Upload;
pub use scenario::{AcrContent, CopyLoad, OtherAcr, Publisher, Scenario, StableTag};
pub use traffic::Traffic;
pub use world::{File, World};
pub use writing::{ChunkRules, RateLimit, TokenLimit, UploadRules};

use certificate_authority::{CertificateAuthority, CertificateError};
use registry::{Registry, Transport};
use shared::Shared;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// The reason why a sandbox could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port, the runtime, or the folder for the certificate is not available.
    #[error("could not start the sandbox: {0}")]
    Io(#[from] io::Error),
    /// The certificate authority could not be created.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// A running sandbox. Dropping it stops it and closes its connections.
#[derive(Debug)]
pub struct Sandbox {
    shared: Arc<Shared>,
    folder: TempDir,
    runtime: Option<Runtime>,
}

impl Sandbox {
    /// Starts a sandbox on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If a port, a temporary folder or a certificate is not available.
    pub fn start(scenario: Scenario) -> Result<Self, StartError> {
        Self::start_at(scenario, 0)
    }

    /// Starts a sandbox on this port of 127.0.0.1; zero for a free port.
    ///
    /// # Errors
    /// As [`Sandbox::start`], and if the port is in use.
    pub fn start_at(scenario: Scenario, port: u16) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("sandbox")
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", port)))?;
        let authority = CertificateAuthority::new()?;
        let folder = tempfile::Builder::new().prefix("sandbox-").tempdir()?;
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, authority.root_pem())?;
        let shared = Arc::new(Shared::new(
            scenario,
            authority,
            ca_file,
            listener.local_addr()?,
        ));
        runtime.spawn(proxy::run(listener, Arc::clone(&shared)));
        Ok(Self {
            shared,
            folder,
            runtime: Some(runtime),
        })
    }

    /// Returns the value for `HTTPS_PROXY`: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn proxy_url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// Returns the path of the root certificate, for `SSL_CERT_FILE`. It is in the sandbox's temporary folder.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.shared.ca_file().to_owned()
    }

    /// Returns a temporary folder that exists as long as the sandbox.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the environment variables for a client: proxy, CA bundle, the registry's name and a valid application.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        self.shared.environment()
    }

    /// Returns only the variables for proxy and CA bundle, for clients with their own credentials.
    #[must_use]
    pub fn network_environment(&self) -> Vec<(String, String)> {
        vec![
            ("HTTPS_PROXY".to_owned(), self.proxy_url()),
            (
                "SSL_CERT_FILE".to_owned(),
                self.ca_file().display().to_string(),
            ),
        ]
    }

    /// Returns the variables for a managed identity as on App Service: `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`.
    #[must_use]
    pub fn identity_environment(&self) -> Vec<(String, String)> {
        let header = self.shared.world().azure.identity_header.clone();
        vec![
            (
                "IDENTITY_ENDPOINT".to_owned(),
                format!("{}{}", self.proxy_url(), managed_identity::PATH),
            ),
            ("IDENTITY_HEADER".to_owned(), header),
        ]
    }

    /// Returns the login server of the scenario's registry.
    #[must_use]
    pub fn login_server(&self) -> String {
        self.shared.scenario().login_server
    }

    /// Replaces the state of the services by that of a scenario. Faults, latency and log do not change.
    pub fn set_scenario(&self, scenario: Scenario) {
        self.shared.set_scenario(scenario);
    }

    /// Makes a change to the state of the services.
    ///
    /// # Errors
    /// If the registry, repository or tag does not exist.
    pub fn change(&self, change: Change) -> Result<(), ChangeError> {
        self.edit(|world| world.apply(change))
    }

    /// Adds a fault and returns its number. If several faults match a request, the first one applies.
    pub fn inject(&self, fault: Fault, kind: impl Into<FaultKind>) -> u64 {
        self.shared.faults().add(fault, kind.into())
    }

    /// Returns all faults with the numbers of their matches and hits.
    #[must_use]
    pub fn faults(&self) -> Vec<ArmedFault> {
        self.shared.faults().all().to_vec()
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.shared.faults().clear();
    }

    /// Sets the round trip time of new connections. The TCP handshake, the TLS 1.3 handshake and every request take one round
    /// trip each.
    pub fn set_latency(&self, round_trip: Duration) {
        self.shared.set_round_trip(round_trip);
    }

    /// Returns the time since the start, which is the clock of the log.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.journal.now()
    }

    /// Returns all requests in the order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.journal.requests()
    }

    /// Returns all connections, including the refused ones.
    #[must_use]
    pub fn connections(&self) -> Vec<RecordedConnection> {
        self.shared.journal.connections()
    }

    /// Deletes requests and connections from the log. Numbers continue.
    pub fn clear_log(&self) {
        self.shared.journal.clear();
    }

    /// Returns a channel with all further requests, each after its response.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<RecordedRequest> {
        self.shared.journal.subscribe()
    }

    /// Returns the forbidden actions of clients, such as sending a token to a storage host.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.world().violations.clone()
    }

    /// Reads or changes the state of the services under its lock, after the copies of finished imports.
    pub fn edit<R>(&self, change: impl FnOnce(&mut World) -> R) -> R {
        let mut world = self.shared.world();
        import::advance(&mut world);
        change(&mut world)
    }

    /// Adds a registry to the simulated internet, or replaces the one at its host.
    pub fn add_registry(&self, registry: Registry) {
        self.edit(|world| world.registries.insert(registry.host.clone(), registry));
    }

    /// Adds a plain registry without TLS at the sandbox's own address. Returns its host, `127.0.0.1:PORT`.
    pub fn add_plain_http_registry(&self, settings: OciSettings) -> String {
        let host = self.shared.address.to_string();
        self.add_registry(Registry {
            transport: Transport::PlainHttp,
            ..Registry::oci(&host, settings)
        });
        host
    }

    /// Returns the sums of the log's requests about blobs and manifests. Waits for the end of the requests, because a client
    /// may read a response before its request is recorded as answered; but not longer than a second.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.shared.journal.wait_for_end(Duration::from_secs(1));
        Traffic::of(&self.requests())
    }

    /// Returns the digest to which a tag of the scenario's ACR points.
    #[must_use]
    pub fn acr_tag(&self, repository: &str, tag: &str) -> Option<String> {
        self.tag(&self.login_server(), repository, tag)
    }

    /// Returns the digest to which a tag of any registry points.
    #[must_use]
    pub fn tag(&self, host: &str, repository: &str, tag: &str) -> Option<String> {
        self.edit(|world| world.tag(host, repository, tag).map(ToString::to_string))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
