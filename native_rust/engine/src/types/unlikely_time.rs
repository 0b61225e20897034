//! Integers that were read as times and rather are others: seconds or milliseconds that
//! were read as microseconds, and the digits of dates.

use super::json::Json;
use super::time::{TimeReading, date_in_digits, format_timestamp};

/// The code of the warning.
pub(crate) const UNLIKELY_TIME: &str = "unlikely_time";

const SECOND: i64 = 1_000_000;
/// The first microsecond of the years 1990 and 2100, between which most times of data lie.
const LIKELY: std::ops::Range<i64> = 631_152_000 * SECOND..4_102_444_800 * SECOND;
/// The end of what microseconds, milliseconds that were read as such and digits of dates come
/// to in 1970 and shortly after it: 1973-03-03.
const EARLY: i64 = 100_000_000 * SECOND;

/// Whether a time is one that deserves a second look. It is cheap.
fn is_unlikely(micros: i64) -> bool {
    !(EARLY..LIKELY.end).contains(&micros) && micros > 0
}

/// What an integer that was read as a time may have been meant as. Nothing where the unit was
/// given and the time is not after 2100.
fn doubt(count: i64, reading: &TimeReading, micros: i64) -> Option<String> {
    let early = micros < EARLY;
    if !is_unlikely(micros) || (early && reading.unit.is_some()) {
        return None;
    }
    let units = [("seconds", "s", SECOND), ("milliseconds", "ms", 1_000)];
    let meant = units
        .into_iter()
        .filter(|_| early)
        .find_map(|(name, unit, factor)| {
            let time = count.checked_mul(factor)?;
            LIKELY.contains(&time).then(|| {
                format!(
                    "as {name} it is {}: if that is meant, say unit={unit}",
                    format_timestamp(time)
                )
            })
        });
    let date = || {
        let date = date_in_digits(&count.to_string())?;
        Some(format!(
            "its digits read as {date}: if that is meant, write it so, with an offset or tz"
        ))
    };
    let meant = meant.or_else(date)?;
    Some(format!(
        "the integer {count} was read as {}; {meant}",
        format_timestamp(micros)
    ))
}

/// [`doubt`] of a time that JSON has.
pub(crate) fn doubt_of_json(
    value: &Json<'_>,
    reading: &TimeReading,
    micros: i64,
) -> Option<String> {
    match value {
        Json::U64(count) if is_unlikely(micros) => {
            doubt(i64::try_from(*count).ok()?, reading, micros)
        }
        _ => None,
    }
}

/// [`doubt`] of a time that is text among digits.
pub(crate) fn doubt_of_text(text: &str, reading: &TimeReading, micros: i64) -> Option<String> {
    match is_unlikely(micros) {
        true => doubt(text.parse().ok()?, reading, micros),
        false => None,
    }
}
