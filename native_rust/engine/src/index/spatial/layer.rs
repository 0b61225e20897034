//! One R*-tree over the envelopes of versions, with crowds.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use rstar::{
    AABB, Envelope, RStarInsertionStrategy, RTree, RTreeNode, RTreeObject, RTreeParams,
    SelectionFunction,
};

use super::{SpatialEntry, aabb};
use crate::types::Rect;

/// `begin_seq` of an entry that stands for a whole [`EnvelopeBucket`].
pub(super) const BUCKET: u64 = 0;

/// Versions that share one envelope from which on they are kept as a bucket, once
/// somebody notices.
pub(super) const CROWDED: usize = 64;

/// How many insertions there are for one that looks whether its envelope is in_bucket.
/// So a bucket is noticed when it has about so many more.
const LOOK_EVERY: u64 = 16;

impl RTreeObject for SpatialEntry {
    type Envelope = AABB<[f64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        self.envelope
    }
}

/// Node sizes. A node of at most 15 overflows at 16, which is what its vector
/// has room for, so none is ever doubled to 32. Measured against rstar's own 3..=6, which
/// takes a quarter more memory and twice the time for a box of 100 hits.
///
/// A node that overflows is split at once. An R*-tree would first enter some of its children
/// anew, from the top: with random, clustered, gridded and sorted points, tracks and rectangles
/// (300,000 of each) that made insertions 1.4 to 1.6 times as long, and with 6..=15 no box faster by
/// more than noise. It saves one node in twenty, and up to one in six where points come sorted.
pub(super) struct Nodes;

impl RTreeParams for Nodes {
    const MIN_SIZE: usize = 6;
    const MAX_SIZE: usize = 15;
    const REINSERTION_COUNT: usize = 0;
    type DefaultInsertionStrategy = RStarInsertionStrategy;
}

pub(super) type Tree = RTree<SpatialEntry, Nodes>;

/// Versions that share one envelope, `begin_seq` to `end_seq`. In the tree such versions
/// can only be told apart by looking at all of them; here by their sequence.
pub(super) type EnvelopeBucket = BTreeMap<u64, u64>;

/// An envelope as a key; the zeros are one.
pub(super) type Key = [u64; 4];

pub(super) fn key(Rect { min, max }: &Rect) -> Key {
    [min[0], min[1], max[0], max[1]].map(|n| (n + 0.0).to_bits())
}

/// Versions by their envelopes.
///
/// For every bucket the tree has one entry with its envelope, whose `begin_seq` is
/// [`BUCKET`], and no version with that envelope.
pub(super) struct Layer {
    pub tree: Tree,
    pub crowds: HashMap<Key, EnvelopeBucket>,
    versions: usize,
}

impl Layer {
    /// Builds the tree at once: a third of the time of inserting one by one, and
    /// well packed. O(n log n).
    pub(super) fn bulk_load(entries: Vec<SpatialEntry>) -> Self {
        let versions = entries.len();
        let (entries, crowds) = crowds_of(entries);
        Self {
            tree: RTree::bulk_load_with_params(entries),
            crowds,
            versions,
        }
    }

    /// How many versions it has. O(1).
    pub(super) fn versions(&self) -> usize {
        self.versions
    }

    /// Appends all its versions.
    pub(super) fn append_to(&self, entries: &mut Vec<SpatialEntry>) {
        for entry in self.tree.iter() {
            if entry.begin_seq != BUCKET {
                entries.push(entry.clone());
                continue;
            }
            let rect = entry.rect();
            let bucket = self.crowds.get(&key(&rect)).into_iter().flatten();
            entries.extend(bucket.map(|(begin, end)| SpatialEntry::new(rect, *begin, *end)));
        }
    }

    /// Enters a version. O(log n).
    pub(super) fn insert(&mut self, entry: SpatialEntry) {
        self.versions += 1;
        let rect = entry.rect();
        if let Some(bucket) = self.crowd_mut(&rect) {
            bucket.insert(entry.begin_seq, entry.end_seq);
            return;
        }
        let look = is_nth(entry.begin_seq, LOOK_EVERY);
        self.tree.insert(entry);
        if look && self.is_crowded(&rect) {
            self.gather(rect);
        }
    }

    /// Sets when a version died. O(log n); the first time that many turn out to
    /// share one envelope, linear in their number.
    pub(super) fn end(&mut self, rect: Rect, begin_seq: u64, end_seq: u64) {
        if let Some(bucket) = self.crowd_mut(&rect) {
            if let Some(entry) = bucket.get_mut(&begin_seq) {
                *entry = end_seq;
            }
            return;
        }
        let seen = Cell::new(0);
        let version = Version::new(rect, begin_seq, &seen);
        if let Some(entry) = self.tree.locate_with_selection_function_mut(version).next() {
            entry.end_seq = end_seq;
        }
        if seen.get() > CROWDED {
            self.gather(rect);
        }
    }

    /// Takes a version out. Cost as [`Self::end`].
    pub(super) fn remove(&mut self, rect: Rect, begin_seq: u64) -> Option<SpatialEntry> {
        let removed = self.take(rect, begin_seq);
        self.versions -= usize::from(removed.is_some());
        removed
    }

    fn take(&mut self, rect: Rect, begin_seq: u64) -> Option<SpatialEntry> {
        let Some(bucket) = self.crowd_mut(&rect) else {
            let (entry, seen) = self.remove_entry(rect, begin_seq);
            if seen > CROWDED {
                self.gather(rect);
            }
            return entry;
        };
        let end_seq = bucket.remove(&begin_seq);
        if bucket.is_empty() {
            self.crowds.remove(&key(&rect));
            self.remove_entry(rect, BUCKET);
        }
        end_seq.map(|end_seq| SpatialEntry::new(rect, begin_seq, end_seq))
    }

    /// Removes an entry of the tree, and counts those seen with its envelope.
    fn remove_entry(&mut self, rect: Rect, begin_seq: u64) -> (Option<SpatialEntry>, usize) {
        let seen = Cell::new(0);
        let version = Version::new(rect, begin_seq, &seen);
        let entry = self.tree.remove_with_selection_function(version);
        (entry, seen.get())
    }

    pub(super) fn bucket(&self, rect: &Rect) -> Option<&EnvelopeBucket> {
        if self.crowds.is_empty() {
            return None;
        }
        self.crowds.get(&key(rect))
    }

    fn crowd_mut(&mut self, rect: &Rect) -> Option<&mut EnvelopeBucket> {
        if self.crowds.is_empty() {
            return None;
        }
        self.crowds.get_mut(&key(rect))
    }

    /// Calls `found` with `begin_seq` and `end_seq` of the versions that an entry of the tree
    /// stands for and that were written by `at`.
    pub(super) fn each_member<B>(
        &self,
        entry: &SpatialEntry,
        at: u64,
        mut found: impl FnMut(u64, u64) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if entry.begin_seq != BUCKET {
            return match entry.begin_seq <= at {
                true => found(entry.begin_seq, entry.end_seq),
                false => ControlFlow::Continue(()),
            };
        }
        let bucket = self.crowds.get(&key(&entry.rect()));
        for (begin_seq, end_seq) in bucket.into_iter().flat_map(|bucket| bucket.range(..=at)) {
            found(*begin_seq, *end_seq)?;
        }
        ControlFlow::Continue(())
    }

    /// Calls `found` with those of them that are visible at `at`.
    pub(super) fn each_visible(
        &self,
        entry: &SpatialEntry,
        at: u64,
        mut found: impl FnMut(u64) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.each_member(entry, at, |begin_seq, end_seq| match at < end_seq {
            true => found(begin_seq),
            false => ControlFlow::Continue(()),
        })
    }

    fn is_crowded(&self, rect: &Rect) -> bool {
        let same = SameEnvelope(aabb(rect));
        let entries = self.tree.locate_with_selection_function(same);
        entries.take(CROWDED + 1).count() > CROWDED
    }

    /// Makes a bucket of the versions that have this envelope.
    fn gather(&mut self, rect: Rect) {
        let same = SameEnvelope(aabb(&rect));
        let versions = self.tree.drain_with_selection_function(same);
        let bucket: EnvelopeBucket = versions
            .map(|entry| (entry.begin_seq, entry.end_seq))
            .collect();
        self.tree.insert(SpatialEntry::new(rect, BUCKET, 0));
        self.crowds.insert(key(&rect), bucket);
    }

    /// Levels of the tree: 1 if the root holds entries.
    pub(super) fn height(&self) -> i32 {
        let mut height = 1;
        let mut node = self.tree.root();
        while let Some(RTreeNode::Parent(first)) = node.children().first() {
            height += 1;
            node = first;
        }
        height
    }
}

/// Whether this is one of every `n` numbers, whatever the steps between those that
/// are asked about (multiplicative hashing, D. Knuth, "The Art of Computer
/// Programming", vol. 3, 6.4).
fn is_nth(number: u64, n: u64) -> bool {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) < u64::MAX / n
}

/// Takes the crowds out of entries, and puts an entry in for each. O(n).
fn crowds_of(entries: Vec<SpatialEntry>) -> (Vec<SpatialEntry>, HashMap<Key, EnvelopeBucket>) {
    // Counts by a hash of the envelope first: few entries are in a place with many
    // others, and only for those it is worth while to tell envelopes apart.
    let mut counts = vec![0_u32; (entries.len() / 8).next_power_of_two()];
    let mask = counts.len() - 1;
    let place = |entry: &SpatialEntry| {
        let mixed = key(&entry.rect()).iter().fold(0_u64, |mixed, bits| {
            (mixed.rotate_left(23) ^ bits).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        (mixed >> 32) as usize & mask
    };
    for entry in &entries {
        if let Some(count) = counts.get_mut(place(entry)) {
            *count += 1;
        }
    }
    let busy = |entry: &SpatialEntry| {
        counts
            .get(place(entry))
            .is_some_and(|n| *n > CROWDED as u32)
    };
    let mut crowds: HashMap<Key, EnvelopeBucket> = HashMap::new();
    let mut sizes: HashMap<Key, usize> = HashMap::new();
    for entry in entries.iter().filter(|entry| busy(entry)) {
        *sizes.entry(key(&entry.rect())).or_default() += 1;
    }
    sizes.retain(|_, size| *size > CROWDED);
    if sizes.is_empty() {
        return (entries, crowds);
    }
    let mut rest = Vec::with_capacity(entries.len());
    for entry in entries {
        let rect = entry.rect();
        let key = key(&rect);
        if !sizes.contains_key(&key) {
            rest.push(entry);
            continue;
        }
        let bucket = crowds.entry(key).or_insert_with(|| {
            rest.push(SpatialEntry::new(rect, BUCKET, 0));
            EnvelopeBucket::new()
        });
        bucket.insert(entry.begin_seq, entry.end_seq);
    }
    (rest, crowds)
}

/// Selects one version by its envelope and sequence, and counts those it sees that
/// have the same envelope.
struct Version<'c> {
    envelope: AABB<[f64; 2]>,
    begin_seq: u64,
    seen: &'c Cell<usize>,
}

impl<'c> Version<'c> {
    fn new(rect: Rect, begin_seq: u64, seen: &'c Cell<usize>) -> Self {
        Self {
            envelope: aabb(&rect),
            begin_seq,
            seen,
        }
    }
}

impl SelectionFunction<SpatialEntry> for Version<'_> {
    fn should_unpack_parent(&self, envelope: &AABB<[f64; 2]>) -> bool {
        envelope.contains_envelope(&self.envelope)
    }

    fn should_unpack_leaf(&self, entry: &SpatialEntry) -> bool {
        self.seen
            .set(self.seen.get() + usize::from(entry.envelope == self.envelope));
        entry.begin_seq == self.begin_seq
    }
}

/// Selects all versions that have an envelope.
struct SameEnvelope(AABB<[f64; 2]>);

impl SelectionFunction<SpatialEntry> for SameEnvelope {
    fn should_unpack_parent(&self, envelope: &AABB<[f64; 2]>) -> bool {
        envelope.contains_envelope(&self.0)
    }

    fn should_unpack_leaf(&self, entry: &SpatialEntry) -> bool {
        entry.envelope == self.0
    }
}
