//! Page cursors: where the next page begins, pinned to a sequence.
//!
//! A cursor names the sequence its first page was read at, so all pages show
//! the same state, whatever is written meanwhile. It is opaque to clients:
//! base64url of the fields and a checksum that catches typing errors.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Error, InvalidCode, Result};

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// Features of a box query behind block `after`.
    Features { at: u64, after: u64 },
    /// Features nearby behind the one at a distance, as the bits of a double, of
    /// block `after`; so many were given before.
    Nearby {
        at: u64,
        distance: u64,
        after: u64,
        taken: u64,
    },
    /// Points of a range from the timestamp `edge`, `skip` of its points passed.
    Points { at: u64, edge: i64, skip: u64 },
    /// As `Points`, of the series `id` and of those behind it.
    SeriesPoints {
        at: u64,
        edge: i64,
        skip: u64,
        id: Box<str>,
    },
}

const FEATURES: u8 = 1;
const POINTS: u8 = 2;
const SERIES_POINTS: u8 = 3;
const NEARBY: u8 = 4;

impl Cursor {
    /// The same place as of another sequence, at which the pages before it are the same.
    pub(crate) fn pinned(mut self, to: u64) -> Self {
        match &mut self {
            Self::Features { at, .. }
            | Self::Nearby { at, .. }
            | Self::Points { at, .. }
            | Self::SeriesPoints { at, .. } => *at = to,
        }
        self
    }

    pub(crate) fn encode(self) -> String {
        let mut bytes = Vec::with_capacity(37);
        match self {
            Self::Features { at, after } => {
                bytes.push(FEATURES);
                bytes.extend_from_slice(&at.to_le_bytes());
                bytes.extend_from_slice(&after.to_le_bytes());
            }
            Self::Nearby {
                at,
                distance,
                after,
                taken,
            } => {
                bytes.push(NEARBY);
                for word in [at, distance, after, taken] {
                    bytes.extend_from_slice(&word.to_le_bytes());
                }
            }
            Self::Points { at, edge, skip } => {
                bytes.push(POINTS);
                bytes.extend_from_slice(&at.to_le_bytes());
                bytes.extend_from_slice(&edge.to_le_bytes());
                bytes.extend_from_slice(&skip.to_le_bytes());
            }
            Self::SeriesPoints { at, edge, skip, id } => {
                bytes.push(SERIES_POINTS);
                bytes.extend_from_slice(&at.to_le_bytes());
                bytes.extend_from_slice(&edge.to_le_bytes());
                bytes.extend_from_slice(&skip.to_le_bytes());
                bytes.extend_from_slice(id.as_bytes());
            }
        }
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn decode(text: &str) -> Result<Self> {
        Self::parse(text).ok_or_else(|| {
            Error::invalid(
                InvalidCode::Cursor,
                "",
                "the cursor is not one this server gave; take it unchanged from the link \"next\" of the page before",
            )
        })
    }

    fn parse(text: &str) -> Option<Self> {
        // Longer than any cursor, with the longest id there can be: not worth decoding.
        if text.len() > 6_000 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (fields, crc) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(fields) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (kind, mut rest) = fields.split_first()?;
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
            _ => return None,
        };
        rest.is_empty().then_some(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_read_back_and_nothing_else_does() {
        let cursors = [
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
        ];
        for cursor in cursors {
            let text = cursor.clone().encode();
            assert_eq!(Cursor::decode(&text).unwrap(), cursor);
            assert!(Cursor::decode(&text[1..]).is_err());
            assert!(Cursor::decode(&format!("{text}AA")).is_err());
        }
        for text in ["", "x", "%00", &"A".repeat(1_000), &"A".repeat(10_000)] {
            assert!(Cursor::decode(text).is_err(), "{text}");
        }
    }
}
