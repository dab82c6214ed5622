//! The settings of all connections.

use std::path::PathBuf;

use secrecy::SecretString;

use super::NoProxy;

#[derive(Clone, Debug)]
pub struct Network {
    /// The proxy's URL, which may contain a password.
    pub proxy: Option<SecretString>,
    /// Hosts to connect to without the proxy.
    pub no_proxy: NoProxy,
    /// PEM bundle of the authorities to trust instead of the system's.
    pub ca_bundle: Option<PathBuf>,
}
