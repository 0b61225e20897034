//! Those who entered a fence and may stay there: what a subscription is told of them once
//! they fall due.
//!
//! All of it can be worked out again from the journal, from any block on: who is inside
//! there and since when. So it is bounded, forgotten when it is in the way, and never stored.

use std::collections::VecDeque;
use std::sync::Arc;

use super::content::{LiveDwell, write_dwell};
use super::fences::Fences;
use super::filter::LiveFilter;
use super::outbox::Outbox;
use super::seat::Taken;
use super::stay::{Entry, Stay};
use crate::budget::Budget;
use crate::error::Result;
use crate::mem::Reservation;
use crate::planted::{Bug, planted};
use crate::state::State;
use crate::types::Hash;

/// Entries that one keeps at most, and without counting their memory.
const MOST: usize = 4_096;
const FEW: usize = 16;

/// Those of one subscription who entered and are not due yet. Its owner alone looks at it.
#[derive(Debug, Default)]
pub(super) struct Dwelling {
    /// Whose it is.
    filter: Option<Hash>,
    /// All blocks up to here have been looked at.
    at: u64,
    /// By when they are due, and so by when they entered.
    queue: VecDeque<Entry>,
    /// Whether later ones are left out.
    cut: bool,
    /// All up to this entry is done with.
    done: u64,
    /// How many of those who entered by the first one were told.
    told: usize,
    held: Option<Reservation>,
}

impl Dwelling {
    /// All blocks up to here have been looked at.
    pub(super) fn stands_at(&mut self, at: u64) {
        self.at = at;
    }

    /// Whether it is known who entered by block `at`.
    pub(super) fn is_at(&self, filter: &LiveFilter, at: u64) -> bool {
        let known = self.filter == Some(filter.digest()) && self.at == at;
        filter.dwell().is_none() || known && !self.is_lost()
    }

    /// Only those are known who are done with.
    fn is_lost(&self) -> bool {
        self.cut && self.queue.is_empty()
    }

    /// Find out who is inside at block `at`, unless that is known. Costs as
    /// [`Stay::entries`].
    ///
    /// # Errors
    /// Those of [`Stay::entries`], [`crate::Error::MemoryFull`].
    pub(super) fn begin(
        &mut self,
        state: &State,
        filter: &LiveFilter,
        at: u64,
        budget: &Budget,
    ) -> Result<()> {
        let Some((stay, micros)) = Stay::new(state, filter, budget).zip(filter.dwell()) else {
            return Ok(());
        };
        if self.is_at(filter, at) {
            return Ok(());
        }
        let since = match self.filter == Some(filter.digest()) && self.at == at {
            true => self.done,
            false => stay.since(micros, at)?,
        };
        let (entries, cut) = match planted(Bug::StayForgotten) {
            true => (Vec::new(), false),
            false => stay.entries(since, at, MOST)?,
        };
        self.held = Some(
            state
                .memory
                .work
                .reserve(entries.len() * size_of::<Entry>())?,
        );
        *self = Self {
            filter: Some(filter.digest()),
            at,
            queue: entries.into(),
            cut,
            done: since,
            told: 0,
            held: self.held.take(),
        };
        Ok(())
    }

    /// Something entered by the last block. True: it is the first that will be due.
    pub(super) fn enter(&mut self, state: &State, entry: Entry) -> bool {
        if self.cut {
            return false;
        }
        let len = self.queue.len();
        if len == self.queue.capacity() && len >= FEW {
            let bytes = 2 * len * size_of::<Entry>();
            match state.memory.work.reserve(bytes) {
                Ok(held) if len < MOST => self.held = Some(held),
                _ => {
                    self.cut = true;
                    return false;
                }
            }
        }
        self.queue.push_back(entry);
        len == 0
    }

    /// When the first will be due; at once where it has to be found out.
    pub(super) fn due(&self, filter: &LiveFilter) -> Option<i64> {
        let micros = filter.dwell()?;
        match self.queue.front() {
            Some(entry) => Some(entry.time.saturating_add(micros)),
            None => self.is_lost().then_some(i64::MIN),
        }
    }

    /// Tell of those who are due by `time`, at which all blocks up to `at` are there, and no
    /// others that matter. `take` says whether something with so many bytes may be sent.
    /// `patient`: whether there is time for what is long.
    ///
    /// # Errors
    /// Those of reading blocks and of the budget, [`crate::Error::MemoryFull`].
    pub(super) fn tell(
        &mut self,
        (state, fences): (&State, &Fences),
        (filter, patient): (&LiveFilter, bool),
        (time, at): (i64, u64),
        (outbox, take): (&mut Outbox, impl Fn(usize) -> Taken),
        budget: &Budget,
    ) -> Result<Told> {
        let Some((stay, micros)) = Stay::new(state, filter, budget).zip(filter.dwell()) else {
            return Ok(Told::All);
        };
        loop {
            if self.is_lost() {
                if !patient {
                    return Ok(Told::Long);
                }
                self.at = at;
                self.begin(state, filter, at, budget)?;
            }
            let Some(entry) = self.queue.front().copied() else {
                return Ok(Told::All);
            };
            if entry.time.saturating_add(micros) > time {
                return Ok(Told::All);
            }
            let key = (filter.digest(), entry.seq);
            let dwelt = match fences.dwelt(key) {
                Some(dwelt) => dwelt,
                None if !patient && stay.is_long(entry, at)? => return Ok(Told::Long),
                None => {
                    let dwelt = dwelt((&stay, filter.digest(), micros), entry, at)?;
                    fences.note_dwelt(key, &dwelt);
                    dwelt
                }
            };
            for dwell in dwelt.iter().skip(self.told) {
                match take(dwell.content.weight()) {
                    Taken::After(_) => {}
                    Taken::Short => return Ok(Told::Short),
                    Taken::Ended => return Ok(Told::Ended),
                }
                outbox.push_dwell(dwell.clone());
                self.told += 1;
            }
            self.queue.pop_front();
            self.done = entry.seq;
            self.told = 0;
            if outbox.is_full() {
                return Ok(Told::Full);
            }
        }
    }
}

/// How telling of those who are due came to its end.
pub(super) enum Told {
    /// They were all told.
    All,
    /// No more may be sent.
    Short,
    /// Nobody wants it any more.
    Ended,
    /// What comes next takes long.
    Long,
    /// It is time to send what there is.
    Full,
}

/// Those who entered by a block and are inside at block `at` still.
fn dwelt(
    (stay, filter, micros): (&Stay<'_>, Hash, i64),
    entry: Entry,
    at: u64,
) -> Result<Arc<[LiveDwell]>> {
    let mut told = Vec::new();
    for id in stay.who(entry.seq)? {
        if stay.stays(&id, entry.seq, at)? {
            let content = write_dwell(stay.state, (&filter, micros), &id, (entry.seq, entry.time))?;
            told.push(LiveDwell {
                feature_id: id,
                entered: entry.seq,
                content: Arc::new(content),
            });
        }
    }
    Ok(told.into())
}
