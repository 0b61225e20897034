//! Headers of fixed length: fields one after the other, zeros, and a checksum in the last
//! four bytes.
//!
//! That is a CRC-32C seeded with the database's random id, so a header copied from
//! another database, or forged inside a client's data, does not pass for one of this
//! database. Integers are little-endian.

use crate::planted::{Bug, planted};

/// The random id a database gets when it is created.
pub(crate) type DatabaseId = [u8; 16];

/// Put the CRC of everything before the last four bytes into them.
pub(crate) fn put_checksum<const N: usize>(bytes: &mut [u8; N], database: &DatabaseId) {
    if let Some((head, crc)) = bytes.split_last_chunk_mut::<4>() {
        *crc = seeded_crc(head, database).to_le_bytes();
    }
}

/// Whether its last four bytes are that CRC.
pub(crate) fn has_checksum<const N: usize>(bytes: &[u8; N], database: &DatabaseId) -> bool {
    bytes
        .split_last_chunk::<4>()
        .is_some_and(|(head, crc)| seeded_crc(head, database) == u32::from_le_bytes(*crc))
        || planted(Bug::IgnoreHeaderChecksum)
}

fn seeded_crc(bytes: &[u8], database: &DatabaseId) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(database), bytes)
}

/// Fills a header of fixed length from the front.
pub(crate) struct FieldWriter<'a> {
    rest: &'a mut [u8],
}

impl<'a> FieldWriter<'a> {
    pub(crate) fn new(out: &'a mut [u8]) -> Self {
        Self { rest: out }
    }

    /// There must be room for it.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        let rest = std::mem::take(&mut self.rest);
        let (here, rest) = rest.split_at_mut(bytes.len());
        here.copy_from_slice(bytes);
        self.rest = rest;
    }
}

/// Takes a header of fixed length apart from the front.
pub(crate) struct FieldReader<'a> {
    rest: &'a [u8],
}

impl<'a> FieldReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Zeros past the end: the callers' headers are of fixed size and longer
    /// than the sum of their fields.
    pub(crate) fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.rest.split_first_chunk::<N>() {
            Some((here, rest)) => {
                self.rest = rest;
                *here
            }
            None => [0; N],
        }
    }
}
