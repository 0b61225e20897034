//! Feature ids, each stored once and numbered in order of arrival.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::chunked::Chunked;

/// Ids in one bucket before it splits: what a table of 512 slots holds at
/// hashbrown's load factor of 7/8.
const BUCKET: usize = 448;
/// Buckets no longer split when they agree on so many hash bits. With a keyed
/// hash that takes more ids than memory holds; it bounds the directory anyway.
const MAX_DEPTH: u32 = 24;
/// Ids per arena.
const ARENA: usize = 1_024;

/// A map from ids to dense numbers `0..len`.
///
/// Extendible hashing (Fagin, Nievergelt, Pippenger and Strong, "Extendible
/// hashing: a fast access method for dynamic files", 1979): a directory indexed
/// by hash bits points to small hash tables, and a full one splits in two. One
/// large hash table would now and then move every id at once, which with
/// many ids takes long under the caller's lock; a split here
/// moves [`BUCKET`] of them. The hash is keyed (SipHash), since clients choose
/// the ids.
#[derive(Debug, Default)]
pub(crate) struct IdTable {
    hasher: RandomState,
    /// Bucket numbers; the length is a power of two, or 0 before the first id.
    directory: Vec<u32>,
    buckets: Chunked<Bucket>,
    names: Names,
}

#[derive(Debug, Default)]
struct Bucket {
    /// How many directory bits the ids in here agree on.
    depth: u32,
    numbers: HashTable<u32>,
}

impl IdTable {
    /// Number of ids.
    pub(crate) fn len(&self) -> usize {
        self.names.len
    }

    /// Bytes of all ids. O(1).
    pub(crate) fn bytes(&self) -> usize {
        self.names.bytes
    }

    /// The bytes of id `number`, if it was given out. O(1).
    pub(crate) fn name(&self, number: u32) -> Option<&[u8]> {
        ((number as usize) < self.len()).then(|| self.names.get(number))
    }

    /// Takes in the next id without making it known: [`Self::index`] does that for
    /// all of them.
    pub(crate) fn push_unindexed(&mut self, id: &str) {
        self.names.push(id.as_bytes());
    }

    /// Makes all ids of a table known to which ids were only pushed. Returns whether
    /// they differ from each other.
    ///
    /// The ids are put in order of their buckets first, so that each bucket is
    /// filled at once: a tenth of a microsecond an id, where one by one they take
    /// three, with most of that spent waiting for memory. Takes 16 bytes an id for
    /// as long as it runs.
    pub(crate) fn index(&mut self) -> bool {
        let Self { hasher, names, .. } = self;
        // Three quarters full on average: with the spread of a random hash, hardly
        // a bucket gets more than it holds, and it may.
        let buckets = (names.len / (BUCKET / 4 * 3)).next_power_of_two();
        let depth = buckets.ilog2().min(MAX_DEPTH);
        let bucket_of = |hash| directory_bits(hash) & ((1 << depth) - 1);
        let numbers = 0..number_of(names.len);
        let hashes = numbers.map(|number| (hasher.hash_one(names.get(number)), number));
        let mut ends = vec![0_usize; 1 << depth];
        for (hash, _) in hashes.clone() {
            if let Some(count) = ends.get_mut(bucket_of(hash)) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for end in &mut ends {
            sum += std::mem::replace(end, sum);
        }
        let mut ordered = vec![(0_u64, 0_u32); names.len];
        for (hash, number) in hashes {
            if let Some(end) = ends.get_mut(bucket_of(hash)) {
                if let Some(slot) = ordered.get_mut(*end) {
                    *slot = (hash, number);
                }
                *end += 1;
            }
        }
        let mut start = 0;
        for end in ends {
            let entries = ordered.get_mut(start..end).unwrap_or_default();
            if !all_differ(entries, names) {
                return false;
            }
            let mut numbers = HashTable::with_capacity(entries.len());
            for &mut (hash, number) in entries {
                numbers.insert_unique(hash, number, |&n| hasher.hash_one(names.get(n)));
            }
            let bucket = self.buckets.push(Bucket { depth, numbers });
            self.directory.push(number_of(bucket));
            start = end;
        }
        true
    }

    /// The number of `id`, if it is known. O(1).
    pub(crate) fn get(&self, id: &str) -> Option<u32> {
        self.find(self.hasher.hash_one(id.as_bytes()), id)
    }

    fn find(&self, hash: u64, id: &str) -> Option<u32> {
        let bucket = self.buckets.get(self.bucket_of(hash)?)?;
        bucket
            .numbers
            .find(hash, |&number| self.names.get(number) == id.as_bytes())
            .copied()
    }

    /// The number of `id`, which is given the next one where it is unknown, and
    /// whether that happened. O(1), and never more than [`BUCKET`] ids move.
    ///
    /// # Panics
    /// With 2^32 - 1 ids, which is more than memory holds.
    pub(crate) fn get_or_insert(&mut self, id: &str) -> (u32, bool) {
        let hash = self.hasher.hash_one(id.as_bytes());
        if let Some(number) = self.find(hash, id) {
            return (number, false);
        }
        if self.directory.is_empty() {
            self.buckets.push(Bucket::default());
            self.directory.push(0);
        }
        let number = self.names.push(id.as_bytes());
        while self.split_if_full(hash) {}
        let Self {
            hasher,
            buckets,
            names,
            ..
        } = self;
        let slot = directory_slot(&self.directory, hash);
        if let Some(bucket) = slot.and_then(|slot| buckets.get_mut(slot)) {
            bucket
                .numbers
                .insert_unique(hash, number, |&number| hasher.hash_one(names.get(number)));
        }
        (number, true)
    }

    fn bucket_of(&self, hash: u64) -> Option<usize> {
        directory_slot(&self.directory, hash)
    }

    /// Splits the bucket of `hash` if it has no room. Returns whether it did.
    fn split_if_full(&mut self, hash: u64) -> bool {
        let Some(bucket) = self
            .bucket_of(hash)
            .and_then(|slot| self.buckets.get_mut(slot))
        else {
            return false;
        };
        let depth = bucket.depth;
        if bucket.numbers.len() < BUCKET || depth >= MAX_DEPTH {
            return false;
        }
        bucket.depth += 1;
        let mut low = HashTable::new();
        let mut high = HashTable::new();
        for number in std::mem::take(&mut bucket.numbers) {
            let rehash = |&number: &u32| self.hasher.hash_one(self.names.get(number));
            let hash = rehash(&number);
            let side = if (directory_bits(hash) >> depth) & 1 == 0 {
                &mut low
            } else {
                &mut high
            };
            side.insert_unique(hash, number, rehash);
        }
        bucket.numbers = low;
        let split_off = self.buckets.push(Bucket {
            depth: depth + 1,
            numbers: high,
        });
        if self.directory.len() == 1 << depth {
            self.directory.extend_from_within(..);
        }
        // The entries that agree with `hash` on `depth` bits and have the next set.
        let first = (directory_bits(hash) & ((1 << depth) - 1)) | (1 << depth);
        for entry in self.directory.iter_mut().skip(first).step_by(2 << depth) {
            *entry = number_of(split_off);
        }
        true
    }
}

/// Whether ids differ, given with their hashes, which sorts them.
fn all_differ(entries: &mut [(u64, u32)], names: &Names) -> bool {
    entries.sort_unstable();
    let same_hash = entries.chunk_by(|a, b| a.0 == b.0);
    same_hash.filter(|same| same.len() > 1).all(|same| {
        let mut ids: Vec<&[u8]> = same.iter().map(|&(_, n)| names.get(n)).collect();
        ids.sort_unstable();
        ids.is_sorted_by(|a, b| a < b)
    })
}

/// The hash bits the directory goes by: neither the low ones nor the top seven,
/// which the tables inside the buckets use.
fn directory_bits(hash: u64) -> usize {
    (hash >> 32) as usize & ((1 << MAX_DEPTH) - 1)
}

fn directory_slot(directory: &[u32], hash: u64) -> Option<usize> {
    let mask = directory.len().checked_sub(1)?;
    directory
        .get(directory_bits(hash) & mask)
        .map(|&bucket| bucket as usize)
}

/// An index as 32 bits, which halves what the indexes spend on references.
///
/// # Panics
/// At 2^32 - 1, long after memory has run out.
pub(crate) fn number_of(index: usize) -> u32 {
    assert!(index < u32::MAX as usize, "an index is full: 2^32 entries");
    index as u32
}

/// The bytes of all ids, in arenas of [`ARENA`] ids.
#[derive(Debug, Default)]
struct Names {
    arenas: Chunked<Arena>,
    len: usize,
    bytes: usize,
}

/// Ids one after the other.
#[derive(Debug, Default)]
struct Arena {
    /// Where each ends; the next begins there.
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

impl Names {
    fn push(&mut self, name: &[u8]) -> u32 {
        let number = number_of(self.len);
        if self.len.is_multiple_of(ARENA) {
            if let Some(full) = self.arenas.last_mut() {
                full.bytes.shrink_to_fit();
            }
            self.arenas.push(Arena::default());
        }
        if let Some(arena) = self.arenas.last_mut() {
            arena.bytes.extend_from_slice(name);
            arena.ends.push(number_of(arena.bytes.len()));
        }
        self.len += 1;
        self.bytes += name.len();
        number
    }

    /// The bytes of id `number`; empty for a number not given out.
    fn get(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let Some(arena) = self.arenas.get(number / ARENA) else {
            return &[];
        };
        let end_of = |place: usize| arena.ends.get(place).map(|&end| end as usize);
        let place = number % ARENA;
        let start = place.checked_sub(1).map_or(Some(0), end_of);
        match (start, end_of(place)) {
            (Some(start), Some(end)) => arena.bytes.get(start..end).unwrap_or_default(),
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn numbers_are_dense_and_stable_through_splits() {
        let mut table = IdTable::default();
        let mut oracle: HashMap<String, u32> = HashMap::new();
        assert_eq!(table.get("a"), None);
        for n in 0..60_000_u32 {
            // Every third id comes again later.
            let id = format!("{:x}", n.wrapping_mul(0x9E37_79B1) % 40_000);
            let next = oracle.len() as u32;
            let known = oracle.contains_key(&id);
            let expected = *oracle.entry(id.clone()).or_insert(next);
            assert_eq!(table.get_or_insert(&id), (expected, !known));
        }
        assert!(table.directory.len() > 32, "too few splits to test them");
        for (id, number) in &oracle {
            assert_eq!(table.get(id), Some(*number));
        }
        for id in ["", "zz", "0 ", "40000x"] {
            assert_eq!(table.get(id), None);
        }
    }

    #[test]
    fn ids_indexed_at_once_are_those_inserted_one_by_one() {
        for count in [0, 1, 2, 300, 400, 20_000] {
            let (mut table, mut one_by_one) = (IdTable::default(), IdTable::default());
            let id = |n: u32| format!("{:x}", n.wrapping_mul(0x9E37_79B1));
            for n in 0..count {
                table.push_unindexed(&id(n));
                one_by_one.get_or_insert(&id(n));
            }
            assert!(table.index());
            for n in 0..count + 10 {
                assert_eq!(table.get(&id(n)), one_by_one.get(&id(n)));
                assert_eq!(table.name(n), one_by_one.name(n));
            }
            // It grows on.
            for n in count..count + 40_000 {
                assert_eq!(table.get_or_insert(&id(n)), (n, true));
            }
            for n in 0..count + 40_000 {
                assert_eq!(table.get_or_insert(&id(n)), (n, false));
            }
            assert_eq!(table.len(), count as usize + 40_000);
        }
    }

    #[test]
    fn ids_that_are_the_same_do_not_index() {
        for (first, second) in [(0, 1), (5, 900), (998, 999)] {
            let mut table = IdTable::default();
            for n in 0..1_000 {
                let n = if n == second { first } else { n };
                table.push_unindexed(&n.to_string());
            }
            assert!(!table.index());
        }
    }

    #[test]
    fn ids_of_any_length_and_prefixes_of_each_other_stay_apart() {
        let mut table = IdTable::default();
        let ids: Vec<String> = (0..3_000)
            .map(|n| "é".repeat(n % 300) + &n.to_string())
            .collect();
        for (n, id) in ids.iter().enumerate() {
            assert_eq!(table.get_or_insert(id), (n as u32, true));
        }
        assert_eq!(table.get_or_insert(""), (3_000, true));
        for (n, id) in ids.iter().enumerate() {
            assert_eq!(table.get(id), Some(n as u32));
        }
        assert_eq!(table.get(""), Some(3_000));
    }
}
