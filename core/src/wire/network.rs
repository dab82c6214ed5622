//! The settings of all connections.

use std::collections::BTreeSet;
use std::path::PathBuf;

use secrecy::SecretString;

use super::NoProxy;
use crate::name::Registry;

#[derive(Clone, Debug)]
pub struct Network {
    /// The proxy's URL, which may contain a password.
    pub proxy: Option<SecretString>,
    /// Hosts to connect to without the proxy.
    pub no_proxy: NoProxy,
    /// PEM bundle of the authorities to trust instead of the system's.
    pub ca_bundle: Option<CaBundle>,
    /// Registries to reach over plain http.
    pub insecure: BTreeSet<Registry>,
    /// The most requests of a copy to one host at the same time, each for reading and for writing.
    pub copy_concurrency: usize,
}

/// A file that replaces the system's authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaBundle {
    /// The variable that names it: other programs have other names for it.
    pub variable: &'static str,
    pub file: PathBuf,
}

/// The reason why no connection can be opened at all.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The bundle of authorities that the user named cannot be used.
    #[error("{variable}={file:?} cannot be used: {reason}")]
    Authorities {
        /// The variable.
        variable: &'static str,
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// The TLS library refused its own defaults.
    #[error("TLS could not be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The proxy's address.
    #[error("HTTPS_PROXY is not a URL: {0}")]
    Proxy(#[from] url::ParseError),
    /// The HTTP library refused the settings.
    #[error("the HTTP client could not be set up: {0}")]
    Http(#[from] reqwest::Error),
}
