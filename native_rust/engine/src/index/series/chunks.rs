//! The chunks of a series by their fences: most series of a database of many have one.

use std::collections::BTreeMap;
use std::ops::RangeBounds;

use super::Fence;
use crate::index::chunk::Chunk;

/// The fence of the first chunk of every series.
pub(super) const FIRST: Fence = (i64::MIN, 0);

/// Chunks by their fences, in order. A node of a B-tree has room for eleven, so there is
/// one only from the second chunk on. All are boxed, so that nodes stay small.
#[derive(Default)]
#[expect(
    clippy::box_collection,
    reason = "most series have no others, and a pointer takes a third of a map"
)]
pub(in super::super) struct Chunks {
    /// At [`FIRST`].
    first: Option<Box<Chunk>>,
    others: Option<Box<BTreeMap<Fence, Box<Chunk>>>>,
}

impl Chunks {
    pub(in super::super) fn len(&self) -> usize {
        let others = self.others.as_ref().map_or(0, |others| others.len());
        usize::from(self.first.is_some()) + others
    }

    /// Those with fences in a range, in order. O(log n).
    pub(in super::super) fn range(
        &self,
        range: impl RangeBounds<Fence>,
    ) -> impl DoubleEndedIterator<Item = (Fence, &Chunk)> {
        let first = self.first.iter().filter(|_| range.contains(&FIRST));
        let first = first.map(|chunk| (FIRST, &**chunk)).next();
        let others = self.others.as_ref().map(|others| others.range(range));
        let others = others.into_iter().flatten();
        first
            .into_iter()
            .chain(others.map(|(fence, chunk)| (*fence, &**chunk)))
    }

    /// The same, to be changed.
    pub(super) fn range_mut(
        &mut self,
        range: impl RangeBounds<Fence>,
    ) -> impl DoubleEndedIterator<Item = (Fence, &mut Chunk)> {
        let first = self.first.iter_mut().filter(|_| range.contains(&FIRST));
        let first = first.map(|chunk| (FIRST, &mut **chunk)).next();
        let others = self.others.as_mut().map(|others| others.range_mut(range));
        let others = others.into_iter().flatten();
        first
            .into_iter()
            .chain(others.map(|(fence, chunk)| (*fence, &mut **chunk)))
    }

    /// All of them, in order.
    pub(in super::super) fn values(&self) -> impl DoubleEndedIterator<Item = &Chunk> {
        self.range(..).map(|(_, chunk)| chunk)
    }

    /// The fence of the last one. O(log n).
    pub(super) fn last_fence(&self) -> Option<Fence> {
        let others = self
            .others
            .as_ref()
            .and_then(|others| others.last_key_value());
        let first = self.first.as_ref().map(|_| FIRST);
        others.map(|(fence, _)| *fence).or(first)
    }

    /// O(log n).
    pub(super) fn get(&self, fence: Fence) -> Option<&Chunk> {
        match fence {
            FIRST => self.first.as_deref(),
            _ => Some(&**self.others.as_ref()?.get(&fence)?),
        }
    }

    /// O(log n).
    pub(super) fn get_mut(&mut self, fence: Fence) -> Option<&mut Chunk> {
        match fence {
            FIRST => self.first.as_deref_mut(),
            _ => Some(&mut **self.others.as_mut()?.get_mut(&fence)?),
        }
    }

    /// The chunk at a fence, an empty one where there was none. O(log n).
    pub(super) fn get_or_insert(&mut self, fence: Fence) -> &mut Chunk {
        match fence {
            FIRST => self.first.get_or_insert_default(),
            _ => self
                .others
                .get_or_insert_default()
                .entry(fence)
                .or_default(),
        }
    }

    /// Puts a chunk at a fence. O(log n).
    pub(super) fn insert(&mut self, fence: Fence, chunk: Chunk) {
        *self.get_or_insert(fence) = chunk;
    }
}
