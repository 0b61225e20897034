//! The one thread of a database that looks at each new block, once for all who follow.
//!
//! It owns the index of filters and all subscriptions that have seen what there is. What
//! others want of it are calls, which it answers between two blocks.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::content::{Content, LiveEvent, write};
use super::feed::{MESSAGE_BYTES, MESSAGE_EVENTS, Stop, Whose, feed};
use super::filter::LiveFilter;
use super::finding::FindingKey;
use super::hub::{Call, Hub, Outbox};
use super::index::{FilterIndex, Number};
use super::seat::{Begun, Owner, Rest, Taken};
use super::subject::Subject;
use super::subscriber::Subscriber;
use super::upcoming::Upcoming;
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::read::ahead::ReadAhead;
use crate::state::Ending;

/// Who joins may be so many blocks behind.
const REACH: u64 = 64;
/// What is found is sent after so many blocks, or so long.
const SLICE_BLOCKS: u64 = 1_024;
const SLICE: Duration = Duration::from_millis(2);
/// Blocks between calls, at least, if there are so many.
const BETWEEN: u64 = 16;

/// A subscription that is fed.
struct Fed {
    subscriber: Arc<Subscriber>,
    /// It has seen all up to here.
    from: u64,
    filter: Number,
    /// Its place among those with the same filter.
    place: usize,
    outbox: Outbox,
    bytes: usize,
}

struct Matcher {
    hub: Arc<Hub>,
    /// All blocks up to here are decided on.
    position: u64,
    /// Distinct filters, and whose they are.
    index: FilterIndex<Vec<u64>>,
    fed: HashMap<u64, Fed>,
    /// Who has something in their outbox.
    touched: Vec<u64>,
    candidates: Vec<Number>,
    ahead: ReadAhead,
}

/// Look at each new block until there is nobody left.
pub(super) fn run(hub: &Arc<Hub>) {
    loop {
        let ran = catch_unwind(AssertUnwindSafe(|| Matcher::new(hub).run()));
        match ran {
            Ok(()) => return,
            // A bug must not end them in silence.
            Err(_) => hub.tell_all(Ending::Failed),
        }
        if hub.is_deserted() {
            return;
        }
    }
}

impl Matcher {
    fn new(hub: &Arc<Hub>) -> Self {
        Self {
            hub: Arc::clone(hub),
            position: hub.state.durable(),
            index: FilterIndex::default(),
            fed: HashMap::new(),
            touched: Vec::new(),
            candidates: Vec::new(),
            ahead: ReadAhead::default(),
        }
    }

    fn run(&mut self) {
        // Once the database is closed it waits to be told why.
        let mut reads = true;
        loop {
            let work = self.hub.work(self.position, reads);
            let mut begun = Instant::now();
            for call in work.calls {
                self.answer(call);
                // Many who join may not keep those waiting who have.
                if begun.elapsed() > SLICE && work.ending.is_none() && reads {
                    reads = self.advance();
                    begun = Instant::now();
                }
            }
            if work.ending.is_none() && reads {
                reads = self.advance();
            }
            if let Some(ending) = work.ending {
                if reads {
                    // What is durable is told before.
                    while self.position < self.hub.state.durable() && self.advance() {}
                }
                self.tell_all(ending);
            }
            if self.fed.is_empty() && self.hub.is_deserted() {
                self.hub.fences.clear();
                return self.hub.kept.clear();
            }
        }
    }

    fn tell_all(&mut self, ending: Ending) {
        self.flush();
        self.hub.tell_all(ending);
        self.fed.clear();
        self.index = FilterIndex::default();
    }

    fn answer(&mut self, call: Call) {
        match call {
            Call::Join(subscriber) => self.join(subscriber),
            Call::Change(subscriber) => self.change(&subscriber),
            Call::Leave(subscriber) => {
                drop(self.remove(subscriber.number));
                subscriber.forgotten();
            }
        }
    }

    /// Feed a subscriber from now on, once it has seen what it has not.
    fn join(&mut self, subscriber: Arc<Subscriber>) {
        let Some(begun) = subscriber.seat.begin(Owner::Joining) else {
            return;
        };
        let Begun {
            filter,
            mut position,
            changed,
        } = begun;
        for answer in changed {
            answer.send(Ok(position));
        }
        if position < self.position {
            if self.position - position > REACH {
                return self.give_back(subscriber, position);
            }
            let fed = feed(
                Whose::Matcher,
                (&self.hub, &subscriber),
                (&filter, &mut Upcoming::default()),
                &mut self.ahead,
                (position, self.position),
            );
            position = fed.position;
            if !subscriber.deliver(&fed.outbox) {
                return self.gone(&subscriber);
            }
            match fed.stop {
                Stop::Reached => {}
                Stop::Short => return self.rest(subscriber, position),
                _ => return self.give_back(subscriber, position),
            }
        }
        if subscriber.seat.caught_up() {
            subscriber.live(position);
        }
        if subscriber.seat.hand(Owner::Matcher, position) {
            self.feed(subscriber, &filter, position);
        }
    }

    fn feed(&mut self, subscriber: Arc<Subscriber>, filter: &Arc<LiveFilter>, from: u64) {
        let features = &self.hub.state.indexes.features;
        let seq = self.position;
        let place = |id: &str| features.read().placed(id, seq).and_then(|(_, rect)| rect);
        let number = self.index.enter(filter, place);
        let Some((_, all)) = self.index.get_mut(number) else {
            return;
        };
        let place = all.len();
        all.push(subscriber.number);
        let fed = Fed {
            subscriber: Arc::clone(&subscriber),
            from,
            filter: number,
            place,
            outbox: Outbox::new(),
            bytes: 0,
        };
        self.fed.insert(subscriber.number, fed);
    }

    /// Feed it no more; what was taken for it is not sent yet.
    fn remove(&mut self, number: u64) -> Option<Fed> {
        let fed = self.fed.remove(&number)?;
        if let Some((_, all)) = self.index.get_mut(fed.filter) {
            all.swap_remove(fed.place);
            let (moved, empty) = (all.get(fed.place).copied(), all.is_empty());
            if let Some(moved) = moved.and_then(|moved| self.fed.get_mut(&moved)) {
                moved.place = fed.place;
            }
            if empty {
                self.index.remove(fed.filter);
            }
        }
        Some(fed)
    }

    /// Have the journal read for it, from the block after `position` on.
    fn give_back(&self, subscriber: Arc<Subscriber>, position: u64) {
        if subscriber.seat.hand(Owner::Pool, position) {
            self.hub.catch_up(subscriber);
        }
    }

    /// It may be sent nothing until it asks for more. What was taken for it has been sent.
    fn rest(&self, subscriber: Arc<Subscriber>, position: u64) {
        if subscriber.seat.lags() {
            subscriber.lagging(position);
        }
        let (rest, changed) = subscriber.seat.rest(position);
        for answer in changed {
            answer.send(Ok(position));
        }
        if rest == Rest::Pool {
            self.hub.catch_up(subscriber);
        }
    }

    fn gone(&self, subscriber: &Arc<Subscriber>) {
        subscriber.leave();
        self.hub.forget(subscriber);
    }

    fn change(&mut self, subscriber: &Arc<Subscriber>) {
        let Some(fed) = self.fed.get(&subscriber.number) else {
            return;
        };
        // One that began ahead of what it sees has seen all up to there.
        let position = self.position.max(fed.from);
        let Some((filter, changed)) = subscriber.seat.changed(position) else {
            return;
        };
        if let Some(fed) = self.remove(subscriber.number) {
            self.feed(fed.subscriber, &filter, position);
        }
        for answer in changed {
            answer.send(Ok(position));
        }
    }

    /// Look at the next blocks and send what is found. False: the database is closed.
    fn advance(&mut self) -> bool {
        let durable = self.hub.state.durable();
        if self.fed.is_empty() {
            self.position = self.position.max(durable);
            return true;
        }
        let begun = Instant::now();
        let start = self.position;
        let end = durable.min(start + SLICE_BLOCKS);
        let budget = Budget::without_end(&self.hub.state.memory, self.hub.cancel.clone());
        while self.position < end {
            match self.look(self.position + 1, durable, &budget) {
                Ok(()) => self.position += 1,
                Err(Error::Closed | Error::Cancelled) => {
                    self.flush();
                    return false;
                }
                Err(_) => {
                    self.tell_all(Ending::Failed);
                    return true;
                }
            }
            let called = self.position - start >= BETWEEN && self.hub.is_called();
            if called || begun.elapsed() > SLICE {
                break;
            }
        }
        self.flush();
        true
    }

    /// Look at block `seq`.
    fn look(&mut self, seq: u64, durable: u64, budget: &Budget) -> Result<()> {
        let hub = Arc::clone(&self.hub);
        let bytes = self.ahead.block(&hub.state, seq, durable)?;
        let subject = Subject::read(&hub.state, seq, bytes)?;
        let mut candidates = std::mem::take(&mut self.candidates);
        self.index.candidates(&subject, &mut candidates);
        let mut contents = Contents::default();
        let (mut short, mut aside) = (Vec::new(), Vec::new());
        for number in &candidates {
            let Some((filter, all)) = self.index.get(*number) else {
                continue;
            };
            if filter.is_heavy(&subject) {
                set_aside((&self.fed, all), seq, &mut aside);
                continue;
            }
            let found = match filter.find((&hub.state, &hub.fences), &subject, budget) {
                Err(Error::MemoryFull { .. }) => {
                    set_aside((&self.fed, all), seq, &mut aside);
                    continue;
                }
                found => found?,
            };
            let Some(finding) = found else {
                continue;
            };
            // Without a proof, and with one.
            let mut here = [None, None];
            for subscriber in all {
                let Some(fed) = self.fed.get_mut(subscriber) else {
                    continue;
                };
                if fed.from >= seq {
                    continue;
                }
                let proof = fed.subscriber.proof.then_some(durable);
                let make = || write(&hub.state, &subject, &finding, proof);
                let [plain, proved] = &mut here;
                let slot = if proof.is_some() { proved } else { plain };
                let content: &Arc<Content> = match slot {
                    Some(content) => content,
                    None => {
                        let key = finding.key();
                        let known = contents.entry((key, proof.is_some()));
                        let content = match known {
                            Entry::Occupied(content) => Arc::clone(content.get()),
                            Entry::Vacant(vacant) => {
                                let key = (hub.group, seq, key, proof);
                                match hub.kept.get(key, make) {
                                    Ok(content) => Arc::clone(vacant.insert(content)),
                                    Err(Error::MemoryFull { .. }) => {
                                        aside.push(*subscriber);
                                        continue;
                                    }
                                    Err(error) => return Err(error),
                                }
                            }
                        };
                        slot.insert(content)
                    }
                };
                let weight = content.weight();
                match fed.subscriber.seat.take(seq, weight) {
                    Taken::After(after) => {
                        if fed.outbox.is_empty() {
                            self.touched.push(*subscriber);
                        }
                        fed.bytes += weight;
                        fed.outbox.push(LiveEvent {
                            seq,
                            after,
                            matched: finding.matched,
                            content: Arc::clone(content),
                        });
                        if fed.outbox.len() >= MESSAGE_EVENTS || fed.bytes >= MESSAGE_BYTES {
                            fed.send(&hub);
                        }
                    }
                    Taken::Short => short.push(*subscriber),
                    // A call about it is under way.
                    Taken::Ended => {}
                }
            }
        }
        self.candidates = candidates;
        for number in short {
            if let Some(mut fed) = self.remove(number) {
                fed.send(&hub);
                self.rest(fed.subscriber, seq - 1);
            }
        }
        for number in aside {
            if let Some(mut fed) = self.remove(number) {
                fed.send(&hub);
                self.give_back(fed.subscriber, seq - 1);
            }
        }
        Ok(())
    }

    /// Send what is in the outboxes.
    fn flush(&mut self) {
        for number in std::mem::take(&mut self.touched) {
            if let Some(fed) = self.fed.get_mut(&number) {
                fed.send(&self.hub);
            }
        }
    }
}

impl Fed {
    fn send(&mut self, hub: &Hub) {
        let outbox = std::mem::take(&mut self.outbox);
        self.bytes = 0;
        if !self.subscriber.deliver(&outbox) {
            self.subscriber.leave();
            // It is removed when the call comes.
            hub.forget(&self.subscriber);
        }
    }
}

/// Those of `all` who have yet to see a block.
fn set_aside((fed, all): (&HashMap<u64, Fed>, &[u64]), seq: u64, aside: &mut Vec<u64>) {
    let waits = |number: &&u64| fed.get(number).is_some_and(|fed| fed.from < seq);
    aside.extend(all.iter().filter(waits));
}

/// The events of one block, without a proof and with one.
type Contents = HashMap<(FindingKey, bool), Arc<Content>>;
