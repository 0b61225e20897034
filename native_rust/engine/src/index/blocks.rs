//! Where each block lies in the journal.

use super::chunked::Chunked;

/// A block's place in the journal. Segments stay below 4 GiB, so 12 bytes do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockLocation {
    /// Number of the segment, counted from 0 in journal order.
    pub segment: u32,
    /// Byte offset of the block's record in that segment.
    pub offset: u32,
    /// Length of the block in bytes.
    pub len: u32,
}

/// Sequence to [`BlockLocation`], for every block there is.
///
/// 12 bytes a block. Sequences are dense and start at 1, so this is an array;
/// it is chunked, so that no push holds the caller's lock for a large copy.
#[derive(Debug, Default)]
pub struct BlockTable {
    locations: Chunked<BlockLocation>,
}

impl BlockTable {
    /// Appends the location of the next block, of the sequence after the last one's.
    pub fn push(&mut self, location: BlockLocation) {
        self.locations.push(location);
    }

    /// Where block `seq` lies; `None` for 0 and for sequences not written yet.
    #[must_use]
    pub fn get(&self, seq: u64) -> Option<BlockLocation> {
        let index = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.locations.get(index).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_dense_and_start_at_one() {
        let location = |n: u32| BlockLocation {
            segment: n / 1_000,
            offset: n * 3,
            len: n + 1,
        };
        let mut table = BlockTable::default();
        for n in 0..10_000 {
            table.push(location(n));
        }
        for seq in 1..=10_000_u32 {
            assert_eq!(table.get(u64::from(seq)), Some(location(seq - 1)));
        }
        for seq in [0, 10_001, u64::MAX] {
            assert_eq!(table.get(seq), None);
        }
    }
}
