use secrecy::SecretString;

/// An account at a registry, such as Docker Hub.
#[derive(Clone, Debug)]
pub struct Account {
    pub username: SecretString,
    pub token: SecretString,
}
