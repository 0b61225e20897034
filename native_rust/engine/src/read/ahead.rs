//! Reading the blocks of candidates, which come in the order of their sequence, or against it.

use crate::error::{Error, Result};
use crate::journal::BLOCK_PREFIX;
use crate::journal::BlockLocation;
use crate::state::State;

/// Bytes that are read at once where candidates are dense.
const SPAN: u64 = 64 << 10;
/// How many sequences on the next candidate lies, where they are not.
const SPARSE: u64 = 8;

/// Blocks read one after the other: together with those that come next where they are
/// close, so that a file read, which costs as much as all the rest of a look at a small
/// block, is shared by many.
#[derive(Debug, Default)]
pub(crate) struct ReadAhead {
    /// Records from an offset in a segment on.
    span: Vec<u8>,
    segment: u32,
    offset: u64,
    /// The block that was asked for last.
    last: u64,
}

impl ReadAhead {
    /// The stored bytes of a block up to `at`, checked. May read the journal.
    pub(crate) fn block(&mut self, state: &State, seq: u64, at: u64) -> Result<&[u8]> {
        let dense = seq.abs_diff(self.last) < SPARSE;
        let backward = seq < self.last;
        self.last = seq;
        let blocks = state.indexes.blocks.read();
        let location = blocks.get(seq).ok_or(Error::Closed)?;
        let span = match self.range(location) {
            Some(_) => None,
            None if !dense => Some((location, location)),
            None => {
                // The farthest of a few that is not too far.
                let mut steps = [512, 256, 128, 64, 32, 16, 8, 4, 2, 1].into_iter();
                let spans = steps.find_map(|step| {
                    let other = match backward {
                        true => seq.saturating_sub(step).max(1),
                        false => (seq + step).min(at),
                    };
                    let other = blocks.get(other)?;
                    let span = match backward {
                        true => (other, location),
                        false => (location, other),
                    };
                    is_near(span).then_some(span)
                });
                Some(spans.unwrap_or((location, location)))
            }
        };
        drop(blocks);
        if let Some((first, last)) = span {
            let mut read = state.segments.read_span(first, last, &mut self.span);
            if read.is_err() {
                // Perhaps what nobody asked for cannot be read.
                read = state.segments.read_span(location, location, &mut self.span);
            }
            match read {
                Ok(offset) => (self.segment, self.offset) = (location.segment, offset),
                Err(error) => {
                    self.span.clear();
                    return Err(error);
                }
            }
        }
        let range = self.range(location).unwrap_or_default();
        let record = self.span.get(range).unwrap_or_default();
        let block = state.segments.check_block(location, record)?;
        state.check_leaf(seq, block)?;
        Ok(block)
    }

    /// Where a block's record lies in the span, if it does.
    fn range(&self, location: BlockLocation) -> Option<std::ops::Range<usize>> {
        let start = u64::from(location.offset).checked_sub(self.offset)?;
        let start = usize::try_from(start).ok()?;
        let end = start.checked_add(BLOCK_PREFIX + location.len as usize)?;
        (self.segment == location.segment && end <= self.span.len()).then_some(start..end)
    }
}

/// Whether all from the first to the last may be read at once.
fn is_near((first, last): (BlockLocation, BlockLocation)) -> bool {
    last.segment == first.segment && u64::from(last.offset.saturating_sub(first.offset)) < SPAN
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::sync::Arc;

    use super::*;
    use crate::db::database::Database;
    use crate::fs::RealFileSystem;
    use crate::limits::Limits;
    use crate::state::blocks::read_block;

    #[test]
    fn blocks_are_those_read_one_by_one() {
        const COUNT: u64 = 6_000;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let limits = Limits {
            segment_bytes: 256 << 10,
            ..Limits::default()
        };
        let db = Database::open(Arc::new(RealFileSystem), &path, limits).unwrap();
        // Some of them larger than all that is read at once.
        for group in 0..60 {
            let mut text = String::from(r#"{"type":"FeatureCollection","features":["#);
            for n in 0..COUNT / 60 {
                let comma = if n > 0 { "," } else { "" };
                let note = "x".repeat(if n == 3 { group * 2_000 } else { 10 });
                let feature = r#"{"type":"Feature","geometry":null,"properties":{"note":""#;
                write!(text, r#"{comma}{feature}{note}"}}}}"#).unwrap();
            }
            text.push_str("]}");
            let prepared = db.prepare_features(text.as_bytes()).unwrap();
            db.write(prepared.operations).unwrap();
        }
        let state = &db.state;
        let last = state.indexes.blocks.read().get(COUNT).unwrap();
        assert!(last.segment > 3, "{last:?}");
        let patterns: [Vec<u64>; 5] = [
            (1..=COUNT).collect(),
            (1..=COUNT)
                .filter(|seq| seq % 5 == 0 || seq % 777 < 9)
                .collect(),
            (1..=COUNT).step_by(30).collect(),
            (1..=COUNT).rev().collect(),
            (1..=COUNT).map(|n| n * 2_477 % COUNT + 1).collect(),
        ];
        for seqs in patterns {
            let mut ahead = ReadAhead::default();
            let (mut reads, mut offset) = (0, (u32::MAX, 0));
            let close = seqs.windows(2).all(|two| two[0].abs_diff(two[1]) == 1);
            for seq in seqs {
                let block = ahead.block(state, seq, COUNT).unwrap();
                assert_eq!(block, read_block(state, seq).unwrap(), "{seq}");
                let place = (ahead.segment, ahead.offset);
                reads += usize::from(std::mem::replace(&mut offset, place) != place);
                assert!((ahead.span.len() as u64) < 2 * SPAN + 150_000);
            }
            // In either direction.
            assert!(!close || reads < 300, "{reads}");
            // Nothing after what may be seen.
            let mut ahead = ReadAhead::default();
            ahead.block(state, 1, 2).unwrap();
            let second = state.indexes.blocks.read().get(2).unwrap();
            let end = second.offset as usize + BLOCK_PREFIX + second.len as usize;
            assert_eq!(ahead.offset as usize + ahead.span.len(), end);
        }
        assert!(matches!(
            ReadAhead::default().block(state, COUNT + 1, COUNT),
            Err(Error::Closed)
        ));
        // A damaged block is told from its neighbours.
        let place = state.indexes.blocks.read().get(40).unwrap();
        let entries = |path: &std::path::Path| {
            let entries = std::fs::read_dir(path).unwrap();
            entries
                .map(|entry| entry.unwrap().path())
                .collect::<Vec<_>>()
        };
        let mut segments = entries(&path);
        let folders = segments.clone().into_iter().filter(|path| path.is_dir());
        segments.extend(folders.flat_map(|folder| entries(&folder)));
        segments.retain(|path| path.is_file());
        let mut hurt = 0;
        for path in segments {
            let mut bytes = std::fs::read(&path).unwrap();
            let at = place.offset as usize + BLOCK_PREFIX;
            let end = at + place.len as usize;
            if bytes.get(at..end) == Some(&read_block(state, 40).unwrap()[..]) {
                bytes[at] ^= 1;
                std::fs::write(&path, bytes).unwrap();
                hurt += 1;
                break;
            }
        }
        assert_eq!(hurt, 1);
        let mut ahead = ReadAhead::default();
        for seq in 30..=50 {
            match ahead.block(state, seq, COUNT) {
                Ok(block) => assert_eq!(block, read_block(state, seq).unwrap()),
                Err(error) => {
                    assert_eq!(seq, 40);
                    assert!(error.to_string().contains("checksum"), "{error}");
                }
            }
        }
    }
}
