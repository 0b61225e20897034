//! Bodies without end: records that come in parts of a body are read as they come, and
//! given out in batches, each of which becomes a transaction.
//!
//! A batch ends after [`BATCH_RECORDS`] records or before the one with which it would have
//! more than [`BATCH_BYTES`], never by time: so the same body always makes the same
//! batches, however it arrives. With an idempotency key each batch has the digest of the
//! body up to its end. Of a body that is sent again the batches that were written are known
//! by that; see [`Transaction::follows`](crate::Transaction).

mod batches;
mod columns;
mod csv;
mod missing;
mod options;
mod records;
mod refusals;
mod row;
mod warned;

use std::sync::Arc;

pub use columns::{TableReading, TableShape};
pub use missing::MissingValues;
pub use options::{
    BATCH_BYTES, BATCH_RECORDS, PART_BYTES, RejectedRecord, UploadForm, UploadOptions,
};
pub use records::Framing;
pub use warned::RecordWarning;

use parking_lot::Mutex;

use self::batches::Batches;
use self::records::Records;
use crate::block::{Ack, IdempotencyKey, RequestDigest, Transaction};
use crate::budget::{Budget, Cancel};
use crate::commit::queue::Reply;
use crate::db::database::Database;
use crate::error::{Error, InvalidCode, Result};
use crate::mem::{Held, Memory};
use crate::state::State;
use crate::types::OnDuplicate;
use crate::write::prepare::optional_provenance;

/// A body that is coming in.
#[derive(Debug)]
pub struct Upload {
    records: Records,
    batches: Batches,
    memory: Memory,
    /// The request of the last batch that was written.
    follows: Arc<Mutex<Option<[u8; 16]>>>,
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
        let held = memory.uploads.reserve(PART_BYTES)?;
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
    fn new(options: UploadOptions, state: Arc<State>, memory: Memory, held: Held) -> Self {
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
        Self {
            records: Records::new(framing, options.record_bytes),
            batches: Batches::new(options, state, held, digest),
            memory,
            follows: Arc::default(),
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

    /// Takes the next part of the body, of [`PART_BYTES`] at most; an empty one says that none
    /// has come for a while. Linear in it and in the record that ends in it.
    ///
    /// `part` is then what was not taken: nothing, unless there was an error.
    ///
    /// # Errors
    /// [`Error::MemoryFull`] when there is no room for what comes next: feed the rest again
    /// once batches were submitted, of this upload or of others.
    ///
    /// After all others nothing more can be taken. The fault of the first faulty record, where
    /// the upload stops at that (it is among the rejected); [`Error::TooLarge`] when more
    /// records are faulty than [`Limits::rejected_lines`](crate::Limits::rejected_lines); [`Error::Invalid`] for the header of
    /// a table that is none, [`Error::TooLarge`] for one with more columns than
    /// [`Limits::page_items`](crate::Limits::page_items); [`Error::Cancelled`].
    pub fn feed(&mut self, part: &mut &[u8], budget: &Budget) -> Result<()> {
        let Self {
            records, batches, ..
        } = self;
        if part.is_empty() {
            batches.silent();
        }
        batches.room_for_records(records.bytes_with(part.len()))?;
        let fed = records.feed(part, budget, |record| batches.record(record, budget));
        batches.settle(records.bytes_with(0));
        fed
    }

    /// The body ends here.
    ///
    /// # Errors
    /// As [`Self::feed`]; after [`Error::MemoryFull`] it can be ended again.
    pub fn end(&mut self, budget: &Budget) -> Result<()> {
        let Self {
            records, batches, ..
        } = self;
        records.end(|record| batches.record(record, budget))?;
        batches.end(budget)
    }

    /// Queues the next batch that is complete, in the memory that was held for it; never
    /// blocks. It is a transaction that is otherwise as this one, and `reply` is called as
    /// [`Database::submit`] says. How many features or points it has, `None` when none is complete.
    /// One at a time: the next one follows it, once it was answered. Of an upload that has
    /// ended the memory is given back with the last one.
    ///
    /// # Errors
    /// As [`Database::submit`]. [`Error::Busy`] leaves it the next one.
    pub fn submit(
        &mut self,
        database: &Database,
        mut transaction: Transaction,
        reply: Reply,
    ) -> Result<Option<usize>> {
        let Some(mut batch) = self.batches.next() else {
            reply.disarm();
            return Ok(None);
        };
        transaction.operations = std::mem::take(&mut batch.operations);
        transaction.key = batch.key.take();
        transaction.follows = *self.follows.lock();
        match database.admit(&transaction) {
            Ok(seat) => {
                let request = transaction.key.as_ref().map(|key| key.request);
                let written = Arc::clone(&self.follows);
                // What came to nothing is not remembered.
                let reply = reply.holding(batch.memory).after(move |answer| {
                    if answer.as_ref().is_ok_and(Ack::wrote) {
                        *written.lock() = request;
                    }
                });
                seat.send(transaction, reply)?;
                Ok(Some(batch.count))
            }
            Err(refusal) => {
                reply.disarm();
                batch.operations = transaction.operations;
                batch.key = transaction.key;
                self.batches.put_back(batch);
                Err(refusal)
            }
        }
    }

    /// How many batches are complete and were not given out.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.batches.ready()
    }

    /// Cells without a value in the rows of a table that were taken so far.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.batches.missing()
    }

    /// The records that were left out since this was last asked.
    pub fn take_rejected(&mut self) -> Vec<RejectedRecord> {
        self.batches.take_rejected()
    }

    /// What is to be told of records since this was last asked; of an upload so many are told
    /// as [`crate::Limits::faults`] says. And how many there were of each code until now.
    pub fn take_warnings(&mut self) -> (Vec<RecordWarning>, &[(&'static str, u64)]) {
        self.batches.take_warnings()
    }
}
