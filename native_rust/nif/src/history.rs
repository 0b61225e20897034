//! Blocks, moments and versions.

use formdb_engine::{
    Absence, Entity, Hash, Lineage, Moment, SeriesDiffQuery, SeriesProvenanceQuery, StoredBlock,
    Undo, to_hex,
};
use rustler::{Binary, Encoder, Env, NifMap, NifTaggedEnum, Term};

use crate::answer::binary;
use crate::asking::Asker;
use crate::schedulers::twins;
use crate::times::zone;
use crate::{CatalogRef, atoms};

/// `{:ok, {seq, hash, cbor, json}}`.
#[rustler::nif(schedule = "DirtyIo")]
fn block<'a>(env: Env<'a>, catalog: CatalogRef, name: &str, seq: u64) -> Term<'a> {
    catalog.call(env, name, |database| {
        let StoredBlock {
            seq,
            hash,
            cbor,
            json,
        } = database.block(seq)?;
        Ok((seq, to_hex(&hash), binary(env, &cbor), binary(env, &json)))
    })
}

/// `{:ok, bytes}` of block `seq`.
#[rustler::nif]
fn block_bytes<'a>(env: Env<'a>, catalog: CatalogRef, name: &str, seq: u64) -> Term<'a> {
    catalog.call(env, name, |database| Ok(database.block_bytes(seq)?))
}

/// `{:ok, seq}` of the block whose leaf hash has these bytes, `{:ok, nil}` if none has.
#[rustler::nif(schedule = "DirtyIo")]
fn find_block<'a>(env: Env<'a>, catalog: CatalogRef, name: &str, hash: Binary<'a>) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        match Hash::try_from(hash.as_slice()) {
            Ok(hash) => Ok(database.find_block(&hash, &asker.budget(database))?),
            // Nothing of another length is the hash of a block.
            Err(_) => Ok(None),
        }
    })
}

/// `{:ok, seq}` of the last one that was committed at or before a time, or `{:ok,
/// {:not_yet, milliseconds}}`: nobody can tell before then. No thread waits for it.
#[rustler::nif(schedule = "DirtyIo")]
fn seq_at<'a>(env: Env<'a>, catalog: CatalogRef, name: &str, micros: i64) -> Term<'a> {
    catalog.call(env, name, |database| {
        Ok(match database.moment(micros)? {
            Moment::At(seq) => seq.encode(env),
            Moment::NotYet(wait) => {
                let milliseconds = wait.as_micros().div_ceil(1_000);
                let milliseconds = u64::try_from(milliseconds).unwrap_or(u64::MAX);
                (atoms::not_yet(), milliseconds).encode(env)
            }
        })
    })
}

/// The sequence up to which readers see.
#[rustler::nif]
fn seq<'a>(env: Env<'a>, catalog: CatalogRef, name: &str) -> Term<'a> {
    catalog.call(env, name, |database| Ok(database.seq()?))
}

twins! {
    /// Whether there was a feature: on a normal scheduler as of a sequence that has just
    /// been passed, on a dirty one as of any, since the versions after it are gone through.
    has_feature: "Normal", has_feature_dirty: "DirtyIo";
    fn(env; catalog: CatalogRef, name: &str, id: &str, as_of: u64) -> Term<'a> {
        catalog.call(env, name, |database| Ok(database.has_feature(id, Some(as_of))?))
    }
}

/// `{:ok, {ids, replaced}}` of the features that the blocks `first` to `last` put, in
/// order, and how many of them replaced one.
#[rustler::nif(schedule = "DirtyIo")]
fn written_features<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    first: u64,
    last: u64,
) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let budget = asker.budget(database);
        Ok(database.written_features(first, last, &budget)?)
    })
}

/// `{:ok, count}` of the points that block `seq` deleted.
#[rustler::nif(schedule = "DirtyIo")]
fn points_deleted_by<'a>(env: Env<'a>, catalog: CatalogRef, name: &str, seq: u64) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let budget = asker.budget(database);
        Ok(database.points_deleted_by(seq, &budget)?)
    })
}

/// `{:ok, {json, conflicts}}`: what undoing the blocks that JSON text asks for would do, and
/// how many things stand in its way. `partial` says whether transactions may be undone in part.
#[rustler::nif(schedule = "DirtyIo")]
fn undo_outline<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    text: Binary<'a>,
    partial: bool,
) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let undo = Undo::parse(&text, partial)?;
        let outline = database.outline_undo(&undo, &asker.budget(database))?;
        Ok((binary(env, &outline.to_json()), outline.conflict_count))
    })
}

/// Which blocks of a series to list.
#[derive(NifMap)]
struct SeriesProvenanceMap<'a> {
    series: &'a str,
    start: i64,
    end: i64,
    since: u64,
    as_of: Option<u64>,
    limit: usize,
}

/// `{:ok, {json, returned, next}}`; `json` is an array of blocks that touched points of a
/// range.
#[rustler::nif(schedule = "DirtyIo")]
fn series_provenance<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    asked: SeriesProvenanceMap<'a>,
) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let query = SeriesProvenanceQuery {
            series: asked.series,
            start: asked.start,
            end: asked.end,
            since: asked.since,
            as_of: asked.as_of,
            limit: asked.limit,
        };
        let page = database.series_provenance(&query, &asker.budget(database))?;
        Ok((binary(env, &page.json), page.returned, page.next))
    })
}

/// `{:ok, json}`: what changed in a feature from one sequence to another.
#[rustler::nif(schedule = "DirtyIo")]
fn feature_diff<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    id: &str,
    from: u64,
    to: Option<u64>,
) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let json = database.feature_diff(id, from, to, &asker.budget(database))?;
        Ok(binary(env, &json))
    })
}

/// Which changes of a series to list.
#[derive(NifMap)]
struct SeriesDiffMap<'a> {
    series: &'a str,
    start: i64,
    end: i64,
    from: u64,
    to: Option<u64>,
    limit: usize,
    cursor: Option<&'a str>,
    tz: Option<&'a str>,
}

/// `{:ok, {added, removed, from, to, next}}`; the first two are JSON arrays of points.
#[rustler::nif(schedule = "DirtyIo")]
fn series_diff<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    asked: SeriesDiffMap<'a>,
) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let query = SeriesDiffQuery {
            series: asked.series,
            start: asked.start,
            end: asked.end,
            from: asked.from,
            to: asked.to,
            limit: asked.limit,
            cursor: asked.cursor,
        };
        let diff = database.series_diff(&query, &asker.budget(database))?;
        let (added, removed) = diff.to_json(&zone(asked.tz)?);
        let (added, removed) = (binary(env, &added), binary(env, &removed));
        Ok((added, removed, diff.from, diff.to, diff.next))
    })
}

/// What may be absent.
#[derive(NifTaggedEnum)]
enum AbsentTerm<'a> {
    Feature(&'a str),
    Series(&'a str),
    /// Of a series.
    Point(&'a str, &'a str),
}

/// `{:ok, {detail, seq, time}}` of why there is none, `{:ok, nil}` if there is one; sequence and
/// time are of the block that deleted it, nil where none did.
#[rustler::nif(schedule = "DirtyIo")]
fn absence<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    which: AbsentTerm<'a>,
    as_of: Option<u64>,
) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let budget = asker.budget(database);
        let absence = match which {
            AbsentTerm::Feature(id) => database.absence(Entity::Feature, id, as_of, &budget)?,
            AbsentTerm::Series(id) => database.absence(Entity::Series, id, as_of, &budget)?,
            AbsentTerm::Point(series, id) => database.point_absence(series, id, &budget)?,
        };
        Ok(absence.map(|Absence { detail, deleted }| {
            let (seq, time) = deleted.unzip();
            (detail, seq, time)
        }))
    })
}

/// `{:ok, {json, elsewhere, truncated}}`; `json` is an array of blocks, `elsewhere`
/// a list of hashes.
#[rustler::nif(schedule = "DirtyIo")]
fn lineage<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    id: &str,
    as_of: Option<u64>,
    limit: usize,
) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let Lineage {
            json,
            elsewhere,
            truncated,
        } = database.lineage(id, as_of, limit, &asker.budget(database))?;
        Ok((binary(env, &json), elsewhere, truncated))
    })
}

/// `{:ok, json}`: what is in the database.
#[rustler::nif(schedule = "DirtyIo")]
fn schema<'a>(env: Env<'a>, catalog: CatalogRef, name: &str, as_of: Option<u64>) -> Term<'a> {
    let asker = Asker::new(env);
    catalog.call(env, name, |database| {
        let budget = asker.budget(database);
        Ok(binary(env, &database.schema(as_of, &budget)?))
    })
}
