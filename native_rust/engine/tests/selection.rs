//! What filters over the journal find, held against every block looked at.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]
#![allow(dead_code, reason = "the harness has parts that other tests use")]

mod support;

use std::path::Path;
use std::sync::Arc;

use formdb_engine::fs::RealFileSystem;
use formdb_engine::{
    BlockFilter, Cancel, Database, EntryQuery, Error, Limits, Member, Operation, Order,
    SeriesNames, Transaction, Undo,
};
use serde_json::Value;
use support::random;
use support::rng::mixed;

const SERIES: [&str; 5] = ["a/x", "a/y", "b/x", "a", "none"];
const KINDS: [&str; 8] = [
    "put_feature",
    "delete_feature",
    "put_points",
    "delete_points",
    "set_attributes",
    "set_defaults",
    "set_webhook",
    "revert",
];
const ACTORS: [Option<&str>; 3] = [None, Some("ana"), Some("ben")];

fn dice(n: u64, salt: u64) -> u64 {
    random(&mut mixed(n, salt))
}

fn open(dir: &Path) -> Database {
    let limits = Limits {
        segment_bytes: 32 << 10,
        snapshot_bytes: 16 << 10,
        ..Limits::default()
    };
    Database::open(Arc::new(RealFileSystem), dir, limits).unwrap()
}

/// One transaction of a random workload; deletions that find nothing among them.
fn write(db: &Database, n: u64) {
    let pick = |salt: u64, of: u64| dice(n, salt) % of;
    let series = SERIES[pick(1, 4) as usize];
    let source = format!(
        r#","provenance":{{"source":"s{}","run":{}}}"#,
        pick(2, 3),
        pick(3, 4)
    );
    let feature = |id: u64| {
        let text = format!(
            r#"{{"type":"Feature","id":"f{id}","geometry":{{"type":"Point","coordinates":[1,2]}},"properties":{{"n":{n}}}{source}}}"#
        );
        db.prepare_features(text.as_bytes()).unwrap().operations
    };
    let points = || {
        let count = 1 + pick(4, 30) as i64;
        let times: Vec<i64> = (0..count).map(|i| (i * 37 + n as i64 * 11) % 500).collect();
        let values = times.iter().map(|t| *t as f64).collect();
        let provenance = format!(r#"{{"source":"s{}"}}"#, pick(2, 3));
        let given = n.is_multiple_of(2).then_some(provenance.as_bytes());
        db.prepare_columns(series, times, values, given)
            .unwrap()
            .operations
    };
    let delete = |start: i64, end: i64| -> Vec<Operation> {
        db.prepare_delete_points(series, start, end, None)
            .into_iter()
            .collect()
    };
    let mut conditions = Vec::new();
    let operations = match pick(5, 10) {
        0..3 => feature(pick(6, 8)),
        3 => [feature(pick(6, 8)), points(), feature(pick(7, 8))].concat(),
        4 => db
            .prepare_delete_feature(&format!("f{}", pick(6, 8)), None)
            .into_iter()
            .collect(),
        5 => delete(pick(6, 500) as i64, 250),
        // Nothing is there.
        6 => delete(10_000, 20_000),
        7 if n > 5 => {
            let text = format!(r#"{{"sequences":[{}]}}"#, 1 + pick(6, n));
            let undo = Undo::parse(text.as_bytes(), true).unwrap();
            match db.prepare_undo(&undo, None, &db.budget(Cancel::default())) {
                Ok(prepared) => {
                    conditions = prepared.conditions;
                    prepared.operations
                }
                Err(_) => Vec::new(),
            }
        }
        _ => points(),
    };
    if operations.is_empty() {
        return;
    }
    let transaction = Transaction {
        operations,
        conditions,
        actor: ACTORS[pick(8, 3) as usize].map(Into::into),
        ..Transaction::default()
    };
    let _ = db.write_transaction(transaction);
}

/// A transaction of some hundred blocks that are alike, or a few of those that are rare.
fn write_run(db: &Database, n: u64) {
    let pick = |salt: u64, of: u64| dice(n, salt) % of;
    let series = SERIES[pick(1, 4) as usize];
    let count = 50 + pick(2, 400) as i64;
    let operations = match pick(3, 12) {
        0..3 => (0..count)
            .flat_map(|i| {
                let prepared = db.prepare_columns(series, vec![i], vec![1.0], None);
                prepared.unwrap().operations
            })
            .collect(),
        3 => {
            let features: Vec<String> = (0..count)
                .map(|i| {
                    format!(r#"{{"type":"Feature","id":"f{i}","geometry":null,"properties":{{}}}}"#)
                })
                .collect();
            let text = format!(
                r#"{{"type":"FeatureCollection","features":[{}]}}"#,
                features.join(",")
            );
            db.prepare_features(text.as_bytes()).unwrap().operations
        }
        4 => db
            .prepare_attributes(series, br#"{"unit":"mm"}"#)
            .into_iter()
            .collect(),
        5 => vec![db.prepare_defaults(br#"{"on_duplicate":"keep"}"#).unwrap()],
        6 => vec![
            db.prepare_webhook(&format!("w{}", pick(4, 3)), Some(br#"{"url":"x"}"#))
                .unwrap(),
        ],
        _ => return write(db, n),
    };
    db.write_transaction(Transaction {
        operations,
        actor: ACTORS[pick(8, 3) as usize].map(Into::into),
        ..Transaction::default()
    })
    .unwrap();
}

fn parsed(json: &[u8]) -> Vec<Value> {
    serde_json::from_slice(json).unwrap()
}

/// Every page of a question, one after the other.
fn all(db: &Database, query: &EntryQuery) -> Vec<Value> {
    let mut query = query.clone();
    let mut found = Vec::new();
    loop {
        let page = db.entries(&query, &db.budget(Cancel::default())).unwrap();
        assert!(page.returned <= query.limit);
        found.extend(parsed(&page.json));
        match (page.next, query.order) {
            (None, _) => return found,
            (Some(next), Order::Ascending) => query.since = next,
            (Some(next), Order::Descending) => query.until = next,
        }
    }
}

/// What a block does in the end, and what that is about.
fn about(block: &Value) -> (&str, &str) {
    let body = &block["body"];
    let body = if block["op"] == "revert" {
        &body["body"]
    } else {
        body
    };
    match (body["id"].as_str(), body["series_id"].as_str()) {
        _ if block["op"] == "set_webhook" => ("webhook", ""),
        (Some(id), _) => ("feature", id),
        (_, Some(id)) => ("series", id),
        _ => ("database", ""),
    }
}

fn holds(filter: &BlockFilter, block: &Value, source: Option<&str>) -> bool {
    let (kind, id) = about(block);
    let series = |names: &SeriesNames| match names {
        SeriesNames::One(one) => one == id,
        SeriesNames::Prefix(prefix) => id.starts_with(prefix.as_str()),
    };
    filter.op.is_none_or(|op| block["op"] == op.as_str())
        && filter.not_op.is_none_or(|op| block["op"] != op.as_str())
        && filter
            .actor
            .as_ref()
            .is_none_or(|actor| block["actor"] == *actor)
        && filter
            .feature
            .as_ref()
            .is_none_or(|wanted| kind == "feature" && wanted == id)
        && filter
            .series
            .as_ref()
            .is_none_or(|names| kind == "series" && series(names))
        && source.is_none_or(|source| block["provenance"]["source"] == source)
        && filter.transaction.is_none_or(|txn| block["txn"] == txn)
        && filter
            .times
            .is_none_or(|(start, end)| (start..end).contains(&time(block)))
}

/// When a block was committed.
fn time(block: &Value) -> i64 {
    formdb_engine::types::parse_timestamp(block["time"].as_str().unwrap()).unwrap()
}

fn check(db: &Database, round: u64, queries: u64) -> usize {
    let whole = all(db, &EntryQuery::default());
    let last = whole.len() as u64;
    let mut found = 0;
    for n in 0..queries {
        let pick = |salt: u64, of: u64| dice(round * 1_000 + n, salt) % of;
        let source = (pick(1, 3) == 0).then(|| format!("s{}", pick(2, 4)));
        let member = source.clone().map(|s| match pick(3, 2) {
            0 => Member::exactly("source".into(), Value::String(s)),
            _ => Member::written("source".into(), s),
        });
        // One that is the first of its transaction.
        let txn = whole[pick(4, last) as usize]["txn"].as_u64().unwrap();
        let filter = BlockFilter {
            op: (pick(5, 3) == 0).then(|| KINDS[pick(6, 8) as usize].parse().unwrap()),
            not_op: (pick(19, 6) == 0).then(|| KINDS[pick(20, 8) as usize].parse().unwrap()),
            actor: (pick(7, 4) == 0).then(|| ["ana", "cid"][pick(8, 2) as usize].into()),
            provenance: member.into_iter().collect(),
            feature: (pick(9, 3) == 0).then(|| format!("f{}", pick(10, 9))),
            series: (pick(11, 3) == 0).then(|| {
                SeriesNames::parse(
                    ["a/x", "b/x", "a*", "a/*", "*", "none", "z*"][pick(12, 7) as usize],
                )
            }),
            transaction: (pick(13, 8) == 0).then_some(txn),
            times: (pick(21, 6) == 0).then_some((
                time(&whole[pick(22, last) as usize]),
                time(&whole[pick(23, last) as usize]),
            )),
        };
        let (since, until) = match pick(14, 2) {
            0 => (0, u64::MAX),
            _ => (pick(15, last), pick(16, last + 50)),
        };
        let order = [Order::Ascending, Order::Descending][pick(17, 2) as usize];
        let query = EntryQuery {
            since,
            until,
            filter,
            order,
            bodies: true,
            limit: 1 + pick(18, 40 + last / 10) as usize,
        };
        let mut expected: Vec<&Value> = whole
            .iter()
            .filter(|block| {
                let seq = block["seq"].as_u64().unwrap();
                seq > since && seq <= until && holds(&query.filter, block, source.as_deref())
            })
            .collect();
        if order == Order::Descending {
            expected.reverse();
        }
        let answered = all(db, &query);
        assert_eq!(answered.iter().collect::<Vec<_>>(), expected, "{query:?}");
        found += answered.len();
    }
    found
}

#[test]
fn every_filter_finds_what_a_look_at_all_blocks_finds() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let mut found = 0;
    let mut snapshots = 0;
    let mut db = open(&path);
    for round in 0..4 {
        for n in 0..150 {
            write(&db, 1 + round * 1_000 + n);
        }
        found += check(&db, round, 300);
        db.close();
        drop(db);
        db = open(&path);
        snapshots += usize::from(db.recovered().snapshot.is_some());
        found += check(&db, 10 + round, 300);
    }
    let empty = EntryQuery {
        filter: BlockFilter {
            op: Some("delete_points".parse().unwrap()),
            series: Some(SeriesNames::parse("a*")),
            ..BlockFilter::default()
        },
        ..EntryQuery::default()
    };
    let nothing = |block: &&Value| block["body"]["start"] == "1970-01-01T00:00:00.010000Z";
    assert!(
        all(&db, &empty).iter().filter(nothing).count() > 5,
        "deletions that found nothing"
    );
    assert!(
        found > 10_000 && snapshots > 2,
        "{found} blocks, {snapshots} snapshots"
    );
    println!("oracles: {found} blocks of filters over the journal compared");
}

/// What is rare stands between long runs of blocks of which none is looked at: it is found
/// all the same, while it is written, from a snapshot, and from the journal.
#[test]
fn what_is_rare_is_found_between_long_runs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let mut found = 0;
    let mut db = open(&path);
    for round in 0..3 {
        (0..24).for_each(|n| write_run(&db, 100 + round * 1_000 + n));
        found += check(&db, 20 + round, 60);
        db.close();
        drop(db);
        if round == 1 {
            std::fs::remove_dir_all(path.join("snapshots")).unwrap();
        }
        db = open(&path);
        assert_eq!(db.recovered().snapshot.is_some(), round != 1);
        found += check(&db, 30 + round, 60);
    }
    let whole = all(&db, &EntryQuery::default());
    for op in KINDS {
        let of = whole.iter().filter(|block| block["op"] == op).count();
        assert!(of > 0, "no {op}");
    }
    assert!(found > 20_000, "{found}");
    println!("oracles: {found} blocks of filters over long runs compared");
}

#[test]
fn times_are_those_of_commits() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir.path().join("db"));
    (1..40).for_each(|n| write(&db, n));
    let whole = all(&db, &EntryQuery::default());
    let (start, end) = (time(&whole[10]), time(&whole[30]));
    for (start, end) in [
        (start, end),
        (i64::MIN, end),
        (start, i64::MAX),
        (end, start),
    ] {
        let filter = BlockFilter {
            times: Some((start, end)),
            ..BlockFilter::default()
        };
        let query = EntryQuery {
            filter,
            ..EntryQuery::default()
        };
        let within = |block: &&Value| (start..end).contains(&time(block));
        let expected: Vec<&Value> = whole.iter().filter(within).collect();
        assert_eq!(all(&db, &query).iter().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn an_outline_says_what_a_block_is_about() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir.path().join("db"));
    (1..200).for_each(|n| write(&db, n));
    let whole = all(&db, &EntryQuery::default());
    let query = EntryQuery {
        bodies: false,
        ..EntryQuery::default()
    };
    let outlines = all(&db, &query);
    assert_eq!(whole.len(), outlines.len());
    let mut reverts = 0;
    for (block, outline) in whole.iter().zip(&outlines) {
        let mut expected = block.clone();
        let object = expected.as_object_mut().unwrap();
        let mut body = object.remove("body").unwrap();
        if block["op"] == "revert" {
            reverts += 1;
            object.insert("reverts".into(), body["reverts"].clone());
            object.insert("effect".into(), body["op"].clone());
            body = body["body"].clone();
        }
        let (kind, id) = about(block);
        object.insert(format!("{kind}_id"), id.into());
        if let Some(values) = body["values"].as_array() {
            object.insert("points".into(), values.len().into());
        }
        for name in ["start", "end", "block"] {
            if let Some(value) = body.get(name) {
                object.insert(name.into(), value.clone());
            }
        }
        assert_eq!(*outline, expected);
    }
    assert!(reverts > 3);
}

/// What no block is of costs a page no more than what it looks at, and can be given up.
#[test]
fn a_filter_that_takes_nothing_gives_empty_pages_with_a_next() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits {
        snapshot_bytes: 0,
        ..Limits::default()
    };
    let path = dir.path().join("db");
    let db = Database::open(Arc::new(RealFileSystem), &path, limits).unwrap();
    const BLOCKS: usize = 120_000;
    let one = db
        .prepare_columns("s", vec![1], vec![1.0], None)
        .unwrap()
        .operations;
    for _ in 0..BLOCKS / 20_000 {
        let operations = one.iter().cycle().take(20_000).cloned().collect();
        db.write(operations).unwrap();
    }
    let nobody = BlockFilter {
        actor: Some("nobody".into()),
        ..BlockFilter::default()
    };
    for order in [Order::Ascending, Order::Descending] {
        let query = EntryQuery {
            filter: nobody.clone(),
            order,
            ..EntryQuery::default()
        };
        let began = std::time::Instant::now();
        let page = db.entries(&query, &db.budget(Cancel::default())).unwrap();
        let expected = match order {
            Order::Ascending => 100_000,
            Order::Descending => BLOCKS as u64 - 100_000,
        };
        assert_eq!((page.returned, page.next), (0, Some(expected)));
        println!("{order:?}: 100,000 blocks in {:?}", began.elapsed());
        assert_eq!(all(&db, &query), Vec::<Value>::new());
        let cancel = Cancel::default();
        cancel.cancel();
        let given_up = db.entries(&query, &db.budget(cancel));
        assert!(matches!(given_up, Err(Error::Cancelled)), "{given_up:?}");
    }
    // Those of a series are found by its index, however many others there are.
    db.write(
        db.prepare_columns("t", vec![1], vec![1.0], None)
            .unwrap()
            .operations,
    )
    .unwrap();
    let query = EntryQuery {
        filter: BlockFilter {
            series: Some(SeriesNames::parse("t")),
            ..BlockFilter::default()
        },
        ..EntryQuery::default()
    };
    let page = db.entries(&query, &db.budget(Cancel::default())).unwrap();
    assert_eq!((page.returned, page.next), (1, None));
}

#[test]
fn a_transaction_that_is_not_there_is_not_found() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir.path().join("db"));
    (1..20).for_each(|n| write(&db, n));
    let last = db.seq().unwrap();
    for (seq, there) in [(0, false), (1, true), (last, true), (last + 1, false)] {
        let query = EntryQuery {
            filter: BlockFilter {
                transaction: Some(seq),
                ..BlockFilter::default()
            },
            ..EntryQuery::default()
        };
        let page = db.entries(&query, &db.budget(Cancel::default()));
        match there {
            true => assert!(page.unwrap().returned > 0),
            false => assert!(matches!(page, Err(Error::NotFound { .. }))),
        }
    }
}
