//! Who a run is in Azure: its credentials, and where they were found. Values only; `config` reads them.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::cloud::Cloud;

/// How this run proves to Entra who it is.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A service principal with a secret.
    ClientSecret {
        /// Directory (tenant) id or domain.
        tenant: String,
        /// Application id.
        client: String,
        /// The secret's value.
        secret: SecretString,
    },
    /// A service principal with a certificate and its private key, as PEM.
    ClientCertificate {
        /// Directory (tenant) id or domain.
        tenant: String,
        /// Application id.
        client: String,
        /// Private key and certificate, as `az login --certificate` takes them.
        pem: SecretString,
    },
    /// A service principal with a signed assertion that somebody else made.
    ClientAssertion {
        /// Directory (tenant) id or domain.
        tenant: String,
        /// Application id.
        client: String,
        /// The assertion, a JWT.
        assertion: SecretString,
    },
    /// A Kubernetes service account that Entra trusts.
    WorkloadIdentity {
        /// Directory (tenant) id or domain.
        tenant: String,
        /// Application id.
        client: String,
        /// The projected service account token.
        token_file: PathBuf,
    },
    /// The identity of the machine, from its metadata service.
    ManagedIdentity {
        /// Which one, when it is not the system's.
        identity: ManagedIdentity,
    },
}

/// Which of a machine's managed identities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManagedIdentity {
    /// The system-assigned one, or the only one.
    System,
    /// A user-assigned one, by client id.
    Client(String),
    /// A user-assigned one, by object id.
    Object(String),
    /// A user-assigned one, by resource id.
    Resource(String),
}

/// The credentials that were found, where, and what they say besides.
#[derive(Clone, Debug)]
pub struct Login {
    /// The credentials.
    pub credentials: Credentials,
    /// Where they were found, for the log.
    pub origin: String,
    /// The subscription that came with them.
    pub subscription: Option<String>,
    /// The cloud that came with them.
    pub cloud: Option<Cloud>,
    /// Settings that were read and hold no credentials, with the reason.
    pub passed_over: Vec<String>,
}

impl Login {
    pub(crate) fn new(credentials: Credentials, origin: impl Into<String>) -> Self {
        Self {
            credentials,
            origin: origin.into(),
            subscription: None,
            cloud: None,
            passed_over: Vec::new(),
        }
    }
}
