//! Reading a feature by its id.

use std::sync::Arc;

use crate::block::Block;
use crate::block::OpKind;
use crate::cache::of_blocks::Document;
use crate::db::database::Database;
use crate::error::{Entity, Error, Result};
use crate::merkle::leaf_hash;
use crate::state::State;
use crate::state::blocks::block_at;
use crate::state::blocks::damaged;
use crate::state::blocks::location;
use crate::state::blocks::read_block;
use crate::types::{feature_to_json, push_version};

impl Database {
    /// The feature `id`, if asked for as of a sequence, if its document is in
    /// memory; `None` if that must be read from the journal. No file work, and O(log n) in
    /// the number of its versions: safe where blocking is not.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] for a sequence the journal has not
    /// reached, [`Error::Closed`].
    pub fn feature_in_memory(&self, id: &str, as_of: Option<u64>) -> Result<Option<Arc<Document>>> {
        let seq = current(&self.state, id, as_of)?;
        Ok(self.state.documents.get(seq))
    }

    /// Whether there is a feature `id`, or was as of a sequence. No file work.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a sequence the journal has not reached,
    /// [`Error::Closed`].
    pub fn has_feature(&self, id: &str, as_of: Option<u64>) -> Result<bool> {
        match self.feature_in_memory(id, as_of) {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// How long the stored form of that version is, in bytes: what reading it takes. No
    /// file work.
    ///
    /// # Errors
    /// As [`Database::feature_in_memory`].
    pub fn feature_bytes(&self, id: &str, as_of: Option<u64>) -> Result<u32> {
        let seq = current(&self.state, id, as_of)?;
        Ok(location(&self.state, seq)?.len)
    }

    /// The version of the feature `id` that is current, or was as of a sequence.
    /// May read the journal.
    ///
    /// # Errors
    /// As [`Database::feature_in_memory`], [`Error::Corrupt`], [`Error::Io`].
    pub fn feature(&self, id: &str, as_of: Option<u64>) -> Result<Arc<Document>> {
        let seq = current(&self.state, id, as_of)?;
        document(&self.state, seq)
    }
}

/// Sequence of the visible version of a feature.
pub(crate) fn current(state: &State, id: &str, as_of: Option<u64>) -> Result<u64> {
    state.check_open()?;
    let features = state.indexes.features.read();
    features
        .current(id, state.at(as_of)?)
        .ok_or_else(|| no_feature(id))
}

impl Database {
    /// Sequence of the current version of a feature.
    pub(crate) fn current_seq(&self, id: &str) -> Result<u64> {
        current(&self.state, id, None)
    }
}

pub(crate) fn no_feature(id: &str) -> Error {
    Error::NotFound {
        entity: Entity::Feature,
        id: id.to_owned(),
    }
}

/// The document of a feature's block, from memory or from the journal.
pub(crate) fn document(state: &State, seq: u64) -> Result<Arc<Document>> {
    match state.documents.get(seq) {
        Some(document) => Ok(document),
        None => {
            let bytes = read_block(state, seq)?;
            make_document(state, seq, &bytes)
        }
    }
}

/// The document of a block's bytes, kept in memory for the next who asks.
pub(crate) fn make_document(state: &State, seq: u64, bytes: &[u8]) -> Result<Arc<Document>> {
    let document = Arc::new(Document {
        seq,
        hash: leaf_hash(bytes),
        json: document_json(state, seq, bytes)?.into(),
    });
    state.documents.insert_document(&document);
    Ok(document)
}

/// The document of a block's bytes as JSON, kept nowhere: with the version, if that is what
/// its provenance is of.
pub(crate) fn document_json(state: &State, seq: u64, bytes: &[u8]) -> Result<Vec<u8>> {
    let (block, body) = feature_block(state, seq, bytes)?;
    let mut json = Vec::with_capacity(bytes.len() * 2);
    feature_to_json(body, block.provenance, &mut json).map_err(|e| damaged(state, seq, e))?;
    if block.provenance.is_some() && json.pop_if(|last| *last == b'}').is_some() {
        push_version(&state.log, seq, &mut json);
        json.push(b'}');
    }
    Ok(json)
}

/// A block that writes a feature, and that feature's stored form.
pub(crate) fn feature_block<'a>(
    state: &State,
    seq: u64,
    bytes: &'a [u8],
) -> Result<(Block<'a>, &'a [u8])> {
    let (block, action) = block_at(state, seq, bytes)?;
    if action.op != OpKind::PutFeature {
        return Err(damaged(state, seq, "another block lies at its place"));
    }
    Ok((block, action.body))
}
