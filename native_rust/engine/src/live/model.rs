//! Who feeds a subscription under `shuttle`, which decides whose turn it is: a writer, the
//! matcher, a thread of the pool, and a subscriber that asks for little, takes another filter
//! and asks for the rest, in thousands of orders. A run in which everybody waits fails by
//! itself.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::planted::Bug;
use crate::sync::model as sync;
use sync::{AtomicUsize, Ordering, Receiver, Sender, notices, orders, unbounded};

#[path = "seat.rs"]
#[allow(
    clippy::duplicate_mod,
    dead_code,
    reason = "the same file with other locks"
)]
mod seat;

use seat::{Changed, Owner, Rest, Seat, Taken};

const ORDERS: usize = 6_000;
/// Blocks that are written, the last of which both filters take.
const BLOCKS: u64 = 6;
/// Who joins may be so many blocks behind.
const REACH: u64 = 1;

/// Takes every block, or every second one.
type Every = u64;

enum Call {
    /// More is durable.
    Wake,
    Join,
    Change,
    End,
}

/// A database that is its blocks, with one subscription.
struct World {
    durable: AtomicUsize,
    /// How far the matcher is.
    position: AtomicUsize,
    seat: Seat<Every, Sender<u64>>,
    calls: Sender<Call>,
    /// False: end.
    jobs: Sender<bool>,
    /// What the subscriber is sent: a block, and that of the event before.
    told: Sender<(u64, u64)>,
    wrong: Mutex<Vec<String>>,
}

/// How far one was fed.
enum Fed {
    To(u64),
    Short(u64),
}

impl World {
    fn load(counter: &AtomicUsize) -> u64 {
        counter.load(Ordering::SeqCst) as u64
    }

    /// For the owner.
    fn feed(&self, every: Every, from: u64, until: u64) -> Fed {
        for seq in from + 1..=until {
            if seq % every != 0 {
                continue;
            }
            match self.seat.take(seq, 1) {
                Taken::After(after) => drop(self.told.send((seq, after))),
                Taken::Short => return Fed::Short(seq - 1),
                Taken::Ended => self.complain("it has ended".into()),
            }
        }
        Fed::To(until)
    }

    fn rest(&self, position: u64) {
        let (rest, changed) = self.seat.rest(position);
        for answer in changed {
            drop(answer.send(position));
        }
        if rest == Rest::Pool {
            drop(self.jobs.send(true));
        }
    }

    fn give_back(&self, position: u64) {
        if self.seat.hand(Owner::Pool, position) {
            drop(self.jobs.send(true));
        }
    }

    /// As `turn`: one block at a time.
    fn turn(&self) -> bool {
        let Some(begun) = self.seat.begin(Owner::Pool) else {
            self.complain("a turn of one who belongs to somebody else".into());
            return false;
        };
        for answer in begun.changed {
            drop(answer.send(begun.position));
        }
        let durable = Self::load(&self.durable).max(begun.position);
        let until = durable.min(begun.position + 1);
        match self.feed(begun.filter, begun.position, until) {
            Fed::Short(position) => {
                self.rest(position);
                false
            }
            Fed::To(position) if position == durable && position >= Self::load(&self.position) => {
                if self.seat.hand(Owner::Joining, position) {
                    drop(self.calls.send(Call::Join));
                }
                false
            }
            Fed::To(position) => self.seat.hand(Owner::Pool, position),
        }
    }

    fn pool(&self, jobs: &Receiver<bool>) {
        while let Ok(true) = jobs.recv() {
            while self.turn() {
                shuttle::thread::yield_now();
            }
        }
    }

    /// As `matcher`: calls are answered between two blocks.
    fn matcher(&self, calls: &Receiver<Call>) {
        let mut position = 0;
        let mut fed: Option<Every> = None;
        loop {
            match calls.recv() {
                Ok(Call::Wake) => {}
                Ok(Call::Join) => fed = self.join(position),
                Ok(Call::Change) => {
                    if fed.is_some()
                        && let Some((every, changed)) = self.seat.changed(position)
                    {
                        fed = Some(every);
                        for answer in changed {
                            drop(answer.send(position));
                        }
                    }
                }
                Ok(Call::End) | Err(_) => return,
            }
            // One block, and the rest after the next call, as there is one for each.
            if position < Self::load(&self.durable) {
                position += 1;
                if let Some(every) = fed
                    && let Fed::Short(before) = self.feed(every, position - 1, position)
                {
                    fed = None;
                    self.rest(before);
                }
                self.position.store(position as usize, Ordering::SeqCst);
            }
        }
    }

    fn join(&self, position: u64) -> Option<Every> {
        let begun = self.seat.begin(Owner::Joining)?;
        for answer in begun.changed {
            drop(answer.send(begun.position));
        }
        let mut from = begun.position;
        if from < position {
            if position - from > REACH {
                self.give_back(from);
                return None;
            }
            match self.feed(begun.filter, from, position) {
                Fed::Short(before) => {
                    self.rest(before);
                    return None;
                }
                Fed::To(there) => from = there,
            }
        }
        // One that is ahead of the matcher waits for it.
        if from > position {
            self.give_back(from);
            return None;
        }
        self.seat.hand(Owner::Matcher, from).then_some(begun.filter)
    }

    fn complain(&self, what: String) {
        let wrong = self.wrong.lock();
        wrong.unwrap_or_else(PoisonError::into_inner).push(what);
    }

    fn ask(&self, count: u64) {
        if self.seat.ask(count) {
            drop(self.jobs.send(true));
        }
    }

    /// Take every second block; from where on.
    fn change(&self) -> u64 {
        let (sender, answer) = unbounded();
        match self.seat.change(2, sender) {
            Changed::At(seq, _) => seq,
            Changed::Later(owner) => {
                if owner != Owner::Pool {
                    drop(self.calls.send(Call::Change));
                }
                answer.recv().unwrap()
            }
            Changed::Ended(_) => panic!("it has ended"),
        }
    }
}

fn one_order() {
    let ((calls, called), (jobs, queue), (told, heard)) = (unbounded(), unbounded(), unbounded());
    let world = Arc::new(World {
        durable: AtomicUsize::new(0),
        position: AtomicUsize::new(0),
        seat: Seat::new(Owner::Joining, 1, 0, false, (1, u64::MAX)),
        calls,
        jobs,
        told,
        wrong: Mutex::default(),
    });
    drop(world.calls.send(Call::Join));
    let go = |work: Box<dyn FnOnce(&World) + Send>| {
        let world = Arc::clone(&world);
        shuttle::thread::spawn(move || work(&world))
    };
    let threads = [
        go(Box::new(|world| {
            for _ in 0..BLOCKS {
                world.durable.fetch_add(1, Ordering::SeqCst);
                drop(world.calls.send(Call::Wake));
            }
        })),
        go(Box::new(move |world| world.matcher(&called))),
        go(Box::new(move |world| world.pool(&queue))),
    ];
    world.ask(1);
    // What is said to have been sent has been.
    let seen = world.seat.standing(|| World::load(&world.position));
    let mut events: VecDeque<_> = std::iter::from_fn(|| heard.try_recv().ok()).collect();
    let sent = events.back().map_or(0, |(seq, _)| *seq);
    assert!(
        seen.position <= sent,
        "block {sent} is the last that was sent, and {} is said",
        seen.position
    );
    let changed = world.change();
    world.ask(100);
    let taken = (1..=BLOCKS).filter(|seq| *seq <= changed || seq.is_multiple_of(2));
    let mut after = 0;
    for seq in taken {
        let event = events.pop_front().unwrap_or_else(|| heard.recv().unwrap());
        assert_eq!(
            event,
            (seq, after),
            "another event than that of block {seq}"
        );
        after = seq;
    }
    drop(world.calls.send(Call::End));
    drop(world.jobs.send(false));
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    let wrong = world.wrong.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(*wrong, Vec::<String>::new());
    assert!(heard.try_recv().is_err(), "another event than those");
}

#[test]
fn each_block_is_told_once_whoever_feeds() {
    orders(one_order, ORDERS);
}

#[test]
fn a_seat_that_is_wrong_is_noticed() {
    for (bug, words) in [
        (Bug::RestUnasked, &["deadlock"][..]),
        (Bug::RestUnchanged, &["deadlock"]),
        (Bug::BeginUnchanged, &["another event"]),
        (Bug::SeenAfter, &["is said"]),
    ] {
        notices(bug, words, one_order, ORDERS);
    }
}
