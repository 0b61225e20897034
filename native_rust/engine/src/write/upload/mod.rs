//! Bodies without end: records that come in parts of a body are read as they come, and
//! given out in batches, each of which becomes a transaction.
//!
//! A batch ends after [`BATCH_RECORDS`] records or before the one with which it would have
//! more than [`BATCH_BYTES`], never by time: so the same body always makes the same
//! batches, however it arrives. With an idempotency key each batch has the digest of the
//! body up to its end. Of a body that is sent again the batches that were written are known
//! by that; see [`Transaction::follows`](crate::Transaction).

mod csv;
mod records;

use std::collections::VecDeque;

pub use records::Framing;

use self::csv::Table;
use self::records::{Record, Records};
use super::prepare::{put_batches, set_on_duplicate};
use crate::block::{IdempotencyKey, Operation, RequestDigest, readable};
use crate::db::database::Database;
use crate::error::{Error, Fault, InvalidCode, Result};
use crate::limits::Limits;
use crate::types::{Antimeridian, OnDuplicate, PointBatches, TimeReading, read_features};

/// Records of a batch, at most.
pub const BATCH_RECORDS: usize = 5_000;
/// Bytes of a batch's records, at most, unless one record has more.
pub const BATCH_BYTES: usize = 4 << 20;

/// What the records of an upload are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadForm {
    /// A GeoJSON Feature or geometry each.
    Features(Framing, Antimeridian),
    /// A point object each, with what timestamps that are integers count.
    Points(Framing, TimeReading),
    /// Rows of a table of points, after its header; the series of all, unless the table
    /// has columns for that; and what timestamps that are integers count.
    Table(Option<String>, TimeReading),
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
    /// Its line, from 1; of a text sequence its number.
    pub line: u64,
    /// What is wrong with it, the first if there are several faults.
    pub fault: Fault,
}

/// A body that is coming in.
#[derive(Debug)]
pub struct Upload {
    records: Records,
    batches: Batches,
}

/// Batches, made of records.
#[derive(Debug)]
struct Batches {
    options: UploadOptions,
    limits: Limits,
    table: Option<Table>,
    /// The batch in the making: how many records and bytes it has, and what they are.
    filled: (usize, usize),
    features: Vec<Operation>,
    points: PointBatches,
    ready: VecDeque<UploadBatch>,
    digest: Option<RequestDigest>,
    rejected: Vec<RejectedRecord>,
    rejected_total: usize,
}

impl Database {
    /// An upload to this database. Nothing of it is written until its batches are submitted.
    ///
    /// # Errors
    /// [`InvalidCode::Parameter`] for a key that is none, and where duplicates are to be
    /// refused: what came before them is written by then.
    pub fn upload(&self, options: UploadOptions) -> Result<Upload> {
        if let Some(key) = &options.key {
            IdempotencyKey::new(key, &[]).check()?;
        }
        let mut upload = Upload::new(options, self.state.limits.clone());
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
    fn new(options: UploadOptions, limits: Limits) -> Self {
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
            RequestDigest::of(&[b"upload", asked.as_bytes()])
        });
        Self {
            records: Records::new(framing, options.record_bytes),
            batches: Batches {
                options,
                limits,
                table: None,
                filled: (0, 0),
                features: Vec::new(),
                points: PointBatches::default(),
                ready: VecDeque::new(),
                digest,
                rejected: Vec::new(),
                rejected_total: 0,
            },
        }
    }

    /// Takes the next part of the body. Linear in it.
    ///
    /// # Errors
    /// The fault of the first faulty record, where the upload stops at that (it is among the
    /// rejected); [`Error::TooLarge`] when more records are faulty than
    /// [`Limits::rejected_lines`]; [`Error::Invalid`] for the header of a table that is none.
    /// Then nothing more can be taken.
    pub fn feed(&mut self, part: &[u8]) -> Result<()> {
        let Self { records, batches } = self;
        records.feed(part, |record| batches.record(record))
    }

    /// The body ends here.
    ///
    /// # Errors
    /// As [`Self::feed`].
    pub fn end(&mut self) -> Result<()> {
        let Self { records, batches } = self;
        records.end(|record| batches.record(record))?;
        batches.end()
    }

    /// The next batch that is complete.
    pub fn next_batch(&mut self) -> Option<UploadBatch> {
        self.batches.ready.pop_front()
    }

    /// How many batches are complete and were not given out.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.batches.ready.len()
    }

    /// The records that were left out since this was last asked.
    pub fn take_rejected(&mut self) -> Vec<RejectedRecord> {
        std::mem::take(&mut self.batches.rejected)
    }
}

impl Batches {
    fn record(&mut self, (line, text): Record<'_>) -> Result<()> {
        let bytes = text.map_or(0, <[u8]>::len);
        if self.is_full(bytes) {
            self.cut()?;
        }
        if let Some(digest) = &mut self.digest {
            digest.update(text.unwrap_or_default());
        }
        let Some(text) = text else {
            return self.reject(line, too_long(self.options.record_bytes));
        };
        if let (UploadForm::Table(series, times), None) = (&self.options.form, &self.table) {
            self.table = Some(Table::new(
                text,
                series.as_deref(),
                times.clone(),
                &self.limits,
            )?);
            return Ok(());
        }
        self.filled = (self.filled.0 + 1, self.filled.1 + bytes);
        self.read(text).or_else(|error| self.reject(line, error))
    }

    fn end(&mut self) -> Result<()> {
        if matches!(self.options.form, UploadForm::Table(..)) && self.table.is_none() {
            let detail = "nothing was sent; expected a table with a header";
            return Err(Error::invalid(InvalidCode::Point, "", detail));
        }
        if let Some(digest) = &mut self.digest {
            // Or a longer body with the same beginning would be taken for this one.
            digest.update(b"end");
        }
        self.cut()
    }

    /// Whether a record of so many bytes is of another batch.
    fn is_full(&self, bytes: usize) -> bool {
        let (records, held) = self.filled;
        records > 0 && (records == BATCH_RECORDS || held + bytes > BATCH_BYTES)
    }

    fn read(&mut self, text: &[u8]) -> Result<()> {
        match &self.options.form {
            UploadForm::Features(_, antimeridian) => {
                let read = read_features(text, *antimeridian, &self.limits)?;
                if read.collection {
                    let detail = "found a FeatureCollection; expected one Feature in each record";
                    return Err(Error::invalid(InvalidCode::Feature, "/type", detail));
                }
                for (_, feature) in read.features {
                    self.features
                        .push(readable(Operation::PutFeature(feature))?);
                }
                Ok(())
            }
            UploadForm::Points(_, times) => self.points.read(text, times, &self.limits),
            UploadForm::Table(..) => {
                let Some(table) = &mut self.table else {
                    return Ok(());
                };
                for (series, timestamp, value) in table.points(text)? {
                    self.points.add(series, timestamp, value, &self.limits)?;
                }
                Ok(())
            }
        }
    }

    fn reject(&mut self, line: u64, error: Error) -> Result<()> {
        let fault = Fault {
            code: error.code(),
            pointer: error.pointer().unwrap_or_default().to_owned(),
            detail: error.to_string(),
        };
        self.rejected.push(RejectedRecord { line, fault });
        self.rejected_total += 1;
        if self.options.stop {
            return Err(error);
        }
        match self.rejected_total > self.limits.rejected_lines {
            false => Ok(()),
            true => Err(Error::TooLarge {
                what: "the number of faulty lines",
                actual: self.rejected_total as u64,
                limit: self.limits.rejected_lines as u64,
                setting: "rejected_lines",
            }),
        }
    }

    /// Ends the batch in the making.
    fn cut(&mut self) -> Result<()> {
        self.filled = (0, 0);
        let points = std::mem::take(&mut self.points);
        let features = std::mem::take(&mut self.features);
        let count = features.len() + points.count();
        if count == 0 {
            return Ok(());
        }
        let mut operations = features;
        operations.extend(put_batches(points.into_batches())?);
        set_on_duplicate(&mut operations, self.options.on_duplicate);
        let key = self.options.key.as_ref().zip(self.digest.as_ref());
        self.ready.push_back(UploadBatch {
            operations,
            count,
            key: key.map(|(text, digest)| digest.key(text)),
        });
        Ok(())
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
