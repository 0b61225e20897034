//! Series side by side, held against the points as they were written.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; helpers of integration tests count as no test"
)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use formdb_engine::fs::RealFileSystem;
use formdb_engine::types::{Zone, format_timestamp};
use formdb_engine::{Cancel, Database, Limits, Order, WideQuery};
use support::random;
use tempfile::tempdir;

/// Values by time, those of one time in their order.
type Points = BTreeMap<i64, Vec<f64>>;

fn rows(series: &BTreeMap<String, Points>, (start, end): (i64, i64), order: Order) -> Vec<String> {
    let mut times: Vec<i64> = series
        .values()
        .flat_map(|points| points.keys().copied())
        .collect();
    times.retain(|time| (start..end).contains(time));
    times.sort_unstable();
    times.dedup();
    if order == Order::Descending {
        times.reverse();
    }
    let mut rows = Vec::new();
    for time in times {
        let of = |points: &Points| {
            let mut values = points.get(&time).cloned().unwrap_or_default();
            if order == Order::Descending {
                values.reverse();
            }
            values
        };
        let values: Vec<Vec<f64>> = series.values().map(of).collect();
        for row in 0..values.iter().map(Vec::len).max().unwrap() {
            let cell =
                |values: &Vec<f64>| values.get(row).map_or(String::new(), |v| format!("{v:?}"));
            let cells: Vec<String> = values.iter().map(cell).collect();
            rows.push(format!("{},{}", format_timestamp(time), cells.join(",")));
        }
    }
    rows
}

#[test]
fn pages_are_together_what_was_written() {
    let dir = tempdir().unwrap();
    let limits = Limits {
        page_bytes: 4_096,
        ..Limits::default()
    };
    let db = Database::open(Arc::new(RealFileSystem), &dir.path().join("db"), limits).unwrap();
    let mut series: BTreeMap<String, Points> = BTreeMap::new();
    let mut state = 0x71de_5eed;
    for id in ["a,b", "a\"", "a1", "a2", "a3", "other"] {
        // Of some a few points at a time, of one very many.
        let (times, count) = match id {
            "a1" => (3, 900),
            "a2" => (1_000, 500),
            _ => (40, 60),
        };
        for _ in 0..3 {
            let timestamps: Vec<i64> = (0..count / 3)
                .map(|_| (random(&mut state) % times) as i64)
                .collect();
            let values: Vec<f64> = timestamps
                .iter()
                .map(|_| (random(&mut state) % 99) as f64)
                .collect();
            if id != "other" {
                for (time, value) in timestamps.iter().zip(&values) {
                    series
                        .entry(id.to_owned())
                        .or_default()
                        .entry(*time)
                        .or_default()
                        .push(*value);
                }
            }
            let prepared = db.prepare_columns(id, timestamps, values, None).unwrap();
            db.write(prepared.operations).unwrap();
        }
    }
    let at = db.seq().unwrap();
    let later = db.prepare_columns("a9", vec![1], vec![1.0], None).unwrap();
    db.write(later.operations).unwrap();

    for order in [Order::Ascending, Order::Descending] {
        for asked in [(0, 2_000), (1, 39), (2, 3), (-5, 0), (7, 7)] {
            for limit in [1, 7, 10_000] {
                let expected = rows(&series, asked, order);
                let (mut found, (mut start, mut end)) = (String::new(), asked);
                loop {
                    let query = WideQuery {
                        prefix: "a",
                        filters: &[],
                        start,
                        end,
                        values: None,
                        order,
                        limit,
                        as_of: Some(at),
                        zone: &Zone::default(),
                    };
                    let page = db
                        .range_wide(&query, &db.budget(Cancel::default()))
                        .unwrap();
                    assert_eq!(page.header, b"timestamp,\"a\"\"\",\"a,b\",a1,a2,a3\n");
                    let text = String::from_utf8(page.rows).unwrap();
                    assert_eq!(text.lines().count(), page.returned);
                    found.push_str(&text);
                    match (page.next, order) {
                        (None, _) => break,
                        (Some(next), Order::Ascending) => start = next,
                        (Some(next), Order::Descending) => end = next,
                    }
                }
                let case = format!("{asked:?}, {order:?}, {limit} at a time");
                let found: Vec<&str> = found.lines().collect();
                assert_eq!(found.len(), expected.len(), "{case}");
                for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    assert_eq!(found, expected, "{case}: row {place}");
                }
            }
        }
    }
    let none = WideQuery {
        prefix: "z",
        filters: &[],
        start: 0,
        end: 9,
        values: None,
        order: Order::Ascending,
        limit: 1,
        as_of: None,
        zone: &Zone::default(),
    };
    let page = db.range_wide(&none, &db.budget(Cancel::default())).unwrap();
    assert_eq!((&*page.header, page.returned), (&b"timestamp\n"[..], 0));
    db.close();
}

/// A page goes on to its limit however many columns there are: else each of its few rows
/// would cost as much as finding all of them.
#[test]
fn one_column_of_many_points_beside_many_of_few_fills_a_page() {
    let dir = tempdir().unwrap();
    let limits = Limits::default();
    let db = Database::open(Arc::new(RealFileSystem), &dir.path().join("db"), limits).unwrap();
    let write = |id: &str, times: Vec<i64>| {
        let values = times.iter().map(|time| *time as f64).collect();
        let prepared = db.prepare_columns(id, times, values, None).unwrap();
        db.write(prepared.operations).unwrap();
    };
    write("dense", (0..5_000).collect());
    for n in 0..500 {
        write(&format!("sparse-{n}"), vec![n * 10]);
    }
    for order in [Order::Ascending, Order::Descending] {
        let query = WideQuery {
            prefix: "",
            filters: &[],
            start: 0,
            end: 5_000,
            values: None,
            order,
            limit: 4_000,
            as_of: None,
            zone: &Zone::default(),
        };
        let page = db
            .range_wide(&query, &db.budget(Cancel::default()))
            .unwrap();
        assert_eq!(page.returned, 4_000);
        let next = match order {
            Order::Ascending => 4_000,
            Order::Descending => 1_000,
        };
        assert_eq!(page.next, Some(next));
    }
    db.close();
}
