//! One open database: open, submit writes, close, describe.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

use crate::block::{Ack, IdempotencyKey, Operation, Transaction, check_actor};
use crate::budget::{Budget, Cancel};
use crate::cache::results::ResultCacheStats;
use crate::commit::origins::check_origins;
use crate::commit::queue::{Reply, Seat, WriteQueue};
use crate::error::{Error, InvalidCode, Result};
use crate::fs::{Descriptors, DiskSpace, FileSystem};
use crate::index::IndexFigures;
use crate::limits::Limits;
use crate::mem::Memory;
use crate::open::Recovered;
use crate::open::home::DatabaseFolder;
use crate::open::opening::{self, Opening};
use crate::sessions::Sessions;
use crate::state::ScrubStats;
use crate::state::State;
use crate::types::{Defaults, Hash};

/// An open database.
///
/// Reads run on the calling thread and may do so from any number of threads;
/// writes are queued for the committer thread. Dropping the handle closes the
/// database in the background; [`Database::close`] waits until it is done.
#[derive(Debug)]
pub struct Database {
    pub(crate) state: Arc<State>,
    pub(crate) sessions: Sessions,
    pub(crate) queue: WriteQueue,
    committer: Mutex<Option<JoinHandle<()>>>,
    recovered: Recovered,
    place: DatabaseFolder,
}

/// Figures of an open database at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Public id of its log, 32 hexadecimal digits: given when the database was made,
    /// and anew to a copy that may go on differently. It stays when the folder gets
    /// another name.
    pub log: String,
    /// Sequence up to which readers see.
    pub seq: u64,
    /// Sequence up to which blocks are on disk: `seq`, or less while writes of a weaker
    /// level than `sync` wait for that. The journal, the tree and proofs end there.
    pub durable_seq: u64,
    /// Merkle root over the blocks 1 to `durable_seq`.
    pub root: Hash,
    /// Live features.
    pub features: u64,
    /// Series that have points or attributes.
    pub series: u64,
    /// Points in all series.
    pub points: u64,
    /// What holds for requests that do not say otherwise.
    pub defaults: Defaults,
    /// Bytes of the journal on disk.
    pub journal_bytes: u64,
    /// Journal segments.
    pub segments: u64,
    /// Bytes of memory that its indexes take, an estimate.
    pub index_bytes: u64,
    /// What of that features, versions, series and points take.
    pub index: IndexFigures,
    /// Transactions waiting for the committer.
    pub queued: u64,
    /// Commit groups since it was opened.
    pub groups: u64,
    /// Transactions committed since it was opened.
    pub transactions: u64,
    /// Bytes of documents in the body cache.
    pub cached_bytes: u64,
    /// Bytes of geometries that are kept ready to be compared.
    pub geometry_cache_bytes: u64,
    /// How far what is stored was read through, and what was found.
    pub scrub: ScrubStats,
    /// What the cache of answers to queries has seen and holds.
    pub query_cache: ResultCacheStats,
    /// Milliseconds that the system's clock is ahead of commit time, because it jumped
    /// and is not believed yet; negative where it is behind, so that commit time stands
    /// still. 0 when all is well.
    pub clock_offset_ms: i64,
    /// Why writes are refused, if they are.
    pub poisoned: Option<Arc<str>>,
    /// Why reads are refused too, if they are.
    pub failed: Option<Arc<str>>,
}

impl Database {
    /// Open the database in `dir`, making it where there is none. The parent of
    /// `dir` exists. Reads and checks the journal after the newest snapshot that is
    /// whole and fits it, or all of it.
    ///
    /// # Errors
    /// [`Error::Locked`] when it is open already, [`Error::Lost`] when its folder lacks
    /// the journal, [`Error::Corrupt`] when its
    /// journal is damaged before its durable end.
    pub fn open(fs: Arc<dyn FileSystem>, dir: &Path, limits: Limits) -> Result<Self> {
        let memory = Memory::new(&limits);
        let fs = Arc::new(Descriptors::new(fs, limits.open_files));
        let disk = Arc::new(DiskSpace::new(limits.min_free_bytes));
        Self::open_within(fs, dir, limits, memory, disk, &Cancel::default())
    }

    /// The same, within pools of memory and on a disk that others use too, on a file system that
    /// bounds its descriptors where many segments are to be had, and until `cancel` says
    /// to give up.
    ///
    /// # Errors
    /// Those of [`Database::open`]; [`Error::Closed`] when it was given up.
    pub fn open_within(
        fs: Arc<dyn FileSystem>,
        dir: &Path,
        limits: Limits,
        memory: Memory,
        disk: Arc<DiskSpace>,
        cancel: &Cancel,
    ) -> Result<Self> {
        let Opening {
            state,
            queue,
            committer,
            recovered,
            place,
        } = opening::open(fs, dir, limits, memory, disk, cancel)?;
        let thread = std::thread::Builder::new()
            .name("formdb-commit".into())
            .spawn(move || committer.run())
            .map_err(|e| Error::io("start the committer of", dir, e))?;
        Ok(Self {
            sessions: Sessions::new(&state.limits),
            state,
            queue,
            committer: Mutex::new(Some(thread)),
            recovered,
            place,
        })
    }

    /// Queue a transaction; never blocks. `reply` is called on the committer
    /// thread once the transaction is durable and visible, or has failed.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::TooLarge`], [`Error::MemoryFull`], [`Error::DiskFull`],
    /// [`Error::Closed`], [`Error::Poisoned`]; `reply` is not called then.
    pub fn submit(&self, transaction: Transaction, reply: Reply) -> Result<()> {
        match self.check(&transaction) {
            Ok(()) => self.queue.submit(transaction, reply),
            Err(error) => {
                reply.disarm();
                Err(error)
            }
        }
    }

    /// A place in the queue for a transaction whose memory is reserved already.
    ///
    /// # Errors
    /// As [`Database::submit`].
    pub(crate) fn admit(&self, transaction: &Transaction) -> Result<Seat<'_>> {
        self.check(transaction)?;
        self.queue.admit(transaction)
    }

    fn check(&self, transaction: &Transaction) -> Result<()> {
        if transaction.operations.is_empty() {
            let detail = "a transaction needs at least one operation";
            return Err(Error::invalid(InvalidCode::Parameter, "", detail));
        }
        let key = transaction.key.as_ref();
        key.map_or(Ok(()), IdempotencyKey::check)?;
        check_actor(transaction.actor.as_deref())?;
        self.state.check_writable()?;
        self.state.check_disk()?;
        self.state.check_room(transaction)?;
        check_origins(&transaction.operations, self.state.published())
    }

    /// Commit a transaction and wait for it.
    ///
    /// # Errors
    /// Those of [`Database::submit`], and what the commit ended with.
    pub fn write(&self, operations: Vec<Operation>) -> Result<Ack> {
        let transaction = Transaction {
            operations,
            ..Transaction::default()
        };
        self.write_transaction(transaction)
    }

    /// Commit a transaction with its conditions and wait for it.
    ///
    /// # Errors
    /// Those of [`Database::submit`], and what the commit ended with.
    pub fn write_transaction(&self, transaction: Transaction) -> Result<Ack> {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        let reply = Reply::new(move |answer| drop(sender.send(answer)));
        self.submit(transaction, reply)?;
        receiver.recv().unwrap_or(Err(Error::Closed))
    }

    /// Commit what is queued, end the committer, release the lock and give the
    /// memory back. Blocks until done; later calls return at once.
    pub fn close(&self) {
        self.queue.close();
        let thread = self.committer.lock().take();
        if let Some(thread) = thread {
            // It catches its own panics; one in its last steps leaves nothing
            // more to do than to end.
            let _ = thread.join();
            self.sessions.close();
        }
    }

    /// Look whether the folder and the segments are what they were; where they are not,
    /// writes are refused from now on. A few looks at the file system, and one for each
    /// segment, of a thousand at a time.
    pub(crate) fn check_place(&self) {
        // Once it is closed there is no segment.
        if self.state.check_open().is_ok()
            && let Err(error) = self.place.check(&self.state.segments)
        {
            self.state.poison(&error.to_string());
        }
    }

    /// Its folder.
    pub(crate) fn place(&self) -> &DatabaseFolder {
        &self.place
    }

    /// What opening found and did.
    #[must_use]
    pub fn recovered(&self) -> &Recovered {
        &self.recovered
    }

    /// What a question that is asked now may spend; `cancel` ends it before its time.
    #[must_use]
    pub fn budget(&self, cancel: Cancel) -> Budget {
        Budget::new(&self.state.limits, &self.state.memory, cancel)
    }

    /// So much time for a question, however much others may have: for one that is asked again with
    /// [`Database::budget`] where that was not enough.
    #[must_use]
    pub fn brief_budget(&self, limit: Duration, cancel: Cancel) -> Budget {
        Budget::brief(&self.state.memory, limit, cancel)
    }

    /// The pools of memory that it shares with the other databases of the process.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.state.memory
    }

    /// The id of its log, see [`Info::log`].
    #[must_use]
    pub fn log(&self) -> String {
        self.place.identity().log_hex()
    }

    /// Figures of this moment. A lock is held for moments only.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn info(&self) -> Result<Info> {
        let state = &self.state;
        state.check_not_closed()?;
        let head = state.head();
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Ok(Info {
            log: self.log(),
            seq: head.tree_size,
            durable_seq: head.durable_size,
            root: head.root,
            features: head.features,
            series: head.series,
            points: head.points,
            defaults: state.indexes.defaults.read().at(head.tree_size),
            journal_bytes: head.journal_bytes,
            segments: state.segments.len() as u64,
            index_bytes: count(&state.counters.index_bytes),
            index: state.indexes.figures(),
            queued: self.queue.waiting().0 as u64,
            groups: count(&state.counters.groups),
            transactions: count(&state.counters.transactions),
            cached_bytes: state.documents.bytes() as u64,
            geometry_cache_bytes: state.geometries.bytes() as u64,
            scrub: state.scrub.stats(),
            query_cache: state.results.stats(),
            clock_offset_ms: state.clock.lock().offset() / 1_000,
            poisoned: state.poisoned(),
            failed: state.indexes.failed(),
        })
    }
}

impl Drop for Database {
    /// Only signals: a destructor may run on any thread, a scheduler among them.
    fn drop(&mut self) {
        self.queue.close();
    }
}
