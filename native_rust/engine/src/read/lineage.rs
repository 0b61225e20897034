//! Where a record comes from, followed through `derived_from`.

use std::collections::{BTreeSet, HashSet};

use crate::block::Versioned;
use crate::budget::Budget;
use crate::db::database::Database;
use crate::error::Result;
use crate::read::features::no_feature;
use crate::read::journal::{Entries, Parts};
use crate::read::page::check_limit;
use crate::read::selection::BlockFilter;
use crate::read::versions::versions;
use crate::state::blocks::{block_at, damaged, read_block};
use crate::types::{Origin, derived_from, to_hex};

/// The blocks that versions of a feature were derived from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lineage {
    /// A JSON array of blocks without their bodies, by sequence.
    pub json: Vec<u8>,
    /// Hashes that name no block of this database, in hexadecimal.
    pub elsewhere: Vec<String>,
    /// Whether there are more than the limit let through.
    pub truncated: bool,
}

impl Database {
    /// The blocks that the versions of feature `id`, or those up to a sequence, were derived from, those that
    /// these were derived from, and so on, up to `limit` of them and up to
    /// [`crate::Limits::page_bytes`]. Reads the journal; linear in what it gives.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown feature, [`Error::Invalid`] for a bad
    /// limit, those of the [`Budget`], [`Error::Closed`], [`Error::Corrupt`],
    /// [`Error::Io`].
    pub fn lineage(
        &self,
        id: &str,
        as_of: Option<u64>,
        limit: usize,
        budget: &Budget,
    ) -> Result<Lineage> {
        let state = &self.state;
        state.check_open()?;
        check_limit(limit, state.limits.page_items)?;
        let at = state.at(as_of)?;
        let versions = versions(state, Versioned::Feature(id), 0..at, usize::MAX, budget)?;
        if versions.is_empty() {
            return Err(no_feature(id));
        }
        let mut found = BTreeSet::new();
        let mut elsewhere = BTreeSet::new();
        let mut looked_at: HashSet<u64> = HashSet::new();
        let mut next = versions;
        let mut truncated = false;
        while let Some(seq) = next.pop() {
            budget.step()?;
            if !looked_at.insert(seq) {
                continue;
            }
            for origin in self.origins(seq)? {
                budget.step()?;
                let origin_seq = match origin {
                    Origin::Seq(seq) => Some(seq),
                    Origin::Hash(hash) => self.find_block(&hash, budget)?,
                };
                match (origin_seq, origin) {
                    (Some(seq), _) if found.len() < limit || found.contains(&seq) => {
                        found.insert(seq);
                        next.push(seq);
                    }
                    (None, Origin::Hash(hash)) if elsewhere.len() < limit => {
                        elsewhere.insert(to_hex(&hash));
                    }
                    _ => truncated = true,
                }
            }
        }
        let mut entries = Entries::new(state, at, budget);
        let every = BlockFilter::default();
        for seq in found {
            if !entries.add(seq, Parts::Head, &every)? {
                truncated = true;
                break;
            }
        }
        Ok(Lineage {
            json: entries.finish(None).json,
            elsewhere: elsewhere.into_iter().collect(),
            truncated,
        })
    }

    fn origins(&self, seq: u64) -> Result<Vec<Origin>> {
        let state = &self.state;
        let bytes = read_block(state, seq)?;
        let (block, _) = block_at(state, seq, &bytes)?;
        match block.provenance {
            None => Ok(Vec::new()),
            Some(provenance) => derived_from(provenance).map_err(|e| damaged(state, seq, e)),
        }
    }
}
