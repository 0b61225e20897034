//! Blocks by their sequence and by their hash.

use crate::block::Block;
use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::{Entity, Error, Result};
use crate::merkle::leaf_hash;
use crate::read::journal::{Parts, write_entry};
use crate::state::blocks::{damaged, location, read_block};
use crate::types::Hash;

/// One block, as it is stored and as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlock {
    /// Its sequence.
    pub seq: u64,
    /// Its RFC 6962 leaf hash.
    pub hash: Hash,
    /// Its bytes, deterministic CBOR: what the hash is over.
    pub cbor: Vec<u8>,
    /// The same as an entry of the journal.
    pub json: Vec<u8>,
}

impl Database {
    /// The sequence up to which readers see.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn seq(&self) -> Result<u64> {
        self.state.check_open()?;
        Ok(self.state.published())
    }

    /// How long the block `seq` is, in bytes. No file work.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a sequence the journal has not reached,
    /// [`Error::Closed`].
    pub fn block_bytes(&self, seq: u64) -> Result<u32> {
        self.check_block(seq)?;
        Ok(location(&self.state, seq)?.len)
    }

    /// The block `seq`, once it is durable.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a sequence the journal has not durably reached,
    /// [`Error::Closed`], [`Error::Corrupt`], [`Error::Io`].
    pub fn block(&self, seq: u64) -> Result<StoredBlock> {
        let state = &self.state;
        self.check_block_within(seq, state.durable())?;
        let cbor = read_block(state, seq)?;
        let block = Block::decode(&cbor).map_err(|e| damaged(state, seq, e))?;
        let mut json = Vec::new();
        write_entry(&block, &cbor, Parts::All, &mut json).map_err(|e| damaged(state, seq, e))?;
        Ok(StoredBlock {
            seq,
            hash: leaf_hash(&cbor),
            cbor,
            json,
        })
    }

    /// The sequence of the durable block with this leaf hash, if there is one. Reads a few
    /// kilobytes of the footer of its segment; of each segment as long as it is not in memory
    /// what the hashes in it begin with, which it reads for a million blocks in a call.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Corrupt`], [`Error::Io`].
    pub fn find_block(&self, hash: &Hash, budget: &Budget) -> Result<Option<u64>> {
        let state = &self.state;
        state.check_open()?;
        let found = state.segments.find_hash(hash, budget)?;
        // One that was just written may still be taken back.
        let Some(seq) = found.filter(|seq| *seq <= state.durable()) else {
            state.check_open()?;
            return Ok(None);
        };
        if state.leaf(seq)? != *hash {
            return Err(damaged(
                state,
                seq,
                "the segment's footer gives it another leaf hash than the Merkle tree has",
            ));
        }
        Ok(Some(seq))
    }

    /// Refuse a sequence that has no visible block.
    pub(crate) fn check_block(&self, seq: u64) -> Result<()> {
        self.check_block_within(seq, self.state.published())
    }

    fn check_block_within(&self, seq: u64, last: u64) -> Result<()> {
        self.state.check_open()?;
        if seq == 0 || seq > last {
            return Err(Error::NotFound {
                entity: Entity::Block,
                id: seq.to_string(),
            });
        }
        Ok(())
    }
}
