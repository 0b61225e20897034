//! Names: feature and series ids, database names, and the ones made up for
//! clients that give none.

use uuid::Uuid;

use super::json::shown;
use crate::error::{Error, InvalidCode, Result};
use crate::limits::Limits;

/// Bytes in the longest database name. Names are folder names, and every common
/// file system takes these, whatever its case rules.
const NAME_BYTES: usize = 63;

/// Checks a feature or series id: 1 to [`Limits::id_bytes`] bytes of UTF-8 without
/// control characters. `pointer` is where an error points to.
///
/// # Errors
/// [`InvalidCode::Id`].
pub fn check_id(id: &str, pointer: &str, limits: &Limits) -> Result<()> {
    let detail = if id.is_empty() {
        "the id is empty; give at least one character".to_owned()
    } else if id.len() > limits.id_bytes {
        too_long(id.len(), limits)
    } else if let Some(at) = id.find(char::is_control) {
        format!("the id has a control character at byte {at}; use printable text")
    } else {
        return Ok(());
    };
    Err(Error::invalid(InvalidCode::Id, pointer, detail))
}

/// Paths of queries beside those of features. An id that reads like one can be told apart
/// in a path only by encoding a letter that needs no encoding, which many clients and
/// proxies undo.
const QUERIES: [&str; 7] = [
    "bbox",
    "contains",
    "geometry",
    "heatmap",
    "intersects",
    "nearby",
    "within",
];

/// Checks the id of a feature that is to be written: as [`check_id`], and that every
/// client can name it in a path. What was stored before this was asked stays readable.
///
/// # Errors
/// [`InvalidCode::Id`].
pub fn check_feature_id(id: &str, pointer: &str, limits: &Limits) -> Result<()> {
    check_id(id, pointer, limits)?;
    check_segment(id, pointer)?;
    if QUERIES.contains(&id) {
        let detail = format!(
            "the id is {id:?}, which is the path of a query (/features/{id}); give another"
        );
        return Err(Error::invalid(InvalidCode::Id, pointer, detail));
    }
    Ok(())
}

/// As [`check_feature_id`], of a series that points are written to.
///
/// # Errors
/// [`InvalidCode::Id`].
pub fn check_series_id(id: &str, pointer: &str, limits: &Limits) -> Result<()> {
    check_id(id, pointer, limits)?;
    check_segment(id, pointer)?;
    if id.ends_with('*') {
        let detail = format!(
            "the id is {}; one that ends in a star is, in a path, a question about all series \
             that begin with what stands before it: give one with another end",
            shown(id)
        );
        return Err(Error::invalid(InvalidCode::Id, pointer, detail));
    }
    Ok(())
}

/// Dot segments are taken out of a path by whoever follows RFC 3986 (5.2.4) or the URL
/// Standard, encoded ones too, so that a request would reach what stands above.
fn check_segment(id: &str, pointer: &str) -> Result<()> {
    if id != "." && id != ".." {
        return Ok(());
    }
    let detail = format!("the id is {id:?}, which clients take out of a path; give another");
    Err(Error::invalid(InvalidCode::Id, pointer, detail))
}

fn too_long(len: impl std::fmt::Display, limits: &Limits) -> String {
    format!(
        "the id is {len} bytes long, the limit is {} (setting FORMDB_ID_BYTES)",
        limits.id_bytes
    )
}

/// The decimal digits of a number that JSON wrote, none rounded away: without an
/// exponent, zeros in front, or zeros after the fraction, so that equal numbers and
/// no others have equal text. Linear in the text.
///
/// # Errors
/// [`InvalidCode::Id`], pointing at `id`, for more than [`Limits::id_bytes`] bytes.
pub(super) fn decimal(number: &str, limits: &Limits) -> Result<String> {
    let (sign, number) = match number.strip_prefix('-') {
        Some(number) => ("-", number),
        None => ("", number),
    };
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let significant = digits.trim_start_matches('0');
    let leading = digits.len() - significant.len();
    let significant = significant.trim_end_matches('0');
    if significant.is_empty() {
        return Ok("0".to_owned());
    }
    // One that no integer holds is beyond every limit.
    let beyond = match exponent.starts_with('-') {
        true => -i64::from(u32::MAX),
        false => i64::from(u32::MAX),
    };
    let exponent = exponent.parse::<i32>().map_or(beyond, i64::from);
    // The place of the decimal point in the digits that count.
    let point = whole.len() as i64 - leading as i64 + exponent;
    let count = significant.len() as i64;
    let len = sign.len() as i64 + (count + 1).max(point).max(count + 2 - point);
    if len > limits.id_bytes as i64 + 2 {
        return Err(Error::invalid(
            InvalidCode::Id,
            "/id",
            too_long(len, limits),
        ));
    }
    let zeros = |n: i64| "0".repeat(usize::try_from(n).unwrap_or(0));
    Ok(
        match usize::try_from(point)
            .ok()
            .and_then(|at| significant.split_at_checked(at))
        {
            Some(("", fraction)) => format!("{sign}0.{fraction}"),
            Some((whole, "")) => format!("{sign}{whole}"),
            Some((whole, fraction)) => format!("{sign}{whole}.{fraction}"),
            None if point < 0 => format!("{sign}0.{}{significant}", zeros(-point)),
            None => format!("{sign}{significant}{}", zeros(point - count)),
        },
    )
}

/// Checks a database name: `[a-z0-9][a-z0-9_-]{0,62}`.
///
/// # Errors
/// [`InvalidCode::Name`].
pub fn check_database_name(name: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let good = name.len() <= NAME_BYTES
        && name.bytes().next().is_some_and(plain)
        && name.bytes().all(|b| plain(b) || b == b'_' || b == b'-');
    if good {
        return Ok(());
    }
    Err(Error::invalid(
        InvalidCode::Name,
        "/name",
        format!(
            "{} is not a database name; use 1 to 63 of a-z, 0-9, _ and -, \
             beginning with a letter or digit",
            shown(name)
        ),
    ))
}

/// A new feature id, `feat_` and 32 hexadecimal digits. Ids sort by the time they
/// were made (UUID version 7, RFC 9562).
#[must_use]
pub fn generate_feature_id() -> String {
    prefixed("feat_")
}

/// A new database name, `db_` and 32 hexadecimal digits, sorting by time too.
#[must_use]
pub fn generate_database_name() -> String {
    prefixed("db_")
}

fn prefixed(prefix: &str) -> String {
    format!("{prefix}{}", Uuid::now_v7().simple())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_have_a_length_and_no_control_characters() {
        let limits = Limits {
            id_bytes: 8,
            ..Limits::default()
        };
        let check = |id: &str| check_id(id, "/id", &limits);
        for good in ["a", "12345678", "été", "a b", "../etc", "💧💧"] {
            assert!(check(good).is_ok(), "{good:?}");
        }
        for (bad, says) in [
            ("", "empty"),
            ("123456789", "9 bytes long, the limit is 8"),
            ("💧💧a", "9 bytes"),
            ("ab\nc", "control character at byte 2"),
            ("\u{7f}", "control"),
            ("é\u{85}", "control character at byte 2"),
            ("\0", "control"),
        ] {
            let error = check(bad).unwrap_err();
            assert_eq!((error.code(), error.pointer()), ("invalid_id", Some("/id")));
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn ids_that_a_path_cannot_hold_are_not_written() {
        let limits = Limits::default();
        for bad in [
            ".",
            "..",
            "bbox",
            "contains",
            "geometry",
            "heatmap",
            "intersects",
            "nearby",
            "within",
        ] {
            let error = check_feature_id(bad, "/id", &limits).unwrap_err();
            assert_eq!(error.code(), "invalid_id", "{bad}");
            assert!(error.to_string().contains(bad), "{error}");
            // What is stored is deleted by it.
            assert!(check_id(bad, "/id", &limits).is_ok());
        }
        for bad in [".", "..", "*", "a*", "**", "a/*"] {
            assert!(
                check_series_id(bad, "/series_id", &limits).is_err(),
                "{bad}"
            );
        }
        for good in [
            "...", "a.", ".a", "./", "../a", "a*b", "BBOX", "bbox2", "a/bbox",
        ] {
            assert!(check_feature_id(good, "/id", &limits).is_ok(), "{good}");
            assert!(
                check_series_id(good, "/series_id", &limits).is_ok(),
                "{good}"
            );
        }
        assert!(check_feature_id("a*", "/id", &limits).is_ok());
        assert!(check_series_id("bbox", "/series_id", &limits).is_ok());
    }

    #[test]
    fn numbers_have_all_their_digits_and_equal_ones_the_same() {
        let limits = Limits::default();
        for (number, text) in [
            ("7", "7"),
            ("7.0", "7"),
            ("7e0", "7"),
            ("0.7E+1", "7"),
            ("70e-1", "7"),
            ("-7.50", "-7.5"),
            ("0", "0"),
            ("-0", "0"),
            ("-0.00e99", "0"),
            ("0e-999999999999999999999", "0"),
            ("100", "100"),
            ("1e3", "1000"),
            ("1.25e1", "12.5"),
            ("0.001", "0.001"),
            ("1e-3", "0.001"),
            ("12e-3", "0.012"),
            ("9007199254740993", "9007199254740993"),
            ("9007199254740993.0", "9007199254740993"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
            ("1.00000000000000000001", "1.00000000000000000001"),
        ] {
            assert_eq!(decimal(number, &limits).unwrap(), text, "{number}");
        }
        for endless in ["1e300", "1e-300", "1e999999999999", "1e-999999999999"] {
            let error = decimal(endless, &limits).unwrap_err();
            assert!(error.to_string().contains("the limit is 256"), "{error}");
        }
    }

    #[test]
    fn generated_names_pass_their_own_checks_and_differ() {
        let (a, b) = (generate_feature_id(), generate_feature_id());
        assert!(a.starts_with("feat_") && a.len() == 37);
        assert!(a < b, "{a} was made before {b}");
        assert!(check_id(&a, "", &Limits::default()).is_ok());
        let (a, b) = (generate_database_name(), generate_database_name());
        assert_ne!(a, b);
        assert!(check_database_name(&a).is_ok(), "{a}");
    }

    #[test]
    fn database_names() {
        let longest = "a".repeat(63);
        for good in ["a", "0", "a-b_c", "9-", &longest] {
            assert!(check_database_name(good).is_ok(), "{good}");
        }
        let too_long = "a".repeat(64);
        let endless = "a".repeat(100_000);
        for bad in [
            "", "-a", "_a", "A", "a.b", "a/b", "..", "a b", "é", "a\0", &too_long, &endless,
        ] {
            let error = check_database_name(bad).unwrap_err();
            assert_eq!(error.code(), "invalid_name");
            assert!(error.to_string().len() < 500);
        }
    }

    proptest! {
        /// Of what doubles hold, as their own text, which is the shortest.
        #[test]
        fn doubles_are_what_they_print_as(number in any::<f64>()) {
            prop_assume!(number.is_finite() && number != 0.0);
            let limits = Limits { id_bytes: 1_000, ..Limits::default() };
            prop_assert_eq!(decimal(&format!("{number}"), &limits).unwrap(), number.to_string());
            prop_assert_eq!(decimal(&format!("{number:e}"), &limits).unwrap(), number.to_string());
        }

        #[test]
        fn database_names_match_their_pattern(name in "[a-zA-Z0-9_./-]{0,66}") {
            let mut chars = name.chars();
            let first = chars.next().is_some_and(|c| matches!(c, 'a'..='z' | '0'..='9'));
            let rest = chars.all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-'));
            let good = first && rest && name.len() <= 63;
            prop_assert_eq!(check_database_name(&name).is_ok(), good);
        }
    }
}
