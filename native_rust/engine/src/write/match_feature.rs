//! The condition in an entity tag.

use crate::block::{Condition, Expected};
use crate::commit::conditions::precondition;
use crate::db::database::Database;
use crate::error::Result;
use crate::index::Newest;
use crate::merkle::leaf_hash;
use crate::state::blocks::read_block;
use crate::types::{Hash, to_hex};

impl Database {
    /// The condition that feature `id` is at a version with one of these hashes, or
    /// exists where `hashes` is nothing. May read the journal.
    ///
    /// # Errors
    /// [`Error::Precondition`] when it is not so now.
    pub fn match_feature(&self, id: &str, hashes: Option<&[Hash]>) -> Result<Condition> {
        let state = &self.state;
        state.check_open()?;
        let newest = {
            let features = state.indexes.features.read();
            // After the published sequence it may change; committing looks again.
            features.newest(id)
        };
        let absent = |found: &str| precondition(id, "a version of it", found);
        let Newest { seq, .. } = newest
            .filter(|newest| !newest.deleted)
            .ok_or_else(|| absent("there is none"))?;
        let Some(hashes) = hashes else {
            return Ok(Condition::Feature {
                id: id.to_owned(),
                expected: Expected::Exists,
            });
        };
        let hash = leaf_hash(&read_block(state, seq)?);
        if !hashes.contains(&hash) {
            let found = format!("it is at the version with hash {}", to_hex(&hash));
            return Err(precondition(id, "a version with the hash given", &found));
        }
        Ok(Condition::Feature {
            id: id.to_owned(),
            expected: Expected::Version(seq),
        })
    }
}
