//! An account at a registry.

use secrecy::SecretString;

/// An account at a registry, such as Docker Hub.
#[derive(Clone, Debug)]
pub struct Account {
    /// The account's name.
    pub username: SecretString,
    /// Its access token.
    pub token: SecretString,
}
