//! The next events of one subscription, from the journal.

use std::time::{Duration, Instant};

use super::content::{LiveEvent, write};
use super::filter::LiveFilter;
use super::hub::{Hub, Outbox};
use super::seat::Taken;
use super::subject::Subject;
use super::subscriber::Subscriber;
use super::upcoming::Upcoming;
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::read::ahead::ReadAhead;

/// Events in one message, and bytes of them.
pub(super) const MESSAGE_EVENTS: usize = 512;
pub(super) const MESSAGE_BYTES: usize = 128 << 10;
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
        outbox: Outbox::new(),
        stop: Stop::Reached,
    };
    let budget = Budget::without_end(&hub.state.memory, hub.cancel.clone());
    let begun = Instant::now();
    let mut bytes = 0;
    let mut step = || -> Result<Option<Stop>> {
        let range = (fed.position, until);
        let Some(seq) = upcoming.next(&hub.state, filter, range, &budget)? else {
            fed.position = until;
            return Ok(Some(Stop::Reached));
        };
        let stored = ahead.block(&hub.state, seq, until)?;
        let subject = Subject::read(&hub.state, seq, stored)?;
        if whose == Whose::Matcher && filter.is_heavy(&subject) {
            return Ok(Some(Stop::Turn));
        }
        let found = filter.find((&hub.state, &hub.fences), &subject, &budget)?;
        if let Some(finding) = found {
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
            bytes += weight;
        }
        fed.position = seq;
        let full = fed.outbox.len() >= MESSAGE_EVENTS || bytes >= MESSAGE_BYTES;
        Ok((full || begun.elapsed() >= TURN).then_some(Stop::Turn))
    };
    fed.stop = loop {
        match step() {
            Ok(None) => {}
            Ok(Some(stop)) => break stop,
            Err(error) => break Stop::Failed(error),
        }
    };
    fed
}
