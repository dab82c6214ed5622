//! Time zones: the offset and the abbreviation of a place at a point in time.

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;

use super::abbreviation::Abbreviation;
use super::instant::Instant;

/// The instant with the offset of a zone; UTC if the zone does not exist. `Local` is UTC.
pub(crate) fn in_zone(instant: Instant, name: &str) -> Instant {
    offset_in(instant, name).map_or(instant.utc(), |(offset, zone)| Instant {
        offset,
        zone: Some(zone),
        ..instant
    })
}

fn offset_in(instant: Instant, name: &str) -> Option<(i32, Abbreviation)> {
    let zone = TimeZoneDatabase::bundled().get(name).ok()?;
    // Go finds zones as files, so their names are case-sensitive.
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
