//! Tokens that look like JSON Web Tokens (RFC 7519) and can only have been made here.
//!
//! Clients read `exp` out of ACR's tokens, since its answers carry no `expires_in`, so the shape matters. The signature is
//! an HMAC, not RSA as Entra's: no client of ours verifies it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::Value;

/// Makes a token of these claims.
#[must_use]
pub fn sign(claims: &Value) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"sandbox","typ":"JWT"}"#);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key(), signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// The claims of a token that was made here; its times are not looked at.
#[must_use]
pub fn verify(token: &str) -> Option<Value> {
    let (signed, signature) = token.rsplit_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    hmac::verify(&key(), signed.as_bytes(), &signature).ok()?;
    payload(token)
}

/// The claims of any token, unverified: what a client assertion says about itself.
#[must_use]
pub fn payload(token: &str) -> Option<Value> {
    let part = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?).ok()
}

/// The header of any token, unverified: where a certificate's thumbprint (`x5t`) stands.
#[must_use]
pub fn header(token: &str) -> Option<Value> {
    let part = token.split('.').next()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?).ok()
}

/// A short signature of some text, for signed addresses.
#[must_use]
pub fn signature(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(hmac::sign(&key(), text.as_bytes()))
}

fn key() -> hmac::Key {
    hmac::Key::new(
        hmac::HMAC_SHA256,
        b"the sandbox signs with this; it opens nothing outside",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_verified_and_a_changed_one_is_not() {
        let claims = serde_json::json!({"aud": "myacr.azurecr.io", "exp": 1});
        let token = sign(&claims);
        assert_eq!(verify(&token), Some(claims));
        assert_eq!(verify(&format!("{token}x")), None);
        assert_eq!(verify("no token"), None);
    }
}
