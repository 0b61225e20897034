//! What the committer and the readers of one database share.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::cursor_key::CursorKey;
use super::proved_leaves::ProvedLeaves;
use super::scrub::Scrub;
use super::watch::{Ending, Watch};
use crate::block::Transaction;
use crate::cache::of_blocks::{DocumentCache, GeometryCache};
use crate::cache::results::ResultCache;
use crate::cache::windows::WindowCache;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::fs::DiskSpace;
use crate::index::{Indexes, Rebuilt, memory};
use crate::journal::Segments;
use crate::limits::Limits;
use crate::measure::{DURATIONS, Histogram, SIZES, Since};
use crate::mem::Memory;
use crate::snapshot::SnapshotLog;
use crate::types::Hash;

/// What the committer and the readers of a database share.
///
/// [`Head::durable_size`] is at most the published sequence of [`Indexes`], and is on the
/// medium.
#[derive(Debug)]
pub(crate) struct State {
    pub indexes: Indexes,
    pub segments: Arc<Segments>,
    /// Leaves that were held against the tree.
    pub proved: ProvedLeaves,
    pub scrub: Scrub,
    pub documents: DocumentCache,
    pub geometries: GeometryCache,
    pub windows: WindowCache,
    pub results: ResultCache,
    pub cursors: CursorKey,
    /// The public id of the log, as answers name it.
    pub log: String,
    pub limits: Limits,
    /// Shared with all databases of the process.
    pub memory: Memory,
    /// Shared with them too.
    pub disk: Arc<DiskSpace>,
    pub counters: Counters,
    pub snapshots: SnapshotLog,
    /// Held for moments.
    pub clock: Mutex<Clock>,
    /// Who is told how it goes on.
    pub watch: Watch,
    head: Mutex<Head>,
    poison: OnceLock<Arc<str>>,
    closed: AtomicBool,
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
    /// Their earliest and latest timestamp.
    pub times: Option<(i64, i64)>,
}

/// What the committer counts and measures.
#[derive(Debug)]
pub(crate) struct Counters {
    pub groups: AtomicU64,
    pub transactions: AtomicU64,
    /// How long a transaction waits from its submission to its answer, refused ones too.
    pub commits: Histogram,
    /// How long a sync of the journal takes.
    pub syncs: Histogram,
    /// Transactions committed in one group.
    pub group_sizes: Histogram,
    /// When the oldest transaction came that has no answer yet.
    pub oldest: Since,
    /// Bytes that the indexes take.
    pub index_bytes: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            groups: AtomicU64::new(0),
            transactions: AtomicU64::new(0),
            commits: Histogram::new(DURATIONS),
            syncs: Histogram::new(DURATIONS),
            group_sizes: Histogram::new(SIZES),
            oldest: Since::default(),
            index_bytes: AtomicU64::new(0),
        }
    }
}

impl State {
    pub(crate) fn new(
        indexes: Rebuilt,
        segments: Arc<Segments>,
        limits: Limits,
        memory: Memory,
        disk: Arc<DiskSpace>,
        head: Head,
        clock: Clock,
    ) -> Self {
        Self {
            indexes: Indexes::new(indexes, head.tree_size),
            segments,
            proved: ProvedLeaves::default(),
            scrub: Scrub::default(),
            documents: DocumentCache::of_documents(limits.body_cache_bytes),
            geometries: GeometryCache::of_geometries(limits.geometry_cache_bytes),
            windows: WindowCache::default(),
            results: ResultCache::new(&limits),
            cursors: CursorKey::default(),
            log: String::new(),
            limits,
            memory,
            disk,
            counters: Counters::default(),
            snapshots: SnapshotLog::default(),
            clock: Mutex::new(clock),
            watch: Watch::default(),
            head: Mutex::new(head),
            poison: OnceLock::new(),
            closed: AtomicBool::new(false),
        }
    }

    /// The sequence readers may see; call it under the index's lock.
    pub(crate) fn published(&self) -> u64 {
        self.indexes.published()
    }

    /// As [`Indexes::at`].
    ///
    /// # Errors
    /// Those of [`Indexes::at`].
    pub(crate) fn at(&self, as_of: Option<u64>) -> Result<u64> {
        self.indexes.at(as_of)
    }

    /// Let readers see everything up to `head`.
    pub(crate) fn publish(&self, head: Head) {
        let before = std::mem::replace(&mut *self.head.lock(), head);
        self.indexes.publish(head.tree_size);
        if head.durable_size > before.durable_size {
            self.watch.durable();
        }
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

    /// Check that the disk has room to write.
    ///
    /// # Errors
    /// [`Error::DiskFull`].
    pub(crate) fn check_disk(&self) -> Result<()> {
        self.disk.check()
    }

    /// What readers may see, in figures.
    pub(crate) fn head(&self) -> Head {
        *self.head.lock()
    }

    /// The sequence up to which blocks are on the medium.
    pub(crate) fn durable(&self) -> u64 {
        self.head().durable_size
    }

    /// Refuse writes from now on. The first cause stays.
    pub(crate) fn poison(&self, cause: &str) {
        self.poison.get_or_init(|| cause.into());
        self.watch.ended(Ending::Failed);
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
        self.indexes.check_whole()
    }

    pub(crate) fn check_not_closed(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        Ok(())
    }

    /// Refuse reads from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.segments.clear();
        self.watch.ended(Ending::Closed);
    }

    /// Give the memory back, on this thread, which takes long for large indexes. No lock
    /// is held meanwhile: a reader that came before the closing may be about to take it.
    pub(crate) fn free(&self) {
        self.indexes.free();
        self.proved.clear();
        self.documents.clear();
        self.geometries.clear();
        self.windows.clear();
        self.results.clear();
    }
}
