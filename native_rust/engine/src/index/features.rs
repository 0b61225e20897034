//! The feature index: ids, versions and places of features.

use std::collections::VecDeque;
use std::fmt;
use std::ops::ControlFlow;

use super::chunked::Chunked;
use super::ids::{IdTable, number_of};
use super::spatial::{ALIVE, Entry, SpatialIndex};
use crate::model::Rect;

/// What a box query found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Sequence of the feature's version.
    pub seq: u64,
    /// Whether the envelope alone settles it: the feature does intersect the
    /// box, its geometry need not be looked at.
    pub certain: bool,
}

/// All versions of all features: by id, and by envelope for those that have a
/// geometry.
///
/// A version is visible at sequence `at` from the sequence that wrote it until
/// the one that superseded it. One thread writes, under a lock of the caller's;
/// readers take the lock first and the published sequence then, so that what
/// [`FeatureIndex::retire`] moved out of their way is what they would not see.
///
/// Takes 107 bytes and the id for a point feature that was loaded from the
/// journal, and 146 and the id for one that was put later, since bulk loading
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
    /// without positions, which no box query finds. O(log n): 2 us among a
    /// million, 0.2 ms when a bucket of ids and a branch of the tree split, and 2
    /// us more for every thousand features at the very place it moves from.
    ///
    /// # Panics
    /// With 2^31 versions, for which there is no memory (300 GB).
    pub fn put(&mut self, id: &str, envelope: Option<Rect>, seq: u64) -> Option<u64> {
        let superseded = self.record(id, envelope, seq);
        if let Some(rect) = envelope {
            self.spatial.insert(rect, seq);
        }
        let (version, Version { born, envelope, .. }) = superseded?;
        if let Some(rect) = self.envelopes.get(envelope) {
            self.spatial.end(rect, born, seq);
            self.ended.push_back(Ended { died: seq, version });
        }
        Some(born)
    }

    /// Everything about a new version but its place in the R-trees. Returns the
    /// version it supersedes and where that went.
    fn record(&mut self, id: &str, envelope: Option<Rect>, seq: u64) -> Option<(u32, Version)> {
        let (number, new) = self.ids.get_or_insert(id);
        if new {
            let envelope = self.envelopes.push(envelope);
            self.current.push(Version {
                born: seq,
                prev: NONE,
                envelope,
            });
            return None;
        }
        let version = self.current.get_mut(number as usize)?;
        debug_assert!(version.born < seq, "sequences must increase");
        let superseded = *version;
        let prev = number_of(self.superseded.push(superseded));
        *version = Version {
            born: seq,
            prev,
            // Features that stay where they are share their envelope.
            envelope: if self.envelopes.get(superseded.envelope) == envelope {
                superseded.envelope
            } else {
                self.envelopes.push(envelope)
            },
        };
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

    /// Sequence of the version of feature `id` visible at `at`. O(1) for the
    /// newest, and linear in the number of versions since `at`.
    #[must_use]
    pub fn current(&self, id: &str, at: u64) -> Option<u64> {
        let mut version = self.newest(id)?;
        while version.born > at {
            version = self.superseded.get(version.prev as usize)?;
        }
        Some(version.born)
    }

    /// Sequences of the versions of feature `id` visible at `at` or superseded by
    /// then, newest first. Linear in the number of its versions.
    pub fn versions(&self, id: &str, at: u64) -> impl Iterator<Item = u64> {
        let versions = std::iter::successors(self.newest(id), |version| {
            self.superseded.get(version.prev as usize)
        });
        versions
            .map(|version| version.born)
            .skip_while(move |born| *born > at)
    }

    /// Sequence of the newest version of feature `id`, published or not. O(1).
    #[must_use]
    pub fn latest_seq(&self, id: &str) -> Option<u64> {
        self.newest(id).map(|version| version.born)
    }

    fn newest(&self, id: &str) -> Option<&Version> {
        self.current.get(self.ids.get(id)? as usize)
    }

    /// Calls `found` with each version visible at `at` whose envelope touches one
    /// of `pieces`, once each, in no order, until `found` breaks.
    ///
    /// A superset of the features that intersect a piece: those that are not
    /// [`Hit::certain`] need an exact test. Any `at` will do; one before the
    /// last superseded version was retired costs a look into history as well.
    /// O(log n + hits), some 50 ns a hit.
    pub fn query_box(
        &self,
        pieces: &[Rect],
        at: u64,
        mut found: impl FnMut(Hit) -> ControlFlow<()>,
    ) {
        self.spatial.query(pieces, at, |entry| {
            let rect = entry.rect();
            found(Hit {
                seq: entry.born,
                // A geometry whose envelope is one position is that position,
                // and one whose envelope a piece contains lies in the piece.
                certain: rect.min == rect.max || pieces.iter().any(|piece| piece.contains(&rect)),
            })
        });
    }

    /// Number of features, those of unpublished puts included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.current.len()
    }
}

/// Counts, not contents: there may be millions.
impl fmt::Debug for FeatureIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeatureIndex")
            .field("features", &self.current.len())
            .field("superseded", &self.superseded.len())
            .field("ended", &self.ended.len())
            .finish_non_exhaustive()
    }
}

/// Fills a [`FeatureIndex`] with everything the journal holds, for opening: the
/// R-trees are built at the end, all at once.
///
/// The index answers like one that was filled by [`FeatureIndex::put`] and
/// wholly retired.
#[derive(Debug, Default)]
pub struct FeatureLoader {
    index: FeatureIndex,
}

impl FeatureLoader {
    /// As [`FeatureIndex::put`].
    ///
    /// # Panics
    /// As [`FeatureIndex::put`].
    pub fn put(&mut self, id: &str, envelope: Option<Rect>, seq: u64) -> Option<u64> {
        let superseded = self.index.record(id, envelope, seq);
        superseded.map(|(_, version)| version.born)
    }

    /// The finished index. O(n log n): 0.7 s for a million features. Takes 48
    /// bytes a version for as long as it runs.
    #[must_use]
    pub fn finish(self) -> FeatureIndex {
        let mut index = self.index;
        let mut current = Vec::with_capacity(index.current.len());
        let mut ended = Vec::with_capacity(index.superseded.len());
        for newest in index.current.iter() {
            let entry = |version: &Version, died| {
                let rect = index.envelopes.get(version.envelope)?;
                Some(Entry::new(rect, version.born, died))
            };
            current.extend(entry(newest, ALIVE));
            let mut successor = newest;
            while let Some(version) = index.superseded.get(successor.prev as usize) {
                ended.extend(entry(version, successor.born));
                successor = version;
            }
        }
        index.spatial = SpatialIndex::bulk_load(current, ended);
        index
    }
}

/// Envelopes of versions, by which they are found in the R-trees. Most are
/// points, which take half the room.
#[derive(Debug, Default)]
struct Envelopes {
    points: Chunked<[f64; 2]>,
    rects: Chunked<Rect>,
}

/// Twice the index in `points`, or twice the index in `rects` and one, or
/// [`NONE`] for a version without envelope.
#[derive(Debug, Clone, Copy)]
struct EnvelopeRef(u32);

impl Envelopes {
    fn push(&mut self, envelope: Option<Rect>) -> EnvelopeRef {
        EnvelopeRef(match envelope {
            None => NONE,
            Some(rect) if rect.min == rect.max => number_of(self.points.push(rect.min) * 2),
            Some(rect) => number_of(self.rects.push(rect) * 2 + 1),
        })
    }

    fn get(&self, EnvelopeRef(reference): EnvelopeRef) -> Option<Rect> {
        let index = reference as usize / 2;
        match reference {
            NONE => None,
            even if even % 2 == 0 => self.points.get(index).copied().map(Rect::point),
            _ => self.rects.get(index).copied(),
        }
    }
}

#[cfg(test)]
mod tests;
