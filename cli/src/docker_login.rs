//! Logins in Docker's configuration file: in the file itself, or from a credential helper that it names.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use acr_sync_core::config::{Account, RegistryCredentials};
use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};

/// Longest time for a helper's answer.
const HELPER: Duration = Duration::from_secs(20);

/// The login for a host; `None` if the file has none. Runs the helper `docker-credential-…` that the file names.
///
/// # Errors
/// A sentence about the file or the helper.
pub(crate) fn find(file: &str, host: &str) -> Result<Option<RegistryCredentials>, String> {
    let (answer, answered) = mpsc::channel();
    let (file, host) = (file.to_owned(), host.to_owned());
    // A helper that hangs must not stop the run without a message.
    thread::spawn(move || answer.send(get_credential_from_reader(file.as_bytes(), &host)));
    let found = answered.recv_timeout(HELPER).map_err(|_| {
        format!(
            "the credential helper did not answer within {} s",
            HELPER.as_secs()
        )
    })?;
    match found {
        Ok(DockerCredential::UsernamePassword(username, password)) => {
            Ok(Some(RegistryCredentials::Password(Account {
                username: username.into(),
                token: password.into(),
            })))
        }
        Ok(DockerCredential::IdentityToken(token)) => {
            Ok(Some(RegistryCredentials::IdentityToken(token.into())))
        }
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
        Err(CredentialRetrievalError::HelperFailure { stdout, stderr, .. })
            if [&stdout, &stderr]
                .iter()
                .any(|text| text.contains("credentials not found")) =>
        {
            Ok(None)
        }
        // The output of a helper may contain a secret.
        Err(CredentialRetrievalError::HelperFailure { helper, .. }) => {
            Err(format!("the credential helper {helper:?} failed"))
        }
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(file: &str) -> Result<Option<&'static str>, String> {
        let found = find(file, "registry.example:5000")?;
        Ok(found.map(|found| match found {
            RegistryCredentials::Password(_) => "password",
            RegistryCredentials::IdentityToken(_) => "token",
        }))
    }

    #[test]
    fn login_of_the_host_is_found_and_mistakes_are_reported() {
        for (file, expected) in [
            (
                r#"{"auths": {"registry.example:5000": {"auth": "dTpw"}}}"#,
                Ok(Some("password")),
            ),
            (
                r#"{"auths": {"https://registry.example:5000/v2/": {"auth": "dTpw"}}}"#,
                Ok(Some("password")),
            ),
            (
                r#"{"auths": {"registry.example:5000": {"identitytoken": "t"}}}"#,
                Ok(Some("token")),
            ),
            (
                r#"{"auths": {"other.example": {"auth": "dTpw"}}}"#,
                Ok(None),
            ),
            ("{}", Ok(None)),
        ] {
            assert_eq!(kind(file), expected, "{file}");
        }
        for file in [
            "no json",
            r#"{"auths": {"registry.example:5000": {"auth": "?"}}}"#,
            r#"{"credHelpers": {"registry.example:5000": "that-does-not-exist"}}"#,
            r#"{"credsStore": "that-does-not-exist"}"#,
        ] {
            assert!(kind(file).is_err(), "{file}");
        }
    }
}
