//! Records made to batches, in memory that is held before it is taken.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;

use super::csv::Table;
use super::options::{
    BATCH_BYTES, BATCH_RECORDS, PART_BYTES, RejectedRecord, UploadForm, UploadOptions,
};
use super::records::{Record, Text};
use super::refusals::{check_framing, no_record, too_costly};
use super::warned::{RecordWarning, RecordWarnings};
use crate::block::{IdempotencyKey, Operation, RequestDigest, put_points, readable};
use crate::budget::Budget;
use crate::error::{Error, Fault, InvalidCode, Result};
use crate::mem::Held;
use crate::state::State;
use crate::types::{
    PointBatches, Surroundings, UNLIKELY_TIME, Warnings, read_features, tree_bytes,
};
use crate::write::prepare::set_on_duplicate;
use crate::write::versions::{StoredFeatures, surroundings};

/// Memory is counted in steps of this size.
const COUNTED_BYTES: usize = 64 << 10;
/// What the tree of a text takes for each of its bytes, at most: it has nothing but the
/// beginnings of lists.
const TREE: usize = 128;
/// What is known to take less is not looked at before it is read.
const SMALL_RECORD: usize = COUNTED_BYTES / TREE;
/// What a feature takes beside its document.
const FEATURE: usize = 512;

/// Records ready to be written, all or none.
#[derive(Debug)]
pub(super) struct Batch {
    /// At least one.
    pub(super) operations: Vec<Operation>,
    /// Features or points in them.
    pub(super) count: usize,
    /// The key with the digest of the body up to here.
    pub(super) key: Option<IdempotencyKey>,
    pub(super) memory: Held,
}

/// Batches, made of records.
#[derive(Debug)]
pub(super) struct Batches {
    pub(super) options: UploadOptions,
    state: Arc<State>,
    /// As it is stored.
    pub(super) provenance: Option<Vec<u8>>,
    table: Option<Table>,
    /// The batch in the making: how many records and bytes it has, and what they are.
    filled: (usize, usize),
    features: Vec<Operation>,
    points: PointBatches,
    ready: VecDeque<Batch>,
    /// Bytes that the records hold, of which one has not ended.
    records_bytes: usize,
    /// For a part of the body, the records, and the batch in the making.
    held: Held,
    ended: bool,
    digest: Option<RequestDigest>,
    rejected: Vec<RejectedRecord>,
    rejected_total: usize,
    warnings: RecordWarnings,
    /// Where the features lie that are stored or came before.
    surroundings: Cell<Surroundings>,
}

impl Batches {
    pub(super) fn new(
        options: UploadOptions,
        state: Arc<State>,
        held: Held,
        digest: Option<RequestDigest>,
    ) -> Self {
        let warnings = RecordWarnings::new(state.limits.faults);
        let surroundings = Cell::new(surroundings(&state));
        Self {
            options,
            state,
            provenance: None,
            table: None,
            filled: (0, 0),
            features: Vec::new(),
            points: PointBatches::default(),
            ready: VecDeque::new(),
            records_bytes: 0,
            held,
            ended: false,
            digest,
            rejected: Vec::new(),
            rejected_total: 0,
            warnings,
            surroundings,
        }
    }

    /// Takes a record, unless there is no room for it.
    ///
    /// # Errors
    /// [`Error::MemoryFull`]: then it may be given again. All others end the upload.
    pub(super) fn record(&mut self, record: Record<'_>, budget: &Budget) -> Result<()> {
        let text = match record.text {
            Text::Whole(text) => text,
            _ => b"",
        };
        if self.is_full(text.len()) {
            self.cut(budget)?;
        }
        let needed = self.reading_bytes(text);
        // Beside a part of the body.
        let most = self.held.limit().saturating_sub(PART_BYTES);
        let in_vain = needed > most;
        if !in_vain {
            self.make_room(needed)?;
        }
        let is_header = self.is_headless();
        let refusal = match record.text {
            Text::Whole(_) if in_vain => Some(too_costly(needed, most)),
            Text::Whole(_) => None,
            _ => Some(no_record(record, self.options.record_bytes, is_header)),
        };
        let read = match refusal {
            Some(refusal) => Err(refusal),
            None => self.read(record.line, text, budget),
        };
        match read {
            Err(Error::Cancelled | Error::MemoryFull { .. }) => return read,
            // Without a header nothing of it can be read.
            Err(_) if is_header => return read,
            _ => {}
        }
        if let Some(digest) = &mut self.digest {
            digest.update(text);
        }
        if !is_header {
            self.filled = (self.filled.0 + 1, self.filled.1 + text.len());
        }
        read.or_else(|error| self.reject(record, error))
    }

    /// Whether it is a table whose header has not come.
    fn is_headless(&self) -> bool {
        matches!(self.options.form, UploadForm::Table(..)) && self.table.is_none()
    }

    /// The body has ended.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a table without a header.
    pub(super) fn end(&mut self, budget: &Budget) -> Result<()> {
        if self.is_headless() {
            let detail = "nothing was sent; expected a table with a header";
            return Err(Error::invalid(InvalidCode::Point, "", detail));
        }
        if let Some(digest) = &mut self.digest {
            // Or a longer body with the same beginning would be taken for this one.
            digest.update(b"end");
        }
        self.ended = true;
        self.cut(budget)
    }

    /// The next batch that is complete.
    pub(super) fn next(&mut self) -> Option<Batch> {
        let batch = self.ready.pop_front();
        if self.ready.is_empty() && self.ended {
            self.held.shrink_to(0);
        }
        if batch.is_some() {
            self.held.leave();
        }
        batch
    }

    /// It is the next one still.
    pub(super) fn put_back(&mut self, batch: Batch) {
        self.ready.push_front(batch);
    }

    /// How many batches are complete.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Those that were left out since this was last asked.
    pub(super) fn take_rejected(&mut self) -> Vec<RejectedRecord> {
        std::mem::take(&mut self.rejected)
    }

    /// Cells without a value in the rows of a table that were taken so far.
    pub(super) fn missing(&self) -> u64 {
        self.table.as_ref().map_or(0, Table::gaps)
    }

    /// What is to be told of records since this was last asked, and how many warnings there
    /// were of each code until now.
    pub(super) fn take_warnings(&mut self) -> (Vec<RecordWarning>, &[(&'static str, u64)]) {
        self.warnings.take()
    }

    /// Nothing comes for a while: others may have the room that it waited for.
    pub(super) fn silent(&mut self) {
        self.held.leave();
    }

    /// Holds what the records will hold.
    ///
    /// # Errors
    /// [`Error::MemoryFull`].
    pub(super) fn room_for_records(&mut self, bytes: usize) -> Result<()> {
        self.records_bytes = bytes;
        self.make_room(0)
    }

    /// Holds what is there, of which the records hold `bytes`, and no more.
    pub(super) fn settle(&mut self, bytes: usize) {
        self.records_bytes = bytes;
        self.held.hold(counted(self.bytes()));
    }

    /// Bytes of memory that are held, about, without those of complete batches.
    fn bytes(&self) -> usize {
        PART_BYTES
            + self.records_bytes
            + self.table.as_ref().map_or(0, Table::bytes)
            + self.making()
    }

    /// Those of the batch in the making.
    fn making(&self) -> usize {
        let provenance = self.provenance.as_ref().map_or(0, Vec::len);
        let features = self.features.len() * (FEATURE + provenance);
        let documents = match self.features.is_empty() {
            true => 0,
            false => 2 * self.filled.1,
        };
        features + documents + self.points.bytes()
    }

    /// What is to be held to read a record and for what becomes of it, at most.
    fn reading_bytes(&self, text: &[u8]) -> usize {
        match (&self.options.form, &self.table) {
            (UploadForm::Table(..), None) => Table::header_bytes(text, &self.state.limits),
            (UploadForm::Table(..), Some(table)) => {
                let (points, ids) = table.row_points(text);
                table.row_bytes(text) + self.points.bytes_of(points, ids)
            }
            (UploadForm::Features(..) | UploadForm::Points(..), _) => {
                let tree = match text.len() {
                    0..=SMALL_RECORD => TREE * text.len(),
                    _ => tree_bytes(text),
                };
                let provenance = self.provenance.as_ref().map_or(0, Vec::len);
                tree + 3 * text.len() + 2 * FEATURE + provenance
            }
        }
    }

    /// Holds what is there and `more` that is about to be.
    fn make_room(&mut self, more: usize) -> Result<()> {
        let bytes = counted(self.bytes().saturating_add(more));
        match bytes.saturating_sub(self.held.bytes()) {
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
            UploadForm::Table(form) => {
                let Some(table) = &mut self.table else {
                    self.table = Some(Table::new(text, form, &self.state.limits, budget)?);
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
        let bytes = self.making();
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
        let mut memory = self.held.split(bytes);
        memory.hold(operations.iter().map(Operation::memory).sum());
        self.ready.push_back(Batch {
            operations,
            count,
            key: key.map(|(text, digest)| digest.key(text)),
            memory,
        });
        Ok(())
    }
}

/// Bytes in whole steps.
fn counted(bytes: usize) -> usize {
    bytes.div_ceil(COUNTED_BYTES).saturating_mul(COUNTED_BYTES)
}
