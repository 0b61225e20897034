//! Writers and readers at once. Afterwards the acknowledgements say in which order
//! the transactions were committed, so every answer that a reader got can be held
//! against the state at the sequence it was as of.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use formdb_engine::types::BoundingBox;
use formdb_engine::{Ack, BoxQuery, Database, Durability, Error, Limits, Order, RangeQuery, Reply};
use serde_json::Value;

use super::ask::{Points, compare, parsed, prepare, same};
use super::disk::{Op, SimFs};
use super::generate::transaction;
use super::model::{Change, Model, Version};
use super::workload::{Workload, limits, limits_of_one, open, open_with};
use super::{mixed, random, report, seeds};

const WRITERS: u64 = 4;
const READERS: u64 = 4;
/// Transactions of each writer.
const TRANSACTIONS: usize = 300;

/// What a reader was answered.
#[derive(Debug)]
enum Answer {
    /// All features, in pages.
    Features(Vec<Value>),
    /// All points of a series, in pages.
    Points(String, Points),
    /// A version of a feature, seen no later than at the sequence it is filed under.
    Feature(String, Option<u64>),
}

/// An answer, and the sequences known to be published before and after it.
struct Seen {
    before: u64,
    at: u64,
    answer: Answer,
}

struct Shared {
    db: Database,
    /// The greatest sequence that was acknowledged.
    acked: AtomicU64,
    commits: Mutex<Vec<(u64, u64, Vec<Change>)>>,
    ended: AtomicBool,
}

impl Shared {
    fn write(&self, writer: u64, seed: u64) {
        for n in 0..TRANSACTIONS {
            let changes = transaction(mixed(seed, writer), n, &Model::default());
            let prepared = prepare(&self.db, &changes).unwrap();
            let ack = self.db.write(prepared.operations).unwrap();
            self.acked.fetch_max(ack.last_seq, Ordering::SeqCst);
            let mut commits = self.commits.lock().unwrap();
            commits.push((ack.first_seq, ack.last_seq, changes));
        }
    }

    fn read(&self, reader: u64, seed: u64) -> Vec<Seen> {
        let mut seen: Vec<Seen> = Vec::new();
        let mut state = mixed(seed, 1_000 + reader);
        let mut last = 0;
        while !self.ended.load(Ordering::Relaxed) {
            let before = self.acked.load(Ordering::SeqCst);
            let past = random(&mut state) as usize % (seen.len() + 1);
            let past = seen.get(past).map(|seen| seen.at);
            let (at, answer) = match random(&mut state) % 4 {
                0 => self.features(1 + random(&mut state) as usize % 40, None),
                3 if past.is_some() => {
                    let (at, answer) = self.features(1_000, past);
                    let before = at;
                    seen.push(Seen { before, at, answer });
                    continue;
                }
                1 => self.points(
                    before,
                    random(&mut state) % 3,
                    1 + random(&mut state) as usize % 200,
                ),
                _ => self.feature(random(&mut state) % 17),
            };
            assert!(
                at >= before,
                "{before} was acknowledged, and then {at} was read"
            );
            // What was not found carries no sequence of its own.
            let missing = matches!(&answer, Answer::Points(_, found) if found.is_empty());
            assert!(at >= last || missing, "{last} was read, and then {at}");
            last = last.max(at);
            seen.push(Seen { before, at, answer });
        }
        seen
    }

    fn features(&self, limit: usize, as_of: Option<u64>) -> (u64, Answer) {
        let mut query = BoxQuery {
            bbox: BoundingBox::parse("-180,-90,180,90").unwrap(),
            limit,
            cursor: None,
            as_of,
        };
        let mut found = Vec::new();
        loop {
            let page = self.db.features_in_box(&query).unwrap();
            found.extend(parsed::<Vec<Value>>(&page.json).unwrap());
            query.cursor = page.next;
            if query.cursor.is_none() {
                return (page.seq, Answer::Features(found));
            }
        }
    }

    fn points(&self, before: u64, series: u64, limit: usize) -> (u64, Answer) {
        let id = format!("s{series}");
        let mut found = Points::new();
        let mut cursor: Option<String> = None;
        loop {
            let query = RangeQuery {
                series: &id,
                start: i64::MIN,
                end: i64::MAX,
                values: None,
                order: Order::Ascending,
                limit,
                cursor: cursor.as_deref(),
                as_of: None,
            };
            let page = match self
                .db
                .range(&query, &self.db.budget(formdb_engine::Cancel::default()))
            {
                Ok(page) => page,
                // It was not there at any time up to its call.
                Err(Error::NotFound { .. }) => return (before, Answer::Points(id, found)),
                Err(other) => panic!("{other}"),
            };
            found.extend(page.points.iter().map(|p| (p.timestamp, p.value)));
            cursor = page.next;
            if cursor.is_none() {
                return (page.seq, Answer::Points(id, found));
            }
        }
    }

    fn feature(&self, id: u64) -> (u64, Answer) {
        let id = format!("f{id}");
        let version = match self.db.feature(&id, None) {
            Ok(document) => Some(document.seq),
            Err(Error::NotFound { .. }) => None,
            Err(other) => panic!("{other}"),
        };
        (self.db.info().unwrap().seq, Answer::Feature(id, version))
    }
}

/// Hold an answer against the state at its sequence.
fn check(seen: &Seen, model: &Model) -> Result<(), String> {
    same(
        "the sequence of an answer is the end of a transaction",
        seen.at,
        model.seq,
    )?;
    match &seen.answer {
        Answer::Features(found) => {
            let expected = model.in_box([-180.0, -90.0, 180.0, 90.0]);
            same("features", found.iter().collect(), expected)
        }
        Answer::Points(id, found) => same("points", found, &model.points(id)),
        Answer::Feature(id, version) => {
            // Its newest version before the call, or one that came during it.
            let versions = model.versions.get(id).map_or(&[][..], Vec::as_slice);
            let newer = versions.partition_point(|(seq, _)| *seq <= seen.before);
            let possible = &versions[newer.saturating_sub(1)..];
            let shown = |(seq, feature): &Version| feature.as_ref().map(|_| *seq);
            if newer == 0 && version.is_none() || possible.iter().any(|v| shown(v) == *version) {
                return Ok(());
            }
            let before = seen.before;
            Err(format!(
                "{id}: {version:?} of {possible:?}, {before} was acknowledged"
            ))
        }
    }
}

#[test]
fn every_reader_sees_the_state_of_one_sequence_and_never_an_older_one_again() {
    let began = Instant::now();
    let (mut transactions, mut answers) = (0, 0);
    for seed in seeds(2) {
        let shared = Shared {
            db: open(&SimFs::new()).unwrap(),
            acked: AtomicU64::new(0),
            commits: Mutex::default(),
            ended: AtomicBool::new(false),
        };
        let mut seen: Vec<Seen> = std::thread::scope(|scope| {
            let shared = &shared;
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| scope.spawn(move || shared.write(writer, seed)))
                .collect();
            let readers: Vec<_> = (0..READERS)
                .map(|reader| scope.spawn(move || shared.read(reader, seed)))
                .collect();
            let written: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
            shared.ended.store(true, Ordering::Relaxed);
            written.into_iter().for_each(Result::unwrap);
            let results = readers.into_iter().map(|reader| reader.join());
            results.flat_map(Result::unwrap).collect()
        });

        let mut commits = shared.commits.into_inner().unwrap();
        commits.sort_by_key(|(first, _, _)| *first);
        seen.sort_by_key(|seen| seen.at);
        let mut model = Model::default();
        let mut answers_left = seen.iter().peekable();
        for (first, last, changes) in &commits {
            while let Some(seen) = answers_left.next_if(|seen| seen.at < *first) {
                check(seen, &model).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            }
            assert_eq!(*first, model.seq + 1, "sequences have no gap");
            model.apply(changes);
            assert_eq!(*last, model.seq);
        }
        for seen in answers_left {
            check(seen, &model).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        }
        compare(&shared.db, &model).unwrap();
        transactions += commits.len();
        answers += seen.len();
    }
    let figures = [
        ("writers", WRITERS as usize),
        ("readers", READERS as usize),
        ("transactions", transactions),
        ("answers compared", answers),
    ];
    report("readers and writers", began, &figures);
}

/// The commit queue under load, closed in the middle of it.
#[test]
fn every_submission_is_answered_once_and_what_was_acked_is_there_after_a_close() {
    let began = Instant::now();
    let (mut acks, mut refusals, mut closes) = (0, 0, 0);
    for seed in seeds(40) {
        let fs = SimFs::new();
        let limits = Limits {
            queue_transactions: 8,
            ..limits()
        };
        let db = open_with(&fs, limits).unwrap();
        let busy = AtomicU64::new(0);
        let (sender, receiver) = mpsc::channel();
        let taken: u64 = std::thread::scope(|scope| {
            let submitters: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let (db, busy, sender) = (&db, &busy, sender.clone());
                    scope.spawn(move || submit_until_closed(db, busy, &sender, mixed(seed, writer)))
                })
                .collect();
            std::thread::sleep(Duration::from_micros(mixed(seed, 99) % 5_000));
            db.close();
            submitters.into_iter().map(|s| s.join().unwrap()).sum()
        });
        drop(sender);
        let mut acked: Vec<Ack> = Vec::new();
        let mut closed = 0;
        for answer in receiver {
            match answer {
                Ok(ack) => acked.push(ack),
                Err(Error::Closed) => closed += 1,
                Err(other) => panic!("seed {seed}: {other}"),
            }
        }
        assert_eq!(
            taken,
            acked.len() as u64 + closed,
            "seed {seed}: each is answered once"
        );
        acked.sort_by_key(|ack| ack.first_seq);
        let mut seq = 0;
        for ack in &acked {
            assert_eq!(ack.first_seq, seq + 1, "seed {seed}");
            seq = ack.last_seq;
        }
        let db = open(&fs).unwrap();
        assert_eq!(
            db.info().unwrap().seq,
            seq,
            "seed {seed}: nothing else was written"
        );
        db.close();
        acks += acked.len();
        refusals += busy.into_inner() as usize;
        closes += 1;
    }
    let figures = [
        ("closes", closes),
        ("acknowledged", acks),
        ("refused as busy", refusals),
    ];
    report("closing under load", began, &figures);
}

/// Submit without waiting until the database is closed. Returns how many were taken.
fn submit_until_closed(
    db: &Database,
    busy: &AtomicU64,
    answers: &mpsc::Sender<Result<Ack, Error>>,
    seed: u64,
) -> u64 {
    let mut taken = 0;
    for n in 0.. {
        let prepared = prepare(db, &transaction(seed, n, &Model::default())).unwrap();
        let sender = answers.clone();
        let reply = Reply::new(move |answer| drop(sender.send(answer)));
        match db.submit(prepared, reply) {
            Ok(()) => taken += 1,
            Err(Error::Busy { .. }) => {
                busy.fetch_add(1, Ordering::Relaxed);
                std::thread::yield_now();
            }
            Err(Error::Closed) => break,
            Err(other) => panic!("{other}"),
        }
    }
    taken
}

#[test]
fn nothing_is_seen_before_it_is_durable_and_in_the_indexes() {
    let began = Instant::now();
    let mut transactions = 0;
    for seed in seeds(3) {
        let fs = SimFs::new();
        let db = open(&fs).unwrap();
        let mut model = Model::default();
        for n in 0..30 {
            let changes = transaction(seed, n, &model);
            let prepared = prepare(&db, &changes).unwrap();
            let (sender, receiver) = mpsc::channel();
            fs.hold(|op| matches!(op, Op::SyncData(_)));
            db.submit(
                prepared,
                Reply::new(move |answer| sender.send(answer).unwrap()),
            )
            .unwrap();
            assert!(fs.await_held(), "seed {seed}, {n}: nothing is synced");
            assert!(
                receiver.try_recv().is_err(),
                "seed {seed}, {n}: acknowledged"
            );
            compare(&db, &model).unwrap_or_else(|e| panic!("seed {seed}, {n}: {e}"));
            fs.release();
            receiver.recv().unwrap().unwrap();
            model.apply(&changes);
            compare(&db, &model).unwrap_or_else(|e| panic!("seed {seed}, {n}: {e}"));
            transactions += 1;
        }
        db.close();
    }
    report(
        "reading while a sync is under way",
        began,
        &[("transactions", transactions)],
    );
}

/// A group is under way, and the next is made: it is in the indexes, and nothing of it
/// is seen.
#[test]
fn nor_of_a_group_that_is_under_way_while_the_next_is_made() {
    let began = Instant::now();
    let mut transactions = 0;
    for seed in seeds(3) {
        let workload = Workload::queued(seed, vec![Durability::Sync; 61]);
        let fs = SimFs::new();
        // Nothing is synced but groups: no segment is begun, and with the first write the mark
        // of what is durable is there.
        let limits = Limits {
            segment_bytes: 1 << 20,
            ..limits_of_one()
        };
        let db = open_with(&fs, limits).unwrap();
        let (sender, receiver) = mpsc::channel();
        let submit = |n: usize| {
            let sender = sender.clone();
            let reply = Reply::new(move |answer| sender.send((n, answer)).unwrap());
            db.submit(workload.prepare(&db, n).unwrap(), reply).unwrap();
        };
        let acked = |n: usize| {
            let (number, answer) = receiver.recv().unwrap();
            answer.unwrap();
            assert_eq!(number, n, "seed {seed}");
        };
        let seen = |n: usize| {
            // The committer is at it by now.
            std::thread::sleep(Duration::from_millis(2));
            assert!(
                receiver.try_recv().is_err(),
                "seed {seed}, {n}: acknowledged"
            );
            let compared = compare(&db, &workload.models[n]);
            compared.unwrap_or_else(|e| panic!("seed {seed}, {n}: {e}"));
        };
        submit(0);
        acked(0);
        for first in (1..61).step_by(6) {
            fs.hold(|op| matches!(op, Op::SyncData(_)));
            submit(first);
            assert!(fs.await_held(), "seed {seed}, {first}: nothing is synced");
            (first + 1..first + 4).for_each(submit);
            fs.let_on();
            acked(first);
            assert!(
                fs.await_held(),
                "seed {seed}, {first}: the group is not synced"
            );
            seen(first + 1);
            (first + 4..first + 6).for_each(submit);
            seen(first + 1);
            fs.release();
            (first + 1..first + 6).for_each(acked);
            seen(first + 6);
            transactions += 6;
        }
        db.close();
    }
    report(
        "reading while groups are under way",
        began,
        &[("transactions", transactions)],
    );
}

#[test]
fn an_answer_as_of_a_time_waits_for_what_was_begun_by_then_and_never_changes() {
    let began = Instant::now();
    let fs = SimFs::new();
    let db = open(&fs).unwrap();
    let mut model = Model::default();
    let mut waited = 0;
    let mut told: Vec<(i64, u64)> = Vec::new();
    for n in 0..30 {
        let changes = transaction(5, n, &model);
        let prepared = prepare(&db, &changes).unwrap();
        model.apply(&changes);
        let (sender, receiver) = mpsc::channel();
        fs.hold(|op| matches!(op, Op::SyncData(_)));
        let reply = Reply::new(move |answer| sender.send(answer).unwrap());
        db.submit(prepared, reply).unwrap();
        assert!(fs.await_held(), "{n}: nothing is synced");
        // Its time was taken before the sync, so it counts as of now.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.unwrap().as_micros() as i64;
        std::thread::scope(|scope| {
            let answer = scope.spawn(|| db.seq_at(now).unwrap());
            std::thread::sleep(Duration::from_millis(3));
            waited += usize::from(!answer.is_finished());
            fs.release();
            let ack = receiver.recv().unwrap().unwrap();
            let seq = answer.join().unwrap();
            assert!(ack.time <= now);
            assert_eq!((seq, ack.last_seq), (model.seq, model.seq), "{n}");
            told.push((now, seq));
        });
        for (time, seq) in &told {
            assert_eq!(db.seq_at(*time).unwrap(), *seq, "{n}: as of {time}");
        }
    }
    assert_eq!(waited, 30);
    db.close();
    let figures = [
        ("answers waited for", waited),
        ("and asked again", told.len()),
    ];
    report("as of a time", began, &figures);
}
