//! Which transactions there are, and where each of them stands.
//!
//! Invariants:
//! 1. Whatever decides what becomes of a transaction looks and acts under one hold of
//!    the table's lock. So of a commit, an abort and the end of a lease exactly one
//!    wins, and the others are told.
//! 2. Under the table's lock nothing is waited for, and no more is done than to look
//!    a few entries up. So it may be taken where waiting is not allowed.
//! 3. What a transaction holds has a lock of its own, which is taken before the
//!    table's or without it, never after it. The committer takes the table's only.
//! 4. A transaction that somebody is using does not lapse, but can be aborted: what
//!    is being added to it then is refused when it is there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::sync::Mutex;
use crate::block::Ack;
use crate::error::{Entity, Error, Result};
use crate::planted::{Bug, planted};

/// Ended transactions that are remembered, so that a caller who lost the answer can
/// ask again.
const REMEMBERED: usize = 1_024;
/// Leases that one call ends on its way.
const LAPSE_STEP: usize = 16;

pub(crate) const LAPSED: &str = "its lease has ended";

/// What there is to know of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionStatus {
    /// Its id, `txn_` and 32 hexadecimal digits.
    pub id: String,
    /// The sequence it sees.
    pub seq: u64,
    /// Whether it can write.
    pub read_only: bool,
    /// Operations it holds.
    pub operations: usize,
    /// Their bytes, encoded.
    pub bytes: usize,
    /// Until its lease ends, in milliseconds; 0 when it has ended.
    pub expires_in_ms: u64,
    /// Where it stands.
    pub phase: Phase,
}

/// Where a transaction stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// It takes operations.
    Open,
    /// It was handed to the committer, which has not answered yet.
    Committing,
    /// It was committed; `None`: and had written nothing.
    Committed(Option<Ack>),
    /// It was aborted, its lease ended, or its commit was refused; with the reason.
    Aborted(String),
}

/// What a transaction holds, behind a lock of its own.
type Held<W> = Arc<Mutex<W>>;

/// A transaction that begins.
#[derive(Debug)]
pub(crate) struct New<W> {
    pub id: String,
    /// Whose it is.
    pub actor: Option<Arc<str>>,
    pub seq: u64,
    pub read_only: bool,
    pub held: W,
}

/// What a transaction holds, in figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub operations: usize,
    pub bytes: usize,
}

/// The transactions of one database.
#[derive(Debug)]
pub(crate) struct Table<W> {
    inner: Mutex<Inner<W>>,
    lease: Duration,
    /// How many may be open.
    most: usize,
    /// Frees what one held; is called under no lock.
    free: fn(W),
}

#[derive(Debug)]
struct Inner<W> {
    entries: BTreeMap<Arc<str>, SessionEntry<W>>,
    /// Ends of the leases of those that nobody is using.
    leases: BTreeSet<(Instant, Arc<str>)>,
    /// Those that have ended, the first of them first.
    ended: VecDeque<Arc<str>>,
}

#[derive(Debug)]
struct SessionEntry<W> {
    actor: Option<Arc<str>>,
    seq: u64,
    read_only: bool,
    figures: Figures,
    phase: Phase,
    expires: Instant,
    /// Calls that are under way in it.
    using: usize,
    /// Until it has ended.
    held: Option<Held<W>>,
}

impl<W> SessionEntry<W> {
    /// Refuse anything but an open transaction.
    fn check_open(&self, id: &str) -> Result<()> {
        let reason = match &self.phase {
            Phase::Open => return Ok(()),
            Phase::Committing => "it is being committed",
            Phase::Committed(_) => "it was committed",
            Phase::Aborted(reason) => reason,
        };
        Err(ended(id, reason))
    }
}

impl<W> Inner<W> {
    fn get(&mut self, id: &str) -> Result<&mut SessionEntry<W>> {
        self.entries.get_mut(id).ok_or_else(|| unknown(id))
    }

    /// The same, if it is open.
    fn open(&mut self, id: &str) -> Result<&mut SessionEntry<W>> {
        let entry = self.get(id)?;
        entry.check_open(id)?;
        Ok(entry)
    }

    fn status(&self, id: &str, now: Instant) -> Result<TransactionStatus> {
        let entry = self.entries.get(id).ok_or_else(|| unknown(id))?;
        let left = match entry.phase {
            Phase::Open => entry.expires.saturating_duration_since(now),
            _ => Duration::ZERO,
        };
        Ok(TransactionStatus {
            id: id.to_owned(),
            seq: entry.seq,
            read_only: entry.read_only,
            operations: entry.figures.operations,
            bytes: entry.figures.bytes,
            expires_in_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            phase: entry.phase.clone(),
        })
    }

    /// Let a transaction that has not ended end.
    fn end(&mut self, id: &str, phase: Phase) -> Option<Held<W>> {
        let (id, _) = self.entries.get_key_value(id)?;
        let id = Arc::clone(id);
        let entry = self.entries.get_mut(&id)?;
        entry.phase = phase;
        let held = entry.held.take();
        self.leases.remove(&(entry.expires, Arc::clone(&id)));
        self.ended.push_back(id);
        if self.ended.len() > REMEMBERED
            && let Some(first) = self.ended.pop_front()
        {
            self.entries.remove(&first);
        }
        held
    }

    /// End some of those whose lease has ended.
    fn lapse(&mut self, now: Instant) -> Vec<Held<W>> {
        let mut freed = Vec::new();
        for _ in 0..LAPSE_STEP {
            match self.leases.first() {
                Some((expires, id)) if *expires <= now => {
                    let id = Arc::clone(id);
                    freed.extend(self.end(&id, Phase::Aborted(LAPSED.to_owned())));
                }
                _ => break,
            }
        }
        freed
    }

    /// End this one if its lease has ended.
    fn lapse_one(&mut self, id: &str, now: Instant) -> Option<Held<W>> {
        let entry = self.entries.get(id)?;
        let lapsed = entry.phase == Phase::Open && entry.using == 0 && entry.expires <= now;
        lapsed
            .then(|| self.end(id, Phase::Aborted(LAPSED.to_owned())))
            .flatten()
    }
}

impl<W> Table<W> {
    /// A table of at most `most` open transactions.
    pub(crate) fn new(most: usize, lease: Duration, free: fn(W)) -> Self {
        Self {
            inner: Mutex::new(Inner {
                entries: BTreeMap::new(),
                leases: BTreeSet::new(),
                ended: VecDeque::new(),
            }),
            lease,
            most,
            free,
        }
    }

    /// Let go of what some held. Whoever is the last to have it frees it.
    fn free(&self, held: impl IntoIterator<Item = Held<W>>) {
        let last = held.into_iter().filter_map(Arc::into_inner);
        last.map(Mutex::into_inner).for_each(self.free);
    }

    /// Enter one that begins.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many are open.
    pub(crate) fn begin(&self, new: New<W>, now: Instant) -> Result<TransactionStatus> {
        let New {
            id,
            actor,
            seq,
            read_only,
            held,
        } = new;
        self.lapse(now);
        let mut inner = self.inner.lock();
        if inner.entries.len() - inner.ended.len() >= self.most {
            return Err(Error::Busy {
                limit: self.most as u64,
                unit: "open transactions",
            });
        }
        let expires = now + self.lease;
        let key: Arc<str> = id.as_str().into();
        inner.leases.insert((expires, Arc::clone(&key)));
        inner.entries.insert(
            key,
            SessionEntry {
                actor,
                seq,
                read_only,
                figures: Figures::default(),
                phase: Phase::Open,
                expires,
                using: 0,
                held: Some(Arc::new(Mutex::new(held))),
            },
        );
        inner.status(&id, now)
    }

    /// Where it stands; of the last [`REMEMBERED`] that ended too.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) fn status(&self, id: &str, now: Instant) -> Result<TransactionStatus> {
        let mut inner = self.inner.lock();
        let lapsed = inner.lapse_one(id, now);
        if planted(Bug::WaitUnderTable)
            && let Some(held) = inner.get(id).ok().and_then(|entry| entry.held.clone())
        {
            drop(held.lock());
        }
        let status = inner.status(id, now);
        drop(inner);
        self.free(lapsed);
        status
    }

    /// Refuse one that another actor began, as one that never was. O(log n).
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) fn check_actor(&self, id: &str, actor: &str) -> Result<()> {
        let mut inner = self.inner.lock();
        match &inner.get(id)?.actor {
            Some(own) if **own == *actor => Ok(()),
            _ => Err(unknown(id)),
        }
    }

    /// Begin to use one, for as long as the guard lives. Its lease is begun anew
    /// then.
    ///
    /// # Errors
    /// [`Error::NotFound`] unless it is open.
    pub(crate) fn enter(&self, id: &str, now: Instant) -> Result<Using<'_, W>> {
        let mut inner = self.inner.lock();
        let lapsed = inner.lapse_one(id, now);
        let using = self.enter_open(&mut inner, id);
        drop(inner);
        self.free(lapsed);
        using
    }

    fn enter_open(&self, inner: &mut Inner<W>, id: &str) -> Result<Using<'_, W>> {
        let entry = inner.open(id)?;
        let held = entry.held.clone().ok_or_else(|| unknown(id))?;
        entry.using += 1;
        let using = Using {
            table: self,
            id: id.into(),
            seq: entry.seq,
            read_only: entry.read_only,
            held: Some(held),
        };
        let lease = (entry.expires, Arc::clone(&using.id));
        if !planted(Bug::LapseWhileUsed) {
            inner.leases.remove(&lease);
        }
        Ok(using)
    }

    /// End one without a commit. One that has ended so is no error.
    ///
    /// # Errors
    /// [`Error::NotFound`] for one that was committed, is being committed or never
    /// was.
    pub(crate) fn abort(&self, id: &str, reason: &str, now: Instant) -> Result<()> {
        let mut inner = self.inner.lock();
        let lapsed = inner.lapse_one(id, now);
        let mut aborted = inner.get(id).map(|entry| entry.phase.clone());
        let mut held = None;
        if !matches!(aborted, Ok(Phase::Aborted(_))) {
            let open = inner.open(id).map(|_| ());
            if planted(Bug::AbortChecksFirst) {
                drop(inner);
                std::thread::sleep(Duration::from_millis(1));
                inner = self.inner.lock();
            }
            aborted = open.map(|()| Phase::Open);
            if aborted.is_ok() {
                held = inner.end(id, Phase::Aborted(reason.to_owned()));
            }
        }
        drop(inner);
        if planted(Bug::HoldAborted) {
            std::mem::forget(held.take());
        }
        self.free(lapsed.into_iter().chain(held));
        aborted.map(|_| ())
    }

    /// What the committer says of one that is being committed.
    pub(crate) fn settle(&self, id: &str, phase: Phase) {
        let mut inner = self.inner.lock();
        let committing = |entry: &mut SessionEntry<W>| entry.phase == Phase::Committing;
        let held = match inner.get(id).is_ok_and(committing) {
            true => inner.end(id, phase),
            false => None,
        };
        drop(inner);
        self.free(held);
    }

    /// End some of those whose lease has ended. Returns whether there may be more.
    pub(crate) fn lapse(&self, now: Instant) -> bool {
        let mut inner = self.inner.lock();
        let lapsed = inner.lapse(now);
        drop(inner);
        let more = lapsed.len() == LAPSE_STEP;
        self.free(lapsed);
        more
    }

    /// How many have not ended.
    pub(crate) fn count(&self) -> usize {
        let inner = self.inner.lock();
        inner.entries.len() - inner.ended.len()
    }

    /// Ids of some that have not ended, after `after`, in order; and the last that
    /// was looked at, unless that was the last of all.
    pub(crate) fn open(&self, after: Option<&str>) -> (Vec<String>, Option<String>) {
        const PAGE: usize = 256;
        let inner = self.inner.lock();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let page = inner.entries.range::<str, _>((from, Bound::Unbounded));
        let (mut ids, mut seen, mut last) = (Vec::new(), 0, None);
        for (id, entry) in page.take(PAGE) {
            seen += 1;
            last = Some(id.to_string());
            if matches!(entry.phase, Phase::Open | Phase::Committing) {
                ids.push(id.to_string());
            }
        }
        (ids, last.filter(|_| seen == PAGE))
    }
}

/// A transaction that is being used: by a read, an apply or a commit.
#[derive(Debug)]
pub(crate) struct Using<'t, W> {
    table: &'t Table<W>,
    id: Arc<str>,
    /// The sequence it sees.
    pub seq: u64,
    /// Whether it refuses writes.
    pub read_only: bool,
    /// Until it is dropped.
    held: Option<Held<W>>,
}

impl<W> Using<'_, W> {
    /// What it holds.
    pub(crate) fn held(&self) -> &Mutex<W> {
        match &self.held {
            Some(held) => held,
            None => unreachable!("it is there until this is dropped"),
        }
    }

    /// Say what it holds now that something was added.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it has ended meanwhile: then nothing was added.
    pub(crate) fn added(&self, figures: Figures) -> Result<()> {
        let mut inner = self.table.inner.lock();
        inner.open(&self.id)?.figures = figures;
        Ok(())
    }

    /// From here on it belongs to the committer, unless that is called off.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it has ended meanwhile.
    pub(crate) fn commit(&self) -> Result<()> {
        let mut inner = self.table.inner.lock();
        inner.open(&self.id)?.phase = Phase::Committing;
        Ok(())
    }

    /// The committer did not take it: it is open as before.
    pub(crate) fn reopen(&self) {
        let mut inner = self.table.inner.lock();
        if let Ok(entry) = inner.get(&self.id)
            && entry.phase == Phase::Committing
        {
            entry.phase = Phase::Open;
        }
    }

    /// End it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it has ended meanwhile.
    pub(crate) fn end(&self, phase: Phase) -> Result<()> {
        let mut inner = self.table.inner.lock();
        inner.open(&self.id)?;
        // This still has what it held.
        inner.end(&self.id, phase);
        Ok(())
    }
}

impl<W> Drop for Using<'_, W> {
    fn drop(&mut self) {
        let mut inner = self.table.inner.lock();
        if let Some(entry) = inner.entries.get_mut(&self.id) {
            entry.using -= 1;
            if entry.phase == Phase::Open && entry.using == 0 {
                entry.expires = Instant::now() + self.table.lease;
                let lease = (entry.expires, Arc::clone(&self.id));
                inner.leases.insert(lease);
            }
        }
        drop(inner);
        self.table.free(self.held.take());
    }
}

fn ended(id: &str, reason: &str) -> Error {
    Error::Ended {
        id: id.to_owned(),
        reason: reason.to_owned(),
    }
}

fn unknown(id: &str) -> Error {
    Error::NotFound {
        entity: Entity::Transaction,
        id: id.to_owned(),
    }
}
