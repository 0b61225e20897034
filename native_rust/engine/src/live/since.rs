//! Where a subscription begins.

use crate::db::database::Database;
use crate::error::{Error, InvalidCode, Result};
use crate::merkle::ConsistencyProof;
use crate::read::proofs::TreeHead;
use crate::state::State;
use crate::state::blocks::read_block;
use crate::types::{Hash, to_hex};

/// From where on one subscribes, and what one knows of the journal up to there.
#[derive(Debug, Clone, Default)]
pub struct Since {
    /// After this block. Without it after the blocks of `head`, else after what is durable.
    pub seq: Option<u64>,
    /// The hash that the block is known by.
    pub hash: Option<Hash>,
    /// The id of the log that the block is of, as of [`crate::Info::log`].
    pub log: Option<String>,
    /// A head that the log had.
    pub head: Option<TreeHead>,
}

/// Where one begins.
pub(super) struct Beginning {
    pub seq: u64,
    /// From what one knew to what is durable now.
    pub consistency: Option<ConsistencyProof>,
}

impl Since {
    /// The block after which one begins, where so many are durable, once all that one knows
    /// has turned out to be so; `proof`: also without a head there is to be a proof of
    /// consistency, from the blocks up to that one. Reads up to two blocks, and a few dozen
    /// leaves for a proof.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what the journal has not reached, [`Error::LogDiverged`] where it
    /// is another, those of reading it.
    pub(super) fn begin(
        &self,
        database: &Database,
        durable: u64,
        proof: bool,
    ) -> Result<Beginning> {
        let state = &database.state;
        self.check_log(&database.log())?;
        let consistency = match self.head {
            Some(head) => grown(database, head, durable)?,
            None => None,
        };
        let size = self.head.map(|head| head.tree_size);
        let seq = self.seq.or(size).unwrap_or(durable);
        self.check_block(state, seq)?;
        // Who cannot be fed is told so at once.
        if seq < durable {
            read_block(state, seq + 1)?;
        }
        let known = self.seq.filter(|seq| (1..=durable).contains(seq));
        let consistency = match known.filter(|_| proof && size.is_none()) {
            Some(seq) => Some(database.consistency_proof(seq, Some(durable))?),
            None => consistency,
        };
        Ok(Beginning { seq, consistency })
    }

    fn check_log(&self, log: &str) -> Result<()> {
        if self.log.as_ref().is_none_or(|known| known == log) {
            return Ok(());
        }
        diverged(format!(
            "the database has the log {log}, which is not the one that since names: it was salvaged, restored or made anew"
        ))
    }

    fn check_block(&self, state: &State, seq: u64) -> Result<()> {
        let published = state.published();
        if seq > published {
            return Err(not_reached(&format!("since is {seq}"), published));
        }
        let Some(hash) = self.hash else {
            return Ok(());
        };
        if seq == 0 {
            let detail = "before the first block there is none, and since names a hash of it";
            return diverged(detail.to_owned());
        }
        let stored = state.leaf(seq)?;
        if stored == hash {
            return Ok(());
        }
        let stored = to_hex(&stored);
        diverged(format!(
            "block {seq} has the hash {stored}, and since names another"
        ))
    }
}

/// The proof that the log had this head; none where that is of no blocks.
fn grown(database: &Database, head: TreeHead, durable: u64) -> Result<Option<ConsistencyProof>> {
    let size = head.tree_size;
    if size > durable {
        let found = format!("the head of since is of {size} blocks");
        return Err(not_reached(&found, durable));
    }
    let proof = match size {
        0 => None,
        size => Some(database.consistency_proof(size, Some(durable))?),
    };
    let root = match &proof {
        Some(proof) => proof.first_root,
        None => database.tree_head(Some(0))?.root,
    };
    if root == head.root {
        return Ok(proof);
    }
    let root = to_hex(&root);
    diverged(format!(
        "the tree over the first {size} blocks has the root {root}, and since names another"
    ))
}

fn not_reached(found: &str, last: u64) -> Error {
    let detail =
        format!("{found}; the journal has reached block {last}: give a sequence up to that");
    Error::invalid(InvalidCode::Parameter, "/since", detail)
}

fn diverged<T>(detail: String) -> Result<T> {
    Err(Error::LogDiverged { detail })
}
