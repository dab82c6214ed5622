use secrecy::SecretString;

/// An account at a registry, such as Docker Hub.
#[derive(Clone, Debug)]
pub struct Account {
    pub username: SecretString,
    pub token: SecretString,
}

impl Account {
    /// What a request with Basic authentication sends.
    pub(crate) fn basic(&self) -> (SecretString, SecretString) {
        (self.username.clone(), self.token.clone())
    }
}

/// What a registry or its token service accepts as a login.
#[derive(Clone, Debug)]
pub enum RegistryCredentials {
    Password(Account),
    /// A refresh token of Docker's OAuth 2 specification.
    IdentityToken(SecretString),
}
