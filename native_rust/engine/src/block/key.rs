//! Idempotency keys: by them a transaction that is sent again is known.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::error::{Error, InvalidCode, Result};
use crate::types::Hash;

/// Longest key, in bytes.
const MAX_LEN: usize = 255;

/// A client's key and what it was sent with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The client's text: 1 to 255 visible ASCII characters and spaces.
    pub text: Arc<str>,
    /// The first half of the request's SHA-256: the same key with another request
    /// is refused.
    pub request: [u8; 16],
}

impl IdempotencyKey {
    /// A key with the digest of `request`, whose parts are told apart.
    #[must_use]
    pub fn new(text: &str, request: &[&[u8]]) -> Self {
        let mut sha = Sha256::new();
        for part in request {
            sha.update((part.len() as u64).to_le_bytes());
            sha.update(part);
        }
        let digest: Hash = sha.finalize().into();
        Self {
            text: text.into(),
            request: *digest.first_chunk().unwrap_or(&[0; 16]),
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        let visible = self.text.bytes().all(|b| (0x20..0x7f).contains(&b));
        if visible && (1..=MAX_LEN).contains(&self.text.len()) {
            return Ok(());
        }
        let detail = format!(
            "the idempotency key has {} bytes; give 1 to {MAX_LEN} visible ASCII characters",
            self.text.len()
        );
        Err(Error::invalid(InvalidCode::Parameter, "", detail))
    }
}
