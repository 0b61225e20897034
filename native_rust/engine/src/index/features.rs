//! The feature index: ids, versions and places of features.

mod query;
mod stored;

use std::collections::VecDeque;
use std::fmt;
use std::thread::JoinHandle;

use super::chunked::Chunked;
use super::ids::{IdTable, number_of};
use super::memory;
use super::shapes::ShapeTable;
use super::spatial::{ALIVE, Entry, SpatialIndex};
use crate::model::{FeatureShape, Rect};

pub use query::{BoxWalk, Hit, Placed};
pub use stored::{Content, FeatureRestorer, IdRestorer, StoredVersion, VersionCursor};

/// All versions of all features: by id, and by envelope for those that have a
/// geometry.
///
/// A version is visible at sequence `at` from the sequence that wrote it until
/// the one that superseded it. Deleting a feature writes a version too, a
/// tombstone, which has no envelope and of which only [`FeatureIndex::newest`]
/// and [`FeatureIndex::versions`] speak. One thread writes, under a lock of the caller's;
/// readers take the lock first and the published sequence then, so that what
/// [`FeatureIndex::retire`] moved out of their way is what they would not see.
///
/// Takes 109 bytes and the id for a point feature that was loaded from the
/// journal, and 148 and the id for one that was put later, since bulk loading
/// fills the R-tree's nodes better. A superseded version of a feature that moves
/// takes about 160 more.
#[derive(Default)]
pub struct FeatureIndex {
    ids: IdTable,
    /// Newest version of each feature, by the id's number.
    current: Chunked<Version>,
    /// All other versions.
    superseded: Chunked<Version>,
    envelopes: Envelopes,
    spatial: SpatialIndex,
    /// Superseded versions that still are in the hot tree, in order of `died`.
    ended: VecDeque<Ended>,
    /// Features whose newest version is not a tombstone.
    live: usize,
    /// What those are made of.
    shapes: ShapeTable,
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
    born: u64,
    /// Index of the version before in `superseded`, or [`NONE`].
    prev: u32,
    envelope: EnvelopeRef,
}

/// No index.
const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Ended {
    died: u64,
    /// Index in `superseded`.
    version: u32,
}

impl FeatureIndex {
    /// Enters the version of feature `id` that block `seq` wrote, and returns
    /// the sequence of the version it supersedes, if there is one.
    ///
    /// `seq` is above all those before it; `envelope` is absent for a feature
    /// without positions, which no box query finds; `shape` is what
    /// [`FeatureIndex::shapes`] counts. O(log n): 2 us among a million, 0.2 ms when a
    /// bucket of ids and a branch of the tree split.
    ///
    /// # Panics
    /// With 2^31 versions, for which there is no memory (300 GB).
    pub fn put(
        &mut self,
        id: &str,
        envelope: Option<Rect>,
        shape: &FeatureShape,
        seq: u64,
    ) -> Option<u64> {
        let superseded = self.record_put(id, envelope, shape, seq);
        self.catch_up(Later {
            seq,
            envelope,
            superseded,
        })
    }

    /// Enters the tombstone of feature `id` that block `seq` wrote, and returns
    /// the sequence of the version it supersedes; an unknown id has none, and
    /// nothing is entered. A tombstone on a tombstone is entered like any other.
    ///
    /// `seq` is above all those before it. O(log n), as [`FeatureIndex::put`].
    ///
    /// # Panics
    /// As [`FeatureIndex::put`].
    pub fn delete(&mut self, id: &str, seq: u64) -> Option<u64> {
        let superseded = self.record_delete(id, seq)?;
        self.catch_up(Later {
            seq,
            envelope: None,
            superseded: Some(superseded),
        })
    }

    /// Enters into the hot tree what a block did. Returns the sequence of the
    /// version it superseded.
    fn catch_up(&mut self, block: Later) -> Option<u64> {
        if let Some(rect) = block.envelope {
            self.spatial.insert(rect, block.seq);
        }
        let (version, Version { born, envelope, .. }) = block.superseded?;
        if let Some(rect) = self.envelopes.get(envelope) {
            self.spatial.end(rect, born, block.seq);
            self.ended.push_back(Ended {
                died: block.seq,
                version,
            });
        }
        Some(born)
    }

    /// Everything about a new version but its place in the R-trees. Returns the
    /// version it supersedes and where that went.
    fn record_put(
        &mut self,
        id: &str,
        envelope: Option<Rect>,
        shape: &FeatureShape,
        seq: u64,
    ) -> Option<(u32, Version)> {
        let (number, new) = self.ids.get_or_insert(id);
        self.shapes.set(number, Some(shape));
        if new {
            let envelope = self.envelopes.push(envelope);
            self.current.push(Version {
                born: seq,
                prev: NONE,
                envelope,
            });
            self.live += 1;
            return None;
        }
        let before = self.current.get(number as usize)?.envelope;
        // Features that stay where they are share their envelope.
        let shared = !before.is_tombstone() && self.envelopes.get(before) == envelope;
        let envelope = if shared {
            before
        } else {
            self.envelopes.push(envelope)
        };
        self.supersede(number, envelope, seq)
    }

    /// As [`Self::record_put`], of a tombstone.
    fn record_delete(&mut self, id: &str, seq: u64) -> Option<(u32, Version)> {
        let number = self.ids.get(id)?;
        self.shapes.set(number, None);
        self.supersede(number, EnvelopeRef::TOMBSTONE, seq)
    }

    fn supersede(
        &mut self,
        number: u32,
        envelope: EnvelopeRef,
        seq: u64,
    ) -> Option<(u32, Version)> {
        let version = self.current.get_mut(number as usize)?;
        debug_assert!(version.born < seq, "sequences must increase");
        let superseded = *version;
        let prev = number_of(self.superseded.push(superseded));
        *version = Version {
            born: seq,
            prev,
            envelope,
        };
        self.live -= usize::from(!superseded.envelope.is_tombstone());
        self.live += usize::from(!envelope.is_tombstone());
        Some((prev, superseded))
    }

    /// Moves up to `max` versions that ended at or before `published` out of the
    /// hot R-tree, and returns whether there are more of them.
    ///
    /// Call it after that sequence was published: readers at an earlier one then
    /// pin it and find the versions in the history. About 3 us a version.
    pub fn retire(&mut self, published: u64, max: usize) -> bool {
        let due = |ended: &&Ended| ended.died <= published;
        for _ in 0..max {
            let Some(&Ended { version, .. }) = self.ended.front().filter(due) else {
                return false;
            };
            self.ended.pop_front();
            if let Some(version) = self.superseded.get(version as usize)
                && let Some(rect) = self.envelopes.get(version.envelope)
            {
                self.spatial.retire(rect, version.born);
            }
        }
        self.ended.front().is_some_and(|ended| due(&ended))
    }

    /// Sequence of the version of feature `id` visible at `at`, if it had been
    /// put and not deleted by then. O(1) for the newest, and linear in the number
    /// of versions since `at`.
    #[must_use]
    pub fn current(&self, id: &str, at: u64) -> Option<u64> {
        let version = self.chain(id).find(|version| version.born <= at)?;
        (!version.envelope.is_tombstone()).then_some(version.born)
    }

    /// As [`Self::current`], where that is among the newest `most` versions or there are no
    /// more; `None` where it is further back.
    pub fn current_among(&self, id: &str, at: u64, most: usize) -> Option<Option<u64>> {
        let mut seen = 0;
        for version in self.chain(id).take(most) {
            if version.born <= at {
                return Some((!version.envelope.is_tombstone()).then_some(version.born));
            }
            seen += 1;
        }
        (seen < most).then_some(None)
    }

    /// Sequences of the versions of feature `id` written by `at`, newest first,
    /// tombstones among them. Linear in the number of its versions.
    pub fn versions(&self, id: &str, at: u64) -> impl Iterator<Item = u64> {
        self.chain(id)
            .map(|version| version.born)
            .skip_while(move |born| *born > at)
    }

    /// The newest version of feature `id`, published or not. O(1).
    #[must_use]
    pub fn newest(&self, id: &str) -> Option<Newest> {
        let version = self.chain(id).next()?;
        Some(Newest {
            seq: version.born,
            deleted: version.envelope.is_tombstone(),
        })
    }

    /// All versions of feature `id`, newest first.
    fn chain(&self, id: &str) -> impl Iterator<Item = &Version> {
        let number = self.ids.get(id);
        let newest = number.and_then(|number| self.current.get(number as usize));
        std::iter::successors(newest, |version| self.superseded.get(version.prev as usize))
    }

    /// Bytes of memory that it takes, roughly and rather more: see
    /// [`crate::index::memory`]. O(1).
    pub(crate) fn memory(&self) -> usize {
        memory::of_features(self.current.len(), self.ids.bytes(), self.superseded.len())
    }

    /// Number of features that are not deleted, by the newest versions, published
    /// or not. O(1).
    #[must_use]
    pub fn len(&self) -> usize {
        self.live
    }

    /// The shapes of the features that are not deleted and how many have each, by
    /// the newest versions, published or not. At most 4,096 shapes, of 4 MiB, are
    /// told apart; a feature that came when there were as many counts as one of its
    /// geometry's type with unknown properties. 0.1 ms at most.
    #[must_use]
    pub fn shapes(&self) -> Vec<(FeatureShape, u64)> {
        self.shapes.counts()
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
/// R-trees are built at the end, all at once, or on a thread of their own when it
/// comes from a snapshot, see [`FeatureRestorer`].
///
/// The index answers like one that was filled by [`FeatureIndex::put`] and
/// wholly retired.
#[derive(Debug, Default)]
pub struct FeatureLoader {
    index: FeatureIndex,
    planted: Option<Planted>,
}

/// How much longer it takes to enter one version into the R-trees than to build them
/// anew with it: when more than one in so many came behind a snapshot, they are.
const CATCH_UP: usize = 7;

/// R-trees of a snapshot that are being built, and what came after it.
#[derive(Debug)]
struct Planted {
    trees: JoinHandle<SpatialIndex>,
    later: Vec<Later>,
}

/// What a block did that the trees do not know of yet.
#[derive(Debug)]
struct Later {
    seq: u64,
    envelope: Option<Rect>,
    superseded: Option<(u32, Version)>,
}

impl FeatureLoader {
    /// As [`FeatureIndex::put`].
    ///
    /// # Panics
    /// As [`FeatureIndex::put`].
    pub fn put(
        &mut self,
        id: &str,
        envelope: Option<Rect>,
        shape: &FeatureShape,
        seq: u64,
    ) -> Option<u64> {
        let superseded = self.index.record_put(id, envelope, shape, seq);
        self.note(seq, envelope, superseded)
    }

    /// As [`FeatureIndex::delete`].
    ///
    /// # Panics
    /// As [`FeatureIndex::put`].
    pub fn delete(&mut self, id: &str, seq: u64) -> Option<u64> {
        let superseded = self.index.record_delete(id, seq)?;
        self.note(seq, None, Some(superseded))
    }

    fn note(
        &mut self,
        seq: u64,
        envelope: Option<Rect>,
        superseded: Option<(u32, Version)>,
    ) -> Option<u64> {
        if let Some(planted) = &mut self.planted {
            planted.later.push(Later {
                seq,
                envelope,
                superseded,
            });
            let versions = self.index.current.len() + self.index.superseded.len();
            if planted.later.len() * CATCH_UP > versions {
                // The thread ends by itself.
                self.planted = None;
            }
        }
        superseded.map(|(_, version)| version.born)
    }

    /// As [`FeatureIndex::memory`], of what it will be.
    pub(crate) fn memory(&self) -> usize {
        self.index.memory()
    }

    /// Number of features that are not deleted so far. O(1).
    #[must_use]
    pub fn living(&self) -> usize {
        self.index.len()
    }

    /// The finished index. O(n log n): 0.7 s for a million features, or what is
    /// left of that in the background and some 5 us for each block since, whichever is
    /// less. Takes
    /// 48 bytes a version for as long as it runs.
    ///
    /// # Panics
    /// When the thread that builds the trees of a snapshot has.
    #[must_use]
    pub fn finish(self) -> FeatureIndex {
        let mut index = self.index;
        match self.planted {
            Some(Planted { trees, later }) => {
                index.spatial = trees
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                for block in later {
                    index.catch_up(block);
                }
                index.retire(u64::MAX, usize::MAX);
            }
            None => index.plant(),
        }
        index
    }
}

impl FeatureIndex {
    /// Builds the R-trees from all versions.
    fn plant(&mut self) {
        let mut current = Vec::with_capacity(self.current.len());
        let mut ended = Vec::with_capacity(self.superseded.len());
        for newest in self.current.iter() {
            let entry = |version: &Version, died| {
                let rect = self.envelopes.get(version.envelope)?;
                Some(Entry::new(rect, version.born, died))
            };
            current.extend(entry(newest, ALIVE));
            let mut successor = newest;
            while let Some(version) = self.superseded.get(successor.prev as usize) {
                ended.extend(entry(version, successor.born));
                successor = version;
            }
        }
        self.spatial = SpatialIndex::bulk_load(current, ended);
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
