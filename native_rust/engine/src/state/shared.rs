//! What the committer and the readers of one database share.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use super::cursor_key::CursorKey;
use super::scrub::Scrub;
use crate::block::Transaction;
use crate::cache::documents::BodyCache;
use crate::cache::results::{Answers, Touched};
use crate::cache::windows::PageCache;
use crate::clock::Clock;
use crate::error::{Error, InvalidCode, Result};
use crate::index::reverts::RevertTable;
use crate::index::{BlockTable, FeatureIndex, TemporalIndex, memory};
use crate::journal::Segments;
use crate::limits::Limits;
use crate::mem::Memory;
use crate::merkle::NodeTable;
use crate::snapshot::SnapshotLog;
use crate::state::proved::ProvedLeaves;
use crate::types::Hash;

/// The indexes and the sequence up to which they may be read.
///
/// Invariants:
/// 1. `published` is the sequence of a block whose group is wholly applied to every
///    index, and is durable unless its writers asked for less; it never decreases.
///    [`Head::durable_size`] is at most that, and is on the medium.
/// 2. An entry of an index that carries a sequence above `published` is not
///    shown to anybody.
/// 3. Only the committer thread takes a write lock, and holds it for a bounded
///    number of entries, never across file work.
/// 4. Readers load `published` after they have the lock. So what a lock's
///    holder removes because it ended at or before `published` is missed by
///    nobody.
#[derive(Debug)]
pub(crate) struct State {
    published: AtomicU64,
    pub features: RwLock<FeatureIndex>,
    pub series: TemporalIndex,
    pub blocks: RwLock<BlockTable>,
    pub nodes: RwLock<NodeTable>,
    pub reverts: RwLock<RevertTable>,
    pub segments: Arc<Segments>,
    /// Leaves that were held against the tree.
    pub proved: ProvedLeaves,
    pub scrub: Scrub,
    pub bodies: BodyCache,
    pub pages: PageCache,
    pub answers: Answers,
    pub touched: Touched,
    pub cursors: CursorKey,
    pub limits: Limits,
    /// Shared with all databases of the process.
    pub memory: Memory,
    pub counters: Counters,
    pub snapshots: SnapshotLog,
    /// Held for moments.
    pub clock: Mutex<Clock>,
    head: Mutex<Head>,
    poison: OnceLock<Arc<str>>,
    /// The indexes may be half-written.
    failed: OnceLock<Arc<str>>,
    closed: AtomicBool,
}

/// What is rebuilt from the journal when a database is opened.
pub(crate) struct Indexes {
    pub features: FeatureIndex,
    pub series: TemporalIndex,
    pub blocks: BlockTable,
    pub nodes: NodeTable,
    pub reverts: RevertTable,
}

/// Figures as of the last published group.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Head {
    pub tree_size: u64,
    /// Merkle root over all blocks that are shown.
    pub tree_root: Hash,
    /// Blocks that are on the medium.
    pub durable_size: u64,
    /// Merkle root over those.
    pub root: Hash,
    pub journal_bytes: u64,
    pub features: u64,
    pub series: u64,
    pub points: u64,
}

/// What the committer counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub groups: AtomicU64,
    pub transactions: AtomicU64,
}

impl State {
    pub(crate) fn new(
        indexes: Indexes,
        segments: Arc<Segments>,
        limits: Limits,
        memory: Memory,
        head: Head,
        clock: Clock,
    ) -> Self {
        let Indexes {
            features,
            series,
            blocks,
            nodes,
            reverts,
        } = indexes;
        Self {
            published: AtomicU64::new(head.tree_size),
            features: RwLock::new(features),
            series,
            blocks: RwLock::new(blocks),
            nodes: RwLock::new(nodes),
            reverts: RwLock::new(reverts),
            segments,
            proved: ProvedLeaves::default(),
            scrub: Scrub::default(),
            bodies: BodyCache::new(limits.body_cache_bytes),
            pages: PageCache::default(),
            answers: Answers::new(&limits),
            touched: Touched::default(),
            cursors: CursorKey::default(),
            limits,
            memory,
            counters: Counters::default(),
            snapshots: SnapshotLog::default(),
            clock: Mutex::new(clock),
            head: Mutex::new(head),
            poison: OnceLock::new(),
            failed: OnceLock::new(),
            closed: AtomicBool::new(false),
        }
    }

    /// The sequence readers may see; call it under the index's lock.
    pub(crate) fn published(&self) -> u64 {
        self.published.load(Ordering::Acquire)
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

    /// Let readers see everything up to `head`.
    pub(crate) fn publish(&self, head: Head) {
        *self.head.lock() = head;
        self.published.store(head.tree_size, Ordering::Release);
    }

    /// Bytes of memory that the indexes take, roughly; those of the committer's own
    /// table of keys come on top.
    pub(crate) fn index_memory(&self) -> usize {
        let features = self.features.read().memory();
        let reverts = self.reverts.read().memory();
        features + self.series.memory() + memory::of_blocks(self.published()) + reverts
    }

    /// Check that the indexes may grow by what a transaction adds.
    ///
    /// # Errors
    /// [`Error::MemoryFull`]. Transactions that only delete are always let in.
    pub(crate) fn check_room(&self, transaction: &Transaction) -> Result<()> {
        match memory::of_transaction(transaction) {
            0 => Ok(()),
            added => self.memory.indexes.check_room(added),
        }
    }

    /// What readers may see, in figures.
    pub(crate) fn head(&self) -> Head {
        *self.head.lock()
    }

    /// The sequence up to which blocks are on the medium.
    pub(crate) fn durable(&self) -> u64 {
        self.head().durable_size
    }

    /// Refuse reads and writes from now on. The first cause stays.
    pub(crate) fn fail(&self, cause: &str) {
        self.poison(cause);
        self.failed.get_or_init(|| cause.into());
    }

    /// Why nothing can be read, if so.
    pub(crate) fn failed(&self) -> Option<Arc<str>> {
        self.failed.get().cloned()
    }

    /// To be held while the indexes are written, and dropped before the lock under
    /// which that is done: should it panic, nobody reads what it leaves.
    pub(crate) fn writing(&self) -> Writing<'_> {
        Writing(self)
    }

    /// Refuse writes from now on. The first cause stays.
    pub(crate) fn poison(&self, cause: &str) {
        self.poison.get_or_init(|| cause.into());
    }

    /// Why writes are refused, if they are.
    pub(crate) fn poisoned(&self) -> Option<Arc<str>> {
        self.poison.get().cloned()
    }

    pub(crate) fn check_writable(&self) -> Result<()> {
        self.check_open()?;
        match self.poisoned() {
            Some(cause) => Err(Error::Poisoned { cause }),
            None => Ok(()),
        }
    }

    /// Refuse what the database cannot answer: it is closed, or has failed.
    pub(crate) fn check_open(&self) -> Result<()> {
        self.check_not_closed()?;
        self.check_whole()
    }

    pub(crate) fn check_not_closed(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        Ok(())
    }

    pub(crate) fn check_whole(&self) -> Result<()> {
        match self.failed() {
            Some(cause) => Err(Error::Failed { cause }),
            None => Ok(()),
        }
    }

    /// Refuse reads from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.segments.clear();
    }

    /// Give the memory back, on this thread, which takes long for large indexes. No lock
    /// is held meanwhile: a reader that came before the closing may be about to take it.
    pub(crate) fn free(&self) {
        drop(taken(&self.features));
        drop(taken(&self.blocks));
        drop(taken(&self.nodes));
        drop(taken(&self.reverts));
        self.series.clear();
        self.proved.clear();
        self.bodies.clear();
        self.pages.clear();
        self.answers.clear();
    }
}

/// See [`State::writing`].
#[derive(Debug)]
pub(crate) struct Writing<'a>(&'a State);

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
