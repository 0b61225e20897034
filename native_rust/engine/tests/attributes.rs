//! Attributes of series against a plain model: every version, as of every block, over
//! reverts, restores, transactions, snapshots and openings.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use formdb_engine::fs::RealFileSystem;
use formdb_engine::{
    Aggregate, Aggregation, Begin, BlockFilter, Cancel, Database, EntryQuery, Limits, Order, Reply,
    Selection, SeriesFilter, SeriesListQuery, SeriesNames, SeriesRangeQuery, SummaryQuery,
    Transaction, WideQuery, Zone, verify,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn open(path: &Path) -> Database {
    // A snapshot after each write, if the one before is done.
    let limits = Limits {
        snapshot_bytes: 1,
        ..Limits::default()
    };
    Database::open(Arc::new(RealFileSystem), path, limits).unwrap()
}

const SERIES: [&str; 4] = ["a", "b", "c/d", "c/e"];

#[derive(Debug, Clone)]
enum Step {
    Set(usize, u8),
    Delete(usize),
    Points(usize),
    DeletePoints(usize),
    /// Delete those of one and set those of another, together.
    Both(usize, usize),
    /// Undo the newest version of a series.
    Revert(usize),
    /// Make the first version of a series the newest.
    Restore(usize),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let series = 0..SERIES.len();
    prop_oneof![
        4 => (series.clone(), 0..4_u8).prop_map(|(s, n)| Step::Set(s, n)),
        2 => series.clone().prop_map(Step::Delete),
        2 => series.clone().prop_map(Step::Points),
        1 => series.clone().prop_map(Step::DeletePoints),
        1 => (series.clone(), series.clone()).prop_map(|(a, b)| Step::Both(a, b)),
        2 => series.clone().prop_map(Step::Revert),
        2 => series.prop_map(Step::Restore),
        1 => Just(Step::Reopen),
    ]
}

/// What was written, by series and block.
#[derive(Default)]
struct Model {
    /// Attributes; `None`: deleted.
    versions: BTreeMap<usize, Vec<(u64, Option<Value>)>>,
    /// Whether there were points then.
    points: BTreeMap<usize, Vec<(u64, bool)>>,
    /// The first blocks of transactions of two: nobody sees half a transaction.
    halves: Vec<u64>,
}

impl Model {
    fn at(&self, series: usize, at: u64) -> Option<&Value> {
        let versions = self.versions.get(&series)?;
        let newest = versions.iter().rfind(|(seq, _)| *seq <= at)?;
        newest.1.as_ref()
    }

    fn has_points(&self, series: usize, at: u64) -> bool {
        let points = self.points.get(&series).into_iter().flatten();
        let last = points.take_while(|(seq, _)| *seq <= at).last();
        last.is_some_and(|(_, there)| *there)
    }

    /// The blocks about a series, in order.
    fn blocks(&self, series: usize) -> Vec<u64> {
        let versions = self.versions.get(&series).into_iter().flatten();
        let points = self.points.get(&series).into_iter().flatten();
        let all = versions
            .map(|(seq, _)| *seq)
            .chain(points.map(|(seq, _)| *seq));
        let mut all: Vec<u64> = all.collect();
        all.sort_unstable();
        all
    }
}

/// Id, attributes or null, whether it has points.
type Row = (&'static str, Value, bool);

/// Whether a question means a row.
type Takes<'a> = &'a dyn Fn(&Row) -> bool;

/// All pages of the list of series.
fn rows(
    db: &Database,
    filters: &[SeriesFilter],
    prefix: &str,
    limit: usize,
    as_of: Option<u64>,
) -> Vec<Row> {
    let (mut rows, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let query = SeriesListQuery {
            prefix,
            filters,
            limit,
            cursor: cursor.as_deref(),
            as_of,
        };
        let budget = db.budget(Cancel::default());
        let page = db.series_list_with(&query, true, &budget).unwrap();
        let found: Value = serde_json::from_slice(&page.to_json(&Zone::default())).unwrap();
        let found = found.as_array().unwrap();
        assert!(found.len() <= limit);
        rows.extend(found.iter().map(|row| {
            let points = row["points"] != 0;
            assert_eq!(row["first"].is_null(), !points);
            let mut ids = SERIES.iter();
            let id = ids.find(|id| row["series_id"] == **id).unwrap();
            (*id, row["attributes"].clone(), points)
        }));
        cursor = page.next;
        if cursor.is_none() {
            return rows;
        }
    }
}

/// The ids of the series that have points, by each call that goes through several.
fn with_points(
    db: &Database,
    filters: &[SeriesFilter],
    prefix: &str,
    as_of: Option<u64>,
) -> [(&'static str, Vec<String>); 5] {
    let budget = db.budget(Cancel::default());
    let list = SeriesListQuery {
        prefix,
        filters,
        limit: 100,
        cursor: None,
        as_of,
    };
    let range = SeriesRangeQuery {
        prefix,
        filters,
        start: 0,
        end: 10,
        values: None,
        order: Order::Ascending,
        limit: 100,
        cursor: None,
        as_of,
    };
    let wide = WideQuery {
        prefix,
        filters,
        start: 0,
        end: 10,
        values: None,
        order: Order::Ascending,
        limit: 100,
        as_of,
        zone: &Zone::default(),
    };
    let mut aggregate = Aggregate::new(Selection::Many(prefix, filters), Aggregation::Count);
    aggregate.as_of = as_of;
    let latest = db.latest_list(&list, &budget).unwrap().series;
    let figures = SummaryQuery::default();
    let summaries = db.summary_list(&list, &figures, &budget).unwrap().series;
    let ranges = db.range_by_prefix(&range, &budget).unwrap().series;
    let header = db.range_wide(&wide, &budget).unwrap().header;
    let header = String::from_utf8(header).unwrap();
    let counts = db.aggregate(&aggregate, &budget).unwrap().series;
    [
        (
            "latest",
            latest.iter().map(|(id, _)| id.to_string()).collect(),
        ),
        (
            "summary",
            summaries.iter().map(|(id, _)| id.to_string()).collect(),
        ),
        (
            "ranges",
            ranges.iter().map(|one| one.id.to_string()).collect(),
        ),
        (
            "wide",
            header
                .trim()
                .split(',')
                .skip(1)
                .map(str::to_owned)
                .collect(),
        ),
        (
            "aggregate",
            counts.iter().map(|one| one.id.to_string()).collect(),
        ),
    ]
}

/// The sequences of all blocks about some series.
fn journal(db: &Database, series: SeriesNames, order: Order) -> Vec<u64> {
    let query = EntryQuery {
        filter: BlockFilter {
            series: Some(series),
            ..BlockFilter::default()
        },
        order,
        limit: 1_000,
        ..EntryQuery::default()
    };
    let page = db.entries(&query, &db.budget(Cancel::default())).unwrap();
    let entries: Vec<Value> = serde_json::from_slice(&page.json).unwrap();
    entries
        .iter()
        .map(|entry| entry["seq"].as_u64().unwrap())
        .collect()
}

fn check(db: &Database, model: &Model, seq: u64) {
    let budget = db.budget(Cancel::default());
    for at in 0..=seq {
        let as_of = (at < seq).then_some(at);
        let at = at + u64::from(model.halves.contains(&at));
        let mut expected = Vec::new();
        for (place, id) in SERIES.iter().enumerate() {
            let there = model.at(place, at);
            match (db.attributes(id, as_of), there) {
                (Ok(found), Some(there)) => {
                    let found: Value = serde_json::from_slice(&found.json).unwrap();
                    assert_eq!(&found, there, "{id} at {at}");
                }
                (Err(error), None) => assert_eq!(error.code(), "attributes_not_found"),
                (found, there) => panic!("{id} at {at}: {found:?}, {there:?}"),
            }
            let points = model.has_points(place, at);
            if points || there.is_some() {
                expected.push((*id, there.cloned().unwrap_or(Value::Null), points));
            }
        }
        let schema: Value = serde_json::from_slice(&db.schema(as_of, &budget).unwrap()).unwrap();
        assert_eq!(schema["series"]["count"], expected.len());
        let n = |row: &Row| row.1.get("n").cloned();
        let questions: [(&str, &str, Takes<'_>); 8] = [
            ("", "", &|_| true),
            ("attr.n", "eq:1", &|row| n(row) == Some(json!(1))),
            ("attr.n", "ne:1", &|row| n(row) != Some(json!(1))),
            ("attr.n", "gte:2", &|row| {
                n(row).is_some_and(|n| n.as_u64() >= Some(2))
            }),
            ("attr.n", "exists:false", &|row| n(row).is_none()),
            ("feature", "f2", &|row| {
                row.1.get("feature") == Some(&json!("f2"))
            }),
            ("pattern", "*/d", &|row| row.0.ends_with("/d")),
            ("pattern", "c*", &|row| row.0.starts_with('c')),
        ];
        for (key, text, takes) in questions {
            for (prefix, limit) in [("", 100), ("", 1), ("c/", 1), ("x", 1)] {
                let filter = (!key.is_empty()).then(|| SeriesFilter::parse(key, text).unwrap());
                let found = rows(db, filter.as_slice(), prefix, limit, as_of);
                let wanted = expected.iter().filter(|row| takes(row));
                let wanted = wanted.filter(|row| row.0.starts_with(prefix));
                let wanted: Vec<Row> = wanted.cloned().collect();
                assert_eq!(found, wanted, "{key} {text} {prefix} at {at}");
                let ids: Vec<&str> = wanted.iter().filter(|row| row.2).map(|row| row.0).collect();
                for (what, found) in with_points(db, filter.as_slice(), prefix, as_of) {
                    assert_eq!(found, ids, "{what}: {key} {text} {prefix} at {at}");
                }
            }
        }
    }
    let listed = (0..SERIES.len())
        .filter(|place| model.has_points(*place, seq) || model.at(*place, seq).is_some());
    assert_eq!(db.info().unwrap().series, listed.count() as u64);
    for (place, id) in SERIES.iter().enumerate() {
        for order in [Order::Ascending, Order::Descending] {
            let mut blocks = model.blocks(place);
            if order == Order::Descending {
                blocks.reverse();
            }
            assert_eq!(journal(db, SeriesNames::parse(id), order), blocks, "{id}");
        }
    }
    let mut together = [model.blocks(2), model.blocks(3)].concat();
    together.sort_unstable();
    together.dedup();
    let some = journal(db, SeriesNames::parse("c/*"), Order::Ascending);
    assert_eq!(some, together);
    for (place, versions) in &model.versions {
        let page = db
            .attributes_provenance(SERIES[*place], 0, None, 100, &budget)
            .unwrap();
        let chain: Vec<Value> = serde_json::from_slice(&page.json).unwrap();
        let seqs: Vec<u64> = chain
            .iter()
            .map(|entry| entry["seq"].as_u64().unwrap())
            .collect();
        let expected: Vec<u64> = versions.iter().map(|(seq, _)| *seq).collect();
        assert_eq!(seqs, expected);
        for pair in chain.windows(2) {
            assert_eq!(pair[1]["prev"], pair[0]["seq"]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn attributes_are_as_they_were_set(steps in prop::collection::vec(step(), 1..24)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let mut db = open(&path);
        let mut model = Model::default();
        let mut seq = 0;
        for step in steps {
            let budget = db.budget(Cancel::default());
            match step {
                Step::Set(place, n) => {
                    let mut attributes = json!({"unit": "C", "n": n, "feature": format!("f{n}")});
                    if n == 0 {
                        attributes = json!({});
                    }
                    let set = db.prepare_attributes(SERIES[place], attributes.to_string().as_bytes());
                    seq = db.write(vec![set.unwrap()]).unwrap().last_seq;
                    model.versions.entry(place).or_default().push((seq, Some(attributes)));
                }
                Step::Delete(place) => {
                    let delete = db.prepare_delete_attributes(SERIES[place], None).unwrap();
                    let written = db.write(vec![delete]);
                    match model.at(place, seq) {
                        Some(_) => {
                            seq = written.unwrap().last_seq;
                            model.versions.entry(place).or_default().push((seq, None));
                        }
                        None => prop_assert_eq!(written.unwrap_err().code(), "attributes_not_found"),
                    }
                }
                Step::Points(place) => {
                    let point = json!({"series_id": SERIES[place], "timestamp": 5, "value": 1});
                    let points = db.prepare_points(point.to_string().as_bytes()).unwrap();
                    seq = db.write(points.operations).unwrap().last_seq;
                    model.points.entry(place).or_default().push((seq, true));
                }
                Step::DeletePoints(place) => {
                    let delete = db.prepare_delete_points(SERIES[place], 0, 9, None).unwrap();
                    seq = db.write(vec![delete]).unwrap().last_seq;
                    model.points.entry(place).or_default().push((seq, false));
                }
                Step::Both(gone, set) => {
                    let delete = db.prepare_delete_attributes(SERIES[gone], None).unwrap();
                    let one = db.prepare_attributes(SERIES[set], b"{\"n\":9}").unwrap();
                    let written = db.write(vec![delete, one]);
                    if model.at(gone, seq).is_none() {
                        prop_assert_eq!(written.unwrap_err().code(), "attributes_not_found");
                        continue;
                    }
                    seq = written.unwrap().last_seq;
                    model.halves.push(seq - 1);
                    model.versions.entry(gone).or_default().push((seq - 1, None));
                    let value = Some(json!({"n": 9}));
                    model.versions.entry(set).or_default().push((seq, value));
                }
                Step::Revert(place) => {
                    let Some((last, _)) = model.versions.get(&place).and_then(|v| v.last()) else {
                        continue;
                    };
                    let last = *last;
                    let undo = formdb_engine::Undo::block(last, None, true).unwrap();
                    let versions = model.versions.entry(place).or_default();
                    let prepared = db.prepare_undo(&undo, None, &budget).unwrap();
                    let transaction = Transaction {
                        operations: prepared.operations,
                        conditions: prepared.conditions,
                        ..Transaction::default()
                    };
                    seq = db.write_transaction(transaction).unwrap().last_seq;
                    let before = versions.len().checked_sub(2).and_then(|i| versions.get(i));
                    let before = before.and_then(|(_, value)| value.clone());
                    versions.push((seq, before));
                }
                Step::Restore(place) => {
                    let Some((first, value)) = model.versions.get(&place).and_then(|v| v.first().cloned()) else {
                        continue;
                    };
                    let prepared = db.prepare_restore(first, None).unwrap();
                    seq = db.write(prepared.operations).unwrap().last_seq;
                    model.versions.entry(place).or_default().push((seq, value));
                }
                Step::Reopen => {
                    db.close();
                    drop(db);
                    db = open(&path);
                }
            }
        }
        check(&db, &model, seq);
        db.close();
        drop(db);
        let report = verify(&RealFileSystem, &path, &mut |_| {}).unwrap();
        prop_assert!(report.damage.is_none(), "{report:?}");
        for snapshots in [true, false] {
            let dir = path.join("snapshots");
            if !snapshots && dir.exists() {
                std::fs::remove_dir_all(dir).unwrap();
            }
            let db = open(&path);
            // Mostly there is one: one that is under way is given up when the database closes.
            prop_assert!(snapshots || db.recovered().snapshot.is_none());
            check(&db, &model, seq);
            db.close();
        }
    }
}

#[test]
fn a_transaction_sets_attributes_and_conflicts_with_others_that_do() {
    let dir = tempfile::tempdir().unwrap();
    let db = Arc::new(open(&dir.path().join("db")));
    let set = |text: &str| {
        let set = db.prepare_attributes("s", text.as_bytes()).unwrap();
        db.write(vec![set]).unwrap()
    };
    let ack = set(r#"{"unit":"C"}"#);
    let operations = r#"{"operations":[
        {"op":"set_attributes","series_id":"s","attributes":null},
        {"op":"set_attributes","series_id":"s","attributes":{"unit":"K"},"provenance":{"by":"x"}},
        {"op":"set_attributes","series_id":"t","attributes":{}}]}"#;
    let begin = || db.begin(Begin::default()).unwrap().id;
    let add = |id: &str, text: &str| {
        let prepared = db.prepare_operations(text.as_bytes()).unwrap();
        db.apply(id, prepared.operations)
    };
    let commit = |id: &str| {
        let (told, answer) = std::sync::mpsc::channel();
        let reply = Reply::new(move |answer| told.send(answer).unwrap());
        db.commit(id, Transaction::default(), reply).unwrap();
        answer.recv().unwrap()
    };
    let (one, other) = (begin(), begin());
    assert_eq!(add(&one, operations).unwrap(), 3);
    let deletes = r#"{"operations":[{"op":"set_attributes","series_id":"t","attributes":null}]}"#;
    assert_eq!(
        add(&other, deletes).unwrap_err().code(),
        "attributes_not_found"
    );
    let sets = r#"{"operations":[{"op":"set_attributes","series_id":"t","attributes":{"n":1}}]}"#;
    add(&other, sets).unwrap();
    assert_eq!(commit(&one).unwrap().last_seq, ack.last_seq + 3);
    assert_eq!(commit(&other).unwrap_err().code(), "conflict");
    let document = db.attributes("s", None).unwrap();
    let document: Value = serde_json::from_slice(&document.json).unwrap();
    assert_eq!(document, json!({"unit": "K"}));
    // What a tag said is not so any more.
    let hash = db.attributes("t", None).unwrap().hash;
    let condition = db.match_attributes("t", Some(&[hash])).unwrap();
    set(r#"{"unit":"F"}"#);
    let write = |condition| {
        db.write_transaction(Transaction {
            operations: vec![db.prepare_attributes("t", b"{}").unwrap()],
            conditions: vec![condition],
            ..Transaction::default()
        })
    };
    write(condition.clone()).unwrap();
    assert_eq!(write(condition).unwrap_err().code(), "precondition_failed");
    let refused = db.match_attributes("t", Some(&[hash])).unwrap_err();
    assert_eq!(refused.code(), "precondition_failed");
}

/// What is kept of an answer is not given once the attributes are others.
#[test]
fn an_aggregate_follows_the_attributes() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir.path().join("db"));
    let point = json!({"series_id": "s", "timestamp": 5, "value": 1});
    let points = db.prepare_points(point.to_string().as_bytes()).unwrap();
    db.write(points.operations).unwrap();
    let filters = [SeriesFilter::parse("attr.unit", "C").unwrap()];
    let found = || {
        let query = Aggregate::new(Selection::Many("", &filters), Aggregation::Count);
        let page = db.aggregate(&query, &db.budget(Cancel::default()));
        page.unwrap().series.len()
    };
    for (unit, expected) in [("K", 0), ("C", 1), ("K", 0)] {
        let text = json!({"unit": unit}).to_string();
        let set = db.prepare_attributes("s", text.as_bytes()).unwrap();
        db.write(vec![set]).unwrap();
        assert_eq!((found(), found()), (expected, expected));
    }
}
