//! The settings of all connections.

use std::path::PathBuf;

use secrecy::SecretString;

use super::NoProxy;

/// The settings of all connections.
#[derive(Clone, Debug)]
pub struct Network {
    /// The proxy's URL, which may hold a password.
    pub proxy: Option<SecretString>,
    /// Hosts that are reached without it.
    pub no_proxy: NoProxy,
    /// PEM bundle of the authorities to trust instead of the system's.
    pub authorities: Option<PathBuf>,
}
