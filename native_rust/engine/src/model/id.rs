//! Names: feature and series ids, database names, and the ones made up for
//! clients that give none.

use uuid::Uuid;

use super::json::shown;
use crate::{Error, InvalidCode, Limits, Result};

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
        format!(
            "the id is {} bytes long, the limit is {} (setting id_bytes)",
            id.len(),
            limits.id_bytes
        )
    } else if let Some(at) = id.find(char::is_control) {
        format!("the id has a control character at byte {at}; use printable text")
    } else {
        return Ok(());
    };
    Err(Error::invalid(InvalidCode::Id, pointer, detail))
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
