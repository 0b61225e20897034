//! Where each block lies in the journal.

use super::kinds::{self, KindTable, Kinds};
use super::range::Order;
use crate::journal::BlockLocation;
use crate::mem::chunked::Chunked;

/// Sequence to [`BlockLocation`], for every block there is, which of them begin a
/// transaction, and among which are what kinds of operations.
///
/// 12 bytes and a bit a block. Sequences are dense and start at 1, so this is an array;
/// it is chunked, so that no push holds the caller's lock for a large copy.
#[derive(Debug, Default)]
pub struct BlockTable {
    locations: Chunked<BlockLocation>,
    /// A bit for each block, set where a transaction begins: all whole words, and the
    /// one that is being filled.
    begins: Chunked<u64>,
    filling: u64,
    kinds: KindTable,
}

impl BlockTable {
    /// Appends the location of the next block, of the sequence after the last one's,
    /// whether it begins a transaction, and which kind of operation it is.
    pub fn push(&mut self, location: BlockLocation, begins: bool, kinds: Kinds) {
        self.kinds.push(kinds);
        let bit = self.locations.push(location) % 64;
        self.filling |= u64::from(begins) << bit;
        if bit == 63 {
            self.begins.push(std::mem::take(&mut self.filling));
        }
    }

    /// Whether block `seq` begins a transaction.
    #[must_use]
    pub fn begins(&self, seq: u64) -> bool {
        seq > 0 && self.end_of(seq - 1) == seq - 1
    }

    /// The last block of the transaction that block `seq` belongs to; 0 of 0. Looks at
    /// a bit for each of its blocks, 64 at a time.
    #[must_use]
    pub fn end_of(&self, seq: u64) -> u64 {
        let len = self.locations.len();
        // The block after `seq` has the index `seq`.
        let mut index = usize::try_from(seq).unwrap_or(usize::MAX);
        while index < len {
            let word = self.begins.get(index / 64).copied();
            let rest = word.unwrap_or(self.filling) >> (index % 64);
            if rest != 0 {
                return (index + rest.trailing_zeros() as usize) as u64;
            }
            index = (index / 64 + 1) * 64;
        }
        len as u64
    }

    /// The nearest run of blocks in an order, from block `seq` on, among which there may be
    /// some of these kinds: its first and its last sequence. `seq` may lie within it, and
    /// blocks between are of other kinds. O(log n).
    pub(crate) fn nearest(&self, wanted: Kinds, seq: u64, order: Order) -> Option<(u64, u64)> {
        let index = usize::try_from(seq.checked_sub(1)?).ok()?;
        let group = self.kinds.find(wanted, index / kinds::GROUP, order)?;
        let before = (group * kinds::GROUP) as u64;
        Some((before + 1, before + kinds::GROUP as u64))
    }

    /// The kinds of operations that may be among 64 blocks: the first 64, the next, and
    /// so on, by number.
    pub(crate) fn kinds(&self, group: usize) -> Option<Kinds> {
        self.kinds.get(group)
    }

    /// Among the blocks of a group there are also these kinds.
    pub(crate) fn add_kinds(&mut self, group: usize, kinds: Kinds) {
        self.kinds.add(group, kinds);
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
    use crate::block::OpKind;

    #[test]
    fn sequences_are_dense_and_start_at_one() {
        let location = |n: u32| BlockLocation {
            segment: n / 1_000,
            offset: n * 3,
            len: n + 1,
        };
        let mut table = BlockTable::default();
        for n in 0..10_000 {
            table.push(location(n), true, Kinds::ALL);
        }
        for seq in 1..=10_000_u32 {
            assert_eq!(table.get(u64::from(seq)), Some(location(seq - 1)));
        }
        for seq in [0, 10_001, u64::MAX] {
            assert_eq!(table.get(seq), None);
        }
    }

    #[test]
    fn a_block_leads_to_the_end_of_its_transaction() {
        let location = BlockLocation {
            segment: 0,
            offset: 0,
            len: 1,
        };
        let lengths = [1, 1, 2, 61, 63, 64, 65, 1, 500, 127, 128, 1, 3];
        let mut table = BlockTable::default();
        assert_eq!((table.end_of(0), table.begins(1)), (0, true));
        let mut ends: Vec<u64> = vec![0];
        for length in lengths {
            let end = ends.len() as u64 - 1 + length;
            for n in 0..length {
                table.push(location, n == 0, Kinds::ALL);
                ends.push(end);
            }
        }
        let mut before = 0;
        for (seq, end) in (0..).zip(ends) {
            assert_eq!(table.end_of(seq), end, "{seq}");
            assert_eq!(seq > 0 && table.begins(seq), end != before, "{seq}");
            before = end;
        }
    }

    #[test]
    fn what_is_rare_is_found_in_its_run() {
        let location = BlockLocation {
            segment: 0,
            offset: 0,
            len: 1,
        };
        let rare = Kinds::of(OpKind::SetWebhook);
        let mut table = BlockTable::default();
        for seq in 1..=1_000 {
            let kinds = if [65, 640, 641].contains(&seq) {
                rare
            } else {
                Kinds::of(OpKind::PutPoints)
            };
            table.push(location, true, kinds);
        }
        let (asc, desc) = (Order::Ascending, Order::Descending);
        for (seq, order, run) in [
            (1, asc, Some((65, 128))),
            (100, asc, Some((65, 128))),
            (129, asc, Some((577, 640))),
            (641, asc, Some((641, 704))),
            (705, asc, None),
            (u64::MAX, asc, None),
            (1_000, desc, Some((641, 704))),
            (640, desc, Some((577, 640))),
            (576, desc, Some((65, 128))),
            (64, desc, None),
            (0, desc, None),
        ] {
            assert_eq!(table.nearest(rare, seq, order), run, "{seq} {order:?}");
        }
        let all = rare.or(Kinds::of(OpKind::PutPoints));
        assert_eq!((table.kinds(1), table.kinds(16)), (Some(all), None));
    }
}
