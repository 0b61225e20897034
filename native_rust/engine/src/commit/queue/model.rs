//! The bounded queue under `shuttle`, which decides whose turn it is: callers that submit,
//! one that closes, and a committer that takes all, fails half-way or ends without a word,
//! in thousands of orders. A run in which everybody waits fails by itself.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::{Ack, Reply};
use crate::error::{Error, Result};
use crate::planted::Bug;
use crate::sync::model as sync;
use sync::{notices, orders};

#[path = "bounded.rs"]
#[allow(
    clippy::duplicate_mod,
    dead_code,
    reason = "the same file with other atomics and channels"
)]
mod bounded;

use bounded::{Bounds, Entrance, Intake, Taken, Turn, Waited, bounded};

const ORDERS: usize = 6_000;
const CALLERS: u64 = 3;
/// Submissions of each.
const EACH: u64 = 3;
const BOUNDS: Bounds = Bounds {
    items: 2,
    bytes: 100,
};

/// How the committer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Once the queue was closed.
    Closed,
    /// As that, but from the second item on everything is refused.
    Poisoned,
    /// After two items, without a word.
    Gone,
}

/// What one thread does.
type Work = Box<dyn FnOnce(&Arc<World>) + Send>;

/// What was submitted: by whom, and as which of theirs.
type Id = (u64, u64);

/// One that is queued, until it is dropped.
struct Item {
    id: Id,
    bytes: usize,
    reply: Option<Reply>,
    /// What had been sent before it, where it is one that goes after all that.
    before: Vec<Id>,
    world: Arc<World>,
}

impl Drop for Item {
    fn drop(&mut self) {
        let world = &self.world;
        world.waiting_bytes.fetch_sub(self.bytes, Ordering::SeqCst);
        world.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The callers' side, and what they have seen. What counts here is no part of the model:
/// nobody's turn ends at it.
struct World {
    queue: Entrance<Item>,
    /// What waits, by the items that there are.
    waiting: AtomicUsize,
    waiting_bytes: AtomicUsize,
    /// The committer has ended.
    ended: AtomicBool,
    /// Answers to each submission, by return value or reply.
    answers: Mutex<Vec<Id>>,
    sent: Mutex<Vec<Id>>,
    /// What must not be, told when all have ended: of two threads that panic at once
    /// nobody could say which was first.
    wrong: Mutex<Vec<String>>,
}

fn locked<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bytes_of(id: Id) -> usize {
    match id {
        // Above the bound.
        (0, 0) => 200,
        (_, 1) => 40,
        _ => 60,
    }
}

impl World {
    fn wrong(&self, what: String) {
        locked(&self.wrong).push(what);
    }

    /// Submit one, as [`super::WriteQueue::submit`] does. Refused, it is not queued.
    fn submit(self: &Arc<Self>, id: Id) -> Result<()> {
        let bytes = bytes_of(id);
        let seat = self.queue.admit(bytes)?;
        let queued = self.waiting_bytes.fetch_add(bytes, Ordering::SeqCst);
        let waiting = self.waiting.fetch_add(1, Ordering::SeqCst);
        let ended = self.ended.load(Ordering::SeqCst);
        if !ended && waiting >= BOUNDS.items {
            self.wrong(format!("{waiting} wait"));
        }
        if !ended && queued > 0 && queued + bytes > BOUNDS.bytes {
            self.wrong(format!("{queued} bytes wait, {bytes} come"));
        }
        let world = Arc::clone(self);
        let last = id.1 == 1;
        let item = Item {
            id,
            bytes,
            reply: Some(Reply::new(move |_| locked(&world.answers).push(id))),
            before: locked(&self.sent)
                .iter()
                .filter(|_| last)
                .copied()
                .collect(),
            world: Arc::clone(self),
        };
        let turn = Turn {
            caller: id.0,
            // Ever less, so that nothing but its order keeps a caller's next one back.
            work: 10 - id.1,
            last,
            since: Instant::now(),
        };
        let sent = seat.send(turn, item).map_err(|mut item| {
            item.reply.take().into_iter().for_each(Reply::disarm);
            Error::Closed
        });
        if sent.is_ok() {
            locked(&self.sent).push(id);
        }
        sent
    }

    fn caller(self: &Arc<Self>, caller: u64) {
        for number in 0..EACH {
            let id = (caller, number);
            let mut answer = self.submit(id);
            if matches!(answer, Err(Error::Busy { .. })) {
                shuttle::thread::yield_now();
                answer = self.submit(id);
            }
            if answer.is_err() {
                locked(&self.answers).push(id);
            }
        }
    }
}

/// Take what comes and answer it. Returns what was taken, in order.
fn committer(world: &World, mut intake: Intake<Item>, end: End) -> Vec<Id> {
    let mut taken = Vec::new();
    let mut take = |next: Taken<Item>| {
        let mut next = next;
        let reply = next.item.reply.take();
        for before in &next.item.before {
            if !taken.contains(before) {
                world.wrong(format!("not in order: {before:?} comes later"));
            }
        }
        taken.push(next.item.id);
        drop(next);
        let answer = match end {
            End::Poisoned if taken.len() > 1 => Err(Error::Closed),
            _ => Ok(ack()),
        };
        reply
            .into_iter()
            .for_each(|reply| reply.send(answer.clone(), 1));
        taken.len()
    };
    let mut turns = 0;
    'work: loop {
        turns += 1;
        let deadline = (turns % 2 == 0).then(Instant::now);
        let mut next = match intake.wait(deadline) {
            Waited::Taken(first) => Some(first),
            Waited::TimedOut => continue,
            Waited::Closed | Waited::Gone => break,
        };
        while let Some(one) = next {
            if take(one) > 1 && end == End::Gone {
                break 'work;
            }
            next = intake.poll(9);
        }
    }
    world.ended.store(true, Ordering::SeqCst);
    drop(intake);
    taken
}

fn ack() -> Ack {
    Ack {
        first_seq: 1,
        last_seq: 1,
        time: 0,
        hash: [0; 32],
        whole: (1, 1),
        points_put: 0,
        points_deleted: 0,
        features_replaced: 0,
        replayed: false,
    }
}

fn one_order(end: End) {
    let (queue, intake) = bounded(BOUNDS);
    let world = Arc::new(World {
        queue,
        waiting: AtomicUsize::new(0),
        waiting_bytes: AtomicUsize::new(0),
        ended: AtomicBool::new(false),
        answers: Mutex::default(),
        sent: Mutex::default(),
        wrong: Mutex::default(),
    });
    let go = |work: Work| {
        let world = Arc::clone(&world);
        shuttle::thread::spawn(move || work(&world))
    };
    let mut threads: Vec<_> = (0..CALLERS)
        .map(|caller| go(Box::new(move |world| world.caller(caller))))
        .collect();
    threads.push(go(Box::new(|world| {
        shuttle::thread::yield_now();
        world.queue.close();
        world.queue.close();
    })));
    let taken = {
        let world = Arc::clone(&world);
        shuttle::thread::spawn(move || committer(&world, intake, end))
    };
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    let taken = taken.join().unwrap();
    for caller in 0..CALLERS {
        let own = taken.iter().filter(|(of, _)| *of == caller);
        assert!(own.is_sorted(), "not in order: {taken:?}");
    }
    assert_eq!(*locked(&world.wrong), Vec::<String>::new());
    let mut answers = std::mem::take(&mut *locked(&world.answers));
    answers.sort_unstable();
    let submitted = (0..CALLERS).flat_map(|caller| (0..EACH).map(move |n| (caller, n)));
    assert_eq!(answers, submitted.collect::<Vec<_>>(), "one answer each");
    assert_eq!(world.queue.counted(), (0, 0), "places are held");
}

#[test]
fn each_submission_is_answered_once_in_order_and_within_the_bounds() {
    orders(|| one_order(End::Closed), ORDERS);
    orders(|| one_order(End::Poisoned), ORDERS / 4);
    orders(|| one_order(End::Gone), ORDERS / 4);
}

#[test]
fn a_queue_that_is_wrong_is_noticed() {
    for (bug, words) in [
        (Bug::CountLate, &["wait"][..]),
        (Bug::CloseUnheard, &["deadlock"]),
        (Bug::ForgetOrder, &["not in order"]),
        (Bug::LateIsQueued, &["one answer each"]),
    ] {
        notices(bug, words, || one_order(End::Closed), ORDERS);
    }
}
