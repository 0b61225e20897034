//! The table of transactions under `shuttle`, which decides whose turn it is: status,
//! apply, two commits, abort, the end of a lease and the committer's answer at once, in
//! thousands of orders. A run in which everybody waits fails by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::status::{Figures, Phase};
use crate::block::Ack;
use crate::error::Error;
use crate::planted::Bug;
use crate::sync::model as sync;
use sync::{Receiver, Sender, notices, orders, unbounded};

#[path = "table.rs"]
#[allow(
    clippy::duplicate_mod,
    dead_code,
    reason = "the same file with other locks; of what it has, that is used which they decide"
)]
mod table;

use table::{Committable, LAPSED, New, Table};

const LEASE: Duration = Duration::from_secs(30);
const ORDERS: usize = 6_000;

/// Operations that a transaction holds, each with the memory that it takes.
type Contents = Vec<(u32, Arc<()>)>;

/// A commit on its way to the committer, or the question how the one before it ends; and
/// where the answer goes.
#[derive(Debug)]
struct Handed {
    contents: Option<Contents>,
    answer: Sender<Phase>,
}

/// A database that is only its transactions and the committer's queue.
struct World {
    table: Table<Contents>,
    /// `None`: end.
    queue: Sender<Option<Handed>>,
    memory: Arc<()>,
}

/// How a commit was answered.
#[derive(Debug)]
enum Told {
    Refused,
    /// It is on its way; the answer follows.
    Queued(Receiver<Phase>),
    /// It is answered as one before it was.
    Again,
    /// There was nothing to write.
    Nothing,
}

/// What one thread has seen.
#[derive(Debug, Default)]
struct Account {
    applied: Vec<u32>,
    aborted: bool,
    /// What the answers to commits were, and how many began to write.
    answers: Vec<Phase>,
    commits: usize,
    /// What commits were refused with.
    refused: Vec<String>,
    /// What the committer wrote.
    written: Vec<u32>,
    seen: Vec<Phase>,
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

/// After the end of every lease.
fn later() -> Instant {
    Instant::now() + 10 * LEASE
}

/// That one which somebody uses has ended, but not because it was not used.
fn not_lapsed(ended: Error) -> Error {
    let said = ended.to_string();
    assert!(!said.contains(LAPSED), "it lapsed while it was used");
    ended
}

impl World {
    fn apply(&self, operation: u32) -> Result<(), Error> {
        let using = self.table.enter("t", Instant::now())?;
        let mut contents = using.held().lock();
        contents.push((operation, Arc::clone(&self.memory)));
        let figures = Figures {
            operations: contents.len(),
            bytes: 0,
        };
        using.added(figures).map_err(not_lapsed)
    }

    /// As [`super::Database::commit`]; `busy`: the queue is full.
    fn commit(&self, busy: bool, account: &mut Account) -> Result<Told, Error> {
        let using = match self.table.enter_to_commit("t", Instant::now())? {
            Committable::Entered(using) => using,
            Committable::Committed(_) => return Ok(Told::Again),
        };
        let mut contents = using.held().lock();
        let phase = using.phase()?;
        let taken = match phase {
            Phase::Open if contents.is_empty() => {
                using.end(Phase::Committed(None)).map_err(not_lapsed)?;
                return Ok(Told::Nothing);
            }
            Phase::Open => {
                using.commit().map_err(not_lapsed)?;
                Some(std::mem::take(&mut *contents))
            }
            Phase::Committing => None,
            _ => return self.table.answer("t").map(|_| Told::Again),
        };
        if let (Some(taken), true) = (&taken, busy) {
            contents.clone_from(taken);
            using.reopen();
            return Ok(Told::Refused);
        }
        account.commits += usize::from(taken.is_some());
        let (answer, answered) = unbounded();
        let handed = Handed {
            contents: taken,
            answer,
        };
        self.queue.send(Some(handed)).unwrap();
        Ok(Told::Queued(answered))
    }

    fn phase(&self) -> Phase {
        match self.table.status("t", Instant::now()) {
            Ok(status) => status.phase,
            Err(error) => panic!("the transaction is forgotten: {error}"),
        }
    }

    /// Write what comes, or refuse it, and answer each.
    fn committer(&self, commits: &Receiver<Option<Handed>>, refuses: bool) -> Account {
        let mut account = Account::default();
        while let Ok(Some(Handed { contents, answer })) = commits.recv() {
            if let Some(contents) = contents {
                let decided = match refuses {
                    true => Err(Error::Conflict {
                        detail: "a conflict".to_owned(),
                    }),
                    false => Ok(ack()),
                };
                if !refuses {
                    account.written.extend(contents.iter().map(|(n, _)| *n));
                }
                drop(contents);
                self.table.settle("t", &decided);
            }
            let told = match self.table.answer("t") {
                Ok(ack) => Ok(ack.unwrap()),
                Err(refusal) => Err(refusal),
            };
            answer.send(Phase::after(&told)).unwrap();
        }
        account
    }
}

/// Commit, and wait for the answer.
fn commits(world: &World) -> Account {
    let mut account = Account::default();
    for busy in [true, false] {
        match world.commit(busy, &mut account) {
            Ok(Told::Queued(answered)) => {
                account.answers.push(answered.recv().unwrap());
                account.seen.push(world.phase());
                assert!(answered.recv().is_err(), "it was answered twice");
            }
            Ok(Told::Again) => account.seen.push(world.phase()),
            Ok(Told::Refused | Told::Nothing) => {}
            Err(refusal) => account.refused.push(refusal.to_string()),
        }
    }
    account
}

fn one_order(refuses: bool) {
    let (queue, handed) = unbounded();
    let memory = Arc::new(());
    let world = Arc::new(World {
        table: Table::new(4, LEASE, drop),
        queue,
        memory: Arc::clone(&memory),
    });
    let new = New {
        id: "t".to_owned(),
        actor: None,
        seq: 0,
        read_only: false,
        held: Contents::new(),
    };
    world.table.begin(new, Instant::now()).unwrap();
    let go = |work: Box<dyn FnOnce(&World) -> Account + Send>| {
        let world = Arc::clone(&world);
        shuttle::thread::spawn(move || work(&world))
    };
    let committer = go(Box::new(move |world| world.committer(&handed, refuses)));
    let threads = [
        go(Box::new(|world| Account {
            applied: (1..3).filter(|n| world.apply(*n).is_ok()).collect(),
            ..Account::default()
        })),
        go(Box::new(commits)),
        go(Box::new(commits)),
        go(Box::new(|world| Account {
            aborted: world.table.abort("t", "aborted", Instant::now()).is_ok(),
            ..Account::default()
        })),
        go(Box::new(|world| {
            while world.table.lapse(later()) {}
            let late = world.table.status("t", later()).unwrap().phase;
            let seen = [late, world.phase(), world.phase()].into();
            Account {
                seen,
                ..Account::default()
            }
        })),
    ];
    let mut all = Account::default();
    let mut add = |part: Account| {
        all.applied.extend(part.applied);
        all.aborted |= part.aborted;
        all.answers.extend(part.answers);
        all.commits += part.commits;
        all.refused.extend(part.refused);
        all.written.extend(part.written);
        // Of one thread, in its order: what has ended stays as it ended.
        let open = |phase: &&Phase| matches!(phase, Phase::Open | Phase::Committing);
        all.seen.extend(part.seen.iter().skip_while(open).cloned());
    };
    threads
        .into_iter()
        .for_each(|thread| add(thread.join().unwrap()));
    world.queue.send(None).unwrap();
    add(committer.join().unwrap());
    check(&world, &all);
    let _ = world.table.abort("t", "the end", Instant::now());
    assert_eq!(Arc::strong_count(&memory), 2, "memory is held");
}

/// It has one end, and nobody was told of another.
fn check(world: &World, all: &Account) {
    let last = world.phase();
    match &last {
        Phase::Committed(None) => assert!(all.applied.is_empty(), "{all:?}"),
        Phase::Committed(Some(_)) => {
            assert!(!all.aborted, "aborted, yet committed: {all:?}");
            assert!(all.refused.is_empty(), "refused, yet committed: {all:?}");
            assert_eq!(all.written, all.applied, "{all:?}");
        }
        Phase::Aborted(_) => {
            assert!(all.written.is_empty(), "written, yet aborted: {all:?}");
        }
        Phase::Open => assert!(!all.aborted, "aborted, yet open: {all:?}"),
        Phase::Committing | Phase::Unsettled(_) => panic!("its end was not told: {all:?}"),
    }
    assert!(all.commits < 2, "committed twice: {all:?}");
    for end in all.seen.iter().chain(&all.answers) {
        assert_eq!(end, &last, "{all:?}");
    }
    let open = world.table.open(None).0;
    assert_eq!(open.is_empty(), last != Phase::Open, "{open:?}");
}

#[test]
fn a_transaction_has_one_end_whoever_comes_first() {
    orders(|| one_order(false), ORDERS);
    orders(|| one_order(true), ORDERS / 4);
}

#[test]
fn a_table_that_is_wrong_is_noticed() {
    for (bug, words) in [
        (Bug::AbortChecksFirst, &["aborted"][..]),
        (Bug::WaitUnderTable, &["deadlock"][..]),
        (
            Bug::LapseWhileUsed,
            &["it lapsed while it was used", "written, yet aborted"][..],
        ),
        (Bug::HoldAborted, &["memory is held"][..]),
    ] {
        notices(bug, words, || one_order(false), ORDERS);
    }
}
