//! What makes the cursors of a database its own.

use std::hash::{Hash as HashOf, Hasher};

use sha2::{Digest, Sha256};

use crate::types::Hash;

/// The key of a database's cursors. Nobody is told; a database that goes on differently
/// has another.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CursorKey(Hash);

impl CursorKey {
    /// From the ids of a database and of its log.
    pub(crate) fn new(database: &[u8; 16], log: &[u8; 16]) -> Self {
        let mut sha = Sha256::new();
        sha.update(b"FormDB cursors");
        sha.update(database);
        sha.update(log);
        Self(sha.finalize().into())
    }

    /// A digest of a question that only whoever has the key can make.
    pub(crate) fn digest(&self, question: &impl HashOf) -> Hash {
        let mut hasher = Bytes(Sha256::new());
        hasher.0.update(self.0);
        question.hash(&mut hasher);
        hasher.0.finalize().into()
    }
}

/// Takes the bytes that are hashed: different questions differ, since whatever implements
/// [`HashOf`] tells its parts apart.
struct Bytes(Sha256);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Of no use.
    fn finish(&self) -> u64 {
        0
    }
}
