//! Events that were written lately, for others who get the same.

use std::sync::Arc;

use parking_lot::Mutex;

use super::content::Content;
use super::finding::FindingKey;
use crate::error::{Error, Result};
use crate::mem::lru::Lru;

/// Events that are kept, of all databases together, and bytes of them.
const MOST: usize = 4_096;
const BYTES: usize = 8 << 20;

/// The database, the block, what is told of it, and the size of the tree that a proof is for.
pub(super) type Key = (usize, u64, FindingKey, Option<u64>);

pub(super) struct Kept(Mutex<Lru<Key, Arc<Content>>>);

impl Default for Kept {
    fn default() -> Self {
        Self(Mutex::new(Lru::new(MOST, BYTES)))
    }
}

impl Kept {
    /// An event that somebody else got lately, or `write` makes.
    ///
    /// # Errors
    /// Those of `write`.
    pub(super) fn get(
        &self,
        key: Key,
        write: impl Fn() -> Result<Content>,
    ) -> Result<Arc<Content>> {
        if let Some(content) = self.0.lock().get(&key) {
            return Ok(Arc::clone(content));
        }
        let content = match write() {
            Err(Error::MemoryFull { .. }) => {
                self.clear();
                write()?
            }
            written => written?,
        };
        let content = Arc::new(content);
        let bytes = content.text().json().len();
        let gone = self.0.lock().put(key, Arc::clone(&content), bytes);
        drop(gone);
        Ok(content)
    }

    /// Forget all.
    pub(super) fn clear(&self) {
        let kept = self.0.lock().take();
        drop(kept);
    }
}
