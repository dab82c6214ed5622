//! The identity of a run in Azure: its credentials and the place where they were found. `config` reads them.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::cloud::Cloud;

/// The credentials with which this run logs in to Entra. `tenant` is an id or a domain, `client` an application id.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A service principal with a secret.
    ClientSecret {
        tenant: String,
        client: String,
        /// The value of the secret, not its id.
        secret: SecretString,
    },
    /// A service principal with a certificate and its private key, as PEM.
    ClientCertificate {
        tenant: String,
        client: String,
        /// Private key and certificate, in the form that `az login --certificate` accepts.
        pem: SecretString,
    },
    /// A service principal with an assertion that another program signed.
    ClientAssertion {
        tenant: String,
        client: String,
        /// A JWT.
        assertion: SecretString,
    },
    /// A Kubernetes service account that Entra trusts.
    WorkloadIdentity {
        tenant: String,
        client: String,
        /// The projected service account token.
        token_file: PathBuf,
    },
    /// The identity of the machine, with tokens from its metadata service.
    ManagedIdentity { identity: ManagedIdentity },
}

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

/// The credentials of a run, and the values that are stored with them.
#[derive(Clone, Debug)]
pub struct Login {
    /// How the run logs in to Entra.
    pub credentials: Credentials,
    /// The place where they were found, for the log and the report.
    pub origin: String,
    /// The places that a next step names.
    pub places: Places,
    /// The subscription that is stored with them.
    pub subscription: Option<String>,
    /// The cloud that is stored with them.
    pub cloud: Option<Cloud>,
    /// Reasons why settings that were read do not contain credentials.
    pub passed_over: Vec<String>,
}

/// Where the parts of a service principal are stored, each as the object of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    pub tenant: String,
    pub client: String,
    pub secret: String,
}

impl Places {
    /// One place for all parts.
    pub(crate) fn all(place: &str) -> Self {
        Self {
            tenant: place.to_owned(),
            client: place.to_owned(),
            secret: place.to_owned(),
        }
    }
}

impl Login {
    /// The places are those of the origin.
    pub(crate) fn new(credentials: Credentials, origin: impl Into<String>) -> Self {
        let origin = origin.into();
        Self {
            credentials,
            places: Places::all(&format!("the {origin}")),
            origin,
            subscription: None,
            cloud: None,
            passed_over: Vec::new(),
        }
    }
}
