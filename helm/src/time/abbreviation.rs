//! The abbreviation of a time zone.

use std::fmt;

/// The abbreviation of a zone, as in `CEST` or `+0330`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abbreviation {
    bytes: [u8; Self::LONGEST],
    length: u8,
}

impl Abbreviation {
    /// Abbreviations in the database have at most six letters, and Go does not read longer ones.
    const LONGEST: usize = 7;

    pub(super) const UTC: Self = Self {
        bytes: *b"UTC\0\0\0\0",
        length: 3,
    };

    /// `None` if it is too long.
    pub(super) fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; Self::LONGEST];
        bytes
            .get_mut(..text.len())?
            .copy_from_slice(text.as_bytes());
        Some(Self {
            bytes,
            length: text.len() as u8,
        })
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Debug for Abbreviation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.as_str())
    }
}
