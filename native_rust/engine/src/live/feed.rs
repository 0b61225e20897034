//! The next events of one subscription, from the journal.

use std::time::{Duration, Instant};

use super::content::{LiveEvent, write};
use super::dwell::{Dwelling, Told};
use super::filter::LiveFilter;
use super::hub::Hub;
use super::outbox::Outbox;
use super::seat::Taken;
use super::stay::{Entry, time_of};
use super::subject::Subject;
use super::subscriber::Subscriber;
use super::upcoming::Upcoming;
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::read::ahead::ReadAhead;
use crate::read::moments::until_reached;

/// How long one is fed at a time, roughly.
const TURN: Duration = Duration::from_millis(5);

/// How far one was fed.
pub(super) struct Fed {
    /// All blocks up to here are decided on.
    pub position: u64,
    /// Events that were taken for it, to be sent.
    pub outbox: Outbox,
    pub stop: Stop,
}

/// Why it was fed no further.
pub(super) enum Stop {
    /// There is no more.
    Reached,
    /// It is the turn of others.
    Turn,
    /// It may be sent no more.
    Short,
    /// Nobody wants it any more.
    Ended,
    Failed(Error),
}

/// Whose thread it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// It has no time for what is long: that is left for a turn.
    Matcher,
    Pool,
}

/// Feed a subscriber, which belongs to the caller, from the block after `from` up to
/// `until`, for some milliseconds.
pub(super) fn feed(
    whose: Whose,
    (hub, subscriber): (&Hub, &Subscriber),
    (filter, upcoming): (&LiveFilter, &mut Upcoming),
    ahead: &mut ReadAhead,
    (from, until): (u64, u64),
) -> Fed {
    let mut fed = Fed {
        position: from,
        outbox: Outbox::default(),
        stop: Stop::Reached,
    };
    let budget = Budget::without_end(&hub.state.memory, hub.cancel.clone());
    let begun = Instant::now();
    let place = (&*hub.state, &hub.fences);
    let mut dwelling = subscriber.dwelling.lock();
    if !dwelling.is_at(filter, from) {
        if whose == Whose::Matcher {
            fed.stop = Stop::Turn;
            return fed;
        }
        if let Err(error) = dwelling.begin(&hub.state, filter, from, &budget) {
            fed.stop = Stop::Failed(error);
            return fed;
        }
    }
    let mut step = || -> Result<Option<Stop>> {
        let tell = |dwelling: &mut Dwelling, time: i64, at: u64, outbox: &mut Outbox| {
            if dwelling.due(filter).is_none_or(|due| due > time) {
                return Ok(None);
            }
            let filter = (filter, whose == Whose::Pool);
            let take = |bytes| subscriber.seat.take_beside(bytes);
            let told = dwelling.tell(place, filter, (time, at), (outbox, take), &budget);
            told.map(|told| match told {
                Told::All => None,
                Told::Short => Some(Stop::Short),
                Told::Ended => Some(Stop::Ended),
                Told::Long | Told::Full => Some(Stop::Turn),
            })
        };
        let range = (fed.position, until);
        let Some(seq) = upcoming.next(&hub.state, filter, range, &budget)? else {
            if filter.dwell().is_some() && until > 0 {
                let time = time_of(&hub.state, until)?;
                while let Some(due) = dwelling.due(filter)
                    && (due <= time || until_reached(&hub.state, due, until)?.is_none())
                {
                    let stop = tell(&mut dwelling, due.max(time), until, &mut fed.outbox)?;
                    if stop.is_some() {
                        return Ok(stop);
                    }
                }
            }
            fed.position = until;
            return Ok(Some(Stop::Reached));
        };
        let stored = ahead.block(&hub.state, seq, until)?;
        let subject = Subject::read(&hub.state, seq, stored)?;
        let time = subject.block.time;
        let stop = tell(&mut dwelling, time, seq - 1, &mut fed.outbox)?;
        if stop.is_some() {
            return Ok(stop);
        }
        if whose == Whose::Matcher && filter.is_heavy(&subject) {
            return Ok(Some(Stop::Turn));
        }
        let look = filter.find(place, &subject, &budget)?;
        if let Some(finding) = look.finding {
            let proof = subscriber.proof.then_some(until);
            let make = || write(&hub.state, &subject, &finding, proof);
            let key = (hub.group, seq, finding.key(), proof);
            let content = hub.kept.get(key, make)?;
            let weight = content.weight();
            match subscriber.seat.take(seq, weight) {
                Taken::Short => return Ok(Some(Stop::Short)),
                Taken::Ended => return Ok(Some(Stop::Ended)),
                Taken::After(after) => fed.outbox.push(LiveEvent {
                    seq,
                    after,
                    matched: finding.matched,
                    content,
                }),
            }
        }
        if look.enters {
            dwelling.enter(&hub.state, Entry { seq, time });
        }
        fed.position = seq;
        let full = fed.outbox.is_full();
        Ok((full || begun.elapsed() >= TURN).then_some(Stop::Turn))
    };
    fed.stop = loop {
        match step() {
            Ok(None) => {}
            Ok(Some(stop)) => break stop,
            Err(error) => break Stop::Failed(error),
        }
    };
    dwelling.stands_at(fed.position);
    fed
}
