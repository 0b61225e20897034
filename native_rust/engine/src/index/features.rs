//! The feature index: ids, versions and places of features.

mod query;
mod stored;

use std::collections::VecDeque;
use std::fmt;
use std::thread::JoinHandle;

use super::memory::{self, Held};
use super::signatures::SignatureTable;
use super::spatial::{ALIVE, SpatialEntry, SpatialIndex, Tally};
use super::timeline::{Span, Timeline};
use crate::mem::ascending::Ascending;
use crate::mem::chunked::Chunked;
use crate::mem::ids::{IdTable, number_of};
use crate::types::{FeatureSignature, Rect};

pub use query::{BoxWalk, Hit};
pub use stored::{Content, FeatureRestorer, IdRestorer, StoredVersion, VersionCursor};

/// All versions of all features: by id, and by envelope for those that have a
/// geometry.
///
/// A version is visible at sequence `at` from the sequence that wrote it until
/// the one that superseded it. Deleting a feature writes a version too, a
/// tombstone, which has no envelope and of which only [`FeatureIndex::newest`]
/// and [`FeatureIndex::versions`] speak. One thread writes, under a lock of the caller's;
/// readers take the lock first and the published sequence then, so that what
/// [`FeatureIndex::archive`] moved out of their way is what they would not see.
///
/// Takes 113 bytes and the id for a point feature that was loaded from the
/// journal, and 152 and the id for one that was put later, since bulk loading
/// fills the R-tree's nodes better. A superseded version of a feature that moves
/// takes about 175 more.
#[derive(Default)]
pub struct FeatureIndex {
    ids: IdTable,
    /// Newest version of each feature, by the id's number.
    current: Chunked<Version>,
    /// All other versions.
    superseded: Chunked<Older>,
    /// All versions but tombstones in the order of their sequences, each with its
    /// [`EnvelopeRef`].
    timeline: Timeline,
    envelopes: Envelopes,
    spatial: SpatialIndex,
    /// How many of them were where.
    tally: Tally,
    /// Superseded versions that still are in the hot tree, in order of `end_seq`.
    ended: VecDeque<Ended>,
    /// Features whose newest version is not a tombstone.
    live: usize,
    /// What those are made of.
    signatures: SignatureTable,
}

/// The newest version of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newest {
    /// Sequence of the block that wrote it.
    pub seq: u64,
    /// Whether it is a tombstone.
    pub deleted: bool,
}

#[derive(Debug, Clone, Copy)]
struct Version {
    begin_seq: u64,
    /// Index of the version before in `superseded`, or [`NONE`].
    prev: u32,
    envelope: EnvelopeRef,
}

/// A superseded version, and how to come to those before it in few steps.
///
/// The versions of a feature are a list with jumps (E. Myers, "An Applicative
/// Random-Access Stack", 1983): every one has beside the one before it another, farther
/// back, such that any is reached in O(log n) steps. New ones come in front, nothing that
/// is there changes, and a feature of one version has none of it.
#[derive(Debug, Clone, Copy)]
struct Older {
    version: Version,
    /// How many versions the feature had before it.
    depth: u32,
    /// Index in `superseded` of one farther back, or [`NONE`] for the oldest.
    jump: u32,
}

/// No index.
const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Ended {
    end_seq: u64,
    /// Index in `superseded`.
    version: u32,
}

/// Where versions of features are entered: an index, or its loader.
pub trait EnterVersions {
    /// Its table of ids and versions.
    fn index(&mut self) -> &mut FeatureIndex;

    /// Takes note for the trees and the timeline of what a block did, which the table knows
    /// already.
    /// Returns the sequence of the version that it superseded.
    fn follow(&mut self, block: Entered) -> Option<u64>;

    /// Enters the version of feature `id` that block `seq` wrote, and returns
    /// the sequence of the version it supersedes, if there is one.
    ///
    /// `seq` is above all those before it; `envelope` is absent for a feature
    /// without positions, which no box query finds; `signature` is what
    /// [`FeatureIndex::signatures`] counts. O(log n) (`benches/spatial`), and more when a
    /// bucket of ids and a branch of the tree split.
    ///
    /// # Panics
    /// With 2^31 versions, for which there is no memory (300 GB).
    fn put(
        &mut self,
        id: &str,
        envelope: Option<Rect>,
        signature: &FeatureSignature,
        seq: u64,
    ) -> Option<u64> {
        let (written, superseded) = self.index().record_put(id, envelope, signature, seq);
        self.follow(Entered {
            seq,
            written,
            envelope,
            superseded,
        })
    }

    /// Enters the tombstone of feature `id` that block `seq` wrote, and returns
    /// the sequence of the version it supersedes; an unknown id has none, and
    /// nothing is entered. A tombstone on a tombstone is entered like any other.
    ///
    /// `seq` is above all those before it. O(log n), as [`Self::put`].
    ///
    /// # Panics
    /// As [`Self::put`].
    fn delete(&mut self, id: &str, seq: u64) -> Option<u64> {
        let superseded = self.index().record_delete(id, seq)?;
        self.follow(Entered {
            seq,
            written: EnvelopeRef::TOMBSTONE,
            envelope: None,
            superseded: Some(superseded),
        })
    }
}

/// What a block did that the trees and the timeline do not know of yet.
#[derive(Debug)]
pub struct Entered {
    seq: u64,
    /// Envelope of the version that it wrote.
    written: EnvelopeRef,
    /// The same.
    envelope: Option<Rect>,
    superseded: Option<(u32, Version)>,
}

impl EnterVersions for FeatureIndex {
    fn index(&mut self) -> &mut FeatureIndex {
        self
    }

    /// Enters it into the hot tree, the tally and the timeline.
    fn follow(&mut self, block: Entered) -> Option<u64> {
        if !block.written.is_tombstone() {
            self.timeline.begin(block.seq, block.written.0);
        }
        if let Some((_, ended)) = &block.superseded
            && !ended.envelope.is_tombstone()
        {
            self.timeline.end(ended.begin_seq, block.seq);
        }
        if let Some(rect) = block.envelope {
            self.spatial.insert(rect, block.seq);
        }
        if let Some((version, ended)) = &block.superseded
            && !ended.envelope.is_tombstone()
        {
            let rect = self.envelopes.get(ended.envelope);
            if let Some(rect) = rect {
                self.spatial.end(rect, ended.begin_seq, block.seq);
                self.ended.push_back(Ended {
                    end_seq: block.seq,
                    version: *version,
                });
            }
            self.tally.end(rect.as_ref(), block.seq);
        }
        if !block.written.is_tombstone() {
            let rect = block.envelope.as_ref();
            self.tally.begin(rect, block.seq, &self.spatial);
        }
        block.superseded.map(|(_, ended)| ended.begin_seq)
    }
}

impl FeatureIndex {
    /// The box of all features that have a place, some that were superseded shortly before
    /// among them, and how many places they have at least. O(1).
    pub fn area(&self) -> (Option<Rect>, u64) {
        self.spatial.area()
    }

    /// Everything about a new version but its place in the R-trees and the timeline. Returns
    /// its envelope, and the version it supersedes and where that went.
    fn record_put(
        &mut self,
        id: &str,
        envelope: Option<Rect>,
        signature: &FeatureSignature,
        seq: u64,
    ) -> (EnvelopeRef, Option<(u32, Version)>) {
        let (number, new) = self.ids.get_or_insert(id);
        self.signatures.set(number, Some(signature));
        if new {
            let envelope = self.envelopes.push(envelope);
            self.current.push(Version {
                begin_seq: seq,
                prev: NONE,
                envelope,
            });
            self.live += 1;
            return (envelope, None);
        }
        let before = self.current.get(number as usize);
        // Features that stay where they are share their envelope.
        let shared = before
            .map(|before| before.envelope)
            .filter(|before| !before.is_tombstone() && self.envelopes.get(*before) == envelope);
        let envelope = shared.unwrap_or_else(|| self.envelopes.push(envelope));
        (envelope, self.supersede(number, envelope, seq))
    }

    /// As [`Self::record_put`], of a tombstone.
    fn record_delete(&mut self, id: &str, seq: u64) -> Option<(u32, Version)> {
        let number = self.ids.get(id)?;
        self.signatures.set(number, None);
        self.supersede(number, EnvelopeRef::TOMBSTONE, seq)
    }

    fn supersede(
        &mut self,
        number: u32,
        envelope: EnvelopeRef,
        seq: u64,
    ) -> Option<(u32, Version)> {
        let superseded = *self.current.get(number as usize)?;
        debug_assert!(superseded.begin_seq < seq, "sequences must increase");
        let (depth, jump) = self.jump(superseded.prev);
        let prev = number_of(self.superseded.push(Older {
            version: superseded,
            depth,
            jump,
        }));
        if let Some(version) = self.current.get_mut(number as usize) {
            *version = Version {
                begin_seq: seq,
                prev,
                envelope,
            };
        }
        self.live -= usize::from(!superseded.envelope.is_tombstone());
        self.live += usize::from(!envelope.is_tombstone());
        Some((prev, superseded))
    }

    /// Moves up to `max` versions that ended at or before `published` out of the
    /// hot R-tree, and returns whether there are more of them.
    ///
    /// Call it after that sequence was published: readers at an earlier one then
    /// pin it and find the versions in the history.
    pub fn archive(&mut self, published: u64, max: usize) -> bool {
        let due = |ended: &&Ended| ended.end_seq <= published;
        self.spatial.tend();
        for _ in 0..max {
            let Some(&Ended { version, .. }) = self.ended.front().filter(due) else {
                return false;
            };
            self.ended.pop_front();
            if let Some(Older { version, .. }) = self.superseded.get(version as usize)
                && let Some(rect) = self.envelopes.get(version.envelope)
            {
                self.spatial.archive(rect, version.begin_seq);
            }
        }
        self.ended.front().is_some_and(|ended| due(&ended))
    }

    /// Sequence of the version of feature `id` visible at `at`, if it had been
    /// put and not deleted by then. O(1) for the newest, O(log n) in the number of its
    /// versions.
    #[must_use]
    pub fn current(&self, id: &str, at: u64) -> Option<u64> {
        let version = self.version_at(self.latest(id)?, at)?;
        (!version.envelope.is_tombstone()).then_some(version.begin_seq)
    }

    /// The same with its envelope, if it has one.
    #[must_use]
    pub fn placed(&self, id: &str, at: u64) -> Option<(u64, Option<Rect>)> {
        let version = self.version_at(self.latest(id)?, at)?;
        let placed = || (version.begin_seq, self.envelopes.get(version.envelope));
        (!version.envelope.is_tombstone()).then(placed)
    }

    /// Sequences of up to `limit` versions of feature `id` after `since` that were written
    /// by `at`, oldest first, tombstones among them. O(log n + limit) in the number of
    /// its versions.
    #[must_use]
    pub fn versions(&self, id: &str, since: u64, at: u64, limit: usize) -> Vec<u64> {
        let last = self
            .latest(id)
            .and_then(|newest| self.version_at(newest, at));
        let Some(last) = last.filter(|last| last.begin_seq > since) else {
            return Vec::new();
        };
        // Their depths are those after that of the last one that is not wanted.
        let first = self
            .version_at(last, since)
            .map_or(0, |before| self.depth(before) + 1);
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let end = (self.depth(last) + 1).min(first.saturating_add(limit));
        let mut found = Vec::with_capacity((end - first) as usize);
        let mut next = match end {
            0 => None,
            end => self.back_to(last, |older| older.depth < end, end > self.depth(last)),
        };
        while let Some(version) = next.filter(|_| found.len() < (end - first) as usize) {
            found.push(version.begin_seq);
            next = self.before(version);
        }
        found.reverse();
        found
    }

    /// The same, but for the order: the newest of them first.
    #[must_use]
    pub fn latest_versions(&self, id: &str, since: u64, at: u64, limit: usize) -> Vec<u64> {
        let newest = self.latest(id);
        let mut next = newest.and_then(|newest| self.version_at(newest, at));
        let mut found = Vec::new();
        while let Some(version) = next.filter(|version| version.begin_seq > since)
            && found.len() < limit
        {
            found.push(version.begin_seq);
            next = self.before(version);
        }
        found
    }

    /// The newest version of feature `id`, published or not. O(1).
    #[must_use]
    pub fn newest(&self, id: &str) -> Option<Newest> {
        let version = self.latest(id)?;
        Some(Newest {
            seq: version.begin_seq,
            deleted: version.envelope.is_tombstone(),
        })
    }

    fn latest(&self, id: &str) -> Option<&Version> {
        self.current.get(self.ids.get(id)? as usize)
    }

    /// The version before another.
    fn before(&self, version: &Version) -> Option<&Version> {
        self.superseded
            .get(version.prev as usize)
            .map(|older| &older.version)
    }

    /// How many versions the feature had before this one.
    fn depth(&self, version: &Version) -> u32 {
        let before = self.superseded.get(version.prev as usize);
        before.map_or(0, |older| older.depth + 1)
    }

    /// Depth and jump of the version whose predecessor is at `prev`.
    fn jump(&self, prev: u32) -> (u32, u32) {
        let at = |place: u32| self.superseded.get(place as usize);
        let Some(before) = at(prev) else {
            return (0, NONE);
        };
        let depth = before.depth + 1;
        // Two jumps of one length one after the other become one.
        let jump = match at(before.jump).and_then(|far| Some((far, at(far.jump)?))) {
            Some((far, farther)) if before.depth - far.depth == far.depth - farther.depth => {
                far.jump
            }
            _ => prev,
        };
        (depth, jump)
    }

    /// The newest version at or before `version` that was written by `at`. O(log n).
    fn version_at<'v>(&'v self, version: &'v Version, at: u64) -> Option<&'v Version> {
        let there = version.begin_seq <= at;
        self.back_to(version, |older| older.version.begin_seq <= at, there)
    }

    /// The newest version at or before `version` of which `wanted` holds, which holds of
    /// all before that then; `itself`: it holds of `version`. O(log n).
    fn back_to<'v>(
        &'v self,
        version: &'v Version,
        wanted: impl Fn(&Older) -> bool,
        itself: bool,
    ) -> Option<&'v Version> {
        if itself {
            return Some(version);
        }
        let at = |place: u32| self.superseded.get(place as usize);
        let mut older = at(version.prev)?;
        while !wanted(older) {
            older = match at(older.jump).filter(|far| !wanted(far)) {
                Some(far) => far,
                None => at(older.version.prev)?,
            };
        }
        Some(&older.version)
    }

    /// Has its history packed from that many versions on.
    #[cfg(test)]
    fn pack_from(&mut self, versions: usize) {
        self.spatial.pack_from(versions);
    }

    /// Bytes of memory that it takes, roughly and rather more: see
    /// [`crate::index::memory`]. O(1).
    pub(crate) fn memory(&self) -> usize {
        memory::bytes(self.figures())
    }

    /// The same of features and of their earlier versions. O(1).
    pub(crate) fn figures(&self) -> (Held, Held) {
        memory::of_features(self.current.len(), self.ids.bytes(), self.superseded.len())
    }

    /// Number of features that are not deleted, by the newest versions, published
    /// or not. O(1).
    #[must_use]
    pub fn len(&self) -> usize {
        self.live
    }

    /// A group of writes begins with block `first_seq`, and what comes from now on is of that;
    /// all before it is published.
    pub(crate) fn begin_group(&mut self, first_seq: u64) {
        self.signatures.begin_group(first_seq);
    }

    /// The signatures of the features that are not deleted and how many have each, by
    /// the newest versions; as of `at`, with the last group of writes or, where that is before
    /// it, without. At most 4,096 signatures, of 4 MiB, are
    /// told apart; a feature that came when there were as many counts as one of its
    /// geometry's type with unknown properties.
    #[must_use]
    pub fn signatures(&self, at: u64) -> Vec<(FeatureSignature, u64)> {
        self.signatures.counts(at)
    }
}

/// Counts, not contents: there may be millions.
impl fmt::Debug for FeatureIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeatureIndex")
            .field("features", &self.current.len())
            .field("live", &self.live)
            .field("superseded", &self.superseded.len())
            .field("ended", &self.ended.len())
            .finish_non_exhaustive()
    }
}

/// Fills a [`FeatureIndex`] with everything the journal holds, for opening: the
/// R-trees and the timeline are built at the end, all at once, or on a thread of their own when it
/// comes from a snapshot, see [`FeatureRestorer`].
///
/// The index answers like one that was filled by [`EnterVersions::put`] and
/// wholly archived.
#[derive(Debug, Default)]
pub struct FeatureLoader {
    index: FeatureIndex,
    planted: Option<Planted>,
}

/// How much longer it takes to enter one version into the R-trees than to build them
/// anew with it: when more than one in so many came after a snapshot, they are.
const CATCH_UP: usize = 7;

type Trees = (SpatialIndex, Tally, Timeline);

/// Builds the trees of all versions.
fn plant(current: Vec<SpatialEntry>, ended: Vec<SpatialEntry>, spans: Vec<Span>) -> Trees {
    let nowhere = spans.iter().filter(|span| span.tag == EnvelopeRef::NONE.0);
    let begins = nowhere.clone().map(|span| span.begin_seq).collect();
    let ends = nowhere.filter_map(|span| span.end_seq).collect();
    let timeline = Timeline::build(spans);
    let nowhere = [begins, ends].map(|mut seqs: Vec<u64>| {
        seqs.sort_unstable();
        let mut ascending = Ascending::default();
        seqs.into_iter().for_each(|seq| ascending.push(seq));
        ascending
    });
    let tally = Tally::build(current.iter().chain(&ended), nowhere);
    let spatial = SpatialIndex::bulk_load(current, ended);
    (spatial, tally, timeline)
}

/// R-trees and timeline of a snapshot that are being built, and what came after it.
#[derive(Debug)]
struct Planted {
    trees: JoinHandle<Trees>,
    later: Vec<Entered>,
}

impl EnterVersions for FeatureLoader {
    fn index(&mut self) -> &mut FeatureIndex {
        &mut self.index
    }

    fn follow(&mut self, block: Entered) -> Option<u64> {
        let superseded = block.superseded.map(|(_, version)| version.begin_seq);
        if let Some(planted) = &mut self.planted {
            planted.later.push(block);
            let versions = self.index.current.len() + self.index.superseded.len();
            if planted.later.len() * CATCH_UP > versions {
                // The thread ends by itself.
                self.planted = None;
            }
        }
        superseded
    }
}

impl FeatureLoader {
    /// As [`FeatureIndex::memory`], of what it will be.
    pub(crate) fn memory(&self) -> usize {
        self.index.memory()
    }

    /// Number of features that are not deleted so far. O(1).
    #[must_use]
    pub fn living(&self) -> usize {
        self.index.len()
    }

    /// The finished index. O(n log n), or what is left of that in the background and
    /// O(log n) for each block since, whichever is less. Takes
    /// 80 bytes a version for as long as it runs.
    ///
    /// # Panics
    /// When the thread that builds the trees of a snapshot has.
    #[must_use]
    pub fn finish(self) -> FeatureIndex {
        let mut index = self.index;
        match self.planted {
            Some(Planted { trees, later }) => {
                (index.spatial, index.tally, index.timeline) = trees
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                for block in later {
                    index.follow(block);
                }
                index.archive(u64::MAX, usize::MAX);
            }
            None => index.plant(),
        }
        index
    }
}

impl FeatureIndex {
    /// Builds the R-trees and the timeline from all versions.
    fn plant(&mut self) {
        let mut current = Vec::with_capacity(self.current.len());
        let mut ended = Vec::with_capacity(self.superseded.len());
        let mut spans = Vec::with_capacity(self.current.len() + self.superseded.len());
        for newest in self.current.iter() {
            spans.extend(newest.span(None));
            let entry = |version: &Version, end_seq| {
                let rect = self.envelopes.get(version.envelope)?;
                Some(SpatialEntry::new(rect, version.begin_seq, end_seq))
            };
            current.extend(entry(newest, ALIVE));
            let mut successor = newest;
            while let Some(version) = self.before(successor) {
                ended.extend(entry(version, successor.begin_seq));
                spans.extend(version.span(Some(successor.begin_seq)));
                successor = version;
            }
        }
        (self.spatial, self.tally, self.timeline) = plant(current, ended, spans);
    }
}

impl Version {
    /// What the timeline knows of it, if it is no tombstone.
    fn span(&self, end_seq: Option<u64>) -> Option<Span> {
        (!self.envelope.is_tombstone()).then_some(Span {
            begin_seq: self.begin_seq,
            end_seq,
            tag: self.envelope.0,
        })
    }
}

/// Envelopes of versions, by which they are found in the R-trees. Most are
/// points, which take half the room.
#[derive(Debug, Default)]
struct Envelopes {
    points: Chunked<[f64; 2]>,
    rects: Chunked<Rect>,
}

/// Twice the index in `points`, or twice the index in `rects` and one, or one of
/// the two greatest numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EnvelopeRef(u32);

impl EnvelopeRef {
    /// Of a version without envelope.
    const NONE: Self = Self(u32::MAX);
    /// Of a tombstone.
    const TOMBSTONE: Self = Self(u32::MAX - 1);

    fn is_tombstone(self) -> bool {
        self == Self::TOMBSTONE
    }
}

impl Envelopes {
    fn push(&mut self, envelope: Option<Rect>) -> EnvelopeRef {
        let Some(rect) = envelope else {
            return EnvelopeRef::NONE;
        };
        let reference = if rect.min == rect.max {
            self.points.push(rect.min) * 2
        } else {
            self.rects.push(rect) * 2 + 1
        };
        // The number after it is one, too: so it is none of the two greatest.
        EnvelopeRef(number_of(reference + 1) - 1)
    }

    fn get(&self, reference: EnvelopeRef) -> Option<Rect> {
        let index = reference.0 as usize / 2;
        match reference {
            EnvelopeRef::NONE | EnvelopeRef::TOMBSTONE => None,
            EnvelopeRef(even) if even % 2 == 0 => self.points.get(index).copied().map(Rect::point),
            _ => self.rects.get(index).copied(),
        }
    }
}

#[cfg(test)]
mod tests;
