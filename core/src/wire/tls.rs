//! Which authorities are trusted: the user's bundle, else the system's, else Mozilla's.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use super::SetupError;

/// Where systems keep the authorities that they trust: the list of Go's `crypto/x509/root_linux.go`.
///
/// Not looked up by the library: that would read the environment, in which an empty `SSL_CERT_FILE` is
/// not the same as none.
const SYSTEM_BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// TLS for all connections: rustls on ring, one configuration.
///
/// A bundle that the user names replaces the system's store, as it does for curl and OpenSSL. A machine
/// without any store (a minimal container image) still reaches public hosts.
///
/// # Errors
/// When the user's bundle cannot be read or holds no certificate.
pub(super) fn client_config(authorities: Option<&Path>) -> Result<ClientConfig, SetupError> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(file) => {
            let found = rustls_native_certs::load_certs_from_paths(Some(file), None);
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                let reason = found
                    .errors
                    .first()
                    .map_or_else(|| "it holds no certificate".to_owned(), ToString::to_string);
                return Err(SetupError::Authorities {
                    file: file.to_owned(),
                    reason,
                });
            }
        }
        None => {
            let bundle = SYSTEM_BUNDLES
                .iter()
                .map(Path::new)
                .find(|path| path.is_file());
            roots = system_roots(bundle);
        }
    }
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
    Ok(config)
}

/// The system's authorities; Mozilla's where it has none.
fn system_roots(bundle: Option<&Path>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_certs_from_paths(bundle, None);
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    }
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_a_store_trusts_what_browsers_trust() {
        assert!(system_roots(None).len() > 50);
        assert!(system_roots(Some(Path::new("/nonexistent"))).len() > 50);
    }

    #[test]
    fn a_bundle_without_a_certificate_is_an_error() {
        assert!(matches!(
            client_config(Some(Path::new("/dev/null"))),
            Err(SetupError::Authorities { .. })
        ));
    }
}
