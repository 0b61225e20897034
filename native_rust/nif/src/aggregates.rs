//! What points come to: aggregates, summaries, and ranges of several series.

use formdb_engine::{
    Aggregate, AggregatePage, Aggregation, Interval, Selection, SeriesBuckets, SeriesFilter,
    SeriesPage, SeriesRangeQuery, ValueFilter,
};
use rustler::{Atom, Encoder, Env, NifMap, NifTaggedEnum, Term};

use crate::CatalogRef;
use crate::answer::{COPIED, Failure, binary, json_answer, tagged};
use crate::asking::{Asker, ask};
use crate::reads::{Filters, order, series_filters, values};
use crate::schedulers::twins;
use crate::times::zone;

/// Work done on a normal scheduler, in points. It bounds the buckets, too.
const POINTS_IN_MEMORY: usize = 50_000;

/// Which series are meant.
#[derive(NifTaggedEnum)]
enum SeriesTerm<'a> {
    One(&'a str),
    /// Those whose ids begin so, and filters on them.
    Many(&'a str, Filters<'a>),
}

/// `Aggregate` as a map, the parts that have a syntax as text.
#[derive(NifMap)]
pub(crate) struct AggregateMap<'a> {
    series: SeriesTerm<'a>,
    start: Option<i64>,
    end: Option<i64>,
    value: Vec<&'a str>,
    aggregation: &'a str,
    interval: Option<&'a str>,
    window: Option<&'a str>,
    group_by: Option<&'a str>,
    expected: Option<&'a str>,
    origin: Option<i64>,
    tz: Option<&'a str>,
    fill: &'a str,
    pub(crate) order: Atom,
    as_of: Option<u64>,
    json: bool,
}

impl<'a> AggregateMap<'a> {
    pub(crate) fn filters(&self) -> Result<Vec<SeriesFilter>, Failure> {
        match &self.series {
            SeriesTerm::One(_) => Ok(Vec::new()),
            SeriesTerm::Many(_, filters) => series_filters(filters),
        }
    }

    /// The question, with the filters that [`Self::filters`] gives.
    pub(crate) fn query<'q>(&self, filters: &'q [SeriesFilter]) -> Result<Aggregate<'q>, Failure>
    where
        'a: 'q,
    {
        Ok(Aggregate {
            series: match self.series {
                SeriesTerm::One(id) => Selection::One(id),
                SeriesTerm::Many(prefix, _) => Selection::Many(prefix, filters),
            },
            start: self.start,
            end: self.end,
            values: values(&self.value)?,
            aggregations: Aggregation::parse_list(self.aggregation)?,
            interval: length("interval", self.interval)?,
            window: length("window", self.window)?,
            group_by: self.group_by.map(str::parse).transpose()?,
            expected: length("expected", self.expected)?,
            origin: self.origin,
            zone: zone(self.tz)?,
            fill: self.fill.parse()?,
            order: order(self.order),
            as_of: self.as_of,
        })
    }
}

/// A length of time, if it is given.
fn length(name: &str, text: Option<&str>) -> Result<Option<Interval>, Failure> {
    Ok(text.map(|text| Interval::parse(name, text)).transpose()?)
}

twins! {
    /// `{:ok, {buckets, seq}}`. Of one series a list of `{microseconds, value | nil}`, a list
    /// of values for several aggregations, of several series a list of `{id, list}`; as JSON what the engine makes of it.
    aggregate: "Normal", aggregate_tried: Tried, aggregate_dirty: "DirtyIo";
    fn(env, on; catalog: CatalogRef, name: &str, query: AggregateMap<'a>) -> Term<'a> {
        let json = query.json;
        let filters = match query.filters() {
            Ok(filters) => filters,
            Err(failure) => return tagged(env, Err::<(), _>(failure)),
        };
        ask(
            env,
            on,
            (&catalog, name),
            || query.query(&filters),
            |database, aggregate| Ok(match json {
                true => database
                    .aggregate_json_in_memory(aggregate, POINTS_IN_MEMORY)?
                    .filter(|answer| answer.json.len() <= COPIED)
                    .map(|answer| json_answer(env, &answer)),
                false => database
                    .aggregate_in_memory(aggregate, POINTS_IN_MEMORY)?
                    .map(|page| buckets(env, &page)),
            }),
            |database, aggregate, budget| Ok(match json {
                true => json_answer(env, &database.aggregate_json(aggregate, budget)?),
                false => buckets(env, &database.aggregate(aggregate, budget)?),
            }),
            |answer| answer,
        )
    }
}

/// `{:ok, names}` of a list of aggregations, as answers have them.
#[rustler::nif]
fn aggregation_names<'a>(env: Env<'a>, text: &str) -> Term<'a> {
    let names = Aggregation::parse_list(text)
        .map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>());
    tagged(env, names.map_err(Failure))
}

/// `{buckets, seq}`.
fn buckets<'a>(env: Env<'a>, page: &AggregatePage) -> Term<'a> {
    if page.single {
        let only = page.series.first().map(|only| rows(env, only));
        return (only.unwrap_or_default(), page.seq).encode(env);
    }
    let series = page.series.iter();
    let series = series.map(|series| (&*series.id, rows(env, series)));
    (series.collect::<Vec<_>>(), page.seq).encode(env)
}

fn rows<'a>(env: Env<'a>, series: &SeriesBuckets) -> Vec<Term<'a>> {
    let rows = series.buckets.iter().enumerate();
    let row = rows.map(|(place, bucket)| match series.more.is_empty() {
        true => (bucket.timestamp, bucket.value).encode(env),
        false => {
            let values: Vec<Option<f64>> = series.values(place).collect();
            (bucket.timestamp, values).encode(env)
        }
    });
    row.collect()
}

/// `SeriesRangeQuery` as a map.
#[derive(NifMap)]
pub(crate) struct RangesMap<'a> {
    pub(crate) prefix: &'a str,
    filters: Filters<'a>,
    pub(crate) start: i64,
    pub(crate) end: i64,
    value: Vec<&'a str>,
    pub(crate) order: Atom,
    pub(crate) limit: usize,
    cursor: Option<&'a str>,
    pub(crate) as_of: Option<u64>,
    pub(crate) tz: Option<&'a str>,
    json: bool,
}

impl<'a> RangesMap<'a> {
    pub(crate) fn values(&self) -> Result<Option<ValueFilter>, Failure> {
        values(&self.value)
    }

    pub(crate) fn filters(&self) -> Result<Vec<SeriesFilter>, Failure> {
        series_filters(&self.filters)
    }

    /// The question, of the values that [`Self::values`] gives and with the filters that
    /// [`Self::filters`] gives.
    pub(crate) fn query<'q>(
        &self,
        values: Option<&'q ValueFilter>,
        filters: &'q [SeriesFilter],
    ) -> SeriesRangeQuery<'q>
    where
        'a: 'q,
    {
        SeriesRangeQuery {
            prefix: self.prefix,
            filters,
            start: self.start,
            end: self.end,
            values,
            order: order(self.order),
            limit: self.limit,
            cursor: self.cursor,
            as_of: self.as_of,
        }
    }
}

/// `{:ok, {series, seq, next}}`; `series` is a list of `{id, points}`, or JSON.
#[rustler::nif(schedule = "DirtyIo")]
fn range_many<'a>(env: Env<'a>, catalog: CatalogRef, name: &str, range: RangesMap<'a>) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let (values, filters) = (range.values()?, range.filters()?);
        let query = range.query(values.as_ref(), &filters);
        let page = database.range_by_prefix(&query, &asker.budget(database))?;
        let series = match range.json {
            true => binary(env, &page.to_json(&zone(range.tz)?)),
            false => tuples(env, &page),
        };
        Ok((series, page.seq, page.next))
    })
}

fn tuples<'a>(env: Env<'a>, page: &SeriesPage) -> Term<'a> {
    let rows = page.series.iter().map(|series| {
        let points = series.points.iter().map(|p| (p.timestamp, p.value));
        (&*series.id, points.collect::<Vec<_>>())
    });
    rows.collect::<Vec<_>>().encode(env)
}
