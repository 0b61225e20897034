//! Points, buckets and lists of series as lines and tables. All of them on a dirty
//! scheduler: whoever wants them wants many.

use formdb_engine::types::array_lines;
use formdb_engine::{DetailedForm, DetailedPage, Include, TableForm, WideQuery};
use rustler::{Env, NifMap, NifUnitEnum, Term};

use crate::CatalogRef;
use crate::aggregates::{AggregateMap, RangesMap};
use crate::answer::{Failure, binary, tagged};
use crate::asking::Asker;
use crate::reads::{RangeMap, SeriesListMap, order};
use crate::times::zone;

/// How rows are written.
#[derive(NifUnitEnum, Clone, Copy)]
enum FormTerm {
    Lines,
    Csv,
    CsvOfMany,
}

impl From<FormTerm> for TableForm {
    fn from(form: FormTerm) -> Self {
        match form {
            FormTerm::Lines => Self::Lines,
            FormTerm::Csv => Self::Csv,
            FormTerm::CsvOfMany => Self::CsvOfMany,
        }
    }
}

/// `{:ok, {text, returned, seq, next}}` of a range of one series.
#[rustler::nif(schedule = "DirtyIo")]
fn range_table<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    range: RangeMap<'a>,
    form: FormTerm,
) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let budget = asker.budget(database);
        let values = range.values()?;
        let query = range.query(values.as_ref());
        let page = match range.transaction {
            None => database.range(&query, &budget)?,
            Some(id) => database.range_in(id, &query, &budget)?,
        };
        let text = binary(
            env,
            &page.to_table(range.series, form.into(), &zone(range.tz)?),
        );
        Ok((text, page.points.len(), page.seq, page.next))
    })
}

/// The same of all series whose ids begin alike, one after the other.
#[rustler::nif(schedule = "DirtyIo")]
fn ranges_table<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    range: RangesMap<'a>,
    form: FormTerm,
) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let (values, filters) = (range.values()?, range.filters()?);
        let query = range.query(values.as_ref(), &filters);
        let page = database.range_by_prefix(&query, &asker.budget(database))?;
        let text = binary(env, &page.to_table(form.into(), &zone(range.tz)?));
        Ok((text, page.points(), page.seq, page.next))
    })
}

/// How points with where they come from are written.
#[derive(NifUnitEnum, Clone, Copy)]
enum DetailedTerm {
    Json,
    Lines,
    Csv,
    CsvOfMany,
}

impl From<DetailedTerm> for DetailedForm {
    fn from(form: DetailedTerm) -> Self {
        match form {
            DetailedTerm::Json => Self::Json,
            DetailedTerm::Lines => Self::Table(TableForm::Lines),
            DetailedTerm::Csv => Self::Table(TableForm::Csv),
            DetailedTerm::CsvOfMany => Self::Table(TableForm::CsvOfMany),
        }
    }
}

/// What is told of points, and in what form.
type Told<'a> = (&'a str, DetailedTerm);

fn detailed(env: Env<'_>, page: DetailedPage) -> (Term<'_>, usize, u64, Option<String>) {
    (binary(env, &page.text), page.returned, page.seq, page.next)
}

/// `{:ok, {text, returned, seq, next}}` of a range of one series, with where its points come
/// from.
#[rustler::nif(schedule = "DirtyIo")]
fn range_detailed<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    range: RangeMap<'a>,
    (include, form): Told<'a>,
) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let (include, form) = (Include::parse(include)?, (form.into(), &zone(range.tz)?));
        let values = range.values()?;
        let (query, budget) = (range.query(values.as_ref()), asker.budget(database));
        let page = match range.transaction {
            None => database.range(&query, &budget)?,
            Some(id) => database.range_in(id, &query, &budget)?,
        };
        let asked = (&query, range.transaction);
        let page = database.with_origins(asked, page, &include, form, &budget)?;
        Ok(detailed(env, page))
    })
}

/// The same of all series whose ids begin alike.
#[rustler::nif(schedule = "DirtyIo")]
fn ranges_detailed<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    range: RangesMap<'a>,
    (include, form): Told<'a>,
) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let (include, form) = (Include::parse(include)?, (form.into(), &zone(range.tz)?));
        let (values, filters) = (range.values()?, range.filters()?);
        let query = range.query(values.as_ref(), &filters);
        let budget = asker.budget(database);
        let page = database.range_by_prefix_with_origins(&query, &include, form, &budget)?;
        Ok(detailed(env, page))
    })
}

/// `{:ok, columns}` that a table has for what is told of points, each with a comma before it.
#[rustler::nif]
fn include_columns<'a>(env: Env<'a>, include: &str) -> Term<'a> {
    let columns = Include::parse(include).and_then(|include| include.columns());
    tagged(env, columns.map_err(Failure))
}

/// `{:ok, {header, text, returned, seq, next}}` of the same side by side, as CSV; `next` is
/// a time.
#[rustler::nif(schedule = "DirtyIo")]
fn range_wide<'a>(env: Env<'a>, catalog: CatalogRef, name: &str, range: RangesMap<'a>) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let zone = zone(range.tz)?;
        let (values, filters) = (range.values()?, range.filters()?);
        let query = WideQuery {
            prefix: range.prefix,
            filters: &filters,
            start: range.start,
            end: range.end,
            values: values.as_ref(),
            order: order(range.order),
            limit: range.limit,
            as_of: range.as_of,
            zone: &zone,
        };
        let page = database.range_wide(&query, &asker.budget(database))?;
        let (header, rows) = (binary(env, &page.header), binary(env, &page.rows));
        Ok((header, rows, page.returned, page.seq, page.next))
    })
}

/// `{:ok, {text, returned, seq, next}}` of the list of series.
#[rustler::nif(schedule = "DirtyIo")]
fn series_table<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    list: SeriesListMap<'a>,
    attributes: bool,
    form: FormTerm,
) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let zone = zone(list.tz)?;
        let (filters, budget) = (list.filters()?, asker.budget(database));
        let page = database.series_list_with(&list.query(&filters), attributes, &budget)?;
        let text = match form {
            FormTerm::Lines => array_lines(&page.to_json(&zone), false),
            FormTerm::Csv | FormTerm::CsvOfMany => page.to_csv(&zone),
        };
        Ok((binary(env, &text), page.series.len(), page.seq, page.next))
    })
}

/// How the buckets of several series are put together.
#[derive(NifMap)]
struct AggregateTable {
    form: FormTerm,
    wide: bool,
}

/// `{:ok, {text, seq}}` of an aggregate, with its header if it is a table.
#[rustler::nif(schedule = "DirtyIo")]
fn aggregate_table<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    query: AggregateMap<'a>,
    table: AggregateTable,
) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let budget = asker.budget(database);
        let filters = query.filters()?;
        let query = query.query(&filters)?;
        let page = database.aggregate(&query, &budget)?;
        let text = match table.wide {
            true => page
                .to_wide(query.order, &query.zone, &budget)
                .map_err(Failure)?,
            false => {
                let form = table.form.into();
                let mut text = page.header(form).into_bytes();
                text.extend_from_slice(&page.to_table(form, &query.zone));
                text
            }
        };
        Ok((binary(env, &text), page.seq))
    })
}
