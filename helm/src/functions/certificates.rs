//! `genCA` and similar functions: X.509 certificates with Ed25519 keys.
//!
//! Sprig makes RSA keys. Here, a key is made of the render's deterministic stream, and Ed25519 signs without
//! randomness, so the same chart gets the same certificates. They are valid, but not secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::Outcome;
use super::arguments::{bytes, int, text};
use crate::failure::Failure;
use crate::state::State;
use crate::value::{Structure, Value};

/// The object identifier of Ed25519, encoded.
const ED25519: &[u8] = &[0x06, 0x03, 0x2B, 0x65, 0x70];

/// The seed of a private key.
struct PrivateKey([u8; 32]);

impl PrivateKey {
    fn new(state: &mut State) -> Self {
        Self(state.random.bytes())
    }

    /// Reads a key from PEM. The digest of a key of another type is used as a seed.
    fn from_pem(pem: &str) -> Result<Self, Failure> {
        let der = decode_pem(pem).ok_or_else(|| Failure::from("no PEM data in input"))?;
        let mut seed = [0; 32];
        match der.strip_prefix(&pkcs8_prefix()[..]) {
            Some(rest) if rest.len() == 32 => seed.copy_from_slice(rest),
            _ => seed.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, &der).as_ref()),
        }
        Ok(Self(seed))
    }

    fn pair(&self) -> Result<Ed25519KeyPair, Failure> {
        Ed25519KeyPair::from_seed_unchecked(&self.0)
            .map_err(|error| Failure::from(error.to_string()))
    }

    fn to_pem(&self) -> String {
        encode_pem("PRIVATE KEY", &[&pkcs8_prefix()[..], &self.0].concat())
    }
}

/// The bytes of a PKCS#8 Ed25519 key before the seed.
fn pkcs8_prefix() -> [u8; 16] {
    [
        0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ]
}

fn encode_pem(label: &str, der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let lines: Vec<&str> = (0..encoded.len())
        .step_by(64)
        .map(|start| &encoded[start..(start + 64).min(encoded.len())])
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

fn decode_pem(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN ")?;
    let (_, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let body: String = body
        .chars()
        .filter(|character| !character.is_whitespace())
        .collect();
    STANDARD.decode(body).ok()
}

/// One DER element.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        length @ 0..=0x7F => out.push(length as u8),
        length @ 0x80..=0xFF => out.extend_from_slice(&[0x81, length as u8]),
        length => {
            let length = length as u32;
            out.push(0x83);
            out.extend_from_slice(&length.to_be_bytes()[1..]);
        }
    }
    out.extend_from_slice(content);
    out
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

/// The tag and the content of the element at the start, and the bytes after it.
fn take_element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let count = usize::from(*first & 0x7F);
        if count == 0 || count > 4 || rest.len() < count {
            return None;
        }
        let (bytes, rest) = rest.split_at(count);
        (
            bytes
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte)),
            rest,
        )
    };
    (rest.len() >= length).then(|| (*tag, &rest[..length], &rest[length..]))
}

/// The encoded subject of a certificate.
fn subject_of(der: &[u8]) -> Option<Vec<u8>> {
    let (_, certificate, _) = take_element(der)?;
    let (_, mut rest, _) = take_element(certificate)?;
    if rest.first() == Some(&0xA0) {
        rest = take_element(rest)?.2;
    }
    // Serial number, algorithm, issuer and validity come before it.
    for _ in 0..4 {
        rest = take_element(rest)?.2;
    }
    let (tag, content, _) = take_element(rest)?;
    Some(element(tag, content))
}

fn common_name(value: &Value) -> Result<String, Failure> {
    String::from_utf8(bytes(value).to_vec())
        .map_err(|_| "error creating certificate: asn1: string not valid UTF-8".into())
}

fn name_of(common_name: &str) -> Vec<u8> {
    if common_name.is_empty() {
        return sequence(&[]);
    }
    let attribute = sequence(&[
        &[0x06, 0x03, 0x55, 0x04, 0x03],
        &element(0x0C, common_name.as_bytes()),
    ]);
    sequence(&[&element(0x31, &attribute)])
}

/// The content of a certificate.
struct Request {
    common_name: String,
    addresses: Vec<std::net::IpAddr>,
    names: Vec<String>,
    days: i64,
    is_authority: bool,
}

impl Request {
    fn authority(args: &[Value]) -> Result<Self, Failure> {
        Ok(Self {
            common_name: common_name(&args[0])?,
            addresses: Vec::new(),
            names: Vec::new(),
            days: int(&args[1]),
            is_authority: true,
        })
    }

    fn server(args: &[Value]) -> Result<Self, Failure> {
        let strings = |value: &Value, what: &str| {
            let items = value.items().unwrap_or_default().into_owned();
            items
                .iter()
                .map(|item| match item {
                    Value::Str(text) => Ok(text.to_str().into_owned()),
                    other => Err(Failure::from(format!(
                        "error {what}: {} is not a string",
                        crate::value::to_display(other).to_str()
                    ))),
                })
                .collect::<Result<Vec<String>, Failure>>()
        };
        let addresses = strings(&args[1], "parsing ip")?
            .iter()
            .map(|address| {
                address
                    .parse()
                    .map_err(|_| Failure::from(format!("error parsing ip: {address}")))
            })
            .collect::<Result<_, _>>()?;
        let names = strings(&args[2], "processing alternate dns name")?;
        if let Some(name) = names.iter().find(|name| !name.is_ascii()) {
            return Err(Failure::from(format!(
                "error creating certificate: x509: {name:?} cannot be encoded as an IA5String"
            )));
        }
        Ok(Self {
            common_name: common_name(&args[0])?,
            addresses,
            names,
            days: int(&args[3]),
            is_authority: false,
        })
    }

    fn extensions(&self) -> Vec<u8> {
        let extension = |id: &[u8], critical: bool, content: &[u8]| {
            let critical: &[u8] = if critical { &[0x01, 0x01, 0xFF] } else { &[] };
            sequence(&[&element(0x06, id), critical, &element(0x04, content)])
        };
        let usage: &[u8] = if self.is_authority {
            &[0x02, 0xA4]
        } else {
            &[0x05, 0xA0]
        };
        let server = element(0x06, &[0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01]);
        let client = element(0x06, &[0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02]);
        let authority: &[u8] = if self.is_authority {
            &[0x01, 0x01, 0xFF]
        } else {
            &[]
        };
        let mut all = vec![
            extension(&[0x55, 0x1D, 0x0F], true, &element(0x03, usage)),
            extension(&[0x55, 0x1D, 0x25], false, &sequence(&[&server, &client])),
            extension(&[0x55, 0x1D, 0x13], true, &sequence(&[authority])),
        ];
        if !self.names.is_empty() || !self.addresses.is_empty() {
            let mut names = Vec::new();
            for name in &self.names {
                names.extend(element(0x82, name.as_bytes()));
            }
            for address in &self.addresses {
                names.extend(match address {
                    std::net::IpAddr::V4(address) => element(0x87, &address.octets()),
                    std::net::IpAddr::V6(address) => element(0x87, &address.octets()),
                });
            }
            all.push(extension(
                &[0x55, 0x1D, 0x11],
                false,
                &element(0x30, &names),
            ));
        }
        element(0xA3, &element(0x30, &all.concat()))
    }

    /// The certificate and its key. The issuer signs it, or the key itself if there is no issuer.
    fn issue(
        &self,
        state: &mut State,
        key: &PrivateKey,
        issuer: Option<(Vec<u8>, PrivateKey)>,
    ) -> Outcome {
        state.steps(1_000)?;
        let subject = name_of(&self.common_name);
        let (issuer_name, issuer_pair) = match &issuer {
            Some((name, issuer_key)) => (name.clone(), issuer_key.pair()?),
            None => (subject.clone(), key.pair()?),
        };
        let mut serial: [u8; 16] = state.random.bytes();
        serial[0] = serial[0] & 0x7F | 0x40;
        let now = state.now;
        let time = |seconds: i64| {
            let layout = "20060102150405Z";
            let instant = crate::time::Instant::from_seconds(seconds);
            let text = instant.format(layout);
            // Years up to 2049 have two digits.
            if text.as_str() < "2050" {
                element(0x17, &text.as_bytes()[2..])
            } else {
                element(0x18, text.as_bytes())
            }
        };
        let validity = sequence(&[
            &time(now.seconds),
            &time(
                now.seconds
                    .saturating_add(self.days.clamp(-36_500, 3_650_000) * 86_400),
            ),
        ]);
        let algorithm = sequence(&[ED25519]);
        let public = [&[0u8][..], key.pair()?.public_key().as_ref()].concat();
        let body = sequence(&[
            &element(0xA0, &[0x02, 0x01, 0x02]),
            &element(0x02, &serial),
            &algorithm,
            &issuer_name,
            &validity,
            &subject,
            &sequence(&[&algorithm, &element(0x03, &public)]),
            &self.extensions(),
        ]);
        let signature = [&[0u8][..], issuer_pair.sign(&body).as_ref()].concat();
        let certificate = sequence(&[&body, &algorithm, &element(0x03, &signature)]);
        Ok(certificate_value(
            encode_pem("CERTIFICATE", &certificate),
            key.to_pem(),
        ))
    }
}

fn certificate_value(certificate: String, key: String) -> Value {
    Structure::plain(
        "sprig.certificate",
        vec![
            ("Cert", Value::text(certificate)),
            ("Key", Value::text(key)),
        ],
    )
}

fn issuer_of(value: &Value) -> Result<(Vec<u8>, PrivateKey), Failure> {
    let Value::Struct(structure) = value else {
        return Err("the certificate authority is missing".into());
    };
    let field = |name: &[u8]| {
        structure
            .field(name)
            .map(|value| text(&value).into_owned())
            .unwrap_or_default()
    };
    let name = decode_pem(&field(b"Cert"))
        .and_then(|der| subject_of(&der))
        .ok_or_else(|| Failure::from("unable to decode certificate"))?;
    Ok((name, PrivateKey::from_pem(&field(b"Key"))?))
}

pub(super) fn gen_private_key(state: &mut State, args: &[Value]) -> Outcome {
    Ok(Value::text(match text(&args[0]).as_ref() {
        "" | "rsa" | "dsa" | "ecdsa" | "ed25519" => PrivateKey::new(state).to_pem(),
        other => format!("Unknown type {other}"),
    }))
}

pub(super) fn gen_ca(state: &mut State, args: &[Value]) -> Outcome {
    let key = PrivateKey::new(state);
    Request::authority(args)?.issue(state, &key, None)
}

pub(super) fn gen_ca_with_key(state: &mut State, args: &[Value]) -> Outcome {
    let key = PrivateKey::from_pem(&text(&args[2]))?;
    Request::authority(args)?.issue(state, &key, None)
}

pub(super) fn gen_self_signed_cert(state: &mut State, args: &[Value]) -> Outcome {
    let key = PrivateKey::new(state);
    Request::server(args)?.issue(state, &key, None)
}

pub(super) fn gen_self_signed_cert_with_key(state: &mut State, args: &[Value]) -> Outcome {
    let key = PrivateKey::from_pem(&text(&args[4]))?;
    Request::server(args)?.issue(state, &key, None)
}

pub(super) fn gen_signed_cert(state: &mut State, args: &[Value]) -> Outcome {
    let key = PrivateKey::new(state);
    let issuer = issuer_of(&args[4])?;
    Request::server(args)?.issue(state, &key, Some(issuer))
}

pub(super) fn gen_signed_cert_with_key(state: &mut State, args: &[Value]) -> Outcome {
    let key = PrivateKey::from_pem(&text(&args[5]))?;
    let issuer = issuer_of(&args[4])?;
    Request::server(args)?.issue(state, &key, Some(issuer))
}

pub(super) fn build_custom_cert(args: &[Value]) -> Outcome {
    let decode = |value: &Value, what: &str| {
        let decoded = STANDARD
            .decode(bytes(value))
            .map_err(|_| Failure::from(format!("unable to decode base64 {what}")))?;
        String::from_utf8(decoded).map_err(|_| Failure::from(format!("unable to decode {what}")))
    };
    let (certificate, key) = (
        decode(&args[0], "certificate")?,
        decode(&args[1], "private key")?,
    );
    if decode_pem(&certificate)
        .and_then(|der| subject_of(&der))
        .is_none()
    {
        return Err("unable to decode certificate".into());
    }
    if decode_pem(&key).is_none() {
        return Err("error parsing private key: no PEM data in input".into());
    }
    Ok(certificate_value(certificate, key))
}
