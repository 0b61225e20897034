//! Queueing writes. Each parsing call exists twice; the caller takes the dirty
//! one for input that would keep a normal scheduler busy.

use std::sync::Arc;

use formdb_engine::{Database, Error, InvalidCode, Operation, Reply, Transaction};
use rustler::{Binary, Encoder, Env, Term};

use crate::answer::{AckTerm, Caller, Failure, tagged};
use crate::{CatalogRef, atoms};

#[rustler::nif]
fn put_features<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    document: Document<'a>,
    actor: Option<String>,
    reference: Term<'a>,
) -> Term<'a> {
    features(env, &catalog, name, document, actor, reference)
}

#[rustler::nif(schedule = "DirtyCpu")]
fn put_features_dirty<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    document: Document<'a>,
    actor: Option<String>,
    reference: Term<'a>,
) -> Term<'a> {
    features(env, &catalog, name, document, actor, reference)
}

/// GeoJSON text, and whether it must be one Feature.
type Document<'a> = (Binary<'a>, bool);

/// `{:ok, {collection?, ids}}`; an answer follows unless `ids` is empty.
fn features<'a>(
    env: Env<'a>,
    catalog: &CatalogRef,
    name: &str,
    (text, one): Document<'a>,
    actor: Option<String>,
    reference: Term<'a>,
) -> Term<'a> {
    let queued = catalog.database(name).and_then(|database| {
        let mut prepared = database.prepare_features(&text)?;
        if one {
            prepared = prepared.one()?;
        }
        submit(env, &database, prepared.operations, actor, reference)?;
        Ok((prepared.collection, prepared.ids))
    });
    tagged(env, queued)
}

#[rustler::nif]
fn put_points<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    text: Binary<'a>,
    actor: Option<String>,
    reference: Term<'a>,
) -> Term<'a> {
    points(env, &catalog, name, text, actor, reference)
}

#[rustler::nif(schedule = "DirtyCpu")]
fn put_points_dirty<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    text: Binary<'a>,
    actor: Option<String>,
    reference: Term<'a>,
) -> Term<'a> {
    points(env, &catalog, name, text, actor, reference)
}

/// `{:ok, {single?, count}}`; an answer follows unless `count` is zero.
fn points<'a>(
    env: Env<'a>,
    catalog: &CatalogRef,
    name: &str,
    text: Binary<'a>,
    actor: Option<String>,
    reference: Term<'a>,
) -> Term<'a> {
    let queued = catalog.database(name).and_then(|database| {
        let prepared = database.prepare_points(&text)?;
        submit(env, &database, prepared.operations, actor, reference)?;
        Ok((prepared.single, prepared.count))
    });
    tagged(env, queued)
}

/// A series and its columns: packed little-endian 64-bit integers and floats.
type Columns<'a> = (&'a str, Binary<'a>, Binary<'a>, Option<Binary<'a>>);

#[rustler::nif]
fn put_columns<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    columns: Columns<'a>,
    actor: Option<String>,
    reference: Term<'a>,
) -> Term<'a> {
    column_points(env, &catalog, name, columns, actor, reference)
}

#[rustler::nif(schedule = "DirtyCpu")]
fn put_columns_dirty<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    columns: Columns<'a>,
    actor: Option<String>,
    reference: Term<'a>,
) -> Term<'a> {
    column_points(env, &catalog, name, columns, actor, reference)
}

/// `{:ok, {false, count}}`; an answer follows unless `count` is zero.
fn column_points<'a>(
    env: Env<'a>,
    catalog: &CatalogRef,
    name: &str,
    (series, timestamps, values, provenance): Columns<'a>,
    actor: Option<String>,
    reference: Term<'a>,
) -> Term<'a> {
    let queued = catalog.database(name).and_then(|database| {
        let timestamps = words(&timestamps, "/timestamps")?;
        let values = words(&values, "/values")?;
        let prepared = database.prepare_columns(
            series,
            timestamps.map(i64::from_le_bytes).collect(),
            values.map(f64::from_le_bytes).collect(),
            provenance.as_deref(),
        )?;
        submit(env, &database, prepared.operations, actor, reference)?;
        Ok((prepared.single, prepared.count))
    });
    tagged(env, queued)
}

fn words<'b>(
    bytes: &'b [u8],
    pointer: &str,
) -> Result<impl Iterator<Item = [u8; 8]> + 'b, Failure> {
    let (words, rest) = bytes.as_chunks::<8>();
    if rest.is_empty() {
        return Ok(words.iter().copied());
    }
    let detail = format!("{} bytes; a packed column has eight a point", bytes.len());
    Err(Failure(Error::invalid(InvalidCode::Point, pointer, detail)))
}

/// Queue the operations; nothing to write is no error and gets no answer.
fn submit(
    env: Env<'_>,
    database: &Database,
    operations: Vec<Operation>,
    actor: Option<String>,
    reference: Term<'_>,
) -> Result<(), Failure> {
    if operations.is_empty() {
        return Ok(());
    }
    let transaction = Transaction {
        operations,
        actor: actor.map(Arc::from),
        ..Transaction::default()
    };
    let caller = Caller::new(env, reference);
    let reply = Reply::new(move |answer| caller.answer(answer.map(AckTerm).map_err(Failure)));
    database.submit(transaction, reply).map_err(Failure)
}

#[rustler::nif]
fn timestamp_parse<'a>(env: Env<'a>, text: &str) -> Term<'a> {
    let parsed = formdb_engine::model::parse_timestamp(text).ok_or_else(|| {
        let detail = format!(
            "{text:?} is not a timestamp: give ISO 8601 with an offset, such as 2026-01-31T12:00:00Z"
        );
        Failure(Error::invalid(InvalidCode::Timestamp, "", detail))
    });
    tagged(env, parsed)
}

#[rustler::nif]
fn timestamp_format<'a>(env: Env<'a>, micros: i64) -> Term<'a> {
    let mut text = Vec::with_capacity(32);
    formdb_engine::model::write_timestamp(micros, &mut text);
    let text = String::from_utf8(text).unwrap_or_default();
    (atoms::ok(), text).encode(env)
}
