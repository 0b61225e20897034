//! What opening may do about a torn tail.

use std::str::FromStr;

use crate::error::{Error, InvalidCode, Result};

/// What opening does with a torn tail: bytes at the journal's end that are no whole
/// commit group, and that nothing proves to have been durable. A crash in the middle
/// of a write leaves them; what they held was never acknowledged as durable.
///
/// Damage that is known to be none is refused under every policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecoveryPolicy {
    /// Cut it off and report how many bytes there were.
    #[default]
    CutTornTail,
    /// Refuse to open and change nothing, so that somebody can look first: damage of
    /// the medium to the last group looks the same as a torn write.
    RefuseTornTail,
}

impl RecoveryPolicy {
    /// Its name in settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CutTornTail => "cut_torn_tail",
            Self::RefuseTornTail => "refuse_torn_tail",
        }
    }
}

impl FromStr for RecoveryPolicy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::CutTornTail, Self::RefuseTornTail]
            .into_iter()
            .find(|policy| policy.as_str() == text)
            .ok_or_else(|| {
                let detail = format!("found {text:?}; expected cut_torn_tail or refuse_torn_tail");
                Error::invalid(InvalidCode::Parameter, "/recovery", detail)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for policy in [RecoveryPolicy::CutTornTail, RecoveryPolicy::RefuseTornTail] {
            assert_eq!(policy.as_str().parse::<RecoveryPolicy>().unwrap(), policy);
        }
        assert!("".parse::<RecoveryPolicy>().is_err());
    }
}
