//! The sandbox's certificate authority: one root certificate per run, and a certificate per host at its first connection.
//!
//! Clients trust it through `SSL_CERT_FILE`. Faults use certificates with flaws; a correct client refuses each of them for
//! exactly one reason.

use chrono::Datelike as _;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The flaw of the certificate that a host presents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CertificateFlaw {
    /// The certificate is valid: signed by the sandbox's authority, for this host, not expired.
    None,
    /// Signed by an authority that clients do not trust.
    ForeignAuthority,
    /// Issued for another host.
    OtherHost,
    /// Expired in 2021.
    Expired,
    /// Valid from a day before to a week after this time, in Unix seconds.
    ShortLived(i64),
}

/// The reason why a certificate or a TLS configuration could not be created.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The key or the certificate.
    #[error("could not create a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The TLS configuration with the certificate.
    #[error("could not create a TLS configuration: {0}")]
    Tls(#[from] rustls::Error),
}

/// Signs certificates for any host, and caches the TLS configurations with them.
#[derive(Debug)]
pub struct CertificateAuthority {
    trusted: Root,
    foreign: Root,
    host_key: KeyPair,
    configurations: Mutex<HashMap<(String, CertificateFlaw), Arc<ServerConfig>>>,
}

#[derive(Debug)]
struct Root {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

impl CertificateAuthority {
    /// Creates an authority with new keys.
    ///
    /// # Errors
    /// If key generation fails.
    pub fn new() -> Result<Self, CertificateError> {
        Ok(Self {
            trusted: Root::new("Sandbox root")?,
            foreign: Root::new("Foreign root")?,
            host_key: KeyPair::generate()?,
            configurations: Mutex::default(),
        })
    }

    /// Returns the root certificate that clients trust, in PEM format.
    #[must_use]
    pub fn root_pem(&self) -> String {
        self.trusted.certificate.pem()
    }

    /// Returns the TLS configuration for a host. It is created at the first call.
    ///
    /// # Errors
    /// If a certificate cannot contain the host's name.
    pub fn configuration(
        &self,
        host: &str,
        flaw: CertificateFlaw,
    ) -> Result<Arc<ServerConfig>, CertificateError> {
        let mut configurations = self
            .configurations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let key = (host.to_owned(), flaw);
        if let Some(configuration) = configurations.get(&key) {
            return Ok(Arc::clone(configuration));
        }
        let configuration = Arc::new(self.new_configuration(host, flaw)?);
        configurations.insert(key, Arc::clone(&configuration));
        Ok(configuration)
    }

    fn new_configuration(
        &self,
        host: &str,
        flaw: CertificateFlaw,
    ) -> Result<ServerConfig, CertificateError> {
        const DAY: i64 = 24 * 3600;
        let (root, name) = match flaw {
            CertificateFlaw::None | CertificateFlaw::Expired | CertificateFlaw::ShortLived(_) => {
                (&self.trusted, host)
            }
            CertificateFlaw::ForeignAuthority => (&self.foreign, host),
            CertificateFlaw::OtherHost => (&self.trusted, "somewhere-else.example"),
        };
        let midnight = |seconds| {
            let day = chrono::DateTime::from_timestamp(seconds, 0).unwrap_or_default();
            let number = |value: u32| u8::try_from(value).unwrap_or(1);
            date_time_ymd(day.year(), number(day.month()), number(day.day()))
        };
        let begin = date_time_ymd(2020, 1, 1);
        let (begin, end) = match flaw {
            CertificateFlaw::None
            | CertificateFlaw::ForeignAuthority
            | CertificateFlaw::OtherHost => (begin, date_time_ymd(2099, 1, 1)),
            CertificateFlaw::Expired => (begin, date_time_ymd(2021, 1, 1)),
            CertificateFlaw::ShortLived(now) => (midnight(now - DAY), midnight(now + 7 * DAY)),
        };
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = begin;
        params.not_after = end;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&self.host_key, &root.issuer)?;
        let chain: Vec<CertificateDer<'static>> =
            vec![certificate.der().clone(), root.certificate.der().clone()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.host_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut configuration = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        configuration.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A ticket would extend the handshake, so that the first request would wait half a round trip longer than on a
        // real network.
        configuration.send_tls13_tickets = 0;
        Ok(configuration)
    }
}

impl Root {
    fn new(name: &str) -> Result<Self, CertificateError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2099, 1, 1);
        // OpenSSL's strict mode (Python 3.13, so also `az`) requires explicit key usages in a root certificate.
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_is_created_once_per_host_and_flaw() {
        let authority = CertificateAuthority::new().unwrap();
        let one = authority
            .configuration("management.azure.com", CertificateFlaw::None)
            .unwrap();
        let same = authority
            .configuration("management.azure.com", CertificateFlaw::None)
            .unwrap();
        let other = authority
            .configuration("management.azure.com", CertificateFlaw::Expired)
            .unwrap();
        assert!(Arc::ptr_eq(&one, &same));
        assert!(!Arc::ptr_eq(&one, &other));
        assert!(
            authority
                .root_pem()
                .starts_with("-----BEGIN CERTIFICATE-----")
        );
    }
}
