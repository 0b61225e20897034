//! Timestamps: microseconds since 1970-01-01T00:00:00Z in an `i64`, leap seconds
//! not counted.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::fmt::temporal::{DateTimeParser, DateTimePrinter};
use jiff::tz::TimeZone;

use super::json::{Json, shown};
use crate::{Error, InvalidCode, Result};

/// The first microsecond that has a date: in the year -9999, about a day after its
/// begin, so that every offset can be shown.
pub const FIRST_TIMESTAMP: i64 = -377_705_023_201_000_000;
/// The last microsecond that has a date: in the year 9999, about a day before its end.
pub const LAST_TIMESTAMP: i64 = 253_402_207_200_999_999;

const PARSER: DateTimeParser = DateTimeParser::new();
const PRINTER: DateTimePrinter = DateTimePrinter::new();

/// Reads a timestamp: ISO 8601 / RFC 3339 with an offset
/// (`2024-03-01T12:00:00.25+02:00`), a bare date, which is its midnight in UTC, or
/// a decimal integer, which is microseconds since the epoch. `None` for anything
/// else and for times outside the years -9999 to 9999.
///
/// Digits behind the microsecond are cut off, not rounded, so a time never moves
/// into the next second. About 50 ns.
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return in_range(text.parse().ok()?);
    }
    let time = match PARSER.parse_timestamp(text) {
        Ok(time) => time,
        Err(_) => midnight(text)?,
    };
    // The floor, also before 1970, where jiff's microseconds round towards zero.
    i64::try_from(time.as_nanosecond().div_euclid(1_000)).ok()
}

/// `2024-03-01`, and nothing behind it, as midnight in UTC.
fn midnight(text: &str) -> Option<Timestamp> {
    let plain = |byte: u8| byte.is_ascii_digit() || byte == b'-' || byte == b'+';
    if !text.bytes().all(plain) {
        return None;
    }
    let date: Date = PARSER.parse_date(text).ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn in_range(micros: i64) -> Option<i64> {
    is_timestamp(micros).then_some(micros)
}

/// Whether it has a date in the years -9999 to 9999, as every stored timestamp has.
#[must_use]
pub fn is_timestamp(micros: i64) -> bool {
    (FIRST_TIMESTAMP..=LAST_TIMESTAMP).contains(&micros)
}

/// A timestamp as a client gives it: text as in [`parse_timestamp`], or an
/// integer, which is microseconds.
///
/// # Errors
/// [`InvalidCode::Timestamp`], pointing at the value itself.
pub(super) fn timestamp_from_json(value: &Json<'_>) -> Result<i64> {
    let read = match value {
        Json::Str(text) => parse_timestamp(text),
        Json::U64(n) => i64::try_from(*n).ok().and_then(in_range),
        Json::I64(n) => in_range(*n),
        _ => None,
    };
    read.ok_or_else(|| {
        let found = match value {
            Json::Str(text) => shown(text),
            Json::U64(n) => n.to_string(),
            Json::I64(n) => n.to_string(),
            other => other.kind().to_owned(),
        };
        let detail = format!(
            "found {found}; expected a time with an offset such as 2024-03-01T12:00:00Z, \
             a date, or an integer of microseconds since 1970, in the years -9999 to 9999"
        );
        Error::invalid(InvalidCode::Timestamp, "", detail)
    })
}

/// Appends a timestamp as RFC 3339 text in UTC: `2024-03-01T10:00:00.25Z`, with a
/// fraction only where there is one. An integer that is no timestamp of the years
/// -9999 to 9999 is written as that integer. About 25 ns.
pub fn write_timestamp(micros: i64, out: &mut Vec<u8>) {
    let written = Timestamp::from_microsecond(micros)
        .is_ok_and(|time| PRINTER.print_timestamp(&time, &mut *out).is_ok());
    if !written {
        out.extend_from_slice(micros.to_string().as_bytes());
    }
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
            ("951827696000000", 951_827_696_000_000),
            ("-1", -1),
            ("0", 0),
        ] {
            assert_eq!(parse_timestamp(text), Some(micros), "{text}");
        }
        assert_eq!(
            format_timestamp(951_827_696_000_000),
            "2000-02-29T12:34:56Z"
        );
        assert_eq!(
            format_timestamp(951_827_696_500_000),
            "2000-02-29T12:34:56.5Z"
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
        assert_eq!(FIRST_TIMESTAMP, Timestamp::MIN.as_microsecond());
        assert_eq!(LAST_TIMESTAMP, Timestamp::MAX.as_microsecond());
        for micros in [
            FIRST_TIMESTAMP,
            LAST_TIMESTAMP,
            FIRST_TIMESTAMP + 1,
            LAST_TIMESTAMP - 1,
        ] {
            assert_eq!(parse_timestamp(&format_timestamp(micros)), Some(micros));
            assert_eq!(parse_timestamp(&micros.to_string()), Some(micros));
        }
        for micros in [FIRST_TIMESTAMP - 1, LAST_TIMESTAMP + 1, i64::MIN, i64::MAX] {
            assert_eq!(format_timestamp(micros), micros.to_string());
            assert_eq!(parse_timestamp(&micros.to_string()), None);
        }
    }

    #[test]
    fn json_times_name_what_was_found() {
        assert_eq!(timestamp_from_json(&Json::I64(-5)).unwrap(), -5);
        assert_eq!(
            timestamp_from_json(&Json::Str("1970-01-01".into())).unwrap(),
            0
        );
        for (value, found) in [
            (Json::F64(1.0), "found a number;"),
            (Json::U64(u64::MAX), "found 18446744073709551615;"),
            (Json::Null, "found null;"),
            (Json::Str("noon".into()), "found \"noon\";"),
        ] {
            let error = timestamp_from_json(&value).unwrap_err();
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
            year in 1970..2400_i64, month in 1..=12_i64, day in 1..=28_i64,
            second in 0..86_400_i64, micro in 0..1_000_000_i64, offset in -840..=840_i64,
        ) {
            let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
            let sign = if offset < 0 { '-' } else { '+' };
            let text = format!(
                "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{micro:06}{sign}{:02}:{:02}",
                offset.abs() / 60, offset.abs() % 60,
            );
            let utc = days(year, month, day) * 86_400 + second - offset * 60;
            prop_assert_eq!(parse_timestamp(&text), Some(utc * 1_000_000 + micro));
        }

        #[test]
        fn formatting_and_parsing_are_inverse(micros in FIRST_TIMESTAMP..=LAST_TIMESTAMP) {
            let text = format_timestamp(micros);
            prop_assert!(text.ends_with('Z'));
            prop_assert_eq!(parse_timestamp(&text), Some(micros));
            prop_assert_eq!(text.contains('.'), micros.rem_euclid(1_000_000) != 0);
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in "[-+0-9TZ:. \\[\\]é]{0,40}") {
            if let Some(micros) = parse_timestamp(&text) {
                prop_assert!((FIRST_TIMESTAMP..=LAST_TIMESTAMP).contains(&micros));
            }
        }
    }
}
