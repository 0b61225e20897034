//! Versions that have ended: young ones in R*-trees, all others in packed trees, which a
//! thread of their own builds.

use std::sync::Arc;
use std::thread::JoinHandle;

use super::SpatialEntry;
use super::layer::Layer;
use super::packed::Packed;

/// Versions in a young tree, when it is full.
const YOUNG: usize = 8_192;
/// Most versions in a packed tree.
const PACKED: usize = 1 << 20;

/// Versions that have ended. Those in packed trees cost a third of the memory of others, and
/// those of other times hardly anything to pass over.
///
/// A young tree that is full is left alone and packed, together with as many of the packed
/// ones as are no larger than that: so there are O(log n) of them, and a version is packed
/// O(log n) times. It all is derived; readers find every version in one place before and
/// after, and never wait for a thread.
pub(super) struct History {
    young: Layer,
    /// Young ones that are full.
    full: Vec<Arc<Layer>>,
    /// The older, the larger.
    packed: Vec<Arc<Packed>>,
    packing: Option<Packing>,
    most_young: usize,
}

/// What a thread makes one packed tree of.
struct Packing {
    full: Vec<Arc<Layer>>,
    packed: Vec<Arc<Packed>>,
    made: JoinHandle<Packed>,
}

impl History {
    /// Packs versions in any order. O(n log n).
    pub(super) fn build(mut entries: Vec<SpatialEntry>) -> Self {
        let mut packed = Vec::new();
        if entries.len() > PACKED {
            entries.sort_unstable_by_key(|entry| entry.end_seq);
        }
        while !entries.is_empty() {
            let rest = entries.split_off(entries.len().min(PACKED));
            packed.push(Arc::new(Packed::build(entries)));
            entries = rest;
        }
        Self {
            young: Layer::bulk_load(Vec::new()),
            full: Vec::new(),
            packed,
            packing: None,
            most_young: YOUNG,
        }
    }

    /// Lets young trees be full with fewer versions.
    #[cfg(test)]
    pub(super) fn set_young(&mut self, most: usize) {
        self.most_young = most;
    }

    /// Enters a version that has ended. O(log n).
    pub(super) fn insert(&mut self, entry: SpatialEntry) {
        self.young.insert(entry);
    }

    /// The R*-trees.
    pub(super) fn layers(&self) -> impl Iterator<Item = &Layer> {
        std::iter::once(&self.young).chain(self.full.iter().map(|layer| &**layer))
    }

    /// The packed trees that may have what was there at `at`, or all.
    pub(super) fn packed(&self, at: Option<u64>) -> impl Iterator<Item = &Packed> {
        let packed = self.packed.iter().map(|packed| &**packed);
        packed.filter(move |packed| at.is_none_or(|at| packed.may_show(at)))
    }

    /// Takes a packed tree that is done, and has the next one made. To be called now and
    /// then. O(log n); what becomes free is freed by a thread.
    pub(super) fn tend(&mut self) {
        if self.young.versions() >= self.most_young {
            let young = std::mem::replace(&mut self.young, Layer::bulk_load(Vec::new()));
            self.full.push(Arc::new(young));
        }
        if let Some(packing) = self.packing.take_if(|packing| packing.made.is_finished()) {
            self.take(packing);
        }
        if self.packing.is_none() && !self.full.is_empty() {
            self.pack();
        }
    }

    /// Has the young trees that are full made one packed tree, with others that are not
    /// larger.
    fn pack(&mut self) {
        let full = self.full.clone();
        let mut versions: usize = full.iter().map(|layer| layer.versions()).sum();
        let mut first = self.packed.len();
        while let Some(last) = first.checked_sub(1).and_then(|last| self.packed.get(last))
            && last.entries().len() <= versions
            && last.entries().len() + versions <= PACKED
        {
            versions += last.entries().len();
            first -= 1;
        }
        let packed = self.packed.get(first..).unwrap_or_default().to_vec();
        let sources = (full.clone(), packed.clone());
        let made = std::thread::Builder::new()
            .name("formdb-packing".into())
            .spawn(move || {
                let (full, packed) = sources;
                let mut entries = Vec::with_capacity(versions);
                full.iter().for_each(|layer| layer.append_to(&mut entries));
                for packed in &packed {
                    entries.extend_from_slice(packed.entries());
                }
                Packed::build(entries)
            });
        // Without a thread all stays as it is, and right, until there is one.
        if let Ok(made) = made {
            self.packing = Some(Packing { full, packed, made });
        }
    }

    /// Puts a tree that was made in the place of what it was made of, which are the last
    /// packed ones and the first full ones.
    fn take(&mut self, packing: Packing) {
        let Packing { full, packed, made } = packing;
        let made = made
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let kept = self.packed.len().saturating_sub(packed.len());
        let before = (
            self.packed.split_off(kept),
            self.full.drain(..full.len()).collect::<Vec<_>>(),
        );
        self.packed.push(Arc::new(made));
        drop((full, packed));
        // Not here, under the caller's lock: that may take milliseconds.
        let freeing = std::thread::Builder::new().name("formdb-freeing".into());
        let _ = freeing.spawn(move || drop(before));
    }

    /// Waits until all is packed that is to be.
    #[cfg(test)]
    pub(super) fn settle(&mut self) {
        self.tend();
        while let Some(packing) = self.packing.take() {
            self.take(packing);
            self.tend();
        }
    }

    /// How many versions are in R*-trees and in packed ones.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize) {
        let packed = self.packed.iter().map(|packed| packed.entries().len());
        (self.layers().map(Layer::versions).sum(), packed.sum())
    }
}

impl Drop for History {
    /// Whoever drops it has its memory back afterwards.
    fn drop(&mut self) {
        if let Some(Packing { made, .. }) = self.packing.take() {
            let _ = made.join();
        }
    }
}
