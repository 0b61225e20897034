//! All indexes of a database, and the sequence up to which they may be read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::RwLock;

use super::defaults::DefaultsTable;
use super::generations::Generations;
use super::reverts::RevertTable;
use super::{BlockTable, FeatureIndex, IndexFigures, TemporalIndex, VersionTable, memory};
use crate::error::{Error, InvalidCode, Result};
use crate::merkle::NodeTable;

/// The indexes and the sequence up to which they may be read.
///
/// Invariants:
/// 1. `published` is the sequence of a block whose group is wholly applied to every
///    index, and is durable unless its writers asked for less; it never decreases.
/// 2. An entry of an index that carries a sequence above `published` is not
///    shown to anybody.
/// 3. Only the committer thread takes a write lock, and holds it for a bounded
///    number of entries, never across file work.
/// 4. Readers load `published` after they have the lock. So what a lock's
///    holder removes because it ended at or before `published` is missed by
///    nobody.
#[derive(Debug)]
pub(crate) struct Indexes {
    published: AtomicU64,
    pub features: RwLock<FeatureIndex>,
    pub series: TemporalIndex,
    pub attributes: RwLock<VersionTable>,
    pub webhooks: RwLock<VersionTable>,
    pub blocks: RwLock<BlockTable>,
    pub nodes: RwLock<NodeTable>,
    pub reverts: RwLock<RevertTable>,
    pub defaults: RwLock<DefaultsTable>,
    /// What touched them last.
    pub generations: Generations,
    /// Why they may be half-written.
    failed: OnceLock<Arc<str>>,
}

/// What is rebuilt from the journal when a database is opened.
#[derive(Debug, Default)]
pub(crate) struct Rebuilt {
    pub features: FeatureIndex,
    pub series: TemporalIndex,
    pub attributes: VersionTable,
    pub webhooks: VersionTable,
    pub blocks: BlockTable,
    pub nodes: NodeTable,
    pub reverts: RevertTable,
    pub defaults: DefaultsTable,
}

impl Indexes {
    /// Indexes that may be read up to the sequence `published`.
    pub(crate) fn new(rebuilt: Rebuilt, published: u64) -> Self {
        let Rebuilt {
            features,
            series,
            attributes,
            webhooks,
            blocks,
            nodes,
            reverts,
            defaults,
        } = rebuilt;
        Self {
            published: AtomicU64::new(published),
            features: RwLock::new(features),
            series,
            attributes: RwLock::new(attributes),
            webhooks: RwLock::new(webhooks),
            blocks: RwLock::new(blocks),
            nodes: RwLock::new(nodes),
            reverts: RwLock::new(reverts),
            defaults: RwLock::new(defaults),
            generations: Generations::default(),
            failed: OnceLock::new(),
        }
    }

    /// The sequence readers may see; call it under the index's lock.
    pub(crate) fn published(&self) -> u64 {
        self.published.load(Ordering::Acquire)
    }

    /// Let readers see everything up to `seq`.
    pub(crate) fn publish(&self, seq: u64) {
        self.published.store(seq, Ordering::Release);
    }

    /// The sequence a question is asked as of: all there is, or the end of the
    /// transaction that block `as_of` belongs to, since half of one is a state that never
    /// was. Call it under the index's lock, which is not that of the block table.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a sequence the journal has not reached;
    /// [`Error::Failed`].
    pub(crate) fn at(&self, as_of: Option<u64>) -> Result<u64> {
        // Here too: whoever waited for the lock may have got it from a panic.
        self.check_whole()?;
        let published = self.published();
        match as_of {
            None => Ok(published),
            Some(at) if at <= published => Ok(self.blocks.read().end_of(at).min(published)),
            Some(at) => {
                let detail = format!(
                    "as_of is {at}; the journal has reached block {published}: give a sequence up to that"
                );
                Err(Error::invalid(InvalidCode::Parameter, "/as_of", detail))
            }
        }
    }

    /// Bytes of memory that they take, roughly.
    pub(crate) fn memory(&self) -> usize {
        let features = self.features.read().memory();
        let tables = self.reverts.read().memory() + self.defaults.read().memory();
        let attributes = self.attributes.read().memory() + self.webhooks.read().memory();
        let blocks = memory::of_blocks(self.published());
        features + self.series.memory() + attributes + blocks + tables
    }

    /// What they hold, and the memory that takes, as [`Self::memory`] has it.
    pub(crate) fn figures(&self) -> IndexFigures {
        let (features, versions) = self.features.read().figures();
        let (series, points) = self.series.figures();
        IndexFigures {
            features,
            versions,
            series,
            points,
        }
    }

    /// To be held while an index is written, and dropped before the lock under which that
    /// is done: should it panic, nobody reads what it leaves.
    pub(crate) fn writing(&self) -> Writing<'_> {
        Writing(self)
    }

    /// Refuse reads from now on. The first cause stays.
    pub(crate) fn fail(&self, cause: &str) {
        self.failed.get_or_init(|| cause.into());
    }

    /// Why nothing can be read, if so.
    pub(crate) fn failed(&self) -> Option<Arc<str>> {
        self.failed.get().cloned()
    }

    pub(crate) fn check_whole(&self) -> Result<()> {
        match self.failed() {
            Some(cause) => Err(Error::Failed { cause }),
            None => Ok(()),
        }
    }

    /// Give the memory back, on this thread, which takes long for large indexes. No lock
    /// is held meanwhile: a reader that came before the closing may be about to take it.
    pub(crate) fn free(&self) {
        drop(taken(&self.features));
        drop(taken(&self.attributes));
        drop(taken(&self.webhooks));
        drop(taken(&self.blocks));
        drop(taken(&self.nodes));
        drop(taken(&self.reverts));
        self.series.clear();
    }
}

/// See [`Indexes::writing`].
#[derive(Debug)]
pub(crate) struct Writing<'a>(&'a Indexes);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0
                .fail("the committer panicked while it wrote them; see the log");
        }
    }
}

/// What is under a lock, which has an empty one then and is free.
fn taken<T: Default>(lock: &RwLock<T>) -> T {
    std::mem::take(&mut *lock.write())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells when it is dropped whether its lock is free.
    #[derive(Default)]
    struct Index(Option<(Arc<RwLock<Index>>, crossbeam_channel::Sender<bool>)>);

    impl Drop for Index {
        fn drop(&mut self) {
            if let Some((lock, told)) = self.0.take() {
                told.send(lock.try_read().is_some()).unwrap();
            }
        }
    }

    #[test]
    fn an_index_is_freed_outside_of_its_lock() {
        let (told, free) = crossbeam_channel::unbounded();
        let lock = Arc::new(RwLock::new(Index::default()));
        let index = Index(Some((Arc::clone(&lock), told)));
        *lock.write() = index;
        drop(taken(&lock));
        assert!(free.recv().unwrap());
    }
}
