//! The condition in an entity tag.

use crate::block::{Condition, Expected, Versioned};
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
        let expected = self.match_version(Versioned::Feature(id), hashes)?;
        let id = id.to_owned();
        Ok(Condition::Feature { id, expected })
    }

    /// The same of the attributes of a series.
    ///
    /// # Errors
    /// As [`Database::match_feature`].
    pub fn match_attributes(&self, series: &str, hashes: Option<&[Hash]>) -> Result<Condition> {
        let expected = self.match_version(Versioned::Attributes(series), hashes)?;
        let id = series.to_owned();
        Ok(Condition::Attributes { id, expected })
    }

    /// The same of a webhook.
    ///
    /// # Errors
    /// As [`Database::match_feature`].
    pub fn match_webhook(&self, id: &str, hashes: Option<&[Hash]>) -> Result<Condition> {
        let expected = self.match_version(Versioned::Webhook(id), hashes)?;
        let id = id.to_owned();
        Ok(Condition::Webhook { id, expected })
    }

    fn match_version(&self, of: Versioned<'_>, hashes: Option<&[Hash]>) -> Result<Expected> {
        let state = &self.state;
        state.check_open()?;
        // After the published sequence it may change; committing looks again.
        let newest = match of {
            Versioned::Feature(id) => state.indexes.features.read().newest(id),
            Versioned::Attributes(id) => state.indexes.attributes.read().newest(id),
            Versioned::Webhook(id) => state.indexes.webhooks.read().newest(id),
        };
        let absent = |found: &str| precondition(of, "a version of it", found);
        let Newest { seq, .. } = newest
            .filter(|newest| !newest.deleted)
            .ok_or_else(|| absent("there is none"))?;
        let Some(hashes) = hashes else {
            return Ok(Expected::Exists);
        };
        let hash = leaf_hash(&read_block(state, seq)?);
        if !hashes.contains(&hash) {
            let found = format!("it is at the version with hash {}", to_hex(&hash));
            return Err(precondition(of, "a version with the hash given", &found));
        }
        Ok(Expected::Version(seq))
    }
}
