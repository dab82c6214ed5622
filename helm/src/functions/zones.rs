//! Time zones: the offset and the abbreviation that a place has at a point in time.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;

use super::calendar::Instant;

/// The abbreviation of a zone, as in `CEST` or `+0330`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abbreviation {
    bytes: [u8; Self::LONGEST],
    length: u8,
}

impl Abbreviation {
    /// Those of the database have six letters at most, and Go reads no longer ones either.
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

/// The instant as it is shown in a zone; in UTC if there is no zone of this name. `Local` is UTC.
pub(super) fn in_zone(instant: Instant, name: &str) -> Instant {
    offset_in(instant, name).map_or(instant.utc(), |(offset, zone)| Instant {
        offset,
        zone: Some(zone),
        ..instant
    })
}

fn offset_in(instant: Instant, name: &str) -> Option<(i32, Abbreviation)> {
    let zone = TimeZoneDatabase::bundled().get(name).ok()?;
    // Go finds zones as files, whose names have a case.
    if zone.iana_name() != Some(name) {
        return None;
    }
    let range = Timestamp::MIN.as_second()..=Timestamp::MAX.as_second();
    let seconds = instant.seconds.clamp(*range.start(), *range.end());
    let info = zone.to_offset_info(Timestamp::from_second(seconds).ok()?);
    Some((
        info.offset().seconds(),
        Abbreviation::new(info.abbreviation())?,
    ))
}
