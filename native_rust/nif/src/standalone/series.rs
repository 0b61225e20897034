//! Time series by id, in memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use formdb_engine::temporal::{Order, RangeQuery, SharedSeries, TemporalIndex, check_columns};
use formdb_engine::types::MAX_BATCH_POINTS;
use formdb_engine::{
    Aggregate, Aggregation, Budget, Cancel, Entity, Error, Limits, Selection, Zone,
};
use rustler::{Binary, Encoder, Env, NewBinary, NifMap, NifResult, Resource, ResourceArc, Term};

use super::{free_in_background, lock};
use crate::answer::{Failure, or_long, tagged};
use crate::asking::{Asker, default_budget};
use crate::atoms;
use crate::schedulers::{On, twins};
use crate::writes::words;

/// Work in one hold of a series' lock.
const STEP: usize = 8_192;

/// Points read in one hold of a series' lock.
const PAGE: usize = 65_536;

/// Points in a packed answer made on a normal scheduler.
const PACKED: usize = 16_384;

/// Points in a list made on a normal scheduler.
const LISTED: usize = 2_000;

/// Points that an aggregate may read on a normal scheduler.
const AGGREGATED: usize = 50_000;

/// Points entered on a normal scheduler: they take twice as long when not in order.
const ENTERED: usize = 4_096;

/// Series up to which a new one is made on a normal scheduler: when their map grows,
/// a part of them moves.
const SERIES: usize = 10_000;

/// Deleted points up to which reads pass over them on a normal scheduler.
const DELETED: u64 = 50_000;

/// One call writes at a time, each under a sequence of its own, as the database's
/// blocks do: so readers see all that a call wrote or nothing.
#[derive(Default)]
struct SeriesIndex {
    index: TemporalIndex,
    writer: Mutex<()>,
    published: AtomicU64,
    deleted: AtomicU64,
}

type SeriesRef = ResourceArc<SeriesIndex>;

/// Timestamps and values, as many.
type Columns = (Vec<i64>, Vec<f64>);

#[rustler::resource_impl]
impl Resource for SeriesIndex {
    fn destructor(self, _env: Env<'_>) {
        if !self.index.is_empty() {
            free_in_background(self);
        }
    }
}

impl SeriesIndex {
    /// Calls `change` with the last sequence; what it returns is published. `None`
    /// when that is no matter of a moment.
    fn write(&self, on: On, change: impl FnOnce(u64) -> u64) -> NifResult<Option<()>> {
        let writer = lock(on, || self.writer.try_lock(), || self.writer.lock())?;
        let Some(writer) = writer else {
            return Ok(None);
        };
        let last = change(self.published.load(Ordering::Acquire));
        self.published.store(last, Ordering::Release);
        drop(writer);
        Ok(Some(()))
    }

    fn insert(
        &self,
        on: On,
        id: &str,
        timestamps: &[i64],
        values: &[f64],
    ) -> NifResult<Option<()>> {
        // In this order: counting the series looks into every part of their map.
        let may_grow = self.index.get(id).is_none() && self.index.len() > SERIES;
        if on == On::Normal && (may_grow || timestamps.len() > ENTERED) {
            return Ok(None);
        }
        if timestamps.is_empty() {
            return Ok(Some(()));
        }
        self.write(on, |last| {
            let series = self.index.get_or_create(id);
            let times = timestamps.chunks(MAX_BATCH_POINTS);
            let batches = times.zip(values.chunks(MAX_BATCH_POINTS)).zip(last + 1..);
            let seqs = batches.map(|((timestamps, values), seq)| {
                series.insert(timestamps, values, seq, STEP);
                seq
            });
            seqs.last().unwrap_or(last)
        })
    }

    /// The series, and the sequence to read it at.
    fn series(&self, id: &str) -> Result<(Arc<SharedSeries>, u64), Failure> {
        // Before the series' lock: what is published by now stays.
        let at = self.published.load(Ordering::Acquire);
        match self.index.get(id) {
            Some(series) => Ok((series, at)),
            None => Err(no_series(id)),
        }
    }

    /// Whether a read on this scheduler would pass over too much.
    fn is_long(&self, on: On) -> bool {
        on == On::Normal && self.deleted.load(Ordering::Relaxed) > DELETED
    }

    /// The points of `[start, end)`; `None` when those are more than `most`.
    fn range(
        &self,
        id: &str,
        (start, end): (i64, i64),
        most: usize,
    ) -> Result<Option<Columns>, Failure> {
        let (series, at) = self.series(id)?;
        let mut timestamps = Vec::new();
        let mut values = Vec::new();
        let mut query = RangeQuery {
            start,
            end,
            at,
            values: None,
            order: Order::Ascending,
            skip: 0,
            limit: most.min(PAGE),
        };
        loop {
            let resume = series
                .read()
                .range_columns(&query, &mut timestamps, &mut values);
            match resume {
                None => return Ok(Some((timestamps, values))),
                Some(_) if timestamps.len() >= most => return Ok(None),
                Some(resume) => query = query.resume(resume),
            }
        }
    }
}

fn no_series(id: &str) -> Failure {
    Failure(Error::NotFound {
        entity: Entity::Series,
        id: id.to_owned(),
    })
}

#[rustler::nif]
fn series_new(env: Env<'_>) -> Term<'_> {
    ResourceArc::new(SeriesIndex::default()).encode(env)
}

/// Number of series.
#[rustler::nif]
fn series_size(index: SeriesRef) -> usize {
    index.index.len()
}

twins! {
    /// `:ok`, `:long`, or an error.
    series_insert: "Normal", series_insert_dirty: "DirtyCpu";
    fn(env, on; index: SeriesRef, id: &str, timestamp: i64, value: f64) -> NifResult<Term<'a>> {
        insert(env, on, &index, id, &[timestamp], &[value])
    }
}

twins! {
    /// Packed columns: `:ok`, `:long`, or an error.
    series_insert_many: "Normal", series_insert_many_dirty: "DirtyCpu";
    fn(
        env, on;
        index: SeriesRef,
        id: &str,
        timestamps: Binary<'a>,
        values: Binary<'a>
    ) -> NifResult<Term<'a>> {
        if timestamps.len() / 8 > on.at_most(ENTERED) {
            return Ok(atoms::long().to_term(env));
        }
        match columns(&timestamps, &values) {
            Ok((timestamps, values)) => insert(env, on, &index, id, &timestamps, &values),
            Err(failure) => Ok(tagged::<Term<'_>>(env, Err(failure))),
        }
    }
}

fn columns(timestamps: &[u8], values: &[u8]) -> Result<Columns, Failure> {
    let timestamps = words(timestamps, "/timestamps")?.map(i64::from_le_bytes);
    let values = words(values, "/values")?.map(f64::from_le_bytes);
    Ok((timestamps.collect(), values.collect()))
}

fn insert<'a>(
    env: Env<'a>,
    on: On,
    index: &SeriesIndex,
    id: &str,
    timestamps: &[i64],
    values: &[f64],
) -> NifResult<Term<'a>> {
    if let Err(error) = check_columns(timestamps, values) {
        return Ok(tagged::<Term<'_>>(env, Err(Failure(error))));
    }
    let done = match index.insert(on, id, timestamps, values)? {
        Some(()) => atoms::ok(),
        None => atoms::long(),
    };
    Ok(done.to_term(env))
}

/// `{:ok, deleted}`, or an error.
#[rustler::nif(schedule = "DirtyCpu")]
fn series_delete<'a>(
    env: Env<'a>,
    index: SeriesRef,
    id: &str,
    start: i64,
    end: i64,
) -> NifResult<Term<'a>> {
    let Some(series) = index.index.get(id) else {
        return Ok(tagged::<Term<'_>>(env, Err(no_series(id))));
    };
    let mut deleted = 0;
    index.write(On::Dirty, |last| {
        deleted = series.delete(start, end, None, last + 1, STEP);
        index.deleted.fetch_add(deleted, Ordering::Relaxed);
        last + 1
    })?;
    Ok((atoms::ok(), deleted).encode(env))
}

twins! {
    /// `{:ok, [{microseconds, value}]}`, `:long`, or an error.
    series_range: "Normal", series_range_dirty: "DirtyCpu";
    fn(env, on; index: SeriesRef, id: &str, start: i64, end: i64) -> Term<'a> {
        range(env, on, &index, id, (start, end), LISTED, list)
    }
}

twins! {
    /// `{:ok, {timestamps, values}}`, packed, `:long`, or an error.
    series_columns: "Normal", series_columns_dirty: "DirtyCpu";
    fn(env, on; index: SeriesRef, id: &str, start: i64, end: i64) -> Term<'a> {
        range(env, on, &index, id, (start, end), PACKED, packed)
    }
}

/// The points of a span in a shape, on a normal scheduler `most` of them.
fn range<'a>(
    env: Env<'a>,
    on: On,
    index: &SeriesIndex,
    id: &str,
    span: (i64, i64),
    most: usize,
    shape: fn(Env<'a>, &[i64], &[f64]) -> Term<'a>,
) -> Term<'a> {
    if index.is_long(on) {
        return atoms::long().to_term(env);
    }
    let found = index.range(id, span, on.at_most(most));
    or_long(
        env,
        found.map(|found| found.map(|(timestamps, values)| shape(env, &timestamps, &values))),
    )
}

fn list<'a>(env: Env<'a>, timestamps: &[i64], values: &[f64]) -> Term<'a> {
    let points = timestamps.iter().zip(values);
    points
        .map(|point| point.encode(env))
        .collect::<Vec<_>>()
        .encode(env)
}

fn packed<'a>(env: Env<'a>, timestamps: &[i64], values: &[f64]) -> Term<'a> {
    let timestamps = pack(env, timestamps, |n| n.to_le_bytes());
    let values = pack(env, values, |n| n.to_le_bytes());
    (timestamps, values).encode(env)
}

fn pack<'a, N: Copy>(env: Env<'a>, column: &[N], bytes: impl Fn(N) -> [u8; 8]) -> Term<'a> {
    let mut binary = NewBinary::new(env, 8 * column.len());
    let (words, _) = binary.as_mut_slice().as_chunks_mut::<8>();
    for (word, number) in words.iter_mut().zip(column) {
        *word = bytes(*number);
    }
    binary.into()
}

twins! {
    /// `{:ok, {microseconds, value}}`, `{:ok, nil}`, `:long`, or an error.
    series_latest: "Normal", series_latest_dirty: "DirtyCpu";
    fn(env, on; index: SeriesRef, id: &str) -> Term<'a> {
        if index.is_long(on) {
            return atoms::long().to_term(env);
        }
        let latest = index.series(id).map(|(series, at)| {
            let point = series.read().latest(at);
            Some(point.map(|point| (point.timestamp, point.value)))
        });
        or_long(env, latest)
    }
}

/// What an aggregate takes.
#[derive(NifMap)]
struct AggregateMap<'a> {
    aggregation: &'a str,
    start: i64,
    end: i64,
    interval: Option<&'a str>,
    origin: Option<i64>,
    tz: Option<&'a str>,
    fill: &'a str,
}

impl<'a> AggregateMap<'a> {
    fn query(&self, id: &'a str) -> Result<Aggregate<'a>, Failure> {
        let aggregation: Aggregation = self.aggregation.parse()?;
        let mut query = Aggregate::new(Selection::One(id), aggregation);
        query.start = Some(self.start);
        query.end = Some(self.end);
        query.interval = self.interval.map(str::parse).transpose()?;
        query.origin = self.origin;
        query.zone = self.tz.map(Zone::parse).transpose()?.unwrap_or_default();
        query.fill = self.fill.parse()?;
        Ok(query)
    }
}

twins! {
    /// `{:ok, [{microseconds, value}]}`, `:long`, or an error; a value may be nil.
    series_aggregate: "Normal", series_aggregate_dirty: "DirtyCpu";
    fn(env, on; index: SeriesRef, id: &'a str, query: AggregateMap<'a>) -> Term<'a> {
        if index.is_long(on) {
            return atoms::long().to_term(env);
        }
        let asker = (on == On::Dirty).then(|| Asker::new(env));
        let budget = match &asker {
            Some(asker) => asker.default_budget(),
            None => default_budget(Cancel::default()),
        };
        or_long(env, aggregate(&index, id, &query, on.at_most(AGGREGATED), &budget))
    }
}

type Rows = Vec<(i64, Option<f64>)>;

fn aggregate(
    index: &SeriesIndex,
    id: &str,
    query: &AggregateMap<'_>,
    points: usize,
    budget: &Budget,
) -> Result<Option<Rows>, Failure> {
    let at = index.published.load(Ordering::Acquire);
    let query = query.query(id)?;
    let page = index.index.aggregate(
        &query,
        (at, |_| Ok(true)),
        Limits::default().buckets,
        points,
        budget,
    )?;
    let rows = page.map(|page| {
        let buckets = page.series.iter().flat_map(|series| &series.buckets);
        buckets
            .map(|bucket| (bucket.timestamp, bucket.value))
            .collect()
    });
    Ok(rows)
}
