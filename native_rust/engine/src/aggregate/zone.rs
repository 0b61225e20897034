//! Time zones, from a database that is part of the program: what a bucket is does
//! not depend on the machine.

use std::hash::{Hash, Hasher};
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::error::{Error, InvalidCode, Result};
use crate::model::{FIRST_TIMESTAMP, LAST_TIMESTAMP};

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

/// A time in which the clock of a zone keeps one distance from UTC. Microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Period {
    /// Its first instant; `i64::MIN` if there was none before.
    pub from: i64,
    /// The first instant behind it; `i64::MAX` if there is none.
    pub to: i64,
    /// What the clock is ahead of UTC.
    pub offset: i64,
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

    pub(super) fn is_utc(&self) -> bool {
        self.0 == TimeZone::UTC
    }

    /// What the clock is ahead of UTC at an instant, and from when to when.
    pub(super) fn period(&self, micros: i64) -> Period {
        let instant = instant(micros);
        let offset = self.0.to_offset(instant);
        let at_or_before = instant.checked_add(jiff::SignedDuration::from_nanos(1));
        let mut before = self.0.preceding(at_or_before.unwrap_or(instant));
        let mut after = self.0.following(instant);
        Period {
            from: before
                .next()
                .map_or(i64::MIN, |t| t.timestamp().as_microsecond()),
            to: after
                .next()
                .map_or(i64::MAX, |t| t.timestamp().as_microsecond()),
            offset: i64::from(offset.seconds()) * 1_000_000,
        }
    }

    /// What calendar and clock show at an instant.
    pub(super) fn civil(&self, micros: i64) -> DateTime {
        self.0.to_datetime(instant(micros))
    }

    /// The first instant at which calendar and clock show this or have passed it;
    /// `None` beyond the years there are. Of a time that the clock skips, that is as
    /// long after the change as it would have been without.
    pub(super) fn instant_of(&self, civil: DateTime) -> Option<i64> {
        let instant = self.0.to_ambiguous_timestamp(civil).compatible().ok()?;
        Some(instant.as_microsecond())
    }
}

/// Microseconds as an instant, the nearest there is.
fn instant(micros: i64) -> Timestamp {
    // The library takes no microseconds in its last second.
    let micros = micros.clamp(FIRST_TIMESTAMP, LAST_TIMESTAMP - 999_999);
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}
