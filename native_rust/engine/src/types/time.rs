//! Timestamps: microseconds since 1970-01-01T00:00:00Z in an `i64`, leap seconds
//! not counted.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::fmt::temporal::{Pieces, PiecesOffset};

use super::calendar::{DAY, Date};
use super::json::{Json, shown};
use super::zone::{Local, Zone};
use crate::error::{Error, InvalidCode, Result};

/// The first microsecond of the year -9999.
pub const FIRST_TIMESTAMP: i64 = -377_705_116_800_000_000;
/// The last microsecond of the year 9999.
pub const LAST_TIMESTAMP: i64 = 253_402_300_799_999_999;

const SECOND: i64 = 1_000_000;

/// Most digits, in the text of a parameter, that are rather a year, a date or a mistake
/// than microseconds: as such they would all lie in the first 100 seconds of 1970.
const FEW_DIGITS: usize = 8;

/// What integers count that stand for times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds, which is what is stored.
    #[default]
    Microseconds,
    /// Nanoseconds; what is below a microsecond is cut off.
    Nanoseconds,
}

impl TimeUnit {
    /// So many of them since the epoch, as microseconds; `None` outside of the years
    /// -9999 to 9999.
    fn micros(self, count: i128) -> Option<i64> {
        let micros = match self {
            Self::Seconds => count.checked_mul(1_000_000)?,
            Self::Milliseconds => count.checked_mul(1_000)?,
            Self::Microseconds => count,
            Self::Nanoseconds => count.div_euclid(1_000),
        };
        i64::try_from(micros)
            .ok()
            .filter(|&micros| is_timestamp(micros))
    }

    /// As it is called in a message.
    fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
            Self::Nanoseconds => "nanoseconds",
        }
    }
}

/// `s`, `ms`, `us` or `ns`.
impl FromStr for TimeUnit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "s" => Self::Seconds,
            "ms" => Self::Milliseconds,
            "us" => Self::Microseconds,
            "ns" => Self::Nanoseconds,
            other => {
                let detail = format!("found the unit {}; expected s, ms, us or ns", shown(other));
                return Err(Error::invalid(InvalidCode::Parameter, "/unit", detail));
            }
        })
    }
}

/// How times are read that a client gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TimeReading {
    /// What integers count: microseconds, if nothing is said.
    pub unit: Option<TimeUnit>,
    /// Whose local time a text without an offset is; without a zone such texts are refused.
    pub zone: Option<Zone>,
}

/// Why a text is no time.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fault {
    Form,
    Blank,
    Digits,
    FewDigits,
    /// As which date it reads.
    DateDigits(String),
    NoOffset,
    Offset,
    Critical,
    Second60,
    Years,
    /// A local time that is not one instant, and why.
    Local(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "which is no time",
            Self::Blank => "which has a blank for the sign of its offset: in a URL a plus is %2B",
            Self::Digits => {
                "a string of digits: write a date as 2024-03-01, and an integer without quotes"
            }
            Self::FewDigits => {
                "which is too few digits for microseconds: write a date as 2024-03-01, or say \
                 what they count with unit=s, ms, us or ns"
            }
            Self::DateDigits(date) => {
                return write!(
                    f,
                    "which reads as {date} and not as microseconds, which would be in 1970: write it \
                     so, with an offset or tz, or say what it counts with unit=us, s, ms or ns"
                );
            }
            Self::NoOffset => {
                "which has no offset: add Z for UTC, or one such as +02:00 (in a URL %2B02:00)"
            }
            Self::Offset => "whose offset is beyond 23:59",
            Self::Critical => {
                "which has an annotation marked as critical (RFC 9557): leave it out, what \
                 counts is the offset"
            }
            Self::Second60 => "where the second 60 is none: leap seconds are at 23:59:60 UTC alone",
            Self::Years => "which is not in the years -9999 to 9999",
            Self::Local(why) => why,
        })
    }
}

/// Reads a timestamp: ISO 8601 / RFC 3339 with an offset
/// (`2024-03-01T12:00:00.25+02:00`), or a bare date, which is its midnight in UTC.
/// `None` for anything else and for times outside the years -9999 to 9999.
///
/// Digits after the microsecond are cut off, not rounded, so a time never moves
/// into the next second. A leap second, which is at 23:59:60 UTC, is the last
/// microsecond before midnight. Annotations after the offset (RFC 9557) say nothing
/// about the instant and are left aside, unless they are marked as critical.
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<i64> {
    read(text, None).ok()
}

/// [`parse_timestamp`], with the reason of a refusal; without an offset local time of the
/// zone, if there is one.
///
/// # Errors
/// [`InvalidCode::Timestamp`], pointing at the text itself.
pub fn read_timestamp(text: &str, zone: Option<&Zone>) -> Result<i64> {
    read(text, zone).map_err(|fault| refusal(&shown(text), Some(fault), TimeUnit::default()))
}

/// Reads a timestamp where everything is text, as in a URL: as [`parse_timestamp`], or
/// an integer in decimal digits, which counts the unit. Without a unit that is
/// microseconds, and up to eight digits are refused, since they hardly are, and so are
/// twelve and fourteen that read as a date and a time.
///
/// With a zone a text without an offset is local time there, and a date the first instant
/// of that day. One that the clock skips or shows twice is refused.
///
/// # Errors
/// As [`read_timestamp`].
pub fn read_time_parameter(text: &str, reading: &TimeReading) -> Result<i64> {
    let TimeReading { unit, zone } = reading;
    let counted = unit.unwrap_or_default();
    let time = match read(text, zone.as_ref()) {
        Err(Fault::Digits) if unit.is_none() && text.trim_matches('-').len() <= FEW_DIGITS => {
            Err(Fault::FewDigits)
        }
        Err(Fault::Digits) => match date_in_digits(text) {
            Some(date) if unit.is_none() => Err(Fault::DateDigits(date)),
            _ => {
                let count = text.parse().ok();
                let micros = count.and_then(|count| counted.micros(count));
                micros.ok_or(Fault::Years)
            }
        },
        told => told,
    };
    time.map_err(|fault| refusal(&shown(text), Some(fault), counted))
}

/// The date of the years 1900 to 2100 that digits read as, with the time if there is one:
/// `YYYYMMDD`, `YYYYMMDDhhmm` or `YYYYMMDDhhmmss`. As microseconds all of these lie in 1970.
pub(super) fn date_in_digits(text: &str) -> Option<String> {
    if !matches!(text.len(), 8 | 12 | 14) {
        return None;
    }
    let part = |from: usize, to: usize| match text.len() < to {
        true => Some(0),
        false => text.get(from..to)?.parse::<i64>().ok(),
    };
    let date = Date {
        year: part(0, 4)?,
        month: part(4, 6)?,
        day: part(6, 8)?,
    };
    let time = [part(8, 10)?, part(10, 12)?, part(12, 14)?];
    let [hour, minute, second] = time;
    let is_date = (1900..=2100).contains(&date.year) && Date::of(date.days()) == date;
    (is_date && hour < 24 && minute < 60 && second < 60).then(|| {
        let Date { year, month, day } = date;
        let date = format!("{year}-{month:02}-{day:02}");
        match text.len() {
            8 => date,
            12 => format!("{date}T{hour:02}:{minute:02}"),
            _ => format!("{date}T{hour:02}:{minute:02}:{second:02}"),
        }
    })
}

fn refusal(found: &str, fault: Option<Fault>, unit: TimeUnit) -> Error {
    let fault = fault.map_or(String::new(), |fault| format!(", {fault}"));
    let detail = format!(
        "found {found}{fault}; expected a time with an offset such as 2024-03-01T12:00:00Z, \
         a date, or an integer of {} since 1970, in the years -9999 to 9999",
        unit.name()
    );
    Error::invalid(InvalidCode::Timestamp, "", detail)
}

/// Whether a text is hours and minutes.
fn is_offset(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits == 4 && text.split(':').map(str::len).eq([2, 2])
}

fn read(text: &str, zone: Option<&Zone>) -> Result<i64, Fault> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Digits);
    }
    if text.contains("[!") {
        return Err(Fault::Critical);
    }
    let shortened = without_long_fraction(text);
    let pieces = Pieces::parse(&*shortened).map_err(|_| match text.rsplit_once(' ') {
        // What a URL makes of a plus.
        Some((time, offset)) if time.contains('T') && is_offset(offset) => Fault::Blank,
        _ => Fault::Form,
    })?;
    let date = pieces.date();
    let date = Date {
        year: date.year().into(),
        month: date.month().into(),
        day: date.day().into(),
    };
    let days = date.days();
    let Some(time) = pieces.time() else {
        let bare = pieces.offset().is_none() && pieces.time_zone_annotation().is_none();
        return if bare {
            midnight(days, zone)
        } else {
            Err(Fault::Form)
        };
    };
    let seconds = i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60;
    let seconds = seconds + i64::from(time.second());
    let micros = i64::from(time.subsec_nanosecond()) / 1_000;
    let clock = days * DAY + seconds * SECOND + micros;
    let mut instant = match (pieces.offset(), zone) {
        (Some(PiecesOffset::Numeric(offset)), _) => {
            let offset = i64::from(offset.offset().seconds());
            if offset.abs() >= 86_400 {
                return Err(Fault::Offset);
            }
            clock - offset * SECOND
        }
        (Some(_), _) => clock,
        // An annotation may name another zone.
        (None, Some(zone)) if pieces.time_zone_annotation().is_none() => local(clock, zone)?,
        (None, _) => return Err(Fault::NoOffset),
    };
    // The library reads it as second 59.
    if has_second_60(text) {
        if instant.rem_euclid(DAY) / SECOND != 86_399 {
            return Err(Fault::Second60);
        }
        instant += SECOND - 1 - instant.rem_euclid(SECOND);
    }
    match is_timestamp(instant) {
        true => Ok(instant),
        false => Err(Fault::Years),
    }
}

/// The first instant of a day, in UTC or a zone.
fn midnight(days: i64, zone: Option<&Zone>) -> Result<i64, Fault> {
    let Some(zone) = zone else {
        return Ok(days * DAY);
    };
    let instant = zone
        .midnight(days)
        .map_err(|change| skipped(change, zone))?;
    Some(instant)
        .filter(|&t| is_timestamp(t))
        .ok_or(Fault::Years)
}

/// The instant at which the clock of a zone shows something, if it is one.
fn local(clock: i64, zone: &Zone) -> Result<i64, Fault> {
    match zone.local(clock) {
        Local::Once(instant) => Ok(instant),
        Local::Never(change) => Err(skipped(change, zone)),
        Local::Twice(earlier, later) => {
            let name = zone.name();
            let earlier = with_offset(earlier, clock - earlier);
            let later = with_offset(later, clock - later);
            Err(Fault::Local(format!(
                "which {name} has twice, as {earlier} and as {later}: send the one that is meant"
            )))
        }
    }
}

fn skipped(change: i64, zone: &Zone) -> Fault {
    let last = change - 1;
    Fault::Local(format!(
        "which {} does not have: there the clock goes from {} to {}; send a time that is, or \
         one with its offset",
        zone.name(),
        with_offset(last, zone.reading(last) - last),
        with_offset(change, zone.reading(change) - change),
    ))
}

/// An instant as a clock shows it that is so many microseconds ahead of UTC.
fn with_offset(instant: i64, ahead: i64) -> String {
    let mut clock = format_timestamp(instant + ahead);
    clock.pop();
    let (seconds, sign) = (ahead.abs() / SECOND, if ahead < 0 { '-' } else { '+' });
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    match seconds % 60 {
        0 => format!("{clock}{sign}{hours:02}:{minutes:02}"),
        rest => format!("{clock}{sign}{hours:02}:{minutes:02}:{rest:02}"),
    }
}

/// The text without the digits of a fraction after the ninth, which the library does
/// not take and which lie below a microsecond.
fn without_long_fraction(text: &str) -> Cow<'_, str> {
    const KEPT: usize = 9;
    let Some((whole, fraction)) = text.split_once(['.', ',']) else {
        return Cow::Borrowed(text);
    };
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    match (fraction.get(..KEPT), fraction.get(digits..)) {
        (Some(kept), Some(rest)) if digits > KEPT => Cow::Owned(format!("{whole}.{kept}{rest}")),
        _ => Cow::Borrowed(text),
    }
}

/// Whether the time of day of a well-formed text is at second 60.
fn has_second_60(text: &str) -> bool {
    let Some((_, time)) = text.split_once(['T', 't', ' ']) else {
        return false;
    };
    let digits = time
        .bytes()
        .take_while(|&byte| byte.is_ascii_digit() || byte == b':');
    digits.filter(u8::is_ascii_digit).skip(4).take(2).eq(*b"60")
}

/// Whether it has a date in the years -9999 to 9999, as every stored timestamp has.
#[must_use]
pub fn is_timestamp(micros: i64) -> bool {
    (FIRST_TIMESTAMP..=LAST_TIMESTAMP).contains(&micros)
}

/// A timestamp as a client gives it in a document: text as in [`parse_timestamp`], or
/// an integer, which counts the unit. With a zone as in [`read_time_parameter`].
///
/// # Errors
/// [`InvalidCode::Timestamp`], pointing at the value itself.
pub(crate) fn timestamp_from_json(value: &Json<'_>, reading: &TimeReading) -> Result<i64> {
    let unit = reading.unit.unwrap_or_default();
    let zone = reading.zone.as_ref();
    let found = match value {
        Json::Str(text) => {
            return read(text, zone).map_err(|fault| refusal(&shown(text), Some(fault), unit));
        }
        Json::U64(n) => i128::from(*n),
        Json::I64(n) => i128::from(*n),
        Json::F64(n) => {
            let found = format!("{n:?}, a number with a fraction or an exponent");
            return Err(refusal(&found, None, unit));
        }
        other => return Err(refusal(other.kind(), None, unit)),
    };
    let fault = Some(Fault::Years);
    unit.micros(found)
        .ok_or_else(|| refusal(&found.to_string(), fault, unit))
}

/// Appends a timestamp as RFC 3339 text in UTC, always with six digits of fraction, so
/// that times of the years 0 to 9999 sort as text: `2024-03-01T10:00:00.250000Z`. Years
/// before 0 have a sign and six digits, as ISO 8601 writes them. An integer that is no
/// timestamp is written as that integer.
pub fn write_timestamp(micros: i64, out: &mut Vec<u8>) {
    if !is_timestamp(micros) {
        out.extend_from_slice(micros.to_string().as_bytes());
        return;
    }
    let days = micros.div_euclid(DAY);
    write_date(days, out);
    out.extend_from_slice(&time_of_day(micros - days * DAY));
    out.push(b'Z');
}

/// Appends the date so many days after 1970-01-01, and the `T` after it.
pub(super) fn write_date(days: i64, out: &mut Vec<u8>) {
    let Date { year, month, day } = Date::of(days);
    if year < 0 {
        out.extend_from_slice(b"-00");
    }
    let year = year.unsigned_abs() as u32;
    let ([c, d], [y, z]) = (two_digits(year / 100), two_digits(year % 100));
    let ([m, n], [e, f]) = (two_digits(month as u32), two_digits(day as u32));
    out.extend_from_slice(&[c, d, y, z, b'-', m, n, b'-', e, f, b'T']);
}

/// Bytes of a time of day.
pub(super) const TIME_OF_DAY: usize = "12:34:56.250000".len();

/// `12:34:56.250000` for a number of microseconds since midnight.
pub(super) fn time_of_day(micros: i64) -> [u8; TIME_OF_DAY] {
    // Both are of 32 bits, which are divided in the least time.
    let (seconds, fraction) = ((micros / SECOND) as u32, (micros % SECOND) as u32);
    let [h, i] = two_digits(seconds / 3_600);
    let [m, n] = two_digits(seconds / 60 % 60);
    let [s, t] = two_digits(seconds % 60);
    let [a, b] = two_digits(fraction / 10_000);
    let [c, d] = two_digits(fraction / 100 % 100);
    let [e, f] = two_digits(fraction % 100);
    [h, i, b':', m, n, b':', s, t, b'.', a, b, c, d, e, f]
}

fn two_digits(number: u32) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}

/// [`write_timestamp`] as a string.
#[must_use]
pub fn format_timestamp(micros: i64) -> String {
    let mut out = Vec::with_capacity(27);
    write_timestamp(micros, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// Checks that a range does not end before it starts. Microseconds.
///
/// # Errors
/// [`InvalidCode::TimeRange`], with both times.
pub fn check_range(start: i64, end: i64) -> Result<()> {
    if start <= end {
        return Ok(());
    }
    let shown = |micros| match is_timestamp(micros) {
        true => format_timestamp(micros),
        false => format!("{micros} microseconds since 1970"),
    };
    let (start, end) = (shown(start), shown(end));
    let detail = format!("the start, {start}, lies after the end, {end}; exchange them");
    Err(Error::invalid(InvalidCode::TimeRange, "/start", detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MICROS: TimeReading = TimeReading {
        unit: None,
        zone: None,
    };

    fn counting(unit: TimeUnit) -> TimeReading {
        TimeReading {
            unit: Some(unit),
            zone: None,
        }
    }

    #[test]
    fn known_times() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:34:56Z", 951_827_696_000_000),
            ("2000-02-29T14:34:56+02:00", 951_827_696_000_000),
            ("2000-02-29T12:34:56.5Z", 951_827_696_500_000),
            ("2000-02-29T12:34:56.000001Z", 951_827_696_000_001),
            ("2000-02-29T12:34:56.0000019Z", 951_827_696_000_001),
            ("1969-12-31T23:59:59.9999999Z", -1),
            ("1969-12-31T23:59:59.9999990Z", -1),
            ("2000-02-29 12:34:56z", 951_827_696_000_000),
            ("2000-02-29", 951_782_400_000_000),
            ("2000-02-29T00:00-00:30", 951_784_200_000_000),
            ("20000229T123456Z", 951_827_696_000_000),
            ("2000-02-29T12Z", 951_825_600_000_000),
            ("2000-02-29T12:34:56,5+00", 951_827_696_500_000),
            (
                "2000-02-29T12:34:56.00000199999999999999999Z",
                951_827_696_000_001,
            ),
            (
                "2000-02-29T12:34:56Z[Europe/Berlin][u-ca=iso8601]",
                951_827_696_000_000,
            ),
            ("2000-02-29T12:34:56+23:59", 951_741_356_000_000),
            ("2016-12-31T23:59:60Z", 1_483_228_799_999_999),
            ("2016-12-31T23:59:60.5Z", 1_483_228_799_999_999),
            ("2016-12-31T155960.25-08", 1_483_228_799_999_999),
            ("2017-01-01T05:29:60+05:30", 1_483_228_799_999_999),
        ] {
            assert_eq!(parse_timestamp(text), Some(micros), "{text}");
        }
        assert_eq!(
            format_timestamp(951_827_696_000_000),
            "2000-02-29T12:34:56.000000Z"
        );
        assert_eq!(
            format_timestamp(951_827_696_500_000),
            "2000-02-29T12:34:56.500000Z"
        );
        assert_eq!(format_timestamp(-1), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "-",
            "+1",
            " 1",
            "1.5",
            "2024-03-01T12:00:00",
            "2024-03-01T12:00:00[Europe/Berlin]",
            "2024-03-01[Europe/Berlin]",
            "2026-01-31T12:00:00+05:00[!Europe/Berlin]",
            "2026-01-31T12:00:00Z[!u-ca=hebrew]",
            "2026-01-31T12:00:00+24:00",
            "2026-01-31T12:00:00-25:59",
            "2026-01-31T12:00:60Z",
            "2026-01-31T23:59:60+01:00",
            "2026-01-31T23:59:61Z",
            "20260131",
            "951827696000000",
            "-1",
            "0",
            "2024-13-01",
            "2023-02-29",
            "2024-03",
            "12:00",
            "2024-03-01T25:00:00Z",
            "tomorrow",
            "2024-03-01 ",
            "2024-03-01Z",
            "99999-01-01T00:00:00Z",
            "9223372036854775807",
            "92233720368547758070",
            "+010000-01-01",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_ends_of_the_range() {
        for (text, micros) in [
            ("-009999-01-01T00:00:00.000000Z", FIRST_TIMESTAMP),
            ("-009999-01-01T00:00:00.000001Z", FIRST_TIMESTAMP + 1),
            ("-000001-12-31T23:59:59.999999Z", -62_167_219_200_000_001),
            ("0000-01-01T00:00:00.000000Z", -62_167_219_200_000_000),
            ("9999-12-31T23:59:59.000000Z", LAST_TIMESTAMP - 999_999),
            ("9999-12-31T23:59:59.999999Z", LAST_TIMESTAMP),
        ] {
            assert_eq!(parse_timestamp(text), Some(micros), "{text}");
            assert_eq!(format_timestamp(micros), text);
            assert_eq!(
                read_time_parameter(&micros.to_string(), &MICROS).unwrap(),
                micros
            );
        }
        for (text, micros) in [
            ("9999-12-31T23:59:59+00:01", LAST_TIMESTAMP - 60_999_999),
            (
                "-009999-01-01T00:00:00-23:59",
                FIRST_TIMESTAMP + 86_340_000_000,
            ),
            ("9999-12-31T23:59:60Z", LAST_TIMESTAMP),
        ] {
            assert_eq!(parse_timestamp(text), Some(micros), "{text}");
        }
        for text in [
            "9999-12-31T23:59:59-00:01",
            "-009999-01-01T00:00:00+00:01",
            "9999-12-31T23:59:60-00:01",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
        for micros in [FIRST_TIMESTAMP - 1, LAST_TIMESTAMP + 1, i64::MIN, i64::MAX] {
            assert_eq!(format_timestamp(micros), micros.to_string());
            assert!(read_time_parameter(&micros.to_string(), &MICROS).is_err());
        }
    }

    #[test]
    fn digits_that_read_as_a_date_and_a_time_count_nothing_without_a_unit() {
        for (text, date) in [
            ("201301020500", "2013-01-02T05:00 "),
            ("20130102050007", "2013-01-02T05:00:07 "),
            ("190001010000", "1900-01-01T00:00 "),
            ("21001231235959", "2100-12-31T23:59:59 "),
            ("202402292359", "2024-02-29T23:59 "),
        ] {
            let error = read_time_parameter(text, &MICROS).unwrap_err().to_string();
            assert!(error.contains(&format!("reads as {date}")), "{error}");
            assert!(error.contains("unit=us"), "{error}");
            let micros: i64 = text.parse().unwrap();
            let counted = read_time_parameter(text, &counting(TimeUnit::Microseconds));
            assert_eq!(counted.unwrap(), micros);
            // A number in JSON is one.
            assert_eq!(
                timestamp_from_json(&Json::I64(micros), &MICROS).unwrap(),
                micros
            );
        }
        for text in [
            "189912312359",
            "210101010000",
            "201313020500",
            "201302290500",
            "201301020560",
            "201301022400",
            "20130102050060",
            "1357102800000",
            "1357102800",
            "1357102800000000",
            "-20130102050",
            "-2013010205000",
        ] {
            let micros = read_time_parameter(text, &MICROS).unwrap();
            assert_eq!(micros.to_string(), text);
        }
    }

    #[test]
    fn units_of_integers() {
        use TimeUnit::{Microseconds, Milliseconds, Nanoseconds, Seconds};
        for (unit, count, micros) in [
            (Seconds, "1769860800", 1_769_860_800_000_000),
            (Milliseconds, "-1", -1_000),
            (Microseconds, "20260131", 20_260_131),
            (Nanoseconds, "-1", -1),
            (Nanoseconds, "1999", 1),
            (Seconds, "0", 0),
        ] {
            assert_eq!(read_time_parameter(count, &counting(unit)).unwrap(), micros);
            let number = Json::I64(count.parse().unwrap());
            assert_eq!(
                timestamp_from_json(&number, &counting(unit)).unwrap(),
                micros
            );
        }
        let text = "2026-01-31T12:00:00Z";
        assert_eq!(
            read_time_parameter(text, &counting(Seconds)).ok(),
            parse_timestamp(text)
        );
        assert!(read_time_parameter("253402300800", &counting(Seconds)).is_err());
        assert!(timestamp_from_json(&Json::U64(u64::MAX), &counting(Seconds)).is_err());
        assert!("m".parse::<TimeUnit>().is_err());
    }

    #[test]
    fn few_digits_in_a_parameter_are_no_microseconds() {
        for text in ["2026", "20260131", "0", "-99999999"] {
            let error = read_time_parameter(text, &MICROS).unwrap_err().to_string();
            assert!(
                error.contains("too few digits") && error.contains(text),
                "{error}"
            );
        }
        assert_eq!(
            read_time_parameter("100000000", &MICROS).unwrap(),
            100_000_000
        );
        assert_eq!(
            read_time_parameter("-100000000", &MICROS).unwrap(),
            -100_000_000
        );
    }

    #[test]
    fn json_times_name_what_was_found() {
        let read = |value: &Json<'_>| timestamp_from_json(value, &MICROS);
        assert_eq!(read(&Json::I64(-5)).unwrap(), -5);
        assert_eq!(read(&Json::U64(5)).unwrap(), 5);
        assert_eq!(read(&Json::Str("1970-01-01".into())).unwrap(), 0);
        for (value, found) in [
            (Json::F64(1.5), "found 1.5, a number with a fraction"),
            (
                Json::F64(1.7698608e15),
                "found 1769860800000000.0, a number with",
            ),
            (
                Json::U64(u64::MAX),
                "found 18446744073709551615, which is not in the years",
            ),
            (Json::Null, "found null;"),
            (
                Json::Str("noon".into()),
                "found \"noon\", which is no time;",
            ),
            (
                Json::Str("20260131".into()),
                "found \"20260131\", a string of digits",
            ),
            (
                Json::Str("2026-01-31T12:00".into()),
                "found \"2026-01-31T12:00\", which has no offset",
            ),
        ] {
            let error = read(&value).unwrap_err();
            assert_eq!(error.code(), "invalid_timestamp");
            assert!(error.to_string().starts_with(found), "{error}");
        }
    }

    /// Days from the epoch to a date of the proleptic Gregorian calendar, by
    /// counting: an oracle that knows nothing of jiff.
    fn days(year: i64, month: i64, day: i64) -> i64 {
        let leap = |y: i64| y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
        let mut days: i64 = (1970..year).map(|y| 365 + i64::from(leap(y))).sum();
        for m in 1..month {
            days += match m {
                2 => 28 + i64::from(leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
        }
        days + day - 1
    }

    proptest! {
        #[test]
        fn dates_agree_with_a_calendar_count(
            year in 1970..=9999_i64, month in 1..=12_i64, day in 1..=28_i64,
            second in 0..86_400_i64, micro in 0..1_000_000_i64, offset in -840..=840_i64,
        ) {
            let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
            let sign = if offset < 0 { '-' } else { '+' };
            let text = format!(
                "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{micro:06}{sign}{:02}:{:02}",
                offset.abs() / 60, offset.abs() % 60,
            );
            let utc = days(year, month, day) * 86_400 + second - offset * 60;
            let micros = utc * 1_000_000 + micro;
            prop_assert_eq!(parse_timestamp(&text), Some(micros).filter(|&t| is_timestamp(t)));
            crate::testing::oracles::compared("times against a calendar count", 1);
        }

        #[test]
        fn formatting_and_parsing_are_inverse(micros in FIRST_TIMESTAMP..=LAST_TIMESTAMP) {
            let text = format_timestamp(micros);
            prop_assert!(text.ends_with('Z'));
            prop_assert_eq!(parse_timestamp(&text), Some(micros));
            prop_assert_eq!(text.find('.'), text.len().checked_sub(8));
            crate::testing::oracles::compared("times written and read back", 1);
        }

        /// Where the library has them, to within a day of the ends.
        #[test]
        fn texts_agree_with_those_of_the_library(
            micros in jiff::Timestamp::MIN.as_microsecond()..jiff::Timestamp::MAX.as_microsecond(),
        ) {
            let time = jiff::Timestamp::from_microsecond(micros).unwrap();
            prop_assert_eq!(format_timestamp(micros), format!("{time:.6}"));
            prop_assert_eq!(parse_timestamp(&time.to_string()), Some(micros));
            crate::testing::oracles::compared("times against another library", 2);
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in "[-+0-9TZ:. \\[\\]é]{0,40}") {
            if let Some(micros) = parse_timestamp(&text) {
                prop_assert!((FIRST_TIMESTAMP..=LAST_TIMESTAMP).contains(&micros));
            }
        }
    }
}
