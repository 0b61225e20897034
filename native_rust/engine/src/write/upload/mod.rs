//! Bodies without end: records that come in parts of a body are read as they come, and
//! given out in batches, each of which becomes a transaction.
//!
//! A batch ends after [`BATCH_RECORDS`] records or before the one with which it would have
//! more than [`BATCH_BYTES`], never by time: so the same body always makes the same
//! batches, however it arrives. With an idempotency key each batch has the digest of the
//! body up to its end. Of a body that is sent again the batches that were written are known
//! by that; see [`Transaction::follows`](crate::Transaction).

mod columns;
mod csv;
mod missing;
mod records;
mod warned;

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;

pub use columns::{TableReading, TableShape};
pub use missing::MissingValues;
pub use records::Framing;
pub use warned::RecordWarning;

use self::csv::Table;
use self::records::{RECORD_SEPARATOR, Record, Records, Text};
use self::warned::RecordWarnings;
use super::prepare::{optional_provenance, set_on_duplicate};
use super::versions::{StoredFeatures, surroundings};
use crate::block::{IdempotencyKey, Operation, RequestDigest, put_points, readable};
use crate::budget::{Budget, Cancel};
use crate::db::database::Database;
use crate::error::{Error, Fault, InvalidCode, Result};
use crate::mem::{Memory, Reservation};
use crate::state::State;
use crate::types::{
    Antimeridian, OnDuplicate, PointBatches, Surroundings, TimeReading, UNLIKELY_TIME, Warnings,
    read_features, tree_bytes,
};

/// Records of a batch, at most.
pub const BATCH_RECORDS: usize = 5_000;
/// Bytes of a batch's records, at most, unless one record has more.
pub const BATCH_BYTES: usize = 4 << 20;
/// Bytes of memory that are reserved for an upload when it begins, so that one that there
/// is no room for is refused before it is sent: for a batch in the making, one on its way, and
/// a part of the body.
const UPLOAD_BYTES: usize = 32 << 20;
/// Beyond that its memory is counted in steps of this size.
const COUNTED_BYTES: usize = 1 << 20;
/// What reading a record of so many bytes takes is within [`UPLOAD_BYTES`].
const SMALL_RECORD: usize = 64 << 10;
/// What a feature takes beside its document.
const FEATURE: usize = 512;

/// What the records of an upload are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadForm {
    /// A GeoJSON Feature or geometry each.
    Features(Framing, Antimeridian),
    /// A point object each, with what timestamps that are integers count.
    Points(Framing, TimeReading),
    /// Rows of a table of points, after its header.
    Table(TableReading),
}

/// How an upload is read.
#[derive(Debug, Clone)]
pub struct UploadOptions {
    /// What its records are.
    pub form: UploadForm,
    /// Whether the first faulty record ends it; else such are left out, and told.
    pub stop: bool,
    /// Bytes that a record may have.
    pub record_bytes: usize,
    /// What becomes of points whose timestamps their series has; what the database says as
    /// the upload begins where nothing was asked for.
    pub on_duplicate: Option<OnDuplicate>,
    /// What stands for every feature and point without a provenance of its own: text of a JSON
    /// object.
    pub provenance: Option<Vec<u8>>,
    /// The client's key: text as in [`IdempotencyKey`].
    pub key: Option<String>,
}

/// Records ready to be written, all or none.
#[derive(Debug)]
pub struct UploadBatch {
    /// At least one.
    pub operations: Vec<Operation>,
    /// Features or points in them.
    pub count: usize,
    /// The key with the digest of the body up to here.
    pub key: Option<IdempotencyKey>,
}

/// A record that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRecord {
    /// Its first line, from 1; of a text sequence its number.
    pub line: u64,
    /// What is wrong with it, the first if there are several faults.
    pub fault: Fault,
}

/// A body that is coming in.
#[derive(Debug)]
pub struct Upload {
    records: Records,
    batches: Batches,
    memory: Memory,
}

/// Batches, made of records.
#[derive(Debug)]
struct Batches {
    options: UploadOptions,
    state: Arc<State>,
    /// As it is stored.
    provenance: Option<Vec<u8>>,
    table: Option<Table>,
    /// The batch in the making: how many records and bytes it has, and what they are.
    filled: (usize, usize),
    features: Vec<Operation>,
    points: PointBatches,
    ready: VecDeque<(UploadBatch, usize)>,
    /// Bytes of those.
    ready_bytes: usize,
    /// Bytes that the records hold, of which one has not ended.
    records_bytes: usize,
    held: Reservation,
    ended: bool,
    digest: Option<RequestDigest>,
    rejected: Vec<RejectedRecord>,
    rejected_total: usize,
    warnings: RecordWarnings,
    /// Where the features lie that are stored or came before.
    surroundings: Cell<Surroundings>,
}

impl Database {
    /// An upload to this database. Nothing of it is written until its batches are submitted.
    ///
    /// # Errors
    /// [`InvalidCode::Parameter`] for a key that is none, and where duplicates are to be
    /// refused: what came before them is written by then. [`Error::Invalid`] for a provenance
    /// that is none. [`Error::MemoryFull`].
    pub fn upload(&self, options: UploadOptions) -> Result<Upload> {
        if let Some(key) = &options.key {
            IdempotencyKey::new(key, &[]).check()?;
        }
        let memory = self.state.memory.clone();
        let held = memory.work.reserve(UPLOAD_BYTES)?;
        let provenance = optional_provenance(options.provenance.as_deref())?;
        let mut upload = Upload::new(options, Arc::clone(&self.state), memory, held);
        upload.batches.provenance = provenance;
        let asked = upload.batches.options.on_duplicate;
        let on_duplicate = match asked {
            Some(asked) => asked,
            None => self.defaults(None)?.on_duplicate,
        };
        let points = !matches!(upload.batches.options.form, UploadForm::Features(..));
        if points && on_duplicate == OnDuplicate::Refuse {
            let whose = match asked {
                Some(_) => "on_duplicate is refuse",
                None => "the database's default of on_duplicate is refuse",
            };
            let detail = format!(
                "{whose}; what is written as it comes cannot be refused as a whole: ask for keep, replace \
                 or ignore, or send a list of points"
            );
            let pointer = "/on_duplicate";
            return Err(Error::invalid(InvalidCode::Parameter, pointer, detail));
        }
        upload.batches.options.on_duplicate = Some(on_duplicate);
        Ok(upload)
    }
}

impl Upload {
    fn new(options: UploadOptions, state: Arc<State>, memory: Memory, held: Reservation) -> Self {
        let framing = match &options.form {
            UploadForm::Features(framing, _) | UploadForm::Points(framing, _) => *framing,
            UploadForm::Table(..) => Framing::Csv,
        };
        let digest = options.key.as_ref().map(|_| {
            // What is asked for besides the body makes it another request.
            let mut asked = format!("{:?} {}", options.form, options.stop);
            if let Some(on_duplicate) = options.on_duplicate {
                asked.push_str(on_duplicate.as_str());
            }
            match &options.provenance {
                None => RequestDigest::of(&[b"upload", asked.as_bytes()]),
                Some(text) => RequestDigest::of(&[b"upload", asked.as_bytes(), text]),
            }
        });
        let faults = state.limits.faults;
        let others = surroundings(&state);
        Self {
            records: Records::new(framing, options.record_bytes),
            batches: Batches {
                options,
                state,
                provenance: None,
                table: None,
                filled: (0, 0),
                features: Vec::new(),
                points: PointBatches::default(),
                ready: VecDeque::new(),
                ready_bytes: 0,
                records_bytes: 0,
                held,
                ended: false,
                digest,
                rejected: Vec::new(),
                rejected_total: 0,
                warnings: RecordWarnings::new(faults),
                surroundings: Cell::new(others),
            },
            memory,
        }
    }

    /// What the next call may spend: it ends when `cancel` is called.
    #[must_use]
    pub fn budget(&self, cancel: Cancel) -> Budget {
        Budget::without_end(&self.memory, cancel)
    }

    /// Bytes of the record whose end has not come: so many more than its part the next call
    /// may have to read.
    #[must_use]
    pub fn begun(&self) -> usize {
        self.records.begun()
    }

    /// Takes the next part of the body. Linear in it and in the record that ends in it.
    ///
    /// # Errors
    /// The fault of the first faulty record, where the upload stops at that (it is among the
    /// rejected); [`Error::TooLarge`] when more records are faulty than
    /// [`Limits::rejected_lines`]; [`Error::Invalid`] for the header of a table that is none,
    /// [`Error::TooLarge`] for one with more columns than [`Limits::page_items`];
    /// [`Error::MemoryFull`], [`Error::Cancelled`]. Then nothing more can be taken.
    pub fn feed(&mut self, part: &[u8], budget: &Budget) -> Result<()> {
        let Self {
            records, batches, ..
        } = self;
        batches.records_bytes = records.bytes_with(part.len());
        batches.account(0)?;
        records.feed(part, budget, |record| batches.record(record, budget))?;
        batches.records_bytes = records.bytes_with(0);
        batches.account(0)
    }

    /// The body ends here.
    ///
    /// # Errors
    /// As [`Self::feed`].
    pub fn end(&mut self, budget: &Budget) -> Result<()> {
        let Self {
            records, batches, ..
        } = self;
        records.end(|record| batches.record(record, budget))?;
        batches.end(budget)
    }

    /// The next batch that is complete. Of an upload that has ended the memory is given back
    /// with the last one.
    pub fn next_batch(&mut self) -> Option<UploadBatch> {
        let batches = &mut self.batches;
        match batches.ready.pop_front() {
            Some((batch, bytes)) => {
                batches.ready_bytes -= bytes;
                Some(batch)
            }
            None => {
                if batches.ended {
                    batches.held.shrink_to(0);
                }
                None
            }
        }
    }

    /// How many batches are complete and were not given out.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.batches.ready.len()
    }

    /// Cells without a value in the rows of a table that were taken so far.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.batches.table.as_ref().map_or(0, Table::gaps)
    }

    /// The records that were left out since this was last asked.
    pub fn take_rejected(&mut self) -> Vec<RejectedRecord> {
        std::mem::take(&mut self.batches.rejected)
    }

    /// What is to be told of records since this was last asked; of an upload so many are told
    /// as [`crate::Limits::faults`] says. And how many there were of each code until now.
    pub fn take_warnings(&mut self) -> (Vec<RecordWarning>, &[(&'static str, u64)]) {
        self.batches.warnings.take()
    }
}

impl Batches {
    fn record(&mut self, record: Record<'_>, budget: &Budget) -> Result<()> {
        let text = match record.text {
            Text::Whole(text) => text,
            _ => b"",
        };
        if self.is_full(text.len()) {
            self.cut(budget)?;
        }
        if let Some(digest) = &mut self.digest {
            digest.update(text);
        }
        if record.text != Text::Whole(text) {
            return self.reject(record, self.no_record(record));
        }
        if text.len() > SMALL_RECORD {
            let needed = self.reading_bytes(text);
            if needed > self.held.limit() {
                // To wait for it would be in vain.
                return self.reject(record, too_costly(needed, self.held.limit()));
            }
            self.account(needed)?;
        }
        if let (UploadForm::Table(form), None) = (&self.options.form, &self.table) {
            self.table = Some(Table::new(text, form, &self.state.limits, budget)?);
            return self.account(0);
        }
        self.filled = (self.filled.0 + 1, self.filled.1 + text.len());
        match self.read(record.line, text, budget) {
            Err(error @ (Error::Cancelled | Error::MemoryFull { .. })) => return Err(error),
            Err(error) => self.reject(record, error)?,
            Ok(()) => {}
        }
        self.account(0)
    }

    fn end(&mut self, budget: &Budget) -> Result<()> {
        if matches!(self.options.form, UploadForm::Table(..)) && self.table.is_none() {
            let detail = match self.rejected.last() {
                None => "nothing was sent; expected a table with a header",
                Some(_) => "no header was found; expected a table with a header",
            };
            return Err(Error::invalid(InvalidCode::Point, "", detail));
        }
        if let Some(digest) = &mut self.digest {
            // Or a longer body with the same beginning would be taken for this one.
            digest.update(b"end");
        }
        self.ended = true;
        self.cut(budget)
    }

    /// Bytes of memory that are held, about.
    fn bytes(&self) -> usize {
        let provenance = self.provenance.as_ref().map_or(0, Vec::len);
        let features = self.features.len() * (FEATURE + provenance);
        let documents = match self.features.is_empty() {
            true => 0,
            false => 2 * self.filled.1,
        };
        let table = self.table.as_ref().map_or(0, Table::bytes);
        let making = features + documents + self.points.bytes();
        self.records_bytes + self.ready_bytes + table + making
    }

    /// What is to be held to read a record, beside what becomes of it.
    fn reading_bytes(&self, text: &[u8]) -> usize {
        match self.options.form {
            UploadForm::Table(..) => Table::reading_bytes(text, &self.state.limits),
            UploadForm::Features(..) | UploadForm::Points(..) => text.len() + tree_bytes(text),
        }
    }

    /// Counts what is held, and `more` that is about to be.
    fn account(&mut self, more: usize) -> Result<()> {
        let bytes = self.bytes().saturating_add(more).max(UPLOAD_BYTES);
        let bytes = bytes.div_ceil(COUNTED_BYTES).saturating_mul(COUNTED_BYTES);
        self.held.shrink_to(bytes);
        match bytes - self.held.bytes() {
            0 => Ok(()),
            missing => self.held.grow(missing),
        }
    }

    /// Whether a record of so many bytes is of another batch.
    fn is_full(&self, bytes: usize) -> bool {
        let (records, held) = self.filled;
        records > 0 && (records == BATCH_RECORDS || held + bytes > BATCH_BYTES)
    }

    fn read(&mut self, line: u64, text: &[u8], budget: &Budget) -> Result<()> {
        match &self.options.form {
            UploadForm::Features(framing, antimeridian) => {
                check_framing(text, *framing, "application/geo+json-seq")?;
                let stored = StoredFeatures::new(&self.state, budget, &self.surroundings);
                let limits = &self.state.limits;
                let read = read_features(text, *antimeridian, limits, Some(&stored))?;
                if read.collection {
                    let detail = "found a FeatureCollection; expected one Feature in each record";
                    return Err(Error::invalid(InvalidCode::Feature, "/type", detail));
                }
                for (_, mut feature) in read.features {
                    if feature.provenance.is_none() {
                        feature.provenance.clone_from(&self.provenance);
                    }
                    self.features
                        .push(readable(Operation::PutFeature(feature))?);
                }
                for (_, warnings) in read.warnings {
                    self.warnings.add(line, warnings);
                }
                Ok(())
            }
            UploadForm::Points(framing, times) => {
                check_framing(text, *framing, "application/json-seq")?;
                let (provenance, limits) = (self.provenance.as_deref(), &self.state.limits);
                let mut warnings = Warnings::new(limits.faults);
                self.points
                    .read(text, times, provenance, limits, &mut warnings)?;
                self.warnings.add(line, warnings);
                Ok(())
            }
            UploadForm::Table(..) => {
                let Some(table) = &mut self.table else {
                    return Ok(());
                };
                let (provenance, limits) = (self.provenance.as_deref(), &self.state.limits);
                let (cells, doubt) = table.points(text, budget)?;
                for point in cells {
                    budget.step()?;
                    self.points.add(point, provenance, limits)?;
                }
                if let Some(doubt) = doubt {
                    let mut warnings = Warnings::new(limits.faults);
                    warnings.add(UNLIKELY_TIME, || "/timestamp".to_owned(), || doubt);
                    self.warnings.add(line, warnings);
                }
                Ok(())
            }
        }
    }

    /// Why there is no record.
    fn no_record(&self, record: Record<'_>) -> Error {
        let line = record.line;
        let (code, detail) = match record.text {
            Text::Unclosed => (
                InvalidCode::Point,
                format!(
                    "the quote opened in line {line} is not closed, so that nothing from that line on was read"
                ),
            ),
            Text::Unseparated => (
                InvalidCode::Json,
                "no record separator (0x1E) stands before the text; each text of a sequence begins with \
                 one: lines without it are application/x-ndjson"
                    .to_owned(),
            ),
            Text::TooLong | Text::Whole(_) => return too_long(self.options.record_bytes),
        };
        Error::invalid(code, "", detail)
    }

    fn reject(&mut self, record: Record<'_>, error: Error) -> Result<()> {
        let Record { line, lines, .. } = record;
        let mut detail = error.to_string();
        if lines > 1 && record.text != Text::Unclosed {
            let last = line + lines - 1;
            detail += &format!(
                "; the row goes on to line {last}, because the quote opened in line {line} is not closed in it"
            );
        }
        let fault = Fault {
            code: error.code(),
            pointer: error.pointer().unwrap_or_default().to_owned(),
            detail,
        };
        self.rejected.push(RejectedRecord { line, fault });
        self.rejected_total += 1;
        if self.options.stop {
            return Err(error);
        }
        match self.rejected_total > self.state.limits.rejected_lines {
            false => Ok(()),
            true => Err(Error::TooLarge {
                what: "the number of faulty lines",
                actual: self.rejected_total as u64,
                limit: self.state.limits.rejected_lines as u64,
                setting: "rejected_lines",
            }),
        }
    }

    /// Ends the batch in the making.
    fn cut(&mut self, budget: &Budget) -> Result<()> {
        let bytes = self.bytes() - self.records_bytes - self.ready_bytes;
        self.filled = (0, 0);
        let points = std::mem::take(&mut self.points);
        let mut operations = std::mem::take(&mut self.features);
        let count = operations.len() + points.count();
        if count == 0 {
            return Ok(());
        }
        for batch in points.into_batches() {
            budget.steps(1 + batch.timestamps.len() / 64)?;
            operations.push(readable(put_points(batch))?);
        }
        set_on_duplicate(&mut operations, self.options.on_duplicate);
        let key = self.options.key.as_ref().zip(self.digest.as_ref());
        let batch = UploadBatch {
            operations,
            count,
            key: key.map(|(text, digest)| digest.key(text)),
        };
        self.ready_bytes += bytes;
        self.ready.push_back((batch, bytes));
        Ok(())
    }
}

/// Refuses a line that is one text of a sequence.
fn check_framing(text: &[u8], framing: Framing, sequence: &str) -> Result<()> {
    if framing != Framing::Lines || text.first() != Some(&RECORD_SEPARATOR) {
        return Ok(());
    }
    let detail = format!(
        "the line begins with a record separator (0x1E), as the texts of {sequence} do; send it as that, or \
         leave the separators out"
    );
    Err(Error::invalid(InvalidCode::Json, "", detail))
}

fn too_costly(needed: usize, limit: usize) -> Error {
    Error::TooLarge {
        what: "the memory in bytes that it takes to read the record",
        actual: needed as u64,
        limit: limit as u64,
        setting: "work_bytes",
    }
}

fn too_long(limit: usize) -> Error {
    Error::TooLarge {
        what: "a record in bytes",
        actual: limit as u64 + 1,
        limit: limit as u64,
        setting: "max_body_bytes",
    }
}
