//! A database and a list of points, and what both of them answer.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use formdb_engine::{
    Aggregate, Bucket, Cancel, Database, Error, Limits, Order, RangeQuery, Selection,
    SeriesListQuery, SeriesRangeQuery, SeriesSummary, SummaryQuery,
};

use super::oracles::compared;
use super::plain::{Plain, Row, buckets, inside, plain};
use super::questions::{About, IDS, Step};
use super::support::SimFs;

pub struct World {
    fs: SimFs,
    db: Database,
    rows: Vec<Row>,
    seq: u64,
}

fn open(fs: &SimFs) -> Database {
    let fs = Arc::new(fs.clone());
    Database::open(fs, Path::new("/data/db"), Limits::default()).unwrap()
}

impl World {
    pub fn new() -> Self {
        let fs = SimFs::new();
        let db = open(&fs);
        Self {
            fs,
            db,
            rows: Vec::new(),
            seq: 0,
        }
    }

    pub fn take(&mut self, step: &Step) {
        match step {
            Step::Write(series, points) => {
                let (timestamps, values): (Vec<i64>, Vec<f64>) = points
                    .iter()
                    .map(|&(t, eighths)| (t, f64::from(eighths) / 8.0))
                    .unzip();
                let columns =
                    self.db
                        .prepare_columns(series, timestamps.clone(), values.clone(), None);
                let ack = self.db.write(columns.unwrap().operations).unwrap();
                assert_eq!((ack.first_seq, ack.last_seq), (self.seq + 1, self.seq + 1));
                self.seq += 1;
                for (timestamp, value) in timestamps.into_iter().zip(values) {
                    self.rows.push(Row {
                        series,
                        timestamp,
                        value,
                        seq: self.seq,
                        died: u64::MAX,
                    });
                }
            }
            Step::Delete(series, start, end) => {
                let operation = self.db.prepare_delete_points(series, *start, *end, None);
                let ack = self.db.write(vec![operation.unwrap()]).unwrap();
                self.seq += 1;
                assert_eq!(ack.last_seq, self.seq);
                let mut died = 0;
                for row in &mut self.rows {
                    let inside = (*start..*end).contains(&row.timestamp);
                    if row.series == *series && inside && row.died == u64::MAX {
                        row.died = self.seq;
                        died += 1;
                    }
                }
                assert_eq!(ack.points_deleted, died);
                compared("numbers of points deleted", 1);
            }
            Step::Reopen => {
                self.db.close();
                self.db = open(&self.fs);
            }
        }
    }

    /// Close the database, which should count what there is.
    pub fn end(self) {
        let info = self.db.info().unwrap();
        let points: usize = self.all(self.seq, "").values().map(Vec::len).sum();
        assert_eq!((info.seq, info.points), (self.seq, points as u64));
        self.db.close();
    }

    /// Points of a series as of a sequence, in order of time and then of arrival.
    fn visible(&self, series: &str, at: u64) -> Vec<Row> {
        let rows = self.rows.iter();
        let mut rows: Vec<Row> = rows
            .filter(|row| row.series == series && row.seq <= at && at < row.died)
            .copied()
            .collect();
        rows.sort_by_key(|row| row.timestamp);
        rows
    }

    /// Series with points as of a sequence, in byte order.
    fn all(&self, at: u64, prefix: &str) -> BTreeMap<&'static str, Vec<Row>> {
        let ids = IDS.iter().filter(|id| id.starts_with(prefix));
        let all = ids.map(|id| (*id, self.visible(id, at)));
        all.filter(|(_, rows)| !rows.is_empty()).collect()
    }

    pub fn ask(&self, about: &About) {
        let at = about.at.map(|at| at.index(self.seq as usize + 1) as u64);
        self.range(about, at);
        self.columns(about, at);
        self.latest(about, at);
        self.list(about, at);
        self.ranges(about, at);
        self.aggregates(about, at);
        self.summary(about, at);
        self.latest_list(about, at);
        self.schema(at);
    }

    fn range(&self, about: &About, as_of: Option<u64>) {
        let at = as_of.unwrap_or(self.seq);
        let all = self.visible(about.series, at);
        let expected = inside(&all, about);
        let values = about.filter();
        let mut found = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let query = RangeQuery {
                cursor: cursor.as_deref(),
                as_of: cursor.is_none().then_some(as_of).flatten(),
                values: values.as_ref(),
                ..range_query(about)
            };
            match self.db.range(&query, &self.db.budget(Cancel::default())) {
                Err(error) => return not_there(&error, &all),
                Ok(page) => {
                    assert_eq!(page.seq, at);
                    assert!(page.points.len() <= about.limit);
                    assert!(page.next.is_none() || page.points.len() == about.limit);
                    found.extend(page.points.iter().map(plain));
                    cursor = page.next;
                }
            }
            if cursor.is_none() {
                break;
            }
        }
        assert!(!all.is_empty());
        assert_eq!(found, expected, "{about:?} at {at}");
        compared(
            match about.order {
                Order::Ascending => "ranges, in pages",
                Order::Descending => "ranges backwards, in pages",
            },
            1,
        );
    }

    fn columns(&self, about: &About, as_of: Option<u64>) {
        let at = as_of.unwrap_or(self.seq);
        let all = self.visible(about.series, at);
        let mut expected = inside(&all, about);
        let more = expected.len() > about.limit;
        expected.truncate(about.limit);
        let values = about.filter();
        let query = RangeQuery {
            as_of,
            values: values.as_ref(),
            ..range_query(about)
        };
        match self
            .db
            .range_columns(&query, &self.db.budget(Cancel::default()))
        {
            Err(error) => not_there(&error, &all),
            Ok(page) => {
                let timestamps: Vec<i64> = expected.iter().map(|row| row.0).collect();
                let values: Vec<f64> = expected.iter().map(|row| row.1).collect();
                assert_eq!((page.timestamps, page.values), (timestamps, values));
                assert_eq!((page.seq, page.next.is_some()), (at, more));
                compared("ranges as columns", 1);
            }
        }
    }

    fn latest(&self, about: &About, as_of: Option<u64>) {
        let all = self.visible(about.series, as_of.unwrap_or(self.seq));
        match self.db.latest(about.series, as_of) {
            Err(error) => not_there(&error, &all),
            Ok(latest) => {
                let last = all.last().map(|row| (row.timestamp, row.value, row.seq));
                assert_eq!(Some((latest.timestamp, latest.value, latest.seq)), last);
                compared("latest points", 1);
            }
        }
    }

    /// What the description of the database says of all series.
    fn schema(&self, as_of: Option<u64>) {
        let budget = self.db.budget(Cancel::default());
        let schema = self.db.schema(as_of, &budget).unwrap();
        let schema: serde_json::Value = serde_json::from_slice(&schema).unwrap();
        let at = as_of.unwrap_or(self.seq);
        let all = self.all(at, "");
        let times = || all.values().flatten().map(|row| row.timestamp);
        let time = |micros: Option<i64>| {
            micros.map_or(serde_json::Value::Null, |t| {
                formdb_engine::types::format_timestamp(t).into()
            })
        };
        let series = &schema["series"];
        assert_eq!(
            (&schema["seq"], &series["count"]),
            (&at.into(), &all.len().into())
        );
        assert_eq!(series["points"], times().count());
        assert_eq!(series["first"], time(times().min()), "at {as_of:?}");
        assert_eq!(series["last"], time(times().max()), "at {as_of:?}");
        compared("descriptions of series", 1);
    }

    fn list(&self, about: &About, as_of: Option<u64>) {
        let at = as_of.unwrap_or(self.seq);
        let (prefix, limit) = (about.prefix, about.limit);
        let mut found: Vec<(String, u64, i64, i64)> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let query = SeriesListQuery {
                prefix,
                filters: &[],
                limit,
                cursor: cursor.as_deref(),
                as_of,
            };
            let budget = self.db.budget(Cancel::default());
            let page = self.db.series_list(&query, &budget).unwrap();
            assert_eq!(page.seq, at);
            let full = page.series.len() == limit;
            assert!(
                full || page.next.is_none(),
                "a page that is not full has no next one"
            );
            found.extend(page.series.iter().map(|entry| {
                let summary = entry.summary.as_ref().unwrap();
                let id = entry.id.to_string();
                (id, summary.points, summary.first, summary.last)
            }));
            cursor = page.next;
            match &cursor {
                // None leads to an empty page.
                Some(_) => assert!(full),
                None => break,
            }
        }
        let all = self.all(at, prefix);
        let expected: Vec<(String, u64, i64, i64)> = all
            .iter()
            .map(|(id, rows)| {
                let (first, last) = (rows[0].timestamp, rows[rows.len() - 1].timestamp);
                ((*id).to_owned(), rows.len() as u64, first, last)
            })
            .collect();
        assert_eq!(found, expected, "{about:?} at {at}");
        compared("lists of series by prefix", 1);
    }

    fn ranges(&self, about: &About, as_of: Option<u64>) {
        let at = as_of.unwrap_or(self.seq);
        let values = about.filter();
        let mut found: Vec<(String, Plain)> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let query = SeriesRangeQuery {
                prefix: about.prefix,
                filters: &[],
                start: about.start,
                end: about.end,
                values: values.as_ref(),
                order: about.order,
                limit: about.limit,
                cursor: cursor.as_deref(),
                as_of: cursor.is_none().then_some(as_of).flatten(),
            };
            let page = self
                .db
                .range_by_prefix(&query, &self.db.budget(Cancel::default()))
                .unwrap();
            assert_eq!(page.seq, at);
            let before = found.len();
            for series in &page.series {
                assert!(!series.points.is_empty());
                let points = series.points.iter().map(plain);
                found.extend(points.map(|point| (series.id.to_string(), point)));
            }
            let length = found.len() - before;
            assert!(length <= about.limit && (length == about.limit || page.next.is_none()));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let all = self.all(at, about.prefix);
        let points = all.iter().flat_map(|(id, rows)| {
            let rows = inside(rows, about).into_iter();
            rows.map(|row| ((*id).to_owned(), row))
        });
        assert_eq!(found, points.collect::<Vec<_>>(), "{about:?} at {at}");
        compared("ranges of several series, in pages", 1);
    }

    fn aggregates(&self, about: &About, as_of: Option<u64>) {
        let at = as_of.unwrap_or(self.seq);
        let query = |selection| Aggregate {
            start: Some(about.start),
            end: Some(about.end),
            values: about.filter(),
            interval: about.interval.map(|(text, _)| text.parse().unwrap()),
            order: about.order,
            as_of,
            ..Aggregate::new(selection, about.aggregation)
        };
        let all = self.visible(about.series, at);
        match self.db.aggregate(
            &query(Selection::One(about.series)),
            &self.db.budget(Cancel::default()),
        ) {
            Err(error) => not_there(&error, &all),
            Ok(page) => {
                assert_eq!((page.seq, page.series.len()), (at, 1));
                assert_eq!(page.series[0].buckets, buckets(&all, about), "{about:?}");
                compared("aggregates", 1);
            }
        }
        let query = query(Selection::Many(about.prefix, &[]));
        let page = self
            .db
            .aggregate(&query, &self.db.budget(Cancel::default()))
            .unwrap();
        let found: Vec<(String, Vec<Bucket>)> = page
            .series
            .iter()
            .map(|series| (series.id.to_string(), series.buckets.clone()))
            .collect();
        let expected: Vec<(String, Vec<Bucket>)> = self
            .all(at, about.prefix)
            .into_iter()
            .map(|(id, rows)| (id.to_owned(), buckets(&rows, about)))
            .collect();
        assert_eq!(found, expected, "{about:?} at {at}");
        compared("aggregates by prefix", 1);
    }

    fn summary(&self, about: &About, as_of: Option<u64>) {
        let at = as_of.unwrap_or(self.seq);
        let all = self.visible(about.series, at);
        let values = about.filter();
        let whole = SummaryQuery {
            as_of,
            ..SummaryQuery::default()
        };
        let part = SummaryQuery {
            start: Some(about.start),
            end: Some(about.end),
            values: values.as_ref(),
            as_of,
        };
        let budget = || self.db.budget(Cancel::default());
        let ascending = About {
            order: Order::Ascending,
            ..about.clone()
        };
        let every = About {
            start: i64::MIN,
            end: i64::MAX,
            values: &[],
            ..ascending.clone()
        };
        for (query, about) in [(&whole, &every), (&part, &ascending)] {
            match self.db.summary(about.series, query, &budget()) {
                Err(error) => not_there(&error, &all),
                Ok(found) => {
                    assert!(!all.is_empty());
                    same_figures(&found, &inside(&all, about));
                    compared("summaries of a series", 1);
                }
            }
        }
        let mut found = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let list = SeriesListQuery {
                prefix: about.prefix,
                filters: &[],
                limit: about.limit,
                cursor: cursor.as_deref(),
                as_of,
            };
            let page = self.db.summary_list(&list, &part, &budget()).unwrap();
            assert_eq!(page.seq, at);
            assert!(page.next.is_none() || page.series.len() == about.limit);
            found.extend(page.series);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let expected = self.all(at, about.prefix);
        assert_eq!(found.len(), expected.len());
        for ((id, found), (expected_id, rows)) in found.iter().zip(&expected) {
            assert_eq!(&**id, *expected_id);
            same_figures(found, &inside(rows, &ascending));
        }
        compared("summaries by prefix, in pages", 1);
    }

    fn latest_list(&self, about: &About, as_of: Option<u64>) {
        let at = as_of.unwrap_or(self.seq);
        let mut found = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let list = SeriesListQuery {
                prefix: about.prefix,
                filters: &[],
                limit: about.limit,
                cursor: cursor.as_deref(),
                as_of,
            };
            let budget = self.db.budget(Cancel::default());
            let page = self.db.latest_list(&list, &budget).unwrap();
            assert_eq!(page.seq, at);
            assert!(page.next.is_none() || page.series.len() == about.limit);
            found.extend(
                page.series.into_iter().map(|(id, latest)| {
                    (id.to_string(), latest.timestamp, latest.value, latest.seq)
                }),
            );
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let all = self.all(at, about.prefix);
        let expected = all.iter().map(|(id, rows)| {
            let last = rows[rows.len() - 1];
            ((*id).to_owned(), last.timestamp, last.value, last.seq)
        });
        assert_eq!(found, expected.collect::<Vec<_>>(), "{about:?} at {at}");
        compared("latest points by prefix, in pages", 1);
    }
}

/// Of values that are eighths, so that no sum of them is rounded.
fn same_figures(found: &SeriesSummary, points: &[Plain]) {
    let values: Vec<f64> = points.iter().map(|point| point.1).collect();
    let (first, last) = (points.first(), points.last());
    assert_eq!(found.count, values.len() as u64);
    assert_eq!(found.first, first.map(|point| (point.0, point.1)));
    assert_eq!(found.last, last.map(|point| (point.0, point.1)));
    assert_eq!(found.min, values.iter().copied().reduce(f64::min));
    assert_eq!(found.max, values.iter().copied().reduce(f64::max));
    let sum: f64 = values.iter().sum();
    let mean = sum / values.len() as f64;
    let some = |value: f64| (!values.is_empty()).then_some(value);
    assert_eq!((found.sum, found.avg), (some(sum), some(mean)));
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    let expected = (squares / (values.len() as f64 - 1.0)).sqrt();
    match found.stddev {
        None => assert!(values.len() < 2),
        Some(stddev) => assert!((stddev - expected).abs() <= 1e-9 * (1.0 + expected)),
    }
}

fn range_query(about: &About) -> RangeQuery<'_> {
    RangeQuery {
        series: about.series,
        start: about.start,
        end: about.end,
        values: None,
        order: about.order,
        limit: about.limit,
        cursor: None,
        as_of: None,
    }
}

/// A series that has no points is one that is not there, and no other is.
fn not_there(error: &Error, all: &[Row]) {
    assert_eq!(error.code(), "series_not_found");
    assert!(all.is_empty(), "{error}, but there are {all:?}");
    compared("series that are not there", 1);
}
