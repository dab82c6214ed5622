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
    pub ca_bundle: Option<PathBuf>,
    /// Registries to reach over plain http.
    pub insecure: BTreeSet<Registry>,
    /// The most requests of a copy to one host at the same time, each for reading and for writing.
    pub copy_concurrency: usize,
}
