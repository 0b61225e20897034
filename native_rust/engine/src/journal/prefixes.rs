//! What the leaf hashes of a sealed segment begin with, in memory.

use std::fmt;
use std::ops::Range;

use super::leaves::key;
use crate::types::Hash;

/// Hashes in a group, on average.
const GROUP: usize = 64;

/// The places that a hash may have in the order of a segment's hashes: one place for a hash
/// that is there, mostly, and none for all but one in a thousand of others.
///
/// Hashes are spread evenly. So as many groups are made as there are times 64 hashes, of
/// equal parts of all numbers, and of each hash 16 bits are kept, which say where in its
/// group it is: 2.1 bytes a block.
pub(super) struct Prefixes {
    /// Place of the first hash of each group, and the number of all.
    starts: Vec<u32>,
    /// By place.
    rests: Vec<u16>,
}

impl Prefixes {
    /// Of hashes in any order, by their [`key`]s. O(n log n).
    pub(super) fn new(mut keys: Vec<u64>) -> Self {
        let groups = keys.len().div_ceil(GROUP);
        keys.iter_mut().for_each(|key| *key = spread(*key, groups));
        keys.sort_unstable();
        let mut starts = Vec::with_capacity(groups + 1);
        for (key, place) in keys.iter().zip(0..) {
            let before = group(*key) + 1;
            if starts.len() < before {
                starts.resize(before, place);
            }
        }
        // A segment is below 4 GiB and a block has more than a byte.
        let all = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        starts.resize(groups + 1, all);
        Self {
            starts,
            rests: keys.iter().map(|key| *key as u16).collect(),
        }
    }

    /// The places that this hash may have: where it is there, it has one of them. O(1).
    pub(super) fn places(&self, hash: &Hash) -> Range<u32> {
        let spread = spread(key(hash), self.starts.len().saturating_sub(1));
        let group = group(spread);
        let bounds = (self.starts.get(group), self.starts.get(group + 1));
        let (Some(&first), Some(&behind)) = bounds else {
            return 0..0;
        };
        let rests = self.rests.get(first as usize..behind as usize);
        let rests = rests.unwrap_or_default();
        let rest = spread as u16;
        let place = |place: usize| first + u32::try_from(place).unwrap_or(u32::MAX);
        let begin = place(rests.partition_point(|other| *other < rest));
        begin..place(rests.partition_point(|other| *other <= rest))
    }
}

impl fmt::Debug for Prefixes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prefixes({})", self.rests.len())
    }
}

/// A key as a fraction of all, times the number of groups, with 16 bits behind the point.
fn spread(key: u64, groups: usize) -> u64 {
    ((u128::from(key) * groups as u128) >> 48) as u64
}

fn group(spread: u64) -> usize {
    usize::try_from(spread >> 16).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::leaf_hash;
    use proptest::prelude::*;

    fn check(mut hashes: Vec<Hash>) {
        let prefixes = Prefixes::new(hashes.iter().map(key).collect());
        hashes.sort_unstable();
        for (hash, place) in hashes.iter().zip(0..) {
            assert!(prefixes.places(hash).contains(&place));
        }
        // A place that it may have is one between those of greater and of lesser hashes.
        for other in [[0; 32], [0xff; 32], [0x80; 32], leaf_hash(b"other")] {
            let places = prefixes.places(&other);
            let place = hashes.partition_point(|hash| *hash < other) as u32;
            assert!(places.is_empty() || places.start <= place && place <= places.end);
            assert!(places.end as usize <= hashes.len());
        }
    }

    #[test]
    fn each_hash_has_one_of_its_places_and_few_others_have_any() {
        for count in [0, 1, 2, 63, 64, 65, 127, 128, 129, 1_000, 100_000] {
            let hash = |n: u32| leaf_hash(&n.to_le_bytes());
            let hashes: Vec<Hash> = (0..count).map(hash).collect();
            check(hashes.clone());
            let prefixes = Prefixes::new(hashes.iter().map(key).collect());
            let others = (count..count + 100_000).map(hash);
            let taken = others.filter(|hash| !prefixes.places(hash).is_empty());
            // One in a thousand.
            assert!(taken.count() < 200, "{count}");
            let places: u32 = hashes.iter().map(|h| prefixes.places(h).len() as u32).sum();
            assert!(places < count + count / 200 + 2, "{places}");
            let bytes = 2 * prefixes.rests.len() + 4 * prefixes.starts.len();
            assert!(bytes <= hashes.len() * 21 / 10 + 8, "{bytes} for {count}");
        }
    }

    proptest! {
        /// Such as no SHA-256 gives.
        #[test]
        fn hashes_that_are_not_spread_evenly_have_their_places(
            seeds in proptest::collection::vec(0_u64..5_000, 0..300),
            shift in 0_u32..64,
        ) {
            let hash = |(n, seed): (u64, u64)| {
                let mut hash = [0; 32];
                hash[..8].copy_from_slice(&(seed << shift).to_be_bytes());
                hash[24..].copy_from_slice(&n.to_le_bytes());
                hash
            };
            check((0..).zip(seeds).map(hash).collect());
        }
    }
}
