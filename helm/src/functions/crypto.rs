//! Digests, passwords and ciphers.

use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7};
use ring::{digest, hmac};

use super::Outcome;
use super::arguments::{bytes, int, text};
use crate::failure::Failure;
use crate::state::State;
use crate::value::Value;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn sha1sum(args: &[Value]) -> Outcome {
    Ok(Value::text(hex(digest::digest(
        &digest::SHA1_FOR_LEGACY_USE_ONLY,
        bytes(&args[0]),
    )
    .as_ref())))
}

pub(super) fn sha256sum(args: &[Value]) -> Outcome {
    Ok(Value::text(hex(digest::digest(
        &digest::SHA256,
        bytes(&args[0]),
    )
    .as_ref())))
}

pub(super) fn sha512sum(args: &[Value]) -> Outcome {
    Ok(Value::text(hex(digest::digest(
        &digest::SHA512,
        bytes(&args[0]),
    )
    .as_ref())))
}

pub(super) fn adler32sum(args: &[Value]) -> Outcome {
    let (mut low, mut high) = (1u32, 0u32);
    for byte in bytes(&args[0]) {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    Ok(Value::text((high << 16 | low).to_string()))
}

/// The cost of the functions that are slow by design, in steps.
const SLOW: usize = 200_000;

fn bcrypt_of(state: &mut State, password: &[u8]) -> Result<String, Failure> {
    state.steps(SLOW)?;
    if password.len() > 72 {
        return Ok(
            "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes".into(),
        );
    }
    let salt = state.random.bytes();
    Ok(match bcrypt::hash_with_salt(password, 10, salt) {
        Ok(hash) => hash.format_for_version(bcrypt::Version::TwoA),
        Err(error) => format!("failed to encrypt string with bcrypt: {error}"),
    })
}

pub(super) fn bcrypt(state: &mut State, args: &[Value]) -> Outcome {
    Ok(Value::text(bcrypt_of(state, bytes(&args[0]))?))
}

pub(super) fn htpasswd(state: &mut State, args: &[Value]) -> Outcome {
    let user = text(&args[0]);
    if user.contains(':') {
        return Ok(Value::text(format!("invalid username: {user}")));
    }
    Ok(Value::text(format!(
        "{user}:{}",
        bcrypt_of(state, bytes(&args[1]))?
    )))
}

/// The master password algorithm.
pub(super) fn derive_password(state: &mut State, args: &[Value]) -> Outcome {
    state.steps(5 * SLOW)?;
    let (counter, kind) = (int(&args[0]), text(&args[1]));
    let (password, user, site) = (bytes(&args[2]), bytes(&args[3]), bytes(&args[4]));
    let Some(templates) = password_templates(&kind) else {
        return Ok(Value::text(format!("cannot find password template {kind}")));
    };
    const SEED: &[u8] = b"com.lyndir.masterpassword";
    let salt = [SEED, &(user.len() as u32).to_be_bytes(), user].concat();
    let parameters =
        scrypt::Params::new(15, 8, 2).map_err(|error| Failure::from(error.to_string()))?;
    let mut key = [0; 64];
    scrypt::scrypt(password, &salt, &parameters, &mut key)
        .map_err(|error| Failure::from(error.to_string()))?;
    let message = [
        SEED,
        &(site.len() as u32).to_be_bytes(),
        site,
        &(counter as u32).to_be_bytes(),
    ]
    .concat();
    let seed = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &message);
    let seed = seed.as_ref();
    let template = templates[usize::from(seed[0]) % templates.len()];
    let derived: String = template
        .bytes()
        .enumerate()
        .map(|(index, class)| {
            let characters = password_characters(class);
            characters[usize::from(seed[index + 1]) % characters.len()] as char
        })
        .collect();
    Ok(Value::text(derived))
}

fn password_templates(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        "long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        "medium" => &["CvcnoCvc", "CvcCvcno"],
        "short" => &["Cvcn"],
        "basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        "pin" => &["nnnn"],
        _ => return None,
    })
}

fn password_characters(class: u8) -> &'static [u8] {
    match class {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'A' => b"AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

fn cipher_key(password: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    let length = password.len().min(32);
    key[..length].copy_from_slice(&password[..length]);
    key
}

pub(super) fn encrypt_aes(state: &mut State, args: &[Value]) -> Outcome {
    let (password, plain) = (bytes(&args[0]), bytes(&args[1]));
    if plain.is_empty() {
        return Ok(Value::text(""));
    }
    let vector: [u8; 16] = state.random.bytes();
    let cipher = cbc::Encryptor::<aes::Aes256>::new(&cipher_key(password).into(), &vector.into());
    let encrypted = cipher.encrypt_padded_vec::<Pkcs7>(plain);
    Ok(Value::text(super::base64_encode(
        &[&vector[..], &encrypted].concat(),
    )))
}

pub(super) fn decrypt_aes(args: &[Value]) -> Outcome {
    use base64::Engine as _;
    let (password, encoded) = (bytes(&args[0]), bytes(&args[1]));
    if encoded.is_empty() {
        return Ok(Value::text(""));
    }
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(encoded)
        .map_err(|error| Failure::from(format!("illegal base64 data: {error}")))?;
    let Some((vector, encrypted)) = decoded.split_first_chunk::<16>() else {
        return Err("the encrypted text is too short".into());
    };
    let cipher =
        cbc::Decryptor::<aes::Aes256>::new(&cipher_key(password).into(), &(*vector).into());
    cipher
        .decrypt_padded_vec::<Pkcs7>(encrypted)
        .map(Value::text)
        .map_err(|_| Failure::from("the text cannot be decrypted with this password"))
}
