//! Page cursors: where the next page begins, pinned to a sequence.
//!
//! A cursor names the sequence its first page was read at, so all pages show
//! the same state, whatever is written meanwhile. It is opaque to clients:
//! base64url of the fields and a checksum over them, the question that was asked, and a
//! key of the database. So the cursor of another question, or of another database, is
//! none, and neither is one that was put together by hand.

use std::hash::Hash as HashOf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::error::{Error, InvalidCode, Result};
use crate::state::{CursorKey, State};
use crate::types::Hash;

/// Bytes of the checksum: half of a SHA-256.
const SEAL: usize = 16;

/// What is asked for page by page: part of a question.
#[derive(Debug, Clone, Copy, HashOf)]
pub(crate) enum List {
    Features,
    /// Features in a box, as a transaction sees them.
    FeaturesIn,
    Points,
    SeriesPoints,
    Series,
    /// Changes of a series.
    SeriesDiff,
    Latest,
    Summaries,
}

/// A question whose pages have cursors: a secret digest of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked(Hash);

impl Asked {
    /// A question: which list, and what else it asks, but for the size of a page and the
    /// sequence it is as of.
    pub(crate) fn new(key: &CursorKey, list: List, what: &impl HashOf) -> Self {
        Self(key.digest(&(list, what)))
    }

    /// The cursor as text.
    pub(crate) fn seal(&self, cursor: &Cursor) -> String {
        let mut bytes = cursor.to_bytes();
        bytes.extend_from_slice(&self.checksum(&bytes));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The cursor in a text that [`Self::seal`] made of the same question.
    ///
    /// # Errors
    /// [`Error::Invalid`] for any other text.
    pub(crate) fn open(&self, text: &str) -> Result<Cursor> {
        self.parse(text).ok_or_else(|| {
            invalid(
                "the cursor is none that this question was given; take it unchanged from the \
                 link \"next\" of the page before, and ask the rest as there"
                    .to_owned(),
            )
        })
    }

    /// The same, of a question that may name the sequence that it is as of.
    ///
    /// # Errors
    /// [`Error::Invalid`] also where that is another than the cursor's.
    pub(crate) fn open_as_of(
        &self,
        state: &State,
        text: Option<&str>,
        as_of: Option<u64>,
    ) -> Result<Option<Cursor>> {
        let Some(text) = text else { return Ok(None) };
        let cursor = self.open(text)?;
        let (at, published) = (cursor.at(), state.published());
        if at > published {
            return Err(invalid(format!(
                "the cursor is of the state as of block {at}, and the journal has reached block \
                 {published}; ask for the first page again"
            )));
        }
        match as_of {
            Some(asked) if state.at(Some(asked))? != at => Err(invalid(format!(
                "the cursor is of the state as of block {at}, and as_of asks for block {asked}; \
                 leave as_of out, or ask for the first page as of then"
            ))),
            _ => Ok(Some(cursor)),
        }
    }

    fn checksum(&self, fields: &[u8]) -> [u8; SEAL] {
        let mut sha = Sha256::new();
        sha.update(self.0);
        sha.update(fields);
        let digest: Hash = sha.finalize().into();
        *digest.first_chunk().unwrap_or(&[0; SEAL])
    }

    fn parse(&self, text: &str) -> Option<Cursor> {
        // Longer than any cursor, with the longest id there can be: not worth decoding.
        if text.len() > 6_000 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (fields, seal) = bytes.split_last_chunk::<SEAL>()?;
        match self.checksum(fields) == *seal {
            true => Cursor::from_bytes(fields),
            false => None,
        }
    }
}

fn invalid(detail: String) -> Error {
    Error::invalid(InvalidCode::Cursor, "/cursor", detail)
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// Features of a box query after block `after`.
    Features { at: u64, after: u64 },
    /// Features nearby after the one at a distance, as the bits of a double, of
    /// block `after`; so many were given before.
    Nearby {
        at: u64,
        distance: u64,
        after: u64,
        taken: u64,
    },
    /// Points of a range from the timestamp `edge`, `skip` of its points passed.
    Points { at: u64, edge: i64, skip: u64 },
    /// As `Points`, of the series `id` and of those after it.
    SeriesPoints {
        at: u64,
        edge: i64,
        skip: u64,
        id: Box<str>,
    },
    /// Series after the id `after`.
    Series { at: u64, after: Box<str> },
}

const FEATURES: u8 = 1;
const POINTS: u8 = 2;
const SERIES_POINTS: u8 = 3;
const NEARBY: u8 = 4;
const SERIES: u8 = 5;

impl Cursor {
    /// The sequence that its pages are as of.
    pub(crate) fn at(&self) -> u64 {
        match self {
            Self::Features { at, .. }
            | Self::Nearby { at, .. }
            | Self::Points { at, .. }
            | Self::SeriesPoints { at, .. }
            | Self::Series { at, .. } => *at,
        }
    }

    /// The same place as of another sequence, at which the pages before it are the same.
    pub(crate) fn pinned(mut self, to: u64) -> Self {
        match &mut self {
            Self::Features { at, .. }
            | Self::Nearby { at, .. }
            | Self::Points { at, .. }
            | Self::SeriesPoints { at, .. }
            | Self::Series { at, .. } => *at = to,
        }
        self
    }

    fn to_bytes(&self) -> Vec<u8> {
        let (kind, words, text): (u8, &[[u8; 8]], &str) = match self {
            Self::Features { at, after } => {
                (FEATURES, &[at.to_le_bytes(), after.to_le_bytes()], "")
            }
            Self::Nearby {
                at,
                distance,
                after,
                taken,
            } => (
                NEARBY,
                &[at, distance, after, taken].map(|word| word.to_le_bytes()),
                "",
            ),
            Self::Points { at, edge, skip } => (
                POINTS,
                &[at.to_le_bytes(), edge.to_le_bytes(), skip.to_le_bytes()],
                "",
            ),
            Self::SeriesPoints { at, edge, skip, id } => (
                SERIES_POINTS,
                &[at.to_le_bytes(), edge.to_le_bytes(), skip.to_le_bytes()],
                id,
            ),
            Self::Series { at, after } => (SERIES, &[at.to_le_bytes()], after),
        };
        let mut bytes = vec![kind];
        bytes.extend_from_slice(words.as_flattened());
        bytes.extend_from_slice(text.as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, mut rest) = bytes.split_first()?;
        let mut word = || {
            let (word, tail) = rest.split_first_chunk::<8>()?;
            rest = tail;
            Some(*word)
        };
        let cursor = match *kind {
            FEATURES => Self::Features {
                at: u64::from_le_bytes(word()?),
                after: u64::from_le_bytes(word()?),
            },
            NEARBY => Self::Nearby {
                at: u64::from_le_bytes(word()?),
                distance: u64::from_le_bytes(word()?),
                after: u64::from_le_bytes(word()?),
                taken: u64::from_le_bytes(word()?),
            },
            POINTS => Self::Points {
                at: u64::from_le_bytes(word()?),
                edge: i64::from_le_bytes(word()?),
                skip: u64::from_le_bytes(word()?),
            },
            SERIES_POINTS => Self::SeriesPoints {
                at: u64::from_le_bytes(word()?),
                edge: i64::from_le_bytes(word()?),
                skip: u64::from_le_bytes(word()?),
                id: std::str::from_utf8(std::mem::take(&mut rest)).ok()?.into(),
            },
            SERIES => Self::Series {
                at: u64::from_le_bytes(word()?),
                after: std::str::from_utf8(std::mem::take(&mut rest)).ok()?.into(),
            },
            _ => return None,
        };
        rest.is_empty().then_some(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursors() -> [Cursor; 5] {
        [
            Cursor::Features {
                at: 9,
                after: u64::MAX,
            },
            Cursor::Nearby {
                at: 9,
                distance: f64::MAX.to_bits(),
                after: 7,
                taken: u64::MAX,
            },
            Cursor::Points {
                at: 9,
                edge: i64::MIN,
                skip: 3,
            },
            Cursor::SeriesPoints {
                at: 9,
                edge: i64::MAX,
                skip: 0,
                id: "é/*".into(),
            },
            Cursor::Series {
                at: 9,
                after: "é".into(),
            },
        ]
    }

    #[test]
    fn cursors_read_back_for_their_question_and_nothing_else_does() {
        let key = CursorKey::new(&[1; 16], &[2; 16]);
        let asked = Asked::new(&key, List::Points, &("a", 5));
        let others = [
            Asked::new(&key, List::Series, &("a", 5)),
            Asked::new(&key, List::Points, &("a", 6)),
            Asked::new(&key, List::Points, &("a5", 5)),
            Asked::new(&CursorKey::new(&[1; 16], &[3; 16]), List::Points, &("a", 5)),
            Asked::new(&CursorKey::new(&[2; 16], &[2; 16]), List::Points, &("a", 5)),
        ];
        for cursor in cursors() {
            let text = asked.seal(&cursor);
            assert_eq!(asked.open(&text).unwrap(), cursor);
            assert!(others.iter().all(|other| other.open(&text).is_err()));
            assert!(asked.open(&text[1..]).is_err());
            assert!(asked.open(&format!("{text}AA")).is_err());
            assert!(asked.open(&format!("{text}=")).is_err());
            // Each character, by each other one.
            for place in 0..text.len() {
                for other in "AQgwBz09-_+/ ".chars() {
                    let mut changed = text.clone();
                    changed.replace_range(place..=place, &other.to_string());
                    assert!(
                        changed == text || asked.open(&changed).is_err(),
                        "{changed}"
                    );
                }
            }
        }
        for text in ["", "x", "%00", &"A".repeat(1_000), &"A".repeat(10_000)] {
            assert!(asked.open(text).is_err(), "{text}");
        }
    }
}
