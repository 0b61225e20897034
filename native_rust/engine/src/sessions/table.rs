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
//! 4. What is being committed is in the committer's queue, unless somebody has the lock of
//!    what it held. So whoever has had that lock and still finds it being committed can
//!    have the committer say when it has been.
//! 5. A transaction that somebody is using does not lapse, but can be aborted: what
//!    is being added to it then is refused when it is there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::sync::Mutex;
use crate::block::Ack;
use crate::error::{Error, Result};
use crate::planted::{Bug, planted};
use crate::sessions::status::{Figures, Phase, TransactionStatus, unknown};

/// Ended transactions that are remembered, so that a caller who lost the answer can
/// ask again.
const REMEMBERED: usize = 1_024;
/// Leases that one call ends on its way.
const LAPSE_STEP: usize = 16;

pub(crate) const LAPSED: &str = "its lease has ended";

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
    /// What its commit was refused with, which ended it.
    refusal: Option<Error>,
    expires: Instant,
    /// Calls that are under way in it.
    using: usize,
    /// Until it has ended.
    held: Option<Held<W>>,
}

impl<W> SessionEntry<W> {
    /// What its commit was answered with.
    fn answer(&self, id: &str) -> Result<Option<Ack>> {
        match (&self.phase, &self.refusal) {
            (_, Some(refusal)) => Err(refusal.clone()),
            (Phase::Committed(ack), None) => Ok(*ack),
            (phase, None) => phase.check_open(id).and(Ok(None)),
        }
    }
}

impl<W> Inner<W> {
    fn get(&mut self, id: &str) -> Result<&mut SessionEntry<W>> {
        self.entries.get_mut(id).ok_or_else(|| unknown(id))
    }

    /// The same, if it is open.
    fn open(&mut self, id: &str) -> Result<&mut SessionEntry<W>> {
        let entry = self.get(id)?;
        entry.phase.check_open(id)?;
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
                refusal: None,
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
    /// [`Error::NotFound`], [`Error::Ended`], [`Error::Committing`].
    pub(crate) fn enter(&self, id: &str, now: Instant) -> Result<Using<'_, W>> {
        let mut inner = self.inner.lock();
        let lapsed = inner.lapse_one(id, now);
        let open = inner.open(id).map(|_| ());
        let using = open.and_then(|()| self.enter_entry(&mut inner, id));
        drop(inner);
        self.free(lapsed);
        using
    }

    /// The same to commit it, also one that somebody else is committing. Of one that has
    /// ended with a commit what that was answered with: `None` if it wrote nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Ended`] for one that ended otherwise, and the refusal
    /// of its commit.
    pub(crate) fn enter_to_commit(&self, id: &str, now: Instant) -> Result<Committable<'_, W>> {
        let mut inner = self.inner.lock();
        let lapsed = inner.lapse_one(id, now);
        let ended = inner.get(id).map(|entry| entry.phase.has_ended());
        let committable = ended.and_then(|ended| match ended {
            true => inner.get(id)?.answer(id).map(Committable::Committed),
            false => self.enter_entry(&mut inner, id).map(Committable::Entered),
        });
        drop(inner);
        self.free(lapsed);
        committable
    }

    fn enter_entry(&self, inner: &mut Inner<W>, id: &str) -> Result<Using<'_, W>> {
        let entry = inner.get(id)?;
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
    /// [`Error::NotFound`]; [`Error::Ended`] for one that was committed, or may have been;
    /// [`Error::Committing`].
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

    /// What the commit of one was answered with: `None` if it wrote nothing.
    ///
    /// # Errors
    /// What it was refused with; [`Error::NotFound`], [`Error::Ended`],
    /// [`Error::Committing`].
    pub(crate) fn answer(&self, id: &str) -> Result<Option<Ack>> {
        let mut inner = self.inner.lock();
        inner.get(id)?.answer(id)
    }

    /// What the committer says of one that is being committed.
    pub(crate) fn settle(&self, id: &str, answer: &Result<Ack>) {
        let mut inner = self.inner.lock();
        let mut held = None;
        if let Ok(entry) = inner.get(id)
            && entry.phase == Phase::Committing
        {
            entry.refusal = answer.as_ref().err().cloned();
            held = inner.end(id, Phase::after(answer));
        }
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
            if !entry.phase.has_ended() {
                ids.push(id.to_string());
            }
        }
        (ids, last.filter(|_| seen == PAGE))
    }
}

/// What a commit finds.
#[derive(Debug)]
pub(crate) enum Committable<'t, W> {
    /// It had not ended.
    Entered(Using<'t, W>),
    /// It was committed.
    Committed(Option<Ack>),
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

    /// Where it stands. Nobody but who has the lock of what it holds begins to commit it.
    pub(crate) fn phase(&self) -> Result<Phase> {
        let mut inner = self.table.inner.lock();
        Ok(inner.get(&self.id)?.phase.clone())
    }

    /// Say what it holds now that something was added.
    ///
    /// # Errors
    /// [`Error::Ended`] when it has ended meanwhile: then nothing was added.
    pub(crate) fn added(&self, figures: Figures) -> Result<()> {
        let mut inner = self.table.inner.lock();
        inner.open(&self.id)?.figures = figures;
        Ok(())
    }

    /// From here on it belongs to the committer, unless that is called off.
    ///
    /// # Errors
    /// [`Error::Ended`] when it has ended meanwhile.
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
    /// [`Error::Ended`] when it has ended meanwhile.
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
