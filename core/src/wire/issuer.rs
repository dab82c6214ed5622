//! The name of the authority that issued a certificate.
//!
//! The certificate need not be trusted: its issuer is what shows that a proxy or firewall inspects TLS. Only the path to
//! the name is read (RFC 5280, section 4.1); everything else is skipped by its length.

use crate::text::for_message;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
/// The optional version, `[0]`.
const VERSION: u8 = 0xa0;
/// The text types of names: UTF8String, PrintableString, TeletexString, IA5String. All are read as UTF-8.
const TEXTS: [u8; 4] = [0x0c, 0x13, 0x14, 0x16];
/// 2.5.4.3 and 2.5.4.10.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];

/// `common name (organization)`, or the one of them that the certificate has. None for bytes that are not a certificate.
pub(super) fn issuer(certificate: &[u8]) -> Option<String> {
    let mut outer = Reader(certificate).enter(SEQUENCE)?;
    let mut fields = outer.enter(SEQUENCE)?;
    // After the version: serial number, algorithm, issuer.
    if fields.0.first() == Some(&VERSION) {
        fields.next()?;
    }
    fields.next()?;
    fields.next()?;
    let mut names = fields.enter(SEQUENCE)?;
    let (mut common_name, mut organization) = (None, None);
    while let Some((SET, set)) = names.next() {
        let mut set = Reader(set);
        while let Some(mut attribute) = set.enter(SEQUENCE) {
            match (attribute.next()?, attribute.next()?) {
                ((OBJECT_ID, COMMON_NAME), (kind, text)) => common_name = shown(kind, text),
                ((OBJECT_ID, ORGANIZATION), (kind, text)) => organization = shown(kind, text),
                (_, _) => {}
            }
        }
    }
    match (common_name, organization) {
        (Some(name), Some(organization)) if name != organization => {
            Some(format!("{name} ({organization})"))
        }
        (Some(name), _) | (None, Some(name)) => Some(name),
        (None, None) => None,
    }
}

fn shown(kind: u8, text: &[u8]) -> Option<String> {
    let text = TEXTS.contains(&kind).then(|| String::from_utf8_lossy(text));
    text.map(|text| for_message(&text))
        .filter(|text| !text.is_empty())
}

/// Bytes in DER that are not read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The tag and the content of the next value.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], rest) = self.0.split_first_chunk::<2>()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // The number of bytes of the length.
            0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = bytes
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                (length, rest)
            }
            0x80 | 0x84..=0xff => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// A reader of the content of the next value, if it has this tag.
    fn enter(&mut self, wanted: u8) -> Option<Self> {
        let (tag, content) = self.next()?;
        (tag == wanted).then_some(Self(content))
    }
}

#[cfg(test)]
mod tests {
    use super::issuer;

    /// A root is its own issuer, so that these names are known.
    #[test]
    fn issuers_of_the_authorities_of_mozilla_are_read() {
        let names: Vec<_> = webpki_root_certs::TLS_SERVER_ROOT_CERTS
            .iter()
            .map(|certificate| issuer(certificate).expect("a name"))
            .collect();
        assert!(names.len() > 50);
        for known in [
            "ISRG Root X1 (Internet Security Research Group)",
            "DigiCert Global Root G2 (DigiCert Inc)",
        ] {
            assert!(names.iter().any(|name| name == known), "{known}: {names:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = issuer(&bytes);
        }
    }

    #[test]
    fn bytes_that_are_not_a_certificate_have_no_issuer() {
        let whole = &webpki_root_certs::TLS_SERVER_ROOT_CERTS[0];
        for length in 0..whole.len() {
            assert_eq!(issuer(&whole[..length]), None, "{length}");
        }
        for changed in 0..whole.len() {
            let mut bytes = whole.to_vec();
            bytes[changed] ^= 0xff;
            // Any result is right, but not a panic.
            let _ = issuer(&bytes);
        }
        assert_eq!(issuer(b"\x30\x84\xff\xff\xff\xff"), None);
    }
}
