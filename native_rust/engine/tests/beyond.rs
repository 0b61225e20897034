//! Salvaging what can be read after damage: as new blocks, in the old order, with the
//! numbers of other blocks put right.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]
#![allow(dead_code, reason = "the harness has parts that other tests use")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use formdb_engine::fs::FileSystem;
use formdb_engine::{
    Ack, Cancel, Database, EntryQuery, Error, IdempotencyKey, Reach, SalvageReport, Transaction,
    salvage, verify,
};
use serde_json::Value;
use support::SimFs;
use support::calls::{DIR, open_in as open, reverting};
use support::journal::{groups, segments};

const NEW: &str = "/data/new";

fn key(n: u64) -> IdempotencyKey {
    IdempotencyKey::new(&format!("key {n}"), &[b"request"])
}

/// Commit what `prepare` makes, with an actor and every third with a key.
fn commit(db: &Database, n: u64, mut transaction: Transaction) -> Ack {
    transaction.actor = Some(format!("actor {n}").into());
    transaction.key = n.is_multiple_of(3).then(|| key(n));
    db.write_transaction(transaction).unwrap()
}

fn revert(db: &Database, n: u64, seq: u64) -> Ack {
    commit(db, n, reverting(db, seq).unwrap())
}

/// Blocks of every kind, some of which name others, over several segments.
fn fill(db: &Database) {
    let write = |n: u64, operations| {
        let transaction = Transaction {
            operations,
            ..Transaction::default()
        };
        commit(db, n, transaction)
    };
    let mut n = 0;
    for round in 0..14_u64 {
        let mut next = || {
            n += 1;
            n
        };
        let feature = |id: u64| {
            let pad = "x".repeat(20 + (round as usize * 31 + id as usize * 7) % 160);
            let origin = match round {
                0 => String::new(),
                _ => format!(r#","derived_from":[{}]"#, round * 9),
            };
            format!(
                r#"{{"type":"Feature","id":"f{id}","geometry":{{"type":"Point","coordinates":[{id},{round}]}},"properties":{{"pad":"{pad}"}},"provenance":{{"source":"s{round}"{origin}}}}}"#
            )
        };
        let text = format!(
            r#"{{"type":"FeatureCollection","features":[{},{},{}]}}"#,
            feature(round % 5),
            feature(10 + round % 3),
            feature(20 + round)
        );
        let put = write(
            next(),
            db.prepare_features(text.as_bytes()).unwrap().operations,
        );
        let timestamps: Vec<i64> = (0..20).map(|i| round as i64 * 100 + i).collect();
        let values = timestamps.iter().map(|t| *t as f64).collect();
        let columns = db.prepare_columns("s", timestamps, values, None).unwrap();
        let points = write(next(), columns.operations);
        // Deletes points by their block; the second brings them back; the third deletes
        // them again.
        let undone = revert(db, next(), points.first_seq);
        if round.is_multiple_of(2) {
            let redone = revert(db, next(), undone.first_seq);
            if round.is_multiple_of(4) {
                revert(db, next(), redone.first_seq);
            }
        }
        let undone = revert(db, next(), put.last_seq);
        if round.is_multiple_of(3) {
            revert(db, next(), undone.first_seq);
        }
        let id = format!("f{}", round % 5);
        let delete = db.prepare_delete_feature(&id, None).unwrap();
        let deleted = write(next(), vec![delete]);
        if round % 2 == 1 {
            revert(db, next(), deleted.first_seq);
        }
        let delete = db.prepare_delete_points("s", round as i64 * 50, round as i64 * 50 + 9, None);
        write(next(), vec![delete.unwrap()]);
        let id = format!("wh_{}", round % 3);
        let webhook = format!(r#"{{"round":{round}}}"#);
        let set = db.prepare_webhook(&id, Some(webhook.as_bytes()));
        write(next(), vec![set.unwrap()]);
        if round.is_multiple_of(5) {
            let delete = db.prepare_webhook(&id, None);
            write(next(), vec![delete.unwrap()]);
        }
    }
}

/// A block as its entry in the journal.
#[derive(Debug, Clone, PartialEq)]
struct Entry(Value);

impl Entry {
    fn seq(&self) -> u64 {
        self.0["seq"].as_u64().unwrap()
    }

    fn op(&self) -> &str {
        self.0["op"].as_str().unwrap()
    }

    fn salvaged(&self) -> &Value {
        &self.0["provenance"]["salvaged"]
    }

    /// The operation that it does, or that its revert does, and its body.
    fn effect(&self) -> (&str, &Value) {
        match self.op() {
            "revert" => (
                self.0["body"]["op"].as_str().unwrap(),
                &self.0["body"]["body"],
            ),
            op => (op, &self.0["body"]),
        }
    }

    /// Other blocks that it names.
    fn names(&self) -> Vec<u64> {
        let reverts = self.0["body"]["reverts"].as_u64();
        let (op, body) = self.effect();
        let deletes = (op == "delete_points")
            .then(|| body["block"].as_u64())
            .flatten();
        reverts.into_iter().chain(deletes).collect()
    }

    fn feature(&self) -> Option<&str> {
        let (op, body) = self.effect();
        op.ends_with("_feature")
            .then(|| body["id"].as_str().unwrap())
    }
}

fn entries(db: &Database) -> Vec<Entry> {
    let query = EntryQuery {
        limit: 10_000,
        ..EntryQuery::default()
    };
    let list: Vec<Value> = serde_json::from_slice(
        &db.entries(&query, &db.budget(Cancel::default()))
            .unwrap()
            .json,
    )
    .unwrap();
    list.into_iter().map(Entry).collect()
}

/// That of a transaction, by which its actor is called.
fn number(actor: &str) -> u64 {
    actor.trim_start_matches("actor ").parse().unwrap()
}

/// Another transaction of an actor, with the key of the one that was.
fn send_again(db: &Database, actor: &str) -> Ack {
    let feature = br#"{"type":"Feature","id":"again","geometry":null,"properties":{}}"#;
    db.write_transaction(Transaction {
        operations: db.prepare_features(feature).unwrap().operations,
        key: Some(key(number(actor))),
        actor: Some(actor.into()),
        ..Transaction::default()
    })
    .unwrap()
}

struct Filled {
    fs: SimFs,
    entries: Vec<Entry>,
    segments: Vec<(PathBuf, Vec<u8>)>,
}

fn filled() -> Filled {
    let fs = SimFs::new();
    let db = open(&fs, DIR).unwrap();
    fill(&db);
    let entries = entries(&db);
    db.close();
    let segments = segments(&fs, DIR);
    assert!(segments.len() > 4);
    Filled {
        fs,
        entries,
        segments,
    }
}

impl Filled {
    /// Salvage an image and hold the copy against what was. Returns the blocks that are
    /// in it neither as they were nor anew, and the report.
    fn rescue(&self, image: &SimFs, what: &str) -> (Vec<u64>, SalvageReport) {
        let shared: Arc<dyn FileSystem> = Arc::new(image.clone());
        let report = salvage(
            &shared,
            Path::new(DIR),
            Path::new(NEW),
            Reach::Beyond,
            &mut |_| {},
        );
        let report = report.unwrap_or_else(|e| panic!("{what}: {e}"));
        let appended = report.appended.clone().unwrap();
        let sound = verify(&*shared, Path::new(NEW), &mut |_| {}).unwrap();
        assert!(sound.is_sound(), "{what}: {sound:?}");
        assert_eq!(sound.root, report.root, "{what}");
        assert_eq!(sound.blocks, report.blocks + appended.blocks, "{what}");
        let db = open(image, NEW).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(db.info().unwrap().root, report.root, "{what}");
        let new = entries(&db);
        let copied = report.blocks as usize;
        assert_eq!(new[..copied], self.entries[..copied], "{what}");

        // The others, by their old numbers.
        let mut numbers: BTreeMap<u64, u64> = (1..=report.blocks).map(|n| (n, n)).collect();
        let mut last = report.blocks;
        let mut transactions = BTreeSet::new();
        for (entry, seq) in new.iter().zip(1..).skip(copied) {
            assert_eq!(entry.seq(), seq, "{what}: a gap");
            let was = entry.salvaged();
            let old = was["seq"].as_u64().unwrap();
            assert!(old > last, "{what}: {old} behind {last}");
            last = old;
            let before = &self.entries[old as usize - 1];
            for field in ["seq", "hash", "time", "actor"] {
                assert_eq!(was[field], before.0[field], "{what}: {field} of {old}");
            }
            assert_eq!(entry.op(), before.op(), "{what}");
            assert_eq!(entry.feature(), before.feature(), "{what}");
            let source = &before.0["provenance"]["source"];
            assert_eq!(&entry.0["provenance"]["source"], source, "{what}");
            let named: Vec<u64> = before.names().iter().map(|old| numbers[old]).collect();
            assert_eq!(entry.names(), named, "{what}: block {old}");
            let origins = before.0["provenance"]["derived_from"].as_array();
            let origins = origins
                .into_iter()
                .flatten()
                .map(|seq| seq.as_u64().unwrap());
            let origins: Vec<u64> = origins
                .filter_map(|old| numbers.get(&old).copied())
                .collect();
            let found = entry.0["provenance"]["derived_from"].as_array();
            let found = found.into_iter().flatten().map(|seq| seq.as_u64().unwrap());
            assert_eq!(found.collect::<Vec<_>>(), origins, "{what}: block {old}");
            numbers.insert(old, seq);
            transactions.insert(entry.0["txn"].as_u64().unwrap());
        }
        assert_eq!(transactions.len() as u64, appended.transactions, "{what}");
        self.state(&db, &new, what);

        // What is not there is told, each with its reason.
        let mut told: BTreeSet<u64> = BTreeSet::new();
        told.extend(appended.left_out.iter().map(|block| block.seq));
        told.extend(
            appended
                .missing
                .iter()
                .flat_map(|(first, last)| *first..=*last),
        );
        let seen = told.last().copied().unwrap_or(0).max(last);
        let absent = (1..=self.entries.len() as u64).filter(|seq| !numbers.contains_key(seq));
        let absent: Vec<u64> = absent.collect();
        let untold = absent.iter().filter(|seq| !told.contains(seq));
        assert!(
            untold.clone().all(|seq| *seq > seen),
            "{what}: {absent:?} {told:?}"
        );
        for block in &appended.left_out {
            assert!(block.reason.contains("is lost"), "{what}: {block:?}");
        }
        // A request that is sent again is answered, not done again.
        for entry in new.iter().filter(|entry| entry.0["txn"] == entry.0["seq"]) {
            let actor = match entry.salvaged() {
                Value::Null => &entry.0["actor"],
                salvaged => &salvaged["actor"],
            };
            let actor = actor.as_str().unwrap();
            let n = number(actor);
            let first_of_old = match entry.salvaged()["seq"].as_u64() {
                None => true,
                Some(old) => self.entries[old as usize - 1].0["txn"] == old,
            };
            if n.is_multiple_of(3) && first_of_old {
                let ack = send_again(&db, actor);
                assert!(ack.replayed, "{what}: key {n}");
                assert_eq!(ack.first_seq, entry.seq(), "{what}: key {n}");
            }
        }
        db.close();
        (absent, report)
    }

    /// Hold what the copy answers against what its blocks say, one after the other.
    fn state(&self, db: &Database, entries: &[Entry], what: &str) {
        let mut features: BTreeMap<&str, Option<&Value>> = BTreeMap::new();
        let mut webhooks: BTreeMap<&str, u64> = BTreeMap::new();
        for entry in entries {
            let (op, body) = entry.effect();
            match op {
                "put_feature" => drop(features.insert(entry.feature().unwrap(), Some(body))),
                "delete_feature" => drop(features.insert(entry.feature().unwrap(), None)),
                "set_webhook" => {
                    let id = body["id"].as_str().unwrap();
                    match body["webhook"] {
                        Value::Null => webhooks.remove(id),
                        _ => webhooks.insert(id, entry.seq()),
                    };
                }
                _ => {}
            }
        }
        let budget = db.budget(Cancel::default());
        let page = db.webhooks(0, None, &budget).unwrap();
        let listed: Vec<Value> = serde_json::from_slice(&page.json).unwrap();
        let listed: BTreeMap<&str, u64> = listed
            .iter()
            .map(|entry| {
                (
                    entry["body"]["id"].as_str().unwrap(),
                    entry["seq"].as_u64().unwrap(),
                )
            })
            .collect();
        assert_eq!(listed, webhooks, "{what}");
        for (id, body) in &features {
            let found = match db.feature(id, None) {
                Ok(document) => Some(document),
                Err(Error::NotFound { .. }) => None,
                Err(other) => panic!("{what}: {id}: {other}"),
            };
            let found = found.map(|document| {
                let mut value: Value = serde_json::from_slice(&document.json).unwrap();
                value.as_object_mut().unwrap().remove("provenance");
                value.as_object_mut().unwrap().remove("formdb");
                value
            });
            assert_eq!(found.as_ref(), *body, "{what}: {id}");
        }
        let live = features.values().filter(|body| body.is_some()).count();
        assert_eq!(db.info().unwrap().features, live as u64, "{what}");
    }
}

#[test]
fn one_damaged_block_costs_itself_and_what_depends_on_it() {
    let filled = filled();
    let (mut tried, mut lost) = (0, 0);
    for (path, bytes) in &filled.segments {
        for (number, group) in groups(bytes).into_iter().enumerate() {
            // In its header, at the end of its last block, in the length of its first.
            let (group, end) = (group.start, group.end);
            for at in [group + 60, end - 1, group + 100] {
                if (number + at) % 2 == 1 {
                    continue;
                }
                let mut damaged = bytes.clone();
                damaged[at] ^= 0x10;
                let image = filled.fs.with_file(path, damaged);
                let what = format!("byte {at} of {path:?}");
                let (absent, report) = filled.rescue(&image, &what);
                let appended = report.appended.unwrap();
                let unread: u64 = appended.missing.iter().map(|(a, b)| b - a + 1).sum();
                // Of the last group of all nobody knows how many there were.
                assert!(unread <= 3, "{what}: {appended:?}");
                let left_out = appended.left_out.len() as u64;
                assert!(
                    absent.len() as u64 <= unread + left_out + 3,
                    "{what}: {absent:?}"
                );
                tried += 1;
                lost += absent.len();
            }
        }
    }
    println!("{tried} salvaged; {lost} blocks lost in all");
    assert!(tried > 50);
}

#[test]
fn damaged_headers_and_footers_of_segments_cost_nothing() {
    let filled = filled();
    for (path, bytes) in &filled.segments {
        for at in [0, 20, 40, 60, 126, bytes.len() - 30, bytes.len() - 80] {
            let sealed = bytes[bytes.len() - 64..].starts_with(b"FORMDBJF");
            if at > 126 && !sealed {
                continue;
            }
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            let image = filled.fs.with_file(path, damaged);
            let (absent, _) = filled.rescue(&image, &format!("byte {at} of {path:?}"));
            assert!(absent.is_empty(), "byte {at} of {path:?}: {absent:?}");
        }
    }
}

#[test]
fn behind_a_missing_segment_everything_goes_on() {
    let filled = filled();
    let first = |bytes: &[u8]| u64::from_le_bytes(bytes[32..40].try_into().unwrap());
    for (number, (path, bytes)) in filled.segments.iter().enumerate() {
        let image = filled.fs.without_file(path);
        let what = format!("without {path:?}");
        let (absent, report) = filled.rescue(&image, &what);
        let end = match filled.segments.get(number + 1) {
            Some((_, next)) => first(next),
            None => filled.entries.len() as u64 + 1,
        };
        let missing: Vec<u64> = (first(bytes)..end).collect();
        assert!(missing.iter().all(|seq| absent.contains(seq)), "{what}");
        let appended = report.appended.unwrap();
        assert_eq!(
            absent.len(),
            missing.len() + appended.left_out.len(),
            "{what}"
        );
        assert_eq!(report.blocks, first(bytes) - 1, "{what}");
        if number > 0 && number + 1 < filled.segments.len() {
            assert!(appended.blocks > 0, "{what}");
            assert_eq!(appended.missing, [(first(bytes), end - 1)], "{what}");
        }
    }
}

/// A copy can be damaged and salvaged like any database; what was said of its blocks
/// before is kept.
#[test]
fn what_was_salvaged_once_can_be_salvaged_again() {
    let filled = filled();
    let image = filled.fs.without_file(&filled.segments[1].0);
    filled.rescue(&image, "once");
    let (path, bytes) = image
        .files()
        .into_iter()
        .find(|(path, _)| path.starts_with(NEW) && path.to_string_lossy().contains("00001.journal"))
        .unwrap();
    let group = groups(&bytes)[1].start;
    let mut damaged = bytes.clone();
    damaged[group + 110] ^= 1;
    let image = image.with_file(&path, damaged);
    let shared: Arc<dyn FileSystem> = Arc::new(image.clone());
    let again = Path::new("/data/again");
    let report = salvage(&shared, Path::new(NEW), again, Reach::Beyond, &mut |_| {}).unwrap();
    assert!(report.appended.unwrap().blocks > 0);
    let db = open(&image, "/data/again").unwrap();
    let all = entries(&db);
    let twice = || {
        all.iter()
            .filter(|entry| entry.salvaged()["salvaged"]["seq"].is_u64())
    };
    assert!(twice().count() > 0);
    // Keys are those of who had them before the first salvage.
    let mut known = 0;
    for entry in twice() {
        let actor = entry.salvaged()["salvaged"]["actor"].as_str().unwrap();
        if number(actor).is_multiple_of(3) && entry.0["txn"] == entry.0["seq"] {
            let ack = send_again(&db, actor);
            known += u64::from(ack.replayed && ack.first_seq == entry.seq());
        }
    }
    assert!(known > 0);
    db.close();
}
