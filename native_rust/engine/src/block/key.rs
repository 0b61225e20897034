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
        RequestDigest::of(request).key(text)
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

/// The digest of a request whose parts come one after the other, and are told apart.
#[derive(Debug, Clone)]
pub(crate) struct RequestDigest(Sha256);

impl RequestDigest {
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        let mut digest = Self(Sha256::new());
        parts.iter().for_each(|part| digest.update(part));
        digest
    }

    pub(crate) fn update(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    /// A key with the digest of what has come.
    pub(crate) fn key(&self, text: &str) -> IdempotencyKey {
        let digest: Hash = self.0.clone().finalize().into();
        IdempotencyKey {
            text: text.into(),
            request: *digest.first_chunk().unwrap_or(&[0; 16]),
        }
    }
}
