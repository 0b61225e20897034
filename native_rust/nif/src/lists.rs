//! The last points of many series, and many series in figures.

use formdb_engine::types::array_lines;
use formdb_engine::{Latest, LatestPage, SeriesSummary, SummaryPage, SummaryQuery};
use rustler::{Encoder, Env, NifMap, NifUnitEnum, Term};

use crate::CatalogRef;
use crate::answer::{Failure, binary};
use crate::asking::Asker;
use crate::maps::map;
use crate::reads::{LatestMap, SeriesListMap, values};
use crate::times::zone;

/// What rows come as.
#[derive(NifUnitEnum, Clone, Copy)]
enum FormTerm {
    Terms,
    Json,
    Lines,
    Csv,
}

map! {
    #[derive(NifMap)]
    struct SummaryMap from SeriesSummary {
        seq: u64,
        count: u64,
        first: Option<(i64, f64)>,
        last: Option<(i64, f64)>,
        min: Option<f64>,
        max: Option<f64>,
        avg: Option<f64>,
        sum: Option<f64>,
        stddev: Option<f64>,
    }
}

/// Which points figures are made of.
#[derive(NifMap)]
pub(crate) struct FiguresMap<'a> {
    start: Option<i64>,
    end: Option<i64>,
    value: Vec<&'a str>,
}

/// `{:ok, {rows, returned, seq, next}}` of the last points of series: a list of `{id, map}`,
/// or text.
#[rustler::nif(schedule = "DirtyIo")]
fn latest_list<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    list: SeriesListMap<'a>,
    form: FormTerm,
) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let filters = list.filters()?;
        let page = database.latest_list(&list.query(&filters), &asker.budget(database))?;
        let zone = zone(list.tz)?;
        let rows = match form {
            FormTerm::Terms => latest_rows(env, &page),
            FormTerm::Json => binary(env, &page.to_json(&zone)),
            FormTerm::Lines => binary(env, &array_lines(&page.to_json(&zone), false)),
            FormTerm::Csv => binary(env, &page.to_csv(&zone)),
        };
        Ok((rows, page.series.len(), page.seq, page.next))
    })
}

fn latest_rows<'a>(env: Env<'a>, page: &LatestPage) -> Term<'a> {
    let row = |(id, latest): &(std::sync::Arc<str>, Latest)| {
        (&**id, LatestMap::new(env, latest)).encode(env)
    };
    page.series.iter().map(row).collect::<Vec<_>>().encode(env)
}

/// `{:ok, map}`: a series in figures.
#[rustler::nif(schedule = "DirtyIo")]
fn summary<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    series: &str,
    figures: FiguresMap<'a>,
    as_of: Option<u64>,
) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let values = values(&figures.value)?;
        let query = SummaryQuery {
            start: figures.start,
            end: figures.end,
            values: values.as_ref(),
            as_of,
        };
        let summary = database.summary(series, &query, &asker.budget(database));
        Ok(SummaryMap::from(summary.map_err(Failure)?))
    })
}

/// As `latest_list`, of series in figures.
#[rustler::nif(schedule = "DirtyIo")]
fn summary_list<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    list: SeriesListMap<'a>,
    figures: FiguresMap<'a>,
    form: FormTerm,
) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let values = values(&figures.value)?;
        let query = SummaryQuery {
            start: figures.start,
            end: figures.end,
            values: values.as_ref(),
            as_of: None,
        };
        let filters = list.filters()?;
        let list_query = list.query(&filters);
        let page = database.summary_list(&list_query, &query, &asker.budget(database))?;
        let zone = zone(list.tz)?;
        let (seq, returned, next) = (page.seq, page.series.len(), page.next.clone());
        let rows = match form {
            FormTerm::Terms => summary_rows(env, page),
            FormTerm::Json => binary(env, &page.to_json(&zone)),
            FormTerm::Lines => binary(env, &array_lines(&page.to_json(&zone), false)),
            FormTerm::Csv => binary(env, &page.to_csv(&zone)),
        };
        Ok((rows, returned, seq, next))
    })
}

fn summary_rows(env: Env<'_>, page: SummaryPage) -> Term<'_> {
    let row = |(id, summary): (std::sync::Arc<str>, SeriesSummary)| {
        (&*id, SummaryMap::from(summary)).encode(env)
    };
    page.series
        .into_iter()
        .map(row)
        .collect::<Vec<_>>()
        .encode(env)
}
