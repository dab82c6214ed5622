//! Tokens in the format of JSON Web Tokens (RFC 7519), signed by the sandbox.
//!
//! Clients read `exp` in ACR's tokens, because the responses do not have `expires_in`. The signature is an HMAC instead of
//! Entra's RSA, because the clients do not verify it.

use crate::registry_path::Need;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::Value;

/// Returns a signed token with these claims.
#[must_use]
pub fn sign(claims: &Value) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"sandbox","typ":"JWT"}"#);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key(), signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// Returns the claims of a token with a valid signature. Does not check the token's times.
#[must_use]
pub fn verify(token: &str) -> Option<Value> {
    let (signed, signature) = token.rsplit_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    hmac::verify(&key(), signed.as_bytes(), &signature).ok()?;
    payload(token)
}

/// True if the claim `access` of a registry's token contains this permission.
#[must_use]
pub fn grants(claims: &Value, (repository, action): &Need) -> bool {
    let mut entries = claims["access"].as_array().into_iter().flatten();
    entries.any(|entry| {
        let mut actions = entry["actions"].as_array().into_iter().flatten();
        entry["name"] == *repository && actions.any(|item| item == action)
    })
}

/// Returns the claims of any token without verification, for client assertions.
#[must_use]
pub fn payload(token: &str) -> Option<Value> {
    let part = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?).ok()
}

/// Returns the header of any token without verification; it contains a certificate's thumbprint (`x5t`).
#[must_use]
pub fn header(token: &str) -> Option<Value> {
    let part = token.split('.').next()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?).ok()
}

/// Returns a short signature of a text, for signed URLs.
#[must_use]
pub fn signature(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(hmac::sign(&key(), text.as_bytes()))
}

fn key() -> hmac::Key {
    hmac::Key::new(
        hmac::HMAC_SHA256,
        b"the sandbox signs with this; other services do not accept it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_token_is_valid_and_changed_token_is_invalid() {
        let claims = serde_json::json!({"aud": "myacr.azurecr.io", "exp": 1});
        let token = sign(&claims);
        assert_eq!(verify(&token), Some(claims));
        assert_eq!(verify(&format!("{token}x")), None);
        assert_eq!(verify("not a token"), None);
    }
}
