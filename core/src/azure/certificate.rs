//! The assertion that a service principal with a certificate signs for itself.
//!
//! Microsoft identity platform, "application authentication certificate credentials": a JWT signed with
//! PS256 whose header names the certificate by its SHA-256 thumbprint (`x5t#S256`). The library's
//! certificate credential needs OpenSSL, a second TLS stack; ring is a dependency already.

use std::sync::Arc;

use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{RSA_PSS_SHA256, RsaKeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;

/// The lifetime of an assertion in seconds. Entra accepts up to a day.
const LIFETIME: i64 = 600;

/// Checks that a PEM file contains a certificate and its private key.
///
/// # Errors
/// Names the one that is missing or cannot be used.
pub(crate) fn check(pem: &str) -> Result<(), String> {
    CertificateAssertion::new(pem, "", String::new()).map(drop)
}

/// Signs assertions with the private key of a service principal.
pub(super) struct CertificateAssertion {
    key: RsaKeyPair,
    thumbprint: String,
    client: String,
    audience: String,
}

impl std::fmt::Debug for CertificateAssertion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertificateAssertion")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl CertificateAssertion {
    /// Reads private key and certificate from PEM. `audience` is the token endpoint.
    ///
    /// # Errors
    /// Names the one that is missing or cannot be used.
    pub(super) fn new(pem: &str, client: &str, audience: String) -> Result<Self, String> {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| format!("the PEM file contains no usable certificate: {error}"))?;
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| format!("the PEM file contains no usable private key: {error}"))?;
        let key = match &key {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err("the private key is not an RSA key, which Entra requires".to_owned()),
        };
        let key =
            key.map_err(|error| format!("the private key is not a usable RSA key: {error}"))?;
        let thumbprint = ring::digest::digest(&ring::digest::SHA256, &certificate);
        Ok(Self {
            key,
            thumbprint: URL_SAFE_NO_PAD.encode(thumbprint),
            client: client.to_owned(),
            audience,
        })
    }

    fn sign(&self, now: i64) -> Result<String, ring::error::Unspecified> {
        let random = SystemRandom::new();
        let mut id = [0_u8; 16];
        random.fill(&mut id)?;
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint});
        let claims = json!({
            "aud": self.audience, "iss": self.client, "sub": self.client,
            "jti": URL_SAFE_NO_PAD.encode(id), "nbf": now - 60, "iat": now, "exp": now + LIFETIME,
        });
        let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(&header), encode(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PSS_SHA256, &random, message.as_bytes(), &mut signature)?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[async_trait::async_trait]
impl ClientAssertion for CertificateAssertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        self.sign(Utc::now().timestamp()).map_err(|_| {
            azure_core::Error::with_message(
                azure_core::error::ErrorKind::Credential,
                "the assertion could not be signed",
            )
        })
    }
}

/// An assertion that another program signed, as the Azure CLI stores it.
pub(super) struct GivenAssertion(pub(super) Arc<secrecy::SecretString>);

impl std::fmt::Debug for GivenAssertion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GivenAssertion")
    }
}

#[async_trait::async_trait]
impl ClientAssertion for GivenAssertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        Ok(secrecy::ExposeSecret::expose_secret(&*self.0).to_owned())
    }
}
