//! Uploads: bodies that come in parts and are written in batches.

use std::sync::{Mutex, MutexGuard, PoisonError};

use formdb_engine::types::Antimeridian;
use formdb_engine::{
    Ack, Error, Framing, MissingValues, RecordWarning, RejectedRecord, Reply, TableReading,
    TableShape, Transaction, Upload, UploadForm, UploadOptions,
};
use rustler::{
    Binary, Encoder, Env, NifMap, NifTaggedEnum, NifUnitEnum, Resource, ResourceArc, Term,
};

use crate::answer::{AckTerm, Caller, Failure, count_terms, fault_term, tagged};
use crate::asking::Asker;
use crate::options::{Crossing, Options};
use crate::times::{Times, time_reading};
use crate::writes::on_duplicate;
use crate::{CatalogRef, atoms};

/// An upload of one process.
struct UploadResource(Mutex<Upload>);

#[rustler::resource_impl]
impl Resource for UploadResource {}

type UploadRef = ResourceArc<UploadResource>;

/// `Framing` as an atom.
#[derive(NifUnitEnum, Clone, Copy)]
enum FramingAtom {
    Lines,
    Sequence,
}

impl From<FramingAtom> for Framing {
    fn from(framing: FramingAtom) -> Self {
        match framing {
            FramingAtom::Lines => Self::Lines,
            FramingAtom::Sequence => Self::Sequence,
        }
    }
}

/// `TableShape` as an atom.
#[derive(NifUnitEnum, Clone, Copy)]
enum ShapeAtom {
    Single,
    Long,
    Wide,
}

impl From<ShapeAtom> for TableShape {
    fn from(shape: ShapeAtom) -> Self {
        match shape {
            ShapeAtom::Single => Self::Single,
            ShapeAtom::Long => Self::Long,
            ShapeAtom::Wide => Self::Wide,
        }
    }
}

/// `UploadForm` as a tagged tuple.
#[derive(NifTaggedEnum)]
enum Form<'a> {
    Features(FramingAtom, Crossing),
    Points(FramingAtom, Times<'a>),
    /// The series of all points, the shape, how times are read, and which cells stand for no
    /// value.
    Table(Option<String>, Option<ShapeAtom>, Times<'a>, &'a str),
}

impl Form<'_> {
    fn read(self) -> Result<UploadForm, Failure> {
        Ok(match self {
            Self::Features(framing, crossing) => {
                UploadForm::Features(framing.into(), Antimeridian::from(crossing))
            }
            Self::Points(framing, times) => {
                UploadForm::Points(framing.into(), time_reading(times)?)
            }
            Self::Table(series, shape, times, missing) => UploadForm::Table(TableReading {
                series,
                shape: shape.map(TableShape::from),
                times: time_reading(times)?,
                missing: MissingValues::parse(missing)?,
            }),
        })
    }
}

/// `UploadOptions` as a map.
#[derive(NifMap)]
struct OptionsMap<'a> {
    form: Form<'a>,
    stop: bool,
    record_bytes: usize,
    on_duplicate: Option<&'a str>,
    provenance: Option<Binary<'a>>,
    idempotency_key: Option<String>,
}

impl UploadResource {
    /// Of one process, which waits for nobody.
    fn lock(&self) -> MutexGuard<'_, Upload> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `{:ok, upload}`
#[rustler::nif]
fn upload_new<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    options: OptionsMap<'a>,
) -> Term<'a> {
    catalog.call(env, name, |database| {
        let upload = database.upload(UploadOptions {
            form: options.form.read()?,
            stop: options.stop,
            record_bytes: options.record_bytes,
            on_duplicate: on_duplicate(options.on_duplicate)?,
            provenance: options.provenance.map(|text| text.to_vec()),
            key: options.idempotency_key,
        })?;
        Ok(ResourceArc::new(UploadResource(Mutex::new(upload))))
    })
}

/// Takes the next part of the body: `:ok`; `{:full, taken, error}` when there was no room
/// for more than so many bytes of it; or what ends the upload. It is given up when the calling
/// process dies.
#[rustler::nif(schedule = "DirtyCpu")]
fn upload_feed<'a>(env: Env<'a>, upload: UploadRef, part: Binary<'a>) -> Term<'a> {
    let asker = Asker::new(env);
    let mut upload = upload.lock();
    let budget = upload.budget(asker.cancel());
    let mut rest = part.as_slice();
    let fed = upload.feed(&mut rest, &budget);
    taken(env, part.len() - rest.len(), fed)
}

/// The body ends here; else as `upload_feed`.
#[rustler::nif(schedule = "DirtyCpu")]
fn upload_end(env: Env<'_>, upload: UploadRef) -> Term<'_> {
    let asker = Asker::new(env);
    let mut upload = upload.lock();
    let budget = upload.budget(asker.cancel());
    let ended = upload.end(&budget);
    taken(env, 0, ended)
}

fn taken(env: Env<'_>, bytes: usize, fed: Result<(), Error>) -> Term<'_> {
    match fed {
        Ok(()) => atoms::ok().to_term(env),
        Err(error @ Error::MemoryFull { .. }) => (atoms::full(), bytes, Failure(error)).encode(env),
        Err(error) => (atoms::error(), Failure(error)).encode(env),
    }
}

/// Bytes of the record whose end has not come.
#[rustler::nif]
fn upload_begun(upload: UploadRef) -> usize {
    upload.lock().begun()
}

/// Whether a batch is complete.
#[rustler::nif]
fn upload_ready(upload: UploadRef) -> bool {
    upload.lock().ready() > 0
}

/// Queues the next batch: `{:ok, count}` of its features or points, and `{ref, {:ok, ack}}`
/// follows; `{:ok, nil}` when none is complete. One at a time: the next one follows it. After
/// `:busy` it is the next one still.
#[rustler::nif]
fn upload_submit<'a>(
    env: Env<'a>,
    catalog: CatalogRef,
    name: &str,
    upload: UploadRef,
    options: Options<'a>,
    reference: Term<'a>,
) -> Term<'a> {
    let queued = catalog.database(name).and_then(|database| {
        let transaction = options.transaction(None);
        let caller = Caller::new(env, reference);
        let transaction = Transaction {
            caller: caller.number(),
            ..transaction
        };
        let reply = Reply::new(move |answer: Result<Ack, Error>| {
            caller.answer(answer.map(AckTerm).map_err(Failure));
        });
        Ok(upload.lock().submit(&database, transaction, reply)?)
    });
    tagged(env, queued)
}

/// Cells without a value in the rows of a table that were taken so far.
#[rustler::nif]
fn upload_missing(upload: UploadRef) -> u64 {
    upload.lock().missing()
}

/// Those that were left out since this was last asked: `[{line, {code, detail, pointer}}]`.
#[rustler::nif]
fn upload_rejected(env: Env<'_>, upload: UploadRef) -> Vec<(u64, Term<'_>)> {
    let rejected = upload.lock().take_rejected();
    let term = |RejectedRecord { line, fault }| (line, fault_term(env, &fault));
    rejected.into_iter().map(term).collect()
}

/// What is to be told of records since this was last asked, and how many warnings there were
/// until now: `{[{line, {code, detail, pointer}}], [{code, count}]}`.
#[rustler::nif]
fn upload_warnings(env: Env<'_>, upload: UploadRef) -> (Vec<(u64, Term<'_>)>, Vec<Term<'_>>) {
    let mut upload = upload.lock();
    let (warnings, counts) = upload.take_warnings();
    let term = |RecordWarning { line, warning }| (line, fault_term(env, &warning));
    let warnings = warnings.into_iter().map(term).collect();
    (warnings, count_terms(env, counts))
}
