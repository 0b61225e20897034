//! Reading the attributes of a series.

use std::sync::Arc;

use crate::block::{OpKind, Versioned};
use crate::cache::of_blocks::Document;
use crate::db::database::Database;
use crate::error::Result;
use crate::merkle::leaf_hash;
use crate::state::State;
use crate::state::blocks::{block_at, damaged, location, read_block};
use crate::types::{stored_attributes, write_json};

impl Database {
    /// The attributes of a series, as of a sequence if asked for, if that document is in
    /// memory; `None` if it must be read from the journal. No file work, and O(log n) in the
    /// number of their versions: safe where blocking is not.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::Invalid`] for a sequence the journal has
    /// not reached, [`crate::Error::Closed`].
    pub fn attributes_in_memory(
        &self,
        series: &str,
        as_of: Option<u64>,
    ) -> Result<Option<Arc<Document>>> {
        let seq = current(&self.state, series, as_of)?;
        Ok(self.state.documents.get(seq))
    }

    /// Whether a series has attributes, or had as of a sequence. No file work.
    ///
    /// # Errors
    /// As [`Database::attributes_in_memory`], but for [`crate::Error::NotFound`].
    pub fn has_attributes(&self, series: &str, as_of: Option<u64>) -> Result<bool> {
        match self.attributes_in_memory(series, as_of) {
            Ok(_) => Ok(true),
            Err(crate::error::Error::NotFound { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// How long the stored form of that version is, in bytes. No file work.
    ///
    /// # Errors
    /// As [`Database::attributes_in_memory`].
    pub fn attributes_bytes(&self, series: &str, as_of: Option<u64>) -> Result<u32> {
        let seq = current(&self.state, series, as_of)?;
        Ok(location(&self.state, seq)?.len)
    }

    /// The attributes of a series as a JSON object, and the hash of the block that set them;
    /// where they come from their versions tell ([`Database::attributes_provenance`]), so that
    /// what is read, changed and set again has no old provenance. May read the journal.
    ///
    /// # Errors
    /// As [`Database::attributes_in_memory`], [`crate::Error::Corrupt`],
    /// [`crate::Error::Io`].
    pub fn attributes(&self, series: &str, as_of: Option<u64>) -> Result<Arc<Document>> {
        let state = &self.state;
        let seq = current(state, series, as_of)?;
        if let Some(document) = state.documents.get(seq) {
            return Ok(document);
        }
        let bytes = read_block(state, seq)?;
        let mut json = Vec::with_capacity(bytes.len() * 2);
        with_attributes(state, seq, &bytes, |attributes| {
            write_json(attributes, &mut json).map_err(|e| damaged(state, seq, e))?;
            Ok(())
        })?;
        let document = Arc::new(Document {
            seq,
            hash: leaf_hash(&bytes),
            json: json.into(),
        });
        state.documents.insert_document(&document);
        Ok(document)
    }
}

/// Calls `read` with the attributes, a CBOR map, that the bytes of block `seq` set.
pub(crate) fn with_attributes<T>(
    state: &State,
    seq: u64,
    bytes: &[u8],
    read: impl FnOnce(&[u8]) -> Result<T>,
) -> Result<T> {
    let (_, action) = block_at(state, seq, bytes)?;
    if action.op != OpKind::SetAttributes {
        return Err(damaged(state, seq, "another block lies at its place"));
    }
    let stored = stored_attributes(action.body).map_err(|e| damaged(state, seq, e))?;
    match stored.attributes {
        Some(attributes) => read(attributes),
        None => Err(damaged(state, seq, "the attributes were deleted there")),
    }
}

/// Sequence of the visible version of the attributes of a series.
fn current(state: &State, series: &str, as_of: Option<u64>) -> Result<u64> {
    state.check_open()?;
    let attributes = state.indexes.attributes.read();
    attributes
        .current(series, state.at(as_of)?)
        .ok_or_else(|| Versioned::Attributes(series).not_found())
}
