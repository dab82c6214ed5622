//! The outside world on loopback: Entra, ARM, ACR and the public registries behind one forward proxy.
//!
//! A program that honours `HTTPS_PROXY` and `SSL_CERT_FILE` runs against it unchanged: the proxy answers CONNECT for the
//! hosts that it knows, shows certificates of its own authority, and speaks for the services inside real TLS. It listens
//! on 127.0.0.1 only and never opens a connection itself.
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
//! What each service says and why is in the modules: facts come from specifications and recordings, and every module
//! names them. Deliberately absent: HTTP/2, services that this project does not talk to, and anything random.

#![forbid(unsafe_code)]

mod acr;
mod acr_metadata;
mod arm;
mod arm_error;
pub mod azure;
mod blob_storage;
mod certificate_authority;
mod change;
mod code_collections;
pub mod content;
mod control;
mod delayed_stream;
mod delivery;
mod distribution;
mod entra;
mod fault;
mod faulty_response;
mod http1;
pub mod image;
mod import;
mod import_failure;
mod initial_state;
mod internet;
mod journal;
mod managed_identity;
mod message;
mod proxy;
pub mod registry;
mod registry_error;
mod registry_path;
pub mod runwhen_local;
pub mod scenario;
mod shared;
mod tag_list;
mod token;
mod token_service;
mod upload;
mod world;

pub use azure::{ImportFailure, ImportResult, ImportRule, Permission};
pub use change::{Change, ChangeError};
pub use fault::{
    ArmedFault, ConnectionFault, DamagedResponse, Fault, FaultKind, RedirectTarget,
    ReplacedResponse, RetryAfter,
};
pub use journal::{ConnectionState, RecordedConnection, RecordedRequest};
pub use registry::Upload;
pub use scenario::{AcrContent, Scenario, StableTag};
pub use world::{File, World};

use certificate_authority::{CertificateAuthority, CertificateError};
use shared::Shared;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Why a sandbox could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No address on loopback, no runtime, or no folder for the certificate.
    #[error("starting the sandbox: {0}")]
    Io(#[from] io::Error),
    /// The certificate authority.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// A running sandbox; dropping it ends it and its connections.
#[derive(Debug)]
pub struct Sandbox {
    shared: Arc<Shared>,
    folder: TempDir,
    runtime: Option<Runtime>,
}

impl Sandbox {
    /// Starts a sandbox at a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When there is no free port, no temporary folder, or no way to make certificates.
    pub fn start(scenario: Scenario) -> Result<Self, StartError> {
        Self::start_at(scenario, 0)
    }

    /// Starts a sandbox at this port of 127.0.0.1; zero for a free one.
    ///
    /// # Errors
    /// As [`Sandbox::start`], and when the port is taken.
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

    /// The address for `HTTPS_PROXY`: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn proxy_url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// The root certificate in PEM, for `SSL_CERT_FILE`; in a temporary folder that the sandbox owns.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.shared.ca_file().to_owned()
    }

    /// A temporary folder that lives as long as the sandbox.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What a program needs in its environment: proxy, certificate, the registry's name and a valid application.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        self.shared.environment()
    }

    /// Only proxy and certificate, for programs that bring credentials of their own.
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

    /// The managed identity's endpoint of the App Service kind: `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`.
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

    /// The login server of the scenario's registry.
    #[must_use]
    pub fn login_server(&self) -> String {
        self.shared.scenario().login_server
    }

    /// Begins anew with another scenario; faults, latency and log stay.
    pub fn set_scenario(&self, scenario: Scenario) {
        self.shared.set_scenario(scenario);
    }

    /// Makes a change to the world.
    ///
    /// # Errors
    /// When what is to be changed is not there.
    pub fn change(&self, change: Change) -> Result<(), ChangeError> {
        self.edit(|world| world.apply(change))
    }

    /// Sets a fault and returns its number. Of several that fit a request, the first that was set and strikes counts.
    pub fn inject(&self, fault: Fault, kind: impl Into<FaultKind>) -> u64 {
        self.shared.faults().add(fault, kind.into())
    }

    /// The faults that are set, with how often each was met.
    #[must_use]
    pub fn faults(&self) -> Vec<ArmedFault> {
        self.shared.faults().all().to_vec()
    }

    /// Takes every fault away.
    pub fn clear_faults(&self) {
        self.shared.faults().clear();
    }

    /// How long a round trip takes on connections opened from now on: TCP's handshake costs one, TLS 1.3's one, and
    /// every request one.
    pub fn set_latency(&self, round_trip: Duration) {
        self.shared.set_round_trip(round_trip);
    }

    /// How long it has run: the clock of its log.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.journal.now()
    }

    /// Every request so far, in the order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.journal.requests()
    }

    /// Every connection that was asked for so far.
    #[must_use]
    pub fn connections(&self) -> Vec<RecordedConnection> {
        self.shared.journal.connections()
    }

    /// Forgets requests and connections, so that the next run can be looked at alone; numbers go on.
    pub fn clear_log(&self) {
        self.shared.journal.clear();
    }

    /// Every request from now on, each when it has been answered.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<RecordedRequest> {
        self.shared.journal.subscribe()
    }

    /// What clients did that they must never do: a test should find nothing here.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.world().violations.clone()
    }

    /// Looks at the world or changes it, while nothing else does. Imports whose time has come are in place.
    pub fn edit<R>(&self, change: impl FnOnce(&mut World) -> R) -> R {
        let mut world = self.shared.world();
        import::advance(&mut world);
        change(&mut world)
    }

    /// Where a tag of the scenario's ACR points now.
    #[must_use]
    pub fn acr_tag(&self, repository: &str, tag: &str) -> Option<String> {
        self.tag(&self.login_server(), repository, tag)
    }

    /// Where a tag of any registry points now.
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
