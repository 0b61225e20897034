//! Reads: on the calling process, no process in between.

use std::sync::Arc;

use formdb_engine::types::BoundingBox;
use formdb_engine::{
    BlockFilter, BoxQuery, Database, Document, EntryQuery, Error, FeaturePage, Latest, Member,
    Order, PointPage, RangeQuery, SeriesFilter, SeriesListPage, SeriesListQuery, SeriesNames,
    ValueFilter, to_hex,
};
use rustler::{Atom, Encoder, Env, NifMap, Term};

use crate::answer::{COPIED, Failure, binary, or_long, tagged};
use crate::asking::{Asker, ask};
use crate::schedulers::{On, twins};
use crate::times::zone;
use crate::{CatalogRef, CatalogResource, atoms};

/// `{seq, hash, json}`.
fn document<'a>(env: Env<'a>, document: &Document) -> Term<'a> {
    (
        document.seq,
        to_hex(&document.hash),
        binary(env, &document.json),
    )
        .encode(env)
}

twins! {
    /// `{:ok, {seq, hash, json}}`; `:long` also for what is too large to be copied there.
    feature: "Normal", feature_dirty: "DirtyIo";
    fn(
        env, on;
        catalog: CatalogRef,
        name: &str,
        id: &str,
        as_of: Option<u64>
    ) -> Term<'a> {
        let found = catalog.database(name).and_then(|database| Ok(match on {
            On::Normal => database
                .feature_in_memory(id, as_of)?
                .filter(|found| found.json.len() <= COPIED),
            On::Tried | On::Dirty => Some(database.feature(id, as_of)?),
        }));
        or_long(env, found.map(|found| found.map(|found| document(env, &found))))
    }
}

/// `{:ok, bytes}` that `feature_dirty` would have to read.
#[rustler::nif]
fn feature_bytes<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    id: &str,
    as_of: Option<u64>,
) -> Term<'a> {
    catalog.call(env, name, |database| Ok(database.feature_bytes(id, as_of)?))
}

/// `{:ok, {seq, hash, json}}` as a transaction sees it; of its own version `seq` and
/// `hash` are nil.
#[rustler::nif(schedule = "DirtyIo")]
fn feature_in<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    transaction: &str,
    id: &str,
) -> Term<'a> {
    catalog.call(env, name, |database| {
        let found = database.feature_in(transaction, id)?;
        let (seq, hash) = found.version.unzip();
        let hash = hash.map(|hash| to_hex(&hash));
        Ok((seq, hash, binary(env, &found.json)))
    })
}

/// What a box query in a transaction takes.
#[derive(NifMap)]
struct BoxMap<'a> {
    bbox: &'a str,
    limit: usize,
    cursor: Option<String>,
    as_of: Option<u64>,
}

impl BoxMap<'_> {
    fn query(self) -> Result<BoxQuery, Failure> {
        Ok(BoxQuery {
            bbox: BoundingBox::parse(self.bbox)?,
            limit: self.limit,
            cursor: self.cursor,
            as_of: self.as_of,
        })
    }
}

/// `{json, returned, seq, next}`; `json` is an array of features.
pub(crate) fn feature_page<'a>(env: Env<'a>, page: FeaturePage) -> Term<'a> {
    (binary(env, &page.json), page.returned, page.seq, page.next).encode(env)
}

/// A page as a transaction sees it.
#[rustler::nif(schedule = "DirtyIo")]
fn features_in_box_in<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    transaction: &str,
    query: BoxMap<'a>,
) -> Term<'a> {
    let asker = Asker::new(env);
    let page = catalog.database(name).and_then(|database| {
        let budget = asker.budget(&database);
        Ok(database.features_in_box_in(transaction, &query.query()?, &budget)?)
    });
    tagged(env, page.map(|page| feature_page(env, page)))
}

/// What a range call takes; in a transaction it is not for a normal scheduler, since
/// another call may hold that for long.
#[derive(NifMap)]
pub(crate) struct RangeMap<'a> {
    pub(crate) series: &'a str,
    start: i64,
    end: i64,
    value: Vec<&'a str>,
    order: Atom,
    limit: usize,
    cursor: Option<&'a str>,
    as_of: Option<u64>,
    pub(crate) transaction: Option<&'a str>,
    pub(crate) tz: Option<&'a str>,
}

twins! {
    /// `{:ok, {seq, hash, json}}` of the attributes of a series.
    attributes: "Normal", attributes_dirty: "DirtyIo";
    fn(
        env, on;
        catalog: CatalogRef,
        name: &str,
        series: &str,
        as_of: Option<u64>
    ) -> Term<'a> {
        let found = catalog.database(name).and_then(|database| Ok(match on {
            On::Normal => database
                .attributes_in_memory(series, as_of)?
                .filter(|found| found.json.len() <= COPIED),
            On::Tried | On::Dirty => Some(database.attributes(series, as_of)?),
        }));
        or_long(env, found.map(|found| found.map(|found| document(env, &found))))
    }
}

twins! {
    /// `{:ok, there?}`.
    has_attributes: "Normal", has_attributes_dirty: "DirtyIo";
    fn(
        env;
        catalog: CatalogRef,
        name: &str,
        series: &str,
        as_of: Option<u64>
    ) -> Term<'a> {
        catalog.call(env, name, |database| Ok(database.has_attributes(series, as_of)?))
    }
}

/// `{:ok, bytes}` that `attributes_dirty` would have to read.
#[rustler::nif]
fn attributes_bytes<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    series: &str,
    as_of: Option<u64>,
) -> Term<'a> {
    catalog.call(env, name, |database| {
        Ok(database.attributes_bytes(series, as_of)?)
    })
}

/// `{:ok, {json, returned, next}}`; `json` is an array of versions.
#[rustler::nif(schedule = "DirtyIo")]
fn attributes_provenance<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    series: &str,
    since: u64,
    as_of: Option<u64>,
    limit: usize,
) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let budget = asker.budget(database);
        let page = database.attributes_provenance(series, since, as_of, limit, &budget)?;
        Ok((binary(env, &page.json), page.returned, page.next))
    })
}

/// `{:ok, {json, next}}`; `json` is an array of the blocks that set the webhooks last.
#[rustler::nif(schedule = "DirtyIo")]
fn webhooks<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    since: u64,
    as_of: Option<u64>,
) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let page = database.webhooks(since, as_of, &asker.budget(database))?;
        Ok((binary(env, &page.json), page.next))
    })
}

twins! {
    /// `{:ok, {points, seq, next}}`; `points` is a JSON array of `{"timestamp", "value"}`.
    range_json: "Normal", range_json_tried: Tried, range_json_dirty: "DirtyIo";
    fn(env, on; catalog: CatalogRef, name: &str, range: RangeMap<'a>) -> Term<'a> {
        match zone(range.tz) {
            Ok(zone) => points(env, on, (&catalog, name), &range, |page| {
                binary(env, &page.to_json(&zone))
            }),
            Err(failure) => tagged(env, Err::<(), _>(failure)),
        }
    }
}

twins! {
    /// The same; `points` is a list of `{microseconds, value}`.
    range_points: "Normal", range_points_tried: Tried, range_points_dirty: "DirtyIo";
    fn(env, on; catalog: CatalogRef, name: &str, range: RangeMap<'a>) -> Term<'a> {
        points(env, on, (&catalog, name), &range, |page| {
            let points = page.points.iter().map(|p| (p.timestamp, p.value));
            points.collect::<Vec<(i64, f64)>>().encode(env)
        })
    }
}

/// `:desc` or `:asc`, as Elixir has checked.
pub(crate) fn order(order: Atom) -> Order {
    if order == atoms::desc() {
        Order::Descending
    } else {
        Order::Ascending
    }
}

/// Conditions on values, if there are any.
pub(crate) fn values(conditions: &[&str]) -> Result<Option<ValueFilter>, Failure> {
    match conditions {
        [] => Ok(None),
        _ => Ok(Some(ValueFilter::parse(conditions)?)),
    }
}

impl<'a> RangeMap<'a> {
    pub(crate) fn values(&self) -> Result<Option<ValueFilter>, Failure> {
        values(&self.value)
    }

    /// The question, of the values that [`Self::values`] gives.
    pub(crate) fn query<'q>(&self, values: Option<&'q ValueFilter>) -> RangeQuery<'q>
    where
        'a: 'q,
    {
        RangeQuery {
            series: self.series,
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

fn points<'a>(
    env: Env<'a>,
    on: On,
    database: (&CatalogResource, &str),
    range: &RangeMap<'a>,
    shape: impl FnOnce(&PointPage) -> Term<'a>,
) -> Term<'a> {
    let values = match range.values() {
        Ok(values) => values,
        Err(failure) => return tagged(env, Err::<(), _>(failure)),
    };
    ask(
        env,
        on,
        database,
        || Ok(range.query(values.as_ref())),
        Database::range_in_memory,
        |database, query, budget| match range.transaction {
            None => database.range(query, budget),
            Some(id) => database.range_in(id, query, budget),
        },
        |page| (shape(&page), page.seq, page.next.as_deref()).encode(env),
    )
}

/// A last point.
#[derive(NifMap)]
pub(crate) struct LatestMap<'a> {
    timestamp: i64,
    value: f64,
    seq: u64,
    index: u32,
    metadata: Option<Term<'a>>,
    provenance: Option<Term<'a>>,
}

impl<'a> LatestMap<'a> {
    pub(crate) fn new(env: Env<'a>, latest: &Latest) -> Self {
        let text = |json: &Option<Vec<u8>>| json.as_ref().map(|json| binary(env, json));
        Self {
            timestamp: latest.timestamp,
            value: latest.value,
            seq: latest.seq,
            index: latest.index,
            metadata: text(&latest.metadata),
            provenance: text(&latest.provenance),
        }
    }
}

twins! {
    /// `{:ok, {latest, seq}}`; `:long` where a block has to be read.
    latest: "Normal", latest_dirty: "DirtyIo";
    fn(
        env, on;
        catalog: CatalogRef,
        name: &str,
        series: &str,
        as_of: Option<u64>
    ) -> Term<'a> {
        let found = catalog.database(name).and_then(|database| Ok(match on {
            On::Normal => database.latest_in_memory(series, as_of)?,
            On::Tried | On::Dirty => Some(database.latest_at(series, as_of)?),
        }));
        let term = |(latest, at): (Arc<Latest>, u64)| (LatestMap::new(env, &latest), at).encode(env);
        or_long(env, found.map(|found| found.map(term)))
    }
}

/// Keys and expressions of filters.
pub(crate) type Filters<'a> = Vec<(&'a str, &'a str)>;

/// The filters on series that these are.
pub(crate) fn series_filters(filters: &Filters<'_>) -> Result<Vec<SeriesFilter>, Failure> {
    let filters = filters.iter();
    let filters = filters.map(|(key, text)| SeriesFilter::parse(key, text));
    Ok(filters.collect::<Result<_, Error>>()?)
}

/// What a call for the list of series takes.
#[derive(NifMap)]
pub(crate) struct SeriesListMap<'a> {
    prefix: &'a str,
    filters: Filters<'a>,
    limit: usize,
    cursor: Option<&'a str>,
    as_of: Option<u64>,
    pub(crate) tz: Option<&'a str>,
    json: bool,
}

impl<'a> SeriesListMap<'a> {
    pub(crate) fn filters(&self) -> Result<Vec<SeriesFilter>, Failure> {
        series_filters(&self.filters)
    }

    /// The question, with the filters that [`Self::filters`] gives.
    pub(crate) fn query<'q>(&self, filters: &'q [SeriesFilter]) -> SeriesListQuery<'q>
    where
        'a: 'q,
    {
        SeriesListQuery {
            prefix: self.prefix,
            filters,
            limit: self.limit,
            cursor: self.cursor,
            as_of: self.as_of,
        }
    }
}

/// `{:ok, {series, seq, next}}` of series: a list of
/// `{id, points, first, last, attributes}`, the ends in microseconds or nil and the attributes
/// as JSON or nil, or all of it as JSON.
#[rustler::nif(schedule = "DirtyIo")]
fn series_list<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    list: SeriesListMap<'a>,
    attributes: bool,
) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let budget = asker.budget(database);
        let filters = list.filters()?;
        let page = database.series_list_with(&list.query(&filters), attributes, &budget)?;
        let series = match list.json {
            true => binary(env, &page.to_json(&zone(list.tz)?)),
            false => series_rows(env, &page),
        };
        Ok((series, page.seq, page.next))
    })
}

fn series_rows<'a>(env: Env<'a>, page: &SeriesListPage) -> Term<'a> {
    let rows = page.series.iter().enumerate().map(|(place, entry)| {
        let points = entry.summary.map_or(0, |summary| summary.points);
        let (first, last) = entry.summary.map(|s| (s.first, s.last)).unzip();
        let attributes = page.attributes.as_ref();
        let attributes = attributes.and_then(|all| all.get(place)?.as_ref());
        let attributes = attributes.map(|json| binary(env, json));
        (&*entry.id, points, first, last, attributes).encode(env)
    });
    rows.collect::<Vec<_>>().encode(env)
}

/// What a journal call takes.
#[derive(NifMap)]
struct EntriesMap<'a> {
    since: u64,
    until: Option<u64>,
    op: Option<&'a str>,
    actor: Option<String>,
    provenance: Vec<(String, String)>,
    feature_id: Option<String>,
    series_id: Option<&'a str>,
    in_transaction: Option<u64>,
    order: Atom,
    bodies: bool,
    limit: usize,
}

impl EntriesMap<'_> {
    fn query(self) -> Result<EntryQuery, Failure> {
        let member = |(name, text)| Member::written(name, text);
        Ok(EntryQuery {
            since: self.since,
            until: self.until.unwrap_or(u64::MAX),
            filter: BlockFilter {
                op: self.op.map(str::parse).transpose()?,
                not_op: None,
                actor: self.actor,
                provenance: self.provenance.into_iter().map(member).collect(),
                feature: self.feature_id,
                series: self.series_id.map(SeriesNames::parse),
                transaction: self.in_transaction,
                times: None,
            },
            order: order(self.order),
            bodies: self.bodies,
            limit: self.limit,
        })
    }
}

/// `{:ok, {json, returned, next}}`; `json` is an array of blocks.
#[rustler::nif(schedule = "DirtyIo")]
fn entries<'a>(env: Env<'a>, catalog: CatalogRef, name: &str, query: EntriesMap<'a>) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let page = database.entries(&query.query()?, &asker.budget(database))?;
        Ok((binary(env, &page.json), page.returned, page.next))
    })
}

/// `{:ok, {json, returned, next}}`; `json` is an array of versions.
#[rustler::nif(schedule = "DirtyIo")]
fn provenance<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    id: &str,
    since: u64,
    as_of: Option<u64>,
    limit: usize,
) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let page = database.provenance(id, since, as_of, limit, &asker.budget(database))?;
        Ok((binary(env, &page.json), page.returned, page.next))
    })
}
