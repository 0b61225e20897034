//! One open database: open, submit writes, close, describe.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use parking_lot::Mutex;

use crate::block::{Block, Effect};
use crate::clock::{Clock, system_micros};
use crate::committer::Committer;
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::index::{BlockLocation, BlockTable, FeatureLoader, TemporalIndex};
use crate::journal::{Opened, Recovered, recover};
use crate::keys::{IdempotencyKey, KeyEntry, KeyTable};
use crate::limits::Limits;
use crate::merkle::Hash;
use crate::operation::Operation;
use crate::queue::{Ack, Reply, Transaction, WriteQueue, write_queue};
use crate::reverts::RevertTable;
use crate::state::{Head, Indexes, State};
use crate::transactions::Transactions;

/// Folder of the journal inside a database's folder.
const JOURNAL: &str = "journal";
/// Lock file inside a database's folder.
const LOCK: &str = "LOCK";

/// An open database.
///
/// Reads run on the calling thread and may do so from any number of threads;
/// writes are queued for the committer thread. Dropping the handle closes the
/// database in the background; [`Database::close`] waits until it is done.
#[derive(Debug)]
pub struct Database {
    pub(crate) state: Arc<State>,
    pub(crate) transactions: Transactions,
    pub(crate) queue: WriteQueue,
    committer: Mutex<Option<JoinHandle<()>>>,
    recovered: Recovered,
}

/// Figures of an open database at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Sequence up to which readers see.
    pub seq: u64,
    /// Merkle root over the blocks 1 to `seq`.
    pub root: Hash,
    /// Live features.
    pub features: u64,
    /// Series.
    pub series: u64,
    /// Points in all series.
    pub points: u64,
    /// Bytes of the journal on disk.
    pub journal_bytes: u64,
    /// Journal segments.
    pub segments: u64,
    /// Transactions waiting for the committer.
    pub queued: u64,
    /// Commit groups since it was opened.
    pub groups: u64,
    /// Transactions committed since it was opened.
    pub transactions: u64,
    /// Bytes of documents in the body cache.
    pub cached_bytes: u64,
    /// Why writes are refused, if they are.
    pub poisoned: Option<Arc<str>>,
}

impl Database {
    /// Open the database in `dir`, making it where there is none. The parent of
    /// `dir` exists. Reads and checks the whole journal.
    ///
    /// # Errors
    /// [`Error::Locked`] when it is open already, [`Error::Corrupt`] when its
    /// journal is damaged before its durable end.
    pub fn open(fs: Arc<dyn FileSystem>, dir: &Path, limits: Limits) -> Result<Self> {
        limits.validate()?;
        let journal_dir = dir.join(JOURNAL);
        make_dir(&*fs, dir)?;
        let lock_path = dir.join(LOCK);
        let lock = fs.lock(&lock_path).map_err(|e| match e.kind() {
            std::io::ErrorKind::WouldBlock => Error::Locked {
                path: lock_path.clone(),
            },
            _ => Error::io("lock", &lock_path, e),
        })?;
        make_dir(&*fs, &journal_dir)?;

        let mut replay = Replay::new(&limits);
        let Opened {
            journal,
            segments,
            nodes,
            report: recovered,
        } = recover(
            fs,
            &journal_dir,
            limits.segment_bytes,
            system_micros(),
            |block, location| replay.block(block, location),
        )?;
        let (queue, intake) = write_queue(&limits);
        let last_time = replay.last_time;
        let Replay {
            features,
            series,
            blocks,
            reverts,
            keys,
            points,
            ..
        } = replay;
        let features = features.finish();
        let head = Head {
            tree_size: journal.tree().size(),
            root: journal.tree().root(),
            journal_bytes: journal.end(),
            features: features.len() as u64,
            series: series.len() as u64,
            points,
        };
        let indexes = Indexes {
            features,
            series,
            blocks,
            nodes,
            reverts,
        };
        let state = Arc::new(State::new(indexes, segments, limits, head));

        let committer = Committer {
            state: Arc::clone(&state),
            intake,
            journal,
            clock: Clock::starting_at(last_time),
            points,
            keys,
            sync_by: None,
            lock,
        };
        let thread = std::thread::Builder::new()
            .name("formdb-commit".into())
            .spawn(move || committer.run())
            .map_err(|e| Error::io("start the committer of", dir, e))?;
        Ok(Self {
            state,
            transactions: Transactions::default(),
            queue,
            committer: Mutex::new(Some(thread)),
            recovered,
        })
    }

    /// Queue a transaction; never blocks. `reply` is called on the committer
    /// thread once the transaction is durable and visible, or has failed.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::TooLarge`], [`Error::Closed`],
    /// [`Error::Poisoned`]; `reply` is not called then.
    pub fn submit(&self, transaction: Transaction, reply: Reply) -> Result<()> {
        let refused = if transaction.operations.is_empty() {
            Err(Error::invalid(
                crate::InvalidCode::Parameter,
                "",
                "a transaction needs at least one operation",
            ))
        } else {
            let key = transaction.key.as_ref();
            let checked = key.map_or(Ok(()), IdempotencyKey::check);
            checked.and_then(|()| self.state.check_writable())
        };
        match refused {
            Ok(()) => self.queue.submit(transaction, reply),
            Err(error) => {
                reply.disarm();
                Err(error)
            }
        }
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
        }
    }

    /// What opening found and did.
    #[must_use]
    pub fn recovered(&self) -> &Recovered {
        &self.recovered
    }

    /// Figures of this moment.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn info(&self) -> Result<Info> {
        let state = &self.state;
        state.check_open()?;
        let head = state.head();
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Ok(Info {
            seq: head.tree_size,
            root: head.root,
            features: head.features,
            series: head.series,
            points: head.points,
            journal_bytes: head.journal_bytes,
            segments: state.segments.len() as u64,
            queued: self.queue.len() as u64,
            groups: count(&state.counters.groups),
            transactions: count(&state.counters.transactions),
            cached_bytes: state.bodies.bytes() as u64,
            poisoned: state.poisoned(),
        })
    }
}

impl Drop for Database {
    /// Only signals: a destructor may run on any thread, a scheduler among them.
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// Make a folder and its name in its parent durable.
fn make_dir(fs: &dyn FileSystem, dir: &Path) -> Result<()> {
    fs.create_dir(dir)
        .map_err(|e| Error::io("create", dir, e))?;
    match dir.parent() {
        Some(parent) => fs
            .sync_dir(parent)
            .map_err(|e| Error::io("sync", parent, e)),
        None => Ok(()),
    }
}

/// What is rebuilt while the journal is read.
struct Replay {
    features: FeatureLoader,
    series: TemporalIndex,
    blocks: BlockTable,
    reverts: RevertTable,
    keys: KeyTable,
    points: u64,
    last_time: i64,
}

impl Replay {
    fn new(limits: &Limits) -> Self {
        Self {
            features: FeatureLoader::default(),
            series: TemporalIndex::default(),
            blocks: BlockTable::default(),
            reverts: RevertTable::default(),
            keys: KeyTable::new(limits),
            points: 0,
            last_time: 0,
        }
    }

    fn block(&mut self, block: &Block<'_>, location: BlockLocation) -> Result<(), String> {
        self.blocks.push(location);
        self.last_time = block.time;
        let &Block { seq, prev, .. } = block;
        let effect = block.effect().map_err(|e| e.to_string())?;
        if let Some(reverted) = block.action().map_err(|e| e.to_string())?.reverts {
            self.reverts.insert(reverted, seq);
        }
        self.key(block)?;
        match effect {
            Effect::PutFeature(feature) => {
                let before = self.features.put(&feature.id, feature.envelope, seq);
                same_version(seq, prev, before)
            }
            Effect::DeleteFeature(id) => same_version(seq, prev, self.features.delete(id, seq)),
            Effect::PutPoints(batch) => {
                self.points += batch.timestamps.len() as u64;
                let series = self.series.get_or_create(&batch.series);
                series.insert(&batch.timestamps, &batch.values, seq, usize::MAX);
                Ok(())
            }
            Effect::DeletePoints(span) => {
                if let Some(series) = self.series.get(&span.series) {
                    self.points -= series.delete(span.start, span.end, span.block, seq, usize::MAX);
                }
                Ok(())
            }
        }
    }

    /// The idempotency key of the block's transaction.
    fn key(&mut self, block: &Block<'_>) -> Result<(), String> {
        let Some((text, request)) = block.key else {
            self.keys.extend(block.txn, block.seq);
            return Ok(());
        };
        let request = *request
            .as_array()
            .ok_or("an idempotency key with a digest of another length")?;
        self.keys.insert(KeyEntry {
            key: IdempotencyKey {
                text: text.into(),
                request,
            },
            first_seq: block.seq,
            last_seq: block.seq,
            time: block.time,
        });
        Ok(())
    }
}

/// The version that a block names as the one before must be the one there is.
fn same_version(seq: u64, named: Option<u64>, there: Option<u64>) -> Result<(), String> {
    if named == there {
        return Ok(());
    }
    Err(format!(
        "block {seq} names {named:?} as the version before it, the journal {there:?}"
    ))
}
