//! Uploads: the same body makes the same batches however it comes in, one that was broken
//! off and is sent again is written once, and what is written is what a single request
//! would have written.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use formdb_engine::fs::RealFileSystem;
use formdb_engine::types::{Antimeridian, TimeReading, TimeUnit};
use formdb_engine::{
    BATCH_BYTES, BATCH_RECORDS, Database, Error, Framing, Limits, Order, PART_BYTES, RangeQuery,
    RejectedRecord, Reply, TableReading, TableShape, Transaction, Upload, UploadForm,
    UploadOptions, WideQuery, Zone,
};
use formdb_engine::{Budget, Cancel};
use proptest::prelude::*;

fn open(dir: &Path) -> Database {
    let limits = Limits {
        rejected_lines: 100,
        ..Limits::default()
    };
    Database::open(Arc::new(RealFileSystem), &dir.join("db"), limits).unwrap()
}

fn features() -> UploadForm {
    UploadForm::Features(Framing::Lines, Antimeridian::Refuse)
}

fn options(form: UploadForm, key: Option<&str>) -> UploadOptions {
    UploadOptions {
        form,
        stop: false,
        record_bytes: 16 << 20,
        on_duplicate: None,
        provenance: None,
        key: key.map(str::to_owned),
    }
}

/// What became of an upload.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    inserted: usize,
    replaced: u64,
    skipped: usize,
    batches: usize,
    /// Where all that was written begins, and how many blocks it is, as the last answer has it.
    whole: (u64, u64),
    rejected: Vec<RejectedRecord>,
}

/// An upload on its way to a database, as a server makes one.
struct Run<'d> {
    db: &'d Database,
    upload: Upload,
    outcome: Outcome,
    reused: Option<Error>,
}

impl<'d> Run<'d> {
    fn new(db: &'d Database, options: UploadOptions) -> Self {
        Self {
            db,
            upload: db.upload(options).unwrap(),
            outcome: Outcome::default(),
            reused: None,
        }
    }

    fn submit(&mut self) -> Result<(), Error> {
        loop {
            let (sender, receiver) = std::sync::mpsc::channel();
            let reply = Reply::new(move |answer| drop(sender.send(answer)));
            let transaction = Transaction::default();
            let Some(count) = self.upload.submit(self.db, transaction, reply)? else {
                break;
            };
            self.outcome.batches += 1;
            let answer = receiver.recv().unwrap();
            if let Ok(ack) = &answer {
                self.outcome.whole = ack.whole;
            }
            match answer {
                Ok(ack) if ack.replayed => {
                    self.outcome.skipped += count;
                    self.reused = None;
                }
                Ok(ack) => {
                    self.outcome.inserted += count;
                    self.outcome.replaced += ack.features_replaced;
                    self.reused = None;
                }
                Err(error @ Error::KeyReused { .. }) if self.written() == 0 => {
                    self.outcome.skipped += count;
                    self.reused = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        self.outcome.rejected.extend(self.upload.take_rejected());
        Ok(())
    }

    /// Features and points that are known to be there.
    fn written(&self) -> usize {
        match self.reused {
            Some(_) => self.outcome.inserted,
            None => self.outcome.inserted + self.outcome.skipped,
        }
    }

    fn feed(&mut self, mut part: &[u8]) -> Result<(), Error> {
        let budget = self.upload.budget(Cancel::default());
        let fed = self.upload.feed(&mut part, &budget);
        self.submit()?;
        fed
    }

    fn end(mut self) -> Result<Outcome, Error> {
        let budget = self.upload.budget(Cancel::default());
        self.upload.end(&budget)?;
        self.submit()?;
        self.reused.map_or(Ok(self.outcome), Err)
    }
}

fn upload(
    db: &Database,
    options: UploadOptions,
    body: &[u8],
    part: usize,
) -> Result<Outcome, Error> {
    let mut run = Run::new(db, options);
    for part in body.chunks(part) {
        run.feed(part)?;
    }
    run.end()
}

fn lines(from: usize, to: usize) -> String {
    let mut body = String::new();
    for i in from..to {
        let _ = writeln!(
            body,
            r#"{{"type":"Feature","id":"f{i}","geometry":{{"type":"Point","coordinates":[{},{}]}},"properties":{{"n":{i}}}}}"#,
            i % 180,
            i % 90
        );
    }
    body
}

fn documents(db: &Database, count: usize) -> Vec<String> {
    let text = |i| {
        let document = db.feature(&format!("f{i}"), None).unwrap();
        String::from_utf8(document.json.to_vec()).unwrap()
    };
    (0..count).map(text).collect()
}

#[test]
fn features_are_those_that_a_collection_would_have_written() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let count = 2 * BATCH_RECORDS + 17;
    let outcome = upload(
        &db,
        options(features(), None),
        lines(0, count).as_bytes(),
        100_003,
    );
    let outcome = outcome.unwrap();
    assert_eq!(
        (outcome.inserted, outcome.replaced, outcome.batches),
        (count, 0, 3)
    );
    let uploaded = documents(&db, count);
    let sequence: String = lines(0, count)
        .lines()
        .map(|l| format!("\u{1e}{l}\n"))
        .collect();
    let form = UploadForm::Features(Framing::Sequence, Antimeridian::Refuse);
    let again = upload(&db, options(form, None), sequence.as_bytes(), 4_096).unwrap();
    assert_eq!(
        (again.inserted, again.replaced, again.batches),
        (count, count as u64, 3)
    );
    let all: Vec<String> = lines(0, count).lines().map(str::to_owned).collect();
    let text = format!(
        r#"{{"type":"FeatureCollection","features":[{}]}}"#,
        all.join(",")
    );
    db.write(db.prepare_features(text.as_bytes()).unwrap().operations)
        .unwrap();
    assert_eq!(documents(&db, count), uploaded);
}

#[test]
fn what_was_broken_off_and_is_sent_again_is_written_once() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let count = 3 * BATCH_RECORDS + 5;
    let body = lines(0, count);
    let two_batches = lines(0, 2 * BATCH_RECORDS + 1).len();
    let mut broken = Run::new(&db, options(features(), Some("k")));
    broken
        .feed(body.as_bytes().get(..two_batches).unwrap())
        .unwrap();
    assert_eq!(broken.outcome.inserted, 2 * BATCH_RECORDS);
    let between = r#"{"type":"Feature","id":"other","geometry":null,"properties":{}}"#;
    let between = db.prepare_features(between.as_bytes()).unwrap();
    db.write(between.operations).unwrap();
    // Nothing of it survives but the journal.
    db.close();
    std::fs::remove_dir_all(dir.path().join("db/snapshots")).unwrap();
    let db = open(dir.path());
    let rest = upload(
        &db,
        options(features(), Some("k")),
        body.as_bytes(),
        64 << 10,
    )
    .unwrap();
    assert_eq!(rest.skipped, 2 * BATCH_RECORDS);
    assert_eq!(
        (rest.inserted, rest.replaced),
        (count - 2 * BATCH_RECORDS, 0)
    );
    assert_eq!(rest.whole, (1, count as u64));
    let count_and_other = count as u64 + 1;
    assert_eq!(db.seq().unwrap(), count_and_other);
    db.close();
    let db = open(dir.path());
    let again = upload(
        &db,
        options(features(), Some("k")),
        body.as_bytes(),
        1 << 20,
    )
    .unwrap();
    assert_eq!((again.skipped, again.inserted), (count, 0));
    assert_eq!(again.whole, (1, count as u64));
    // Another body, also one that begins or ends as this one does, is another request.
    let longer = lines(0, count + 1);
    let shorter = lines(0, count - 1);
    let other = lines(1, count + 1);
    for body in [longer, shorter, other] {
        let refused = upload(
            &db,
            options(features(), Some("k")),
            body.as_bytes(),
            1 << 20,
        );
        assert!(
            matches!(refused, Err(Error::KeyReused { .. })),
            "{refused:?}"
        );
    }
    let mut asked = options(features(), Some("k"));
    asked.stop = true;
    let refused = upload(&db, asked, body.as_bytes(), 1 << 20);
    assert!(
        matches!(refused, Err(Error::KeyReused { .. })),
        "{refused:?}"
    );
    let mut asked = options(features(), Some("k"));
    asked.provenance = Some(b"{}".to_vec());
    let refused = upload(&db, asked, body.as_bytes(), 1 << 20);
    assert!(
        matches!(refused, Err(Error::KeyReused { .. })),
        "{refused:?}"
    );
    assert_eq!(db.seq().unwrap(), count_and_other);
}

#[test]
fn an_upload_has_a_provenance_for_all_that_has_none() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let provenance = |seq: u64| {
        let block: serde_json::Value =
            serde_json::from_slice(&db.block(seq).unwrap().json).unwrap();
        block["provenance"].clone()
    };
    let (all, own) = (r#"{"import":"march"}"#, r#"{"agent":"Ana"}"#);
    let feature = |id: &str, more: &str| {
        format!(r#"{{"type":"Feature","id":"{id}","geometry":null,"properties":null{more}}}"#)
    };
    let own_member = format!(r#","provenance":{own}"#);
    let point = |series: &str, more: &str| {
        format!(r#"{{"series_id":"{series}","timestamp":0,"value":1{more}}}"#)
    };
    let of_points = UploadForm::Points(Framing::Lines, TimeReading::default());
    let bodies = [
        (features(), [feature("a", ""), feature("b", &own_member)]),
        (of_points, [point("a", ""), point("b", &own_member)]),
        (
            UploadForm::Table(TableReading::default()),
            ["timestamp,a,b".to_owned(), "1970-01-01,1,2".to_owned()],
        ),
    ];
    let mut seq = 0;
    for (form, body) in bodies {
        let both = matches!(form, UploadForm::Table(_));
        let mut asked = options(form, None);
        asked.provenance = Some(all.as_bytes().to_vec());
        upload(&db, asked, body.join("\n").as_bytes(), 1 << 20).unwrap();
        let all: serde_json::Value = serde_json::from_str(all).unwrap();
        let own: serde_json::Value = serde_json::from_str(own).unwrap();
        assert_eq!(provenance(seq + 1), all);
        assert_eq!(provenance(seq + 2), if both { all } else { own });
        seq += 2;
    }
    for (text, pointer) in [
        (r#"{"derived_from":7}"#, "/provenance/derived_from"),
        ("[]", "/provenance"),
    ] {
        let mut asked = options(features(), None);
        asked.provenance = Some(text.as_bytes().to_vec());
        let error = db.upload(asked).unwrap_err();
        assert_eq!(error.pointer(), Some(pointer), "{error}");
    }
}

#[test]
fn a_provenance_that_makes_a_transaction_too_large_is_refused_before_it_is_copied() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits {
        transaction_bytes: 1 << 20,
        ..Limits::default()
    };
    let db = Database::open(Arc::new(RealFileSystem), &dir.path().join("db"), limits).unwrap();
    let long = format!(r#"{{"note":"{}"}}"#, "x".repeat(16_000));
    let all: Vec<String> = lines(0, 1_000).lines().map(str::to_owned).collect();
    let text = format!(
        r#"{{"type":"FeatureCollection","features":[{}]}}"#,
        all.join(",")
    );
    let prepared = db.prepare_features(text.as_bytes()).unwrap();
    let refused = prepared.with_provenance(&db, Some(long.as_bytes()));
    assert!(
        matches!(refused, Err(Error::TooLarge { .. })),
        "{refused:?}"
    );
}

#[test]
fn two_that_send_the_same_at_once_write_it_once() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let body = lines(0, 4 * BATCH_RECORDS);
    let all = std::thread::scope(|scope| {
        let both = [(); 2].map(|()| {
            scope.spawn(|| {
                upload(
                    &db,
                    options(features(), Some("k")),
                    body.as_bytes(),
                    300_000,
                )
            })
        });
        both.map(|run| run.join().unwrap())
    });
    // One may be told that the other went on with the key; what stands was written once.
    assert!(all.iter().any(Result::is_ok), "{all:?}");
    for outcome in &all {
        assert!(
            matches!(outcome, Ok(_) | Err(Error::KeyReused { .. })),
            "{outcome:?}"
        );
    }
    assert_eq!(db.seq().unwrap(), 4 * BATCH_RECORDS as u64);
}

#[test]
fn bytes_end_a_batch_too() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let pad = "x".repeat(BATCH_BYTES / 4);
    let line = |i| {
        format!(r#"{{"type":"Feature","id":"f{i}","geometry":null,"properties":{{"p":"{pad}"}}}}"#)
    };
    let body: Vec<String> = (0..7).map(line).collect();
    // Three fit, with the fourth there would be more.
    let outcome = upload(
        &db,
        options(features(), None),
        body.join("\n").as_bytes(),
        1 << 20,
    );
    assert_eq!(outcome.unwrap().batches, 3);
}

#[test]
fn faulty_lines_are_left_out_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let good = lines(0, 3);
    let good: Vec<&str> = good.lines().collect();
    let [a, b, c] = good.as_slice() else { panic!() };
    let collection = format!(r#"{{"type":"FeatureCollection","features":[{a}]}}"#);
    let body = format!("{a}\n\nnonsense\n{b}\n{collection}\n{{\"type\":\"Feature\"}}\n{c}\n");
    let outcome = upload(&db, options(features(), None), body.as_bytes(), 7).unwrap();
    assert_eq!(outcome.inserted, 3);
    let told: Vec<(u64, &str)> = outcome
        .rejected
        .iter()
        .map(|r| (r.line, r.fault.code))
        .collect();
    assert_eq!(
        told,
        [
            (3, "invalid_json"),
            (5, "invalid_feature"),
            (6, "invalid_feature")
        ]
    );

    let mut stop = options(features(), None);
    stop.stop = true;
    let stopped = upload(&db, stop, body.as_bytes(), 1 << 20);
    assert!(matches!(stopped, Err(Error::Invalid { .. })), "{stopped:?}");

    let nonsense = "nonsense\n".repeat(101);
    let error = upload(&db, options(features(), None), nonsense.as_bytes(), 1 << 20).unwrap_err();
    assert!(
        error.to_string().contains("FORMDB_REJECTED_LINES"),
        "{error}"
    );

    let mut small = options(features(), None);
    small.record_bytes = a.len();
    let body = format!("{a} \n{a} {}\n{b}", " ".repeat(a.len()));
    let outcome = upload(&db, small, body.as_bytes(), 10).unwrap();
    let told: Vec<(u64, &str)> = outcome
        .rejected
        .iter()
        .map(|r| (r.line, r.fault.code))
        .collect();
    assert_eq!(
        (outcome.inserted, told),
        (1, vec![(1, "too_large"), (2, "too_large")])
    );
}

fn points(db: &Database, series: &str) -> Vec<(i64, f64)> {
    let query = RangeQuery {
        series,
        start: i64::MIN,
        end: i64::MAX,
        values: None,
        order: Order::Ascending,
        limit: 100_000,
        cursor: None,
        as_of: None,
    };
    let budget: Budget = db.budget(Cancel::default());
    let page = db.range(&query, &budget).unwrap();
    page.points.iter().map(|p| (p.timestamp, p.value)).collect()
}

#[test]
fn three_shapes_of_tables_and_points_a_line_say_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let value = |i: i64, s: i64| (i % 7 != s).then_some(i as f64 / 8.0 + s as f64);
    let (mut single, mut long) = (
        String::from("timestamp,value\n"),
        String::from("series_id,timestamp,value\n"),
    );
    let (mut wide, mut json) = (String::from("timestamp,w/1,w/2\n"), String::new());
    for i in 0..12_000_i64 {
        let cell = |s| value(i, s).map_or(String::new(), |v| v.to_string());
        let at = i * 60_000_000;
        let _ = writeln!(
            single,
            "{},{}",
            formdb_engine::types::format_timestamp(at),
            cell(1)
        );
        let _ = writeln!(wide, "{at},{},{}", cell(1), cell(2));
        for s in [1, 2] {
            let _ = writeln!(long, "l/{s},{at},{}", cell(s));
            if let Some(v) = value(i, s) {
                let _ = writeln!(
                    json,
                    r#"{{"series_id":"j/{s}","timestamp":{at},"value":{v:?}}}"#
                );
            }
        }
    }
    let us = || TimeReading {
        unit: Some(TimeUnit::default()),
        ..TimeReading::default()
    };
    let table = |series: Option<&str>| {
        UploadForm::Table(TableReading {
            series: series.map(str::to_owned),
            times: us(),
            ..TableReading::default()
        })
    };
    for (form, body) in [
        (table(Some("s/1")), &single),
        (table(None), &long),
        (table(None), &wide),
        (
            UploadForm::Points(Framing::Lines, TimeReading::default()),
            &json,
        ),
    ] {
        let outcome = upload(&db, options(form, None), body.as_bytes(), 50_001).unwrap();
        assert_eq!(outcome.rejected, []);
    }
    for s in [1, 2] {
        let expected: Vec<(i64, f64)> = (0..12_000)
            .filter_map(|i| value(i, s).map(|v| (i * 60_000_000, v)))
            .collect();
        for shape in if s == 1 {
            vec!["s", "l", "w", "j"]
        } else {
            vec!["l", "w", "j"]
        } {
            assert_eq!(
                points(&db, &format!("{shape}/{s}")),
                expected,
                "{shape}/{s}"
            );
        }
    }
    let empty = upload(&db, options(table(None), None), b"", 1).unwrap_err();
    assert!(
        empty.to_string().contains("a table with a header"),
        "{empty}"
    );
}

#[test]
fn a_wide_table_of_any_names_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let ids = [
        "series_id",
        "value",
        "timestamp",
        "\u{feff}x",
        "a,\"b",
        " c ",
        "\u{a0}d",
    ];
    let body: String = ids
        .iter()
        .map(|id| id.replace('"', "\\\""))
        .map(|id| format!("{{\"series_id\":\"{id}\",\"timestamp\":5,\"value\":1e-3}}\n"))
        .collect();
    let form = UploadForm::Points(Framing::Lines, TimeReading::default());
    let outcome = upload(&db, options(form, None), body.as_bytes(), 100).unwrap();
    assert_eq!((outcome.inserted, outcome.rejected), (ids.len(), vec![]));
    let query = WideQuery {
        prefix: "",
        filters: &[],
        start: 0,
        end: 10,
        values: None,
        order: Order::Ascending,
        limit: 10,
        as_of: None,
        zone: &Zone::default(),
    };
    let budget = db.budget(Cancel::default());
    let page = db.range_wide(&query, &budget).unwrap();
    let other = tempfile::tempdir().unwrap();
    let copy = open(other.path());
    let form = UploadForm::Table(TableReading {
        shape: Some(TableShape::Wide),
        ..TableReading::default()
    });
    let table = [page.header.clone(), page.rows.clone()].concat();
    let outcome = upload(&copy, options(form, None), &table, 100).unwrap();
    assert_eq!((outcome.inserted, outcome.rejected), (ids.len(), vec![]));
    let again = copy.range_wide(&query, &budget).unwrap();
    assert_eq!((again.header, again.rows), (page.header, page.rows));
}

#[test]
fn what_an_upload_holds_is_counted_and_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits {
        work_bytes: 48 << 20,
        ..Limits::default()
    };
    let db = Database::open(Arc::new(RealFileSystem), &dir.path().join("db"), limits).unwrap();
    let used = || db.memory().work.used();
    let table = || UploadForm::Table(TableReading::default());
    let points = || UploadForm::Points(Framing::Lines, TimeReading::default());
    let line = |zeros: usize| {
        let zeros = "0,".repeat(zeros);
        format!("{{\"series_id\":\"a\",\"metadata\":[{zeros}0]}}\n")
    };
    let header = format!("timestamp{}", ",".repeat(60_000_000));
    let other = db.memory().work.reserve(40 << 20).unwrap();
    for (form, body) in [(table(), header), (points(), line(300_000))] {
        let mut options = options(form, None);
        options.record_bytes = 64 << 20;
        let mut run = Run::new(&db, options);
        let mut parts = body.as_bytes().chunks(1 << 20);
        let fed = parts.try_for_each(|part| run.feed(part));
        assert!(matches!(fed, Err(Error::MemoryFull { .. })), "{fed:?}");
        drop(run);
        assert_eq!(used(), 40 << 20);
    }
    drop(other);
    // What will never have room is left out, and the rest is read.
    let good = "{\"series_id\":\"a\",\"timestamp\":5,\"value\":1}\n";
    let body = line(2_000_000) + good;
    let outcome = upload(&db, options(points(), None), body.as_bytes(), 1 << 20).unwrap();
    let told: Vec<_> = outcome.rejected.iter().map(|r| r.fault.code).collect();
    assert_eq!((outcome.inserted, told), (1, vec!["too_large"]));
    let mut run = Run::new(&db, options(points(), None));
    assert_eq!(used(), PART_BYTES);
    run.feed(good.as_bytes()).unwrap();
    let budget = run.upload.budget(Cancel::default());
    run.upload.end(&budget).unwrap();
    run.submit().unwrap();
    // Although it is still there.
    assert_eq!((used(), run.outcome.inserted), (0, 1));
}

#[test]
fn uploads_that_say_nothing_leave_others_their_memory() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let memory = &db.memory().work;
    let line = lines(0, 1);
    let idle: Vec<Run<'_>> = (0..500)
        .map(|_| {
            let mut run = Run::new(&db, options(features(), None));
            run.feed(line.as_bytes()).unwrap();
            run.feed(b"{\"type\"").unwrap();
            run
        })
        .collect();
    // 1 GiB, of which each has room for a part, its records, and a step of counting.
    assert!(memory.used() <= 500 * (PART_BYTES + (64 << 10)));
    let outcome = upload(&db, options(features(), None), line.as_bytes(), 1_000);
    assert_eq!(outcome.unwrap().inserted, 1);
    drop(idle);
    assert_eq!(memory.used(), 0);
}

#[test]
fn uploads_that_have_too_little_memory_wait_for_each_other_and_end() {
    let dir = tempfile::tempdir().unwrap();
    // For some batches of 11 MiB each.
    let limits = Limits {
        work_bytes: 128 << 20,
        ..Limits::default()
    };
    let db = Database::open(Arc::new(RealFileSystem), &dir.path().join("db"), limits).unwrap();
    let count = 2 * BATCH_RECORDS + 1;
    let pad = "x".repeat(400);
    let body = |run: usize| -> String {
        lines(0, count)
            .replace("\"f", &format!("\"{run}-"))
            .replace("{\"n\"", &format!("{{\"pad\":\"{pad}\",\"n\""))
    };
    let (refused, peak) = std::thread::scope(|scope| {
        let run = |number: usize| {
            let (mut refused, mut peak) = (0, 0);
            let mut run = Run::new(&db, options(features(), None));
            let body = body(number);
            for mut part in body.as_bytes().chunks(PART_BYTES) {
                while !part.is_empty() {
                    let budget = run.upload.budget(Cancel::default());
                    match run.upload.feed(&mut part, &budget) {
                        Err(Error::MemoryFull { .. }) => {
                            refused += 1;
                            std::thread::sleep(std::time::Duration::from_millis(2));
                        }
                        fed => fed.unwrap(),
                    }
                    peak = peak.max(db.memory().work.used());
                    run.submit().unwrap();
                }
            }
            assert_eq!(run.end().unwrap().inserted, count);
            (refused, peak)
        };
        let all: Vec<_> = (0..16).map(|i| scope.spawn(move || run(i))).collect();
        all.into_iter()
            .map(|run| run.join().unwrap())
            .fold((0, 0), |a, b| (a.0 + b.0, a.1.max(b.1)))
    });
    assert!(refused > 0, "there was room for all of them");
    assert!(peak <= 128 << 20, "{peak}");
    assert_eq!(db.info().unwrap().features, 16 * count as u64);
    assert_eq!(db.memory().work.used(), 0);
}

#[test]
fn a_quote_that_is_not_closed_is_told_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let form = || UploadForm::Table(TableReading::default());
    let good = "2026-01-01T00:00Z,1\n";
    let body = format!("timestamp,a\n{good}2026-01-01T00:01Z,\"2\n{good}{good}");
    let outcome = upload(&db, options(form(), None), body.as_bytes(), 9).unwrap();
    assert_eq!(outcome.inserted, 1);
    let told: Vec<(u64, &str)> = outcome
        .rejected
        .iter()
        .map(|r| (r.line, r.fault.detail.as_str()))
        .collect();
    let detail =
        "the quote opened in line 3 is not closed, so that nothing from that line on was read";
    assert_eq!(told, [(3, detail)]);
    // One that another quote closes, lines later.
    let body = format!("timestamp,a\n2026-01-01T00:01Z,\"2\n{good}2026-01-01T00:01Z,2\"\n{good}");
    let outcome = upload(&db, options(form(), None), body.as_bytes(), 9).unwrap();
    assert_eq!((outcome.inserted, outcome.rejected.len()), (1, 1));
    let detail = &outcome.rejected[0].fault.detail;
    assert!(detail.contains("goes on to line 4"), "{detail}");
}

#[test]
fn separators_that_are_missing_or_too_many_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let sequence = UploadForm::Features(Framing::Sequence, Antimeridian::Refuse);
    for (form, body, part) in [
        (sequence, lines(0, 3), "application/x-ndjson"),
        (
            features(),
            format!("\u{1e}{}", lines(0, 1)),
            "application/geo+json-seq",
        ),
    ] {
        let outcome = upload(&db, options(form, None), body.as_bytes(), 9).unwrap();
        assert_eq!((outcome.inserted, outcome.rejected.len()), (0, 1));
        let rejected = &outcome.rejected[0];
        assert_eq!(rejected.line, 1);
        assert!(
            rejected.fault.detail.contains(part) && rejected.fault.detail.contains("0x1E"),
            "{rejected:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]
    #[test]
    fn parts_do_not_matter(part in 1..40_000_usize, broken in 0..3 * BATCH_RECORDS) {
        let dir = tempfile::tempdir().unwrap();
        let db = open(dir.path());
        let count = 2 * BATCH_RECORDS + 100;
        let body = lines(0, count);
        let mut run = Run::new(&db, options(features(), Some("k")));
        for part in body.as_bytes().chunks(part).take(broken / 100) {
            run.feed(part).unwrap();
        }
        let landed = run.outcome.inserted;
        let rest = upload(&db, options(features(), Some("k")), body.as_bytes(), part).unwrap();
        prop_assert_eq!(rest.skipped, landed);
        prop_assert_eq!(rest.inserted, count - landed);
        prop_assert_eq!(db.seq().unwrap(), count as u64);
    }
}
