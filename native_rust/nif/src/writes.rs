//! Queueing writes.
//!
//! Writing exists three times: on a normal scheduler for what is small and needs no
//! file, on a dirty CPU one for input whose parsing takes long, on a dirty I/O one
//! for what may read the journal first. The caller picks.

use formdb_engine::types::{Antimeridian, Defaults, OnDuplicate, Warnings};
use formdb_engine::{
    Ack, Cancel, Condition, Database, Duplicates, Error, IdempotencyKey, InvalidCode, Operation,
    Order, PreparedCorrection, Puts, RangeQuery, Undo,
};
use rustler::{Binary, Encoder, Env, NifMap, NifTaggedEnum, Term};

use crate::answer::{AckTerm, Caller, Failure, RejectedTerm, WarningsTerm, tagged};
use crate::asking::Asker;
use crate::databases::DefaultsMap;
use crate::options::{Crossing, Options};
use crate::schedulers::twins;
use crate::times::{Times, time_reading};
use crate::{CatalogRef, atoms};

/// What to write. Provenance is the text of a JSON object, times are microseconds.
#[derive(NifTaggedEnum)]
enum Request<'a> {
    /// GeoJSON text, whether it must be one Feature, and what it says of features. Reads the
    /// journal for features with the member `formdb`.
    Features(Binary<'a>, bool, PutsMap<'a>),
    /// An id, the GeoJSON text of its feature, and what becomes of wide edges. Reads the journal
    /// as features do.
    Feature(String, Binary<'a>, Crossing),
    /// An id, a JSON merge patch, and what becomes of wide edges. May read the journal.
    Patch(String, Binary<'a>, Crossing),
    /// An id, and provenance.
    DeleteFeature(String, Option<Binary<'a>>),
    /// JSON text of points, what their timestamps count that are integers, what becomes of
    /// duplicates, and the provenance of points without one of their own.
    Points(
        Binary<'a>,
        Times<'a>,
        OnDuplicateText<'a>,
        Option<Binary<'a>>,
    ),
    /// A series, its columns as packed little-endian 64-bit integers and floats,
    /// provenance, and what becomes of duplicates.
    Columns(
        String,
        Binary<'a>,
        Binary<'a>,
        Option<Binary<'a>>,
        OnDuplicateText<'a>,
    ),
    /// A series, start and end, JSON text of the points that come in place of those there,
    /// and the rest as for points.
    ReplaceRange(String, i64, i64, Binary<'a>, Times<'a>, OnDuplicateText<'a>),
    /// A series, the id of a point, and provenance. Reads the journal.
    DeletePoint(String, String, Option<Binary<'a>>),
    /// A series, the id of a point, JSON text of what comes in its place, and the rest as
    /// for points. Reads the journal.
    PutPoint(String, String, Binary<'a>, Times<'a>, OnDuplicateText<'a>),
    /// JSON text of defaults.
    Defaults(Binary<'a>),
    /// A series, start and end, and provenance.
    DeletePoints(String, i64, i64, Option<Binary<'a>>),
    /// A series, and the JSON text of its attributes.
    Attributes(String, Binary<'a>),
    /// A series whose attributes are deleted, and provenance.
    DeleteAttributes(String, Option<Binary<'a>>),
    /// An id, and the JSON text of its webhook, which is deleted without.
    Webhook(String, Option<Binary<'a>>),
    /// A block, provenance, and whether it may be a part of a transaction. Reads the
    /// journal.
    Revert(u64, Option<Binary<'a>>, bool),
    /// JSON text that says which blocks, and whether transactions may be undone in part.
    /// Reads the journal.
    Reverts(Binary<'a>, bool),
    /// A block that wrote a feature, and provenance. Reads the journal.
    Restore(u64, Option<Binary<'a>>),
}

/// The word for what becomes of duplicates, if it was given.
type OnDuplicateText<'a> = Option<&'a str>;

pub(crate) fn on_duplicate(text: OnDuplicateText<'_>) -> Result<Option<OnDuplicate>, Failure> {
    text.map(|text| text.parse().map_err(Failure)).transpose()
}

/// `Puts` as a map.
#[derive(NifMap)]
struct PutsMap<'a> {
    /// Whether features with the same id replace each other.
    replace: bool,
    /// Whether faulty features are left out.
    skip: bool,
    antimeridian: Crossing,
    /// That of features without one of their own.
    provenance: Option<Binary<'a>>,
}

impl From<&PutsMap<'_>> for Puts {
    fn from(map: &PutsMap<'_>) -> Self {
        Self {
            duplicates: match map.replace {
                true => Duplicates::Replace,
                false => Duplicates::Refuse,
            },
            antimeridian: map.antimeridian.into(),
            skip: map.skip,
        }
    }
}

/// What the caller is told at once of what it will have written.
#[derive(Clone)]
enum Summary {
    /// `{collection?, ids, rejected, warnings}`
    Features(bool, Vec<String>, Vec<RejectedTerm>, WarningsTerm),
    /// `{single?, count, warnings}`
    Points(bool, usize, WarningsTerm),
    /// How many blocks need not be undone.
    Unchanged(usize),
    /// What is set.
    Defaults(Defaults),
    /// `nil`
    None,
}

impl Encoder for Summary {
    fn encode<'a>(&self, env: Env<'a>) -> Term<'a> {
        match self {
            Self::Features(collection, ids, rejected, warnings) => {
                (*collection, ids, rejected, warnings).encode(env)
            }
            Self::Points(single, count, warnings) => (*single, *count, warnings).encode(env),
            Self::Unchanged(blocks) => blocks.encode(env),
            Self::Defaults(defaults) => DefaultsMap::from(*defaults).encode(env),
            Self::None => atoms::nil().encode(env),
        }
    }
}

/// A request, ready to be queued unless there is nothing to write.
struct Prepared {
    operations: Vec<Operation>,
    conditions: Vec<Condition>,
    /// Whether nothing is written, and that is no refusal, when a condition does not hold.
    or_nothing: bool,
}

impl From<Vec<Operation>> for Prepared {
    fn from(operations: Vec<Operation>) -> Self {
        Self {
            operations,
            conditions: Vec::new(),
            or_nothing: false,
        }
    }
}

impl From<PreparedCorrection> for Prepared {
    fn from(prepared: PreparedCorrection) -> Self {
        Self {
            operations: prepared.operations,
            conditions: prepared.conditions,
            or_nothing: false,
        }
    }
}

twins! {
    /// `{:ok, {queued?, summary}}`; if queued, `{:ok, ack}` follows by message, `nil` for
    /// an `ack` when nothing was written.
    write: "Normal", write_dirty_cpu: "DirtyCpu", write_dirty_io: "DirtyIo";
    fn(
        env;
        catalog: CatalogRef,
        name: &str,
        request: Request<'a>,
        options: Options<'a>,
        reference: Term<'a>
    ) -> Term<'a> {
        let queued = catalog.database(name).and_then(|database| {
            let (prepared, summary) = request.prepare(env, &database, &options)?;
            let answer = Answer {
                database: &database,
                options: &options,
                key: request.key(&options),
                caller: || Caller::new(env, reference),
            };
            Ok((answer.queue(prepared)?, summary))
        });
        tagged(env, queued)
    }
}

/// How a request is answered.
struct Answer<'r, 'o, C> {
    database: &'r Database,
    options: &'r Options<'o>,
    key: Option<IdempotencyKey>,
    caller: C,
}

impl<C: FnOnce() -> Caller> Answer<'_, '_, C> {
    /// Whether an answer will follow.
    fn queue(self, prepared: Result<Prepared, Failure>) -> Result<bool, Failure> {
        match prepared {
            Ok(Prepared { operations, .. }) if operations.is_empty() => self.replay(Ok(None)),
            Err(refusal) => self.replay(Err(refusal.0)),
            Ok(Prepared {
                operations,
                conditions,
                or_nothing: optional,
            }) => {
                let mut transaction = self.options.transaction(self.key);
                transaction.operations = operations;
                transaction.conditions = conditions;
                let caller = (self.caller)();
                transaction.caller = caller.number();
                let reply = match optional {
                    true => caller.reply_with(or_nothing),
                    false => caller.reply(),
                };
                self.database.submit(transaction, reply)?;
                Ok(true)
            }
        }
    }

    /// What was written already cannot be prepared again; its key says what it was.
    fn replay(self, unknown: Result<Option<Ack>, Error>) -> Result<bool, Failure> {
        let Some(key) = self.key else {
            return match unknown {
                Ok(_) => Ok(false),
                Err(refusal) => Err(Failure(refusal)),
            };
        };
        let caller = (self.caller)();
        let durability = self.options.durability();
        let actor = self.options.actor();
        self.database
            .replay(key, actor, durability, unknown, |answer| {
                caller.answer(answer.map(|ack| ack.map(AckTerm)).map_err(Failure));
            })?;
        Ok(true)
    }
}

/// What is told of a write that is left out, and no error, where a condition does not hold.
fn or_nothing(answer: Result<Ack, Error>) -> Result<Option<Ack>, Error> {
    match answer {
        Err(Error::Precondition { .. }) => Ok(None),
        other => other.map(Some),
    }
}

impl Request<'_> {
    /// The operations, or the refusal of a request that may have been carried out
    /// before, and what there is to tell. Fails for one that can never be carried out.
    fn prepare(
        &self,
        env: Env<'_>,
        database: &Database,
        options: &Options<'_>,
    ) -> Result<(Result<Prepared, Failure>, Summary), Failure> {
        match self {
            Self::Features(text, one, puts) => {
                let prepared = database.prepare_features_with(text, puts.into())?;
                let inherited = puts.provenance.as_deref();
                let mut prepared = prepared.with_provenance(database, inherited)?;
                if *one {
                    prepared = prepared.one()?;
                }
                let condition = match prepared.ids.as_slice() {
                    [id] if !prepared.collection => options.condition(database, id),
                    _ => Ok(None),
                };
                let rejected = prepared.rejected.into_iter().map(RejectedTerm);
                let summary = Summary::Features(
                    prepared.collection,
                    prepared.ids,
                    rejected.collect(),
                    WarningsTerm(prepared.warnings),
                );
                Ok((with_condition(prepared.operations, condition), summary))
            }
            Self::Feature(id, text, crossing) => {
                let prepared = database.prepare_feature_as(id, text, (*crossing).into())?;
                let condition = options.condition(database, id);
                let warnings = WarningsTerm(prepared.warnings);
                let summary = Summary::Features(false, prepared.ids, Vec::new(), warnings);
                Ok((with_condition(prepared.operations, condition), summary))
            }
            Self::Patch(id, patch, crossing) => {
                let patched = patched(database, options, id, patch, (*crossing).into());
                let (patched, warnings) = match patched {
                    Ok((patched, warnings)) => (Ok(patched), WarningsTerm(warnings)),
                    Err(refusal) => (Err(refusal), WarningsTerm::default()),
                };
                let summary = Summary::Features(false, vec![id.clone()], Vec::new(), warnings);
                Ok((patched, summary))
            }
            Self::DeleteFeature(id, provenance) => {
                let delete = database.prepare_delete_feature(id, provenance.as_deref())?;
                let condition = options.condition(database, id);
                Ok((with_condition(vec![delete], condition), Summary::None))
            }
            Self::Points(text, times, asked, inherited) => {
                let asked = on_duplicate(*asked)?;
                let prepared = database.prepare_points_in(text, &time_reading(*times)?)?;
                let prepared = prepared.on_duplicate(asked);
                let prepared = prepared.with_provenance(database, inherited.as_deref())?;
                let warnings = WarningsTerm(prepared.warnings);
                let summary = Summary::Points(prepared.single, prepared.count, warnings);
                Ok((Ok(prepared.operations.into()), summary))
            }
            Self::ReplaceRange(series, start, end, text, times, asked) => {
                let (times, asked) = (time_reading(*times)?, on_duplicate(*asked)?);
                let range = (*start, *end);
                let mut prepared =
                    database.prepare_replace_range(series, range, text, &times, asked)?;
                let warnings = WarningsTerm(std::mem::take(&mut prepared.warnings));
                let summary = Summary::Points(false, prepared.count, warnings);
                let prepared = match prepared.count {
                    0 => deletion(database, series, range, prepared.operations),
                    _ => Ok(prepared.into()),
                };
                Ok((prepared, summary))
            }
            Self::DeletePoint(series, id, provenance) => {
                let provenance = provenance.as_deref();
                let prepared = database.prepare_delete_point(series, id, provenance);
                Ok((prepared.map(Prepared::from).map_err(Failure), Summary::None))
            }
            Self::PutPoint(series, id, text, times, asked) => {
                let (times, asked) = (time_reading(*times)?, on_duplicate(*asked)?);
                let mut prepared = database.prepare_put_point(series, id, text, &times, asked);
                let mut warnings = WarningsTerm::default();
                if let Ok(prepared) = &mut prepared {
                    warnings.0 = std::mem::take(&mut prepared.warnings);
                }
                let prepared = prepared.map(Prepared::from).map_err(Failure);
                Ok((prepared, Summary::Points(true, 1, warnings)))
            }
            Self::Defaults(text) => {
                let operation = database.prepare_defaults(text)?;
                let summary = match &operation {
                    Operation::SetDefaults(set) => Summary::Defaults(set.defaults),
                    _ => Summary::None,
                };
                Ok((Ok(vec![operation].into()), summary))
            }
            Self::Columns(series, timestamps, values, provenance, asked) => {
                let asked = on_duplicate(*asked)?;
                let timestamps = words(timestamps, "/timestamps")?;
                let values = words(values, "/values")?;
                let prepared = database.prepare_columns(
                    series,
                    timestamps.map(i64::from_le_bytes).collect(),
                    values.map(f64::from_le_bytes).collect(),
                    provenance.as_deref(),
                )?;
                let prepared = prepared.on_duplicate(asked);
                let warnings = WarningsTerm(prepared.warnings);
                let summary = Summary::Points(prepared.single, prepared.count, warnings);
                Ok((Ok(prepared.operations.into()), summary))
            }
            Self::DeletePoints(series, start, end, provenance) => {
                let provenance = provenance.as_deref();
                let delete = database.prepare_delete_points(series, *start, *end, provenance)?;
                let prepared = deletion(database, series, (*start, *end), vec![delete]);
                Ok((prepared, Summary::None))
            }
            Self::Attributes(series, text) => {
                let set = database.prepare_attributes(series, text)?;
                let condition = options.attributes_condition(database, series);
                Ok((with_condition(vec![set], condition), Summary::None))
            }
            Self::DeleteAttributes(series, provenance) => {
                let delete = database.prepare_delete_attributes(series, provenance.as_deref())?;
                let condition = options.attributes_condition(database, series);
                Ok((with_condition(vec![delete], condition), Summary::None))
            }
            Self::Webhook(id, text) => {
                let set = database.prepare_webhook(id, text.as_deref())?;
                let condition = options.webhook_condition(database, id);
                Ok((with_condition(vec![set], condition), Summary::None))
            }
            Self::Revert(seq, provenance, partial) => {
                let undo = Undo::block(*seq, provenance.as_deref(), *partial)?;
                Ok((undoing(env, database, &undo).map(|(p, _)| p), Summary::None))
            }
            Self::Reverts(text, partial) => {
                let undo = Undo::parse(text, *partial)?;
                Ok(match undoing(env, database, &undo) {
                    Ok((prepared, unchanged)) => (Ok(prepared), Summary::Unchanged(unchanged)),
                    Err(refusal) => (Err(refusal), Summary::None),
                })
            }
            Self::Restore(seq, provenance) => {
                let prepared = database.prepare_restore(*seq, provenance.as_deref())?;
                // Of attributes the id is that of their series.
                let series = prepared
                    .operations
                    .iter()
                    .find_map(|operation| match operation {
                        Operation::SetAttributes(set) => Some(set.series.clone()),
                        _ => None,
                    });
                let ids = prepared.ids.into_iter();
                let attributes = series.is_some();
                let ids = ids.chain(series).collect();
                let warnings = WarningsTerm(prepared.warnings);
                let summary = Summary::Features(attributes, ids, Vec::new(), warnings);
                Ok((Ok(prepared.operations.into()), summary))
            }
        }
    }

    /// The idempotency key, with the digest of this request.
    fn key(&self, options: &Options<'_>) -> Option<IdempotencyKey> {
        match self {
            // What is asked for besides the text makes it another request.
            Self::Features(text, _, puts) => {
                let mut parts = vec!["put_features".as_bytes(), text];
                if puts.replace {
                    parts.push(b"replace");
                }
                if puts.skip {
                    parts.push(b"skip");
                }
                parts.extend(puts.antimeridian.named());
                parts.extend(inherited(&puts.provenance));
                options.key(&parts)
            }
            Self::Feature(id, text, crossing) => {
                let mut parts = vec!["put_feature".as_bytes(), id.as_bytes(), text];
                parts.extend(crossing.named());
                options.key(&parts)
            }
            Self::Patch(id, text, crossing) => {
                let mut parts = vec!["patch".as_bytes(), id.as_bytes(), text];
                parts.extend(crossing.named());
                options.key(&parts)
            }
            Self::DeleteFeature(id, provenance) => options.key(&[
                "delete_feature".as_bytes(),
                id.as_bytes(),
                or_empty(provenance),
            ]),
            Self::Points(text, times, asked, provenance) => {
                let mut parts = vec!["put_points".as_bytes(), text];
                said_of_points(&mut parts, times, asked);
                parts.extend(inherited(provenance));
                options.key(&parts)
            }
            Self::Columns(series, timestamps, values, provenance, asked) => {
                let mut parts = vec![
                    "put_columns".as_bytes(),
                    series.as_bytes(),
                    timestamps,
                    values,
                    or_empty(provenance),
                ];
                said_of_points(&mut parts, &(None, None), asked);
                options.key(&parts)
            }
            Self::ReplaceRange(series, start, end, text, times, asked) => {
                let (start, end) = (start.to_le_bytes(), end.to_le_bytes());
                let series = series.as_bytes();
                let mut parts = vec!["replace_range".as_bytes(), series, &start, &end, text];
                said_of_points(&mut parts, times, asked);
                options.key(&parts)
            }
            Self::DeletePoint(series, id, provenance) => options.key(&[
                "delete_point".as_bytes(),
                series.as_bytes(),
                id.as_bytes(),
                or_empty(provenance),
            ]),
            Self::PutPoint(series, id, text, times, asked) => {
                let (series, id) = (series.as_bytes(), id.as_bytes());
                let mut parts = vec!["put_point".as_bytes(), series, id, text];
                said_of_points(&mut parts, times, asked);
                options.key(&parts)
            }
            Self::Defaults(text) => options.key(&["defaults".as_bytes(), text]),
            Self::DeletePoints(series, start, end, provenance) => options.key(&[
                "delete_points".as_bytes(),
                series.as_bytes(),
                &start.to_le_bytes(),
                &end.to_le_bytes(),
                or_empty(provenance),
            ]),
            Self::Attributes(series, text) => {
                options.key(&["set_attributes".as_bytes(), series.as_bytes(), text])
            }
            Self::DeleteAttributes(series, provenance) => options.key(&[
                "delete_attributes".as_bytes(),
                series.as_bytes(),
                or_empty(provenance),
            ]),
            Self::Webhook(id, text) => {
                options.key(&["set_webhook".as_bytes(), id.as_bytes(), or_empty(text)])
            }
            Self::Revert(seq, provenance, partial) => {
                let seq = seq.to_le_bytes();
                let mut parts = vec!["revert".as_bytes(), &seq, or_empty(provenance)];
                parts.extend(partial.then_some(PARTIAL));
                options.key(&parts)
            }
            Self::Reverts(text, partial) => {
                let mut parts = vec!["reverts".as_bytes(), text];
                parts.extend(partial.then_some(PARTIAL));
                options.key(&parts)
            }
            Self::Restore(seq, provenance) => options.key(&[
                "restore".as_bytes(),
                &seq.to_le_bytes(),
                or_empty(provenance),
            ]),
        }
    }
}

/// What is said of points besides themselves makes it another request.
fn said_of_points<'r>(
    parts: &mut Vec<&'r [u8]>,
    (unit, tz): &Times<'r>,
    on_duplicate: &OnDuplicateText<'r>,
) {
    match (unit, tz) {
        (None, None) => {}
        (Some(unit), None) => parts.push(unit.as_bytes()),
        (unit, Some(tz)) => parts.extend([unit.unwrap_or_default().as_bytes(), tz.as_bytes()]),
    }
    if let Some(asked) = on_duplicate {
        parts.extend(["on_duplicate".as_bytes(), asked.as_bytes()]);
    }
}

/// What a provenance for all that has none adds to a request.
fn inherited<'r>(provenance: &'r Option<Binary<'_>>) -> impl Iterator<Item = &'r [u8]> {
    let parts = provenance
        .as_ref()
        .map(|text| ["provenance".as_bytes(), text]);
    parts.into_iter().flatten()
}

/// What makes it another request to undo.
const PARTIAL: &[u8] = b"partial";

/// What undoes blocks, and how many need not be, for as long as somebody waits for it.
fn undoing(env: Env<'_>, database: &Database, undo: &Undo) -> Result<(Prepared, usize), Failure> {
    let asker = Asker::new(env);
    let prepared = database.prepare_undo(undo, None, &asker.budget(database))?;
    let unchanged = prepared.unchanged;
    let prepared = Prepared {
        operations: prepared.operations,
        conditions: prepared.conditions,
        or_nothing: false,
    };
    Ok((prepared, unchanged))
}

fn or_empty<'r>(text: &'r Option<Binary<'_>>) -> &'r [u8] {
    text.as_ref().map_or(&[], Binary::as_slice)
}

fn with_condition(
    operations: Vec<Operation>,
    condition: Result<Option<Condition>, Failure>,
) -> Result<Prepared, Failure> {
    Ok(Prepared {
        operations,
        conditions: Vec::from_iter(condition?),
        or_nothing: false,
    })
}

fn patched(
    database: &Database,
    options: &Options<'_>,
    id: &str,
    patch: &[u8],
    antimeridian: Antimeridian,
) -> Result<(Prepared, Warnings), Failure> {
    // First: what the caller expects is for the caller to know, whatever the patch.
    let expected = options.condition(database, id)?;
    let (prepared, unchanged) = database.prepare_patch(id, patch, antimeridian)?;
    let patch = Prepared {
        operations: prepared.operations,
        conditions: expected.into_iter().chain([unchanged]).collect(),
        or_nothing: false,
    };
    Ok((patch, prepared.warnings))
}

/// A deletion that is not written where there is nothing to delete.
fn deletion(
    database: &Database,
    series: &str,
    (start, end): (i64, i64),
    operations: Vec<Operation>,
) -> Result<Prepared, Failure> {
    let there = has_points(database, series, start, end)?;
    Ok(Prepared {
        operations: if there { operations } else { Vec::new() },
        // Others may delete them before this one is committed.
        conditions: vec![Condition::HasPoints {
            id: series.to_owned(),
            start,
            end,
        }],
        or_nothing: true,
    })
}

fn has_points(database: &Database, series: &str, start: i64, end: i64) -> Result<bool, Failure> {
    let query = RangeQuery {
        series,
        start,
        end,
        values: None,
        order: Order::Ascending,
        limit: 1,
        cursor: None,
        as_of: None,
    };
    let page = database.range(&query, &database.budget(Cancel::default()))?;
    Ok(!page.points.is_empty())
}

/// The 64-bit words of a packed column.
pub(crate) fn words<'b>(
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
