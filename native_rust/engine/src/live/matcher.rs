//! The one thread of a database that looks at each new block, once for all who follow.
//!
//! It owns the index of filters and all subscriptions that have seen what there is. What
//! others want of it are calls, which it answers between two blocks.

mod contents;
mod dues;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::content::Content;
use super::feed::{Stop, Whose, feed};
use super::filter::LiveFilter;
use super::finding::Look;
use super::hub::{Call, Hub};
use super::index::{FilterIndex, Number};
use super::outbox::Outbox;
use super::seat::{Begun, Owner, Rest, Taken};
use super::stay::Entry;
use super::subject::Subject;
use super::subscriber::Subscriber;
use super::upcoming::Upcoming;
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::read::ahead::ReadAhead;
use crate::state::Ending;
use contents::{Contents, take};

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
    /// When somebody who entered a fence is due, and for which subscriber; those that are so
    /// no more among them.
    dues: BinaryHeap<Reverse<(i64, u64)>>,
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
            dues: BinaryHeap::new(),
            ahead: ReadAhead::default(),
        }
    }

    fn run(&mut self) {
        // Once the database is closed it waits to be told why.
        let mut reads = true;
        loop {
            let longest = if reads { self.wait() } else { None };
            let work = self.hub.work(self.position, reads, longest);
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
        let due = subscriber.dwelling.lock().due(filter);
        self.dues
            .extend(due.map(|due| Reverse((due, subscriber.number))));
        let fed = Fed {
            subscriber: Arc::clone(&subscriber),
            from,
            filter: number,
            place,
            outbox: Outbox::default(),
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
            match filter.dwell() {
                None => self.feed(fed.subscriber, &filter, position),
                // Who is inside already is found in a turn.
                Some(_) => self.give_back(fed.subscriber, position),
            }
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
        let mut ahead = std::mem::take(&mut self.ahead);
        let bytes = ahead.block(&hub.state, seq, durable)?;
        let subject = Subject::read(&hub.state, seq, bytes)?;
        let mut candidates = std::mem::take(&mut self.candidates);
        self.index.candidates(&subject, &mut candidates);
        let time = subject.block.time;
        self.fall_due(time, seq - 1, budget)?;
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
            let look = match filter.find((&hub.state, &hub.fences), &subject, budget) {
                Err(Error::MemoryFull { .. }) => {
                    set_aside((&self.fed, all), seq, &mut aside);
                    continue;
                }
                look => look?,
            };
            let Look { finding, enters } = look;
            if finding.is_none() && !enters {
                continue;
            }
            // Without a proof, and with one.
            let mut here: [Option<Arc<Content>>; 2] = [None, None];
            for subscriber in all {
                let Some(fed) = self.fed.get_mut(subscriber) else {
                    continue;
                };
                if fed.from >= seq {
                    continue;
                }
                if let Some(finding) = &finding {
                    let first = fed.outbox.is_empty();
                    let taken = take(
                        (&hub, &fed.subscriber, &mut fed.outbox),
                        &subject,
                        finding,
                        durable,
                        (&mut contents, &mut here),
                    );
                    match taken {
                        Ok(Taken::After(_)) => {}
                        Ok(Taken::Short) => {
                            short.push(*subscriber);
                            continue;
                        }
                        // A call about it is under way.
                        Ok(Taken::Ended) => continue,
                        Err(Error::MemoryFull { .. }) => {
                            aside.push(*subscriber);
                            continue;
                        }
                        Err(error) => return Err(error),
                    }
                    if first {
                        self.touched.push(*subscriber);
                    }
                    if fed.outbox.is_full() {
                        fed.send(&hub);
                    }
                }
                if enters
                    && fed
                        .subscriber
                        .dwelling
                        .lock()
                        .enter(&hub.state, Entry { seq, time })
                {
                    let due = time.saturating_add(filter.dwell().unwrap_or_default());
                    self.dues.push(Reverse((due, *subscriber)));
                }
            }
        }
        self.candidates = candidates;
        self.ahead = ahead;
        for number in short {
            self.let_rest(number, seq - 1);
        }
        for number in aside {
            self.set_back(number, seq - 1);
        }
        Ok(())
    }

    /// One who may be sent nothing beyond block `position`.
    fn let_rest(&mut self, number: u64, position: u64) {
        if let Some(fed) = self.take_out(number, position) {
            self.rest(fed.subscriber, position);
        }
    }

    /// One to whom what comes after block `position` is told in a turn.
    fn set_back(&mut self, number: u64, position: u64) {
        if let Some(fed) = self.take_out(number, position) {
            self.give_back(fed.subscriber, position);
        }
    }

    fn take_out(&mut self, number: u64, position: u64) -> Option<Fed> {
        let mut fed = self.remove(number)?;
        fed.send(&self.hub);
        fed.subscriber.dwelling.lock().stands_at(position);
        Some(fed)
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
