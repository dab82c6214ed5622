//! The trusted authorities: the user's bundle, otherwise the system's, otherwise Mozilla's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::seen::Seen;
use super::{CaBundle, SetupError, Wire};
use crate::file;

/// Where systems keep the authorities that they trust: the list of Go's `crypto/x509/root_linux.go`.
const SYSTEM_BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

const BEGIN: &str = "-----BEGIN ";

/// TLS for all connections: rustls on ring, one configuration.
///
/// A bundle that the user names replaces the system's store, as it does for curl and OpenSSL. A machine
/// without any store (a minimal container image) still reaches public hosts.
///
/// # Errors
/// If a part of the user's bundle cannot be read.
pub(super) fn client_config(
    ca_bundle: Option<&CaBundle>,
    seen: &Seen,
) -> Result<(ClientConfig, Trust), SetupError> {
    let (roots, trust) = match ca_bundle {
        Some(bundle) => {
            let roots = named_roots(&bundle.file).map_err(|reason| SetupError::Authorities {
                variable: bundle.variable,
                file: bundle.file.clone(),
                reason,
            })?;
            (roots, Trust::Named(bundle.clone()))
        }
        None => {
            let bundle = SYSTEM_BUNDLES
                .iter()
                .map(Path::new)
                .find(|path| path.is_file());
            system_roots(bundle)
        }
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
    let noting = Noting {
        verifier,
        seen: seen.clone(),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        // The verifier is the library's own.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(noting))
        .with_no_client_auth();
    Ok((config, trust))
}

/// Where the trusted authorities are from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    Named(CaBundle),
    System(PathBuf),
    /// Mozilla's list, which is a part of this program.
    Mozilla,
}

impl Wire {
    pub(crate) fn trust(&self) -> &Trust {
        &self.inner.trust
    }
}

/// Notes which certificate a server presents, and lets rustls decide about it. Without this, the issuer of a certificate
/// that is refused would not be known.
#[derive(Debug)]
struct Noting {
    verifier: Arc<WebPkiServerVerifier>,
    seen: Seen,
}

impl ServerCertVerifier for Noting {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.seen.presented(name, certificate);
        self.verifier
            .verify_server_cert(certificate, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// All authorities of the user's bundle. With a part of it, a later connection would fail for a reason that is hard to
/// find.
fn named_roots(path: &Path) -> Result<RootCertStore, String> {
    let content = file::read(path).map_err(|error| error.to_string())?;
    let certificates = certificates(&String::from_utf8_lossy(&content))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        return Err("it holds no certificate in PEM form".to_owned());
    }
    Ok(roots)
}

/// Every certificate of a bundle. Bundles that were joined without a line break between them are read too.
fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    // The PEM reader finds a beginning only at the start of a line.
    let text = text.replace(BEGIN, &format!("\n{BEGIN}"));
    let written = text.matches("-----BEGIN CERTIFICATE-----").count();
    let (mut read, mut damaged) = (Vec::new(), 0);
    for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
        match certificate {
            Ok(certificate) => read.push(certificate),
            // The error's own text lists the line's bytes.
            Err(_) => damaged += 1,
        }
    }
    if read.len() == written && damaged == 0 {
        return Ok(read);
    }
    Err(format!(
        "only {} of its {written} certificates can be read: each needs its BEGIN and END lines, and line breaks after the \
         one and before the other",
        read.len()
    ))
}

/// The system's authorities, as many as can be read, or Mozilla's if it has none.
fn system_roots(bundle: Option<&Path>) -> (RootCertStore, Trust) {
    let content = bundle.and_then(|path| file::read(path).ok());
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(
        CertificateDer::pem_slice_iter(&content.unwrap_or_default()).flatten(),
    );
    match bundle.filter(|_| !roots.is_empty()) {
        Some(path) => (roots, Trust::System(path.to_owned())),
        None => {
            let mozilla = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned();
            roots.add_parsable_certificates(mozilla);
            (roots, Trust::Mozilla)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    /// An authority of Mozilla's list as PEM, without a line break at its end.
    fn pem(number: usize) -> String {
        let encoded = STANDARD.encode(&webpki_root_certs::TLS_SERVER_ROOT_CERTS[number]);
        let lines: Vec<_> = encoded
            .as_bytes()
            .chunks(64)
            .map(String::from_utf8_lossy)
            .collect();
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----",
            lines.join("\n")
        )
    }

    #[test]
    fn machine_without_a_store_trusts_the_authorities_of_mozilla() {
        for bundle in [None, Some(Path::new("/nonexistent"))] {
            let (roots, trust) = system_roots(bundle);
            assert!(roots.len() > 50);
            assert_eq!(trust, Trust::Mozilla);
        }
    }

    #[test]
    fn bundle_that_is_not_a_regular_file_is_an_error() {
        for path in ["/dev/null", "/dev/zero", "/etc", "/nonexistent"] {
            let bundle = CaBundle {
                variable: "SSL_CERT_FILE",
                file: path.into(),
            };
            assert!(
                matches!(
                    client_config(Some(&bundle), &Seen::default()),
                    Err(SetupError::Authorities { .. })
                ),
                "{path}"
            );
        }
    }

    #[test]
    fn certificates_without_a_line_break_between_them_are_all_read() {
        for between in ["", " ", "\n", "\r\n", "\r", "# a comment\n", "# a comment"] {
            let text = [pem(0), pem(1), pem(2)].join(between);
            assert_eq!(
                certificates(&text).map(|read| read.len()),
                Ok(3),
                "{between:?}"
            );
        }
        assert_eq!(certificates("# nothing\n").map(|read| read.len()), Ok(0));
    }

    #[test]
    fn bundle_with_a_certificate_that_cannot_be_read_is_refused() {
        let whole = pem(0);
        let no_end = whole.replace("-----END CERTIFICATE-----", "");
        let on_one_line = whole.replace('\n', " ");
        let escaped = whole.replace('\n', "\\n");
        let cut = &whole[..whole.len() / 2];
        let odd = whole.replacen('A', "!", 1);
        for damaged in [&no_end, &on_one_line, &escaped, cut, &odd] {
            for text in [
                format!("{whole}\n{damaged}"),
                format!("{damaged}\n{whole}"),
                format!("{damaged}{whole}"),
            ] {
                assert!(certificates(&text).is_err(), "{text}");
            }
        }
    }
}
