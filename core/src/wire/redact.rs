//! URLs as messages may show them, and texts without the secrets of this run.

use std::cmp::Reverse;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrecy::{ExposeSecret as _, SecretString};
use url::{Url, form_urlencoded};

use crate::problem::PUBLIC_PARAMETERS;

/// The URL without user, password, fragment and the values of unknown query parameters.
pub fn shown(url: &Url) -> String {
    let mut out = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
    if let Some(port) = url.port() {
        out.push_str(&format!(":{port}"));
    }
    out.push_str(url.path());
    for (position, (key, value)) in url.query_pairs().enumerate() {
        out.push(if position == 0 { '?' } else { '&' });
        out.push_str(&key);
        out.push('=');
        out.push_str(if PUBLIC_PARAMETERS.contains(&key.as_ref()) {
            &value
        } else {
            "…"
        });
    }
    crate::problem::harmless(&out)
}

/// The secrets of this run: what a service sends back may hold one of them. Cheap to clone.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Mutex<Vec<SecretString>>>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// Keeps one more text out of all messages, as it is and as forms and URLs write it.
    pub fn learn(&self, secret: SecretString) {
        let text = secret.expose_secret();
        // A text this short would be found everywhere and protects nothing.
        if text.len() < 4 {
            return;
        }
        let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let mut known = self.known();
        for text in [text, &encoded] {
            if !known.iter().any(|other| other.expose_secret() == text) {
                known.push(SecretString::from(text));
            }
        }
        // One may be a part of another, which would be left in pieces.
        known.sort_by_key(|secret| Reverse(secret.expose_secret().len()));
    }

    /// The text with every known secret replaced.
    pub fn scrub(&self, text: &str) -> String {
        self.known().iter().fold(text.to_owned(), |text, secret| {
            let secret = secret.expose_secret();
            if text.contains(secret) {
                text.replace(secret, "***")
            } else {
                text
            }
        })
    }

    fn known(&self) -> MutexGuard<'_, Vec<SecretString>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_parameters_keep_their_value() {
        let url =
            Url::parse("https://me:pw@management.azure.com/a/b?api-version=2023-07-01&s=SIG&t=1#f")
                .unwrap();
        assert_eq!(
            shown(&url),
            "https://management.azure.com/a/b?api-version=2023-07-01&s=…&t=…"
        );
    }

    #[test]
    fn a_secret_that_comes_back_is_not_shown() {
        let secrets = Secrets::default();
        secrets.learn("hush-hush".to_owned().into());
        secrets.learn("a".to_owned().into());
        assert_eq!(
            secrets.scrub("invalid password hush-hush"),
            "invalid password ***"
        );
    }
}
