//! What a database does where a request does not say: as it is given, stored and shown.

use super::cbor::{DecodeError, Reader, write_map_header, write_text};
use crate::error::{Error, InvalidCode};

/// What becomes of a point for whose timestamp its series has points already, stored or
/// earlier in the same request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnDuplicate {
    /// It is written too.
    #[default]
    Keep,
    /// It is written in place of those, which are deleted.
    Replace,
    /// It is not written.
    Ignore,
    /// Nothing of the request is written.
    Refuse,
}

const ALL: [(OnDuplicate, &str); 4] = [
    (OnDuplicate::Keep, "keep"),
    (OnDuplicate::Replace, "replace"),
    (OnDuplicate::Ignore, "ignore"),
    (OnDuplicate::Refuse, "refuse"),
];

impl OnDuplicate {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let mut all = ALL.iter();
        all.find(|(which, _)| *which == self)
            .map_or("", |(_, text)| text)
    }

    fn known(text: &str) -> Option<Self> {
        let mut all = ALL.iter();
        all.find(|(_, name)| *name == text).map(|(which, _)| *which)
    }
}

impl std::str::FromStr for OnDuplicate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::known(text).ok_or_else(|| {
            let detail = format!("found {text:?}; expected keep, replace, ignore or refuse");
            Error::invalid(InvalidCode::Parameter, "/on_duplicate", detail)
        })
    }
}

/// What holds for requests that do not say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Defaults {
    /// For points.
    pub on_duplicate: OnDuplicate,
}

impl Defaults {
    /// As a deterministic CBOR map: the body of a block.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(24);
        write_map_header(1, &mut body);
        write_text("on_duplicate", &mut body);
        write_text(self.on_duplicate.as_str(), &mut body);
        body
    }

    /// What [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`] for other bytes.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        if reader.map()? != 1 || reader.text()? != "on_duplicate" {
            return Err(reader.error("defaults without on_duplicate alone"));
        }
        let Some(on_duplicate) = OnDuplicate::known(reader.text()?) else {
            return Err(reader.error("an on_duplicate that is unknown"));
        };
        reader.end()?;
        Ok(Self { on_duplicate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_read_back_and_nothing_else_does() {
        for (on_duplicate, name) in ALL {
            let defaults = Defaults { on_duplicate };
            let body = defaults.encode();
            assert_eq!(Defaults::decode(&body).unwrap(), defaults);
            assert_eq!(name.parse::<OnDuplicate>().unwrap(), on_duplicate);
            for end in 0..body.len() {
                assert!(Defaults::decode(&body[..end]).is_err());
            }
            let mut other = body.clone();
            other.pop();
            other.push(b'x');
            assert!(Defaults::decode(&other).is_err());
        }
        let refused = "merge".parse::<OnDuplicate>().unwrap_err();
        assert_eq!(refused.pointer(), Some("/on_duplicate"));
    }
}
