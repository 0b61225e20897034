//! Points at timestamps that their series has already, corrections and defaults: held against
//! plain lists, after everything that is done, as of earlier, and opened again.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]
#![allow(dead_code, reason = "the harness has parts that other tests use")]

#[path = "support/oracles.rs"]
mod oracles;
mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use formdb_engine::types::{OnDuplicate, TimeReading, point_id};
use formdb_engine::{
    Ack, Begin, Cancel, Commit, Database, Durability, Error, IdempotencyKey, Limits, Operation,
    Order, PreparedCorrection, RangeQuery, Reply, Transaction, Undo, Wait,
};
use oracles::{cases, compared};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::SimFs;
use support::calls::{self, code};

fn open(fs: &SimFs) -> Arc<Database> {
    let limits = Limits {
        segment_bytes: 4_096,
        snapshot_bytes: 1,
        ..Limits::default()
    };
    Arc::new(Database::open(Arc::new(fs.clone()), Path::new("/data/db"), limits).unwrap())
}

/// Of each series its points by time, those of one time in order of arrival.
type State = BTreeMap<String, BTreeMap<i64, Vec<f64>>>;

type Row = (&'static str, i64, f64, bool);

/// What the database shows.
fn shown(db: &Database, as_of: Option<u64>) -> State {
    let mut state = State::new();
    for series in ["a", "b"] {
        let page = match calls::points(db, series, as_of) {
            Ok(page) => page,
            Err(Error::NotFound { .. }) => continue,
            Err(other) => panic!("{other}"),
        };
        let points = state.entry(series.to_owned()).or_default();
        for point in page.points {
            points.entry(point.timestamp).or_default().push(point.value);
        }
    }
    state
}

fn plain(state: &State) -> State {
    let mut state = state.clone();
    for points in state.values_mut() {
        points.retain(|_, values| !values.is_empty());
    }
    state.retain(|_, points| !points.is_empty());
    state
}

/// Puts rows into a state, one after the other; how many were put, and how many went. None
/// where they are refused.
fn put_plain(state: &mut State, asked: OnDuplicate, rows: &[Row]) -> Option<(u64, u64)> {
    let (mut put, mut gone) = (0, 0);
    for (series, timestamp, value, _) in rows {
        let points = state.entry((*series).to_owned()).or_default();
        let there = points.entry(*timestamp).or_default();
        match asked {
            OnDuplicate::Replace => gone += there.drain(..).count() as u64,
            OnDuplicate::Ignore if !there.is_empty() => continue,
            OnDuplicate::Refuse if !there.is_empty() => return None,
            _ => {}
        }
        there.push(*value);
        put += 1;
    }
    Some((put, gone))
}

fn list(rows: &[Row]) -> String {
    let point = |(series, timestamp, value, own): &Row| {
        let mut point = json!({"series_id": series, "timestamp": timestamp, "value": value});
        if *own {
            point["provenance"] = json!({"note": "of its own"});
            point["metadata"] = json!({"n": value});
        }
        point
    };
    json!({"points": rows.iter().map(point).collect::<Vec<Value>>()}).to_string()
}

fn putting(db: &Database, asked: Option<OnDuplicate>, rows: &[Row]) -> Vec<Operation> {
    let prepared = db.prepare_points(list(rows).as_bytes()).unwrap();
    prepared.on_duplicate(asked).operations
}

fn correct(db: &Database, prepared: PreparedCorrection) -> Result<Ack, Error> {
    db.write_transaction(Transaction {
        operations: prepared.operations,
        conditions: prepared.conditions,
        ..Transaction::default()
    })
}

fn undo(db: &Database, what: &Value) -> Result<Ack, Error> {
    let undo = Undo::parse(what.to_string().as_bytes(), false)?;
    let prepared = db.prepare_undo(&undo, None, &db.budget(Cancel::default()))?;
    db.write_transaction(Transaction {
        operations: prepared.operations,
        conditions: prepared.conditions,
        ..Transaction::default()
    })
}

fn set_default(db: &Database, word: &str) -> Ack {
    let text = format!(r#"{{"on_duplicate":"{word}","provenance":{{"agent":"x"}}}}"#);
    let operation = db.prepare_defaults(text.as_bytes()).unwrap();
    db.write(vec![operation]).unwrap()
}

/// Submits all at once, so that many are of one group, and waits for the answers.
fn at_once(db: &Database, all: Vec<Vec<Operation>>) -> Vec<Result<Ack, Error>> {
    let (sender, receiver) = crossbeam_channel::unbounded();
    let count = all.len();
    for (n, operations) in all.into_iter().enumerate() {
        let sender = sender.clone();
        let reply = Reply::new(move |answer| drop(sender.send((n, answer))));
        let transaction = Transaction {
            operations,
            ..Transaction::default()
        };
        db.submit(transaction, reply).unwrap();
    }
    let mut answers: Vec<_> = receiver.iter().take(count).collect();
    answers.sort_by_key(|(n, _)| *n);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Whether it is of the first series, when, and whether with a provenance of its own.
type Rows = Vec<(bool, i64, bool)>;

#[derive(Debug, Clone)]
enum Step {
    Put(Option<OnDuplicate>, Rows),
    AtOnce(Vec<(OnDuplicate, Rows)>),
    Transaction(Vec<(OnDuplicate, Rows)>),
    Delete(bool, i64, i64),
    DeletePoint(usize),
    CorrectPoint(usize, Option<i64>, OnDuplicate),
    Replace(bool, i64, i64, Vec<i64>, OnDuplicate),
    Default(OnDuplicate),
    UndoLast,
    Reopen,
}

fn asked() -> impl Strategy<Value = OnDuplicate> {
    prop_oneof![
        Just(OnDuplicate::Keep),
        Just(OnDuplicate::Replace),
        Just(OnDuplicate::Ignore),
        Just(OnDuplicate::Refuse),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let rows = || prop::collection::vec((any::<bool>(), 0..6_i64, any::<bool>()), 0..6);
    let several = || prop::collection::vec((asked(), rows()), 1..5);
    prop_oneof![
        4 => (prop::option::of(asked()), rows()).prop_map(|(a, r)| Step::Put(a, r)),
        2 => several().prop_map(Step::AtOnce),
        2 => several().prop_map(Step::Transaction),
        1 => (any::<bool>(), 0..6_i64, 0..6_i64).prop_map(|(s, a, b)| Step::Delete(s, a, b)),
        2 => (0..20_usize).prop_map(Step::DeletePoint),
        2 => (0..20_usize, prop::option::of(0..6_i64), asked())
            .prop_map(|(n, t, a)| Step::CorrectPoint(n, t, a)),
        2 => (any::<bool>(), 0..6_i64, 0..4_i64, prop::collection::vec(0..4_i64, 0..4), asked())
            .prop_map(|(s, a, n, t, o)| Step::Replace(s, a, n, t, o)),
        1 => asked().prop_map(Step::Default),
        3 => Just(Step::UndoLast),
        1 => Just(Step::Reopen),
    ]
}

struct World {
    fs: SimFs,
    db: Arc<Database>,
    /// The state after each transaction, with its last sequence; and the defaults.
    states: Vec<(u64, State, OnDuplicate)>,
    values: f64,
}

impl World {
    fn new() -> Self {
        let fs = SimFs::new();
        let db = open(&fs);
        let states = vec![(0, State::new(), OnDuplicate::Keep)];
        Self {
            fs,
            db,
            states,
            values: 0.0,
        }
    }

    fn now(&self) -> (State, OnDuplicate) {
        let (_, state, defaults) = self.states.last().unwrap();
        (state.clone(), *defaults)
    }

    fn rows(&mut self, rows: &[(bool, i64, bool)]) -> Vec<Row> {
        let rows = rows.iter().map(|(series, timestamp, own)| {
            self.values += 1.0;
            (
                if *series { "a" } else { "b" },
                *timestamp,
                self.values,
                *own,
            )
        });
        rows.collect()
    }

    fn push(&mut self, state: State, defaults: OnDuplicate) {
        let seq = self.db.info().unwrap().seq;
        if seq > self.states.last().unwrap().0 {
            self.states.push((seq, state, defaults));
        }
    }

    /// What a put is answered with, and what there is then.
    fn check_put(
        &self,
        answer: &Result<Ack, Error>,
        state: &mut State,
        asked: OnDuplicate,
        rows: &[Row],
    ) {
        let mut after = state.clone();
        match (put_plain(&mut after, asked, rows), answer) {
            (None, Err(Error::PointExists { pointer, .. })) => {
                let place: usize = pointer.split('/').nth(2).unwrap().parse().unwrap();
                assert!(place < rows.len(), "{pointer}");
            }
            (Some((put, gone)), Ok(ack)) => {
                assert_eq!(
                    (ack.points_put, ack.points_deleted),
                    (put, gone),
                    "{asked:?} {rows:?}"
                );
                assert_eq!(ack.wrote(), put > 0);
                *state = after;
            }
            (expected, found) => panic!("{asked:?} {rows:?}: {expected:?} and {found:?}"),
        }
    }

    /// Ids of all points that are there, with their series, times and places.
    fn ids(&self) -> Vec<(&'static str, i64, usize, String)> {
        let mut ids = Vec::new();
        for series in ["a", "b"] {
            let Ok(page) = calls::points(&self.db, series, None) else {
                continue;
            };
            let mut at = BTreeMap::new();
            for point in page.points {
                let nth = at.entry(point.timestamp).or_insert(0_usize);
                let id = point_id(point.source.seq, point.source.index);
                ids.push((series, point.timestamp, *nth, id));
                *nth += 1;
            }
        }
        ids
    }

    fn step(&mut self, step: &Step) {
        let (mut state, defaults) = self.now();
        match step {
            Step::Put(asked, rows) => {
                let rows = self.rows(rows);
                if rows.is_empty() {
                    return;
                }
                let answer = self.db.write(putting(&self.db, *asked, &rows));
                self.check_put(&answer, &mut state, asked.unwrap_or(defaults), &rows);
                self.push(state, defaults);
            }
            Step::AtOnce(puts) => {
                let mut puts: Vec<_> = puts.iter().map(|(a, rows)| (*a, self.rows(rows))).collect();
                puts.retain(|(_, rows)| !rows.is_empty());
                let all = puts
                    .iter()
                    .map(|(a, rows)| putting(&self.db, Some(*a), rows));
                let answers = at_once(&self.db, all.collect());
                for ((asked, rows), answer) in puts.iter().zip(&answers) {
                    self.check_put(answer, &mut state, *asked, rows);
                    if let Ok(ack) = answer
                        && ack.wrote()
                    {
                        self.states.push((ack.last_seq, state.clone(), defaults));
                    }
                }
            }
            Step::Transaction(puts) => {
                let txn = self.db.begin(Begin::default()).unwrap().id;
                let mut any = false;
                for (asked, rows) in puts {
                    let rows = self.rows(rows);
                    if rows.is_empty() {
                        continue;
                    }
                    let operations = putting(&self.db, Some(*asked), &rows);
                    let applied = self.db.apply(&txn, operations);
                    let mut after = state.clone();
                    match put_plain(&mut after, *asked, &rows) {
                        None => assert_eq!(code(applied), "point_exists"),
                        Some(_) => {
                            applied.unwrap();
                            any = true;
                            state = after;
                        }
                    }
                    assert_eq!(self.seen_in(&txn), plain(&state));
                }
                let (sender, receiver) = crossbeam_channel::bounded(1);
                let reply = Reply::new(move |answer| drop(sender.send(answer)));
                match self.db.commit(&txn, Transaction::default(), reply).unwrap() {
                    Commit::Queued => drop(receiver.recv().unwrap().unwrap()),
                    _ => assert!(!any),
                }
                self.push(state, defaults);
            }
            Step::Delete(series, start, end) if start <= end => {
                let series = if *series { "a" } else { "b" };
                let delete = self.db.prepare_delete_points(series, *start, *end, None);
                let ack = self.db.write(vec![delete.unwrap()]).unwrap();
                let points = state.entry(series.to_owned()).or_default();
                let gone: usize = points.range(*start..*end).map(|(_, v)| v.len()).sum();
                points.retain(|timestamp, _| !(start..end).contains(&timestamp));
                assert_eq!(ack.points_deleted, gone as u64);
                self.push(state, defaults);
            }
            Step::DeletePoint(n) => {
                let ids = self.ids();
                let Some((series, timestamp, nth, id)) = ids.get(*n % ids.len().max(1)) else {
                    return;
                };
                let other = if *series == "a" { "b" } else { "a" };
                assert_eq!(
                    code(self.db.prepare_delete_point(other, id, None)),
                    "point_not_found"
                );
                let delete = || self.db.prepare_delete_point(series, id, None).unwrap();
                let budget = self.db.budget(Cancel::default());
                let absence = |series: &str| self.db.point_absence(series, id, &budget).unwrap();
                assert_eq!(absence(series), None);
                assert!(
                    absence(other)
                        .unwrap()
                        .detail
                        .ends_with("and there never was")
                );
                let ack = correct(&self.db, delete()).unwrap();
                assert_eq!(ack.points_deleted, 1);
                assert_eq!(code(correct(&self.db, delete())), "point_not_found");
                let gone = absence(series).unwrap();
                assert_eq!(gone.deleted, Some((ack.first_seq, ack.time)));
                assert!(
                    gone.detail
                        .contains(&format!("deleted in block {}", ack.first_seq))
                );
                state
                    .get_mut(*series)
                    .unwrap()
                    .get_mut(timestamp)
                    .unwrap()
                    .remove(*nth);
                self.push(state, defaults);
            }
            Step::CorrectPoint(n, moved, asked) => {
                let ids = self.ids();
                let Some((series, timestamp, nth, id)) = ids.get(*n % ids.len().max(1)).cloned()
                else {
                    return;
                };
                self.values += 1.0;
                let mut text = json!({"value": self.values, "provenance": {"agent": "y"}});
                if let Some(moved) = moved {
                    text["timestamp"] = json!(moved);
                }
                let times = TimeReading::default();
                let text = text.to_string();
                let prepared = self
                    .db
                    .prepare_put_point(series, &id, text.as_bytes(), &times, Some(*asked))
                    .unwrap();
                let answer = correct(&self.db, prepared);
                state
                    .get_mut(series)
                    .unwrap()
                    .get_mut(&timestamp)
                    .unwrap()
                    .remove(nth);
                let row = (series, moved.unwrap_or(timestamp), self.values, false);
                match put_plain(&mut state, *asked, &[row]) {
                    None => assert_eq!(code(answer), "point_exists"),
                    Some((put, gone)) => {
                        let ack = answer.unwrap();
                        assert_eq!((ack.points_put, ack.points_deleted), (put, gone + 1));
                        self.push(state, defaults);
                    }
                }
            }
            Step::Replace(series, start, length, offsets, asked) => {
                let series = if *series { "a" } else { "b" };
                let end = start + length;
                let rows: Vec<Row> = offsets
                    .iter()
                    .map(|offset| {
                        self.values += 1.0;
                        (series, start + offset, self.values, false)
                    })
                    .collect();
                let timestamps: Vec<i64> = rows.iter().map(|row| row.1).collect();
                let values: Vec<f64> = rows.iter().map(|row| row.2).collect();
                let text = json!({"timestamps": timestamps, "values": values}).to_string();
                let prepared = self.db.prepare_replace_range(
                    series,
                    (*start, end),
                    text.as_bytes(),
                    &TimeReading::default(),
                    Some(*asked),
                );
                if let Some(outside) = timestamps.iter().position(|t| *t >= end) {
                    let error = prepared.unwrap_err();
                    assert_eq!(error.pointer(), Some(&*format!("/timestamps/{outside}")));
                    return;
                }
                let answer = correct(&self.db, prepared.unwrap());
                let points = state.entry(series.to_owned()).or_default();
                let gone: usize = points.range(*start..end).map(|(_, v)| v.len()).sum();
                points.retain(|timestamp, _| !(*start..end).contains(timestamp));
                match put_plain(&mut state, *asked, &rows) {
                    None => assert_eq!(code(answer), "point_exists"),
                    Some((put, more)) => {
                        let ack = answer.unwrap();
                        let counted = (ack.points_put, ack.points_deleted);
                        assert_eq!(counted, (put, gone as u64 + more));
                        self.push(state, defaults);
                    }
                }
            }
            Step::Default(asked) => {
                set_default(&self.db, asked.as_str());
                self.push(state, *asked);
            }
            Step::UndoLast => {
                let [.., (_, before, defaults), (last, ..)] = self.states.as_slice() else {
                    return;
                };
                let (before, defaults) = (before.clone(), *defaults);
                match undo(&self.db, &json!({"transaction": last})) {
                    Ok(_) => self.push(before, defaults),
                    // It deleted nothing.
                    Err(error) => {
                        assert_eq!(error.code(), "cannot_revert");
                        assert_eq!(plain(&before), plain(&state));
                    }
                }
            }
            Step::Reopen => {
                self.db.close();
                self.db = open(&self.fs);
            }
            Step::Delete(..) => {}
        }
    }

    fn seen_in(&self, txn: &str) -> State {
        let mut state = State::new();
        for series in ["a", "b"] {
            let query = RangeQuery {
                series,
                start: i64::MIN,
                end: i64::MAX,
                order: Order::Ascending,
                limit: 1_000,
                cursor: None,
                as_of: None,
                values: None,
            };
            let budget = self.db.budget(Cancel::default());
            let Ok(page) = self.db.range_in(txn, &query, &budget) else {
                continue;
            };
            for point in page.points {
                let points = state.entry(series.to_owned()).or_default();
                points.entry(point.timestamp).or_default().push(point.value);
            }
        }
        state
    }

    fn check(&self) {
        let (state, defaults) = self.now();
        assert_eq!(shown(&self.db, None), plain(&state));
        assert_eq!(self.db.info().unwrap().defaults.on_duplicate, defaults);
        for (seq, state, defaults) in self.states.iter().rev().take(6) {
            assert_eq!(
                plain(&shown(&self.db, Some(*seq))),
                plain(state),
                "as of {seq}"
            );
            let then = self.db.defaults(Some(*seq)).unwrap();
            assert_eq!(then.on_duplicate, *defaults, "as of {seq}");
            compared("points, with duplicates", 1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(150)))]

    #[test]
    fn all_is_as_in_plain_lists(steps in prop::collection::vec(step(), 1..14)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
            world.check();
        }
        world.step(&Step::Reopen);
        world.check();
    }
}

#[test]
fn of_many_who_write_the_same_point_at_once_one_is_the_first() {
    let db = open(&SimFs::new());
    for (asked, expected) in [(OnDuplicate::Ignore, 1), (OnDuplicate::Refuse, 1)] {
        for timestamp in 0..20 {
            let all = (0..32).map(|n| {
                let row = ("a", timestamp + 100 * asked as i64, f64::from(n), false);
                putting(&db, Some(asked), &[row])
            });
            let answers = at_once(&db, all.collect());
            let wrote = answers.iter().filter(|a| a.as_ref().is_ok_and(Ack::wrote));
            assert_eq!(wrote.count(), expected);
        }
    }
    let points = &shown(&db, None)["a"];
    assert_eq!(points.len(), 40);
    assert!(points.values().all(|values| values.len() == 1));
}

#[test]
fn a_put_that_follows_an_undoing_in_one_group_waits_for_it() {
    let db = open(&SimFs::new());
    let row = |value| [("a", 1, value, false)];
    for n in 0..20 {
        let ack = db
            .write(putting(&db, Some(OnDuplicate::Replace), &row(1.0)))
            .unwrap();
        let revert = calls::reverting(&db, ack.first_seq).unwrap();
        let (sender, receiver) = crossbeam_channel::unbounded();
        let put = |asked, value| Transaction {
            operations: putting(&db, Some(asked), &row(value)),
            ..Transaction::default()
        };
        // Undone, so the next is the first again; the third is ignored.
        let all = [
            revert,
            put(OnDuplicate::Refuse, 2.0),
            put(OnDuplicate::Ignore, 3.0),
        ];
        for transaction in all {
            let sender = sender.clone();
            let reply = Reply::new(move |answer| drop(sender.send(answer)));
            db.submit(transaction, reply).unwrap();
        }
        let answers: Vec<Result<Ack, Error>> = receiver.iter().take(3).collect();
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(shown(&db, None)["a"][&1], [2.0], "round {n}");
        let delete = db.prepare_delete_points("a", 0, 9, None).unwrap();
        db.write(vec![delete]).unwrap();
    }
}

#[test]
fn half_of_a_replacement_is_not_undone_unawares() {
    let db = open(&SimFs::new());
    let replace = Some(OnDuplicate::Replace);
    db.write(putting(&db, None, &[("a", 1, 1.0, false)]))
        .unwrap();
    let ack = db
        .write(putting(&db, replace, &[("a", 1, 2.0, false)]))
        .unwrap();
    assert_eq!((ack.first_seq, ack.last_seq, ack.points_deleted), (2, 3, 1));
    for block in [2, 3] {
        let undo = Undo::block(block, None, false).unwrap();
        let refused = db.prepare_undo(&undo, None, &db.budget(Cancel::default()));
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), "cannot_revert");
        assert!(refused.to_string().contains("partial=true"), "{refused}");
    }
    undo(&db, &json!({"transaction": 3})).unwrap();
    assert_eq!(shown(&db, None)["a"][&1], [1.0]);
}

#[test]
fn what_was_put_and_what_went_is_told_again_to_a_key_that_comes_again() {
    let fs = SimFs::new();
    let mut db = open(&fs);
    let transaction = |db: &Database, name: &str, asked, rows: &[Row]| Transaction {
        operations: putting(db, Some(asked), rows),
        key: Some(IdempotencyKey::new(name, &[b"r"])),
        durability: Durability::Sync,
        ..Transaction::default()
    };
    let two = [("a", 1, 2.0, false), ("a", 2, 3.0, false)];
    db.write(putting(&db, None, &[("a", 1, 1.0, false)]))
        .unwrap();
    let asked = [("k", OnDuplicate::Replace), ("i", OnDuplicate::Ignore)];
    let more = [("a", 2, 2.0, false), ("a", 9, 3.0, false)];
    let rows = [&two[..], &more[..]];
    let counts = |ack: &Ack| (ack.first_seq, ack.points_put, ack.points_deleted);
    let mut first = Vec::new();
    for ((name, asked), rows) in asked.iter().zip(rows) {
        first.push(counts(
            &db.write_transaction(transaction(&db, name, *asked, rows))
                .unwrap(),
        ));
    }
    assert_eq!(first, [(2, 2, 1), (4, 1, 0)]);
    for _ in 0..2 {
        for (((name, asked), rows), first) in asked.iter().zip(rows).zip(&first) {
            let again = db
                .write_transaction(transaction(&db, name, *asked, rows))
                .unwrap();
            assert!(again.replayed);
            assert_eq!(counts(&again), *first);
        }
        db.close();
        db = open(&fs);
    }
}

#[test]
fn points_are_deleted_and_corrected_within_transactions() {
    let db = open(&SimFs::new());
    db.write(putting(
        &db,
        None,
        &[("a", 1, 1.0, false), ("a", 1, 2.0, false)],
    ))
    .unwrap();
    let txn = db.begin(Begin::default()).unwrap().id;
    let apply = |text: &str| -> Result<(), Error> {
        let text = format!(r#"{{"operations":[{text}]}}"#);
        let prepared = db.prepare_operations(text.as_bytes())?;
        db.apply_once(&txn, prepared, None, Wait::Allowed)
            .map(|_| ())
    };
    let delete = r#"{"op":"delete_point","series_id":"a","point_id":"pt_1_0"}"#;
    apply(delete).unwrap();
    assert_eq!(code(apply(delete)), "point_not_found");
    apply(r#"{"op":"put_point","series_id":"a","point_id":"pt_1_1","value":5,"timestamp":7}"#)
        .unwrap();
    let refused = apply(
        r#"{"op":"put_points","on_duplicate":"refuse","points":{"series_id":"a","timestamp":7,"value":1}}"#,
    );
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), "point_exists");
    assert_eq!(refused.pointer(), Some("/operations/0/points/timestamp"));
    let unknown = apply(r#"{"op":"put_point","series_id":"a","point_id":"17","value":5}"#);
    assert_eq!(
        unknown.unwrap_err().pointer(),
        Some("/operations/0/point_id")
    );
    let (sender, receiver) = crossbeam_channel::bounded(1);
    let reply = Reply::new(move |answer| drop(sender.send(answer)));
    assert_eq!(
        db.commit(&txn, Transaction::default(), reply).unwrap(),
        Commit::Queued
    );
    receiver.recv().unwrap().unwrap();
    assert_eq!(shown(&db, None)["a"], BTreeMap::from([(7, vec![5.0])]));
}
